"""The first place at which two JSON values differ."""

from __future__ import annotations

from typing import Any

from rsppc.base.record import Record


class Difference(Record):
    """Where two values differ, as a JSON Pointer, and what stands there on either side; `ABSENT` for nothing."""

    pointer: str
    before: Any
    after: Any


ABSENT = "(absent)"


def first_difference(before: Any, after: Any) -> Difference | None:
    """The first difference in order of keys and indexes; None where the values are equal."""
    waiting: list[tuple[str, Any, Any]] = [("", before, after)]
    while waiting:
        pointer, left, right = waiting.pop()
        if left == right and isinstance(left, bool) == isinstance(right, bool):
            continue
        inner = list(_inner(pointer, left, right))
        if not inner:
            return Difference(pointer=pointer or "/", before=left, after=right)
        waiting.extend(reversed(inner))
    return None


def _inner(pointer: str, left: Any, right: Any) -> list[tuple[str, Any, Any]]:
    if isinstance(left, dict) and isinstance(right, dict):
        keys = sorted({*left, *right})
        return [(f"{pointer}/{_escaped(key)}", left.get(key, ABSENT), right.get(key, ABSENT)) for key in keys]
    if isinstance(left, list) and isinstance(right, list):
        length = max(len(left), len(right))
        return [(f"{pointer}/{index}", _item(left, index), _item(right, index)) for index in range(length)]
    return []


def _item(values: list[Any], index: int) -> Any:
    return values[index] if index < len(values) else ABSENT


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
