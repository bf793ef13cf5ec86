"""An HTTP service in this process: what doubles of services have in common, whatever they speak."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol, TypeVar

HANGING_S = 30


class Service(Protocol):
    """What there is and how it behaves; whoever hangs waits for `ended`, at most `HANGING_S`."""

    @property
    def ended(self) -> threading.Event: ...


_Service = TypeVar("_Service", bound=Service)


class Handler(BaseHTTPRequestHandler):
    """One request to `service`. Whoever goes away in the middle is no failure."""

    service: Any
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        return

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.close_connection = True

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; names of headers have `_` for `-`."""
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever goes away is no failure also before a request begins or after it ends, as by TLS; nothing is printed
        into the errors of a command that is tried in this process."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def listening(
    handler: type[Handler], made: Callable[[str], _Service], tls: ssl.SSLContext | None = None
) -> Iterator[_Service]:
    """Requests to a free port of this machine are answered. The service is made of `HOST:PORT`."""
    mine: type[Handler] = type("Mine", (handler,), {})
    server = _Server(("127.0.0.1", 0), mine)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    service = mine.service = made(f"127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield service
    finally:
        service.ended.set()
        server.shutdown()
        server.server_close()
