"""Compile many bundles: one after the other, or on several processors.

Workers are forked after the shared artifacts have been read, so that they need not read them again. What they hand back
is in the order of the entries, whatever the order in which they finish; outputs do not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

_WORK: tuple[Callable[[Any], Any], Sequence[Any]] | None = None


def each(items: Sequence[_Item], work: Callable[[_Item], _Result], *, jobs: int) -> Iterator[_Result]:
    """`work` of each item, in order."""
    if jobs <= 1 or len(items) < 2:
        for item in items:
            yield work(item)
        return
    yield from _forked(items, work, jobs)


def _forked(items: Sequence[_Item], work: Callable[[_Item], _Result], jobs: int) -> Iterator[_Result]:
    global _WORK
    import multiprocessing

    _WORK = (work, items)
    try:
        chunk = max(1, min(64, len(items) // (jobs * 4) or 1))
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            yield from pool.imap(_one, range(len(items)), chunksize=chunk)
    finally:
        _WORK = None


def _one(index: int) -> Any:
    assert _WORK is not None
    work, items = _WORK
    return work(items[index])
