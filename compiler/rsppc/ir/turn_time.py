"""Where the paths of a turn begin, and what lies on them.

The graph of time has the nodes of the pipeline and three anchors:

- `START`: the user stops speaking. It leads into the DataLane outputs of every ingress.
- `OWNER`: the turn signal. Work of the turn begins when the turn is committed *and* its input is there, so that the
  signal leads, without cost, to every turn-scoped node that is fed from outside the turn (or by nothing). A
  session-scoped node that answers by itself (`turn_cancel: end_response`) listens all the time; what it says is held
  back until the turn is committed, so that the signal leads to whatever its outputs lead to.
- `END`: the first egress event.

The *answer* is everything downstream of those nodes. Other ways from an ingress to an egress (a greeting that a
connection starts, a key press that transfers a call) are not answers and are left out; a pipeline without any answer
has the plain way from ingress to egress.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rsppc.base.record import Record, replace
from rsppc.ir.latency import END, Figure, Hop, Part, Quantile, TimeGraph, Way, hop_of, milliseconds, slowest
from rsppc.ir.program import Edge, Program
from rsppc.ir.worst_choice import is_number, written_at

START, OWNER = "<start>", "<owner>"
"""No node can have such a name."""


class Turn(Record):
    """The two graphs in which the anchors of a turn are joined to the nodes."""

    end_to_end: tuple[Hop, ...]
    """From `START` to `END`."""
    first_output: tuple[Hop, ...]
    """From `OWNER` to `END`; empty where nobody owns turns."""
    order: tuple[str, ...]
    answer: frozenset[str]
    """Nodes that take part in answering."""


def turn_of(program: Program, graph: TimeGraph) -> Turn:
    """Join the anchors to the nodes, as the top of this file says."""
    order = (START, OWNER, *graph.order, END)
    onward: dict[str, list[Hop]] = {}
    for hop in graph.hops:
        onward.setdefault(hop.source, []).append(hop)
    waiting, listening = _seeds(program, onward)
    answer = _downstream([*waiting, *listening], onward)
    outer = _from_start(program, graph.hops)
    if not answer:
        return Turn(end_to_end=(*outer, *graph.endings), first_output=(), order=order, answer=frozenset())
    inside = [hop for hop in graph.hops if hop.source in answer]
    inside.extend([hop for hop in graph.endings if hop.source in answer])
    fed = {hop.target for hop in graph.hops}
    fed_from_outside = {hop.target for hop in graph.hops if hop.source not in answer}
    entries = [node_id for node_id in waiting if node_id in fed_from_outside or node_id not in fed]
    signal_hops = [_signal_hop(node_id) for node_id in entries]
    doors = {*entries, *listening}
    end_to_end = [
        hop for hop in outer if hop.source not in answer and (hop.target not in answer or hop.target in doors)
    ]
    end_to_end.extend(inside)
    signal = _owner_hop(program, graph, outer)
    if signal is not None:
        held_back = [hop for node_id in listening for hop in onward.get(node_id, ())]
        end_to_end.extend([signal, *signal_hops, *(_held_back_hop(hop) for hop in held_back)])
    has_owner = program.turns.owner is not None
    first_output = (*signal_hops, *(_signal_hop(node_id) for node_id in listening), *inside) if has_owner else ()
    return Turn(end_to_end=tuple(end_to_end), first_output=first_output, order=order, answer=frozenset(answer))


def _seeds(program: Program, onward: dict[str, list[Hop]]) -> tuple[list[str], list[str]]:
    """Nodes that wait for the turn, and session-scoped ones that listen all the time and answer."""
    taking_over = {node.fallback.to for node in program.nodes.values() if node.fallback is not None}
    waiting: list[str] = []
    listening: list[str] = []
    nodes, scopes = program.nodes, program.scopes
    for node_id in program.order:
        node_type = nodes[node_id].type
        if node_type is None or (node_id in taking_over and node_id not in onward):
            continue
        if scopes.get(node_id) == "turn":
            waiting.append(node_id)
        elif node_type.turn_cancel == "end_response":
            listening.append(node_id)
    if not waiting and not listening and program.turns.owner is not None:
        # Whoever takes turns by itself and says nothing about cancels is the only one who can answer.
        listening = [program.turns.owner.node] if program.turns.owner.node in onward else []
    return waiting, listening


def _downstream(starts: list[str], onward: dict[str, list[Hop]]) -> set[str]:
    found = set(starts)
    waiting = list(starts)
    while waiting:
        for hop in onward.get(waiting.pop(), ()):
            if hop.target not in found:
                found.add(hop.target)
                waiting.append(hop.target)
    return found


def _from_start(program: Program, hops: Iterable[Hop]) -> list[Hop]:
    """The hops, those from the DataLane outputs of an ingress beginning when the user stops speaking."""
    entering = {node.id for node in program.nodes.values() if node.type is not None and node.type.role == "ingress"}
    return [replace(hop, source=START) if hop.source in entering and hop.lane == "DataLane" else hop for hop in hops]


def _owner_hop(program: Program, graph: TimeGraph, outer: list[Hop]) -> Hop | None:
    """The slowest way from the end of speech to the turn signal, as one hop."""
    owner = program.turns.owner
    if owner is None or owner.port is None:
        return None
    way = slowest((START, *graph.order), outer, START, owner.node)
    part = graph.outputs.get(owner.node, {}).get(owner.port)
    if way is None or part is None:
        return None
    figure = part.figure
    return Hop(
        source=START,
        target=OWNER,
        id=OWNER,
        parts=(*way.parts, part),
        parts_p50=(*way.parts_p50, part),
        p50_ms=way.least_p50_ms + figure.least_p50_ms,
        p95_ms=way.least_p95_ms + figure.least_p95_ms,
        unknown=way.unknown if figure.is_known else (*way.unknown, part),
    )


def _signal_hop(node_id: str) -> Hop:
    return hop_of(OWNER, node_id, f"{OWNER}->{node_id}", ())


def _held_back_hop(hop: Hop) -> Hop:
    """What an output that is held back leads to, without the time of the output."""
    others = tuple(part for part in hop.unknown if part.subject != hop.parts[0].subject)
    return hop_of(OWNER, hop.target, f"{OWNER}->{hop.id}", hop.parts[1:], others)


# --- Loops -----------------------------------------------------------------------------------------------------------


def with_rounds(turn: Turn, graph: TimeGraph) -> Way | None:
    """The slowest way from the turn signal to the first output when every loop runs all its rounds; None where the
    answer has no loop.

    Nodes that reach each other through feedback edges are passed as a whole: the time to enter, `max_rounds` times the
    longest stretch that ends in each feedback edge, and the way out. `max_rounds` counts per turn, so that rounds of
    nested loops are added and not multiplied.
    """
    feedback = [one for one in graph.feedback if one[1].source in turn.answer and one[1].target in turn.answer]
    if not feedback or not turn.first_output:
        return None
    in_order = sorted(turn.first_output, key=lambda hop: "" if hop.source == OWNER else hop.id)
    hops = list(in_order)
    position = {node_id: index for index, node_id in enumerate(turn.order)}
    groups = _groups(turn.order, [*hops, *(hop for _, hop in feedback)])
    group_of = {node_id: index for index, members in enumerate(groups) for node_id in members}
    loops: dict[int, list[tuple[Edge, Hop]]] = {}
    for edge, hop in feedback:
        if group_of[hop.source] == group_of[hop.target]:
            loops.setdefault(group_of[hop.source], []).append((edge, hop))
    if not loops:
        return None
    within: dict[int, list[Hop]] = {}
    for hop in in_order:
        group = group_of[hop.target]
        if group in loops:
            if group_of[hop.source] == group:
                within.setdefault(group, []).append(hop)
            else:
                hops.append(replace(hop, target=_loop_name(group)))
    order: list[str] = []
    for index, unsorted_members in enumerate(groups):
        members = sorted(unsorted_members, key=position.__getitem__)
        if index in loops:
            order.append(_loop_name(index))
            hops.extend(_rounds(index, members, within.get(index, []), loops[index]))
        order.extend(members)
    return slowest(order, hops, OWNER, END)


def _loop_name(group: int) -> str:
    return f"<loop {group}>"


def _rounds(group: int, members: list[str], within: list[Hop], loops: list[tuple[Edge, Hop]]) -> list[Hop]:
    """From having entered a group of nodes to being back, after all rounds, at the targets of its feedback edges."""
    inner = (_longest_inside(members, within, "p50"), _longest_inside(members, within, "p95"))
    unknown = [part for hop in (*within, *(hop for _, hop in loops)) for part in hop.unknown]
    unknown_p50 = any(part.figure.p50_ms is None for part in unknown)
    unknown_p95 = any(part.figure.p95_ms is None for part in unknown)
    parts = tuple(_rounds_part(edge, hop, inner, unknown_p50, unknown_p95) for edge, hop in loops)
    targets = sorted({hop.target for _, hop in loops})
    name = _loop_name(group)
    return [replace(hop_of(name, target, f"{name}->{target}", parts), unknown=tuple(unknown)) for target in targets]


def _longest_inside(members: list[str], within: list[Hop], quantile: Quantile) -> dict[str, int]:
    """Per node the longest stretch inside the group that ends there, wherever it began."""
    longest = dict.fromkeys(members, 0)
    into: dict[str, list[Hop]] = {}
    for hop in within:
        into.setdefault(hop.target, []).append(hop)
    for node_id in members:
        for hop in into.get(node_id, ()):
            took = hop.p95_ms if quantile == "p95" else hop.p50_ms
            longest[node_id] = max(longest[node_id], longest[hop.source] + took)
    return longest


def _rounds_part(
    edge: Edge, hop: Hop, inner: tuple[dict[str, int], dict[str, int]], unknown_p50: bool, unknown_p95: bool
) -> Part:
    rounds = edge.max_rounds if is_number(edge.max_rounds) and edge.max_rounds else 1
    once_p50, once_p95 = inner[0][hop.source] + hop.p50_ms, inner[1][hop.source] + hop.p95_ms
    setting = edge.settings.get("max_rounds")
    figure = Figure(
        p50_ms=None if unknown_p50 else rounds * once_p50,
        p95_ms=None if unknown_p95 else rounds * once_p95,
        least_p50_ms=rounds * once_p50,
        least_p95_ms=rounds * once_p95,
        stated_at=written_at(setting) or edge.source.place,
        stated_by=f"as {rounds} {'rounds' if rounds > 1 else 'round'} of {milliseconds(once_p95)}",
    )
    return Part(subject=edge.id, figure=figure)


def _groups(order: Sequence[str], hops: Iterable[Hop]) -> list[list[str]]:
    """Nodes that reach each other, as groups, earlier ones first (Tarjan's algorithm, without recursion)."""
    onward: dict[str, list[str]] = {}
    for hop in hops:
        onward.setdefault(hop.source, []).append(hop.target)
    groups: list[list[str]] = []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    open_nodes: list[str] = []
    is_open: set[str] = set()
    for root in order:
        if root in index:
            continue
        index[root] = low[root] = len(index)
        open_nodes.append(root)
        is_open.add(root)
        work = [(root, iter(onward.get(root, ())))]
        while work:
            node_id, targets = work[-1]
            target = next(targets, None)
            if target is not None:
                if target not in index:
                    index[target] = low[target] = len(index)
                    open_nodes.append(target)
                    is_open.add(target)
                    work.append((target, iter(onward.get(target, ()))))
                elif target in is_open:
                    low[node_id] = min(low[node_id], index[target])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node_id])
            if low[node_id] == index[node_id]:
                group = [open_nodes.pop()]
                while group[-1] != node_id:
                    group.append(open_nodes.pop())
                is_open.difference_update(group)
                groups.append(group)
    groups.reverse()
    return groups
