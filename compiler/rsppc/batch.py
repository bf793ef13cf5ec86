"""Compile many bundles: one after the other, or on several processors.

Workers are forked after the shared artifacts have been read, so that they need not read them again. Each takes every
n-th item and hands its results back through a pipe of its own; they are read in the order of the items, so that outputs
do not depend on the number of workers. A pipe that ends early tells of a worker that was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class WorkerLost(Exception):
    """A worker ended before its work did: the system or somebody killed it, for want of memory perhaps."""


def each(items: Sequence[_Item], work: Callable[[_Item], _Result], *, jobs: int) -> Iterator[_Result]:
    """`work` of each item, in order."""
    if jobs <= 1 or len(items) < 2:
        for item in items:
            yield work(item)
        return
    yield from _forked(items, work, min(jobs, len(items)))


def _forked(items: Sequence[_Item], work: Callable[[_Item], _Result], jobs: int) -> Iterator[_Result]:
    import multiprocessing  # only where more than one processor is asked for

    context = multiprocessing.get_context("fork")
    workers = []
    try:
        for number in range(jobs):
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_work_through, args=(items[number::jobs], work, theirs), daemon=True)
            process.start()
            theirs.close()  # the worker's end is the only one, so that the pipe ends with the worker
            workers.append((process, ours))
        for index in range(len(items)):
            yield _received(workers[index % jobs][1])
    finally:
        for process, ours in workers:
            ours.close()
            process.kill()
        for process, _ in workers:
            process.join()


def _work_through(items: Sequence[_Item], work: Callable[[_Item], _Result], results: Connection) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # who interrupts us interrupts the parent as well, and it speaks
    for item in items:
        try:
            result: Any = work(item)
        except Exception as error:
            from traceback import format_exc

            error.add_note(format_exc())  # the stack of this process does not travel by itself
            result = error
        results.send(result)


def _received(results: Connection) -> Any:
    try:
        result = results.recv()
    except (EOFError, ConnectionError):
        raise WorkerLost from None
    if isinstance(result, Exception):
        raise result
    return result
