"""Time: figures of outputs and edges, and the slowest way through them.

A figure is the time from the event that triggers an output to the first event of that output. Edges add nothing at p50
and `max_latency_contribution_ms` at p95; p95s are added, which is a stated estimate and not a bound. What nobody states
is unknown: it makes a sum unknown, but what is known of it still counts as a lower bound.

The first egress event is at the slowest egress that is reached. An egress that tells when playback starts counts with
the figure of that output; any other counts when the event arrives.

Everything here is linear in nodes and edges, and pure; the latest graph is remembered, nothing else. Where the paths of
a turn begin is said in `ir/turn_time.py`. Runs after scopes, buffers and providers are known; a node may still lack its
type, an edge its figure, and the order may end in the nodes of an undeclared loop.

Every pipeline is timed whenever it is checked, so that records of which there are several per node are made by
position: that is three times as fast as by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, TypeAlias

from rsppc.base.record import Record, replace
from rsppc.base.source import Place
from rsppc.ir.catalog import Latency, NodeType, Port, Provider
from rsppc.ir.inserts import EdgeIndex, Excludes, Exclusion, fitting_ports
from rsppc.ir.ports import outputs_of
from rsppc.ir.program import Edge, InsertRule, LatencyPath, LatencyStep, Node, Program, Proofs
from rsppc.ir.setting import Setting
from rsppc.ir.types import Values
from rsppc.ir.worst_choice import (
    Conditional,
    buffer_choices,
    conditional_settings,
    largest,
    largest_config,
    largest_edge_buffer,
    written_at,
)

END = "<end>"
"""The first egress event; no node can have such a name."""

EDGE_FIGURE = "max_latency_contribution_ms"
PLAYBACK_SIGNAL = "playback_started"

Quantile: TypeAlias = Literal["p50", "p95"]


class Missing(Record):
    """A figure that nobody states, and where it would be written."""

    text: str
    place: Place


class Figure(Record, kw_only=False):
    """A time. `p50_ms` and `p95_ms` are None where unknown; the least that is known stands beside them."""

    p50_ms: int | None
    p95_ms: int | None
    least_p50_ms: int
    least_p95_ms: int
    stated_by: NodeType | Provider | str = ""
    """Who states it, or the end of a sentence about it."""
    stated_at: Place | None = None
    setting: Setting | None = None
    """The setting that is the largest part of it, where one is; `field` is its name."""
    field: str = ""
    missing: tuple[Missing, ...] = ()

    @property
    def is_known(self) -> bool:
        return self.p50_ms is not None and self.p95_ms is not None

    @property
    def place(self) -> Place | None:
        """Where the largest part of it was written."""
        return self.stated_at if self.setting is None else written_at(self.setting) or self.stated_at

    @property
    def because(self) -> str:
        """Why it is that long: the end of a sentence about the figure."""
        if self.setting is not None:
            return f"as `{self.field}` is {milliseconds(self.setting.value)}"
        return self.stated_by if isinstance(self.stated_by, str) else f"stated by {_called(self.stated_by)}"


class Part(Record, kw_only=False):
    """A figure on a way, with whose it is: `node.port` or an edge id."""

    subject: str
    figure: Figure


class Hop(Record, kw_only=False):
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
    parts_p50: tuple[Part, ...] = ()
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
    """One per edge of the DataLane and the ControlLane, without feedback edges."""
    feedback: tuple[tuple[Edge, Hop], ...]
    """By id."""
    outputs: dict[str, dict[str, Part]]
    """Per node and output that somebody consumes; those of a fallback are its primary's."""
    endings: tuple[Hop, ...]
    """From every egress to `END`."""
    inserted: tuple[Node, ...]
    """Nodes that conditional rules can put on an edge."""
    bounds: dict[str, Setting | None]
    """Per edge, by id, what it may add at worst."""
    conditional: Conditional


# --- Figures ---------------------------------------------------------------------------------------------------------

Known: TypeAlias = dict[tuple[int, str], Figure]
"""Figures on which no config has a say, per output and identity of who states them, since most nodes share theirs. It
lives no longer than one graph is made."""


