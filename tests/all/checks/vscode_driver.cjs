// Runs the extension with an editor and a client that only write down what is asked of them, and prints that as JSON.
// Called with the folder of the extension.
const Module = require("node:module");
const path = require("node:path");

const told = { clients: [], errors: [], commands: [], opened: [] };
const declared = require(path.join(process.argv[2], "package.json")).contributes.configuration.properties;
const settings = Object.fromEntries(Object.entries(declared).map(([name, one]) => [name, one.default]));
const handlers = {};
let fails = false;

const vscode = {
  workspace: {
    workspaceFolders: [{ uri: { fsPath: "/home/me/voice" } }],
    getConfiguration: (section) => ({
      get(name) {
        const wanted = `${section}.${name}`;
        if (wanted in settings) return settings[wanted];
        const inside = Object.entries(settings).filter(([one]) => one.startsWith(`${wanted}.`));
        return Object.fromEntries(inside.map(([one, value]) => [one.slice(wanted.length + 1), value]));
      },
    }),
    onDidChangeConfiguration: (handler) => { handlers.change = handler; return { dispose() {} }; },
  },
  window: {
    createOutputChannel: () => ({ appendLine() {}, show() {}, dispose() {} }),
    showErrorMessage: async (text, ...choices) => { told.errors.push(text); return choices[0]; },
  },
  commands: {
    registerCommand: (name, handler) => { handlers[name] = handler; told.commands.push(name); return { dispose() {} }; },
    executeCommand: async (...words) => { told.opened.push(words); },
  },
};
class LanguageClient {
  constructor(id, name, server, client) {
    this.said = { server, selector: client.documentSelector, options: client.initializationOptions, did: [] };
    told.clients.push(this.said);
  }
  async start() { this.said.did.push("start"); if (fails) throw new Error("spawn rsppc ENOENT"); }
  async dispose() { this.said.did.push("dispose"); if (fails) throw new Error("not running"); }
}
const load = Module._load;
Module._load = function (request, ...rest) {
  if (request === "vscode") return vscode;
  if (request === "vscode-languageclient/node") return { LanguageClient, TransportKind: { stdio: 0 } };
  return load.call(this, request, ...rest);
};

async function main() {
  const extension = require(path.join(process.argv[2], "extension.js"));
  const context = { subscriptions: [] };
  await extension.activate(context);
  settings["rsppc.path"] = "${workspaceFolder}/.venv/bin/rsppc";
  settings["rsppc.documents"] = ["rspp"];
  settings["rsppc.inlayHints.defaults"] = true;
  await handlers.change({ affectsConfiguration: (name) => name === "rsppc.path" });
  await handlers.change({ affectsConfiguration: (name) => name === "editor" });
  await handlers["rsppc.restart"]();
  fails = true;
  await handlers["rsppc.restart"]();
  await extension.deactivate();
  await new Promise((resolve) => setImmediate(resolve));
  process.stdout.write(JSON.stringify({ ...told, subscriptions: context.subscriptions.length }));
}
main();
