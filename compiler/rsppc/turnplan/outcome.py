"""What is decided in the place of a plan: an outcome before the turn, never an exception and never half a plan."""

from __future__ import annotations

from typing import Any, Literal

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.turnplan.snapshot import Session, Turn

Kind = Literal["reject", "defer", "stale_epoch_reject", "deauthorized_drain"]


class DecisionOutcome(Record):
    """The runtime contract's `decision_outcome`, for the phase `pre_turn`. Emitters: RK-24 authority, RK-25 runtime,
    CP-05 admission."""

    outcome_kind: Kind
    scope: Literal["tenant", "session", "turn"]
    session_id: str
    turn_id: str
    event_id: str
    runtime_timestamp_ms: int
    wall_clock_timestamp_ms: int
    emitted_by: Literal["RK-24", "RK-25", "CP-05"]
    reason: str
    authority_epoch: int | None = None
    detail: str = ""
    """More for people than `reason` says; no part of the contract's object."""

    def value(self) -> dict[str, Any]:
        """The object of the contract, without what does not apply."""
        said: dict[str, Any] = {
            "outcome_kind": self.outcome_kind,
            "phase": "pre_turn",
            "scope": self.scope,
            "session_id": self.session_id,
            "event_id": self.event_id,
            "runtime_timestamp_ms": self.runtime_timestamp_ms,
            "wall_clock_timestamp_ms": self.wall_clock_timestamp_ms,
            "emitted_by": self.emitted_by,
            "reason": self.reason,
        }
        if self.scope == "turn":
            said["turn_id"] = self.turn_id
        if self.authority_epoch is not None:
            said["authority_epoch"] = self.authority_epoch
        return said

    def encode(self) -> bytes:
        """Canonical JSON of the contract's object."""
        return canonical(self.value())


def outcome(
    kind: Kind,
    reason: str,
    session: Session,
    turn: Turn,
    *,
    emitted_by: Literal["RK-24", "RK-25", "CP-05"] = "RK-25",
    scope: Literal["tenant", "session", "turn"] = "session",
    authority_epoch: int | None = None,
    detail: str = "",
) -> DecisionOutcome:
    """An outcome for a turn that does not open; the same inputs give the same one."""
    return DecisionOutcome(
        outcome_kind=kind,
        scope=scope,
        session_id=session.session_id,
        turn_id=turn.turn_id,
        event_id=f"{session.session_id}/{turn.turn_id}/{kind}",
        runtime_timestamp_ms=turn.runtime_timestamp_ms,
        wall_clock_timestamp_ms=turn.now_ms,
        emitted_by=emitted_by,
        reason=reason,
        authority_epoch=authority_epoch,
        detail=detail,
    )
