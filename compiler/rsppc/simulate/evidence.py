"""The OR-02 record of an accepted turn, at recording level L0: what must be known of it when nothing else is kept."""

from __future__ import annotations

from typing import Any

from rsppc.model.contract_observability import COMPLETED, SCHEMA_VERSION
from rsppc.simulate.timeline import Timeline
from rsppc.simulate.turn import Turn

REDACTIONS = {
    "audio_raw": "drop",
    "text_raw": "drop",
    "derived_summary": "drop",
    "PII": "drop",
    "PHI": "drop",
    "metadata": "allow",
}
"""At L0 no payload is kept; each class of payload has exactly one decision."""


def evidence_of(turn: Turn, timeline: Timeline, *, profile: str) -> dict[str, Any]:
    """The record of a turn that was accepted and is closed."""
    plan = turn.plan
    assert plan is not None
    contract, determinism = plan.contract, plan.determinism_context
    at = {name: timeline.wall_ms(moment) for name, moment in turn.anchors.items()}
    terminals = [name for name in turn.signals if name in ("commit", "abort")]
    record: dict[str, Any] = {
        "session_id": timeline.session_id,
        "turn_id": turn.turn_id,
        "pipeline_version": contract["pipeline_version"],
        "resolved_turn_plan_id": plan.resolved_turn_plan_id,
        "plan_hash": plan.plan_hash,
        "execution_profile_version": profile,
        "lease_epoch_at_turn_open": turn.epoch,
        "lease_epoch_at_terminal": turn.epoch_at_terminal,
        "admission_outcome": turn.outcomes[0]["outcome_kind"],
        "snapshot_provenance": contract["snapshot_provenance"],
        "determinism_seed": determinism["seed"],
        "merge_rule_id": determinism["merge_rule_id"],
        "merge_rule_version": determinism["merge_rule_version"],
        "ordering_markers": determinism["ordering_markers"],
        "nondeterministic_inputs": determinism["nondeterministic_inputs"],
        "turn_open_timestamp_ms": at.get("turn_open"),
        "terminal_outcome": terminals[0] if len(terminals) == 1 else None,
        "terminal_reason": turn.cause() if turn.causes else COMPLETED,
        "terminal_timestamp_ms": at.get("terminal"),
        "turn_close_timestamp_ms": at.get("close"),
        "provider_invocations": turn.calls,
        "decision_outcomes": turn.outcomes,
        "redaction_decisions": REDACTIONS,
        "or02_evidence_schema_version": SCHEMA_VERSION,
    }
    if "cancel_accepted" in at:
        record["cancel_scope"] = turn.cancel_scope
        record["cancel_accepted_timestamp_ms"] = at["cancel_accepted"]
        record["cancel_fence_timestamp_ms"] = at.get("cancel_fence_applied")
        record["post_cancel_rejections"] = turn.rejected
    elif turn.rejected:
        record["rejections"] = turn.rejected
    return record