def output_figure(
    node: Node, port: str, providers: Sequence[Provider], conditional: Conditional, known: Known
) -> Figure:
    """The time of an output, the worst over everybody who may serve the node.

    A provider's figures replace those of the node type; one that states none leaves the time unknown.
    """
    node_type = node.type
    if node_type is None:  # reported already; nothing to ask for
        return Figure(p50_ms=None, p95_ms=None, least_p50_ms=0, least_p95_ms=0)
    if len(providers) > 1:
        in_order = sorted(providers, key=lambda one: one.id)
        return _worst([_figure_by(one, node, port, conditional, known) for one in in_order])
    return _figure_by(providers[0] if providers else node_type, node, port, conditional, known)


def _figure_by(owner: NodeType | Provider, node: Node, port: str, conditional: Conditional, known: Known) -> Figure:
    """The time of an output by what a node type or a provider states."""
    figure = known.get((id(owner), port))
    if figure is not None:
        return figure
    entry = owner.latency.get(port) or owner.latency.get("*")
    figure = _unstated_figure(owner, port) if entry is None else _stated_figure(entry, owner, node, conditional)
    if entry is None or not (entry.plus or entry.at_least):
        known[id(owner), port] = figure
    return figure


def _unstated_figure(owner: NodeType | Provider, port: str) -> Figure:
    text = f"{_called(owner)} states no latency" + (f" of `{port}`" if owner.latency else "")
    missing = Missing(text=text, place=owner.place)
    return Figure(p50_ms=None, p95_ms=None, least_p50_ms=0, least_p95_ms=0, missing=(missing,))


def _stated_figure(entry: Latency, owner: NodeType | Provider, node: Node, conditional: Conditional) -> Figure:
    p50, p95 = entry.p50_ms, entry.p95_ms
    # No p95 lies below its p50, so that a lone p50 is still a lower bound of it.
    own_p50, own_p95 = p50 or 0, p95 if p95 is not None else p50 or 0
    gaps: list[Missing] = []
    plus = floor = 0
    largest_part, decisive, decisive_field = own_p95, None, ""
    for index, field in enumerate((*entry.plus, *entry.at_least)):
        setting = largest_config(node, field, conditional)
        if setting is None:
            gaps.append(Missing(text=f"config field `{field}` of `{node.id}` has no value", place=node.place))
            continue
        value = setting.value if setting.value > 0 else 0
        if index < len(entry.plus):
            plus += value
        else:
            floor = max(floor, value)
        if value > largest_part:
            largest_part, decisive, decisive_field = value, setting, field
    known = not gaps
    if p95 is None:
        gaps.append(Missing(text=f"{_called(owner)} states no p95", place=entry.place))
    if p50 is None:
        gaps.append(Missing(text=f"{_called(owner)} states no p50", place=entry.place))
    least_p50, least_p95 = own_p50 + plus, own_p95 + plus
    if entry.at_least:
        least_p50, least_p95 = max(least_p50, floor), max(least_p95, floor)
    return Figure(
        least_p50 if known and p50 is not None else None,
        least_p95 if known and p95 is not None else None,
        least_p50,
        least_p95,
        owner,
        entry.place,
        decisive,
        decisive_field,
        tuple(gaps),
    )


def _called(owner: NodeType | Provider) -> str:
    return f"provider `{owner.id}`" if isinstance(owner, Provider) else f"node type `{owner.name}`"


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
    bound = largest([one for frame in frames for one in buffer_choices(frame, EDGE_FIGURE, program, conditional)])
    if bound is None:
        return _unbounded(f"the profile has no `{EDGE_FIGURE}` for the {lane}", program.defaults.place)
    return _bound_figure(bound)


def _bound_figure(bound: Setting) -> Figure:
    ms = bound.value
    return Figure(0, ms, 0, ms, "", None, bound, EDGE_FIGURE)


