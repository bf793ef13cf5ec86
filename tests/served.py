"""A served store in this process: requests go to the application itself, without a socket between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import EllipsisType
from typing import Any
from urllib.parse import unquote

from rsppc.base.record import Record
from rsppc.serving.app import App
from rsppc.serving.limits import Limits
from rsppc.serving.service import Service
from rsppc.serving.tokens import ROLES, keep_token, new_token
from rsppc.store.config import Config
from rsppc.store.registry import init_store
from stores import AT

Piece = bytes | None | EllipsisType
"""Of a body that is sent."""


class Answer(Record):
    """What was answered."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool
    """False where it ended before it was whole."""

    @property
    def value(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        assert self.headers["content-type"] == "application/problem+json", self
        return str(self.value["code"])


class Served:
    """A store with tokens of two tenants, and the application that serves it."""

    def __init__(self, folder: Path, runner: asyncio.Runner, limits: Limits) -> None:
        self.folder = folder
        self.now = AT
        self.runner = runner
        self.tokens = {
            name: self.token(tenant, *roles)
            for name, tenant, roles in (
                ("all", "default", ROLES),
                ("reader", "default", ("reader",)),
                ("publisher", "default", ("publisher",)),
                ("officer", "default", ("retention-officer",)),
                ("other", "acme", ROLES),
            )
        }
        self.service = Service(str(folder), self.clock, limits=limits)
        self.app = App(self.service)

    def clock(self) -> datetime:
        return self.now

    def token(self, tenant: str, *roles: str, **said: Any) -> str:
        token, text = new_token(tenant=tenant, roles=roles, at=self.now, **said)
        keep_token(str(self.folder), token)
        return text

    def ask(
        self,
        method: str,
        target: str,
        *,
        by: str | None = "all",
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | Iterable[Piece] = b"",
        said: Any = None,
    ) -> Answer:
        """Send a request. A body that is no bytes comes in pieces; at None the caller goes away, at `...` nothing more
        comes."""
        given = list(headers.items() if isinstance(headers, Mapping) else headers)
        if said is not None:
            body = json.dumps(said).encode()
            given.append(("Content-Type", "application/json"))
        if by is not None:
            given.append(("Authorization", f"Bearer {self.tokens.get(by, by)}"))
        pieces: list[Piece] = [body] if isinstance(body, bytes) else list(body)
        names = {name.lower() for name, _ in given}
        if "content-length" not in names and "transfer-encoding" not in names and body:
            whole = isinstance(body, bytes)
            given.append(("Content-Length", str(len(body))) if whole else ("Transfer-Encoding", "chunked"))  # type: ignore[arg-type]
        return self.runner.run(answer_to(self.app, method, target, given, pieces))

    def package(self, run: str = "r1", *, by: str = "all", files: Mapping[str, bytes] | None = None) -> str:
        """A package with files, not final yet."""
        made = self.ask("POST", "/packages", by=by, said={"producer": "p", "run_id": run, "subject": "desk"})
        assert made.status in (200, 201), made
        for path, data in (files or {}).items():
            done = self.ask("PUT", f"/packages/{made.value['package_id']}/files?path={path}", by=by, body=data)
            assert done.status in (200, 201), done
        return str(made.value["package_id"])


@contextmanager
def served(folder: Path, limits: Limits | None = None) -> Iterator[Served]:
    """A served store in a folder."""
    init_store(str(folder), Config())
    with asyncio.Runner() as runner:
        one = Served(folder, runner, limits or Limits())
        try:
            yield one
        finally:
            one.service.close()


async def answer_to(app: App, method: str, target: str, headers: list[tuple[str, str]], pieces: list[Piece]) -> Answer:
    path, _, query = target.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), text.encode("latin-1")) for name, text in headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    coming = list(pieces)
    sent: list[Any] = []
    gone = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not coming:
            await gone.wait()
            return {"type": "http.disconnect"}
        piece = coming.pop(0)
        if piece is ...:
            await asyncio.Event().wait()
        if piece is None:
            coming.clear()
            gone.set()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece, "more_body": bool(coming)}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    if not sent:
        return Answer(status=0, headers={}, body=b"", complete=False)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(
        status=sent[0]["status"],
        headers={name.decode(): text.decode("latin-1") for name, text in sent[0]["headers"]},
        body=body,
        complete=not sent[-1].get("more_body", True),
    )
