"""Choose the ports that authors left out: where exactly one pair of ports fits, that one.

Runs before settings are applied, because paths of settings name edges with their ports. Which formats a port has may
depend on settings, so that only kinds and lanes decide here; formats are the business of `infer_types`.
"""

from __future__ import annotations

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.catalog import Port
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import CancelPlace, Edge, End, Node, Program
from rsppc.ir.types import is_whole_variable, mismatch, print_type
from rsppc.passes.base import Pass, facts


class UnknownNode(Diagnostic):
    """An edge, a fallback or a rule names a node that the pipeline does not have."""

    code = "RSP2114"
    name = "unknown-node"
    headline = "there is no node `{subject}`"
    hint = "{advice}"
    advice: str


class UnknownPort(Diagnostic):
    """An edge names a port that its node does not have."""

    code = "RSP2115"
    name = "unknown-port"
    headline = "node `{node}` has no {direction} `{subject}`"
    hint = "{advice}"
    node: str
    direction: str
    advice: str


class NoPortFits(Diagnostic):
    """Ports may be left out where exactly one pair fits; here none does."""

    code = "RSP3103"
    name = "no-port-fits"
    headline = "nothing that `{source}` emits fits what `{target}` takes"
    hint = "{advice}"
    source: str
    target: str
    advice: str


class SeveralPortsFit(Diagnostic):
    """Ports may be left out where exactly one pair fits; here there are several, and guessing would be silent."""

    code = "RSP3105"
    name = "several-ports-fit"
    headline = "several ports of `{source}` and `{target}` fit: {pairs}"
    hint = "name the ports"
    source: str
    target: str
    pairs: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    _check_signatures(program, sink)
    edges: list[Edge] = []
    dropped: list[Edge] = []
    meant: _Meant = {}
    for edge in program.edges:
        complete = _complete_edge(edge, program, meant, sink)
        if complete is not None:
            edges.append(complete)
        else:
            dropped.append(_with_meant_nodes(edge, meant))
    turns = program.turns
    owner = _known_output(turns.owner, program, "control<turn>", meant, sink) if turns.owner is not None else None
    cancels = tuple(
        replace(cancel, source=source)
        for cancel in turns.cancels
        if (source := _known_output(cancel.source, program, _signal_of(cancel), meant, sink)) is not None
    )
    lost = len(cancels) < len(turns.cancels) or (owner is None and turns.owner is not None)
    turns = replace(turns, owner=owner, cancels=cancels, partial=lost)
    # A node that was forgotten, or a name with nothing near it, could be what any unfed input waits for.
    partial = program.partial or None in meant.values()
    return replace(program, edges=tuple(edges), dropped=tuple(dropped), turns=turns, partial=partial)


def _check_signatures(program: Program, sink: DiagnosticSink) -> None:
    """What a module exposes must be a port of its node."""
    for exposed in program.exposed.values():
        for direction, ports in (("in", exposed.inputs), ("out", exposed.outputs)):
            for end in ports.values():
                node = program.nodes[end.node]
                if end.port is not None and _knows_ports(node, direction) and end.port not in _ports(node, direction):
                    _report_unknown_port(end, node, _ports(node, direction), direction, sink)


def _knows_ports(node: Node, direction: str) -> bool:
    """Whether the ports of a node are known; where its config fails to name them, that has a message of its own."""
    if node.type is None:
        return False
    for port in (node.type.outputs if direction == "out" else node.type.inputs).values():
        if port.named_by is not None and port.named_by not in node.type.defaults:
            names = node.config.get(port.named_by)
            if names is None or not isinstance(names.value, list):
                return False
    return True


def _with_meant_nodes(edge: Edge, meant: _Meant) -> Edge:
    """A dropped edge between the nodes that were probably meant, so that these are not called unconnected."""
    source, target = meant.get(edge.source.node), meant.get(edge.target.node)
    if source is not None:
        edge = replace(edge, source=replace(edge.source, node=source))
    return edge if target is None else replace(edge, target=replace(edge.target, node=target))