def _unbounded(text: str, place: Place) -> Figure:
    return Figure(p50_ms=0, p95_ms=None, least_p50_ms=0, least_p95_ms=0, missing=(Missing(text=text, place=place),))


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
    known: Known = {}
    outputs = _outputs(program, conditional, known)
    inserts = _inserts(program, excludes, conditional, known)
    for part in (part for both in inserts.values() for group in both for part in group if "->" not in part.subject):
        node_id, _, output = part.subject.rpartition(".")
        ports = outputs.setdefault(node_id, {})
        former = ports.get(output)  # of a rule that inserts a node of the same name where this one does not
        ports[output] = part if former is None else Part(part.subject, _worst([former.figure, part.figure]))
    about_edges = {steps: settings for steps, settings in conditional.items() if steps[0] in ("edges", "buffers")}
    bounds: dict[str, Setting | None] = {}
    figures: dict[int, Figure] = {}  # most edges share a setting of the profile, and so its figure
    shared = {id(fields.get(EDGE_FIGURE)) for fields in program.defaults.buffers.values()}
    lanes = program.lanes
    hops: list[Hop] = []
    feedback: list[tuple[Edge, Hop]] = []
    for edge in program.edges:
        edge_id = edge.id
        bound = bounds[edge_id] = largest_edge_buffer(edge, EDGE_FIGURE, program, about_edges)
        source, port, target = edge.source.node, edge.source.port, edge.target.node
        lane = lanes.get(edge_id, "DataLane")
        if port is None or lane == "TelemetryLane" or source == target:
            continue
        if bound is None:
            figure = _unbounded(f"the edge has no `{EDGE_FIGURE}`", edge.source.place)
        elif id(bound) in shared:
            figure = figures.get(id(bound)) or figures.setdefault(id(bound), _bound_figure(bound))
        else:
            figure = _bound_figure(bound)
        parts: tuple[Part, ...] = (outputs[source][port], Part(edge_id, figure))
        alternatives: tuple[Part, ...] = ()
        if edge_id in inserts:
            chosen, alternatives = inserts[edge_id]
            parts = (*parts, *chosen)
        hop = hop_of(source, target, edge_id, parts, alternatives, port=port, lane=lane)
        if edge.feedback:
            feedback.append((edge, hop))
        else:
            hops.append(hop)
    return TimeGraph(
        order=program.order,
        hops=tuple(hops),
        feedback=tuple(sorted(feedback, key=lambda one: one[1].id)),
        outputs=outputs,
        endings=_endings(program, conditional, known),
        inserted=tuple(rule.node for rule in conditional_inserts(program)),
        bounds=bounds,
        conditional=conditional,
    )


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
    return Hop(source, target, id, parts, p50_ms, p95_ms, unknown, port, lane)


def _outputs(program: Program, conditional: Conditional, known: Known) -> dict[str, dict[str, Part]]:
    """Figures of all outputs that somebody consumes, handed on along fallbacks."""
    nodes, providers = program.nodes, program.providers
    ends = [edge.source for edge in program.edges]
    ends.extend(cancel.source for cancel in program.turns.cancels)
    if program.turns.owner is not None:
        ends.append(program.turns.owner)
    found: dict[str, dict[str, Part]] = {}
    for end in ends:
        port = end.port
        node = nodes.get(end.node)
        while node is not None and port is not None:
            outputs = found.setdefault(node.id, {})
            if port in outputs:
                break
            figure = output_figure(node, port, providers.get(node.id, ()), conditional, known)
            outputs[port] = Part(f"{node.id}.{port}", figure)
            node = nodes.get(node.fallback.to) if node.fallback is not None else None
    return found


def conditional_inserts(program: Program) -> list[InsertRule]:
    """Rules whose nodes are not in the graph, because they only sometimes are."""
    return [rule for policy in program.policies for rule in policy.insert_rules if rule.node.id not in program.nodes]


def inserts_on_edges(program: Program) -> list[tuple[InsertRule, Edge]]:
    """Conditional insert rules with their edges; rules that fit nowhere have been reported and are left out."""
    rules = [rule for rule in conditional_inserts(program) if rule.node.type is not None]
    if not rules:
        return []
    index = EdgeIndex(program)
    found = [(rule, index.edge_of(rule)) for rule in rules]
    return [(rule, edge) for rule, edge in found if edge is not None]


def _inserts(
    program: Program, excludes: Excludes, conditional: Conditional, known: Known
) -> dict[str, tuple[tuple[Part, ...], tuple[Part, ...]]]:
    """Per edge, the parts that insert rules add at worst, and all parts that any of them would add."""
    by_edge: dict[str, tuple[Edge, list[InsertRule]]] = {}
    for rule, edge in inserts_on_edges(program):
        by_edge.setdefault(edge.id, (edge, []))[1].append(rule)
    exclusion = Exclusion(excludes)
    return {
        edge_id: _worst_inserts(rules, edge, program, exclusion, conditional, known)
        for edge_id, (edge, rules) in by_edge.items()
    }


