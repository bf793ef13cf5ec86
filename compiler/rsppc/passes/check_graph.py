"""Whether the graph holds together: inputs fed once, loops declared, everything reachable, fallbacks that end.

Also puts the nodes into topological order, ties by id, for the passes that follow.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator

from rsppc.base.record import Record, replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Fix, Related
from rsppc.ir.catalog import Port
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import Edge, Node, Program
from rsppc.ir.setting import place_of
from rsppc.ir.types import mismatch
from rsppc.passes.base import Pass, facts
from rsppc.passes.infer_scopes import says_turn
from rsppc.passes.sound_fallbacks import fallback_targets, with_sound_fallbacks


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


class SeveralFeedbackEdges(Diagnostic):
    """One edge closes a loop, and says how often it may go round. With two marks it is not clear where a round ends."""

    code = "RSP4116"
    name = "several-feedback-edges"
    headline = "the loop that edge `{subject}` is part of has more than one feedback edge"
    hint = "leave `feedback` and `max_rounds` at the edge that closes the loop, and remove them from the others"


class RoundsWithoutFeedback(Diagnostic):
    """`max_rounds` bounds the loop that a feedback edge closes; on any other edge it bounds nothing."""

    code = "RSP4117"
    name = "rounds-without-feedback"
    headline = "edge `{subject}` has `max_rounds`, but is no feedback edge"
    hint = "add `feedback: true` if the edge closes a loop, or remove `max_rounds`"


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


class NothingEnters(Diagnostic):
    """A pipeline without an ingress or a source never has anything to do."""

    code = "RSP4114"
    name = "nothing-enters"
    headline = "pipeline `{subject}` has no ingress and no source"
    hint = "add a `transport.ingress`"


def run(program: Program, sink: DiagnosticSink) -> Program:
    program = replace(program, edges=_distinct_edges(program, sink))
    program = with_sound_fallbacks(program, sink)
    _check_fan_in(program, sink)
    if not program.partial:
        _check_completeness(program, sink)
    order = _topological_order(program, sink)
    unmarked = _check_feedback(program, order, sink)
    if unmarked:  # goes on as if the mark were not there, lest what follows looks like further mistakes
        edges = tuple(replace(edge, feedback=False) if edge.id in unmarked else edge for edge in program.edges)
        program = replace(program, edges=edges)
        order = _topological_order(program, sink)
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


def _check_feedback(program: Program, order: tuple[str, ...], sink: DiagnosticSink) -> set[str]:
    """Each feedback edge closes a loop of other edges; gives the ids of those whose mark is one too many."""
    feedback: list[Edge] = []
    for edge in program.edges:
        if edge.feedback:
            feedback.append(edge)
            if edge.max_rounds is None:
                sink.report(FeedbackWithoutRounds(at=edge.source.place.span(), subject=edge.id))
        elif edge.max_rounds is not None:
            at = place_of(edge.settings["max_rounds"]) if "max_rounds" in edge.settings else edge.source.place.span()
            sink.report(RoundsWithoutFeedback(at=at, subject=edge.id))
    if not feedback:
        return set()
    group_of = _groups_on_loops(program.edges, order)
    together: dict[int, list[Edge]] = {}
    for edge in feedback:
        if group_of[edge.source.node] != group_of[edge.target.node]:
            sink.report(FeedbackWithoutLoop(at=edge.source.place.span(), subject=edge.id))
        else:
            together.setdefault(group_of[edge.source.node], []).append(edge)
    several = [edge for edges in together.values() if len(edges) > 1 for edge in edges]
    if not several or _is_cyclic(program.edges, order):  # a loop without any mark has been reported
        return set()
    closing = _closing(several, program.edges, order)
    unmarked: set[str] = set()
    for edges in together.values():
        found = next((edge for edge in edges if len(edges) > 1 and edge.id not in closing), None)
        if found is not None:
            others = [edge for edge in edges if edge is not found][:_OTHERS_MAX]
            related = tuple(Related(at=one.source.place.span(), text="another one in the loop") for one in others)
            sink.report(SeveralFeedbackEdges(at=found.source.place.span(), subject=found.id, related=related))
            unmarked.add(found.id)
    return unmarked


_OTHERS_MAX = 5


def _is_cyclic(edges: Iterable[Edge], order: tuple[str, ...]) -> bool:
    position = {node_id: index for index, node_id in enumerate(order)}
    return any(position[edge.source.node] > position[edge.target.node] for edge in edges if not edge.feedback)


def _groups_on_loops(edges: Iterable[Edge], order: tuple[str, ...]) -> dict[str, int]:
    """A number for each node; nodes that reach each other have the same one (Kosaraju's algorithm)."""
    onward: dict[str, list[str]] = {}
    backward: dict[str, list[str]] = {}
    for edge in edges:
        onward.setdefault(edge.source.node, []).append(edge.target.node)
        backward.setdefault(edge.target.node, []).append(edge.source.node)
    finished: list[str] = []
    seen: set[str] = set()
    for start in order:
        stack = [(start, iter(onward.get(start, ())))] if start not in seen else []
        seen.add(start)
        while stack:
            node_id, following = stack[-1]
            follower = next((one for one in following if one not in seen), None)
            if follower is None:
                finished.append(node_id)
                stack.pop()
            else:
                seen.add(follower)
                stack.append((follower, iter(onward.get(follower, ()))))
    group_of: dict[str, int] = {}
    for number, start in enumerate(reversed(finished)):
        waiting = [start] if start not in group_of else []
        while waiting:
            node_id = waiting.pop()
            if node_id not in group_of:
                group_of[node_id] = number
                waiting.extend(backward.get(node_id, ()))
    return group_of


_AT_ONCE = 2000


def _closing(feedback: list[Edge], edges: Iterable[Edge], order: tuple[str, ...]) -> set[str]:
    """Ids of the feedback edges from whose target other edges lead back to their source.

    Nodes are gone through in order, many edges at once: a node knows by the bits of a number from whose targets it is
    reached.
    """
    onward: dict[str, list[str]] = {}
    for edge in edges:
        if not edge.feedback:
            onward.setdefault(edge.source.node, []).append(edge.target.node)
    closing: set[str] = set()
    for first in range(0, len(feedback), _AT_ONCE):
        asked = feedback[first : first + _AT_ONCE]
        reached_from: dict[str, int] = {}
        for bit, edge in enumerate(asked):
            reached_from[edge.target.node] = reached_from.get(edge.target.node, 0) | 1 << bit
        for node_id in order:
            bits = reached_from.get(node_id)
            if bits is not None:
                for follower in onward.get(node_id, ()):
                    reached_from[follower] = reached_from.get(follower, 0) | bits
        closing.update(edge.id for bit, edge in enumerate(asked) if reached_from.get(edge.source.node, 0) >> bit & 1)
    return closing


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
