"""One variant of a bundle: what a selection makes of it, in the runtime's closed objects and in bytes.

All that does not vary from turn to turn is encoded here once; a plan puts its own few values in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical, digest_value
from rsppc.base.json_pointer import escaped, steps_of
from rsppc.base.record import Record
from rsppc.contracts.plan_identity import PlanMaterial, material_of
from rsppc.contracts.projection import (
    bindings_by_modality,
    budgets,
    default_policy,
    edge_policy,
    node_policies,
)
from rsppc.turnplan.bundle import LoadedBundle
from rsppc.turnplan.choose import SCOPES, Choices, Selection

_EXPLICIT = ("explicit_", "module/", "layer/", "policy/")
_RUNNING = ("effective_nodes", "effective_edges", "budgets")
_SECTIONS = (
    *_RUNNING,
    "streaming_handoff",
    "node_provider_bindings",
    "rules",
)


VARYING = ("authority_epoch", "determinism", "plan_hash", "snapshot_provenance", "turn_id")
"""The fields of the contract that are another in every turn, in the order of their names."""


class Frame(Record, kw_only=False):
    """A JSON object in canonical bytes with gaps, one for each varying field."""

    texts: tuple[bytes, ...]

    def filled(self, values: tuple[bytes, ...]) -> bytes:
        """The whole object."""
        pieces = [self.texts[0]]
        for value, text in zip(values, self.texts[1:], strict=True):
            pieces += (value, text)
        return b"".join(pieces)


def frame_of(constant: Mapping[str, Any]) -> Frame:
    """The frame around the fields that vary. Names are plain ASCII without escapes."""
    texts: list[bytes] = []
    text = b""
    for name in sorted((*constant, *VARYING)):
        text += b'%b"%b":' % (b"," if text or texts else b"{", name.encode())
        if name in VARYING:
            texts.append(text)
            text = b""
        else:
            text += canonical(constant[name])
    return Frame((*texts, text + b"}"))


class Variant(Record):
    """What all plans of one selection have in common."""

    graph_definition_ref: str
    constant: dict[str, Any]
    """The fields of the contract that do not vary from turn to turn."""
    frame: Frame
    """The same in canonical bytes, with places for the fields that vary."""
    material: PlanMaterial
    effective: bytes
    """Nodes, edges and budgets of the program that runs, in canonical bytes."""
    node_provider_bindings: bytes
    selection: bytes
    """Layers and rules that hold, and the patches that they apply to the ResolvedSpec, in canonical bytes."""
    decided: dict[str, str]
    """JSON Pointer into the ResolvedSpec → the layer or rule that decided the value there."""


def variant_of(bundle: LoadedBundle, choices: Choices, selection: Selection) -> Variant:
    """A bundle under a selection."""
    spec = bundle.spec
    document = msgspec.json.decode(msgspec.json.encode({name: spec[name] for name in _SECTIONS if name in spec}))
    patches, decided = _patches(choices, selection)
    for pointer, value in patches.items():
        _put(document, pointer, value)
    nodes, edges = document["effective_nodes"], document["effective_edges"]
    bound = document["node_provider_bindings"]
    for node, provider, number in selection.providers:
        rule = choices.provider[number].name
        for pointer in (f"/effective_nodes/{escaped(node)}/provider", f"/node_provider_bindings/{escaped(node)}"):
            decided[pointer] = f"policy/{rule}"
        if node in nodes:
            nodes[node]["provider"] = bound[node] = provider
    explicit = _explicit_edges(spec["defaulting_sources"], patches)
    graph_ref = _graph_ref(bundle, choices, selection)
    _insert(document["rules"]["insert"], selection.insert, nodes, edges, explicit)
    constant = _constant(bundle, document, explicit, graph_ref)
    return Variant(
        graph_definition_ref=graph_ref,
        constant=constant,
        frame=frame_of(constant),
        material=material_of(constant),
        effective=canonical({name: document[name] for name in _RUNNING}),
        node_provider_bindings=canonical(bound),
        selection=canonical(_selection(choices, selection, patches)),
        decided=decided,
    )


def _patches(choices: Choices, selection: Selection) -> tuple[dict[str, Any], dict[str, str]]:
    """What layers and degrade rules set, the stronger ones last, and who set it."""
    patches: dict[str, Any] = {}
    decided: dict[str, str] = {}
    for scope, number in zip(SCOPES, selection.layers, strict=True):
        if number >= 0:
            layer = choices.layers[scope][number]
            patches |= layer.said["patch"]
            decided |= dict.fromkeys(layer.said["patch"], f"layer/{scope}/{layer.name}")
    for number in selection.degrade:
        rule = choices.degrade[number]
        patches |= rule.said["patch"]
        decided |= dict.fromkeys(rule.said["patch"], f"policy/{rule.name}")
    return patches, decided


def _put(document: dict[str, Any], pointer: str, value: Any) -> None:
    """Set a value at a JSON Pointer of the ResolvedSpec; tables on the way there may not have been written."""
    *steps, last = steps_of(pointer)
    place: Any = document
    for step in steps:
        place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
    place[last] = value


def _explicit_edges(sources: Mapping[str, str], patches: Iterable[str]) -> set[str]:
    """Pointers of the edges of whose queue somebody said something: all else is the profile's."""
    found = {pointer for pointer, label in sources.items() if label.startswith(_EXPLICIT)}
    return {pointer.partition("/buffer/")[0] for pointer in (*found, *patches) if "/buffer/" in pointer}


