"""What all requests of one server share."""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime

from rsppc.diagnostics.visible import visible
from rsppc.serving.limits import Limits
from rsppc.serving.problems import Told
from rsppc.serving.threads import Threads
from rsppc.serving.tokens import Token
from rsppc.store.registry import Registry

_HEAD_S = 0.25
"""How old the number of the last event may be for those who wait for a further one."""


class Service:
    """A store that is served. `others` are tokens that are let in besides those of the store."""

    def __init__(
        self, folder: str, clock: Callable[[], datetime], *, limits: Limits | None = None, others: Sequence[Token] = ()
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.limits = limits if limits is not None else Limits()
        self.others = tuple(others)
        self.threads = Threads(folder, self.limits)
        self.bodies = asyncio.Semaphore(self.limits.bodies_max)
        self.projecting = asyncio.Semaphore(2)
        self.stopping = False
        self._head = (-1.0, 0)
        self._asking = asyncio.Lock()

    async def head(self) -> int:
        """The number of the last event, as it was a moment ago: many who wait ask the store once."""
        async with self._asking:
            now = asyncio.get_running_loop().time()
            if now - self._head[0] > _HEAD_S:
                self._head = (now, await self.threads.read(_last_event))
        return self._head[1]

    def note(self, told: Told, error: BaseException | None, place: str) -> None:
        """Say in the server's own output what the caller is not told."""
        print(f"rsppc: incident {told.problem.incident} at {place}: {visible(told.private or '')}", file=sys.stderr)
        if error is not None and told.problem.code == "server-bug":
            traceback.print_exception(error, file=sys.stderr)

    def stop(self) -> None:
        """Let nobody wait any longer for what may happen."""
        self.stopping = True

    def close(self) -> None:
        self.threads.close()


def _last_event(registry: Registry) -> int:
    with registry.log.spoken():
        return registry.log.last().seq
