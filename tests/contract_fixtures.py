"""Our fixtures of the contracts: one valid and one invalid for every rule, and for every row of the emitter table.

Run as a script, this writes them below `golden/contracts/shipped/input/fixtures/`. An invalid one is named after the
rule that it breaks, with a variant behind two hyphens; `tests/unit/test_contract_fixtures.py` holds each to its name.
"""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

from rsppc.model.contract_controlplane import TRANSITIONS
from rsppc.model.contract_eventabi import SIGNALS, Signal
from rsppc.model.contracts import CONTRACTS

FOLDER = Path(__file__).parent.parent / "golden" / "contracts" / "shipped" / "input" / "fixtures"
EMITTERS = ("RK-02", "RK-03", "RK-11", "OR-02")
"""Emitters of which at least one is wrong for every signal."""

Value = dict[str, Any]


class Fixtures:
    """Texts of fixtures by path."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def valid(self, kind: str, name: str, value: Value) -> None:
        self._add(f"{kind}/valid/{name}.json", value)

    def invalid(self, kind: str, name: str, value: Value) -> None:
        self._add(f"{kind}/invalid/{name}.json", value)

    def pair(self, kind: str, rule: str, right: Value, wrong: Value) -> None:
        self.valid(kind, rule, right)
        self.invalid(kind, rule, wrong)

    def _add(self, path: str, value: Value) -> None:
        assert path not in self.texts, path
        self.texts[path] = json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def changed(value: Value, place: str = "", new: Any = None) -> Value:
    """A copy with another value at a place, dots leading into nested mappings; without one, what stands there goes."""
    made = copy.deepcopy(value)
    *before, last = place.split("/")
    inner = made
    for step in before:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    if new is None:
        del inner[last]
    else:
        inner[last] = new
    return made


def nulled(value: Value, key: str) -> Value:
    return {**value, key: None}


def without(value: Value, *keys: str) -> Value:
    return {key: one for key, one in value.items() if key not in keys}


# --- The objects that others are made from ----------------------------------------------------------------------------

EVENT: Value = {
    "schema_version": "v1.0",
    "event_scope": "session",
    "session_id": "sess-1",
    "pipeline_version": "parrot_bundle/v1",
    "event_id": "sess-1/evt-7",
    "lane": "TelemetryLane",
    "transport_sequence": 7,
    "runtime_sequence": 12,
    "runtime_timestamp_ms": 4200,
    "wall_clock_timestamp_ms": 1767225604200,
    "payload_class": "metadata",
}
TURN_EVENT: Value = {
    **EVENT,
    "event_scope": "turn",
    "turn_id": "turn-1",
    "lane": "DataLane",
    "authority_epoch": 3,
    "payload_class": "text_raw",
}
AUDIO: Value = {**TURN_EVENT, "payload_class": "audio_raw", "media_time": {"pts_ms": 4180}}
SIGNAL: Value = {
    **without(EVENT, "lane", "payload_class"),
    "event_id": "sess-1/sig-9",
    "lane": "ControlLane",
    "payload_class": "metadata",
    "authority_epoch": 3,
}
SAID: Value = {
    "reason": "queue_bound",
    "scope": "turn",
    "edge_id": "stt.text->llm.prompt",
    "target_lane": "DataLane",
    "seq_range": {"start": 41, "end": 44},
    "amount": 8,
    "sync_domain": "caller",
    "discontinuity_id": "gap-2",
}
"""What signals may have to say."""
OUTCOME: Value = {
    "outcome_kind": "admit",
    "phase": "pre_turn",
    "scope": "session",
    "session_id": "sess-1",
    "event_id": "sess-1/turn-1/admit",
    "runtime_timestamp_ms": 4200,
    "wall_clock_timestamp_ms": 1767225604200,
    "emitted_by": "RK-25",
    "reason": "within_limits",
}
DRAIN: Value = {
    **OUTCOME,
    "outcome_kind": "deauthorized_drain",
    "phase": "active_turn",
    "scope": "turn",
    "turn_id": "turn-1",
    "emitted_by": "RK-24",
    "authority_epoch": 3,
    "reason": "authority_revoked",
}
STALE: Value = {
    **OUTCOME,
    "outcome_kind": "stale_epoch_reject",
    "emitted_by": "RK-24",
    "authority_epoch": 3,
    "reason": "authority_epoch_mismatch",
}
SHED: Value = {
    **OUTCOME,
    "outcome_kind": "shed",
    "phase": "scheduling_point",
    "scope": "edge_enqueue",
    "reason": "lane_high",
}
LEVELS = {"high": 40, "low": 10}
QUEUE: Value = {
    "strategy": "drop",
    "max_queue_items": 50,
    "max_queue_ms": 1000,
    "max_queue_bytes": 65536,
    "max_latency_contribution_ms": 100,
    "watermarks": {"queue_items": LEVELS},
    "lane_handling": {
        "DataLane": "drop",
        "ControlLane": "non_blocking_priority",
        "TelemetryLane": "sample",
    },
    "defaulting_source": "execution_profile_default",
}
HANDOFF_EDGE: Value = {
    "enabled": True,
    "min_partial_chars": 12,
    "max_partial_age_ms": 200,
    "max_pending_revisions": 4,
    "max_pending_segments": 8,
}
HANDOFF: Value = {"enabled": True, "stt_to_llm": {"enabled": False}, "llm_to_tts": HANDOFF_EDGE}
SYNC_DROP: Value = {
    "policy": "drop_with_discontinuity",
    "scope": "edge_local",
    "group_by": "sync_id",
    "sync_domain": "caller",
}
PLAN: Value = {
    "turn_id": "turn-1",
    "pipeline_version": "parrot_bundle/v1",
    "plan_hash": "5f" * 32,
    "graph_definition_ref": "graph:parrot_bundle/v1",
    "execution_profile": "simple",
    "authority_epoch": 3,
    "budgets": {
        "turn_budget_ms": 2000,
        "node_budget_ms_default": 800,
        "path_budget_ms_default": 1800,
        "edge_budget_ms_default": 250,
    },
    "provider_bindings": {"stt": "stt-deepgram"},
    "edge_buffer_policies": {"default": QUEUE},
    "flow_control": {
        "mode_by_lane": {"DataLane": "signal", "ControlLane": "signal", "TelemetryLane": "signal"},
        "watermarks": {"DataLane": LEVELS, "ControlLane": LEVELS, "TelemetryLane": LEVELS},
        "shedding_strategy_by_lane": {"DataLane": "drop", "ControlLane": "none", "TelemetryLane": "sample"},
    },
    "allowed_adaptive_actions": ["retry", "fallback"],
    "snapshot_provenance": {
        "routing_view_snapshot": "routing/v7",
        "admission_policy_snapshot": "admission/v2",
        "abi_compatibility_snapshot": "abi/v1",
        "version_resolution_snapshot": "versions/v3",
        "policy_resolution_snapshot": "policies/v5",
        "provider_health_snapshot": "providers/v11",
    },
    "recording_policy": {"recording_level": "L0", "allowed_replay_modes": ["replay_decisions"]},
    "determinism": {
        "seed": 9223372036854775807,
        "ordering_markers": ["runtime_sequence", "event_id"],
        "merge_rule_id": "default-merge-rule",
        "merge_rule_version": "v1.0.0",
        "nondeterministic_inputs": [],
    },
}
CURSOR: Value = {
    "session_id": "sess-1",
    "turn_id": "turn-1",
    "lane": "DataLane",
    "runtime_sequence": 12,
    "event_id": "sess-1/evt-7",
}
DIVERGENCE: Value = {"class": "ORDERING_DIVERGENCE", "scope": "turn-1", "message": "two events changed places"}
TIMING: Value = {"class": "TIMING_DIVERGENCE", "scope": "turn-1", "message": "the terminal came late", "diff_ms": 40}
REQUEST: Value = {"baseline_ref": "rec/sess-1", "candidate_plan_ref": "plan/turn-1", "mode": "replay_decisions"}
RESULT: Value = {"run_id": "run-1", "mode": "replay_decisions"}
REPORT: Value = {"request": REQUEST, "result": RESULT, "generated_at_ms": 1767225604200}

RECORD: Value = {
    "session_id": "sess-1",
    "turn_id": "turn-1",
    "pipeline_version": "parrot_bundle/v1",
    "resolved_turn_plan_id": "rtp-" + "5f" * 32,
    "plan_hash": "5f" * 32,
    "execution_profile_version": "simple/v1",
    "lease_epoch_at_turn_open": 3,
    "lease_epoch_at_terminal": 3,
    "admission_outcome": "admit",
    "snapshot_provenance": PLAN["snapshot_provenance"],
    "determinism_seed": 9223372036854775807,
    "merge_rule_id": "default-merge-rule",
    "merge_rule_version": "v1.0.0",
    "ordering_markers": ["runtime_sequence", "event_id"],
    "nondeterministic_inputs": [],
    "turn_open_timestamp_ms": 1767225604200,
    "terminal_outcome": "commit",
    "terminal_reason": "completed",
    "terminal_timestamp_ms": 1767225606900,
    "turn_close_timestamp_ms": 1767225606901,
    "provider_invocations": [],
    "decision_outcomes": [{**OUTCOME, "scope": "turn", "turn_id": "turn-1"}],
    "redaction_decisions": {
        **dict.fromkeys(("audio_raw", "text_raw", "derived_summary", "PII", "PHI"), "drop"),
        "metadata": "allow",
    },
    "or02_evidence_schema_version": "v1.0",
}

MINIMAL: dict[str, Value] = {
    "event_record": EVENT,
    "control_signal": {**SIGNAL, "signal": "connected", "emitted_by": "RK-23"},
    "turn_transition": {
        "from_state": "Idle",
        "trigger": "turn_open_proposed",
        "to_state": "Opening",
        "deterministic": True,
    },
    "decision_outcome": OUTCOME,
    "resolved_turn_plan": PLAN,
    "replay_cursor": CURSOR,
    "replay_divergence": DIVERGENCE,
    "replay_request": REQUEST,
    "replay_result": RESULT,
    "replay_report": REPORT,
    "or02_evidence": RECORD,
}
"""Per contract an object without a single key that may be left out."""


# --- What every contract refuses --------------------------------------------------------------------------------------


def _shapes(made: Fixtures) -> None:
    for contract in CONTRACTS:
        value = MINIMAL[contract.name]
        made.valid(contract.name, "minimal", value)
        made.invalid(contract.name, "unknown-key", {**value, "surprise": "a key that nobody declared"})
        for field in contract.shape.fields:
            if field.required:
                made.invalid(contract.name, f"missing-key--{field.name}", without(value, field.name))
        first = contract.shape.fields[0].name
        made.invalid(contract.name, f"null-value--{first}", nulled(value, first))


# --- The contracts one by one -----------------------------------------------------------------------------------------


def _events(made: Fixtures) -> None:
    kind = "event_record"
    made.pair(
        kind, "schema-version-form", changed(EVENT, "schema_version", "v1.2.3"), changed(EVENT, "schema_version", "1.0")
    )
    made.invalid(kind, "schema-version-form--line-break", changed(EVENT, "schema_version", "v1.0\n"))
    made.pair(kind, "event-off-control-lane", TURN_EVENT, changed(TURN_EVENT, "lane", "ControlLane"))
    made.pair(kind, "turn-scope-names-turn", TURN_EVENT, without(TURN_EVENT, "turn_id"))
    made.pair(kind, "turn-scope-names-epoch", TURN_EVENT, without(TURN_EVENT, "authority_epoch"))
    made.pair(kind, "audio-has-media-time", AUDIO, without(AUDIO, "media_time"))
    by_sample = changed(AUDIO, "media_time", {"sample_index": 66880})
    made.pair(kind, "one-media-time", by_sample, changed(AUDIO, "media_time", {"sample_index": 66880, "pts_ms": 4180}))
    made.invalid(kind, "one-media-time--neither", changed(AUDIO, "media_time", {}))
    merged = {**TURN_EVENT, "merge_group_id": "m-1", "merged_from_event_ids": ["sess-1/evt-5", "sess-1/evt-6"]}
    made.pair(kind, "merge-names-group", merged, without(merged, "merge_group_id"))
    ids = [f"sess-1/evt-{number}" for number in range(65)]
    most, more = ({**merged, "merged_from_event_ids": ids[:count]} for count in (64, 65))
    made.pair(kind, "merge-of-few", most, more)
    made.invalid(kind, "repeated-item--merged_from_event_ids", {**merged, "merged_from_event_ids": [ids[0], ids[0]]})
    made.invalid(kind, "empty-list--merged_from_event_ids", {**merged, "merged_from_event_ids": []})
    after_gap = {**TURN_EVENT, "sync_domain": "caller", "discontinuity_id": "gap-2"}
    made.pair(kind, "discontinuity-names-domain", after_gap, without(after_gap, "sync_domain"))
    late = {**TURN_EVENT, "late_after_cancel": True}
    made.pair(kind, "late-within-turn", late, {**EVENT, "late_after_cancel": True})
    made.valid(kind, "late-within-turn--not-late", {**EVENT, "late_after_cancel": False})
    made.valid(kind, "source-time", {**EVENT, "timestamp_ms": 0})
    for key in ("node_id", "causal_parent_id", "sync_id", "signal"):
        made.invalid(kind, f"unknown-key--{key}", {**EVENT, key: "one"})
    made.invalid(kind, "null-value--transport_sequence", nulled(EVENT, "transport_sequence"))
    made.invalid(kind, "not-an-integer--runtime_sequence", {**EVENT, "runtime_sequence": 1.0})
    made.invalid(kind, "out-of-bounds--authority_epoch", {**TURN_EVENT, "authority_epoch": -1})
    made.invalid(kind, "out-of-bounds--runtime_timestamp_ms", {**EVENT, "runtime_timestamp_ms": -1})
    made.invalid(kind, "blank-text--turn_id", {**TURN_EVENT, "turn_id": ""})
    made.invalid(kind, "blank-text--session_id", {**EVENT, "session_id": " \t"})
    made.invalid(kind, "not-a-choice--payload_class", {**EVENT, "payload_class": "secret"})
    made.invalid(kind, "not-a-choice--lane", {**EVENT, "lane": "SideLane"})
    made.invalid(kind, "wrong-type--runtime_sequence", {**EVENT, "runtime_sequence": "12"})


def signal(row: Signal, **facts: Any) -> Value:
    """A signal that says what its row asks for, and nothing more."""
    turn = {"event_scope": "turn", "turn_id": "turn-1"} if row.scope == "turn" else {}
    needed = {key: SAID[key] for key in row.requires}
    return {**SIGNAL, "signal": row.name, "emitted_by": row.emitters[0], **turn, **needed, **facts}


def _signals(made: Fixtures) -> None:
    kind = "control_signal"
    for row in SIGNALS:
        rule = f"signal-{row.name.replace('_', '-')}"
        made.valid(kind, rule, signal(row))
        for emitter in row.emitters[1:]:
            made.valid(kind, f"{rule}--by-{emitter}", signal(row, emitted_by=emitter))
        wrong = next(one for one in EMITTERS if one not in row.emitters)
        made.invalid(kind, f"{rule}--emitter", signal(row, emitted_by=wrong))
        if row.scope == "turn":
            made.invalid(kind, f"{rule}--scope", signal(row, event_scope="session"))
        elif row.scope == "session":
            made.invalid(kind, f"{rule}--scope", signal(row, event_scope="turn", turn_id="turn-1"))
        for key in row.requires:
            if key != "sync_domain":  # without it the discontinuity has no domain either, which is a rule of its own
                made.invalid(kind, f"{rule}--{key}", without(signal(row), key))
    connected, gap = MINIMAL[kind], signal(next(row for row in SIGNALS if row.name == "silence"))
    made.pair(
        kind, "schema-version-form", {**connected, "schema_version": "v2.10"}, {**connected, "schema_version": "v1"}
    )
    in_turn = {**connected, "event_scope": "turn", "turn_id": "turn-1"}
    made.pair(kind, "turn-scope-names-turn", in_turn, without(in_turn, "turn_id"))
    gap |= {"sync_domain": "caller", "discontinuity_id": "gap-2"}
    made.pair(kind, "discontinuity-names-domain", gap, without(gap, "sync_domain"))
    notice = signal(next(row for row in SIGNALS if row.name == "drop_notice"))
    one = changed(notice, "seq_range", {"start": 44, "end": 44})
    made.pair(kind, "seq-range-forward", one, changed(notice, "seq_range", {"start": 44, "end": 41}))
    for key in ("lease_token", "provider_invocation_id", "node_id"):
        made.invalid(kind, f"unknown-key--{key}", {**connected, key: "one"})
    cancel = signal(next(row for row in SIGNALS if row.name == "cancel"))
    for scope in ("session", "turn", "node", "provider_invocation"):
        made.valid(kind, f"cancel-of-{scope}", {**cancel, "scope": scope})
    made.invalid(kind, "not-a-choice--scope", {**cancel, "scope": "everything"})
    made.invalid(kind, "not-a-choice--lane", {**connected, "lane": "DataLane"})
    made.invalid(kind, "not-a-choice--payload_class", {**connected, "payload_class": "text_raw"})
    made.invalid(kind, "not-a-choice--signal", {**connected, "signal": "reconnected"})
    made.invalid(kind, "not-a-choice--emitted_by", {**connected, "emitted_by": "RK-99"})
    made.invalid(kind, "null-value--transport_sequence", nulled(connected, "transport_sequence"))
    made.invalid(kind, "not-an-integer--authority_epoch", {**connected, "authority_epoch": 3.0})
    made.invalid(kind, "out-of-bounds--authority_epoch", {**connected, "authority_epoch": -1})
    grant = signal(next(row for row in SIGNALS if row.name == "credit_grant"))
    made.invalid(kind, "out-of-bounds--amount", {**grant, "amount": 0})
    made.invalid(kind, "blank-text--reason", {**connected, "reason": "  "})
    made.valid(kind, "complete", {**cancel, **SAID, "timestamp_ms": 4100})


def _transitions(made: Fixtures) -> None:
    kind = "turn_transition"
    states = ("Idle", "Opening", "Active", "Terminal", "Closed")
    for before, trigger, after in TRANSITIONS:
        rule = f"transition-{trigger.replace('_', '-')}"
        right = {"from_state": before, "trigger": trigger, "to_state": after, "deterministic": True}
        made.valid(kind, rule, right)
        for state in states:
            if state != before:
                made.invalid(kind, f"{rule}--from-{state}", {**right, "from_state": state})
            if state != after:
                made.invalid(kind, f"{rule}--to-{state}", {**right, "to_state": state})
    right = MINIMAL[kind]
    made.pair(kind, "transition-deterministic", right, {**right, "deterministic": False})
    made.invalid(kind, "wrong-type--deterministic", {**right, "deterministic": 1})
    made.invalid(kind, "not-a-choice--trigger", {**right, "trigger": "barge_in"})
    made.invalid(kind, "not-a-choice--from_state", {**right, "from_state": "Draining"})


def _outcomes(made: Fixtures) -> None:
    kind = "decision_outcome"
    by_plane = {**OUTCOME, "emitted_by": "CP-05", "scope": "tenant"}
    made.pair(kind, "admission-emitter", by_plane, {**OUTCOME, "emitted_by": "RK-24"})
    for name in ("reject", "defer"):
        made.valid(kind, f"admission-emitter--{name}", {**OUTCOME, "outcome_kind": name})
        made.invalid(kind, f"admission-emitter--{name}", {**OUTCOME, "outcome_kind": name, "emitted_by": "RK-24"})
    made.pair(kind, "shed-while-scheduling", SHED, {**SHED, "emitted_by": "RK-24"})
    made.invalid(kind, "shed-while-scheduling--phase", {**SHED, "phase": "active_turn", "turn_id": "turn-1"})
    made.pair(kind, "authority-outcome", STALE, without(STALE, "authority_epoch"))
    made.invalid(kind, "authority-outcome--emitter", {**STALE, "emitted_by": "RK-25"})
    made.invalid(kind, "authority-outcome--drain", without(DRAIN, "authority_epoch"))
    made.pair(kind, "control-plane-before-turn", by_plane, {**by_plane, "scope": "turn", "turn_id": "turn-1"})
    late = {**by_plane, "phase": "scheduling_point", "scope": "edge_enqueue"}
    made.invalid(kind, "control-plane-before-turn--phase", late)
    made.pair(kind, "scheduling-scope", {**SHED, "scope": "node_dispatch"}, {**SHED, "scope": "session"})
    deferred = {
        **OUTCOME,
        "outcome_kind": "defer",
        "phase": "active_turn",
        "scope": "edge_dequeue",
        "turn_id": "turn-1",
    }
    made.pair(kind, "active-turn-scope", deferred, without(deferred, "turn_id"))
    made.invalid(kind, "active-turn-scope--tenant", {**deferred, "scope": "tenant"})
    made.pair(kind, "pre-turn-scope", {**OUTCOME, "scope": "tenant"}, {**OUTCOME, "scope": "edge_enqueue"})
    of_turn = {**OUTCOME, "scope": "turn", "turn_id": "turn-1"}
    made.pair(kind, "turn-outcome-names-turn", of_turn, without(of_turn, "turn_id"))
    made.pair(kind, "drain-phase", DRAIN, {**DRAIN, "phase": "scheduling_point", "scope": "node_dispatch"})
    made.pair(kind, "drain-of-active-turn", DRAIN, {**DRAIN, "scope": "node_dispatch"})
    made.pair(kind, "authority-before-turn", {**DRAIN, "phase": "pre_turn"}, {**STALE, "scope": "tenant"})
    made.invalid(kind, "authority-before-turn--drain", {**DRAIN, "phase": "pre_turn", "scope": "tenant"})
    stale = {**STALE, "phase": "scheduling_point", "scope": "edge_dequeue"}
    made.pair(kind, "stale-phase", stale, {**STALE, "phase": "active_turn", "scope": "turn", "turn_id": "turn-1"})
    made.valid(kind, "source-time", {**OUTCOME, "timestamp_ms": 4100})
    made.invalid(kind, "out-of-bounds--wall_clock_timestamp_ms", {**OUTCOME, "wall_clock_timestamp_ms": -1})
    made.invalid(kind, "blank-text--reason", {**OUTCOME, "reason": ""})
    made.invalid(kind, "not-a-choice--emitted_by", {**OUTCOME, "emitted_by": "RK-03"})
    made.invalid(kind, "not-an-integer--runtime_timestamp_ms", {**OUTCOME, "runtime_timestamp_ms": 4200.0})


def _plans(made: Fixtures) -> None:
    kind, edge = "resolved_turn_plan", "edge_buffer_policies/default"
    made.valid(kind, "complete", _complete_plan())
    made.pair(kind, "plan-hash-form", {**PLAN, "plan_hash": "5F" * 32}, {**PLAN, "plan_hash": "5f" * 31})
    made.invalid(kind, "plan-hash-form--line-break", {**PLAN, "plan_hash": "5f" * 32 + "\n"})
    version = "determinism/merge_rule_version"
    made.pair(kind, "merge-rule-version-form", changed(PLAN, version, "1.0"), changed(PLAN, version, "1"))
    blocking = changed(PLAN, edge, {**QUEUE, "strategy": "block", "max_block_time_ms": 75})
    made.pair(kind, "block-has-time", blocking, changed(PLAN, edge, {**QUEUE, "strategy": "block"}))
    both = {"queue_items": LEVELS, "queue_ms": {"high": 800, "low": 0}}
    made.pair(
        kind, "some-watermark", changed(PLAN, f"{edge}/watermarks", both), changed(PLAN, f"{edge}/watermarks", {})
    )
    level, crossed = {"high": 10, "low": 10}, {"high": 10, "low": 11}
    lane = "flow_control/watermarks/DataLane"
    made.pair(kind, "watermarks-in-order", changed(PLAN, lane, level), changed(PLAN, lane, crossed))
    made.invalid(kind, "watermarks-in-order--queue_items", changed(PLAN, f"{edge}/watermarks/queue_items", crossed))
    made.invalid(kind, "watermarks-in-order--queue_ms", changed(PLAN, f"{edge}/watermarks/queue_ms", crossed))
    drops = changed(PLAN, f"{edge}/sync_drop_policy", SYNC_DROP)
    group, domain = f"{edge}/sync_drop_policy/group_by", f"{edge}/sync_drop_policy/sync_domain"
    made.pair(kind, "sync-drop-names-group", drops, changed(drops, group))
    made.pair(kind, "sync-drop-names-domain", drops, changed(drops, domain))
    alone = changed(PLAN, f"{edge}/sync_drop_policy", {"policy": "no_sync", "scope": "plan_wide"})
    made.valid(kind, "sync-drop-names-group--no-sync", alone)
    handed = {**PLAN, "streaming_handoff": HANDOFF}
    made.pair(kind, "handoff-names-both", handed, changed(handed, "streaming_handoff", {"enabled": True}))
    made.invalid(kind, "handoff-names-both--one", changed(handed, "streaming_handoff/stt_to_llm"))
    nowhere = changed(handed, "streaming_handoff/llm_to_tts/enabled", False)
    made.pair(kind, "handoff-somewhere", handed, nowhere)
    made.valid(kind, "handoff-off", {**PLAN, "streaming_handoff": {"enabled": False}})
    made.valid(kind, "handoff-has-limits", changed(handed, "streaming_handoff/stt_to_llm", HANDOFF_EDGE))
    for key in without(HANDOFF_EDGE, "enabled"):
        made.invalid(kind, f"handoff-has-limits--{key}", changed(handed, f"streaming_handoff/llm_to_tts/{key}"))
    _shapes_of_plans(made, kind, edge)


def _shapes_of_plans(made: Fixtures, kind: str, edge: str) -> None:
    """What the runtime or its schema accepts of a plan, and we do not."""
    made.invalid(kind, "empty-list--provider_bindings", {**PLAN, "provider_bindings": {}})
    made.invalid(kind, "empty-list--edge_buffer_policies", {**PLAN, "edge_buffer_policies": {}})
    made.invalid(kind, "blank-text--binding", {**PLAN, "provider_bindings": {"": "stt-deepgram"}})
    made.invalid(kind, "blank-text--provider", {**PLAN, "provider_bindings": {"stt": " "}})
    made.invalid(kind, "blank-text--edge", {**PLAN, "edge_buffer_policies": {"": QUEUE}})
    made.invalid(kind, "blank-text--node", {**PLAN, "node_execution_policies": {"": {"concurrency_limit": 1}}})
    made.invalid(kind, "blank-text--node-fairness", {**PLAN, "node_execution_policies": {"llm": {"fairness_key": " "}}})
    made.invalid(kind, "blank-text--edge-fairness", changed(PLAN, f"{edge}/fairness_key", ""))
    made.invalid(kind, "blank-text--turn_id", {**PLAN, "turn_id": "\t"})
    made.invalid(kind, "not-a-choice--execution_profile", {**PLAN, "execution_profile": "advanced"})
    made.invalid(kind, "not-a-choice--versioned-profile", {**PLAN, "execution_profile": "simple/v1"})
    made.invalid(kind, "not-a-choice--strategy", changed(PLAN, f"{edge}/strategy", "drop_newest"))
    made.invalid(kind, "not-a-choice--replay-mode", changed(PLAN, "recording_policy/allowed_replay_modes", ["audit"]))
    made.invalid(
        kind,
        "not-a-choice--control-shedding",
        changed(PLAN, "flow_control/shedding_strategy_by_lane/ControlLane", "drop"),
    )
    made.invalid(kind, "not-an-integer--seed", changed(PLAN, "determinism/seed", 1.0))
    made.invalid(kind, "not-an-integer--turn_budget_ms", changed(PLAN, "budgets/turn_budget_ms", 2000.0))
    made.invalid(kind, "number-out-of-range--seed", changed(PLAN, "determinism/seed", 2**63))
    made.invalid(kind, "out-of-bounds--seed", changed(PLAN, "determinism/seed", -1))
    made.invalid(kind, "out-of-bounds--authority_epoch", {**PLAN, "authority_epoch": -1})
    made.invalid(kind, "out-of-bounds--max_block_time_ms", changed(PLAN, f"{edge}/max_block_time_ms", 0))
    made.invalid(kind, "missing-key--seed", changed(PLAN, "determinism/seed"))
    made.invalid(kind, "missing-key--low", changed(PLAN, f"{edge}/watermarks/queue_items", {"high": 40}))
    made.invalid(kind, "null-value--watermarks", {**PLAN, "edge_buffer_policies": {"default": _with_null_watermark()}})
    made.invalid(kind, "repeated-item--actions", {**PLAN, "allowed_adaptive_actions": ["retry", "retry"]})
    made.invalid(
        kind, "repeated-item--markers", changed(PLAN, "determinism/ordering_markers", ["event_id", "event_id"])
    )
    made.invalid(kind, "unknown-key--bundle_id", {**PLAN, "bundle_id": "parrot_bundle"})


def _with_null_watermark() -> Value:
    return {**QUEUE, "watermarks": {"queue_items": LEVELS, "queue_ms": None}}


def _complete_plan() -> Value:
    queue = {
        **QUEUE,
        "strategy": "block",
        "max_block_time_ms": 75,
        "fairness_key": "tenant",
        "sync_drop_policy": SYNC_DROP,
    }
    edges = {"default": QUEUE, "stt.text->llm.prompt": {**queue, "defaulting_source": "explicit_edge_config"}}
    random = {"input_key": "provider_jitter", "source": "external_call", "evidence_ref": "rec/sess-1/jitter"}
    plan = changed(PLAN, "determinism/nondeterministic_inputs", [random])
    return {
        **changed(plan, "determinism/ordering_marker", "runtime_sequence"),
        "edge_buffer_policies": edges,
        "node_execution_policies": {"llm": {"concurrency_limit": 4, "fairness_key": "tenant"}, "stt": {}},
        "streaming_handoff": HANDOFF,
    }


def _replays(made: Fixtures) -> None:
    made.invalid("replay_cursor", "not-a-choice--lane", {**CURSOR, "lane": "SideLane"})
    made.invalid("replay_cursor", "out-of-bounds--runtime_sequence", {**CURSOR, "runtime_sequence": -1})
    made.invalid("replay_cursor", "blank-text--event_id", {**CURSOR, "event_id": " "})
    rule = "timing-has-difference"
    made.pair("replay_divergence", rule, TIMING, without(TIMING, "diff_ms"))
    for name in ("PLAN", "OUTCOME", "AUTHORITY", "PROVIDER_CHOICE"):
        value = {**DIVERGENCE, "class": f"{name}_DIVERGENCE", "expected": True}
        made.valid("replay_divergence", f"class-{name.lower()}", value)
    made.invalid("replay_divergence", "not-a-choice--class", {**DIVERGENCE, "class": "TIMING"})
    made.invalid("replay_divergence", "out-of-bounds--diff_ms", {**TIMING, "diff_ms": -1})
    for mode in ("re_simulate_nodes", "playback_recorded_provider_outputs", "recompute_decisions"):
        made.valid("replay_request", f"mode-{mode}", {**REQUEST, "mode": mode, "cursor": CURSOR})
    made.invalid("replay_request", "not-a-choice--mode", {**REQUEST, "mode": "audit"})
    made.invalid("replay_request", "missing-key--cursor-turn", {**REQUEST, "cursor": without(CURSOR, "turn_id")})
    found = {**RESULT, "divergences": [DIVERGENCE, TIMING], "cursor": CURSOR}
    wrong = [DIVERGENCE, without(TIMING, "diff_ms")]
    made.pair("replay_result", rule, found, {**found, "divergences": wrong})
    made.invalid("replay_result", "blank-text--run_id", {**RESULT, "run_id": ""})
    report = {**REPORT, "result": found}
    made.pair("replay_report", rule, report, changed(report, "result/divergences", wrong))
    other = changed(REPORT, "result/mode", "recompute_decisions")
    made.pair("replay_report", "replayed-as-asked", changed(other, "request/mode", "recompute_decisions"), other)
    made.invalid("replay_report", "out-of-bounds--generated_at_ms", {**REPORT, "generated_at_ms": -1})


def _records(made: Fixtures) -> None:
    kind = "or02_evidence"
    rejected = {"reason": "late_after_cancel", "count": 2, "first_at_us": 5364752, "last_at_us": 5364912}
    call = {
        "node_id": "llm",
        "modality": "llm",
        "provider_id": "llm-house",
        "attempts": 1,
        "outcome": "ok",
        "latency_us": 4871,
    }
    cancelled = {
        **RECORD,
        "terminal_outcome": "abort",
        "terminal_reason": "cancel",
        "cancel_scope": "turn",
        "cancel_accepted_timestamp_ms": 1767225605328,
        "cancel_fence_timestamp_ms": 1767225605363,
        "post_cancel_rejections": [rejected],
        "provider_invocations": [call],
    }
    rule = "or02-complete"
    made.pair(kind, rule, cancelled, without(cancelled, "cancel_fence_timestamp_ms"))
    made.invalid(kind, f"{rule}--closed-first", {**RECORD, "turn_close_timestamp_ms": 1767225606800})
    made.invalid(kind, f"{rule}--plan", {**RECORD, "plan_hash": "6f" * 32})
    made.invalid(kind, f"{rule}--authority", {**RECORD, "lease_epoch_at_terminal": 4})
    made.invalid(kind, f"{rule}--reason", {**RECORD, "terminal_outcome": "abort"})
    made.invalid(kind, f"{rule}--redaction", changed(RECORD, "redaction_decisions", {"metadata": "allow"}))
    made.invalid(kind, "not-a-choice--terminal_outcome", {**RECORD, "terminal_outcome": "close"})
    made.invalid(kind, "not-a-choice--redaction", {**RECORD, "redaction_decisions": {"audio_raw": "keep"}})
    made.invalid(kind, "malformed-ref--pipeline_version", {**RECORD, "pipeline_version": "parrot_bundle"})
    made.invalid(kind, "empty-list--decision_outcomes", {**RECORD, "decision_outcomes": []})
    made.invalid(kind, "out-of-bounds--attempts", {**RECORD, "provider_invocations": [{**call, "attempts": 0}]})


def fixtures() -> dict[str, str]:
    """The text of every fixture, by its path below the folder."""
    made = Fixtures()
    for part in (_shapes, _events, _signals, _transitions, _outcomes, _plans, _replays, _records):
        part(made)
    return made.texts


def main() -> None:
    """Write the fixtures, and nothing that is none."""
    for contract in CONTRACTS:
        shutil.rmtree(FOLDER / contract.name, ignore_errors=True)
    for path, text in fixtures().items():
        file = FOLDER / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
