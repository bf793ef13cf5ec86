"""`distribution.json`: one bundle as the control-plane file that the runtime loads, `cp-snapshot-distribution/v1`.

Its objects are closed and hold less than a ResolvedSpec. What cannot be carried is named in `left_out`, so that nobody
believes the runtime to do what it was never told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.emit.by_tenant import bindings_by_tenant, tenants_of
from rsppc.emit.edges import LANES, canonical_strategy, is_explicit, watermarks
from rsppc.emit.resolved_spec import ResolvedSpec
from rsppc.ir.program import Program

SCHEMA_VERSION = "cp-snapshot-distribution/v1"

_ROUTING = (
    "routing_view_snapshot",
    "admission_policy_snapshot",
    "abi_compatibility_snapshot",
    "transport_kind",
    "transport_endpoint",
    "runtime_id",
)
_ADMISSION = (
    "admission_policy_snapshot",
    "outcome_kind",
    "scope",
    "reason",
    "session_rate_limit_per_min",
    "session_rate_observed_per_min",
    "token_rate_limit_per_min",
    "token_rate_observed_per_min",
)
_LEASE = (
    "lease_resolution_snapshot",
    "authority_epoch",
    "authority_epoch_valid",
    "authority_authorized",
    "reason",
    "lease_token_id",
    "lease_expires_at_utc",
)
_QUEUE = (
    "max_queue_items",
    "max_queue_ms",
    "max_queue_bytes",
    "max_latency_contribution_ms",
    "max_block_time_ms",
    "watermarks",
    "lane_handling",
    "fairness_key",
    "sync_drop_policy",
)
_STRATEGIES = {"drop_newest": "drop", "drop_oldest": "drop"}


class Distribution(Record):
    """The file's value, and what of the bundle it does not carry."""

    value: dict[str, Any]
    left_out: tuple[str, ...]


def distribution(program: Program, spec: ResolvedSpec, snapshot: Mapping[str, Any]) -> Distribution:
    """A bundle under the control plane of one snapshot."""
    version = f"{program.bundle.id}/{program.bundle.version}"
    graph_ref = spec.value["graph_definition_refs"]["base"]
    routing = snapshot.get("routing_view") or {}
    value: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "registry": {
            "default_pipeline_version": version,
            "records": {
                version: {
                    "pipeline_version": version,
                    "graph_definition_ref": graph_ref,
                    "execution_profile": program.defaults.name,
                }
            },
        },
        "routing_view": _section(routing, _ROUTING),
        "policy": _policies(program, spec, routing),
        "provider_health": _section(snapshot.get("provider_health") or {}, ("provider_health_snapshot",)),
        "graph_compiler": {
            "default": {
                "graph_definition_ref": graph_ref,
                "graph_compilation_snapshot": f"resolved_spec/{spec.value['resolved_spec_id']}",
                "graph_fingerprint": spec.graph_digest,
            }
        },
        "admission": _section(snapshot.get("admission") or {}, _ADMISSION),
        "lease": _section(snapshot.get("lease") or {}, _LEASE),
    }
    if "version_resolution_snapshot" in routing:
        value["rollout"] = {
            "default_pipeline_version": version,
            "version_resolution_snapshot": routing["version_resolution_snapshot"],
        }
    return Distribution(value=value, left_out=_left_out(program, spec))


