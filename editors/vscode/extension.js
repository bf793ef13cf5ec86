"use strict";
// The client of `rsppc lsp`: starts the server, tells it of documents, and starts it anew when its settings change.

const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

const NEEDS_RESTART = ["rsppc.path", "rsppc.arguments", "rsppc.documents", "rsppc.inlayHints"];

let client;
let output;
// One start after the other: settings may change while a server is being stopped.
let turn = Promise.resolve();

function settings() {
  return vscode.workspace.getConfiguration("rsppc");
}

function program() {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  return settings().get("path").replaceAll("${workspaceFolder}", folder);
}

function createClient() {
  const given = settings();
  const server = { command: program(), args: given.get("arguments"), transport: TransportKind.stdio };
  return new LanguageClient("rsppc", "RSPP", server, {
    documentSelector: given.get("documents").map((language) => ({ scheme: "file", language })),
    initializationOptions: { inlayHints: given.get("inlayHints") },
    outputChannel: output,
  });
}

async function stop() {
  const running = client;
  client = undefined;
  if (running) {
    // A server that did not start, or that has died, cannot be stopped; there is nothing left to do then.
    await running.dispose().catch(() => {});
  }
}

async function start() {
  await stop();
  client = createClient();
  try {
    await client.start();
  } catch (error) {
    output.appendLine(String(error));
    const open = "Open Settings";
    const said = `\`${program()}\` cannot be started. Install it with \`pip install "rsppc[lsp]"\`, or say where it is.`;
    const chosen = vscode.window.showErrorMessage(said, open);
    // Not awaited: a message that nobody answers must not keep the next start waiting.
    chosen.then((answer) => answer === open && vscode.commands.executeCommand("workbench.action.openSettings", "rsppc.path"));
  }
}

function next(step) {
  turn = turn.then(step, step);
  return turn;
}

function activate(context) {
  output = vscode.window.createOutputChannel("RSPP");
  context.subscriptions.push(
    output,
    vscode.commands.registerCommand("rsppc.restart", () => next(start)),
    vscode.commands.registerCommand("rsppc.showOutput", () => output.show()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (NEEDS_RESTART.some((name) => event.affectsConfiguration(name))) {
        next(start);
      }
    }),
  );
  return next(start);
}

function deactivate() {
  return next(stop);
}

module.exports = { activate, deactivate };
