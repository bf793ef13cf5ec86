"""Canonical JSON (RFC 8785) of the values that our artifacts hold.

Artifacts hold objects with text keys, lists, texts, integers, booleans and null; no floats. For those, RFC 8785 comes
down to: keys sorted by UTF-16 code units, no blanks, the shortest escapes, integers within 2**53. `msgspec` writes
exactly these bytes, but sorts keys by code points; the two orders differ only beyond ASCII. A test compares with the
`rfc8785` package.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rsppc.base.digest import Digest, digest_bytes

INTEGER_MAX = 2**53 - 1

_SORTED = msgspec.json.Encoder(order="sorted")
_AS_GIVEN = msgspec.json.Encoder()


def canonical(value: Any) -> bytes:
    """The one byte sequence that stands for a value; the input of every digest."""
    encoded = _SORTED.encode(value)
    return encoded if encoded.isascii() else _AS_GIVEN.encode(_ordered_by_utf16(value))


def readable(value: Any) -> bytes:
    """The same value for people: two-space indentation, sorted keys, a final newline."""
    return msgspec.json.format(canonical(value), indent=2) + b"\n"


def digest_value(value: Any) -> Digest:
    """Digest of a value's canonical bytes."""
    return digest_bytes(canonical(value))


def _ordered_by_utf16(value: Any) -> Any:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: str(key).encode("utf-16-be"))
        return {key: _ordered_by_utf16(value[key]) for key in keys}
    if isinstance(value, list | tuple):
        return [_ordered_by_utf16(item) for item in value]
    return value
