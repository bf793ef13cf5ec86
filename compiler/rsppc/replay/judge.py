"""Whether differences may be: judged by the manifest's policy, by what was expected, and by what somebody approved.

A difference in authority always fails. An expected difference that does not occur fails as well: whoever expected it
was wrong about the change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.replay.divergence import Divergence
from rsppc.replay.manifest import CLASSES, MILDEST

Verdict = Literal["fail", "expected", "approved", "tolerated"]
EVERY_TURN = "*"


class Expected(Record):
    """A difference that somebody said would be, or that somebody approved."""

    turn_id: str
    """A turn, `session` for what concerns all of them, or `*` for any."""
    kind: str
    field: str | None = None
    approved_by: str | None = None

    def means(self, found: Divergence) -> bool:
        return (
            self.turn_id in (EVERY_TURN, found.turn_id)
            and self.kind == found.kind
            and self.field in (None, found.field)
        )

    def sentence(self) -> str:
        field = f" in `{self.field}`" if self.field is not None else ""
        turn = "any turn" if self.turn_id == EVERY_TURN else f"`{self.turn_id}`"
        return f"{self.kind}{field} of {turn}"


class Expectations(Record):
    """What a file of expectations says."""

    expected: tuple[Expected, ...] = ()
    approvals: tuple[Expected, ...] = ()


NOTHING = Expectations()
"""Nothing is expected, and nothing approved."""


class Judged(Record):
    """A difference with what was judged about it."""

    divergence: Divergence
    verdict: Verdict
    why: str

    def value(self) -> dict[str, Any]:
        return {**self.divergence.value(), "verdict": self.verdict, "why": self.why}


class Judge:
    """Judges differences as they come; what was expected and never came is told at the end."""

    def __init__(self, policy: Mapping[str, str] = MILDEST, expectations: Expectations = NOTHING) -> None:
        self._policy = {**MILDEST, **policy}
        self._expected = expectations.expected
        self._approvals = expectations.approvals
        self._met: set[int] = set()
        self.counts = dict.fromkeys(CLASSES, 0)
        self.failing = 0

    def judge(self, found: Divergence) -> Judged:
        """What is to be thought of a difference."""
        verdict, why = self._verdict(found)
        self.counts[found.kind] += 1
        self.failing += verdict == "fail"
        return Judged(divergence=found, verdict=verdict, why=why)

    def _verdict(self, found: Divergence) -> tuple[Verdict, str]:
        rule = self._policy[found.kind]
        meant = [number for number, one in enumerate(self._expected) if one.means(found)]
        self._met.update(meant)
        if found.kind == "AUTHORITY":
            return "fail", "a difference in authority always fails"
        if rule == "tolerate":
            return "tolerated", "the manifest tolerates it"
        if rule == "fail_unless_expected":
            return ("expected", "it was expected") if meant else ("fail", "nobody expected it")
        if rule == "needs_approval":
            by = next((one.approved_by for one in self._approvals if one.means(found)), None)
            return ("approved", f"approved by {by}") if by is not None else ("fail", "nobody approved it")
        return "fail", "beyond the tolerance" if found.kind == "TIMING" else "the manifest lets none pass"

    def missing(self) -> tuple[Expected, ...]:
        """What was expected and did not occur; each counts as a failure."""
        return tuple(one for number, one in enumerate(self._expected) if number not in self._met)

    @property
    def failing_count(self) -> int:
        """Failures so far, and what was expected in vain."""
        return self.failing + len(self.missing())
