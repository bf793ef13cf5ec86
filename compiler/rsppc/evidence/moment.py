"""Points in time as evidence writes them: UTC, whole seconds, `2026-01-01T00:00:00Z`."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_FORM = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)


def read_moment(text: str) -> datetime | None:
    """The point in time that a text states in the one form that evidence uses; None where it states none."""
    if _FORM.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def moment_text(moment: datetime) -> str:
    """A point in time, as evidence writes it."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
