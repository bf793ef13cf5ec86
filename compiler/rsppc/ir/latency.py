"""Time: figures of outputs and edges, and the slowest way through them.

A figure is the time from the event that triggers an output to the first event of that output. Edges add nothing at p50
and `max_latency_contribution_ms` at p95; p95s are added, which is a stated estimate and not a bound. What nobody states
is unknown: it makes a sum unknown, but what is known of it still counts as a lower bound.

The first egress event is at the slowest egress that is reached. An egress that tells when playback starts counts with
the figure of that output; any other counts when the event arrives.

Everything here is linear in nodes and edges, and pure; the latest graph is remembered, nothing else. Where the paths of
a turn begin is said in `ir/turn_time.py`. Runs after scopes, buffers and providers are known; a node may still lack its
type, an edge its figure, and the order may end in the nodes of an undeclared loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Literal, TypeAlias

from rsppc.base.record import Record, replace
from rsppc.base.source import Place
from rsppc.ir.catalog import Latency, Port, Provider
from rsppc.ir.ports import outputs_of
from rsppc.ir.program import Condition, Edge, InsertRule, LatencyPath, LatencyStep, Node, Program, Proofs
from rsppc.ir.setting import Setting
from rsppc.ir.types import Values
from rsppc.ir.worst_choice import (
    Conditional,
    buffer_choices,
    conditional_settings,
    config_choices,
    edge_buffer_choices,
    largest,
    written_at,
)

END = "<end>"
"""The first egress event; no node can have such a name."""

EDGE_FIGURE = "max_latency_contribution_ms"
PLAYBACK_SIGNAL = "playback_started"
RULES_JUDGED_MAX = 16
"""Insert rules on one edge whose exclusion is judged pair by pair; of more, all are taken to hold together."""

Quantile: TypeAlias = Literal["p50", "p95"]
Excludes: TypeAlias = Callable[[Condition, Condition], bool]
"""Whether two conditions certainly never hold together."""


class Missing(Record):
    """A figure that nobody states, and where it would be written."""

    text: str
    place: Place


class Figure(Record):
    """A time. `p50_ms` and `p95_ms` are None where unknown; the least that is known stands beside them."""

    p50_ms: int | None
    p95_ms: int | None
    least_p50_ms: int
    least_p95_ms: int
    place: Place | None = None
    """Where the largest part of it was written."""
    because: str = ""
    """Who says so: the end of a sentence about the figure."""
    missing: tuple[Missing, ...] = ()

    @property
    def is_known(self) -> bool:
        return self.p50_ms is not None and self.p95_ms is not None


class Part(Record):
    """A figure on a way, with whose it is: `node.port` or an edge id."""

    subject: str
    figure: Figure


class Hop(Record):
    """From one node, or anchor, to the next. `parts` begin with the figure of the output `port` of the source."""

    source: str
    target: str
    id: str
    """Breaks ties, so that the order of edges decides nothing."""
    parts: tuple[Part, ...]
    p50_ms: int
    p95_ms: int
    """Sums of what is known."""
    unknown: tuple[Part, ...] = ()
    """Parts without a figure, also of alternatives that `parts` do not show."""
    port: str | None = None
    lane: str = "DataLane"
    parts_p50: tuple[Part, ...] | None = None
    """The parts at p50 where other ones are the slowest there."""


class Way(Record):
    """The slowest way between two anchors. A sum is None where any way between them lacks a figure."""

    parts: tuple[Part, ...]
    """Of the slowest way at p95, by what is known."""
    parts_p50: tuple[Part, ...]
    p50_ms: int | None
    p95_ms: int | None
    least_p50_ms: int
    least_p95_ms: int
    unknown: tuple[Part, ...]
    """Parts without a figure, on any way between the anchors."""
    last: str
    """The node before the end."""


class TimeGraph(Record):
    """A pipeline as a graph of time."""

    order: tuple[str, ...]
    hops: tuple[Hop, ...]
    """One per edge of the DataLane and the ControlLane, without feedback edges, by id."""
    feedback: tuple[tuple[Edge, Hop], ...]
    outputs: dict[str, dict[str, Figure]]
    """Per node and output that somebody consumes; those of a fallback are its primary's."""
    endings: tuple[Hop, ...]
    """From every egress to `END`."""
    inserted: tuple[Node, ...]
    """Nodes that conditional rules can put on an edge."""
    bounds: dict[str, Setting | None]
    """Per edge, by id, what it may add at worst."""
    conditional: Conditional