def _complete_edge(edge: Edge, program: Program, meant: _Meant, sink: DiagnosticSink) -> Edge | None:
    """The edge with both ports; None where an end leads nowhere, which is reported."""
    sources = _candidates(edge.source, program, "out", meant, sink)
    targets = _candidates(edge.target, program, "in", meant, sink)
    if not sources or not targets:
        return None
    if edge.source.port is not None and edge.target.port is not None:
        return edge
    fitting = _fitting(sources, targets)
    if len(fitting) == 1:
        source, target = fitting[0]
        left_out = [side for side, end in (("source", edge.source), ("target", edge.target)) if end.port is None]
        return replace(
            edge,
            source=replace(source, place=edge.source.place),
            target=replace(target, place=edge.target.place),
            inferred_ports=tuple(left_out),
            aliases=(*edge.aliases, edge.id),
        )
    _report_no_single_pair(edge, fitting, sources, targets, sink)
    return None


_Candidate = tuple[End, Port]
_Meant = dict[str, str | None]
"""Names that no node has, each with that of the node that was probably meant."""


def _candidates(end: End, program: Program, direction: str, meant: _Meant, sink: DiagnosticSink) -> list[_Candidate]:
    """The ports that an end can mean."""
    exposed = program.exposed.get(end.node)
    if exposed is not None:
        if end.port is not None:  # the module has no such port, which has been reported
            return []
        ends = exposed.outputs if direction == "out" else exposed.inputs
        return [
            (inside, _ports(program.nodes[inside.node], direction)[inside.port])
            for inside in ends.values()
            if inside.port is not None and inside.port in _ports(program.nodes[inside.node], direction)
        ]
    node = program.nodes.get(end.node)
    if node is None:
        if not program.partial and not _is_unknown_module(end, program):
            meant[end.node] = _report_unknown_node(end, program, sink)
        return []
    if not _knows_ports(node, direction):
        return []
    ports = _ports(node, direction)
    if end.port is None:
        return [(replace(end, port=name), port) for name, port in ports.items()]
    port = ports.get(end.port)
    if port is None:
        if not _is_exposed(end, program):
            _report_unknown_port(end, node, ports, direction, sink)
        return []
    return [(end, port)]


def _ports(node: Node, direction: str) -> dict[str, Port]:
    return outputs_of(node) if direction == "out" else inputs_of(node)


def _fitting(sources: list[_Candidate], targets: list[_Candidate]) -> list[tuple[End, End]]:
    """Pairs of equal lane and kind; of those the ones whose types fit, where there are any."""
    of_one_kind = [(source, target) for source in sources for target in targets if _same_kind(source[1], target[1])]
    exact = [(one, other) for one, other in of_one_kind if mismatch(one[1].type, other[1].type) is None]
    return [(source[0], target[0]) for source, target in exact or of_one_kind]


def _same_kind(source: Port, target: Port) -> bool:
    if "inherit" not in (source.lane, target.lane) and source.lane != target.lane:
        return False
    kinds = {product.kind for product in source.type.alternatives}
    accepted = {product.kind for product in target.type.alternatives}
    return bool(kinds & accepted) or any(is_whole_variable(kind) or kind == "unchecked" for kind in (*kinds, *accepted))


def _report_no_single_pair(
    edge: Edge,
    fitting: list[tuple[End, End]],
    sources: list[_Candidate],
    targets: list[_Candidate],
    sink: DiagnosticSink,
) -> None:
    at = edge.source.place.span()
    if fitting:
        pairs = ", ".join(f"`{source} -> {target}`" for source, target in fitting[:4])
        sink.report(SeveralPortsFit(at=at, source=str(edge.source), target=str(edge.target), pairs=pairs))
        return
    emits = ", ".join(f"`{end.port}` {print_type(port.type)}" for end, port in sources)
    takes = ", ".join(f"`{end.port}` {print_type(port.type)}" for end, port in targets)
    advice = f"it emits {emits}; the other takes {takes}"
    sink.report(NoPortFits(at=at, source=str(edge.source), target=str(edge.target), advice=advice))


