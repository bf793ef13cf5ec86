"""A fragment held against a whole: what is written must be there, what is not written may be anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.record import Record
from rsppc.spectest.declarations import EXACT


class Difference(Record):
    """A place at which a whole does not say what a fragment expects."""

    container: Any
    """The mapping or list of the fragment in which the expected value stands."""
    key: Any
    path: str
    """Of the whole, in dots."""
    expected: Any
    found: Any
    is_there: bool
    """Whether the whole has anything at this place."""
    whole: Any = None
    """Where something is there that an exact fragment does not expect: all that is there beside it."""


def differences(fragment: Any, whole: Any, path: str = "", *, exact: bool = False) -> Iterator[Difference]:
    """Where a whole differs from a mapping or list that stands for a part of it, in the order written."""
    if isinstance(fragment, dict):
        for written in fragment:
            key = str(written).removesuffix(EXACT)
            is_there = isinstance(whole, dict) and key in whole
            found = whole[key] if is_there else None
            yield from _at(fragment, written, _joined(path, key), found, is_there, exact or written != key)
        if exact and isinstance(whole, dict):
            written_keys = {str(key).removesuffix(EXACT) for key in fragment}
            for key in sorted(whole.keys() - written_keys):
                yield Difference(
                    container=fragment,
                    key=None,
                    path=_joined(path, key),
                    expected=None,
                    found=whole[key],
                    is_there=True,
                    whole=whole,
                )
        return
    for index, _ in enumerate(fragment):
        is_there = isinstance(whole, list) and index < len(whole)
        found = whole[index] if is_there else None
        yield from _at(fragment, index, _joined(path, str(index)), found, is_there, exact)


def _at(container: Any, key: Any, path: str, found: Any, is_there: bool, exact: bool) -> Iterator[Difference]:
    expected = container[key]
    inner = isinstance(expected, dict) and isinstance(found, dict) and bool(expected or not exact)
    if inner or (isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found)):
        yield from differences(expected, found, path, exact=exact)
    elif not same(expected, found) or (expected is not None and not is_there):
        yield Difference(container=container, key=key, path=path, expected=expected, found=found, is_there=is_there)


def same(expected: Any, found: Any) -> bool:
    """Whether two values are one; Python takes 1 for `True`."""
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, dict) and isinstance(found, dict):
        return expected.keys() == found.keys() and all(same(expected[key], found[key]) for key in expected)
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(same(one, two) for one, two in zip(expected, found, strict=True))
    return bool(expected == found)


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
