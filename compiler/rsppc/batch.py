"""Work on many items: one after the other, on several processors, or on other machines; results in order.

Where the work is done is an executor's business, and whoever asks cannot tell from the results. An executor on this
machine does the work as it is; others are sent all that it needs, by value, and leave the rest of it to be done here.

Workers of this machine are forked after the shared artifacts have been read, so that they need not read them again.
Each takes every n-th item and hands its results back through a pipe of its own; they are read in the order of the
items, so that outputs do not depend on the number of workers. A pipe that ends early tells of a worker that was killed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from rsppc.base.record import Record

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_Made = TypeVar("_Made", covariant=True)


class WorkerLost(Exception):
    """A worker ended before its work did: the system or somebody killed it, for want of memory perhaps."""


class ExecutorFault(Exception):
    """The work cannot be done where it was to be done."""

    def __init__(self, problem: str, advice: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice


class Parcel(Record):
    """What another machine needs of the work, besides rsppc itself."""

    data: bytes
    """The same for all items."""
    digest: str
    """Of the data, which is sent once."""
    work: Callable[[str, bytes, Sequence[str]], list[Any]]
    """A function of a module: the results of some items, by the digest and the data. `NOT_THERE` for an item that needs
    something of this machine after all."""
    identity: Callable[[], dict[str, str]]
    """A function of a module: what must be the same on both machines, by name."""


NOT_THERE = "needs the machine that asks"


class Job(Protocol[_Made]):
    """What is done with each item."""

    def here(self, item: str) -> _Made:
        """All of it, in this process or in one that shares its memory."""

    def parcel(self) -> Parcel:
        """What another machine needs for a first part of it."""

    def arrived(self, item: str, result: Any) -> _Made:
        """The rest of it, with what another machine has made."""


class Executor(Protocol):
    """Where work is done."""

    def each(self, items: Sequence[str], job: Job[_Result]) -> Iterator[_Result]:
        """A job on each item, in order."""

    @property
    def forks(self) -> bool:
        """Whether what is read before the work begins is shared by those who do it."""


class LocalProcesses(Record):
    """So many processes of this machine."""

    jobs: int

    @property
    def forks(self) -> bool:
        return self.jobs > 1

    def each(self, items: Sequence[str], job: Job[_Result]) -> Iterator[_Result]:
        return each(items, job.here, jobs=self.jobs)


def each(items: Sequence[_Item], work: Callable[[_Item], _Result], *, jobs: int) -> Iterator[_Result]:
    """`work` of each item, in order."""
    if jobs <= 1 or len(items) < 2:
        for item in items:
            yield work(item)
        return
    yield from _forked(items, work, min(jobs, len(items)))


def _forked(items: Sequence[_Item], work: Callable[[_Item], _Result], jobs: int) -> Iterator[_Result]:
    import multiprocessing  # these only where more than one processor is asked for
    import signal

    context = multiprocessing.get_context("fork")
    workers: list[tuple[ForkProcess, Connection]] = []
    try:
        # An interrupt in the middle of a fork would leave a worker that nobody knows, or one that takes itself for us.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        for number in range(jobs):
            ours, theirs = context.Pipe(duplex=False)
            others = [ours, *(connection for _, connection in workers)]
            arguments = (items[number::jobs], work, theirs, others)
            process = context.Process(target=_work_through, args=arguments, daemon=True)
            process.start()
            workers.append((process, ours))
            theirs.close()  # the worker's end is the only one, so that the pipe ends with the worker
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        for index in range(len(items)):
            yield _received(workers[index % jobs][1])
    finally:
        for process, ours in workers:
            ours.close()
            process.kill()
        for process, _ in workers:
            process.join()


def _work_through(
    items: Sequence[_Item], work: Callable[[_Item], _Result], results: Connection, others: Sequence[Connection]
) -> None:
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)  # who interrupts us interrupts the parent as well, and it speaks
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    for connection in others:
        connection.close()  # so that a worker whose parent is gone notices
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