def _worst_inserts(
    rules: list[InsertRule],
    edge: Edge,
    program: Program,
    exclusion: Exclusion,
    conditional: Conditional,
    known: Known,
) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Of rules that exclude each other only the slowest counts; all others are taken to hold together.

    Rules are put into groups in which each excludes each, slowest first. At most one of a group holds, so that no
    program is slower than the slowest of every group together: a bound, though some of those may exclude each other.
    """
    parts = [_inserted_parts(rule, edge, program, conditional, known) for rule in rules]
    everything = tuple(part for group in parts for part in group)
    if len(rules) == 1:
        return everything, ()
    slowest_first = sorted(range(len(rules)), key=lambda index: -_known_sum(parts[index]))
    groups: list[list[int]] = []
    for index in slowest_first:
        group = next((one for one in groups if all(exclusion.of(rules[index], rules[i]) for i in one)), None)
        if group is None:
            groups.append([index])
        else:
            group.append(index)
    chosen = sorted(group[0] for group in groups)
    return tuple(_chained([(rules[index], parts[index]) for index in chosen], edge, program)), everything


def _chained(inserted: list[tuple[InsertRule, tuple[Part, ...]]], edge: Edge, program: Program) -> Iterator[Part]:
    """The parts of nodes that stand behind each other: what leads on from one leads to the next."""
    for index, (_, parts) in enumerate(inserted):
        behind = inserted[index + 1][0].node if index + 1 < len(inserted) else None
        ports = fitting_ports(behind, edge, program) if behind is not None else None
        for part in parts:
            source, arrow, _ = part.subject.partition("->")
            if behind is not None and ports is not None and arrow:
                part = replace(part, subject=f"{source}->{behind.id}.{ports[0]}")
            yield part


def _known_sum(parts: tuple[Part, ...]) -> int:
    return sum(part.figure.least_p95_ms for part in parts)


def _inserted_parts(
    rule: InsertRule, edge: Edge, program: Program, conditional: Conditional, known: Known
) -> tuple[Part, ...]:
    """The inserted node at its slowest output, and the edge that leads on from it."""
    lane = program.lanes.get(edge.id, "DataLane")
    node = rule.node
    names = [name for name, port in sorted(outputs_of(node).items()) if port.lane in (lane, "inherit")]
    providers = program.providers.get(node.id, ())
    found = [(name, output_figure(node, name, providers, conditional, known)) for name in names]
    if not found:
        return ()
    name, figure = max(found, key=lambda one: (not one[1].is_known, one[1].least_p95_ms))
    return (
        Part(subject=f"{node.id}.{name}", figure=figure),
        Part(subject=f"{node.id}.{name}->{edge.target}", figure=lane_figure(lane, program, conditional)),
    )


def _endings(program: Program, conditional: Conditional, known: Known) -> tuple[Hop, ...]:
    endings: list[Hop] = []
    for node_id, node in program.nodes.items():
        if node.type is None or node.type.role != "egress":
            continue
        telling = [name for name, port in outputs_of(node).items() if _emits(port, PLAYBACK_SIGNAL)]
        parts: tuple[Part, ...] = ()
        if telling:
            name = min(telling)
            figure = output_figure(node, name, program.providers.get(node_id, ()), conditional, known)
            parts = (Part(subject=f"{node_id}.{name}", figure=figure),)
        endings.append(hop_of(node_id, END, f"{node_id}->", parts))
    return tuple(endings)


def _emits(port: Port, signal: str) -> bool:
    for product in port.type.alternatives:
        if product.kind == "control" and product.terms:
            signals = product.terms[0]
            if isinstance(signals, Values) and signal in signals.values:
                return True
    return False


# --- The slowest way -------------------------------------------------------------------------------------------------

Arrivals: TypeAlias = dict[str, tuple[int, int, Hop | None, Hop | None]]
"""Per node that is reached: the latest known arrival at p50 and at p95, and the hops by which they come."""


def arrivals(order: Iterable[str], hops: Iterable[Hop], start: str) -> Arrivals:
    """The latest arrival at every node that the start leads to. `order` puts sources before targets."""
    return _arrivals(order, _by_target(hops), start)


def _by_target(hops: Iterable[Hop]) -> dict[str, list[Hop]]:
    into: dict[str, list[Hop]] = {}
    for hop in hops:
        into.setdefault(hop.target, []).append(hop)
    return into


def _arrivals(order: Iterable[str], into: dict[str, list[Hop]], start: str, until: str = END) -> Arrivals:
    found: Arrivals = {start: (0, 0, None, None)}
    for node_id in order:
        best = found.get(node_id)
        for hop in into.get(node_id, ()):
            before = found.get(hop.source)
            if before is None:
                continue
            here = (before[0] + hop.p50_ms, before[1] + hop.p95_ms, hop, hop)
            best = here if best is None else _later(best, here, hop.id)
        if best is not None:
            found[node_id] = best
            if node_id == until:
                break
    return found


def _later(
    best: tuple[int, int, Hop | None, Hop | None], other: tuple[int, int, Hop, Hop], id: str
) -> tuple[int, int, Hop | None, Hop | None]:
    """The later of two arrivals, at each quantile; of equals the hop with the smaller id."""
    p50, p95, by_p50, by_p95 = best
    if other[0] > p50 or (other[0] == p50 and by_p50 is not None and id < by_p50.id):
        p50, by_p50 = other[0], other[2]
    if other[1] > p95 or (other[1] == p95 and by_p95 is not None and id < by_p95.id):
        p95, by_p95 = other[1], other[3]
    return p50, p95, by_p50, by_p95


def time_left(order: Sequence[str], hops: Iterable[Hop], end: str) -> dict[str, int]:
    """At p95 the longest way to the end, per node that leads there; the hops against the direction of time."""
    left = {end: 0}
    onward: dict[str, list[Hop]] = {}
    for hop in hops:
        onward.setdefault(hop.source, []).append(hop)
    for node_id in reversed(order):
        ways = [left[hop.target] + hop.p95_ms for hop in onward.get(node_id, ()) if hop.target in left]
        if ways:
            left[node_id] = max(ways)
    return left


def slowest(order: Sequence[str], hops: Sequence[Hop], start: str, end: str) -> Way | None:
    """The slowest way from start to end, both of which stand in `order`; None where there is none."""
    into = _by_target(hops)
    has_gaps = [hop.id for hop in hops if hop.unknown]
    # What comes behind the end matters only to gaps, in an order that ends in an undeclared loop.
    found = _arrivals(order, into, start, until=END if has_gaps else end)
    if end not in found:
        return None
    least_p50, least_p95, _, last = found[end]
    unknown = _unknown_between(order, into, found, end) if has_gaps else ()
    return Way(
        parts=tuple([part for hop in _trail(found, end, 3) for part in hop.parts]),
        parts_p50=tuple([part for hop in _trail(found, end, 2) for part in hop.parts_p50 or hop.parts]),
        p50_ms=None if any(part.figure.p50_ms is None for part in unknown) else least_p50,
        p95_ms=None if any(part.figure.p95_ms is None for part in unknown) else least_p95,
        least_p50_ms=least_p50,
        least_p95_ms=least_p95,
        unknown=unknown,
        last=last.source if last is not None else start,
    )


def _trail(found: Arrivals, end: str, by: Literal[2, 3]) -> list[Hop]:
    """The hops that lead to the end, at p50 (2) or p95 (3)."""
    trail: list[Hop] = []
    hop = found[end][by]
    while hop is not None:
        trail.append(hop)
        hop = found[hop.source][by]
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


Steps: TypeAlias = dict[int, LatencyStep]
"""Steps by the identity of their part: paths have most of them in common."""


def path_of(name: str, way: Way, budget_ms: int | None, known: Steps) -> LatencyPath:
    """A way as it goes into the artifacts."""
    steps = [known.get(id(part)) or known.setdefault(id(part), step_of(part)) for part in way.parts]
    return LatencyPath(
        name=name,
        steps=tuple(steps),
        p50_ms=way.p50_ms,
        p95_ms=way.p95_ms,
        budget_ms=budget_ms,
        unknown=tuple([part.subject for part in way.unknown]),
    )


def step_of(part: Part) -> LatencyStep:
    """A part as it goes into the artifacts."""
    figure = part.figure
    return LatencyStep(part.subject, figure.p50_ms, figure.p95_ms, figure.place)


def proofs_of(program: Program) -> Proofs:
    """What was proved so far."""
    return program.proofs or Proofs(edges=len(program.edges), edges_checked=0, queue_bytes=0)