# --- Figures ---------------------------------------------------------------------------------------------------------


def output_figure(node: Node, port: str, providers: Sequence[Provider], conditional: Conditional) -> Figure:
    """The time of an output, the worst over everybody who may serve the node.

    A provider's figures replace those of the node type; one that states none leaves the time unknown.
    """
    node_type = node.type
    if node_type is None:  # reported already; nothing to ask for
        return Figure(p50_ms=None, p95_ms=None, least_p50_ms=0, least_p95_ms=0)
    if not providers:
        who = f"node type `{node_type.name}`"
        return _stated_figure(node_type.latency, node, port, who, node_type.place, conditional)
    return _worst(
        [
            _stated_figure(one.latency, node, port, f"provider `{one.id}`", one.place, conditional)
            for one in sorted(providers, key=lambda one: one.id)
        ]
    )


def _stated_figure(
    stated: dict[str, Latency], node: Node, port: str, who: str, place: Place, conditional: Conditional
) -> Figure:
    entry = stated.get(port) or stated.get("*")
    if entry is None:
        missing = Missing(text=f"{who} states no latency" + (f" of `{port}`" if stated else ""), place=place)
        return Figure(p50_ms=None, p95_ms=None, least_p50_ms=0, least_p95_ms=0, missing=(missing,))
    if not entry.plus and not entry.at_least and entry.p50_ms is not None and entry.p95_ms is not None:
        return _exact(entry.p50_ms, entry.p95_ms, entry.place, f"stated by {who}")
    gaps: list[Missing] = []
    added = [_config_value(node, field, conditional, gaps) for field in entry.plus]
    floors = [_config_value(node, field, conditional, gaps) for field in entry.at_least]
    plus, floor = sum(value for value, _ in added), max((value for value, _ in floors), default=0)
    known = not gaps
    if entry.p95_ms is None:
        gaps.append(Missing(text=f"{who} states no p95", place=entry.place))
    if entry.p50_ms is None:
        gaps.append(Missing(text=f"{who} states no p50", place=entry.place))
    least_p50 = max((entry.p50_ms or 0) + plus, floor)
    # No p95 lies below its p50, so that a lone p50 is still a lower bound of it.
    least_p95 = max((entry.p95_ms if entry.p95_ms is not None else entry.p50_ms or 0) + plus, floor)
    own = entry.p95_ms if entry.p95_ms is not None else entry.p50_ms or 0
    setting = max([(own, None), *added, *floors], key=lambda one: one[0])[1]
    field = _field_of(setting, node, (*entry.plus, *entry.at_least), conditional)
    return Figure(
        p50_ms=least_p50 if known and entry.p50_ms is not None else None,
        p95_ms=least_p95 if known and entry.p95_ms is not None else None,
        least_p50_ms=least_p50,
        least_p95_ms=least_p95,
        place=(written_at(setting) or entry.place) if setting is not None else entry.place,
        because=f"`{field}` is {milliseconds(setting.value)}" if setting is not None else f"stated by {who}",
        missing=tuple(gaps),
    )


def _exact(p50_ms: int, p95_ms: int, place: Place | None, because: str) -> Figure:
    return Figure(p50_ms=p50_ms, p95_ms=p95_ms, least_p50_ms=p50_ms, least_p95_ms=p95_ms, place=place, because=because)


def _config_value(node: Node, field: str, conditional: Conditional, gaps: list[Missing]) -> tuple[int, Setting | None]:
    setting = largest(config_choices(node, field, conditional))
    if setting is None:
        gaps.append(Missing(text=f"config field `{field}` of `{node.id}` has no value", place=node.place))
        return 0, None
    return max(setting.value, 0), setting


