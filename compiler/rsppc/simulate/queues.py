"""The queue of one edge, under the bounds and the strategy that the plan gives it.

A queue is never above its bounds: what does not fit is merged, shed, or has to wait outside (`block`). Milliseconds
bound how much audio waits, and of everything else how long it waits: audio is played in its own time, so that its
length says what its age would say too late.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.simulate.items import Item, merged

Strategy = Literal["block", "merge", "latest_only", "drop_newest", "drop_oldest", "sample"]
TAKEN, MERGED, SHED, BLOCKED = range(4)
"""What became of an offer. `SHED`: something was lost, the offered item or an earlier one; see `Queue.gone`."""

SAMPLE_EVERY = 4
"""Above the high watermark, a sampling queue keeps one item of so many."""
_SAME = {"coalesce": "merge", "drop": "drop_newest"}


class Bounds(Record):
    """What a queue may hold, and when it tells its producer."""

    strategy: Strategy
    items: int
    bytes: int
    queue_us: int
    block_us: int
    high_items: int
    low_items: int
    high_us: int
    low_us: int


def bounds_of(buffer: Mapping[str, Any]) -> Bounds:
    """The bounds in an edge's `buffer` of the ResolvedSpec."""
    items, queue_ms = buffer["max_queue_items"], buffer["max_queue_ms"]
    marks = buffer.get("watermarks", {})
    by_items = marks.get("queue_items") or {"high": items, "low": items // 2}
    by_time = marks.get("queue_ms") or {"high": queue_ms, "low": queue_ms // 2}
    return Bounds(
        strategy=_SAME.get(buffer["strategy"], buffer["strategy"]),
        items=items,
        bytes=buffer["max_queue_bytes"],
        queue_us=queue_ms * 1000,
        block_us=buffer.get("max_block_time_ms", 0) * 1000,
        high_items=by_items["high"],
        low_items=by_items["low"],
        high_us=by_time["high"] * 1000,
        low_us=by_time["low"] * 1000,
    )


class Queue:
    """Items in order. Whoever offers or takes reads `gone` afterwards, if it is not empty, and empties it."""

    __slots__ = (
        "age_us",
        "bounds",
        "bytes",
        "entries",
        "gone",
        "is_high",
        "max_bytes",
        "max_items",
        "max_us",
        "media_us",
        "merges",
        "offers",
        "peak",
        "sampled",
        "sheds",
    )

    def __init__(self, bounds: Bounds, age_us: int | None = None) -> None:
        self.entries: deque[tuple[int, Item]] = deque()
        """Each with the time at which it came."""
        self.bytes = self.media_us = 0
        self.gone: list[Item] = []
        """What was lost or became part of another item since somebody looked."""
        self.is_high = False
        """Whether the high watermark was reached, and the low one not since."""
        self.offers = self.merges = self.sheds = self.peak = self.sampled = 0
        self.configure(bounds, age_us)

    def configure(self, bounds: Bounds, age_us: int | None = None) -> None:
        """Take other bounds; what is above them goes with the next offer."""
        self.bounds = bounds
        self.max_items, self.max_bytes, self.max_us = bounds.items, bounds.bytes, bounds.queue_us
        self.age_us = bounds.queue_us if age_us is None else age_us

    def offer(self, now: int, item: Item) -> int:
        """Put an item in, as far as bounds and strategy allow."""
        self.offers += 1
        entries = self.entries
        if entries and not entries[0][1].media_us and now - entries[0][0] > self.age_us:
            self.expire(now)
        if (
            len(entries) < self.max_items
            and self.bytes + item.size <= self.max_bytes
            and self.media_us + item.media_us <= self.max_us
            and not (self.is_high and self.bounds.strategy == "sample")
        ):
            self._append(now, item)
            return TAKEN
        return self.squeeze(now, item, self.bounds.strategy)

    def squeeze(self, now: int, item: Item, strategy: str) -> int:
        """Put an item in where there is no room for it, or where its lane is to carry less."""
        if strategy == "block":
            return BLOCKED
        if strategy == "sample":
            self.sampled += 1
            strategy = "drop_newest" if self.sampled % SAMPLE_EVERY else "drop_oldest"
        if strategy == "merge" and self._merge(now, item):
            return MERGED
        if strategy == "drop_newest" or not self._fits_alone(item):
            self._lose(item)
            return SHED
        if strategy == "latest_only":
            self.clear()
        while self.entries and not self._fits(item):
            self._lose(self._popleft())
        self._append(now, item)
        return SHED if self.gone else TAKEN

    def take(self, now: int) -> Item | None:
        """The oldest item; what has waited too long goes before it."""
        entries = self.entries
        if entries and not entries[0][1].media_us and now - entries[0][0] > self.age_us:
            self.expire(now)
        if not entries:
            return None
        item = entries.popleft()[1]
        self.bytes -= item.size
        self.media_us -= item.media_us
        return item

    def expire(self, now: int) -> None:
        """Let go of what has waited longer than it may."""
        entries = self.entries
        while entries and not entries[0][1].media_us and now - entries[0][0] > self.age_us:
            self._lose(self._popleft())

    def clear(self) -> None:
        """Let go of everything."""
        while self.entries:
            self._lose(self._popleft())

    def remove(self, turn: object) -> list[Item]:
        """Take out what belongs to a turn; that is no loss but the turn's end."""
        gone = [item for _, item in self.entries if item.turn is turn]
        if gone:
            kept = [entry for entry in self.entries if entry[1].turn is not turn]
            self.entries.clear()
            self.entries.extend(kept)
            self.bytes -= sum(item.size for item in gone)
            self.media_us -= sum(item.media_us for item in gone)
        return gone

    def has_reached_high(self) -> bool:
        bounds = self.bounds
        return len(self.entries) >= bounds.high_items or self.media_us >= bounds.high_us

    def has_reached_low(self) -> bool:
        bounds = self.bounds
        return len(self.entries) <= bounds.low_items and self.media_us <= bounds.low_us

    def _append(self, now: int, item: Item) -> None:
        entries = self.entries
        entries.append((now, item))
        self.bytes += item.size
        self.media_us += item.media_us
        if len(entries) > self.peak:
            self.peak = len(entries)

    def _popleft(self) -> Item:
        item = self.entries.popleft()[1]
        self.bytes -= item.size
        self.media_us -= item.media_us
        return item

    def _fits(self, item: Item) -> bool:
        return (
            len(self.entries) < self.max_items
            and self.bytes + item.size <= self.max_bytes
            and self.media_us + item.media_us <= self.max_us
        )

    def _fits_alone(self, item: Item) -> bool:
        return item.size <= self.max_bytes and item.media_us <= self.max_us

    def _merge(self, now: int, item: Item) -> bool:
        """Make one of the last item and this one; only what is of one kind and one turn can be merged."""
        if not self.entries:
            return False
        came, last = self.entries[-1]
        if last.mode != item.mode or last.turn is not item.turn:
            return False
        if self.bytes + item.size > self.max_bytes or self.media_us + item.media_us > self.max_us:
            return False
        self.entries[-1] = (came, merged(last, item))
        self.bytes += item.size
        self.media_us += item.media_us
        self.merges += 1
        self.gone.append(item)
        return True

    def _lose(self, item: Item) -> None:
        self.sheds += 1
        self.gone.append(item)
