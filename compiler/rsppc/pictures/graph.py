"""The graph of a bundle as it is drawn: boxes with their lines of text, links, zones, and the path that decides.

What is drawn is what a ResolvedSpec promises: the program in which no condition holds, and beside it, told apart, what
rules may put in. Every text is already short enough; what was cut stands whole in `title`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rsppc.base.record import Record, replace
from rsppc.pictures.resolved import CancelPlace, Edge, Insert, Node, Path, Resolved
from rsppc.pictures.words import bytes_text, figures, short_type, visible

Kind = Literal["data", "control", "telemetry", "fallback", "turn"]
_LANES: dict[str, Kind] = {"DataLane": "data", "ControlLane": "control", "TelemetryLane": "telemetry"}
LANE_WORDS = {"data": "data lane", "control": "control lane", "telemetry": "telemetry lane"}
PATHS = {
    "e2e": "end of speech → first output",
    "first_output": "turn signal → first output",
    "turn_with_tools": "turn with tool calls",
}


class Mark(Record):
    """A place on the path that decides: its number there, and what it adds."""

    number: int
    figures: str


class Line(Record):
    """A line of text; `tone` says what it is."""

    text: str
    tone: Literal["name", "type", "provider", "note", "cancel", "bound", "when", "mark"]


class Box(Record):
    """A node as it is drawn."""

    id: str
    scope: Literal["session", "turn"]
    lines: tuple[Line, ...]
    inputs: tuple[str, ...]
    """Ports that links lead to."""
    outputs: tuple[str, ...]
    beside: tuple[str, ...]
    """Fallbacks, in the order in which they take over."""
    optional: bool
    """Whether it is there only where a rule puts it in."""
    mark: Mark | None
    title: str


class Link(Record):
    """An edge, or what leads from one node to another without being one."""

    id: str
    source: str
    source_port: str
    target: str
    target_port: str
    kind: Kind
    lines: tuple[Line, ...]
    optional: bool
    loop: bool
    mark: Mark | None
    title: str


class Route(Record):
    """The path that is marked."""

    name: str
    title: str
    path: Path


class Graph(Record):
    """Everything that is drawn."""

    ref: str
    boxes: tuple[Box, ...]
    links: tuple[Link, ...]
    fallbacks: tuple[tuple[str, str, str], ...]
    """From, to, and on what."""
    route: Route | None


def graph_of(spec: Resolved) -> Graph:
    """The graph of a ResolvedSpec."""
    route = _route(spec)
    marks = _marks(spec, route)
    links = (*_edges(spec, marks), *_inserted(spec, marks), *_turn_links(spec, route))
    nodes = {name: spec.effective_nodes[name] for name in sorted(spec.effective_nodes)}
    optional = {insert.node_id: insert for insert in spec.rules.insert if insert.node_id not in nodes}
    nodes |= {name: insert.node for name, insert in sorted(optional.items())}
    links = tuple(link for link in links if link.source in nodes and link.target in nodes)
    fallbacks = tuple(
        (name, node.fallback.to, ", ".join(node.fallback.on))
        for name, node in nodes.items()
        if node.fallback is not None and node.fallback.to in nodes
    )
    around = _around(links, fallbacks)
    chains = _chains(nodes, around.inputs.keys() | around.outputs.keys())
    boxes = tuple(
        _box(spec, name, node, around, chains.get(name, ()), optional.get(name), marks) for name, node in nodes.items()
    )
    return Graph(ref=spec.ref, boxes=boxes, links=links, fallbacks=fallbacks, route=route)


def ordered_paths(spec: Resolved) -> list[str]:
    """Names of the latency paths, those that callers hear first."""
    known = list(PATHS)
    return sorted(
        spec.analysis.latency,
        key=lambda name: (known.index(name) if name in known else len(known), name.startswith("node/"), name),
    )


def path_title(name: str) -> str:
    """What a latency path is about."""
    kind, slash, node = name.partition("/")
    if slash and kind == "node":
        return f"node {node} alone"
    if slash and kind == "fallback":
        return f"{node} fails, its fallback answers"
    return PATHS.get(name, name)


# --- The path that decides -------------------------------------------------------------------------------------------


def _route(spec: Resolved) -> Route | None:
    for name in ordered_paths(spec):
        if not name.startswith(("node/", "fallback/")):
            return Route(name=name, title=path_title(name), path=spec.analysis.latency[name])
    return None


def _marks(spec: Resolved, route: Route | None) -> dict[str, list[tuple[str, Mark]]]:
    """Marks by the id of a node or an edge, each with the port that it is about. Where a rule puts a node on an edge,
    the path goes over the edge that leads into it."""
    marks: dict[str, list[tuple[str, Mark]]] = {}
    steps = route.path.steps if route is not None else ()
    for number, step in enumerate(steps, 1):
        subject, port = step.subject, ""
        if "->" in subject:
            behind = steps[number].subject.rpartition(".")[0] if number < len(steps) else ""
            for insert in spec.rules.insert:
                if insert.node_id == behind and insert.replaces == subject:
                    subject = insert.into.id
        elif subject not in spec.effective_nodes:
            subject, _, port = subject.rpartition(".")
        mark = Mark(number=number, figures=figures(step.p50_ms, step.p95_ms))
        marks.setdefault(subject, []).append((port, mark))
    return marks


def _mark(marks: dict[str, list[tuple[str, Mark]]], subject: str) -> Mark | None:
    found = marks.get(subject)
    return found[0][1] if found else None


# --- Links -----------------------------------------------------------------------------------------------------------


def _edges(spec: Resolved, marks: dict[str, list[tuple[str, Mark]]]) -> Iterator[Link]:
    # Which one of several an edge is tried as.
    tried = {name: number for names in spec.switches.values() if len(names) > 1 for number, name in enumerate(names, 1)}
    for name in sorted(spec.effective_edges):
        edge = spec.effective_edges[name]
        yield _link(name, edge, _branch_words(edge, tried.get(name, 0)), _mark(marks, name), optional=False)


def _inserted(spec: Resolved, marks: dict[str, list[tuple[str, Mark]]]) -> Iterator[Link]:
    """The edges of nodes that rules put in; the edge that each replaces is drawn as well."""
    seen = set(spec.effective_edges)
    for insert in spec.rules.insert:
        for edge in (insert.into, insert.out_of):
            if edge.id not in seen:
                seen.add(edge.id)
                yield _link(edge.id, edge, "", _mark(marks, edge.id), optional=True)
    for before, behind in _neighbours(spec):
        edge = replace(before.out_of, target=behind.into.target)
        if edge.id not in seen:
            seen.add(edge.id)
            yield _link(edge.id, edge, "", _mark(marks, edge.id), optional=True)


def _neighbours(spec: Resolved) -> Iterator[tuple[Insert, Insert]]:
    """Pairs of nodes that rules put behind each other on one edge, in some graph that can come to run."""
    by_rule = {f"{one.policy}/{one.rule}": one for one in spec.rules.insert}
    for name in sorted(spec.graph_definition_refs):
        last: dict[str, Insert] = {}
        for insert in (by_rule[rule] for rule in name.split("+") if rule in by_rule):
            if insert.replaces in last:
                yield last[insert.replaces], insert
            last[insert.replaces] = insert


def _link(name: str, edge: Edge, branch: str, mark: Mark | None, *, optional: bool) -> Link:
    source, source_port = _end(edge.source)
    target, target_port = _end(edge.target)
    kind = _LANES.get(edge.lane, "data")
    lines = [Line(text=visible(short_type(edge.type)), tone="type")] if edge.type else []
    if bound := _bound(edge):
        lines.append(Line(text=bound, tone="bound"))
    if branch:
        lines.append(Line(text=visible(branch), tone="when"))
    if edge.feedback:
        rounds = f", at most {edge.max_rounds} rounds" if edge.max_rounds is not None else ""
        lines.append(Line(text=f"feedback{rounds}", tone="note"))
    if mark is not None:
        lines.append(Line(text=mark.figures, tone="mark"))
    return Link(
        id=name,
        source=source,
        source_port=source_port,
        target=target,
        target_port=target_port,
        kind=kind,
        lines=tuple(lines),
        optional=optional,
        loop=edge.feedback,
        mark=mark,
        title=visible(_link_title(name, edge, kind, branch, mark)),
    )


def _end(text: str) -> tuple[str, str]:
    node, _, port = text.rpartition(".")
    return (node, port) if node else (port, "")


def _bound(edge: Edge) -> str:
    """The bound of the queue, as short as it stands on an edge."""
    queue = edge.buffer
    said = [f"{queue.max_queue_ms} ms"] if queue.max_queue_ms is not None else []
    said += [f"{queue.max_queue_items} items"] if queue.max_queue_items is not None else []
    return f"≤ {', '.join(said)}" if said else ""


def _branch_words(edge: Edge, tried: int) -> str:
    """When a conditional edge is taken, and as which one it is tried where there are several."""
    number = f"{tried}. " if tried else ""
    if edge.when is not None:
        dropped = ", else drop" if edge.otherwise == "drop" else ""
        return f"{number}when {edge.when.text}{dropped}"
    return f"{number}otherwise" if edge.otherwise is not None and edge.otherwise is not False else ""


def _link_title(name: str, edge: Edge, kind: Kind, branch: str, mark: Mark | None) -> str:
    queue = edge.buffer
    said = [
        f"{name}, {LANE_WORDS[kind]}",
        f"carries {edge.type}" if edge.type else "",
        f"leaves out {', '.join(edge.filtered)}" if edge.filtered else "",
        branch,
        f"queue: {queue.strategy}" if queue.strategy else "",
        f"at most {queue.max_queue_items} items" if queue.max_queue_items is not None else "",
        f"at most {queue.max_queue_ms} ms" if queue.max_queue_ms is not None else "",
        f"at most {bytes_text(queue.max_queue_bytes)}" if queue.max_queue_bytes is not None else "",
        f"step {mark.number} of the slowest path, {mark.figures} at p50 / p95" if mark is not None else "",
    ]
    return "; ".join(one for one in said if one)


def _turn_links(spec: Resolved, route: Route | None) -> Iterator[Link]:
    """Where the path goes from one node to another over no edge, a turn was opened in between."""
    last = ""
    for step in route.path.steps if route is not None else ():
        if "->" in step.subject:
            last = ""
            continue
        node = step.subject.rpartition(".")[0] or step.subject
        if last and last.rpartition(".")[0] != node:
            source, port = _end(last)
            yield Link(
                id=f"{last}=>{node}",
                source=source,
                source_port=port,
                target=node,
                target_port="",
                kind="turn",
                lines=(Line(text="the turn opens", tone="note"),),
                optional=False,
                loop=False,
                mark=None,
                title=visible(f"{last} opens the turn in which {node} works"),
            )
        last = step.subject


# --- Boxes -----------------------------------------------------------------------------------------------------------


class _Around(Record):
    """What leads to and from each node, and for whom it stands in."""

    inputs: dict[str, set[str]]
    outputs: dict[str, set[str]]
    stands_in_for: dict[str, list[tuple[str, str]]]


def _around(links: tuple[Link, ...], fallbacks: tuple[tuple[str, str, str], ...]) -> _Around:
    around = _Around(inputs={}, outputs={}, stands_in_for={})
    for link in links:
        around.inputs.setdefault(link.target, set()).add(link.target_port)
        around.outputs.setdefault(link.source, set()).add(link.source_port)
    for source, target, on in fallbacks:
        around.stands_in_for.setdefault(target, []).append((source, on))
    return around


def _chains(nodes: dict[str, Node], linked: set[str]) -> dict[str, tuple[str, ...]]:
    """Per node the fallbacks that are drawn beside it: those without edges, each beside the first that names it."""
    taken: set[str] = set()
    chains: dict[str, tuple[str, ...]] = {}
    targets = {node.fallback.to for node in nodes.values() if node.fallback is not None}
    for name in nodes:
        if name in targets and name not in linked:
            continue
        chain: list[str] = []
        node: Node | None = nodes[name]
        while node is not None and node.fallback is not None:
            to = node.fallback.to
            if to not in nodes or to in linked or to in taken or nodes[to].scope != nodes[name].scope or to == name:
                break
            taken.add(to)
            chain.append(to)
            node = nodes[to]
        if chain:
            chains[name] = tuple(chain)
    return chains


def _box(
    spec: Resolved,
    name: str,
    node: Node,
    around: _Around,
    beside: tuple[str, ...],
    insert: Insert | None,
    marks: dict[str, list[tuple[str, Mark]]],
) -> Box:
    mark = _mark(marks, name)
    notes = list(_notes(spec, name, node, insert, around))
    lines = [Line(text=visible(name), tone="name"), Line(text=visible(node.node_type), tone="type")]
    others = _other_providers(spec, name, node)
    if node.provider is not None:
        more = f" (or {', '.join(others)})" if others else ""
        lines.append(Line(text=visible(f"{node.provider}{more}"), tone="provider"))
    lines.extend(notes)
    if mark is not None:
        lines.append(Line(text=mark.figures, tone="mark"))
    provided = f"provider {node.provider}" if node.provider is not None else ""
    step = f"step {mark.number} of the slowest path, {mark.figures} at p50 / p95" if mark is not None else ""
    said = [f"{name}: {node.node_type}, {_scope(node)} scope", provided, *(one.text for one in notes), step]
    return Box(
        id=name,
        scope=_scope(node),
        lines=tuple(lines),
        inputs=tuple(sorted(around.inputs.get(name, ()))),
        outputs=tuple(sorted(around.outputs.get(name, ()))),
        beside=beside,
        optional=insert is not None,
        mark=mark,
        title=visible("; ".join(one for one in said if one)),
    )


def _scope(node: Node) -> Literal["session", "turn"]:
    return "turn" if node.scope == "turn" else "session"


def _other_providers(spec: Resolved, name: str, node: Node) -> list[str]:
    """Providers that rules may choose instead."""
    found: dict[str, None] = {}
    for rule in spec.rules.provider:
        if name in rule.nodes:
            found.update(dict.fromkeys(rule.use))
    found.pop(node.provider or "", None)
    return list(found)


def _notes(spec: Resolved, name: str, node: Node, insert: Insert | None, around: _Around) -> Iterator[Line]:
    if insert is not None:
        when = f"when {insert.when.text}" if insert.when is not None else f"put in by {insert.policy}"
        yield Line(text=visible(when), tone="when")
    if spec.turns.owner.rpartition(".")[0] == name:
        yield Line(text="opens turns", tone="note")
    for kind, places in (("barge-in", spec.turns.barge_in), ("cancel", spec.turns.cancel_from)):
        for place in places:
            if place.source.rpartition(".")[0] == name:
                yield Line(text=visible(_cancel_words(kind, place)), tone="cancel")
            elif name in place.unless:
                yield Line(text=f"no {kind} while it plays", tone="cancel")
    if node.turn_cancel != "none":
        yield Line(text=visible(f"on cancel: {node.turn_cancel.replace('_', ' ')}"), tone="cancel")
    for branch in node.branches:
        yield Line(text=visible(f"{branch.port} when {branch.when.text}"), tone="when")
    for other, on in around.stands_in_for.get(name, ()):
        yield Line(text=visible(f"for {other}{f' on {on}' if on else ''}"), tone="note")


def _cancel_words(kind: str, place: CancelPlace) -> str:
    least = f" after {place.min_speech_ms} ms of speech" if place.min_speech_ms is not None else " ends the turn"
    when = f" when {place.when.text}" if place.when is not None else ""
    return f"{kind}{least}{when}"
