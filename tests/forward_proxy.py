"""A forward proxy in this process, by tunnels (CONNECT) and by whole addresses, whatever host it is asked for."""

from __future__ import annotations

import base64
import http.client
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

_SECONDS_MAX = 30


class ForwardProxy:
    """Where it is, where it leads, and what it was asked."""

    def __init__(self, host: str, target: str) -> None:
        self.host = host
        self.target = target
        """Host and port of the one server behind it."""
        self.wants = ""
        """`NAME:PASSWORD`, or nothing at all."""
        self.asked: list[tuple[str, str]] = []
        """Methods and addresses."""


@contextmanager
def forward_proxy(target: str) -> Iterator[ForwardProxy]:
    """A proxy that leads to one server on this machine."""

    class Handler(_Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # whoever hangs up has their reasons
    proxy = Handler.proxy = ForwardProxy(f"127.0.0.1:{server.server_port}", target)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    proxy: ForwardProxy
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def _is_let_in(self) -> bool:
        self.proxy.asked.append((self.command, self.path))
        known = "Basic " + base64.b64encode(self.proxy.wants.encode()).decode()
        if not self.proxy.wants or self.headers.get("Proxy-Authorization") == known:
            return True
        self.send_response(407, "\x1b[31mgo away")
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.close_connection = True
        return False

    def do_CONNECT(self) -> None:
        if not self._is_let_in():
            return
        host, _, port = self.proxy.target.partition(":")
        with socket.create_connection((host, int(port)), timeout=_SECONDS_MAX) as there:
            self.send_response(200)
            self.end_headers()
            self._carry(there)
        self.close_connection = True

    def _carry(self, there: socket.socket) -> None:
        """Bytes both ways, until one side is done."""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.connection, selectors.EVENT_READ, there)
            waiting.register(there, selectors.EVENT_READ, self.connection)
            while ready := waiting.select(_SECONDS_MAX):
                for key, _ in ready:
                    assert isinstance(key.fileobj, socket.socket)
                    data = key.fileobj.recv(65536)
                    if not data:
                        return
                    key.data.sendall(data)

    def do_GET(self) -> None:
        if not self._is_let_in():
            return
        parts = urlsplit(self.path)
        connection = http.client.HTTPConnection(self.proxy.target, timeout=_SECONDS_MAX)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name: value for name, value in self.headers.items() if not name.startswith("Proxy-")}
        connection.request(self.command, f"{parts.path}?{parts.query}".rstrip("?"), body, headers)
        answer = connection.getresponse()
        data = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name not in ("Content-Length", "Date", "Server"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        connection.close()

    do_HEAD = do_POST = do_PUT = do_GET
