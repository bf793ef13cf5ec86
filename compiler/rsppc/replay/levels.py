"""How much is recorded when the recorder cannot keep up: down from L2 to L1 to L0, by rule, and never below.

The same samples always give the same levels. Within a turn the level only falls; at the beginning of the next one it
returns to what was asked for, if the load has gone. Evidence at L0 is written whatever the load.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rsppc.base.record import Record

LEVELS = ("L0", "L1", "L2")
HELD_MS = 500
"""How long a load must last to count."""
LOAD_MILLI = {"L1": 800, "L0": 900}
"""From which load on there is no more recorded than this level."""
LAG_MS = {"L1": 2000, "L0": 5000}
"""How far the export may fall behind before no more is recorded than this level."""


class Sample(Record):
    """How the recorder does at a moment: its load in thousandths, and how far the export is behind."""

    at_ms: int
    load_milli: int
    lag_ms: int = 0
    begins_turn: bool = False
    """Whether a turn begins here."""


class LevelChange(Record):
    """A level from a moment on, with why it changed."""

    at_ms: int
    level: str
    reason: str

    def signal(self) -> dict[str, Any]:
        """The control signal that says so; going back up at the beginning of a turn is no news."""
        return {
            "signal": "recording_level_downgraded",
            "emitted_by": "OR-02",
            "at_ms": self.at_ms,
            "level": self.level,
            "reason": self.reason,
        }


def changes(samples: Iterable[Sample], asked: str) -> Iterator[LevelChange]:
    """Each change of level, in order. `asked` is the level of the recording policy; samples are in order of time."""
    level = asked
    since: dict[str, int | None] = {"L1": None, "L0": None}
    for sample in samples:
        if sample.begins_turn and level != asked and not _presses(sample):
            level = asked
            yield LevelChange(at_ms=sample.at_ms, level=level, reason="turn_begins")
        for lower in ("L1", "L0"):
            began = since[lower] if sample.load_milli >= LOAD_MILLI[lower] else None
            if began is None and sample.load_milli >= LOAD_MILLI[lower]:
                began = sample.at_ms
            since[lower] = began
            reason = _reason(sample, lower, began)
            if reason and LEVELS.index(lower) < LEVELS.index(level):
                level = lower
                yield LevelChange(at_ms=sample.at_ms, level=level, reason=reason)


def _presses(sample: Sample) -> bool:
    """Whether the load is such that a level would fall again at once."""
    return sample.load_milli >= LOAD_MILLI["L1"] or sample.lag_ms >= LAG_MS["L1"]


def _reason(sample: Sample, lower: str, began: int | None) -> str:
    """Why no more than a level is recorded; empty where nothing stands against it."""
    if sample.lag_ms >= LAG_MS[lower]:
        return f"export_lag_{LAG_MS[lower]}_ms"
    if began is not None and sample.at_ms - began >= HELD_MS:
        return f"recorder_load_{LOAD_MILLI[lower]}_milli"
    return ""


def downgrades(samples: Iterable[Sample], asked: str) -> Iterator[dict[str, Any]]:
    """The signals that a runtime gives: one for each step down."""
    level = asked
    for change in changes(samples, asked):
        if LEVELS.index(change.level) < LEVELS.index(level):
            yield change.signal()
        level = change.level
