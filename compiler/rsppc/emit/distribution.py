"""`distribution.json`: one bundle as the control-plane file that the runtime loads, `cp-snapshot-distribution/v1`.

Its objects are closed and hold less than a ResolvedSpec. What cannot be carried is named in `left_out`, so that nobody
believes the runtime to do what it was never told.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.contracts.projection import bindings_by_modality, budgets, default_policy, edge_policy, node_policies
from rsppc.emit.by_tenant import bindings_by_tenant, tenants_of
from rsppc.emit.edges import is_explicit
from rsppc.emit.resolved_spec import ResolvedSpec
from rsppc.ir.program import Program
from rsppc.model.distribution import SCHEMA_VERSION

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
    concurrency = node_policies(spec.value["effective_nodes"])
    policy: dict[str, Any] = {
        "policy_resolution_snapshot": routing.get(
            "policy_resolution_snapshot", f"policy/{program.bundle.id}/{program.bundle.version}"
        ),
        "allowed_adaptive_actions": spec.value["allowed_adaptive_actions"],
        "budgets": budgets(spec.value["budgets"]),
        "provider_bindings": provider_bindings(program, spec),
        "edge_buffer_policies": edge_policies(program, spec),
        "flow_control": spec.value["flow_control"],
        "recording_policy": spec.value["recording"],
    }
    if concurrency:
        policy["node_execution_policies"] = concurrency
    return policy


def provider_bindings(program: Program, spec: ResolvedSpec) -> dict[str, str]:
    """The provider that the runtime binds for each modality."""
    order = program.order or sorted(program.nodes)
    return bindings_by_modality(order, spec.value["effective_nodes"], spec.value["node_provider_bindings"])


def edge_policies(program: Program, spec: ResolvedSpec) -> dict[str, Any]:
    """The queue of every edge in the closed shape, and `default`: what the runtime uses where it tells none apart."""
    grace = spec.value["budgets"].get("cancel_grace_ms")
    policies: dict[str, Any] = {"default": default_policy(spec.value["default_buffer"])}
    made: dict[tuple[int, str, bool], dict[str, Any]] = {}
    for edge in program.edges:
        effective = spec.value["effective_edges"][edge.id]
        explicit = is_explicit(edge)
        # Edges that share a queue share its projection as well.
        key = (id(effective["buffer"]), effective["lane"], explicit)
        if key not in made:
            made[key] = edge_policy(effective["buffer"], effective["lane"], grace, explicit=explicit)
        policies[edge.id] = made[key]
    return policies


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
