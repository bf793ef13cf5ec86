"""Work done by the workers of a Dask scheduler: the one module that imports `distributed`.

What is sent is a parcel that is known by its digest, once, and then names of items, a few at a time. Workers need no
files of ours, only the same rsppc. Dask does the work of a worker that is lost again on another one; what it cannot do,
it would wait for without end, so that the scheduler is asked from time to time whether there is still somebody.

Dask sends Python objects in both directions, and whoever reaches the scheduler can run code on the workers, and on us.
It is for networks in which everybody trusts everybody.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, TypeVar, cast

from distributed import Client, KilledWorker, get_worker

from rsppc.base.record import Record
from rsppc.batch import ExecutorFault, Job, Parcel

CONNECTING_MS_MAX = 10_000
ASKING_MS_MAX = 10_000
LOOK_MS = 5_000
"""How long a result is waited for before the scheduler is asked whether there is anybody who could bring it."""
WITHOUT_WORKERS_MS_MAX = 30_000
ITEMS_AT_ONCE_MAX = 32
SHARES = 8
"""How many pieces of work each worker gets, if there are enough: few cost little to send, many are spread evenly."""

_Result = TypeVar("_Result")


class DaskWorkers(Record):
    """The workers of a scheduler."""

    address: str
    """As Dask writes it."""
    name: str
    """As the user wrote it."""

    @property
    def forks(self) -> bool:
        return False

    def each(self, items: Sequence[str], job: Job[_Result]) -> Iterator[_Result]:
        """A job on each item, in order."""
        if not items:
            return
        _keep_quiet()
        parcel = job.parcel()
        try:
            client = _within(CONNECTING_MS_MAX, lambda: Client(self.address, set_as_default=False))
        except (OSError, TimeoutError, ValueError, ImportError):
            raise ExecutorFault(
                f"no scheduler answers at `{self.name}`", "start one with `dask scheduler`, or leave `--executor` out"
            ) from None
        try:
            work = _Work(client, self.name, parcel)
            work.check_workers()
            for item, result in zip(items, work.results(items), strict=True):
                yield job.arrived(item, result)
        finally:
            _close(client)


class _Work:
    def __init__(self, client: Client, name: str, parcel: Parcel) -> None:
        self._client = client
        self._name = name
        self._parcel = parcel
        self._own_identity = parcel.identity()
        self._lonely_ms = 0

    def check_workers(self) -> None:
        """Insist on workers, and on their being what we are."""
        if not self._workers():
            raise self._nobody()
        identity = self._parcel.identity
        found = self._ask(lambda: self._client.run(identity, on_error="return"))
        for address, theirs in sorted(found.items()):
            if "No module named" in str(theirs):
                raise ExecutorFault(
                    f"the worker {address} has no rsppc that we know",
                    "install the same version of rsppc there, and start the worker again",
                )
            if not isinstance(theirs, dict):
                raise ExecutorFault(f"the worker {address} does not answer: {theirs}", "start it again")
            _compare(address, self._own_identity, theirs)

    def results(self, items: Sequence[str]) -> Iterator[Any]:
        """What the workers make of each item, in order."""
        parcel = self._parcel
        size = max(1, min(ITEMS_AT_ONCE_MAX, len(items) // (SHARES * max(1, len(self._workers())))))
        pieces = [list(items[start : start + size]) for start in range(0, len(items), size)]
        common = (parcel.work, parcel.identity, self._own_identity)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a parcel is large
            # The scheduler keeps what it was sent, so that a worker that is lost takes nothing with it.
            sent = self._client.submit(_unchanged, parcel.data, key=f"rsppc-parcel-{parcel.digest}")
            waiting: list[Any] = [
                self._client.submit(_work, *common, parcel.digest, sent, piece, pure=False) for piece in pieces
            ]
        waiting.reverse()
        while waiting:
            yield from self._result(waiting.pop())  # after that no worker need keep it

    def _result(self, future: Any) -> list[Any]:
        while True:
            try:
                found = future.result(timeout=LOOK_MS / 1000)
            except TimeoutError:
                self._look()
                continue
            except KilledWorker as error:
                raise ExecutorFault(
                    f"a piece of work ended several workers: {error.task}", "give workers more memory, or use `--jobs`"
                ) from None
            except (CancelledError, asyncio.CancelledError, OSError):
                raise self._gone() from None
            if isinstance(found, _Unlike):
                _compare(found.address, self._own_identity, found.identity)
            self._lonely_ms = 0
            return list(found)

    def _look(self) -> None:
        """Give up where there is nobody left to wait for."""
        if self._workers():
            self._lonely_ms = 0
            return
        self._lonely_ms += LOOK_MS
        if self._lonely_ms >= WITHOUT_WORKERS_MS_MAX:
            raise self._nobody()

    def _workers(self) -> dict[str, Any]:
        found = self._ask(lambda: self._client.sync(self._client.scheduler.identity))
        return dict(found["workers"])

    def _ask(self, question: Callable[[], Any]) -> Any:
        try:
            return _within(ASKING_MS_MAX, question)
        except (OSError, TimeoutError, CancelledError, asyncio.CancelledError, AttributeError):
            raise self._gone() from None

    def _gone(self) -> ExecutorFault:
        return ExecutorFault(
            f"the scheduler at `{self._name}` does not answer any more", "start it, and run this again"
        )

    def _nobody(self) -> ExecutorFault:
        advice = "start some with `dask worker HOST:PORT`, where the same rsppc is installed"
        return ExecutorFault(f"the scheduler at `{self._name}` has no workers", advice)


class _Unlike(Record):
    """A worker that came later, and is another."""

    address: str
    identity: dict[str, str]


def _unchanged(data: bytes) -> bytes:
    return data


def _work(
    work: Callable[[str, bytes, Sequence[str]], list[Any]],
    identity: Callable[[], dict[str, str]],
    expected: dict[str, str],
    digest: str,
    data: bytes,
    items: list[str],
) -> list[Any] | _Unlike:
    """What a worker does; it may have come after the others were asked what they are."""
    own = identity()
    if own != expected:
        return _Unlike(address=get_worker().address, identity=own)
    return work(digest, data, items)


def _compare(address: str, ours: dict[str, str], theirs: dict[str, str]) -> None:
    for name, value in ours.items():
        other = theirs.get(name, "")
        if other != value:
            told = "is another one" if value.startswith("sha256:") else f"is {other or 'unknown'}, and {value} here"
            raise ExecutorFault(
                f"the worker {address} would give other results: {name} there {told}",
                "install the same version of rsppc there, and start the worker again",
            )


def _keep_quiet() -> None:
    """Dask logs what it meets; what matters of that is said by us, once."""
    for name in ("distributed", "distributed.client", "distributed.core", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _close(client: Any) -> None:
    with suppress(OSError, TimeoutError, CancelledError, asyncio.CancelledError):
        _within(ASKING_MS_MAX, lambda: client.close(timeout=2))


def _within(ms_max: int, work: Callable[[], _Result]) -> _Result:
    """What a function gives, if it does so in time. Dask itself waits without end for a scheduler that is stopped."""
    ended: SimpleQueue[tuple[_Result | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            ended.put((work(), None))
        except BaseException as error:
            ended.put((None, error))

    Thread(target=run, daemon=True).start()
    try:
        result, error = ended.get(timeout=ms_max / 1000)
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return cast(_Result, result)
