"""A Program as text, for `rsppc dump`, for golden cases of passes, and for people who debug one.

One line per node, edge and setting, sorted, so that two programs can be compared line by line. What a pass has not
given yet is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, assert_never

from rsppc.ir.ports import shown_port
from rsppc.ir.program import Edge, Node, Program
from rsppc.ir.setting import (
    Computed,
    FromBundle,
    FromLayer,
    FromModule,
    FromNodeType,
    FromPolicy,
    FromProfile,
    Inferred,
    Origin,
    Setting,
    Written,
)
from rsppc.ir.types import PortType, print_domain, print_type


def print_program(program: Program) -> str:
    """All that is known of a program."""
    return "\n".join(_lines(program)) + "\n"


def _lines(program: Program) -> Iterator[str]:
    kind = "implicit bundle" if program.bundle.implicit else "bundle"
    yield f"{kind} {program.bundle.id}/{program.bundle.version} of pipeline {program.pipeline}"
    yield f"profile {program.defaults.ref}"
    if program.runtime is not None:
        yield f"runtime {program.runtime.ref}"
    yield from (f"policy {policy.ref}" for policy in program.policies)
    yield from (f"layer {layer.ref} scope {layer.scope}" for layer in program.layers)
    for node_id in sorted(program.nodes):
        yield from _node(program.nodes[node_id], program)
    flows = _flows(program)
    for edge in sorted(program.edges, key=lambda one: one.id):
        yield from _edge(edge, program, flows.get(edge.id, ""))
    yield from _turns(program)
    yield from _rest(program)


def _node(node: Node, program: Program) -> Iterator[str]:
    words = [f"node {node.id} : {node.type_name if node.type is not None else node.type_name + '?'}"]
    if node.id in program.scopes:
        words.append(f"scope {program.scopes[node.id]}")
    if node.fallback is not None:
        words.append(f"fallback {node.fallback.to} on {', '.join(node.fallback.on)}")
    if node.id in program.bindings:
        words.append(f"served by {program.bindings[node.id].value}")
    yield " ".join(words)
    for field in sorted(node.config):
        yield f"  config.{field} = {_setting(node.config[field])}"
    for name, setting in (("provider", node.provider), ("budget_ms", node.budget_ms)):
        if setting is not None:
            yield f"  {name} = {_setting(setting)}"
    if program.solution is not None:
        types: dict[str, PortType] = dict(program.solution.types.get(node.id, {}))
        for port in sorted(types, key=lambda name: (not name.startswith(">"), name)):
            side = "in " if port.startswith(">") else "out"
            yield f"  {side} {shown_port(port)}: {print_type(types[port])}"


def _flows(program: Program) -> dict[str, str]:
    """What passes on each edge, where its kind says so."""
    if program.solution is None:
        return {}
    flows: dict[str, str] = {}
    for edge, flow in zip(program.edges, program.solution.edges, strict=False):
        if flow.unchecked:
            flows[edge.id] = " unchecked"
        elif flow.passes is not None:
            flows[edge.id] = f" passes {print_domain(flow.passes)}"
    return flows


def _edge(edge: Edge, program: Program, flow: str) -> Iterator[str]:
    words = [f"edge {edge.id}"]
    if edge.id in program.lanes:
        words.append(program.lanes[edge.id])
    if edge.when is not None:
        words.append(f"when ({edge.when.text})")
    if edge.inferred_ports:
        words.append(f"ports chosen: {', '.join(edge.inferred_ports)}")
    yield " ".join(words) + flow
    for field in sorted(edge.buffer):
        yield f"  buffer.{field} = {_setting(edge.buffer[field])}"
    for field in sorted(edge.settings):
        yield f"  {field} = {_setting(edge.settings[field])}"


def _turns(program: Program) -> Iterator[str]:
    if program.turns.owner is not None:
        yield f"turns owned by {program.turns.owner}"
    for cancel in sorted(program.turns.cancels, key=lambda one: str(one.source)):
        yield f"cancel at {cancel.source} ({cancel.kind})"


def _rest(program: Program) -> Iterator[str]:
    if program.order:
        yield f"order {' '.join(program.order)}"
    for choice in program.choices:
        yield f"choice {choice.kind} {choice.subject}: {' | '.join(choice.options)}"
    proofs = program.proofs
    if proofs is None:
        return
    yield f"checked edges {proofs.edges_checked} of {proofs.edges}, programs {proofs.programs}"
    if proofs.queue_bytes:
        yield f"queues {proofs.queue_bytes} bytes"
    for path in proofs.paths:
        if not path.name.startswith("node/"):
            figures = ", ".join(
                f"{name} {'unproved' if value is None else f'{value} ms'}"
                for name, value in (("p50", path.p50_ms), ("p95", path.p95_ms))
            )
            yield f"path {path.name}: {figures}, budget {path.budget_ms or 'none'}"
    if proofs.cancel_ms is not None:
        yield f"cancel {proofs.cancel_ms} ms"


def _setting(setting: Setting) -> str:
    beaten = "".join(f" over {_value(one.value)} ({_origin(one.origin)})" for one in setting.overridden)
    return f"{_value(setting.value)} ({_origin(setting.origin)}){beaten}"


def _value(value: Any) -> str:
    match value:
        case PortType():
            return print_type(value)
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case dict():
            return "{" + ", ".join(f"{key}: {_value(value[key])}" for key in sorted(value)) + "}"
        case list() | tuple():
            return "[" + ", ".join(_value(one) for one in value) + "]"
        case _:
            return str(value)


def _origin(origin: Origin) -> str:
    match origin:
        case Written(section=section):
            return section
        case FromBundle(ref=ref) | FromProfile(ref=ref):
            return ref
        case FromNodeType(ref=ref, node_type=node_type):
            return f"{ref} {node_type}"
        case FromModule(ref=ref, via=via):
            return f"{ref} through {'/'.join(via)}"
        case FromLayer(scope=scope, ref=ref):
            return f"{scope} layer {ref}"
        case FromPolicy(ref=ref, rule=rule):
            return f"{ref} rule {rule}"
        case Inferred(rule=rule):
            return f"inferred {rule}"
        case Computed(analysis=analysis):
            return f"computed {analysis}"
        case _:
            assert_never(origin)
