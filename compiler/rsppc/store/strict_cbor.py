"""Canonical CBOR (RFC 8949, 4.2.1) of what JSON can say, read in one pass that refuses everything else.

A general reader takes indefinite lengths, tags, floats and members that stand twice, so that its result would have to
be written again to see whether the bytes were canonical; and one byte can be an empty list, which takes sixty bytes of
memory. Here each byte is looked at once, nothing is made room for before its bytes are there, and the number of values
is bounded.
"""

from __future__ import annotations

from typing import Any

from rsppc.base.canonical_json import INTEGER_MAX

NUMBER, NEGATIVE, TEXT, LIST, MAP = 0, 1, 3, 4, 5
"""Major types."""
_SIMPLE: dict[int, Any] = {0xF4: False, 0xF5: True, 0xF6: None}


class NotCanonical(Exception):
    """The bytes are no canonical CBOR of a value, or of one that is larger than it may be."""


def decode(data: bytes, *, depth_max: int, values_max: int) -> Any:
    """The value of canonical bytes. Keys and items count as values; `NotCanonical` for anything else."""
    reader = _Reader(data, values_max)
    try:
        value = reader.value(depth_max)
    except (IndexError, UnicodeDecodeError):
        raise NotCanonical from None
    if reader.at != len(data):
        raise NotCanonical
    return value


def head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type and number of the item at a place, and where what follows begins; `IndexError` at the end."""
    kind, number = data[at] >> 5, data[at] & 31
    if number < 24:
        return kind, number, at + 1
    end = at + 1 + (1 << (number - 24))
    if number > 27 or end > len(data):
        raise IndexError
    return kind, int.from_bytes(data[at + 1 : end], "big"), end


class _Reader:
    """Goes through the bytes once; `at` is where the next item begins."""

    def __init__(self, data: bytes, values_max: int) -> None:
        self._data = data
        self._rest = values_max
        self._keys: dict[bytes, str] = {}
        self.at = 0

    def value(self, depth: int) -> Any:
        """The item that begins here, in which others lie so deep at most."""
        self._rest -= 1
        first = self._data[self.at]
        if first in _SIMPLE:
            self.at += 1
            return _SIMPLE[first]
        kind, number = self._head()
        if kind == TEXT:
            return str(self._bytes(number), "utf-8")
        if kind in (NUMBER, NEGATIVE):
            value = number if kind == NUMBER else -1 - number
            if abs(value) > INTEGER_MAX:
                raise NotCanonical
            return value
        # Each item takes a byte at least, so that no list is begun that cannot end.
        if kind not in (LIST, MAP) or depth == 0 or number > min(self._rest, len(self._data) - self.at):
            raise NotCanonical
        if kind == LIST:
            return [self.value(depth - 1) for _ in range(number)]
        return self._mapping(number, depth - 1)

    def _mapping(self, count: int, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        before = b""
        for _ in range(count):
            begin = self.at
            kind, size = self._head()
            if kind != TEXT:
                raise NotCanonical
            text = self._bytes(size)
            key = self._data[begin : self.at]
            if key <= before:  # twice, or not in order
                raise NotCanonical
            before = key
            self._rest -= 1
            name = self._keys.get(text)
            if name is None:
                name = self._keys[text] = str(text, "utf-8")
            made[name] = self.value(depth)
        return made

    def _head(self) -> tuple[int, int]:
        """Major type and number of the item here, whose head is the shortest."""
        if self._rest < 0:
            raise NotCanonical
        begin = self.at
        kind, number, self.at = head(self._data, begin)
        length = self.at - begin - 1
        if length and number < (24 if length == 1 else 1 << (4 * length)):
            raise NotCanonical
        return kind, number

    def _bytes(self, size: int) -> bytes:
        begin = self.at
        self.at += size
        if self.at > len(self._data):
            raise NotCanonical
        return self._data[begin : self.at]
