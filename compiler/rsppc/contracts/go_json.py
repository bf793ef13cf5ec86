"""JSON as Go's `encoding/json` writes it: the bytes under the runtime's plan hash.

It differs from canonical JSON in three ways: fields of structs stand in the order of the struct and not of the
alphabet, empty optional fields are left out, and `<`, `>`, `&`, U+2028, U+2029 are escaped even where JSON does not ask
for it. `struct` and `sorted_map` put the keys in order; `encode` writes a value in the order that it has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from rsppc.base.record import Record

Shaper = Callable[[Any], Any]


class GoField(Record, kw_only=False):
    """A field of a Go struct: its name in our values, its name in the JSON, and whether it is left out when empty."""

    name: str
    omit_empty: bool = False
    shape: Shaper | None = None
    """Puts the field's own value in order; None where there is nothing to put in order."""
    json_name: str | None = None


def encode(value: Any) -> bytes:
    """The bytes that Go writes for a value whose keys already stand in Go's order."""
    encoded = _ENCODER.encode(_without_lone_surrogates(value))
    for character, escape in _ESCAPES:
        if character in encoded:
            encoded = encoded.replace(character, escape)
    return encoded


def struct(value: Mapping[str, Any], fields: tuple[GoField, ...]) -> dict[str, Any]:
    """A struct's fields in their order; fields that the value lacks are left out like empty ones."""
    shaped: dict[str, Any] = {}
    for one in fields:
        if one.name not in value:
            continue
        item = value[one.name]
        if one.omit_empty and not item:
            continue
        shaped[one.json_name or one.name] = item if one.shape is None else one.shape(item)
    return shaped


def sorted_map(value: Mapping[str, Any], shape: Shaper | None = None) -> dict[str, Any]:
    """A Go map: keys in the order of their UTF-8 bytes, which is the order of code points."""
    return {key: value[key] if shape is None else shape(value[key]) for key in sorted(value)}


_ENCODER = msgspec.json.Encoder()

# None of the five can stand outside a string of JSON, so that bytes can be replaced without looking where they are.
_ESCAPES = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def _without_lone_surrogates(value: Any) -> Any:
    """Half a surrogate pair is no character; Go reads U+FFFD in its place."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_lone_surrogates(item) for item in value]
    return value