def _field_of(setting: Setting | None, node: Node, fields: tuple[str, ...], conditional: Conditional) -> str:
    return next((one for one in fields if largest(config_choices(node, one, conditional)) is setting), "")


def _worst(figures: list[Figure]) -> Figure:
    slowest_one = max(figures, key=lambda one: one.least_p95_ms)
    return replace(
        slowest_one,
        p50_ms=max_or_none([one.p50_ms for one in figures]),
        p95_ms=max_or_none([one.p95_ms for one in figures]),
        least_p50_ms=max(one.least_p50_ms for one in figures),
        missing=tuple(gap for one in figures for gap in one.missing),
    )


def max_or_none(values: list[int | None]) -> int | None:
    """The largest, None where one of them is not known."""
    known = [value for value in values if value is not None]
    return max(known) if len(known) == len(values) else None


def lane_figure(lane: str, program: Program, conditional: Conditional) -> Figure:
    """What an edge with the profile's defaults adds; on the DataLane the larger of the two."""
    frames = [frame for frame in sorted(program.defaults.buffers) if frame == lane or frame.startswith(f"{lane}.")]
    found = [one for frame in frames for one in buffer_choices(frame, EDGE_FIGURE, program, conditional)]
    missing = Missing(text=f"the profile has no `{EDGE_FIGURE}` for the {lane}", place=program.defaults.place)
    return _bound_figure(largest(found), missing)


def _bound_figure(setting: Setting | None, missing: Missing) -> Figure:
    if setting is None:
        return Figure(p50_ms=0, p95_ms=None, least_p50_ms=0, least_p95_ms=0, missing=(missing,))
    return _exact(0, setting.value, written_at(setting), f"`{EDGE_FIGURE}` is {milliseconds(setting.value)}")


def milliseconds(value: int) -> str:
    """`2,310 ms`"""
    return f"{value:,} ms"


# --- The graph -------------------------------------------------------------------------------------------------------


_latest: list[tuple[tuple[object, ...], TimeGraph]] = []
"""The latest graph with what it was made of, since two passes in a row ask for the same one; at most one entry."""


def time_graph_of(program: Program, excludes: Excludes) -> TimeGraph:
    """The pipeline as a graph of time, nodes that rules can insert included at their worst."""
    basis: tuple[object, ...] = (
        *(program.nodes, program.edges, program.turns, program.defaults, program.policies, program.layers),
        *(program.providers, program.lanes, program.order, excludes),
    )
    for known_basis, graph in tuple(_latest):
        if all(one is other for one, other in zip(basis, known_basis, strict=True)):
            return graph
    graph = _time_graph(program, excludes)
    _latest[:] = [(basis, graph)]
    return graph


def _time_graph(program: Program, excludes: Excludes) -> TimeGraph:
    conditional = conditional_settings(program)
    outputs = _outputs(program, conditional)
    inserts = _inserts(program, excludes, conditional)
    for part in (part for both in inserts.values() for group in both for part in group if "->" not in part.subject):
        node_id, _, output = part.subject.rpartition(".")
        outputs.setdefault(node_id, {})[output] = part.figure
    edges = sorted([(edge.id, edge) for edge in program.edges], key=itemgetter(0))
    bounds = _edge_bounds(edges, program, conditional)
    figures: dict[int, Figure] = {}  # most edges share the setting of the profile, and so its figure
    hops: list[Hop] = []
    feedback: list[tuple[Edge, Hop]] = []
    for edge_id, edge in edges:
        lane = program.lanes.get(edge_id, "DataLane")
        source, port = edge.source.node, edge.source.port
        if port is None or lane == "TelemetryLane" or source == edge.target.node:
            continue
        bound = bounds[edge_id]
        figure = figures.get(id(bound)) if bound is not None else None
        if figure is None:
            missing = Missing(text=f"the edge has no `{EDGE_FIGURE}`", place=edge.source.place)
            figure = figures[id(bound)] = _bound_figure(bound, missing)
        own = (Part(subject=f"{source}.{port}", figure=outputs[source][port]), Part(subject=edge_id, figure=figure))
        chosen, alternatives = inserts.get(edge_id, ((), ()))
        hop = hop_of(source, edge.target.node, edge_id, (*own, *chosen), alternatives, port=port, lane=lane)
        if edge.feedback:
            feedback.append((edge, hop))
        else:
            hops.append(hop)
    return TimeGraph(
        order=program.order,
        hops=tuple(hops),
        feedback=tuple(feedback),
        outputs=outputs,
        endings=_endings(program, conditional),
        inserted=tuple(rule.node for rule in conditional_inserts(program)),
        bounds=bounds,
        conditional=conditional,
    )