def _insert(
    rules: list[dict[str, Any]],
    numbers: Iterable[int],
    nodes: dict[str, Any],
    edges: dict[str, Any],
    explicit: set[str],
) -> None:
    """Put nodes on their edges. A second node on one edge stands behind the first, whose way out then leads to it."""
    last: dict[str, tuple[str, str]] = {}
    for number in numbers:
        rule, place = rules[number], f"/rules/insert/{number}"
        into, pointer = rule["into"], f"{place}/into"
        before = last.get(rule["replaces"])
        if before is None:
            edges.pop(rule["replaces"], None)
        else:
            edge_id, pointer = before
            into = {**edges.pop(edge_id), "to": into["to"]}
        nodes[rule["node_id"]] = rule["node"]
        out_of = rule["out_of"]
        for edge, origin in ((into, pointer), (out_of, f"{place}/out_of")):
            edge_id = f"{edge['from']}->{edge['to']}"
            edges[edge_id] = edge
            if origin in explicit:
                explicit.add(f"/effective_edges/{escaped(edge_id)}")
        last[rule["replaces"]] = (f"{out_of['from']}->{out_of['to']}", f"{place}/out_of")


def _graph_ref(bundle: LoadedBundle, choices: Choices, selection: Selection) -> str:
    """The reference of the graph that runs. Combinations that the ResolvedSpec does not list are digested here."""
    refs: dict[str, str] = bundle.spec["graph_definition_refs"]
    name = "+".join(choices.insert[number].name for number in selection.insert) or "base"
    if name in refs:
        return refs[name]
    spec = bundle.spec
    nodes, edges = dict(spec["effective_nodes"]), dict(spec["effective_edges"])
    _insert(spec["rules"]["insert"], selection.insert, nodes, edges, set())
    graph = {
        "effective_nodes": nodes,
        "effective_edges": edges,
        "turns": spec["turns"],
        "unknown_events": spec["unknown_events"],
    }
    return f"graph:{bundle.pipeline_version}@{digest_value(graph)}"


def _constant(bundle: LoadedBundle, document: dict[str, Any], explicit: set[str], graph_ref: str) -> dict[str, Any]:
    spec, nodes, edges = bundle.spec, document["effective_nodes"], document["effective_edges"]
    grace = document["budgets"].get("cancel_grace_ms")
    policies = {"default": default_policy(spec["default_buffer"])}
    for edge_id, edge in edges.items():
        is_explicit = f"/effective_edges/{escaped(edge_id)}" in explicit
        policies[edge_id] = edge_policy(edge["buffer"], edge["lane"], grace, explicit=is_explicit)
    constant: dict[str, Any] = {
        "pipeline_version": bundle.pipeline_version,
        "graph_definition_ref": graph_ref,
        "execution_profile": spec["execution_profile"].partition("/")[0],
        "allowed_adaptive_actions": spec["allowed_adaptive_actions"],
        "budgets": budgets(document["budgets"]),
        "provider_bindings": bindings_by_modality(_order(nodes, edges), nodes, document["node_provider_bindings"]),
        "edge_buffer_policies": policies,
        "flow_control": spec["flow_control"],
        "recording_policy": spec["recording"],
    }
    concurrency = node_policies(nodes)
    if concurrency:
        constant["node_execution_policies"] = concurrency
    if "streaming_handoff" in document:
        constant["streaming_handoff"] = document["streaming_handoff"]
    return constant


def _order(nodes: Mapping[str, Any], edges: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Node ids, producers first, ties by id; feedback edges left out."""
    followers: dict[str, list[str]] = {node_id: [] for node_id in nodes}
    waiting_for = dict.fromkeys(nodes, 0)
    for edge in edges.values():
        if not edge.get("feedback"):
            source, target = edge["from"].partition(".")[0], edge["to"].partition(".")[0]
            followers[source].append(target)
            waiting_for[target] += 1
    ready = sorted((node_id for node_id, count in waiting_for.items() if count == 0), reverse=True)
    order: list[str] = []
    while ready:
        node_id = ready.pop()
        order.append(node_id)
        for follower in followers[node_id]:
            waiting_for[follower] -= 1
            if waiting_for[follower] == 0:
                ready.append(follower)
        ready.sort(reverse=True)
    return order


_LIMITS = ("retry", "circuit_breaker", "cost_cap")


def _selection(choices: Choices, selection: Selection, patches: Mapping[str, Any]) -> dict[str, Any]:
    """What was selected, for the runtime that applies it to the ResolvedSpec, and for people."""
    providers: dict[str, dict[str, Any]] = {}
    for node, provider, number in selection.providers:
        rule = choices.provider[number]
        limits: dict[str, Any] = {name: rule.said[name] for name in _LIMITS if name in rule.said}
        providers[node] = {"rule": rule.name, "provider": provider, "use": rule.said["use"], **limits}
    return {
        "layers": [
            {"scope": scope, "layer": choices.layers[scope][number].name}
            for scope, number in zip(SCOPES, selection.layers, strict=True)
            if number >= 0
        ],
        "providers": providers,
        "degrade": [choices.degrade[number].name for number in selection.degrade],
        "insert": [choices.insert[number].name for number in selection.insert],
        "patch": dict(patches),
    }
