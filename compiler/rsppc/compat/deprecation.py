"""How far something is on its way out. Each step takes effect as its day begins, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Literal

from rsppc.base.record import Record

State = Literal["upcoming", "warning", "enforced", "removed"]

STATES: tuple[State, ...] = ("upcoming", "warning", "enforced", "removed")
STEPS = ("warning", "enforce", "remove")


class Window(Record):
    """The three days of one deprecation, each later than the one before."""

    warning: date
    enforce: date
    remove: date


class NextStep(Record):
    """What comes next, and when."""

    step: str
    day: date
    days_left: int


def day_of(written: str) -> date | None:
    """The day that a date states; None where the calendar has no such day."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None


def window_of(deprecation: Mapping[str, Any]) -> Window | None:
    """The days of a deprecation; None where they are missing, unreal, or not in order, which has been reported then."""
    days = [day_of(deprecation[step]) for step in STEPS if step in deprecation]
    if len(days) < len(STEPS) or None in days:
        return None
    warning, enforce, remove = (day for day in days if day is not None)
    return Window(warning=warning, enforce=enforce, remove=remove) if warning < enforce < remove else None


def state_at(window: Window, moment: datetime) -> State:
    """How far it is at a point in time."""
    today = moment.astimezone(UTC).date()
    return STATES[sum(day <= today for day in (window.warning, window.enforce, window.remove))]


def next_step(window: Window, moment: datetime) -> NextStep | None:
    """The next day on which something changes; None where it is gone already."""
    today = moment.astimezone(UTC).date()
    for step in STEPS:
        day: date = getattr(window, step)
        if day > today:
            return NextStep(step=step, day=day, days_left=(day - today).days)
    return None
