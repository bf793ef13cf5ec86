"""Which layers and rules make a pipeline late that is in time without them.

Part of `check_time`, which takes what conditional layers and rules can change at its worst. A finding that is there
only because of them names them, and points at the lines that set what is slow, or the budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rsppc.base.record import replace
from rsppc.base.source import Place
from rsppc.diagnostics import Diagnostic, Related
from rsppc.ir.catalog import Provider
from rsppc.ir.latency import Figure, TimeGraph, conditional_inserts
from rsppc.ir.program import InsertRule, LatencyPath, Patch, Program
from rsppc.ir.setting import Setting
from rsppc.ir.worst_choice import largest_config, written_at

_SHOWN_MAX = 6


def where_no_condition_holds(program: Program) -> Program:
    """The program without what only sometimes changes it; the very same where nothing does."""
    layers = tuple(layer for layer in program.layers if layer.when is None)
    policies = tuple(
        replace(policy, degrade_rules=(), insert_rules=tuple(one for one in policy.insert_rules if one.when is None))
        if policy.degrade_rules or any(one.when is not None for one in policy.insert_rules)
        else policy
        for policy in program.policies
    )
    providers = {
        node_id: serving[:1] if node_id in program.bindings else serving
        for node_id, serving in program.providers.items()
    }
    if layers == program.layers and policies == program.policies and providers == program.providers:
        return program
    return replace(program, layers=layers, policies=policies, providers=providers)


class TimeCauses:
    """Who may change a program when a turn opens, by what they change."""

    __slots__ = ("_graph", "_inserts", "_patches", "_paths", "_program", "_setters")

    def __init__(self, program: Program, graph: TimeGraph, paths: list[LatencyPath]) -> None:
        self._program = program
        self._graph = graph
        self._paths = {path.name: path for path in paths}
        self._setters: dict[int, str] = {}
        """In words, by the identity of the setting."""
        self._patches: dict[str, list[tuple[str, Patch]]] = {}
        """Per node."""
        self._inserts: dict[str, list[InsertRule]] = {}
        for label, patch in _conditional_patches(program):
            self._setters[id(patch.setting)] = label
            if patch.steps[0] == "nodes":
                self._patches.setdefault(patch.steps[1], []).append((label, patch))
        for rule in conditional_inserts(program):
            self._inserts.setdefault(rule.node.id, []).append(rule)

    def named_in(self, diagnostic: Diagnostic, budget: Setting | None, way: tuple[str, ...] = ()) -> Diagnostic:
        """A finding with who makes it so; `budget` is what it is held against, `way` the outputs and edges that it is
        about, where it is about no path of its own."""
        subject = diagnostic.subject
        path = self._paths.get(subject) or self._paths.get(f"node/{subject}")
        subjects = [*(step.subject for step in path.steps), *path.unknown] if path is not None else [*way, subject]
        causes = [*self._of_subjects(subjects), *self._of_setting(budget)]
        if not causes and subject in self._paths:  # inside a loop, of which a path shows the sum
            outputs = self._graph.outputs
            every = [f"{node_id}.{port}" for node_id, ports in outputs.items() for port in ports]
            causes = list(self._of_subjects([*every, *self._graph.bounds]))
        return _caused(diagnostic, causes)

    def _of_subjects(self, subjects: Iterable[str]) -> Iterator[tuple[str, Place | None]]:
        """Who makes outputs and edges slow, and where."""
        for subject in dict.fromkeys(subjects):
            if "->" in subject:
                yield from self._of_setting(self._graph.bounds.get(subject))
                continue
            node_id, _, port = subject.rpartition(".")
            for rule in self._inserts.get(node_id, ()):
                yield f"rule {rule.id}", rule.node.place
            part = self._graph.outputs.get(node_id, {}).get(port)
            if part is not None:
                yield from self._of_figure(part.figure, node_id, port)

    def _of_setting(self, setting: Setting | None) -> Iterator[tuple[str, Place | None]]:
        if setting is not None and id(setting) in self._setters:
            yield self._setters[id(setting)], written_at(setting)

    def _of_figure(self, figure: Figure, node_id: str, port: str) -> Iterator[tuple[str, Place | None]]:
        """Patches of a node on which the figure of one of its outputs rests, and else who serves it."""
        owner, node = figure.stated_by, self._program.nodes.get(node_id)
        if isinstance(owner, str) or node is None:
            return
        is_told = False
        entry = owner.latency.get(port) or owner.latency.get("*")
        fields = (*entry.plus, *entry.at_least) if entry is not None else ()
        for label, patch in self._patches.get(node_id, ()):
            match patch.steps:
                case ("nodes", _, "config", field) if field in fields:
                    if largest_config(node, field, self._graph.conditional) is patch.setting:
                        yield label, written_at(patch.setting)
                case ("nodes", _, "provider") if isinstance(owner, Provider) and patch.setting.value == owner.id:
                    is_told = True
                    yield label, written_at(patch.setting)
        bound = self._program.bindings.get(node_id)
        if isinstance(owner, Provider) and bound is not None and bound.value != owner.id and not is_told:
            yield f"{node_id} served by {owner.id}", None


def _conditional_patches(program: Program) -> Iterator[tuple[str, Patch]]:
    """With whoever sets them, in words."""
    for layer in program.layers:
        if layer.when is not None:
            yield from ((f"layer {layer.ref}", patch) for patch in layer.patches)
    for policy in program.policies:
        for rule in policy.degrade_rules:
            yield from ((f"rule {rule.id}", patch) for patch in rule.patches)


def _caused(diagnostic: Diagnostic, causes: list[tuple[str, Place | None]]) -> Diagnostic:
    if not causes:
        return diagnostic
    labels = list(dict.fromkeys(label for label, _ in causes))
    others = f" and {len(labels) - _SHOWN_MAX} more" if len(labels) > _SHOWN_MAX else ""
    note = f"this happens with {' and '.join(labels[:_SHOWN_MAX])}{others}"
    shown = {(at.source.path, at.start) for at in (diagnostic.at, *(one.at for one in diagnostic.related))}
    related = list(diagnostic.related)
    for label, place in causes[:_SHOWN_MAX]:
        at = place.span() if place is not None else None
        if at is not None and (at.source.path, at.start) not in shown:
            shown.add((at.source.path, at.start))
            related.append(Related(at=at, text=f"by {label}"))
    return replace(diagnostic, notes=(note, *diagnostic.notes), related=tuple(related))
