"""The identity of a turn plan as the runtime computes it: `plan_hash`, and the determinism that follows from it.

A plan made here and a plan opened by the runtime from the same facts must have the same hash and seed; recorded answers
of the runtime in `golden/identity/vectors.json` hold this module to that.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from rsppc.base.record import Record
from rsppc.contracts.go_json import GoField, Shaper, encode, sorted_map, struct
from rsppc.model.common import ACTIONS


def plan_hash(contract: Mapping[str, Any]) -> str:
    """64 hex digits over the fields of a turn plan that decide what it does; `determinism` is not among them."""
    return sha256(plan_material(contract)).hexdigest()


def plan_material(contract: Mapping[str, Any]) -> bytes:
    """The bytes under the hash. `contract` has the keys of the runtime's `resolved_turn_plan`."""
    material = material_of(contract)
    snapshots = encode_snapshots(contract["snapshot_provenance"])
    return material.complete(contract["turn_id"], contract["authority_epoch"], snapshots)


class PlanMaterial(Record, kw_only=False):
    """What plans that differ only in turn, epoch and snapshots have in common under their hash: the fields between the
    turn's id and the epoch, and those behind the snapshots."""

    middle: bytes
    rest: bytes

    def complete(self, turn_id: str, authority_epoch: int, snapshots: bytes) -> bytes:
        """The bytes under the hash of one plan."""
        return b'{"TurnID":%b,%b,"AuthorityEpoch":%d,"SnapshotProvenance":%b,%b}' % (
            encode(turn_id),
            self.middle,
            authority_epoch,
            snapshots,
            self.rest,
        )


def material_of(contract: Mapping[str, Any]) -> PlanMaterial:
    """What does not vary from turn to turn, encoded once."""
    actions = contract.get("allowed_adaptive_actions") or ()
    # The runtime hashes actions in one order, whatever order the distribution names them in.
    ordered = [action for action in ACTIONS if action in actions]
    # An absent map hashes as an empty one, neither left out nor null.
    complete = {
        **contract,
        "allowed_adaptive_actions": ordered,
        "node_execution_policies": contract.get("node_execution_policies") or {},
    }
    return PlanMaterial(encode(struct(complete, _MIDDLE))[1:-1], encode(struct(complete, _REST))[1:-1])


def encode_snapshots(names: Mapping[str, str]) -> bytes:
    """The names of the snapshots that a plan rests on, as they stand under its hash."""
    return encode(struct(names, _SNAPSHOT_FIELDS))


def determinism_of(hashed: str, authority_epoch: int) -> dict[str, Any]:
    """The `determinism` of a plan with this hash, opened under this epoch."""
    return {
        "seed": seed_of(hashed, authority_epoch),
        "ordering_markers": ["runtime_sequence", "event_id"],
        "merge_rule_id": "default-merge-rule",
        "merge_rule_version": "v1.0.0",
        "nondeterministic_inputs": [{"input_key": "plan_hash", "source": "other", "evidence_ref": hashed}],
    }


def seed_of(hashed: str, authority_epoch: int) -> int:
    """The first eight bytes of a digest as a signed number, without its sign."""
    first = sha256(f"{hashed}|{authority_epoch}".encode()).digest()[:8]
    seed = abs(int.from_bytes(first, "big", signed=True))
    # The smallest signed number has no positive counterpart in 64 bits; a seed is never more than the largest.
    return min(seed, 2**63 - 1)


def _struct(*fields: GoField) -> Shaper:
    return lambda value: struct(value, fields)


def _map(shape: Shaper | None = None) -> Shaper:
    return lambda value: sorted_map(value, shape)


def _lanes(shape: Shaper | None = None) -> Shaper:
    return _struct(*(GoField(lane, shape=shape) for lane in ("DataLane", "ControlLane", "TelemetryLane")))


_WATERMARK = _struct(GoField("high"), GoField("low"))
_BUDGETS = _struct(
    GoField("turn_budget_ms"),
    GoField("node_budget_ms_default"),
    GoField("path_budget_ms_default"),
    GoField("edge_budget_ms_default"),
)
_SYNC_DROP = _struct(
    GoField("group_by", omit_empty=True),
    GoField("policy"),
    GoField("scope"),
    GoField("sync_domain", omit_empty=True),
)
_EDGE_POLICY = _struct(
    GoField("strategy"),
    GoField("max_queue_items"),
    GoField("max_queue_ms"),
    GoField("max_queue_bytes"),
    GoField("max_latency_contribution_ms"),
    GoField("max_block_time_ms", omit_empty=True),
    GoField(
        "watermarks",
        shape=_struct(
            GoField("queue_items", omit_empty=True, shape=_WATERMARK),
            GoField("queue_ms", omit_empty=True, shape=_WATERMARK),
        ),
    ),
    GoField("lane_handling", shape=_lanes()),
    GoField("fairness_key", omit_empty=True),
    GoField("defaulting_source"),
    GoField("sync_drop_policy", omit_empty=True, shape=_SYNC_DROP),
)
_NODE_POLICY = _struct(GoField("concurrency_limit", omit_empty=True), GoField("fairness_key", omit_empty=True))
_FLOW_CONTROL = _struct(
    GoField("mode_by_lane", shape=_lanes()),
    GoField("watermarks", shape=_lanes(_WATERMARK)),
    GoField("shedding_strategy_by_lane", shape=_lanes()),
)
_SNAPSHOT_FIELDS = (
    GoField("routing_view_snapshot"),
    GoField("admission_policy_snapshot"),
    GoField("abi_compatibility_snapshot"),
    GoField("version_resolution_snapshot"),
    GoField("policy_resolution_snapshot"),
    GoField("provider_health_snapshot"),
)
_MIDDLE: tuple[GoField, ...] = (
    GoField("pipeline_version", json_name="PipelineVersion"),
    GoField("graph_definition_ref", json_name="GraphDefinitionRef"),
    GoField("execution_profile", json_name="ExecutionProfile"),
)
_REST: tuple[GoField, ...] = (
    GoField("allowed_adaptive_actions", json_name="AllowedAdaptiveActions"),
    GoField("budgets", json_name="Budgets", shape=_BUDGETS),
    GoField("provider_bindings", json_name="ProviderBindings", shape=_map()),
    GoField("edge_buffer_policies", json_name="EdgeBufferPolicies", shape=_map(_EDGE_POLICY)),
    GoField("node_execution_policies", json_name="NodeExecutionPolicies", shape=_map(_NODE_POLICY)),
    GoField("flow_control", json_name="FlowControl", shape=_FLOW_CONTROL),
    GoField(
        "recording_policy",
        json_name="RecordingPolicy",
        shape=_struct(GoField("recording_level"), GoField("allowed_replay_modes")),
    ),
)
