"""How a check can end."""

from __future__ import annotations

from collections.abc import Sequence

from rsppc.base.record import Record

_SHOWN_MAX = 20


class Passed(Record, kw_only=False):
    summary: str
    """What was seen: counts that show that something was checked at all."""


class Failed(Record, kw_only=False):
    summary: str
    details: str = ""


class NotRun(Record, kw_only=False):
    summary: str
    """Why not."""


Outcome = Passed | Failed | NotRun


def outcome(problems: Sequence[str], seen: str) -> Outcome:
    """Passed where there are no problems; else the first few of them, in full."""
    if not problems:
        return Passed(seen)
    more = [f"… and {len(problems) - _SHOWN_MAX} more"] if len(problems) > _SHOWN_MAX else []
    return Failed(f"{len(problems)} problems; {seen}", "\n".join([*problems[:_SHOWN_MAX], *more]))
