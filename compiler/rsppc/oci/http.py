"""HTTP as registries need it, by the standard library: one connection to each host, and nothing that follows by itself.

Whether to send a password along is decided by whoever asks; a redirect is an answer like any other here. What speaks
TLS goes through a proxy by a tunnel, so that the proxy sees no more than the host; the rest it is asked to fetch.
"""

from __future__ import annotations

import re
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR, socket
from threading import Event, Timer
from urllib.parse import SplitResult, urlsplit

from rsppc.base.record import Record
from rsppc.oci.proxies import Proxy
from rsppc.store.hashing import CHUNK
from rsppc.store.problems import StoreProblem

_PROXY_WANTS_A_NAME = 407
LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT_S = 30.0
"""For each step: to connect, and for the next bytes to come or go."""
_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3})")
_SLOWEST = 16 * 1024
"""Bytes a second; who is slower than that is not waited for."""


_SETTLING = 8 * 2**20
"""Bytes a second that a registry puts away at least."""


class Body(Record):
    """What is sent: so many bytes, made anew for each try."""

    size: int
    pieces: Callable[[], Iterable[bytes]]


def body_of(data: bytes) -> Body:
    """Bytes that are at hand."""
    return Body(size=len(data), pieces=lambda: [data])


EMPTY = body_of(b"")


class Answer:
    """What came back. It has to be read to its end, or else is closed."""

    def __init__(self, url: str, response: HTTPResponse, drop: Callable[[], None]) -> None:
        self.url = url
        self.status = response.status
        self.headers: HTTPMessage = response.headers
        self._response = response
        self._drop = drop

    def pieces(self, size_max: int) -> Iterator[bytes]:
        """The body, up to one byte more than so many."""
        until = time.monotonic() + TIMEOUT_S + size_max / _SLOWEST
        rest = size_max + 1
        try:
            while rest > 0:
                piece = self._response.read1(min(CHUNK, rest))
                if not piece:
                    if self._response.length:  # read1 does not say so itself
                        raise cut(self.url)
                    return
                if time.monotonic() > until:
                    raise late(self.url)
                rest -= len(piece)
                yield piece
        except (OSError, HTTPException) as error:
            raise unreachable(self.url, error) from None
        finally:
            self.close()

    def read(self, size_max: int) -> bytes:
        """All of a small body."""
        data = b"".join(self.pieces(size_max))
        if len(data) > size_max:
            raise StoreProblem("refused", f"`{host_of(self.url)}` answers with more than {size_max} bytes")
        return data

    def close(self) -> None:
        """Be done with it. A connection on which something may still come is not used again."""
        if self._response.length == 0:
            self._response.read()  # nothing comes, but only now does it count as read
        if not self._response.isclosed():
            self._drop()


class Connections:
    """Connections to hosts, each kept as long as it is good."""

    def __init__(self, proxy_for: Callable[[str, str], Proxy | None]) -> None:
        self._proxy_for = proxy_for
        """By scheme and host, with its port where it was named; None where there is a way without one."""
        self._open: dict[tuple[str, str], HTTPConnection] = {}

    def close(self) -> None:
        for one in self._open.values():
            one.close()
        self._open.clear()

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> Answer:
        """One request, and the head of its answer. One on a connection that the other side had closed is made again."""
        parts = parts_of(url)
        if parts is None:
            raise StoreProblem("refused", f"a registry sends to {url[:100]!a}, which is no address")
        origin = origin_of(url)
        proxy = None if parts.hostname in LOOPBACK else self._proxy_for(parts.scheme, parts.netloc.rpartition("@")[2])
        while True:
            kept = self._open.get(origin)
            connection = kept or _connected(parts, proxy)
            self._open[origin] = connection
            try:
                self._send(connection, method, _target(parts, proxy), _told(parts, proxy, headers), body)
                response = _response(connection, body.size if body is not None else 0)
                answer = Answer(url, response, lambda: self._drop(origin))
            except (OSError, HTTPException) as error:
                self._drop(origin)
                if kept is None:
                    raise (unreachable(url, error) if proxy is None else _no_way(url, proxy, error)) from None
            except BaseException:  # what is sent could not be read
                self._drop(origin)
                raise
            else:
                if proxy is not None and answer.status == _PROXY_WANTS_A_NAME:
                    answer.close()
                    raise _refused_by(url, proxy, str(answer.status))
                return answer

    def _send(
        self, connection: HTTPConnection, method: str, target: str, headers: Mapping[str, str], body: Body | None
    ) -> None:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Accept-Encoding", "identity")
        connection.putheader("User-Agent", "rsppc")
        if body is not None:
            connection.putheader("Content-Length", str(body.size))
        connection.endheaders()
        if body is not None:
            with suppress(BrokenPipeError, ConnectionResetError):  # whoever stops listening may have said why
                for piece in body.pieces():
                    connection.send(piece)

    def _drop(self, origin: tuple[str, str]) -> None:
        connection = self._open.pop(origin, None)
        if connection is not None:
            connection.close()


