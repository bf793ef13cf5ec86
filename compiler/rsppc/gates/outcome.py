"""What a check found, before it is sealed as evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.evidence.envelope import Checked


class Outcome(Record):
    """What a check found."""

    checks: tuple[Checked, ...]
    inputs: Mapping[str, str] = {}
    """Name and digest of what it looked at."""
    figures: Mapping[str, Any] = {}


def not_run(name: str, subject: str, why: str) -> Outcome:
    """The outcome of a check that could not be made."""
    return Outcome(checks=(Checked(check=name, subject=subject, status="not_run", message=why),))
