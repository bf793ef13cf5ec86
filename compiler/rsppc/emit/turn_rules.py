"""`rules` and `layers`: everything that is decided when a turn opens, with the patch that it would apply, resolved.

A patch is a table of JSON Pointers into the same document with the values that stand there once the rule holds. It
includes what follows from a setting: a default of the profile reaches every edge that rests on it, a bound moves its
watermarks. So a turn plan is selection, not compilation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rsppc.base.json_pointer import escaped
from rsppc.emit.conditions import condition
from rsppc.emit.edges import canonical_strategy, watermarks
from rsppc.emit.inserts import Insert
from rsppc.emit.origins import Ledger, Part
from rsppc.ir.program import DegradeRule, Edge, Layer, Node, Patch, Program, ProviderRule
from rsppc.ir.setting import Setting
from rsppc.ir.setting_path import print_steps


class View:
    """What patches need to know of the document into which they point."""

    __slots__ = ("edges", "inserted", "named_by_rules", "nodes", "program", "segmenter")

    def __init__(self, program: Program, inserts: tuple[Insert, ...], segmenter: str | None) -> None:
        self.program = program
        self.segmenter = segmenter
        self.nodes: dict[str, Node] = dict(program.nodes)
        self.named_by_rules = {
            one.node
            for policy in program.policies
            for one in policy.provider_rules
            if one.node is not None and one.when is None
        }
        self.inserted: dict[str, str] = {}
        """Pointer of every node that a rule can insert."""
        self.edges: dict[str, list[tuple[str, Edge]]] = {}
        """By id and by alias: pointer and edge, also of the edges that rules can insert."""
        for edge in program.edges:
            self._add_edge(f"/effective_edges/{escaped(edge.id)}", edge, (edge.id, *edge.aliases))
        for index, insert in enumerate(inserts):
            self.nodes[insert.node.id] = insert.node
            self.inserted[insert.node.id] = f"/rules/insert/{index}/node"
            kept = (insert.replaced, *insert.into.aliases, insert.into.id)
            self._add_edge(f"/rules/insert/{index}/into", insert.into, kept)
            self._add_edge(f"/rules/insert/{index}/out_of", insert.out_of, (insert.out_of.id,))

    def _add_edge(self, pointer: str, edge: Edge, names: Iterable[str]) -> None:
        for name in dict.fromkeys(names):
            self.edges.setdefault(name, []).append((pointer, edge))

    def all_edges(self) -> Iterator[tuple[str, Edge]]:
        seen: set[str] = set()
        for found in self.edges.values():
            for pointer, edge in found:
                if pointer not in seen:
                    seen.add(pointer)
                    yield pointer, edge

    def pointer_of_node(self, node_id: str) -> str:
        return self.inserted.get(node_id, f"/effective_nodes/{escaped(node_id)}")


def rules_part(program: Program, inserts: tuple[Insert, ...], view: View, ledger: Ledger) -> Part:
    """Provider rules in the order in which they are tried, the others in the order in which they apply."""
    provider = [
        _provider_rule(rule, view, ledger) for policy in reversed(program.policies) for rule in policy.provider_rules
    ]
    degrade = [_degrade_rule(rule, view, ledger) for policy in program.policies for rule in policy.degrade_rules]
    insert = [_insert_rule(one, ledger) for one in inserts]
    none = ledger.computed("turn_rules")
    value = {
        name: [one.value for one in parts]
        for name, parts in (("provider", provider), ("degrade", degrade), ("insert", insert))
    }
    numbers: dict[str, Any] = {
        name: [one.numbers for one in parts] or none
        for name, parts in (("provider", provider), ("degrade", degrade), ("insert", insert))
    }
    return ledger.tell("/rules", value, numbers)


def layers_part(program: Program, view: View, ledger: Ledger) -> Part:
    """Layers with a condition, per scope, the strongest first: the first that holds applies."""
    value: dict[str, list[Any]] = {"environment": [], "tenant": [], "session": []}
    numbers: dict[str, Any] = {scope: [] for scope in value}
    for layer in reversed(program.layers):
        if layer.when is not None:
            made = _layer(layer, view, ledger)
            value[layer.scope].append(made.value)
            numbers[layer.scope].append(made.numbers)
    none = ledger.computed("turn_rules")
    return ledger.tell("/layers", value, {scope: found or none for scope, found in numbers.items()})


def _provider_rule(rule: ProviderRule, view: View, ledger: Ledger) -> Part:
    value: dict[str, Any] = {
        "policy": rule.policy,
        "rule": rule.id,
        "modality": rule.modality,
        "node": rule.node,
        "when": condition(rule.when) if rule.when is not None else None,
        "nodes": _served(rule, view),
        "use": [provider for provider, _ in rule.use],
        "retry": rule.retry,
        "circuit_breaker": rule.circuit_breaker,
        "cost_cap": rule.cost_cap,
    }
    return _told(value, ledger.at(f"policy/{rule.policy}/{rule.id}", rule.place), ledger)


def _served(rule: ProviderRule, view: View) -> list[str]:
    """The nodes whose provider a rule decides, where it is the one that holds."""
    if rule.node is not None:
        return [rule.node] if rule.node in view.nodes else []
    return sorted(
        node.id
        for node in view.nodes.values()
        if node.type is not None
        and node.type.modality == rule.modality
        and node.id not in view.named_by_rules
        and (node.provider is None or node.provider.value is None)
    )


def _degrade_rule(rule: DegradeRule, view: View, ledger: Ledger) -> Part:
    value: dict[str, Any] = {"policy": rule.policy, "rule": rule.id, "when": condition(rule.when)}
    told = _told(value, ledger.at(f"policy/{rule.policy}/{rule.id}", rule.place), ledger)
    return _with_patches(told, rule.patches, view, ledger)


def _layer(layer: Layer, view: View, ledger: Ledger) -> Part:
    value = {"layer": layer.ref, "when": condition(layer.when) if layer.when is not None else None}
    told = _told(value, ledger.at(f"layer/{layer.scope}/{layer.ref}", layer.place), ledger)
    return _with_patches(told, layer.patches, view, ledger)


def _insert_rule(insert: Insert, ledger: Ledger) -> Part:
    rule = insert.rule
    value: dict[str, Any] = {
        "policy": rule.policy,
        "rule": rule.id,
        "when": condition(rule.when) if rule.when is not None else None,
        "replaces": insert.replaced,
        "node_id": insert.node.id,
    }
    told = _told(value, ledger.at(f"policy/{rule.policy}/{rule.id}", rule.place), ledger)
    parts = {"node": insert.node_part, "into": insert.into_part, "out_of": insert.out_of_part}
    return Part(
        value={**told.value, **{name: one.value for name, one in parts.items()}},
        numbers={**told.numbers, **{name: one.numbers for name, one in parts.items()}},
    )


def _told(value: dict[str, Any], number: int, ledger: Ledger) -> Part:
    stated = {name: item for name, item in value.items() if item is not None}
    return Part(value=stated, numbers=dict.fromkeys(stated, number))


def _with_patches(told: Part, patches: tuple[Patch, ...], view: View, ledger: Ledger) -> Part:
    ordered = sorted(patches, key=lambda patch: patch.steps)
    pointers: dict[str, tuple[Any, int]] = {}
    queues: dict[str, tuple[Edge, dict[str, Setting]]] = {}
    for patch in ordered:
        for pointer, value in _reached(patch, view, queues):
            pointers[pointer] = (value, ledger.of(patch.setting))
    for pointer, (edge, changed) in queues.items():
        for name, value, setting in _changed_queue(edge, changed):
            pointers[f"{pointer}/buffer/{name}"] = (value, ledger.of(setting))
    paths = {print_steps(patch.steps): patch for patch in ordered}
    none = ledger.computed("turn_rules")
    return Part(
        value={
            **told.value,
            "set": {path: patch.setting.value for path, patch in paths.items()},
            "patch": {pointer: value for pointer, (value, _) in pointers.items()},
        },
        numbers={
            **told.numbers,
            "set": {path: ledger.of(patch.setting) for path, patch in paths.items()} or none,
            "patch": {pointer: number for pointer, (_, number) in pointers.items()} or none,
        },
    )


def _reached(patch: Patch, view: View, queues: dict[str, tuple[Edge, dict[str, Setting]]]) -> Iterator[tuple[str, Any]]:
    """The leaves that a setting decides. Fields of queues are gathered in `queues`, as they hang together."""
    steps, value = patch.steps, patch.setting.value
    match steps:
        case ("nodes", node, "config", field):
            yield f"{view.pointer_of_node(node)}/config/{field}", value
            if node == view.segmenter:
                yield f"/streaming_handoff/llm_to_tts/{field}", value
        case ("nodes", node, "provider"):
            yield f"{view.pointer_of_node(node)}/provider", value
            if node not in view.inserted and value is not None:
                yield f"/node_provider_bindings/{escaped(node)}", value
        case ("nodes", node, field):
            yield f"{view.pointer_of_node(node)}/{field}", value
        case ("edges", name, "buffer", field):
            for pointer, edge in view.edges.get(name, ()):
                queues.setdefault(pointer, (edge, {}))[1][field] = patch.setting
        case ("edges", name, field) if field != "type":
            for pointer, _ in view.edges.get(name, ()):
                yield f"{pointer}/{field}", value
        case ("budgets", field):
            yield f"/budgets/{field}", value
            if field == "node_budget_ms":
                for node_id in sorted(view.nodes):
                    if view.nodes[node_id].budget_ms is None:
                        yield f"{view.pointer_of_node(node_id)}/budget_ms", value
        case ("buffers", *frame, field):
            _gather_resting(".".join(frame), field, patch.setting, view, queues)


def _gather_resting(
    frame: str, field: str, setting: Setting, view: View, queues: dict[str, tuple[Edge, dict[str, Setting]]]
) -> None:
    """The edges whose queue rests on a table of the profile and that do not say this field themselves."""
    table = view.program.defaults.buffers.get(frame, {})
    origins = {id(one.origin) for one in table.values()}
    for pointer, edge in view.all_edges():
        resting = any(id(_weakest(one).origin) in origins for one in edge.buffer.values())
        own = edge.buffer.get(field)
        if resting and (own is None or own is table.get(field)):
            # Defaults are weaker than what a rule says of the edge itself.
            queues.setdefault(pointer, (edge, {}))[1].setdefault(field, setting)


def _weakest(setting: Setting) -> Setting:
    return setting.overridden[-1] if setting.overridden else setting


def _changed_queue(edge: Edge, changed: dict[str, Setting]) -> Iterator[tuple[str, Any, Setting]]:
    """The fields of a queue that differ once some are set: those, and the watermarks that follow from a bound."""
    merged = {**edge.buffer, **changed}
    for name, setting in changed.items():
        if name == "strategy":
            yield name, canonical_strategy(setting.value), setting
        elif name != "watermarks":
            yield name, setting.value, setting
    moving = [name for name in ("watermarks", "max_queue_items", "max_queue_ms") if name in changed]
    marks = merged.get("watermarks")
    if moving and marks is not None and isinstance(marks.value, dict):
        bounds = {name: setting.value for name, setting in merged.items()}
        yield "watermarks", watermarks(marks.value, bounds), changed[moving[0]]
