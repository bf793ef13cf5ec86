"""The first place at which two JSON values differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rsppc.base.json_pointer import escaped
from rsppc.base.record import Record

ABSENT = "(absent)"
"""Stands for a value that only the other side has."""


class Difference(Record):
    """Where two values differ, as a JSON Pointer, and what stands there on either side."""

    pointer: str
    before: Any
    after: Any


def first_difference(before: Any, after: Any) -> Difference | None:
    """The first difference in order of keys and indexes; None where the values are equal."""
    waiting: list[tuple[str, Any, Any]] = [("", before, after)]
    while waiting:
        pointer, left, right = waiting.pop()
        if isinstance(left, dict) and isinstance(right, dict):
            waiting.extend(_steps(pointer, sorted(left.keys() | right.keys(), reverse=True), left, right))
        elif isinstance(left, list) and isinstance(right, list):
            indexes = range(max(len(left), len(right)) - 1, -1, -1)
            waiting.extend(_steps(pointer, indexes, dict(enumerate(left)), dict(enumerate(right))))
        elif type(left) is not type(right) or left != right:
            return Difference(pointer=pointer, before=_shown(left), after=_shown(right))
    return None


_NOTHING = object()


def _steps(
    pointer: str, keys: Iterable[Any], left: Mapping[Any, Any], right: Mapping[Any, Any]
) -> Iterator[tuple[str, Any, Any]]:
    for key in keys:
        yield f"{pointer}/{escaped(str(key))}", left.get(key, _NOTHING), right.get(key, _NOTHING)


def _shown(value: Any) -> Any:
    return ABSENT if value is _NOTHING else value
