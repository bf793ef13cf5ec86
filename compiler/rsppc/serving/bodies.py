"""What callers send, taken in with bounds on its size and on the time that it takes.

A body is complete, and is what the request says of it, before the store is asked anything about it. So a caller who
goes away in the middle leaves nothing behind, a slow one holds neither a thread nor a lock of the store, and nothing is
put that is then refused. What is large waits on the disk of the store meanwhile, in a file without a name.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import IO, Any

from blake3 import blake3

from rsppc.serving.call import Call
from rsppc.serving.limits import MIB
from rsppc.serving.problems import ClientGone, Refusal
from rsppc.store.hashing import CHUNK
from rsppc.store.places import spoken
from rsppc.store.problems import StoreProblem

_EXPECTED = re.compile(r"(blake3|sha256):([0-9a-f]{64})")
_LENGTH = re.compile(r"[0-9]{1,15}")
_HELD_MAX = MIB // 8
"""Of each body in memory; what is beyond goes to the disk."""


class Body:
    """A body on its way in, and then complete. What is beyond a first part is in a file."""

    def __init__(self, folder: str, hasher: Any) -> None:
        self.size = 0
        self._folder = folder
        self._hasher = hasher
        self._held = bytearray()
        self._file: IO[bytes] | None = None

    def add(self, piece: bytes) -> bool:
        """Take a piece; true where it is time for `keep`, which waits for the disk."""
        self._held += piece
        self.size += len(piece)
        return len(self._held) > _HELD_MAX

    def keep(self) -> None:
        """Write what is held in memory to the disk."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder, buffering=0)  # noqa: SIM115 - see `close`
            rest = memoryview(self._taken())
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise StoreProblem("environment", f"a body cannot be kept while it comes in: {spoken(error)}") from None

    def complete(self) -> str | None:
        """Take the end of the body; its digest, where one is expected."""
        if self._file is not None:
            self.keep()
        elif self._hasher is not None:
            self._hasher.update(self._held)
        return None if self._hasher is None else self._hasher.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        if self._file is None:
            yield bytes(self._held)
            return
        self._file.seek(0)
        while piece := self._file.read(CHUNK):
            yield piece

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _taken(self) -> bytearray:
        if self._hasher is not None:
            self._hasher.update(self._held)
        taken, self._held = self._held, bytearray()
        return taken


async def whole(call: Call, size_max: int) -> bytes:
    """A small body."""
    check_types(call)
    data = bytearray()
    async for piece in _pieces(call, size_max):
        data += piece
    return bytes(data)


@asynccontextmanager
async def kept(call: Call, size_max: int, expected: str | None = None) -> AsyncIterator[Body]:
    """A body of any size, held against the digest that it should have."""
    body = Body(call.service.folder, _hasher(expected))
    run = call.service.threads.run
    try:
        async for piece in _pieces(call, size_max):
            if body.add(piece):
                await run(body.keep)
        found = await run(body.complete)
        if expected is not None and found != expected.partition(":")[2]:
            said = f"{expected.partition(':')[0]}:{found}"
            raise Refusal("body-differs", f"the body has the digest {said}, not {expected}", "send it again")
        yield body
    finally:
        body.close()


def check_types(call: Call) -> None:
    """Refuse a body of another type than the endpoint takes."""
    types = call.endpoint.takes_types
    if (call.header("content-encoding") or "identity").strip().lower() != "identity":
        raise Refusal("media-type-unknown", "bodies are not taken in compressed", "leave out `Content-Encoding`")
    if "*/*" not in types:
        given = (call.header("content-type") or "").partition(";")[0].strip().lower()
        if given not in types:
            allowed = ", ".join(f"`{one}`" for one in types)
            shown = f"`{given[:60]}`" if given.isprintable() and given else "not stated"
            raise Refusal("media-type-unknown", f"the type of the body is {shown}; it should be {allowed}")


async def _pieces(call: Call, size_max: int) -> AsyncIterator[bytes]:
    """The body as it comes, no further than it may go."""
    stated = _stated_length(call)
    if stated is not None and stated > size_max:
        raise _too_large(size_max)
    service, idle_s = call.service, call.service.limits.idle_s
    try:
        async with asyncio.timeout(idle_s):
            await service.bodies.acquire()
    except TimeoutError:
        raise Refusal("bodies-waiting", "as many bodies as can be taken in come in already", "try again") from None
    try:
        clock = asyncio.get_running_loop().time
        started, size, more = clock(), 0, True
        while more:
            rest = started + idle_s + size / service.limits.rate_min - clock()
            try:
                async with asyncio.timeout(max(0.0, min(idle_s, rest))):
                    message = await call.request.receive()
            except TimeoutError:
                raise Refusal("body-too-slow", f"{size} bytes came so far, and then none for too long") from None
            if message["type"] != "http.request":
                raise ClientGone
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > size_max:
                raise _too_large(size_max)
            more = message.get("more_body", False)
            if piece:
                yield piece
        call.body_taken = True
        if stated is not None and stated != size:
            raise Refusal("request-malformed", f"the body has {size} bytes, and `Content-Length` says {stated}")
    finally:
        service.bodies.release()


def _stated_length(call: Call) -> int | None:
    text = call.header("content-length")
    if text is None:
        return None
    if _LENGTH.fullmatch(text) is None:
        raise Refusal("request-malformed", "`Content-Length` is no number")
    if call.header("transfer-encoding") is not None:  # two readers could disagree where the body ends
        raise Refusal("request-malformed", "the request has both `Content-Length` and `Transfer-Encoding`")
    return int(text)


def _too_large(size_max: int) -> Refusal:
    return Refusal("body-too-large", f"at most {size_max} bytes are taken here")


def _hasher(expected: str | None) -> Any:
    if expected is None:
        return None
    found = _EXPECTED.fullmatch(expected)
    if found is None:
        raise Refusal("request-malformed", "`Expected-Digest` is not `blake3:` or `sha256:` and 64 digits `0-9a-f`")
    return blake3() if found[1] == "blake3" else sha256()
