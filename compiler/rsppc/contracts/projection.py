"""What a ResolvedSpec says, in the closed objects of the runtime's contract.

The distribution file and every turn plan are made of these, so that the runtime reads the same from both. Inputs are
sections of a ResolvedSpec as plain values; what the contract has no place for is left out here and named by the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

LANES = ("DataLane", "ControlLane", "TelemetryLane")
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


def edge_policy(queue: Mapping[str, Any], lane: str, cancel_grace_ms: int | None, *, explicit: bool) -> dict[str, Any]:
    """The queue of an edge. On the ControlLane nothing is dropped: senders wait as long as a cancel may take."""
    strategy = queue.get("strategy")
    policy: dict[str, Any] = {"strategy": _STRATEGIES.get(str(strategy), strategy)}
    policy |= {name: queue[name] for name in _QUEUE if name in queue}
    if lane == "ControlLane":
        policy["strategy"] = "block"
        if cancel_grace_ms is not None:
            policy["max_block_time_ms"] = cancel_grace_ms
    policy["defaulting_source"] = "explicit_edge_config" if explicit else "execution_profile_default"
    return policy


def default_policy(queue: Mapping[str, Any]) -> dict[str, Any]:
    """The one policy that names no edge: what the runtime uses where it tells none apart."""
    return edge_policy(queue, "DataLane", None, explicit=False)


def budgets(said: Mapping[str, Any]) -> dict[str, Any]:
    """The four budgets that the runtime knows."""
    return {
        "turn_budget_ms": said.get("turn_budget_ms"),
        "node_budget_ms_default": said.get("node_budget_ms"),
        "path_budget_ms_default": said.get("path_budget_ms"),
        "edge_budget_ms_default": said.get("edge_budget_ms"),
    }


def node_policies(nodes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """How many calls each node may have at once, where it says so."""
    return {
        node_id: {"concurrency_limit": node["resource_limits"]["max_concurrency"]}
        for node_id, node in nodes.items()
        if "max_concurrency" in node.get("resource_limits", {})
    }


def bindings_by_modality(
    order: Iterable[str], nodes: Mapping[str, Mapping[str, Any]], bound: Mapping[str, str]
) -> dict[str, str]:
    """Per modality the provider of the first node, in topological order, that is nobody's fallback."""
    fallbacks = {node["fallback"]["to"] for node in nodes.values() if "fallback" in node}
    bindings: dict[str, str] = {}
    for node_id in order:
        modality = nodes[node_id].get("modality")
        if node_id in bound and node_id not in fallbacks and modality is not None:
            bindings.setdefault(modality, bound[node_id])
    return bindings
