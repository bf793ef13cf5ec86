"""How long packages are kept: a class gives a first date, which may move later, never earlier; a hold stops the clock.

What may be collected follows from events and the given time. A clock that goes backwards frees nothing: dates are
counted from the latest time that the log has seen, and reached by the time that is given.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rsppc.store.config import RetentionClass


def stamp(moment: datetime) -> str:
    """A moment as events hold it: UTC, to the second."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def expiry(retention: RetentionClass, at: datetime) -> str | None:
    """Until when a package that is finalised now is kept; None is for ever."""
    if retention.days is None:
        return None
    try:
        return stamp(at + timedelta(days=retention.days))
    except OverflowError:
        return "9999-12-31T23:59:59Z"


def later_of(at: datetime, latest: str) -> datetime:
    """The given time, or the latest that the log has seen, whichever is later."""
    if not latest:
        return at
    seen = datetime.strptime(latest, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return max(at, seen)
