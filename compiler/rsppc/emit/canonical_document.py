"""A document of the build in canonical bytes, part by part.

The documents of a large pipeline are long: as Python values they take several times the memory of their bytes, and the
text for people is longer still. So each part is written as soon as it is complete, and its value let go; the digest is
taken of the parts one by one, and so are the lines of the file made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeAlias

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import Digest, digest_chunks
from rsppc.base.record import Record

_PIECE = 1 << 16
_ITEMS = 512
"""About so many bytes, and so many items of an array, are handled at once: few calls for a small document, little
memory for a large one."""


class Runs(Record):
    """An object or array in runs of whole entries, at least one: canonical bytes without the brackets and without the
    commas between runs. The array `[1,2,3]` may be the runs `1,2` and `3`."""

    brackets: bytes
    """`{}` or `[]`."""
    runs: tuple[bytes, ...]


Member: TypeAlias = bytes | Runs


class CanonicalDocument(Record):
    """A JSON object with at least one member. Names of members are plain ASCII without escapes."""

    members: dict[str, Member]
    digest: Digest
    """Of the canonical bytes."""

    def member(self, name: str) -> Any:
        """The value of a member, made anew."""
        return msgspec.json.decode(b"".join(canonical_pieces({name: self.members[name]})))[name]

    def value(self) -> dict[str, Any]:
        """The whole value, made anew."""
        found: dict[str, Any] = msgspec.json.decode(b"".join(canonical_pieces(self.members)))
        return found

    def pieces(self) -> Iterator[bytes]:
        """The file for people, the same bytes as `readable` makes of the value."""
        return _gathered(_readable(self.members), b"")


def document(members: dict[str, Member]) -> CanonicalDocument:
    """A document of members that are written already."""
    return CanonicalDocument(members=members, digest=digest_chunks(canonical_pieces(members)))


def document_of(value: Mapping[str, Any]) -> CanonicalDocument:
    """A document of a value."""
    return document({name: canonical(member) for name, member in value.items()})


def entry(name: str, value: bytes) -> bytes:
    """A run of one member. Names are plain ASCII without escapes."""
    return b'"%b":%b' % (name.encode(), value)


def object_of(runs: Iterable[bytes]) -> Member:
    """An object of runs in their order."""
    found = tuple(runs)
    return Runs(brackets=b"{}", runs=found) if found else b"{}"


def array_of(items: Iterable[Any]) -> Member:
    """An array of values, of which few are there at a time where `items` makes them one by one."""
    runs: list[bytes] = []
    coming = iter(items)
    while some := list(islice(coming, _ITEMS)):
        runs.append(canonical(some)[1:-1])
    return Runs(brackets=b"[]", runs=tuple(runs)) if runs else b"[]"


def entry_pieces(members: Mapping[str, Member]) -> Iterator[bytes]:
    """The canonical bytes of members, with their names and the commas between them."""
    before = b""
    for name in sorted(members):
        member = members[name]
        yield b'%b"%b":' % (before, name.encode())
        before = b","
        if isinstance(member, bytes):
            yield member
            continue
        opening = member.brackets[:1]
        for run in member.runs:
            yield opening
            yield run
            opening = b","
        yield member.brackets[1:]


def canonical_pieces(members: Mapping[str, Member]) -> Iterator[bytes]:
    """The canonical bytes of an object."""
    yield b"{"
    yield from entry_pieces(members)
    yield b"}"


def _readable(members: Mapping[str, Member]) -> Iterator[bytes]:
    before = b"{\n"
    for name in sorted(members):
        yield before
        before = b",\n"
        yield from _lines(name.encode(), members[name])
    yield b"\n}\n"


def _lines(name: bytes, member: Member) -> Iterator[bytes]:
    """The lines of a member. Runs are formatted where they will stand, inside of brackets like those around them, so
    that they are indented as far as they must be; the lines of brackets that others bring are cut off."""
    if isinstance(member, bytes):
        yield from _within(msgspec.json.format(b'{"%b":%b}' % (name, member), indent=2), 2, 2)
        return
    opening, closing = member.brackets[:1], member.brackets[1:]
    cut = 2
    for run in _gathered(member.runs, b","):
        lines = msgspec.json.format(b'{"%b":%b%b%b}' % (name, opening, run, closing), indent=2)
        if cut > 2:
            yield b",\n"
        yield from _within(lines, cut, _CLOSING)
        cut = len(b'{\n  "": {\n') + len(name)
    yield b"\n  " + closing


_CLOSING = len(b"\n  }\n}")


def _within(lines: bytes, before: int, after: int) -> Iterator[bytes]:
    """All but the first and the last bytes, without a second copy of a long text."""
    end = len(lines) - after
    for start in range(before, end, _PIECE):
        yield lines[start : min(start + _PIECE, end)]


def _gathered(texts: Iterable[bytes], separator: bytes) -> Iterator[bytes]:
    """The same in longer pieces."""
    found: list[bytes] = []
    length = 0
    for text in texts:
        found.append(text)
        length += len(text)
        if length >= _PIECE:
            yield separator.join(found)
            found, length = [], 0
    if found:
        yield separator.join(found)
