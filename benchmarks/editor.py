"""`editor.py FOLDER` prints figures of the language server as JSON: milliseconds from an edit to its diagnostics, in a
workspace of 1,000 specs and in one of 10, and of hover and completion; beside them those of a bare server, which
publishes an empty list for the document that it was sent.

Both are driven through their standard streams by the same few lines, in turn, an edit at a time. `python
benchmarks/editor.py --table` makes the workspaces in a temporary folder and prints a table with the bounds.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from corpus import spec, write

_BARE = """
from lsprotocol import types
from pygls.lsp.server import LanguageServer
server = LanguageServer("bare", "v1")
@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
def changed(params):
    document = server.workspace.get_text_document(params.text_document.uri)
    server.text_document_publish_diagnostics(
        types.PublishDiagnosticsParams(uri=document.uri, version=document.version, diagnostics=[])
    )
    return document.source
server.start_io()
"""
EDITS = 60
LARGE, SMALL = 1000, 10


class Editor:
    """A bare client: messages out, answers in."""

    def __init__(self, command: list[str], folder: Path) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._folder = folder
        self._id = 0
        self.ask("initialize", {"processId": None, "rootUri": folder.as_uri(), "capabilities": {}})
        self.tell("initialized", {})

    def tell(self, method: str, params: Any, **more: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def ask(self, method: str, params: Any) -> Any:
        self._id += 1
        self.tell(method, params, id=self._id)
        while True:
            message = self.next()
            if message.get("id") == self._id and "method" not in message:
                return message.get("result")

    def next(self) -> Any:
        assert self._process.stdout is not None
        size = 0
        while (line := self._process.stdout.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                size = int(line.split(b":")[1])
        return json.loads(self._process.stdout.read(size))

    def open(self, path: Path, text: str) -> str:
        document = {"uri": path.as_uri(), "languageId": "yaml", "version": 1, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return path.as_uri()

    def edit(self, uri: str, version: int, text: str) -> None:
        """Change a document and wait for what is said of it."""
        document = {"uri": uri, "version": version}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})
        while True:
            message = self.next()
            said = message.get("params") or {}
            if message.get("method") == "textDocument/publishDiagnostics" and said.get("version") == version:
                return

    def processor_seconds(self) -> float:
        """How long the server has been at work."""
        words = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self.ask("shutdown", None)
        self.tell("exit", None)
        self._process.wait(10)


class Measured:
    """A server with one spec open, and the times that its answers took."""

    def __init__(self, editor: Editor, path: Path) -> None:
        self.editor = editor
        self.text = path.read_text("utf-8")
        self.uri = editor.open(path, self.text)
        self.version = 1
        self.edits: list[float] = []
        self.asked: dict[str, list[float]] = {}

    def edit(self) -> None:
        self.version += 1
        text = self.text.replace("budget_ms: 800", f"budget_ms: {800 + self.version % 90}", 1)
        started = time.perf_counter()
        self.editor.edit(self.uri, self.version, text)
        self.edits.append(time.perf_counter() - started)

    def ask(self, method: str, line: int, character: int) -> None:
        params = {"textDocument": {"uri": self.uri}, "position": {"line": line, "character": character}}
        started = time.perf_counter()
        assert self.editor.ask(method, params), method
        self.asked.setdefault(method, []).append(time.perf_counter() - started)


def figures(folder: Path) -> dict[str, float]:
    """Milliseconds, medians of edits in turn."""
    ours = [sys.executable, "-m", "rsppc", "lsp"]
    servers = {}
    for name, count in (("large", LARGE), ("small", SMALL)):
        where = folder / name
        path = write(where, count, 20)[count // 2]
        servers[name] = Measured(Editor(ours, where), path)
        servers[name].editor.ask("workspace/symbol", {"query": spec.__name__})
    servers["bare"] = Measured(Editor([sys.executable, "-c", _BARE], folder / "small"), path)
    for one in servers.values():  # until the whole workspace has been examined
        for _ in range(10):
            one.edit()
    _settled(servers["large"])
    line = next(number for number, text in enumerate(servers["large"].text.split("\n")) if "node_type" in text)
    for one in servers.values():
        one.edits.clear()
    for _ in range(EDITS):
        for one in servers.values():
            one.edit()
        servers["large"].ask("textDocument/hover", line, 16)
        servers["large"].ask("textDocument/completion", line, 16)
    for one in servers.values():
        one.editor.close()
    large, small, bare = (servers[name].edits for name in ("large", "small", "bare"))
    return {
        "edit_ms": _ms(large),
        "edit_p95_ms": 1000 * statistics.quantiles(large, n=20)[-1],
        "edit_small_ms": _ms(small),
        "bare_ms": _ms(bare),
        "hover_ms": _ms(servers["large"].asked["textDocument/hover"]),
        "completion_ms": _ms(servers["large"].asked["textDocument/completion"]),
    }


def _settled(server: Measured) -> None:
    """Wait until the server rests: nothing is left to be examined behind the edits."""
    before = -1.0
    while (now := server.editor.processor_seconds()) > before + 0.05:
        before = now
        time.sleep(1)


def _ms(times: list[float]) -> float:
    return 1000 * statistics.median(times)


def rows(found: dict[str, float]) -> list[tuple[str, str, float, float]]:
    """What is measured, its figures, their ratio, and its bound."""

    def row(name: str, ours: str, floor: str, bound: float) -> tuple[str, str, float, float]:
        return (name, f"{found[ours]:.1f} / {found[floor]:.1f} ms", found[ours] / found[floor], bound)

    return [
        row("edit to diagnostics, 1,000 specs / a bare server", "edit_ms", "bare_ms", 8.0),
        row("edit to diagnostics, p95 / median", "edit_p95_ms", "edit_ms", 3.0),
        row("edit to diagnostics, 1,000 specs / 10 specs", "edit_ms", "edit_small_ms", 1.5),
        row("hover / a bare server's edit", "hover_ms", "bare_ms", 4.0),
        row("completion / a bare server's edit", "completion_ms", "bare_ms", 4.0),
    ]


def main() -> int:
    if sys.argv[1:] != ["--table"]:
        print(json.dumps(figures(Path(sys.argv[1]))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = rows(figures(Path(folder)))
    for name, measured, ratio, bound in found:
        print(f"{name:58} {measured:>28} {ratio:7.2f} {bound:6.1f} {'' if ratio <= bound else '  ABOVE'}")
    return int(any(ratio > bound for _, _, ratio, bound in found))


if __name__ == "__main__":
    sys.exit(main())
