"""A store served by a process of its own, and requests that go through real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from workspaces import command, environment

_START_S = 30


class Process:
    """A running `rsppc store serve`."""

    def __init__(self, process: subprocess.Popen[bytes], said: dict[str, str], errors: Path) -> None:
        self.process = process
        self.store = Path(said["store"])
        self.address = said["address"]
        self.token = said.get("token", "")
        self.errors = errors
        self.host, port = self.address.removeprefix("http://").split(":")
        self.port = int(port)

    def ask(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] = {}, **more: Any
    ) -> tuple[int, bytes]:
        """Status and body of an answer; `said` is sent as JSON."""
        given = {"Authorization": f"Bearer {self.token}", **headers}
        if "said" in more:
            body = json.dumps(more["said"]).encode()
            given["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        with contextlib.closing(connection):
            connection.request(method, target, body, given)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def connected(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=30)

    def head(self, line: str, **headers: object) -> bytes:
        """The head of a request, as it goes through a socket."""
        lines = [f"{line} HTTP/1.1", f"Host: {self.host}", f"Authorization: Bearer {self.token}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def end(self, how: int = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(how)
        return self.process.wait(60)

    def said_wrong(self) -> str:
        return self.errors.read_text(errors="replace")


@contextlib.contextmanager
def serving(folder: Path, *options: str, token: str = "") -> Iterator[Process]:
    """Serve a store; an end that nobody asked for is a failure."""
    errors = folder / f"errors-{time.monotonic_ns()}"
    with open(errors, "wb") as log:
        process = subprocess.Popen(
            command("store", "serve", "--port", "0", *options),
            cwd=folder,
            env=environment(TMPDIR=str(folder), PYTHONUNBUFFERED="1"),
            stdout=subprocess.PIPE,
            stderr=log,
        )
    try:
        running = Process(process, _said(process, errors, dev="--dev" in options), errors)
        running.token = running.token or token
        yield running
        if process.poll() is None:
            assert running.end() == 0, running.said_wrong()
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _said(process: subprocess.Popen[bytes], errors: Path, *, dev: bool) -> dict[str, str]:
    """What a server says of itself when it begins."""
    assert process.stdout is not None
    wanted = ("store", "address", "token") if dev else ("store", "address")
    said: dict[str, str] = {}
    hung = threading.Timer(_START_S, process.kill)
    hung.start()
    try:
        while set(said) != set(wanted):
            line = process.stdout.readline().decode()
            found = re.fullmatch(r"(\w+) +(.+)\n", line)
            assert found is not None, f"{line!r} {errors.read_text(errors='replace')}"
            said[found[1]] = found[2]
    finally:
        hung.cancel()
    return said
