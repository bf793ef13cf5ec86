"""Findings and outcomes as plain values that JSON can hold, and back, without losing anything that anybody prints.

A value that is not known here is not guessed at: whatever holds it is not kept, and made anew every time. Texts of
sources are not kept either. They are read again, and must have the digest that they had.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from rsppc.base.digest import digest_bytes
from rsppc.base.record import Record, replace
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Fix

_INTEGER_BITS = 53

SourceAt = Callable[[str], Source | None]
"""The source at a path as it is now: a file of the workspace, or one that ships; None where there is none."""


class NotKept(Exception):
    """A value cannot be written down, or what was written down cannot be had again."""


def to_plain(value: Any, source_at: SourceAt) -> bytes:
    """A value written down; raises `NotKept` where it could not be read back as it is."""
    writer = _Writer(source_at)
    try:
        plain = writer.plain(value)
        return msgspec.json.encode([plain, [[path, digest] for path, digest in writer.sources]])
    except (UnicodeEncodeError, OverflowError, RecursionError, msgspec.MsgspecError, TypeError) as error:
        raise NotKept from error


def from_plain(data: bytes, source_at: SourceAt) -> Any:
    """The value that was written down; raises `NotKept` where a source is not what it was."""
    try:
        plain, named = msgspec.json.decode(data)
        if plain is None or isinstance(plain, str | int):
            return plain
        return _Reader([_source(path, digest, source_at) for path, digest in named]).value(plain)
    except NotKept:
        raise
    except Exception as error:  # nothing that was read from a file is to bring a run down
        raise NotKept from error


class _Writer:
    def __init__(self, source_at: SourceAt) -> None:
        self.sources: list[tuple[str, str]] = []
        self._source_at = source_at
        self._numbers: dict[int, int] = {}
        self._held: list[Source] = []  # so that no two of them have one identity

    def plain(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int and value.bit_length() <= _INTEGER_BITS:
            return value
        if kind is tuple:
            return [self.plain(one) for one in value]
        if kind is list:
            return {"list": [self.plain(one) for one in value]}
        if kind is dict:
            return {"dict": [[self.plain(key), self.plain(one)] for key, one in value.items()]}
        if kind is Span:
            return {"span": [self._number(value.source), value.start, value.end]}
        if kind is Fix and value.edge is not None:
            return self.plain(replace(value, edge=None))  # where edits were made of; nobody looks at it afterwards
        if isinstance(value, Record) and kind.__module__.startswith("rsppc."):
            given = {name: self.plain(one) for name in value.__struct_fields__ if (one := getattr(value, name)) != ()}
            return {"record": [kind.__module__, kind.__qualname__, given]}
        raise NotKept(f"{kind.__module__}.{kind.__qualname__}")

    def _number(self, source: Source) -> int:
        known = self._numbers.get(id(source))
        if known is None:
            digest = ""
            if source.data or source.text:
                again = self._source_at(source.path)
                if again is None or again.data != source.data or again.text != source.text:
                    raise NotKept(source.path)
                digest = digest_bytes(source.data)
            known = self._numbers[id(source)] = len(self.sources)
            self._held.append(source)
            self.sources.append((source.path, digest))
        return known


def _source(path: str, digest: str, source_at: SourceAt) -> Source:
    if not digest:
        return Source(path, "", b"")
    found = source_at(path)
    if found is None or digest_bytes(found.data) != digest:
        raise NotKept(path)
    return found


class _Reader:
    def __init__(self, sources: list[Source]) -> None:
        self.sources = sources

    def value(self, plain: Any) -> Any:
        if isinstance(plain, list):
            return tuple(self.value(one) for one in plain)
        if not isinstance(plain, dict):
            return plain
        ((tag, held),) = plain.items()
        match tag:
            case "list":
                return [self.value(one) for one in held]
            case "dict":
                return {self.value(key): self.value(one) for key, one in held}
            case "span":
                number, start, end = held
                return Span(source=self.sources[number], start=start, end=end)
            case "record":
                return self._record(*held)
        raise NotKept(tag)

    def _record(self, module: str, name: str, given: dict[str, Any]) -> Any:
        if not module.startswith("rsppc."):
            raise NotKept(module)
        kind = getattr(import_module(module), name)
        if not (isinstance(kind, type) and issubclass(kind, Record)):
            raise NotKept(name)
        left_out = {field: () for field in kind.__struct_fields__ if field not in given}
        return kind(**left_out, **{key: self.value(one) for key, one in given.items()})
