"""The virtual clock: what is to happen, in the order in which it happens.

Times are whole microseconds from the start of the session. What falls on one microsecond happens by lane, ControlLane
first, and then in the order in which it was scheduled; nothing is left to the order of a hash or of memory.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from hashlib import sha256
from heapq import heappop, heappush
from typing import Any, TypeAlias

CONTROL, DATA, TELEMETRY = 0, 1, 2
LANES = ("ControlLane", "DataLane", "TelemetryLane")
RANKS = {"ControlLane": CONTROL, "DataLane": DATA, "TelemetryLane": TELEMETRY}

Act: TypeAlias = Callable[[Any, Any], None]
Event: TypeAlias = tuple[int, int, int, Act, Any, Any]
"""When, the rank of its lane, its number, what is done, and with what."""


class Clock:
    """Events by time, lane and number."""

    __slots__ = ("_check", "_trace", "count", "event", "heap", "now", "number", "stopped")

    def __init__(self, check: Callable[[Event, list[Event]], None]) -> None:
        self.heap: list[Event] = []
        self.now = 0
        self.number = 0
        self.count = 0
        """Events that have happened."""
        self.event: Event | None = None
        """The one that is happening."""
        self.stopped = False
        self._check = check
        self._trace: list[int] = []

    def digest(self) -> str:
        """Digest of when and on which lane events happened since it was asked for last."""
        trace = self._trace
        made = sha256(struct.pack(f"<{len(trace)}Q", *trace)).hexdigest()
        trace.clear()
        return made

    def at(self, at_us: int, rank: int, act: Act, first: Any = None, second: Any = None) -> None:
        """Let something happen at a time, not before now."""
        self.number += 1
        heappush(self.heap, (at_us if at_us > self.now else self.now, rank, self.number, act, first, second))

    def after(self, delay_us: int, rank: int, act: Act, first: Any = None, second: Any = None) -> None:
        """Let something happen after a while."""
        self.number += 1
        heappush(self.heap, (self.now + delay_us, rank, self.number, act, first, second))

    def run(self) -> None:
        """Let things happen until nothing is left or somebody stops the clock. Each event is checked before it acts."""
        heap, check, remember = self.heap, self._check, self._trace.append
        while heap and not self.stopped:
            event = heappop(heap)
            self.event = event
            check(event, heap)
            self.now = event[0]
            self.count += 1
            remember(event[0] << 2 | event[1])
            event[3](event[4], event[5])