def _response(connection: HTTPConnection, sent: int) -> HTTPResponse:
    """The head of an answer. What was sent may take a registry a while to put away; whoever promises one for ever, or
    says it a letter at a time, is not waited for."""
    seconds, sock = TIMEOUT_S + sent / _SETTLING, connection.sock
    over = Event()
    timer = Timer(seconds, _hang_up, (sock, over))
    timer.daemon = True
    sock.settimeout(seconds)
    timer.start()
    try:
        return connection.getresponse()
    except (OSError, HTTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
        with suppress(OSError):  # it may be closed by now
            sock.settimeout(TIMEOUT_S)


def _hang_up(sock: socket, over: Event) -> None:
    over.set()  # first, since whoever reads notices at once
    with suppress(OSError):
        sock.shutdown(SHUT_RDWR)


def _connected(parts: SplitResult, proxy: Proxy | None) -> HTTPConnection:
    host, port = parts.hostname or "", parts.port
    at = (host, port) if proxy is None else (proxy.host, proxy.port)
    if parts.scheme == "http":
        return HTTPConnection(*at, timeout=TIMEOUT_S)
    made = HTTPSConnection(*at, timeout=TIMEOUT_S, context=ssl.create_default_context())
    if proxy is not None:
        made.set_tunnel(host, port, proxy.headers)
    return made


def _target(parts: SplitResult, proxy: Proxy | None) -> str:
    """What is asked for: of a proxy that is to fetch it, with the host."""
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return path if proxy is None or parts.scheme == "https" else f"http://{parts.netloc.rpartition('@')[2]}{path}"


def _told(parts: SplitResult, proxy: Proxy | None, headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, with the name that a proxy is told; in a tunnel it would go on to the host."""
    return headers if proxy is None or parts.scheme == "https" else {**headers, **proxy.headers}


def _no_way(url: str, proxy: Proxy, error: Exception) -> StoreProblem:
    """What is said where there is no answer through a proxy."""
    refused = _REFUSED_TUNNEL.match(str(error))
    if refused is not None:
        return _refused_by(url, proxy, refused[1])
    problem = unreachable(url, error)
    return StoreProblem(problem.kind, f"{problem.what} (through the proxy `{proxy.shown}`)", problem.advice)


def _refused_by(url: str, proxy: Proxy, status: str) -> StoreProblem:
    return StoreProblem(
        "environment",
        f"`{host_of(url)}` cannot be reached: the proxy `{proxy.shown}` answers {status}",
        "see HTTPS_PROXY, and name hosts that need no proxy in NO_PROXY",
    )


def parts_of(url: str) -> SplitResult | None:
    """The parts of an address that HTTP can go to; None where it is none."""
    try:
        parts = urlsplit(url)
        sound = parts.port is None or parts.port > 0  # asking for it fails where it is no number
    except ValueError:
        return None
    sound = sound and bool(parts.hostname) and parts.scheme in ("http", "https")
    return parts if sound and url.isascii() and url.isprintable() and " " not in url else None


def origin_of(url: str) -> tuple[str, str]:
    """Scheme, and host with port: whom a password is for."""
    parts = parts_of(url)
    if parts is None:
        return "", ""
    return parts.scheme, f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def host_of(url: str) -> str:
    """The host alone, for messages: a URL may carry a signature."""
    parts = parts_of(url)
    return parts.netloc.rpartition("@")[2][:100] if parts is not None else ""


def unreachable(url: str, error: Exception) -> StoreProblem:
    """What is said where there is no answer."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why, advice = "its certificate is not trusted", "name a file of certificates in SSL_CERT_FILE"
    elif isinstance(error, ssl.SSLError):
        why, advice = "it does not speak TLS as it should", "a registry without TLS needs `--plain-http`"
    elif isinstance(error, TimeoutError):
        return late(url)
    elif isinstance(error, HTTPException):
        return cut(url)
    else:
        why, advice = "there is no connection to it", "see whether it runs, and try again"
    return StoreProblem("environment", f"`{host_of(url)}` cannot be reached: {why}", advice)


def late(url: str) -> StoreProblem:
    return StoreProblem("environment", f"`{host_of(url)}` does not answer in time", "try again")


def cut(url: str) -> StoreProblem:
    return StoreProblem("environment", f"the answer of `{host_of(url)}` makes no sense, or ends early", "try again")
