"""The types that authors state for edges, parsed: passes know types, not texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rsppc.diagnostics import DiagnosticSink
from rsppc.ir.program import Edge, Layer, Policy, Subgraph
from rsppc.ir.setting import Setting
from rsppc.ir.types import PortType
from rsppc.lowering.extension import port_type_at


def stated_types(
    edges: Iterable[Edge],
    subgraphs: Iterable[Subgraph],
    layers: Iterable[Layer],
    policies: Iterable[Policy],
    sink: DiagnosticSink,
) -> dict[str, PortType]:
    """By text, the types that edges, modules, layers and rules state; malformed ones are reported and left out."""
    types: dict[str, PortType] = {}
    for setting in _settings(edges, subgraphs, layers, policies):
        if not isinstance(setting.value, str) or setting.value in types:
            continue
        origin: Any = setting.origin
        parsed = port_type_at(origin.container, origin.key, sink)
        if parsed is not None:
            types[setting.value] = parsed
    return types


def _settings(
    edges: Iterable[Edge], subgraphs: Iterable[Subgraph], layers: Iterable[Layer], policies: Iterable[Policy]
) -> Iterator[Setting]:
    yield from (edge.stated_type for edge in edges if edge.stated_type is not None)
    waiting = [subgraph.module for subgraph in subgraphs]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module is not None and module.ref not in seen:
            seen.add(module.ref)
            yield from (edge.stated_type for edge in module.edges if edge.stated_type is not None)
            waiting.extend(subgraph.module for subgraph in module.subgraphs)
    patches = [patch for layer in layers for patch in layer.patches]
    patches += [patch for policy in policies for rule in policy.degrade_rules for patch in rule.patches]
    for patch in patches:
        if patch.steps[0] == "edges" and patch.steps[-1] == "type":
            yield patch.setting
