"""The process that serves a store: its socket, its signals, and an end that lets requests end."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address

import uvicorn

from rsppc.serving.app import App
from rsppc.serving.protocol import protocol_for
from rsppc.serving.service import Service
from rsppc.store.places import spoken
from rsppc.store.problems import StoreProblem

try:
    import resource
except ImportError:  # a system without such limits
    resource = None  # type: ignore[assignment]

_BACKLOG = 2048
_OWN_HANDLES = 256
"""Of the files that a process may have open: for the store, and for content that is being sent."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that callers can reach from now on; port 0 is any that is free."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except (OSError, UnicodeError, OverflowError) as error:
        reason = (error.strerror or spoken(error)) if isinstance(error, OSError) else "that is no address"
        raise StoreProblem(
            "environment", f"`{host}` port {port} cannot be listened at: {reason}", "is it in use? choose `--port`"
        ) from None
    return bound


def check_certificate(certificate: str, key: str) -> None:
    """Refuse a certificate that nobody could be served with."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        reason = (
            getattr(error, "reason", None) or getattr(error, "strerror", None) or "they are not what they should be"
        )
        raise StoreProblem("malformed", f"`{certificate}` and `{key}` cannot be used: {reason}") from None


def is_loopback(bound: socket.socket) -> bool:
    """Whether only this machine itself can reach a socket."""
    return ip_address(bound.getsockname()[0]).is_loopback


def address_of(bound: socket.socket, *, encrypted: bool) -> str:
    """Where a socket is reached."""
    host, port = bound.getsockname()[:2]
    return f"{'https' if encrypted else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def serve(service: Service, bound: socket.socket, *, certificate: str | None = None, key: str | None = None) -> None:
    """Serve until a signal says that it is enough; requests that have begun are answered."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)  # whatever goes wrong is told by the service
    limits = service.limits
    config = uvicorn.Config(
        App(service),
        http=protocol_for(limits, min(limits.connections_max, _handles_max() - _OWN_HANDLES)),
        ws="none",
        lifespan="off",
        interface="asgi3",
        loop="asyncio",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=int(limits.idle_s),
        timeout_graceful_shutdown=limits.stop_s,
        h11_max_incomplete_event_size=limits.head_size_max,
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    try:
        _Server(config, service.stop).run(sockets=[bound])
    finally:
        service.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._stop = stop

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """An end that somebody asked for is no failure, so that signals are not raised anew afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                connection.look(now)  # type: ignore[union-attr]
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stop()
        await super().shutdown(sockets)


def _handles_max() -> int:
    """How many files this process may have open, as far as it may say itself."""
    if resource is None:
        return 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = hard if hard != resource.RLIM_INFINITY else 2**20
    if soft != most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
