"""Where the store is asked: in a bounded number of threads, since a registry is for one thread and its calls wait.

Each thread opens a registry when it first needs one, and another one when the files under it were exchanged, as
`rsppc store rebuild` does.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from rsppc.serving.limits import Limits
from rsppc.store.config import CONFIG
from rsppc.store.log import DATABASE
from rsppc.store.places import is_read_only
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, open_store

_Given = TypeVar("_Given")
_Identity = tuple[int, ...]


class Threads:
    """The threads of one server."""

    def __init__(self, folder: str, limits: Limits) -> None:
        self._folder = folder
        self._readers = ThreadPoolExecutor(limits.readers, "store-reader")
        self._writers = ThreadPoolExecutor(limits.writers, "store-writer")
        self._own = threading.local()
        self._mutex = threading.Lock()
        self._open: list[Registry] = []

    async def read(self, work: Callable[[Registry], _Given]) -> _Given:
        """What a question to the store gives."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, lambda: work(self._registry()))

    async def write(self, work: Callable[[Registry], _Given]) -> _Given:
        """What a change of the store gives."""
        return await asyncio.get_running_loop().run_in_executor(self._writers, lambda: work(self._registry()))

    async def run(self, work: Callable[[], _Given]) -> _Given:
        """What waits for a disk and needs no registry."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)

    def close(self) -> None:
        """Wait for what is being done, and close what was opened."""
        self._readers.shutdown()
        self._writers.shutdown()
        for registry in self._open:
            registry.close()
        self._open.clear()

    def _registry(self) -> Registry:
        try:
            identity = self._identity()
            held: tuple[Registry, _Identity] | None = getattr(self._own, "held", None)
            if held is None or held[1] != identity:
                held = self._own.held = (self._exchanged(held[0] if held is not None else None), identity)
        except StoreProblem as problem:  # a store that was there is not to be opened: nobody's fault who asks
            raise StoreProblem("environment", problem.what, problem.advice) from None
        return held[0]

    def _exchanged(self, old: Registry | None) -> Registry:
        if old is not None:
            with self._mutex, suppress(ValueError):
                self._open.remove(old)
            self._own.held = None
            old.close()
        registry = open_store(self._folder, writable=not is_read_only(self._folder))
        with self._mutex:
            self._open.append(registry)
        return registry

    def _identity(self) -> _Identity:
        """Which files the store consists of."""
        try:
            database, config = (os.stat(os.path.join(self._folder, name)) for name in (DATABASE, CONFIG))
        except OSError:
            raise StoreProblem("environment", f"there is no store in `{self._folder}` any more") from None
        return (database.st_dev, database.st_ino, config.st_ino, config.st_mtime_ns)
