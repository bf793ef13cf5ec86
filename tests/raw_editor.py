"""A bare editor: messages to `rsppc lsp` through its standard streams, as they are, and whatever comes back."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

SECONDS_MAX = 30


class RawEditor:
    """A server and the messages that it sends. What it says in its log is kept in `log`."""

    def __init__(self, folder: Path, capabilities: dict[str, Any] | None = None, **more: Any) -> None:
        command = [sys.executable, "-m", "rsppc", "lsp"]
        pipe = subprocess.PIPE
        self.server = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, **more)
        self.log: list[str] = []
        self._folder = folder
        self._asked = 0
        self._messages: queue.Queue[Any] = queue.Queue()
        for target in (self._listen, self._keep_log):
            threading.Thread(target=target, daemon=True).start()
        params = {"processId": os.getpid(), "rootUri": folder.as_uri(), "capabilities": capabilities or {}}
        self.initialized = self.ask("initialize", params)
        self.tell("initialized", {})

    def _listen(self) -> None:
        out = self.server.stdout
        assert out is not None
        while True:
            size = 0
            while (line := out.readline()) != b"\r\n":
                if not line:
                    self._messages.put(None)
                    return
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            self._messages.put(json.loads(out.read(size)))

    def _keep_log(self) -> None:
        assert self.server.stderr is not None
        for line in self.server.stderr:
            self.log.append(line.decode("utf-8", "replace"))

    def send(self, data: bytes) -> None:
        assert self.server.stdin is not None
        self.server.stdin.write(data)
        self.server.stdin.flush()

    def tell(self, method: str, params: Any, **more: Any) -> None:
        body = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.send(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def next(self, seconds_max: float = SECONDS_MAX) -> Any:
        """The next message of the server; EOFError where it has ended, queue.Empty where it says nothing."""
        message = self._messages.get(timeout=seconds_max)
        if message is None:
            raise EOFError
        return message

    def ask(self, method: str, params: Any, seconds_max: float = SECONDS_MAX) -> Any:
        """The answer to a request: its result, or its error."""
        self._asked += 1
        number = self._asked
        self.tell(method, params, id=number)
        until = time.monotonic() + seconds_max
        while True:
            message = self.next(max(0.01, until - time.monotonic()))
            if message.get("id") == number and "method" not in message:
                return message.get("error") or message.get("result")

    def said(self, uri: str, version: int | None, seconds_max: float = SECONDS_MAX) -> list[Any]:
        """The findings that the server publishes of a version of a document."""
        until = time.monotonic() + seconds_max
        while True:
            message = self.next(max(0.01, until - time.monotonic()))
            params = message.get("params") or {}
            is_of_it = (params.get("uri"), params.get("version")) == (uri, version)
            if message.get("method") == "textDocument/publishDiagnostics" and is_of_it:
                found: list[Any] = params["diagnostics"]
                return found

    def found(self, uri: str, version: int | None) -> list[Any]:
        """The findings of a version once there are any; on a busy machine the server may say twice that there are none
        before it has heard of what happened since."""
        while not (found := self.said(uri, version)):
            pass
        return found

    def said_in_the_end(self, uri: str) -> list[Any]:
        """The findings of a document once the server has nothing left to examine."""
        found: list[Any] = []
        before = -1.0
        while (now := self._processor_seconds()) > before or not self._messages.empty():
            before = now
            while not self._messages.empty():
                message = self.next()
                params = message.get("params") or {}
                if message.get("method") == "textDocument/publishDiagnostics" and params["uri"] == uri:
                    found = params["diagnostics"]
            time.sleep(0.5)
        return found

    def _processor_seconds(self) -> float:
        words = Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def open(self, path: str, text: str, version: int = 1, language: str = "yaml") -> str:
        uri = (self._folder / path).as_uri()
        document = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def change(self, uri: str, version: int, text: str) -> None:
        document = {"uri": uri, "version": version}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def ask_at(self, method: str, uri: str, line: int, character: int, seconds_max: float = SECONDS_MAX) -> Any:
        params = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        return self.ask(f"textDocument/{method}", params, seconds_max)

    def touched(self, *paths: Path) -> None:
        """Say that files have changed on the disk."""
        changes = [{"uri": path.as_uri(), "type": 2 if path.exists() else 3} for path in paths]
        self.tell("workspace/didChangeWatchedFiles", {"changes": changes})

    def memory_kilobytes(self) -> int:
        status = Path(f"/proc/{self.server.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def close(self) -> int:
        """Shut the server down as an editor does; gives its exit code."""
        self.ask("shutdown", None)
        self.tell("exit", None)
        return self.server.wait(SECONDS_MAX)
