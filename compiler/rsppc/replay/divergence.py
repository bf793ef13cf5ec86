"""A difference between what was recorded and what a replay gave, as a value."""

from __future__ import annotations

from typing import Any

from rsppc.base.record import Record
from rsppc.replay.recording_lines import Line

SESSION = "session"
"""Stands for the turn of a difference that concerns all of them."""


class Where(Record):
    """A place in a recording."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Divergence(Record):
    """One difference: its class, what differs in which turn, what stands on either side, and where."""

    kind: str
    """One of `manifest.CLASSES`."""
    turn_id: str
    field: str
    recorded: Any
    replayed: Any
    recorded_at: Where | None = None
    replayed_at: Where | None = None
    diff_us: int | None = None
    """By how much times differ."""

    def value(self) -> dict[str, Any]:
        """Plain values, for reports."""
        found: dict[str, Any] = {
            "class": self.kind,
            "turn_id": self.turn_id,
            "field": self.field,
            "recorded": self.recorded,
            "replayed": self.replayed,
            "recorded_at": None if self.recorded_at is None else str(self.recorded_at),
            "replayed_at": None if self.replayed_at is None else str(self.replayed_at),
        }
        return found if self.diff_us is None else {**found, "diff_us": self.diff_us}


def where(line: Line | None, *route: str | int) -> Where | None:
    """The place of a value in a line."""
    if line is None:
        return None
    span = line.span(*route)
    return Where(file=line.path, line=line.number, column=span.start + 1)
