"""HTTP as registries need it, by the standard library: one connection to each host, and nothing that follows by itself.

Whether to send a password along is decided by whoever asks; a redirect is an answer like any other here.
"""

from __future__ import annotations

import base64
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, unquote, urlsplit

from rsppc.base.record import Record
from rsppc.store.hashing import CHUNK
from rsppc.store.problems import StoreProblem

LOOPBACK = ("127.0.0.1", "::1", "localhost")
TIMEOUT_S = 30.0
"""For each step: to connect, and for the next bytes to come or go."""
_SLOWEST = 16 * 1024
"""Bytes a second; who is slower than that is not waited for."""


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

    def __init__(self, proxies: Mapping[str, str]) -> None:
        self._proxies = proxies
        """By scheme; a host that needs none is not asked through one (`no_proxy` is the caller's to apply)."""
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
        while True:
            kept = self._open.get(origin)
            connection = kept or self._connected(parts)
            self._open[origin] = connection
            try:
                self._send(connection, method, parts, headers, body)
                return Answer(url, connection.getresponse(), lambda: self._drop(origin))
            except (OSError, HTTPException) as error:
                self._drop(origin)
                if kept is None:
                    raise unreachable(url, error) from None
            except BaseException:  # what is sent could not be read
                self._drop(origin)
                raise

    def _send(
        self, connection: HTTPConnection, method: str, parts: SplitResult, headers: Mapping[str, str], body: Body | None
    ) -> None:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
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

    def _connected(self, parts: SplitResult) -> HTTPConnection:
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "http":
            return HTTPConnection(host, port, timeout=TIMEOUT_S)
        context = ssl.create_default_context()
        proxy = urlsplit(self._proxies.get("https", ""))
        if not proxy.hostname or host in LOOPBACK:
            return HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
        made = HTTPSConnection(proxy.hostname, proxy.port, timeout=TIMEOUT_S, context=context)
        headers = {}
        if proxy.username:
            pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
            headers["Proxy-Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        made.set_tunnel(host, port, headers)
        return made

    def _drop(self, origin: tuple[str, str]) -> None:
        connection = self._open.pop(origin, None)
        if connection is not None:
            connection.close()


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