def _edge_bounds(
    edges: list[tuple[str, Edge]], program: Program, conditional: Conditional
) -> dict[str, Setting | None]:
    about_edges = {steps: settings for steps, settings in conditional.items() if steps[0] in ("edges", "buffers")}
    return {edge_id: largest(edge_buffer_choices(edge, EDGE_FIGURE, program, about_edges)) for edge_id, edge in edges}


def hop_of(
    source: str,
    target: str,
    id: str,
    parts: tuple[Part, ...],
    alternatives: tuple[Part, ...] = (),
    *,
    port: str | None = None,
    lane: str = "DataLane",
) -> Hop:
    """A hop with its sums; `alternatives` are parts that others are slower than, as far as is known."""
    p50_ms = p95_ms = 0
    unknown: tuple[Part, ...] = ()
    for part in parts:
        figure = part.figure
        p50_ms += figure.least_p50_ms
        p95_ms += figure.least_p95_ms
        if figure.p50_ms is None or figure.p95_ms is None:
            unknown = (*unknown, part)
    if alternatives:
        unknown = (*unknown, *(part for part in alternatives if not part.figure.is_known))
    return Hop(
        source=source,
        target=target,
        id=id,
        parts=parts,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        unknown=unknown,
        port=port,
        lane=lane,
    )


def _outputs(program: Program, conditional: Conditional) -> dict[str, dict[str, Figure]]:
    """Figures of all outputs that somebody consumes, handed on along fallbacks."""
    ends = [edge.source for edge in program.edges]
    ends.extend(cancel.source for cancel in program.turns.cancels)
    if program.turns.owner is not None:
        ends.append(program.turns.owner)
    found: dict[str, dict[str, Figure]] = {}
    waiting = [(end.node, end.port) for end in ends if end.port is not None]
    while waiting:
        node_id, port = waiting.pop()
        node = program.nodes.get(node_id)
        if node is None or port in found.get(node_id, {}):
            continue
        figure = output_figure(node, port, program.providers.get(node_id, ()), conditional)
        found.setdefault(node_id, {})[port] = figure
        if node.fallback is not None:
            waiting.append((node.fallback.to, port))
    return found


def conditional_inserts(program: Program) -> list[InsertRule]:
    """Rules whose nodes are not in the graph, because they only sometimes are."""
    return [rule for policy in program.policies for rule in policy.insert_rules if rule.node.id not in program.nodes]


def inserts_on_edges(program: Program) -> list[tuple[InsertRule, Edge]]:
    """Conditional insert rules with their edges; rules that fit nowhere have been reported and are left out."""
    rules = [rule for rule in conditional_inserts(program) if rule.node.type is not None]
    if not rules:
        return []
    names = {name: edge for edge in program.edges for name in (*edge.aliases, edge.id)}
    found = [(rule, names.get(f"{rule.source}->{rule.target}")) for rule in rules]
    return [(rule, edge) for rule, edge in found if edge is not None]


