"""Whether the graph holds together: inputs fed once, loops declared, everything reachable, fallbacks that end.

Also puts the nodes into topological order, ties by id, for the passes that follow.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Fix, Related
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import Edge, Node, Program
from rsppc.passes.base import Pass, facts


class DuplicateEdge(Diagnostic):
    """Two edges with equal ends would carry every event twice."""

    code = "RSP2202"
    name = "duplicate-edge"
    headline = "there are two edges `{subject}`"
    hint = "remove one of them; to treat events differently, give one edge a `when`"


class UnfedInput(Diagnostic):
    """A required input that no edge feeds would wait for ever."""

    code = "RSP4101"
    name = "unfed-input"
    headline = "input `{port}` of node `{subject}` is fed by nothing"
    hint = "connect an output to `{subject}.{port}`{advice}"
    port: str
    advice: str = ""


class UnconsumedOutput(Diagnostic):
    """What an output emits must go somewhere; what may be ignored is declared as optional by the node type."""

    code = "RSP4102"
    name = "unconsumed-output"
    headline = "output `{port}` of node `{subject}` goes nowhere"
    hint = "connect `{subject}.{port}` to an input, or remove the node"
    port: str


class FanIn(Diagnostic):
    """Two producers at one input would interleave by chance. A join node says in which order they come."""

    code = "RSP4103"
    name = "fan-in"
    headline = "input `{subject}` is fed by {count} edges"
    hint = "join them with a `flow.merge` or a `flow.select`"
    count: int


class EdgeIntoItself(Diagnostic):
    """A node that feeds itself is a loop without an end."""

    code = "RSP4104"
    name = "edge-into-itself"
    headline = "node `{subject}` feeds itself"
    hint = "remove the edge, or put a node between"


class Cycle(Diagnostic):
    """A loop is allowed where one edge says how many rounds there may be; any other loop could run for ever."""

    code = "RSP4105"
    name = "cycle"
    headline = "the edges form a loop: {chain}"
    hint = "mark the edge that closes it with `feedback: true` and `max_rounds`, or remove it"
    chain: str


class FeedbackWithoutRounds(Diagnostic):
    """A loop needs a bound: how often it may go round within one turn."""

    code = "RSP4106"
    name = "feedback-without-rounds"
    headline = "feedback edge `{subject}` does not say how many rounds there may be"
    hint = "add `max_rounds`, from 1 to 8"


class FeedbackWithoutLoop(Diagnostic):
    """`feedback` marks the edge that closes a loop; here there is none, so the mark misleads."""

    code = "RSP4107"
    name = "feedback-without-loop"
    headline = "edge `{subject}` is marked as feedback, but closes no loop"
    hint = "remove `feedback` and `max_rounds`"


class Unreachable(Diagnostic):
    """A node that nothing from outside can reach never runs."""

    code = "RSP4108"
    name = "unreachable-node"
    headline = "nothing reaches node `{subject}`"
    hint = "connect it to what comes from an ingress or a source, or remove it"


class DeadEnd(Diagnostic):
    """What a node makes must be heard, decide about a turn, or end in a sink; else it costs time for nothing."""

    code = "RSP4109"
    name = "dead-end"
    headline = "what node `{subject}` makes reaches no egress, no sink and no turn"
    hint = "connect it onwards, or remove it"


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


class NothingEnters(Diagnostic):
    """A pipeline without an ingress or a source never has anything to do."""

    code = "RSP4114"
    name = "nothing-enters"
    headline = "pipeline `{subject}` has no ingress and no source"
    hint = "add a `transport.ingress`"


def run(program: Program, sink: DiagnosticSink) -> Program:
    program = replace(program, edges=_distinct_edges(program, sink))
    _check_feeding(program, sink)
    _check_fallbacks(program, sink)
    order = _topological_order(program, sink)
    _check_feedback(program, sink)
    _check_reach(program, sink)
    return replace(program, order=order)


def _distinct_edges(program: Program, sink: DiagnosticSink) -> tuple[Edge, ...]:
    first: dict[str, Edge] = {}
    for edge in program.edges:
        known = first.setdefault(edge.id, edge)
        if known is not edge:
            related = (Related(at=known.source.place.span(), text="the first one is here"),)
            sink.report(DuplicateEdge(at=edge.source.place.span(), subject=edge.id, related=related))
        elif edge.source.node == edge.target.node:
            sink.report(EdgeIntoItself(at=edge.source.place.span(), subject=edge.source.node))
    return program.edges if len(first) == len(program.edges) else tuple(first.values())


def _check_feeding(program: Program, sink: DiagnosticSink) -> None:
    """Every input fed once, every output consumed."""
    fed: dict[tuple[str, str | None], list[Edge]] = {}
    consumed: set[tuple[str, str | None]] = set()
    for edge in program.edges:
        fed.setdefault((edge.target.node, edge.target.port), []).append(edge)
        consumed.add((edge.source.node, edge.source.port))
    for end in (program.turns.owner, *(cancel.source for cancel in program.turns.cancels)):
        if end is not None:
            consumed.add((end.node, end.port))
    fallbacks = fallback_targets(program)
    for edges in fed.values():
        if len(edges) > 1:
            _report_fan_in(edges, sink)
    for node in program.nodes.values():
        if node.id not in fallbacks:
            _check_ports(node, fed, consumed, sink)


def fallback_targets(program: Program) -> set[str]:
    """Nodes that take over from others and have no edges of their own."""
    return {node.fallback.to for node in program.nodes.values() if node.fallback is not None}


def _check_ports(
    node: Node,
    fed: dict[tuple[str, str | None], list[Edge]],
    consumed: set[tuple[str, str | None]],
    sink: DiagnosticSink,
) -> None:
    inputs = inputs_of(node)
    for name, port in inputs.items():
        if port.required and (node.id, name) not in fed:
            sink.report(UnfedInput(at=node.place.span(), subject=node.id, port=name))
    for name, port in outputs_of(node).items():
        if port.required and (node.id, name) not in consumed:
            sink.report(UnconsumedOutput(at=node.place.span(), subject=node.id, port=name))
    is_silent = node.type is not None and node.type.role == "egress" and inputs
    if is_silent and not any((node.id, name) in fed or inputs[name].required for name in inputs):
        first, *rest = inputs
        others = "".join(f" or `{node.id}.{name}`" for name in rest)
        sink.report(UnfedInput(at=node.place.span(), subject=node.id, port=first, advice=others))


def _report_fan_in(edges: list[Edge], sink: DiagnosticSink) -> None:
    last = edges[-1]
    related = tuple(Related(at=edge.target.place.span(), text=f"from `{edge.source}`") for edge in edges[:-1])
    sources = ", ".join(f"in{number}" for number in range(1, len(edges) + 1))
    title = f"add `{{node_id: join, node_type: flow.merge, config: {{order: timestamp, sources: [{sources}]}}}}`, "
    title += f"lead each edge into one of its inputs, and `join.out` into `{last.target}`"
    sink.report(
        FanIn(
            at=last.target.place.span(),
            subject=str(last.target),
            count=len(edges),
            related=related,
            fixes=(Fix(title=title),),
        )
    )


def _check_fallbacks(program: Program, sink: DiagnosticSink) -> None:
    users = [node for node in program.nodes.values() if node.fallback is not None]
    if not users:
        return
    by_node: dict[str, Edge] = {}
    for edge in program.edges:
        by_node.setdefault(edge.source.node, edge)
        by_node.setdefault(edge.target.node, edge)
    for node in users:
        assert node.fallback is not None
        target = program.nodes.get(node.fallback.to)
        at = node.fallback.place.span()
        if target is None:
            guess = near_miss(node.fallback.to, program.nodes)
            advice = f"did you mean `{guess}`?" if guess else "add the node"
            sink.report(UnknownFallback(at=at, subject=node.fallback.to, advice=advice))
            continue
        if target.id in by_node:
            related = (Related(at=by_node[target.id].source.place.span(), text="one of its edges"),)
            sink.report(FallbackWithEdges(at=at, subject=target.id, primary=node.id, related=related))
        _check_fallback_ports(node, target, program, sink)
    _check_fallback_chains(users, program, sink)


def _check_fallback_ports(node: Node, target: Node, program: Program, sink: DiagnosticSink) -> None:
    assert node.fallback is not None
    if target.type is None:
        return
    for edge in edges_of_primary(node.id, program):
        takes = edge.target.node == node.id
        port, offered = (edge.target.port, inputs_of(target)) if takes else (edge.source.port, outputs_of(target))
        if port not in offered:
            words = "input" if takes else "output"
            at = node.fallback.place.span()
            sink.report(FallbackLacksPort(at=at, subject=target.id, direction=words, port=port or "", primary=node.id))


def edges_of_primary(node_id: str, program: Program) -> list[Edge]:
    """Edges that a fallback of a node takes over: those of the head of the chain that leads to it."""
    heads = {node_id}
    waiting = [node_id]
    users: dict[str, list[str]] = {}
    for node in program.nodes.values():
        if node.fallback is not None:
            users.setdefault(node.fallback.to, []).append(node.id)
    while waiting:
        for user in users.get(waiting.pop(), ()):
            if user not in heads:
                heads.add(user)
                waiting.append(user)
    return [edge for edge in program.edges if edge.source.node in heads or edge.target.node in heads]


def _check_fallback_chains(users: list[Node], program: Program, sink: DiagnosticSink) -> None:
    done: set[str] = set()
    for node in users:
        chain: list[str] = []
        current: Node | None = node
        while current is not None and current.id not in done and current.id not in chain:
            chain.append(current.id)
            current = program.nodes.get(current.fallback.to) if current.fallback is not None else None
        if current is not None and current.id in chain:
            loop = [*chain[chain.index(current.id) :], current.id]
            assert node.fallback is not None
            sink.report(FallbackLoop(at=node.fallback.place.span(), subject=node.id, chain=" → ".join(loop)))
        done.update(chain)


def _topological_order(program: Program, sink: DiagnosticSink) -> tuple[str, ...]:
    """Node ids, producers first, ties by id; feedback edges left out. Nodes on loops come last, by id."""
    followers: dict[str, list[str]] = {node_id: [] for node_id in program.nodes}
    waiting_for = dict.fromkeys(program.nodes, 0)
    for edge in program.edges:
        if not edge.feedback and edge.source.node != edge.target.node:
            followers[edge.source.node].append(edge.target.node)
            waiting_for[edge.target.node] += 1
    ready = [node_id for node_id, count in waiting_for.items() if count == 0]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        node_id = heapq.heappop(ready)
        order.append(node_id)
        for follower in followers[node_id]:
            waiting_for[follower] -= 1
            if waiting_for[follower] == 0:
                heapq.heappush(ready, follower)
    if len(order) < len(program.nodes):
        on_loops = {node_id for node_id, count in waiting_for.items() if count > 0}
        _report_cycles(program, on_loops, sink)
        order.extend(sorted(on_loops))
    return tuple(order)


def _report_cycles(program: Program, on_loops: set[str], sink: DiagnosticSink) -> None:
    """Each loop once: follow edges among the nodes that never became ready until one comes round again."""
    onward: dict[str, list[Edge]] = {}
    for edge in sorted(program.edges, key=lambda one: one.id):
        if not edge.feedback and edge.source.node in on_loops and edge.target.node in on_loops:
            onward.setdefault(edge.source.node, []).append(edge)
    finished: set[str] = set()
    for start in sorted(on_loops):
        path: list[str] = []
        position: dict[str, int] = {}
        stack = [(start, iter(onward.get(start, ())))] if start not in finished else []
        if stack:
            path.append(start)
            position[start] = 0
        while stack:
            node_id, edges = stack[-1]
            following = next(edges, None)
            if following is None:
                stack.pop()
                finished.add(node_id)
                del position[path.pop()]
                continue
            follower = following.target.node
            if follower in position:
                loop = [*path[position[follower] :], follower]
                if len(loop) > 2:  # an edge into itself has its own diagnostic
                    chain = " → ".join(loop if len(loop) <= 12 else [*loop[:10], "…", loop[-1]])
                    sink.report(Cycle(at=following.source.place.span(), subject=following.id, chain=chain))
            elif follower not in finished:
                position[follower] = len(path)
                path.append(follower)
                stack.append((follower, iter(onward.get(follower, ()))))


def _check_feedback(program: Program, sink: DiagnosticSink) -> None:
    for edge in program.edges:
        if not edge.feedback:
            continue
        if edge.max_rounds is None:
            sink.report(FeedbackWithoutRounds(at=edge.source.place.span(), subject=edge.id))
        forward = [one for one in program.edges if not one.feedback]
        if edge.source.node not in _reached({edge.target.node}, forward):
            sink.report(FeedbackWithoutLoop(at=edge.source.place.span(), subject=edge.id))


def _check_reach(program: Program, sink: DiagnosticSink) -> None:
    fallbacks = fallback_targets(program)
    known = {node.id: node for node in program.nodes.values() if node.type is not None}
    starts = {one.id for one in known.values() if one.type is not None and one.type.role in ("ingress", "source")}
    if not starts and len(known) == len(program.nodes):
        sink.report(NothingEnters(at=program.place.span(), subject=program.pipeline))
        return
    unknown = program.nodes.keys() - known.keys()
    reached = _reached(starts | unknown, program.edges)
    ends = {one.id for one in known.values() if one.type is not None and one.type.role in ("egress", "sink")}
    if program.turns.owner is not None:
        ends.add(program.turns.owner.node)
    ends.update(cancel.source.node for cancel in program.turns.cancels)
    heard = _reached(ends | unknown, program.edges, backwards=True)
    for node in known.values():
        if node.id in fallbacks:
            continue
        if node.id not in reached:
            sink.report(Unreachable(at=node.place.span(), subject=node.id))
        elif node.id not in heard:
            sink.report(DeadEnd(at=node.place.span(), subject=node.id))


def _reached(starts: set[str], edges: Iterable[Edge], *, backwards: bool = False) -> set[str]:
    onward: dict[str, list[str]] = {}
    for edge in edges:
        source, target = edge.source.node, edge.target.node
        if backwards:
            source, target = target, source
        onward.setdefault(source, []).append(target)
    reached = set(starts)
    waiting = deque(starts)
    while waiting:
        for follower in onward.get(waiting.popleft(), ()):
            if follower not in reached:
                reached.add(follower)
                waiting.append(follower)
    return reached


PASS = Pass(
    name="check_graph",
    run=run,
    needs=facts("one graph", "node types known", "ports known"),
    gives=facts("order known", "graph sound"),
)
