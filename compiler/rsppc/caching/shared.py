"""Books and built files that several machines share through an object store.

    <options>/books/<sha256>     what one run found out
    <options>/sets/<sha256>      the files of one built bundle, named by the digest of their set

A book is named by the digest of its bytes and never changes: writers cannot get into each other's way, and whoever
reads a book knows whether it is the one that was written. When there are many, a writer leaves one that holds them all
and removes those. The files of a set are held against the digests that a trace states. Nothing that a service says is
believed beyond that, and nothing of it is needed: the first fault ends its use for the run.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TypeVar

import msgspec

from rsppc.base.canonical_json import digest_value
from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.record import Record
from rsppc.caching.folder import BOOK_SIZE_MAX
from rsppc.caching.traces import Book, continued, from_bytes, to_bytes
from rsppc.objects.protocol import Expected, ObjectFault, ObjectStore, Occupied

BOOKS_READ_MAX = 64
BOOKS_MAX = 16
"""More books than these are made one by whoever writes the next."""
LISTED_MAX = 10_000
SETS_AT_ONCE = 32
SET_SIZE_MAX = 64 * 2**20
WAITING_MS_MAX = 60_000
"""All of a run; no operation is begun after that."""

Files = Mapping[str, bytes]

_T = TypeVar("_T")


class FileSet(Record):
    """A set of built files, by the digests of their bytes."""

    digest: str
    """Of the set, as `outputs.py` makes it."""
    files: dict[str, Digest]


class SharedCache:
    """What runs with the same options share."""

    def __init__(self, store: ObjectStore, options: Mapping[str, str]) -> None:
        self.store = store
        self.fault: ObjectFault | None = None
        """Why it is not used any more."""
        self.damaged: set[str] = set()
        """Keys of objects that are not what they are to be."""
        self.options = dict(options)
        self._prefix = digest_value(self.options).removeprefix("sha256:")[:40]
        self._books: dict[str, Book] = {}
        self._waited_ms = 0.0

    def books(self) -> list[Book]:
        """The books that are there."""
        listed = self._ask(lambda store: store.list(f"{self._prefix}/books", count_max=LISTED_MAX)) or []
        keys = [one.key for one in listed if one.size <= BOOK_SIZE_MAX][:BOOKS_READ_MAX]
        named = {key: Digest(f"sha256:{key.rpartition('/')[2]}") for key in keys}
        for key, data in self._read(named, BOOK_SIZE_MAX).items():
            book = _book_in(data)
            if book is None or book.options != self.options:  # it is whole, and another's
                self.damaged.add(key)
            else:
                self._books[key] = book
        return list(self._books.values())

    def file_sets(self, wanted: Iterable[FileSet]) -> dict[str, Files]:
        """Sets of files that are there, by digest."""
        sets = {self._set_key(one): one for one in wanted}
        if not sets:
            return {}
        data = self._read({key: _holds(one) for key, one in sets.items()}, SET_SIZE_MAX)
        return {sets[key].digest: files for key, one in data.items() if (files := _unpacked(one)) is not None}

    def leave(self, book: Book, sets: Iterable[tuple[FileSet, Files]]) -> None:
        """Leave what this run found out, and tidy up: what is damaged, and books where there are many."""
        if self.damaged:
            self._remove(sorted(self.damaged))
        waiting = iter(sets)
        while self._goes_on() and (few := list(islice(waiting, SETS_AT_ONCE))):  # not all of them in memory at once
            packed = {self._set_key(one): (_packed(files), _holds(one)) for one, files in few}
            self._create({key: pair for key, pair in packed.items() if len(pair[0]) <= SET_SIZE_MAX})
        merged = sorted(self._books) if len(self._books) >= BOOKS_MAX else []
        if merged:
            book = continued([book, *self._books.values()], [], {}, self.options)
        data = zlib.compress(to_bytes(book), 1)
        if len(data) > BOOK_SIZE_MAX or not book.traces:
            return
        digest = digest_bytes(data)
        self._create({f"{self._prefix}/books/{digest.removeprefix('sha256:')}": (data, digest)})
        if merged:
            self._remove(merged)

    def _set_key(self, one: FileSet) -> str:
        return f"{self._prefix}/sets/{one.digest.removeprefix('sha256:')}"

    def _read(self, wanted: Mapping[str, Expected], size_max: int) -> dict[str, bytes]:
        """What is there and what it is to be."""
        sound: dict[str, bytes] = {}
        for key, data in (self._ask(lambda store: store.read_each(wanted, size_max=size_max)) or {}).items():
            if isinstance(data, bytes):
                sound[key] = data
            elif data.kind == "corrupt":
                self.damaged.add(key)
            elif data.kind not in ("missing", "too_large"):  # somebody tidied up meanwhile
                self.fault = data
        return sound

    def _create(self, objects: Mapping[str, tuple[bytes, Expected]]) -> None:
        """Leave objects, in the place of what is damaged there too."""
        occupied = self._created({key: data for key, (data, _) in objects.items()})
        if occupied:
            sound = self._read({key: objects[key][1] for key in occupied}, SET_SIZE_MAX)
            damaged = [key for key in occupied if key not in sound]
            self._remove(damaged)
            self._created({key: objects[key][0] for key in damaged})

    def _created(self, objects: Mapping[str, bytes]) -> list[str]:
        """Leave objects; keys under which there is something else."""
        answers = (self._ask(lambda store: store.create_each(objects)) or {}) if objects else {}
        for answer in answers.values():
            if isinstance(answer, ObjectFault):
                self.fault = answer
        return [key for key, answer in answers.items() if isinstance(answer, Occupied)]

    def _remove(self, keys: list[str]) -> None:
        """Tidy up, where the service lets us: who may only add has lost nothing."""
        if self._goes_on():
            self.store.delete(keys)

    def _ask(self, operation: Callable[[ObjectStore], _T | ObjectFault]) -> _T | None:
        """The answer of the service, unless there is none, or has been none before."""
        if not self._goes_on():
            return None
        started = time.monotonic()
        answer = operation(self.store)
        self._waited_ms += (time.monotonic() - started) * 1000
        if isinstance(answer, ObjectFault):
            self.fault = answer
            return None
        return answer

    def _goes_on(self) -> bool:
        if self.fault is None and self._waited_ms > WAITING_MS_MAX:
            self.fault = ObjectFault(kind="unreachable", key="", reason="it takes too long")
        return self.fault is None


def _book_in(data: bytes) -> Book | None:
    plain = _decompressed(data, BOOK_SIZE_MAX)
    return from_bytes(plain) if plain is not None else None


def _decompressed(data: bytes, size_max: int) -> bytes | None:
    """What was compressed; None where it is no such thing, or larger than anything that we write."""
    opened = zlib.decompressobj()
    try:
        plain = opened.decompress(data, size_max)
    except zlib.error:
        return None
    return plain if opened.eof and not opened.unused_data else None


def _packed(files: Files) -> bytes:
    return zlib.compress(msgspec.msgpack.encode(dict(sorted(files.items()))), 1)


_FILES = msgspec.msgpack.Decoder(dict[str, bytes])


def _unpacked(data: bytes) -> dict[str, bytes] | None:
    plain = _decompressed(data, SET_SIZE_MAX)
    try:
        return _FILES.decode(plain) if plain is not None else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _holds(one: FileSet) -> Expected:
    """Whether bytes are the very files of a set."""

    def sound(data: bytes) -> bool:
        files = _unpacked(data)
        return files is not None and {name: digest_bytes(content) for name, content in files.items()} == one.files

    return sound
