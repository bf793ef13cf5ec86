"""Proxies between here and a registry, as `HTTPS_PROXY` and its like name them."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

from rsppc.base.record import Record
from rsppc.store.problems import StoreProblem

_PORT = 80


class Proxy(Record):
    """A proxy that speaks HTTP."""

    host: str
    port: int
    headers: dict[str, str]
    """What it is told of who asks."""

    def __repr__(self) -> str:  # a password is not to stand in a traceback
        return f"Proxy({self.shown})"

    @property
    def shown(self) -> str:
        return f"{self.host}:{self.port}"


def proxy_of(text: str) -> Proxy | None:
    """The proxy that an address names; None where it is empty. It is never repeated: it may hold a password."""
    if not text:
        return None
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or _PORT
    except ValueError:
        raise _unusable("it is no address") from None
    if parts.scheme != "http":
        raise _unusable(f"it speaks {parts.scheme[:20]!a}, and only HTTP is known here")
    if not parts.hostname or not parts.hostname.isascii():
        raise _unusable("it names no host")
    if not parts.username:
        return Proxy(host=parts.hostname, port=port, headers={})
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    told = "Basic " + base64.b64encode(pair.encode()).decode()
    return Proxy(host=parts.hostname, port=port, headers={"Proxy-Authorization": told})


def _unusable(why: str) -> StoreProblem:
    return StoreProblem(
        "malformed",
        f"the proxy that the environment names cannot be used: {why}",
        "write it as `http://HOST:PORT` in HTTPS_PROXY or HTTP_PROXY, or name the registry in NO_PROXY",
    )
