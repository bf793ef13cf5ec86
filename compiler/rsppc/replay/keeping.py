"""Which sessions are recorded above L0, and how long recordings are kept. Both follow from names and times alone."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256

DAYS_MAX = 36_500
"""Longer than this is for ever."""


def sampled(session_id: str, sampling_milli: int) -> bool:
    """Whether a session is recorded above L0, for a share in thousandths. Every runtime gives the same answer, and who
    is in a small share is in every larger one."""
    drawn = int.from_bytes(sha256(session_id.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return drawn % 1000 < sampling_milli


def retention_ends(recorded_at: datetime, days: int) -> datetime:
    """From when on a recording is kept no longer."""
    return recorded_at + timedelta(days=min(days, DAYS_MAX))
