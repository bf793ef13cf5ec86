"""What callers get, in a form in which no browser would run it."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from rsppc.base.canonical_json import canonical
from rsppc.serving import ranges
from rsppc.serving.call import Call
from rsppc.serving.problems import MEDIA_TYPE as PROBLEM
from rsppc.serving.problems import Refusal, Told, encoded, problem_of
from rsppc.serving.service import Service
from rsppc.store.problems import StoreProblem

ALWAYS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""In every answer, unless it says otherwise itself."""

_HARMLESS = re.compile(
    r"text/(plain|csv|markdown|tab-separated-values)|image/(png|jpeg|gif|webp|avif)|audio/[a-z0-9.+-]+|video/[a-z0-9.+-]+"
    r"|application/(json|cbor|gzip|zip|zstd|x-tar|x-ndjson|jsonl|yaml|toml|vnd\.[a-z0-9.+-]+\+(json|cbor|gzip|zip))"
)
"""Types under which content is given; all others could be run by somebody, and are bytes."""

_PLAIN_NAME = re.compile(r"[^A-Za-z0-9._-]")


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A record as JSON."""
    return Response(canonical(value), status, headers, media_type="application/json")


def refusal(told: Told) -> Response:
    """A problem."""
    return Response(encoded(told.problem), told.problem.status, told.headers, media_type=PROBLEM)


def attachment(name: str, media_type: str) -> dict[str, str]:
    """Headers with which content of others is given: something to be saved, and nothing to be shown or run."""
    harmless = _HARMLESS.fullmatch(media_type.partition(";")[0].strip().lower())
    plain = _PLAIN_NAME.sub("_", name)[:150] or "file"
    return {
        "Content-Type": media_type if harmless else "application/octet-stream",
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Cache-Control": "private, no-cache",
    }


def etag_of(digest: str) -> str:
    return f'"{digest}"'


def repr_digest(sha256: str) -> str:
    """The digest of the whole content as RFC 9530 writes it."""
    return f"sha-256=:{base64.b64encode(bytes.fromhex(sha256.removeprefix('sha256:'))).decode()}:"


def unless_held(call: Call, etag: str) -> Response | None:
    """The answer to a caller who has the content already; a refusal where they expect other content."""
    if_match = call.header("if-match")
    if if_match is not None and not ranges.names(if_match, etag, weakly=False):
        raise Refusal("precondition-failed", f"the content has the ETag {etag}")
    if ranges.names(call.header("if-none-match"), etag, weakly=True):
        return Response(status_code=304, headers={"ETag": etag})
    return None


class Content(Response):
    """Content of any size, a piece at a time. Each piece is read in a thread, and no thread waits for the caller."""

    def __init__(
        self, call: Call, pieces: Iterator[bytes], first: bytes, length: int, status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(b"", status, {**headers, "Content-Length": str(length)})
        self._call = call
        self._pieces = pieces
        self._first = first
        self._length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        run = self._call.service.threads.run
        gone = asyncio.create_task(_until_gone(self._call.request))
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            piece, rest = self._first, self._length
            while piece and rest and not gone.done():
                piece, rest = piece[:rest], rest - min(rest, len(piece))
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await run(lambda: next(self._pieces, b""))
            if not rest:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            # Otherwise the answer ends before its length, and so the connection: nobody takes it for the whole.
        except StoreProblem as problem:
            note_broken(self._call.service, problem, self._call.endpoint.name)
        finally:
            gone.cancel()
            with suppress(asyncio.CancelledError):
                await gone
            await run(lambda: _close(self._pieces))


async def content(call: Call, pieces: Iterator[bytes], length: int, status: int, headers: Mapping[str, str]) -> Content:
    """An answer of pieces, of which the first is at hand: what is damaged or missing at once is said with a status."""
    first = await call.service.threads.run(lambda: next(pieces, b""))
    return Content(call, pieces, first, length, status, headers)


def note_broken(service: Service, problem: StoreProblem, place: str) -> None:
    """Say that an answer ended early, which the caller sees by its length."""
    told = problem_of(StoreProblem("corrupt", problem.what))
    service.note(told, problem, place)


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _close(pieces: Iterator[bytes]) -> None:
    close = getattr(pieces, "close", None)
    if close is not None:
        close()
