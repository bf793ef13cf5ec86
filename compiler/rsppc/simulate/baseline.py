"""The baseline: the moments of every turn, and their percentiles, which gates judge.

Times are whole microseconds on the virtual clock. A percentile is the nearest rank, `ceil(p * n) - 1` of the sorted
values, and null where no turn has both moments; nothing is averaged and nothing interpolated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rsppc.base.canonical_json import digest_value
from rsppc.base.record import Record
from rsppc.contracts.figures import SPANS, percentile
from rsppc.simulate.turn import Turn

SCHEMA_VERSION = "rspp.simulation.baseline.v1"

_ENDS = (("commit", "close"), ("abort", "close"))


class TurnFigures(Record):
    """What a baseline keeps of one turn."""

    turn_id: str
    accepted: bool
    outcome: str
    """`commit`, `abort`, or for a turn that did not open what was decided in its place."""
    reason: str
    anchors: dict[str, int]
    terminals: tuple[str, ...]
    """The terminal signals that were given, in order."""
    events: int
    outputs: int
    stale_accepted: int
    stale_rejected: int
    or02_complete: bool

    def value(self) -> dict[str, Any]:
        return {
            "turn_id": self.turn_id,
            "accepted": self.accepted,
            "outcome": self.outcome,
            "reason": self.reason,
            "anchors_us": self.anchors,
            "terminals": list(self.terminals),
            "events": self.events,
            "outputs": self.outputs,
            "stale_accepted": self.stale_accepted,
            "stale_rejected": self.stale_rejected,
            "or02_complete": self.or02_complete,
        }


def figures_of(turn: Turn, *, events: int, or02_complete: bool) -> TurnFigures:
    """What a baseline keeps of a turn that is over."""
    accepted = turn.plan is not None
    ends = tuple(name for name in turn.signals if name in ("commit", "abort", "close"))
    outcome = ends[0] if ends else turn.outcomes[-1]["outcome_kind"]
    reason = turn.cause() if turn.causes else "completed" if accepted else turn.outcomes[-1]["reason"]
    return TurnFigures(
        turn_id=turn.turn_id,
        accepted=accepted,
        outcome=outcome,
        reason=reason,
        anchors=dict(turn.anchors),
        terminals=ends,
        events=events,
        outputs=turn.outputs,
        stale_accepted=turn.stale_accepted,
        stale_rejected=sum(one["count"] for one in turn.rejected if one["reason"] == "stale_epoch"),
        or02_complete=or02_complete,
    )


def span(turns: Iterable[TurnFigures], name: str) -> list[int]:
    """How long something took, in each accepted turn that has both moments."""
    start, end = SPANS[name]
    return [
        one.anchors[end] - one.anchors[start]
        for one in turns
        if one.accepted and start in one.anchors and end in one.anchors
    ]


def baseline_of(turns: Sequence[TurnFigures], header: dict[str, Any], totals: dict[str, Any]) -> dict[str, Any]:
    """The baseline of a run, as plain values. `digest` is that of everything else, so that a later change shows."""
    accepted = [one for one in turns if one.accepted]
    percentiles = {}
    for name in SPANS:
        values = span(turns, name)
        percentiles[name] = {
            "count": len(values),
            "p50_us": percentile(values, 500),
            "p95_us": percentile(values, 950),
        }
    body = {
        **header,
        "schema_version": SCHEMA_VERSION,
        "turns": [one.value() for one in turns],
        "percentiles": percentiles,
        "totals": {
            **totals,
            "proposed": len(turns),
            "accepted": len(accepted),
            "committed": sum(one.outcome == "commit" for one in accepted),
            "cancelled": sum(one.reason == "cancel" for one in accepted),
            "aborted": sum(one.outcome == "abort" and one.reason != "cancel" for one in accepted),
            "refused": len(turns) - len(accepted),
            "or02_complete": sum(one.or02_complete for one in accepted),
            "one_terminal_and_close": sum(one.terminals in _ENDS for one in accepted),
        },
    }
    return {**body, "digest": digest_value(body)}
