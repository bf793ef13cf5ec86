"""Byte objects under keys, kept by a service that several machines reach: what it is asked, and what it answers.

A service is another's machine. It may be slow, closed, full of other people's bytes, or say that it did what it did not
do. So nothing here is believed: whatever is written is read back, and whatever is read is held against what the caller
expects. Faults are answers, not exceptions.

A key is steps of `A-Z a-z 0-9 . _ -` with `/` between them; it never begins with `.`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import BinaryIO, Literal, Protocol

from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.record import Record

FaultKind = Literal["missing", "denied", "unreachable", "corrupt", "unsupported", "too_large"]
"""Nothing under the key, or no such bucket; not for us; no answer in time, or none that makes sense; other bytes than
the caller expects; an operation that the service does not know; more bytes than the caller takes."""

_KEY = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
KEY_LENGTH_MAX = 512


class ObjectFault(Record):
    """Why there is no answer."""

    kind: FaultKind
    key: str
    reason: str
    """A sentence's second half: `access is denied`."""


class Created(Record):
    """The service holds these bytes under this key; they were read back."""

    key: str
    digest: Digest
    changed: bool
    """False where the very same bytes were there before."""
    exclusive: bool
    """Whether the service is known to refuse a second creator. Where it is not, somebody who writes other bytes under
    the same key at the same moment may replace these."""


class Occupied(Record):
    """Other bytes are there. They stay."""

    key: str


class Listed(Record):
    """An object that the service says it has."""

    key: str
    size: int


class Guarantees(Record):
    """What a service was seen to keep, on an object that was made for the trial."""

    create: Literal["honoured", "ignored", "unsupported"]
    """What becomes of a write that may only create, where there is an object: refused, done all the same, or the
    service does not know such writes."""
    read_after_write: bool
    """Whether what was just written is what is read, whole and in part."""
    list_after_write: bool
    """Whether what was just written is listed. Where not, a listing may miss what is there."""
    delete: bool
    """Whether what was deleted is gone."""

    @property
    def exclusive(self) -> bool:
        """Whether one of several creators wins, and the others are told."""
        return self.create == "honoured" and self.read_after_write


Creation = Created | Occupied | ObjectFault

Expected = Digest | Callable[[bytes], bool]
"""What bytes must be: those with this digest, or those that know themselves, such as a sealed line with its key."""


class ObjectStore(Protocol):
    """A part of a service: a bucket, or what stands below a prefix in it."""

    @property
    def url(self) -> str:
        """Where it is, for messages; no credentials stand in it."""

    def probe(self) -> Guarantees | ObjectFault:
        """Try the service on an object that nobody else uses. `create` is exclusive after that, where it can be."""

    def create(self, key: str, data: bytes) -> Creation:
        """Write an object where there is none."""

    def create_each(self, objects: Mapping[str, bytes]) -> dict[str, Creation] | ObjectFault:
        """The same with many, at once."""

    def create_from(self, key: str, file: BinaryIO, digest: Digest, *, mends: bool = False) -> Creation:
        """The same from a file of any size with this digest, in constant memory. Two creators are not kept apart.

        With `mends`, other bytes under the key are damage, and are replaced: for keys that follow from what they hold.
        """

    def read(self, key: str, expected: Expected, *, size_max: int) -> bytes | ObjectFault:
        """All bytes of an object."""

    def read_range(self, key: str, expected: Expected, *, start: int, length: int) -> bytes | ObjectFault:
        """So many bytes of an object; `expected` is about these alone."""

    def read_each(
        self, wanted: Mapping[str, Expected], *, size_max: int
    ) -> dict[str, bytes | ObjectFault] | ObjectFault:
        """Many objects at once."""

    def digest_of(self, key: str) -> Digest | ObjectFault:
        """The digest of an object as the service gives it, read in constant memory."""

    def size_of(self, key: str) -> int | ObjectFault:
        """How many bytes the service says that an object has."""

    def list(self, prefix: str, *, count_max: int) -> list[Listed] | ObjectFault:
        """Objects whose keys begin with these steps, by key. `too_large` where there are more than so many."""

    def list_all(self, prefix: str) -> Iterator[Listed | ObjectFault]:
        """The same with any number of objects, in constant memory and in the order of the service; a fault ends it."""

    def delete(self, keys: Iterable[str]) -> ObjectFault | None:
        """Remove objects; what is not there is removed already."""


def is_key(text: str) -> bool:
    """Whether an object can have this key."""
    return len(text) <= KEY_LENGTH_MAX and _KEY.fullmatch(text) is not None


def as_expected(data: bytes, expected: Expected) -> bool:
    """Whether bytes are what the caller expects."""
    return expected(data) if callable(expected) else digest_bytes(data) == expected
