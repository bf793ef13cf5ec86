"""Whether fallbacks are there, take over what they must, and end.

Part of `check_graph`: a fallback has no edges of its own and stands in for those of its primary.
"""

from __future__ import annotations

from collections.abc import Callable

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import Edge, Fallback, Node, Program


class FallbackLoop(Diagnostic):
    """A chain of fallbacks must end; a loop would fail for ever."""

    code = "RSP4110"
    name = "fallback-loop"
    headline = "the fallbacks form a loop: {chain}"
    hint = "let one of them have no fallback"
    chain: str


class FallbackWithEdges(Diagnostic):
    """A fallback takes over the edges of its primary; edges of its own would run at the same time."""

    code = "RSP4111"
    name = "fallback-with-edges"
    headline = "fallback `{subject}` has edges of its own"
    hint = "remove them: it takes over those of `{primary}`"
    primary: str


class UnknownFallback(Diagnostic):
    """A fallback must be a node of the pipeline."""

    code = "RSP4112"
    name = "unknown-fallback"
    headline = "there is no node `{subject}` to fall back to"
    hint = "{advice}"
    advice: str


class FallbackLacksPort(Diagnostic):
    """A fallback must accept every input of its primary and offer every output that somebody consumes."""

    code = "RSP4113"
    name = "fallback-lacks-port"
    headline = "fallback `{subject}` has no {direction} `{port}`, which `{primary}` has"
    hint = "fall back to a node of a type that has it"
    direction: str
    port: str
    primary: str


def with_sound_fallbacks(program: Program, sink: DiagnosticSink) -> Program:
    """The program with fallbacks that are there and have no edges; the others are reported."""
    users = [node for node in program.nodes.values() if node.fallback is not None]
    if not users:
        return program
    nodes = dict(program.nodes)
    for node in users:
        assert node.fallback is not None
        if node.fallback.to not in nodes:
            nodes[node.id] = replace(node, fallback=_meant_fallback(node.fallback, program, sink))
    users = [node for node in nodes.values() if node.fallback is not None]
    nodes = _without_fallback_loops(users, nodes, sink)
    program = replace(program, nodes=nodes)
    users = [node for node in nodes.values() if node.fallback is not None]
    program = _without_edges_of_fallbacks(users, program, sink)
    edges_of = edges_of_primaries(program)
    for node in users:
        assert node.fallback is not None
        _check_fallback_ports(node, nodes[node.fallback.to], edges_of(node.id), sink)
    return program


def _meant_fallback(fallback: Fallback, program: Program, sink: DiagnosticSink) -> Fallback | None:
    """Report a fallback that is not there; the one that was probably meant comes back, lest it is called idle."""
    guess = near_miss(fallback.to, program.nodes)
    if not program.partial:
        at = fallback.place.span()
        advice = f"did you mean `{guess}`?" if guess else "add the node"
        fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=guess),)),) if guess else ()
        sink.report(UnknownFallback(at=at, subject=fallback.to, advice=advice, fixes=fixes))
    return replace(fallback, to=guess) if guess else None


def _without_edges_of_fallbacks(users: list[Node], program: Program, sink: DiagnosticSink) -> Program:
    by_target = {node.fallback.to: node for node in reversed(users) if node.fallback is not None}
    own: dict[str, Edge] = {}
    for edge in program.edges:
        for end in (edge.source, edge.target):
            if end.node in by_target and end.node not in own:
                own[end.node] = edge
                related = (Related(at=by_target[end.node].fallback.place.span(), text="the fallback"),)  # type: ignore[union-attr]
                primary = by_target[end.node].id
                at = end.place.span()
                sink.report(FallbackWithEdges(at=at, subject=end.node, primary=primary, related=related))
    if not own:
        return program
    dropped = [edge for edge in program.edges if edge.source.node in own or edge.target.node in own]
    kept = tuple(edge for edge in program.edges if edge.source.node not in own and edge.target.node not in own)
    return replace(program, edges=kept, dropped=(*program.dropped, *dropped))


def _check_fallback_ports(node: Node, target: Node, edges: list[tuple[Edge, bool]], sink: DiagnosticSink) -> None:
    assert node.fallback is not None
    if target.type is None:
        return
    for edge, takes in edges:
        port, offered = (edge.target.port, inputs_of(target)) if takes else (edge.source.port, outputs_of(target))
        if port not in offered:
            words = "input" if takes else "output"
            at = node.fallback.place.span()
            sink.report(FallbackLacksPort(at=at, subject=target.id, direction=words, port=port or "", primary=node.id))


def edges_of_primaries(program: Program) -> Callable[[str], list[tuple[Edge, bool]]]:
    """Gives the edges that a fallback of a node takes over, and whether they lead into it (or out of it).

    They are those of the heads of the chains that lead to the node: fallbacks have no edges of their own.
    """
    users: dict[str, list[str]] = {}
    for node in program.nodes.values():
        if node.fallback is not None:
            users.setdefault(node.fallback.to, []).append(node.id)
    by_node: dict[str, dict[int, Edge]] = {}
    for index, edge in enumerate(program.edges):
        by_node.setdefault(edge.source.node, {})[index] = edge
        by_node.setdefault(edge.target.node, {})[index] = edge

    def edges_of(node_id: str) -> list[tuple[Edge, bool]]:
        heads = {node_id}
        waiting = [node_id]
        while waiting:
            for user in users.get(waiting.pop(), ()):
                if user not in heads:
                    heads.add(user)
                    waiting.append(user)
        found: dict[int, Edge] = {}
        for head in heads:
            found.update(by_node.get(head, {}))
        return [(found[index], found[index].target.node in heads) for index in sorted(found)]

    return edges_of


def _without_fallback_loops(users: list[Node], nodes: dict[str, Node], sink: DiagnosticSink) -> dict[str, Node]:
    """The nodes with chains of fallbacks that end: of a loop, which is reported, the last step is left out."""
    sound = dict(nodes)
    done: set[str] = set()
    for node in users:
        chain: dict[str, None] = {}
        current: Node | None = node
        while current is not None and current.id not in done and current.id not in chain:
            chain[current.id] = None
            current = nodes.get(current.fallback.to) if current.fallback is not None else None
        if current is not None and current.id in chain:
            steps = list(chain)
            last = nodes[steps[-1]]
            assert last.fallback is not None
            loop = [*steps[steps.index(current.id) :], current.id]
            shown = " → ".join(loop if len(loop) <= 12 else [*loop[:10], "…", loop[-1]])
            sink.report(FallbackLoop(at=last.fallback.place.span(), subject=last.id, chain=shown))
            sound[last.id] = replace(last, fallback=None)
        done.update(chain)
    return sound


def fallback_targets(program: Program) -> set[str]:
    """Nodes that take over from others and have no edges of their own."""
    return {node.fallback.to for node in program.nodes.values() if node.fallback is not None}