def _inserts(
    program: Program, excludes: Excludes, conditional: Conditional
) -> dict[str, tuple[tuple[Part, ...], tuple[Part, ...]]]:
    """Per edge, the parts that insert rules add at worst, and all parts that any of them would add."""
    by_edge: dict[str, tuple[Edge, list[InsertRule]]] = {}
    for rule, edge in inserts_on_edges(program):
        by_edge.setdefault(edge.id, (edge, []))[1].append(rule)
    return {
        edge_id: _worst_inserts(rules, edge, program, excludes, conditional)
        for edge_id, (edge, rules) in by_edge.items()
    }


def _worst_inserts(
    rules: list[InsertRule], edge: Edge, program: Program, excludes: Excludes, conditional: Conditional
) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Of rules that exclude each other only the slowest counts; all others are taken to hold together."""
    parts = [_inserted_parts(rule, edge, program, conditional) for rule in rules]
    everything = tuple(part for group in parts for part in group)
    if len(rules) == 1 or len(rules) > RULES_JUDGED_MAX:
        return everything, ()
    slowest_first = sorted(range(len(rules)), key=lambda index: -_known_sum(parts[index]))
    groups: list[list[int]] = []
    for index in slowest_first:
        group = next((one for one in groups if all(_exclusive(rules[index], rules[i], excludes) for i in one)), None)
        if group is None:
            groups.append([index])
        else:
            group.append(index)
    chosen = sorted(group[0] for group in groups)
    return tuple(part for index in chosen for part in parts[index]), everything


def _known_sum(parts: tuple[Part, ...]) -> int:
    return sum(part.figure.least_p95_ms for part in parts)


def _exclusive(first: InsertRule, second: InsertRule, excludes: Excludes) -> bool:
    return first.when is not None and second.when is not None and excludes(first.when, second.when)


def _inserted_parts(rule: InsertRule, edge: Edge, program: Program, conditional: Conditional) -> tuple[Part, ...]:
    """The inserted node at its slowest output, and the edge that leads on from it."""
    lane = program.lanes.get(edge.id, "DataLane")
    node = rule.node
    names = [name for name, port in sorted(outputs_of(node).items()) if port.lane in (lane, "inherit")]
    found = [(name, output_figure(node, name, program.providers.get(node.id, ()), conditional)) for name in names]
    if not found:
        return ()
    name, figure = max(found, key=lambda one: (not one[1].is_known, one[1].least_p95_ms))
    return (
        Part(subject=f"{node.id}.{name}", figure=figure),
        Part(subject=f"{node.id}.{name}->{edge.target}", figure=lane_figure(lane, program, conditional)),
    )


def _endings(program: Program, conditional: Conditional) -> tuple[Hop, ...]:
    endings: list[Hop] = []
    for node_id in sorted(program.nodes):
        node = program.nodes[node_id]
        if node.type is None or node.type.role != "egress":
            continue
        parts = tuple(
            Part(
                subject=f"{node_id}.{name}",
                figure=output_figure(node, name, program.providers.get(node_id, ()), conditional),
            )
            for name, port in sorted(outputs_of(node).items())
            if _emits(port, PLAYBACK_SIGNAL)
        )
        endings.append(hop_of(node_id, END, f"{node_id}->", parts[:1]))
    return tuple(endings)


def _emits(port: Port, signal: str) -> bool:
    for product in port.type.alternatives:
        if product.kind == "control" and product.terms:
            signals = product.terms[0]
            if isinstance(signals, Values) and signal in signals.values:
                return True
    return False


# --- The slowest way -------------------------------------------------------------------------------------------------

Arrivals: TypeAlias = dict[str, tuple[int, Hop | None]]
"""Per node that is reached: the latest known arrival, and the hop by which it comes."""


def arrivals(order: Iterable[str], hops: Iterable[Hop], start: str, quantile: Quantile) -> Arrivals:
    """The latest arrival at every node that the start leads to. `order` puts sources before targets."""
    into: dict[str, list[Hop]] = {}
    for hop in hops:
        into.setdefault(hop.target, []).append(hop)
    return _arrivals(order, into, start, quantile)


def _arrivals(order: Iterable[str], into: dict[str, list[Hop]], start: str, quantile: Quantile) -> Arrivals:
    found: Arrivals = {start: (0, None)}
    at_p95 = quantile == "p95"
    for node_id in order:
        best = found.get(node_id)
        for hop in into.get(node_id, ()):
            before = found.get(hop.source)
            if before is None:
                continue
            arrival = before[0] + (hop.p95_ms if at_p95 else hop.p50_ms)
            if best is None or arrival > best[0] or (arrival == best[0] and best[1] and hop.id < best[1].id):
                best = (arrival, hop)
        if best is not None:
            found[node_id] = best
    return found


def backwards(order: Sequence[str], hops: Iterable[Hop]) -> tuple[Sequence[str], list[Hop]]:
    """The same graph against the direction of time: arrivals in it are what is left to go."""
    return order[::-1], [replace(hop, source=hop.target, target=hop.source) for hop in hops]


def slowest(order: Sequence[str], hops: Sequence[Hop], start: str, end: str) -> Way | None:
    """The slowest way from start to end, both of which stand in `order`; None where there is none."""
    into: dict[str, list[Hop]] = {}
    for hop in hops:
        into.setdefault(hop.target, []).append(hop)
    at_p95 = _arrivals(order, into, start, "p95")
    if end not in at_p95:
        return None
    at_p50 = _arrivals(order, into, start, "p50")
    unknown = _unknown_between(order, into, at_p95, end)
    least_p50, least_p95 = at_p50[end][0], at_p95[end][0]
    trail = _trail(at_p95, end)
    return Way(
        parts=tuple(part for hop in trail for part in hop.parts),
        parts_p50=tuple(
            part for hop in _trail(at_p50, end) for part in (hop.parts if hop.parts_p50 is None else hop.parts_p50)
        ),
        p50_ms=None if any(part.figure.p50_ms is None for part in unknown) else least_p50,
        p95_ms=None if any(part.figure.p95_ms is None for part in unknown) else least_p95,
        least_p50_ms=least_p50,
        least_p95_ms=least_p95,
        unknown=unknown,
        last=trail[-1].source if trail else start,
    )


def _trail(found: Arrivals, end: str) -> list[Hop]:
    trail: list[Hop] = []
    hop = found[end][1]
    while hop is not None:
        trail.append(hop)
        hop = found[hop.source][1]
    trail.reverse()
    return trail


def _unknown_between(order: Sequence[str], into: dict[str, list[Hop]], found: Arrivals, end: str) -> tuple[Part, ...]:
    """Parts without a figure on any way to the end, each subject once, in the order of the graph."""
    leading: set[str] = {end}
    between: list[Hop] = []
    for node_id in reversed(order):
        if node_id not in leading:
            continue
        here = [hop for hop in into.get(node_id, ()) if hop.source in found]
        leading.update(hop.source for hop in here)
        between.extend(sorted((hop for hop in here if hop.unknown), key=lambda hop: hop.id, reverse=True))
    parts: dict[str, Part] = {}
    for hop in reversed(between):
        for part in hop.unknown:
            parts.setdefault(part.subject, part)
    return tuple(parts.values())


# --- Results ---------------------------------------------------------------------------------------------------------


def path_of(name: str, way: Way, budget_ms: int | None) -> LatencyPath:
    """A way as it goes into the artifacts."""
    return LatencyPath(
        name=name,
        steps=tuple(step_of(part) for part in way.parts),
        p50_ms=way.p50_ms,
        p95_ms=way.p95_ms,
        budget_ms=budget_ms,
        unknown=tuple(part.subject for part in way.unknown),
    )


def step_of(part: Part) -> LatencyStep:
    """A part as it goes into the artifacts."""
    figure = part.figure
    return LatencyStep(subject=part.subject, p50_ms=figure.p50_ms, p95_ms=figure.p95_ms, place=figure.place)


def proofs_of(program: Program) -> Proofs:
    """What was proved so far."""
    return program.proofs or Proofs(edges=len(program.edges), edges_checked=0, queue_bytes=0)