def _is_exposed(end: End, program: Program) -> bool:
    """Whether a module exposes an end, so that whatever is wrong with it is said of the module."""
    return any(
        (inside.node, inside.port) == (end.node, end.port)
        for exposed in program.exposed.values()
        for inside in (*exposed.inputs.values(), *exposed.outputs.values())
    )


def _is_unknown_module(end: End, program: Program) -> bool:
    """Whether an end names a module in use that was not found, which has been reported."""
    return any(subgraph.module is None and subgraph.name == end.node for subgraph in program.subgraphs)


def _prefix(end: End, written: str) -> str:
    """What the modules around an end put before the name of its node: inside, names are written without it."""
    name = written.strip("'\"").split(".")[0]
    return end.node.removesuffix(name) if end.node.endswith(f"/{name}") else ""


_GUESSES_MAX = 30
"""Findings after which no meant names are looked for: each search goes through all names."""


def _report_unknown_node(end: End, program: Program, sink: DiagnosticSink) -> str | None:
    """Report the name of a node that is not there; the full name of the one that was probably meant comes back."""
    at = end.place.span()
    prefix = _prefix(end, at.text)
    name = end.node.removeprefix(prefix)
    inside = (one.removeprefix(prefix) for one in (*program.nodes, *program.exposed) if one.startswith(prefix))
    guess = near_miss(name, inside) if len(sink) < _GUESSES_MAX else None
    advice = "add the node, or correct the name"
    fixes: tuple[Fix, ...] = ()
    if guess:
        advice = f"did you mean `{guess}`?"
        fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=at.text.replace(name, guess, 1)),)),)
    sink.report(UnknownNode(at=at, subject=name, advice=advice, fixes=fixes))
    return prefix + guess if guess else None


def _report_unknown_port(end: End, node: Node, ports: dict[str, Port], direction: str, sink: DiagnosticSink) -> None:
    assert end.port is not None and node.type is not None
    at = end.place.span()
    name = end.node.removeprefix(_prefix(end, at.text))
    words, other = ("output", "input") if direction == "out" else ("input", "output")
    known = ", ".join(f"`{port}`" for port in ports) or "none"
    guess = None
    advice = f"its {words}s are {known}"
    if end.port in _ports(node, "in" if direction == "out" else "out"):
        advice = f"`{end.port}` is an {other}; {words}s are {known}"
    elif len(sink) < _GUESSES_MAX and (guess := near_miss(end.port, ports)):
        advice = f"did you mean `{name}.{guess}`?"
    fixes: tuple[Fix, ...] = ()
    if guess:
        text = at.text.replace(f".{end.port}", f".{guess}", 1)
        fixes = (Fix(title=f"write `{text}`", edits=(Edit(at=at, text=text),)),)
    related = (Related(at=node.place.span(), text=f"a `{node.type.name}`"),)
    sink.report(
        UnknownPort(at=at, subject=end.port, node=name, direction=words, advice=advice, related=related, fixes=fixes)
    )


def _signal_of(cancel: CancelPlace) -> str:
    return "control<barge_in>" if cancel.kind == "barge_in" else "control<cancel>"


def _known_output(end: End, program: Program, wanted: str, meant: _Meant, sink: DiagnosticSink) -> End | None:
    """A control output that `turns` names; with its port chosen where only one control output is there."""
    candidates = _candidates(end, program, "out", meant, sink)
    if end.port is not None:
        return candidates[0][0] if candidates else None
    control = [one for one, port in candidates if any(p.kind == "control" for p in port.type.alternatives)]
    if len(control) == 1:
        return replace(control[0], place=end.place)
    if candidates:
        known = ", ".join(f"`{one}`" for one in control) or "none"
        at = end.place.span()
        sink.report(NoPortFits(at=at, source=str(end), target=f"turns ({wanted})", advice=f"control outputs: {known}"))
    return None


PASS = Pass(name="complete_ports", run=run, needs=facts("one graph", "node types known"), gives=facts("ports known"))
