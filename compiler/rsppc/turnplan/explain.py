"""Who decided a value of a plan: a layer, a rule, a snapshot, the turn itself, or what was compiled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.base.json_pointer import pointer_of
from rsppc.base.record import Record
from rsppc.turnplan.bundle import LoadedBundle
from rsppc.turnplan.plan import ResolvedTurnPlan
from rsppc.turnplan.snapshot import ControlPlane


class Decision(Record):
    """One leaf of a plan's contract, its value, and who decided it."""

    path: str
    value: Any
    label: str
    """As in `defaulting_sources`; `snapshot/NAME`, `turn` and `computed/plan` besides."""
    condition: str = ""
    """The condition that held, where a rule or a layer with a condition decided."""


_BUDGETS = {
    "node_budget_ms_default": "node_budget_ms",
    "path_budget_ms_default": "path_budget_ms",
    "edge_budget_ms_default": "edge_budget_ms",
}
_MOVED = {"recording_policy": "recording", "edge_buffer_policies": "effective_edges"}
_COMPUTED = ("determinism", "plan_hash")


def decisions(bundle: LoadedBundle, plan: ResolvedTurnPlan, plane: ControlPlane, path: str) -> list[Decision]:
    """All leaves of the contract at or below a dotted path (`budgets`, `provider_bindings.stt`), with their decisions.
    Names of edges have dots of their own and count as one step."""
    contract, conditions = plan.contract, _conditions(bundle)
    found = []
    for steps, value in _leaves(contract, ()):
        shown = ".".join(steps)
        if shown == path or shown.startswith(f"{path}.") or path == "":
            label = _label(steps, value, bundle, plan, plane)
            found.append(Decision(path=shown, value=value, label=label, condition=conditions.get(label, "")))
    return found


def _conditions(bundle: LoadedBundle) -> dict[str, str]:
    """The conditions of all rules and layers, by label."""
    rules, layers = bundle.spec["rules"], bundle.spec["layers"]
    said = {f"policy/{one['policy']}/{one['rule']}": one for kind in rules for one in rules[kind]}
    said |= {f"layer/{scope}/{one['layer']}": one for scope in layers for one in layers[scope]}
    return {label: one["when"]["text"] for label, one in said.items() if "when" in one}


def _leaves(value: Any, steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value:
        for key in value:
            yield from _leaves(value[key], (*steps, key))
    else:
        yield steps, value


def _label(
    steps: tuple[str, ...], value: Any, bundle: LoadedBundle, plan: ResolvedTurnPlan, plane: ControlPlane
) -> str:
    match steps:
        case ("turn_id",):
            return "turn"
        case (name, *_) if name in _COMPUTED:
            return "computed/plan"
        case ("snapshot_provenance", _):
            return f"snapshot/{value}"
        case ("authority_epoch",):
            assert plane.lease is not None
            return f"snapshot/{plane.lease.lease_resolution_snapshot}"
        case ("graph_definition_ref",):
            return _inserted_by(plan) or "computed/graph_definition_refs"
        case ("provider_bindings", modality):
            return _provider_label(modality, value, bundle, plan)
        case ("edge_buffer_policies", edge, *rest):
            return _edge_label(edge, rest, bundle, plan)
        case ("budgets", name):
            return _compiled(("budgets", _BUDGETS.get(name, name)), bundle, plan.variant.decided)
        case ("node_execution_policies", node, _):
            return _compiled(("effective_nodes", node, "resource_limits", "max_concurrency"), bundle, {})
        case (name, *rest):
            return _compiled((_MOVED.get(name, name), *rest), bundle, plan.variant.decided)
        case _:
            return "computed/plan"


def _inserted_by(plan: ResolvedTurnPlan) -> str:
    return ", ".join(f"policy/{name}" for name in plan.selection["insert"])


def _provider_label(modality: str, provider: str, bundle: LoadedBundle, plan: ResolvedTurnPlan) -> str:
    nodes = bundle.spec["effective_nodes"]
    for node, bound in sorted(plan.node_provider_bindings.items()):
        if bound == provider and nodes.get(node, {}).get("modality") == modality:
            return _compiled(("node_provider_bindings", node), bundle, plan.variant.decided)
    return "computed/plan"


def _edge_label(edge: str, rest: list[str], bundle: LoadedBundle, plan: ResolvedTurnPlan) -> str:
    if rest == ["defaulting_source"]:
        return "computed/plan"
    if edge == "default":
        return _compiled(("default_buffer", *rest), bundle, plan.variant.decided)
    if edge in bundle.spec["effective_edges"]:
        return _compiled(("effective_edges", edge, "buffer", *rest), bundle, plan.variant.decided)
    return _inserted_by(plan) or "computed/plan"


def _compiled(steps: tuple[str, ...], bundle: LoadedBundle, decided: Mapping[str, str]) -> str:
    """Who decided a value of the ResolvedSpec: at the turn, else when it was compiled; of a table its first leaf."""
    pointer = pointer_of(steps)
    sources: Mapping[str, str] = bundle.spec["defaulting_sources"]
    while pointer:
        if pointer in decided:
            return decided[pointer]
        if pointer in sources:
            return sources[pointer]
        below = next((label for known, label in sources.items() if known.startswith(f"{pointer}/")), None)
        if below is not None:
            return below
        pointer = pointer.rpartition("/")[0]
    return "computed/plan"
