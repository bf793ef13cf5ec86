"""Whether the graph holds together: inputs fed once, loops declared, everything reachable, fallbacks that end.

Also puts the nodes into topological order, ties by id, for the passes that follow.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from rsppc.base.names import near_miss
from rsppc.base.record import Record, replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.catalog import Port
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import Edge, Fallback, Node, Program
from rsppc.ir.types import mismatch
from rsppc.passes.base import Pass, facts
from rsppc.passes.infer_scopes import says_turn


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
    hint = "connect {advice}"
    port: str
    advice: str


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
    program = _with_sound_fallbacks(program, sink)
    _check_fan_in(program, sink)
    if not program.partial:
        _check_completeness(program, sink)
    order = _topological_order(program, sink)
    _check_feedback(program, sink)
    return replace(program, order=order)


def _distinct_edges(program: Program, sink: DiagnosticSink) -> tuple[Edge, ...]:
    """The edges without repetitions and without those that lead back to where they come from."""
    first: dict[str, Edge] = {}
    loops = False
    for edge in program.edges:
        known = first.setdefault(edge.id, edge)
        if known is not edge:
            related = (Related(at=known.source.place.span(), text="the first one is here"),)
            sink.report(DuplicateEdge(at=edge.source.place.span(), subject=edge.id, related=related))
        elif edge.source.node == edge.target.node:
            loops = True
            sink.report(EdgeIntoItself(at=edge.target.place.span(), subject=edge.source.node))
    if len(first) == len(program.edges) and not loops:
        return program.edges
    return tuple(edge for edge in first.values() if edge.source.node != edge.target.node)


def _check_fan_in(program: Program, sink: DiagnosticSink) -> None:
    fed: dict[tuple[str, str | None], list[Edge]] = {}
    for edge in program.edges:
        fed.setdefault((edge.target.node, edge.target.port), []).append(edge)
    for edges in fed.values():
        if len(edges) > 1:
            _report_fan_in(edges, sink)


def _check_completeness(program: Program, sink: DiagnosticSink) -> None:
    """Every input fed, every output consumed, every node between a beginning and an end; one finding a node."""
    known = {node.id: node for node in program.nodes.values() if node.type is not None}
    starts = {one.id for one in known.values() if one.type is not None and one.type.role in ("ingress", "source")}
    has_start = bool(starts) or len(known) < len(program.nodes) or bool(program.dropped)
    if not has_start:
        sink.report(NothingEnters(at=program.place.span(), subject=program.pipeline))
    connections = _connections(program)
    fallbacks = fallback_targets(program)
    alone = {
        node_id
        for node_id in known.keys() - connections.touched - fallbacks - starts
        if inputs_of(known[node_id]) and known[node_id].type.role == "processor"  # type: ignore[union-attr]
    }
    nodes = [node for node in known.values() if node.id not in fallbacks and node.id not in alone]
    unfed = [found for node in nodes for found in _unfed_inputs(node, connections)] if has_start else []
    unconsumed = [found for node in nodes for found in _unconsumed_outputs(node, connections, program)]
    for found in unfed:
        unconsumed = _report_unfed(found, unconsumed, sink)
    for left in unconsumed:
        sink.report(UnconsumedOutput(at=left.node.place.span(), subject=left.node.id, port=left.port.name))
    if has_start:
        starts.update(found.node.id for found in unfed)
        _check_reach(
            program, connections, starts, {node.id for node in nodes if _lacks_consumer(node, connections)}, sink
        )


class _Connections(Record):
    """What is connected with what; edges that lead nowhere count for the end that is there."""

    fed: set[tuple[str, str | None]]
    consumed: set[tuple[str, str | None]]
    touched: set[str]
    vague: set[str]
    """Nodes at which an edge ends, but at which port is not known."""


def _connections(program: Program) -> _Connections:
    fed = {(edge.target.node, edge.target.port) for edge in program.edges}
    consumed = {(edge.source.node, edge.source.port) for edge in program.edges}
    for end in (program.turns.owner, *(cancel.source for cancel in program.turns.cancels)):
        if end is not None:
            consumed.add((end.node, end.port))
    touched = {end.node for edge in program.edges for end in (edge.source, edge.target)}
    touched.update(end.node for edge in program.dropped for end in (edge.source, edge.target))
    vague = set(_vague_nodes(program))
    for edge in program.dropped:
        fed.add((edge.target.node, edge.target.port))
        consumed.add((edge.source.node, edge.source.port))
    return _Connections(fed=fed, consumed=consumed, touched=touched | vague, vague=vague)


def _vague_nodes(program: Program) -> Iterator[str]:
    """Names at the ends of dropped edges whose port is not known; of a module in use all of its nodes."""
    modules: set[str] = set()
    for edge in program.dropped:
        for end, ports_of in ((edge.source, outputs_of), (edge.target, inputs_of)):
            node = program.nodes.get(end.node)
            if node is None:
                modules.add(end.node)
            if node is None or end.port not in ports_of(node):
                yield end.node
    for node_id in program.nodes if modules else ():
        around = node_id.rpartition("/")[0]
        while around and around not in modules:
            around = around.rpartition("/")[0]
        if around:
            yield node_id


class _Open(Record):
    """An input or output of a node that should be connected and is not."""

    node: Node
    port: Port
    others: str = ""
    """Inputs that would do as well."""


def _unfed_inputs(node: Node, connections: _Connections) -> Iterator[_Open]:
    if node.id in connections.vague:
        return
    inputs = inputs_of(node)
    for name, port in inputs.items():
        if port.required and (node.id, name) not in connections.fed:
            yield _Open(node=node, port=port)
    is_silent = node.type is not None and node.type.role == "egress" and inputs
    if is_silent and not any((node.id, name) in connections.fed or inputs[name].required for name in inputs):
        first, *rest = inputs
        yield _Open(node=node, port=inputs[first], others="".join(f" or `{node.id}.{name}`" for name in rest))


def _unconsumed_outputs(node: Node, connections: _Connections, program: Program) -> Iterator[_Open]:
    if node.id in connections.vague:
        return
    for name, port in outputs_of(node).items():
        if port.required and (node.id, name) not in connections.consumed and not _is_left_to_turns(port, program):
            yield _Open(node=node, port=port)


def _is_left_to_turns(port: Port, program: Program) -> bool:
    """Whether `infer_scopes` says what is wrong with an output that nobody takes: it speaks of turns."""
    if program.turns.partial:
        return port.lane == "ControlLane"
    is_needed = program.turns.owner is not None or any(
        node.type is not None and node.type.scope == "turn" for node in program.nodes.values()
    )
    return is_needed and says_turn(port.type)


def _lacks_consumer(node: Node, connections: _Connections) -> bool:
    return any(port.required and (node.id, name) not in connections.consumed for name, port in outputs_of(node).items())


_PAIRS_MAX = 200


def _report_unfed(found: _Open, unconsumed: list[_Open], sink: DiagnosticSink) -> list[_Open]:
    """Report an input that nothing feeds; the outputs that go nowhere come back without the one that was its own."""
    node, port = found.node, found.port
    fitting = [one for one in unconsumed[:_PAIRS_MAX] if one.node is not node and _fits(one.port, port)]
    if len(fitting) != 1:
        sink.report(UnfedInput(at=node.place.span(), subject=node.id, port=port.name, advice=_feeders(found)))
        return unconsumed
    (missing,) = fitting
    source = f"{missing.node.id}.{missing.port.name}"
    advice = f"`{source}` to `{node.id}.{port.name}`"
    related = (Related(at=missing.node.place.span(), text=f"`{source}` goes nowhere"),)
    sink.report(UnfedInput(at=node.place.span(), subject=node.id, port=port.name, advice=advice, related=related))
    return [one for one in unconsumed if one is not missing]


def _feeders(found: _Open) -> str:
    return f"an output to `{found.node.id}.{found.port.name}`{found.others}"


def _fits(source: Port, target: Port) -> bool:
    return source.lane == target.lane and mismatch(source.type, target.type) is None


def fallback_targets(program: Program) -> set[str]:
    """Nodes that take over from others and have no edges of their own."""
    return {node.fallback.to for node in program.nodes.values() if node.fallback is not None}


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


def _with_sound_fallbacks(program: Program, sink: DiagnosticSink) -> Program:
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


def _check_reach(
    program: Program, connections: _Connections, starts: set[str], ends: set[str], sink: DiagnosticSink
) -> None:
    """Report nodes that nothing reaches, and those from which nothing is heard, as far as it is not said otherwise."""
    unknown = {node.id for node in program.nodes.values() if node.type is None} | connections.vague
    edges = (*program.edges, *program.dropped)
    reached = _reached(starts | unknown, edges)
    sinks = {node.id for node in program.nodes.values() if node.type is not None and node.type.role in _LAST}
    ends = ends | unknown | sinks
    if program.turns.owner is not None:
        ends.add(program.turns.owner.node)
    ends.update(cancel.source.node for cancel in program.turns.cancels)
    heard = _reached(ends, edges, backwards=True)
    fallbacks = fallback_targets(program)
    for node in program.nodes.values():
        if node.id in fallbacks:
            continue
        if node.id not in reached:
            sink.report(Unreachable(at=node.place.span(), subject=node.id))
        elif node.id not in heard and not program.turns.partial:
            sink.report(DeadEnd(at=node.place.span(), subject=node.id))


_LAST = ("egress", "sink")


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