def _section(view: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    section: dict[str, Any] = {"default": {key: view[key] for key in keys if key in view}}
    if view.get("stale"):
        section["stale"] = True
    return section


def _policies(program: Program, spec: ResolvedSpec, routing: Mapping[str, Any]) -> dict[str, Any]:
    """The policy for everybody, and for tenants whose providers differ."""
    default = _policy(program, spec, routing)
    tenants = bindings_by_tenant(program, default["provider_bindings"])
    if not tenants:
        return {"default": default}
    by_tenant = {tenant: {**default, "provider_bindings": bindings} for tenant, bindings in tenants.items()}
    return {"default": default, "by_tenant": by_tenant}


def _policy(program: Program, spec: ResolvedSpec, routing: Mapping[str, Any]) -> dict[str, Any]:
    budgets = spec.value["budgets"]
    concurrency = {
        node_id: {"concurrency_limit": node.type.limits.max_concurrency}
        for node_id, node in program.nodes.items()
        if node.type is not None and node.type.limits.max_concurrency is not None
    }
    policy: dict[str, Any] = {
        "policy_resolution_snapshot": routing.get(
            "policy_resolution_snapshot", f"policy/{program.bundle.id}/{program.bundle.version}"
        ),
        "allowed_adaptive_actions": spec.value["allowed_adaptive_actions"],
        "budgets": {
            "turn_budget_ms": budgets.get("turn_budget_ms"),
            "node_budget_ms_default": budgets.get("node_budget_ms"),
            "path_budget_ms_default": budgets.get("path_budget_ms"),
            "edge_budget_ms_default": budgets.get("edge_budget_ms"),
        },
        "provider_bindings": provider_bindings(program, spec),
        "edge_buffer_policies": edge_policies(program, spec),
        "flow_control": spec.value["flow_control"],
        "recording_policy": spec.value["recording"],
    }
    if concurrency:
        policy["node_execution_policies"] = concurrency
    return policy


def provider_bindings(program: Program, spec: ResolvedSpec) -> dict[str, str]:
    """Per modality the provider of the first node, in topological order, that is nobody's fallback."""
    bound = spec.value["node_provider_bindings"]
    fallbacks = {node.fallback.to for node in program.nodes.values() if node.fallback is not None}
    bindings: dict[str, str] = {}
    for node_id in program.order or sorted(program.nodes):
        node_type = program.nodes[node_id].type
        if node_id in bound and node_id not in fallbacks and node_type is not None and node_type.modality is not None:
            bindings.setdefault(node_type.modality, bound[node_id])
    return bindings


def edge_policies(program: Program, spec: ResolvedSpec) -> dict[str, Any]:
    """The queue of every edge in the closed shape, and `default`: what the runtime uses where it tells none apart."""
    grace = spec.value["budgets"].get("cancel_grace_ms")
    policies: dict[str, Any] = {"default": _default_policy(program)}
    made: dict[tuple[int, str, bool], dict[str, Any]] = {}
    for edge in program.edges:
        effective = spec.value["effective_edges"][edge.id]
        explicit = is_explicit(edge)
        # Edges that share a queue share its projection as well.
        key = (id(effective["buffer"]), effective["lane"], explicit)
        if key not in made:
            made[key] = _projected(effective["buffer"], effective["lane"], grace, explicit=explicit)
        policies[edge.id] = made[key]
    return policies


def _projected(queue: Mapping[str, Any], lane: str, grace: int | None, *, explicit: bool) -> dict[str, Any]:
    strategy = queue.get("strategy")
    policy: dict[str, Any] = {"strategy": _STRATEGIES.get(str(strategy), strategy)}
    policy |= {name: queue[name] for name in _QUEUE if name in queue}
    if lane == "ControlLane":
        policy["strategy"] = "block"
        if grace is not None:
            policy["max_block_time_ms"] = grace
    policy["defaulting_source"] = "explicit_edge_config" if explicit else "execution_profile_default"
    return policy


def _default_policy(program: Program) -> dict[str, Any]:
    """The profile's values for additive data: the one key that names no edge."""
    defaults = program.defaults
    said = {name: setting.value for name, setting in defaults.buffers.get("DataLane.additive", {}).items()}
    queue = {name: said[name] for name in ("strategy", *_QUEUE) if name in said}
    queue["strategy"] = canonical_strategy(said.get("strategy"))
    if isinstance(said.get("watermarks"), dict):
        queue["watermarks"] = watermarks(said["watermarks"], said)
    own = said.get("lane_handling") or {}
    queue["lane_handling"] = {
        lane: own.get(lane, defaults.lanes[lane]["lane_handling"].value)
        for lane in LANES
        if lane in own or "lane_handling" in defaults.lanes.get(lane, {})
    }
    return _projected(queue, "DataLane", None, explicit=False)


def _left_out(program: Program, spec: ResolvedSpec) -> tuple[str, ...]:
    """What the file does not carry, in words for the author."""
    notes: list[str] = []
    for policy in program.policies:
        for provider_rule in policy.provider_rules:
            name = f"`{policy.ref}/{provider_rule.id}`"
            if provider_rule.when is not None and (tenants_of(provider_rule.when) is None or provider_rule.node):
                notes.append(f"provider rule {name} has a condition")
            elif provider_rule.retry or provider_rule.circuit_breaker or provider_rule.cost_cap:
                notes.append(f"retry, circuit breaker and cost cap of provider rule {name}")
        notes.extend(f"degrade rule `{policy.ref}/{rule.id}` has a condition" for rule in policy.degrade_rules)
        notes.extend(
            f"insert rule `{policy.ref}/{rule.id}` has a condition"
            for rule in policy.insert_rules
            if rule.when is not None
        )
    notes.extend(f"layer `{layer.ref}` has a condition" for layer in program.layers if layer.when is not None)
    notes.extend(
        f"budget of node `{node_id}`"
        for node_id in sorted(program.nodes)
        if program.nodes[node_id].budget_ms is not None
    )
    notes.extend(_bound_like_the_first(program, spec))
    if "streaming_handoff" in spec.value:
        notes.append("`streaming_handoff`: the runtime takes it from the turn plan only")
    if not spec.value["node_provider_bindings"]:
        notes.append("no node has a provider; the runtime refuses a plan without provider bindings")
    return tuple(notes)


def _bound_like_the_first(program: Program, spec: ResolvedSpec) -> list[str]:
    """Nodes whose provider differs from the one that the runtime binds for their modality."""
    carried = provider_bindings(program, spec)
    notes = []
    for node_id, provider in sorted(spec.value["node_provider_bindings"].items()):
        node_type = program.nodes[node_id].type
        modality = node_type.modality if node_type is not None else None
        if modality is not None and carried.get(modality, provider) != provider:
            bound = carried[modality]
            notes.append(f"provider `{provider}` of node `{node_id}`: the runtime binds `{bound}` for all `{modality}`")
    return notes
