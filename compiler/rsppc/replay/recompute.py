"""Make the decisions of a recording again: resolve each turn's plan from a bundle and a snapshot, and compare.

What changes within a session was recorded beside each decision: the epoch in force, the pressure, the providers that
were down. All else comes from the snapshot that is named. Nothing is simulated: it takes no providers, no audio and no
time, and it finds every change of a bundle that changes a plan.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from rsppc.base.record import replace
from rsppc.replay.divergence import SESSION, Divergence, Where, where
from rsppc.replay.recording import Recording
from rsppc.replay.recording_lines import Line
from rsppc.replay.recording_turns import RecordedTurn
from rsppc.turnplan import (
    ControlPlane,
    DecisionOutcome,
    LoadedBundle,
    ProviderState,
    ResolvedTurnPlan,
    Session,
    Turn,
    TurnPlanResolver,
)

_SECTIONS = ("routing", "provider_health", "admission", "lease", "pressure")


def recomputed(recording: Recording, bundle: LoadedBundle, plane: ControlPlane) -> Iterator[Divergence]:
    """In what the plans and refusals of a recording differ from those that are resolved now."""
    if recording.header is None:
        return
    resolver, header = TurnPlanResolver(bundle), recording.header.value
    if header["resolved_spec_id"] != bundle.resolved_spec_id:
        yield Divergence(
            kind="PLAN",
            turn_id=SESSION,
            field="resolved_spec_id",
            recorded=header["resolved_spec_id"],
            replayed=bundle.resolved_spec_id,
            recorded_at=where(recording.header, "resolved_spec_id"),
        )
    session = Session(session_id=header["session_id"], language=header["language"])
    for turn in recording.turns():
        known = turn.of_kind("inputs")
        if known is None or turn.is_tainted:
            continue
        now_ms = header["start_ms"] + known.at_us // 1000
        facts = Turn(
            turn_id=turn.turn_id,
            index=turn.index,
            now_ms=now_ms,
            runtime_timestamp_ms=known.at_us // 1000,
            authority_epoch=turn.epoch,
        )
        made = resolver.resolve(session, facts, _as_known(plane, known.value, now_ms))
        yield from _differences(turn, made, bundle)


def _as_known(plane: ControlPlane, known: dict[str, Any], now_ms: int) -> ControlPlane:
    """The snapshot as it was when the turn was decided on: fresh, and with what was recorded of it."""
    if plane.lease is not None and known["authority_epoch"] is not None:
        plane = replace(plane, lease=replace(plane.lease, authority_epoch=known["authority_epoch"]))
    if plane.pressure is not None:
        lanes = {name: known[name] for name in ("control_lane_milli", "data_lane_milli", "telemetry_lane_milli")}
        said = {name: value for name, value in lanes.items() if value is not None}
        plane = replace(plane, pressure=replace(plane.pressure, **said))
    if plane.provider_health is not None:
        states = dict(plane.provider_health.providers)
        for name in known["providers_down"]:
            states[name] = replace(states[name], state="down") if name in states else ProviderState(state="down")
        plane = replace(plane, provider_health=replace(plane.provider_health, providers=states))
    for name in _SECTIONS:
        section = getattr(plane, name)
        if section is not None and section.as_of_ms is not None:
            plane = replace(plane, **{name: replace(section, as_of_ms=now_ms)})
    return plane


def _differences(
    turn: RecordedTurn, made: ResolvedTurnPlan | DecisionOutcome, bundle: LoadedBundle
) -> Iterator[Divergence]:
    decided = turn.outcomes()[0] if turn.outcomes() else None
    said = None if decided is None else decided.value["outcome"]
    kind = made.outcome_kind if isinstance(made, DecisionOutcome) else "admit"
    recorded = None if said is None else said["outcome_kind"]
    if recorded != kind:
        is_authority = {recorded, kind} & {"stale_epoch_reject", "deauthorized_drain"}
        at = where(decided, "outcome", "outcome_kind")
        yield _differ(turn, "AUTHORITY" if is_authority else "OUTCOME", "admission_outcome", (recorded, kind), at)
    elif isinstance(made, DecisionOutcome) and said is not None and said["reason"] != made.reason:
        at = where(decided, "outcome", "reason")
        yield _differ(turn, "OUTCOME", "decision_outcomes[0].reason", (said["reason"], made.reason), at)
    if isinstance(made, ResolvedTurnPlan) and turn.evidence is not None:
        yield from _plan_differences(turn, turn.evidence, made, bundle)
        yield from _provider_differences(turn, turn.evidence, made)


def _plan_differences(
    turn: RecordedTurn, line: Line, made: ResolvedTurnPlan, bundle: LoadedBundle
) -> Iterator[Divergence]:
    record, contract, determinism = line.value["or02"], made.contract, made.determinism_context
    again = {
        "pipeline_version": contract["pipeline_version"],
        "plan_hash": made.plan_hash,
        "execution_profile_version": bundle.spec["execution_profile"],
        "merge_rule_id": determinism["merge_rule_id"],
        "merge_rule_version": determinism["merge_rule_version"],
        "snapshot_provenance": contract["snapshot_provenance"],
    }
    for field, value in again.items():
        if record[field] != value:
            yield _differ(turn, "PLAN", field, (record[field], value), where(line, "or02", field))
    if record["ordering_markers"] != determinism["ordering_markers"]:
        values = record["ordering_markers"], determinism["ordering_markers"]
        yield _differ(turn, "ORDERING", "ordering_markers", values, where(line, "or02", "ordering_markers"))


def _provider_differences(turn: RecordedTurn, line: Line, made: ResolvedTurnPlan) -> Iterator[Divergence]:
    """Providers that were called though the plan binds others: allowed after a switch, which is recorded."""
    bound = msgspec.json.decode(made.variant.node_provider_bindings)
    switched = {
        (one.value.get("node_id"), one.value.get("provider"))
        for one in turn.signals()
        if one.value["signal"] == "provider_switch"
    }
    for index, call in enumerate(line.value["or02"]["provider_invocations"]):
        node, provider = call["node_id"], call["provider_id"]
        if node in bound and provider != bound[node] and (node, provider) not in switched:
            field = f"provider_invocations[{index}].provider_id"
            at = where(line, "or02", "provider_invocations", index, "provider_id")
            yield _differ(turn, "PROVIDER_CHOICE", field, (provider, bound[node]), at)


def _differ(turn: RecordedTurn, kind: str, field: str, values: tuple[Any, Any], at: Where | None) -> Divergence:
    return Divergence(
        kind=kind, turn_id=turn.turn_id, field=field, recorded=values[0], replayed=values[1], recorded_at=at
    )
