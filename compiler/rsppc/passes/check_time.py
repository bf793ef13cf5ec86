"""Whether answers come in time, by the figures that node types and providers state.

Three paths are held against budgets and gates; `ir/turn_time.py` says exactly where they begin and end.

- `e2e`: from the end of user speech to the first egress event. The answer begins when the turn is committed and the
  recognised text is there, so the slower of the two branches counts, and then the way from there to the egress. Against
  `path_budget_ms`, and against the gates of 1,500 ms at p50 and 2,000 ms at p95.
- `first_output`: from the owner's turn signal to the first egress event: the part of the above that comes after the
  signal. Against `turn_budget_ms`, and against the gate of 1,500 ms at p95. Feedback edges count no rounds.
- `turn_with_tools`, where the answer has a feedback edge: the same with all rounds of all loops, against
  `turn_budget_ms`. It has no budget where something else is played meanwhile: a filler, which is a node of role
  `source` that reaches an egress and that a turn or the caller's speech starts. (A greeting that the connection starts
  is none.)

Whether the caller's words are still there when the turn opens follows from the same figures (`pre_roll.py`).

Every node is held against its `budget_ms` or the profile's `node_budget_ms` (`node/ID` in the proofs), every edge
against `edge_budget_ms`. What conditional layers, degrade rules, provider rules and insert rules can change is taken at
its worst, and a finding that is there only because of them names them. A missing figure leaves a path unproved; if what
is known of it is over the budget already, that is an error all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypedDict

from rsppc.base.record import Record, replace
from rsppc.base.source import Place, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.latency import (
    END,
    Figure,
    Missing,
    Part,
    Steps,
    TimeGraph,
    Way,
    max_or_none,
    milliseconds,
    path_of,
    proofs_of,
    slowest,
    step_of,
    time_graph_of,
)
from rsppc.ir.program import Condition, Edge, LatencyPath, Node, Program
from rsppc.ir.setting import Setting
from rsppc.ir.turn_time import OWNER, START, Turn, turn_of, with_rounds
from rsppc.ir.worst_choice import smallest_budget, smallest_node_budget, written_at
from rsppc.passes.base import Pass, facts
from rsppc.passes.pre_roll import LostWords, check_pre_rolls
from rsppc.passes.time_causes import TimeCauses, where_no_condition_holds

E2E_GATE_P50_MS = 1500
E2E_GATE_P95_MS = 2000
FIRST_OUTPUT_GATE_P95_MS = 1500

_NODES_SHOWN = 10
_GAPS_SHOWN = 6


class UnprovedLatency(Diagnostic):
    """A sum with an unknown part proves nothing, so a path on which somebody states no figure is neither passed nor
    failed. Providers publish few figures; those that you measure in your own traffic go into a manifest of your own."""

    code = "RSP5401"
    name = "unproved-latency"
    severity = "warning"
    moot_beside_errors = True
    headline = "{what} is not proved: no figure is known for {subjects}"
    hint = "measure it, and state `latency: {{p50_ms: …, p95_ms: …}}` in a manifest of your own"
    what: str
    subjects: str


class LateFirstOutput(Diagnostic):
    """The turn budget is what a caller waits at most between the turn signal and the first output. A runtime ends turns
    that exceed it, so a pipeline whose figures do not fit would lose them on ordinary calls. The figures are p95s that
    are added: a stated estimate."""

    code = "RSP5402"
    name = "late-first-output"
    headline = "the first output comes after {took} at p95, over the turn budget of {budget}"
    hint = "shorten the largest contributor, or raise `budgets.turn_budget_ms`"
    took: str
    budget: str


class LateEndToEnd(Diagnostic):
    """The path budget is what passes at most between the caller's last word and the first sound: hearing the end of
    speech, recognising it, and the answer. The slower of the turn's and the recogniser's branch counts."""

    code = "RSP5403"
    name = "late-end-to-end"
    headline = "the first output comes {took} after the end of speech at p95, over the path budget of {budget}"
    hint = "shorten the largest contributor, or raise `budgets.path_budget_ms`"
    took: str
    budget: str


class LateAfterTools(Diagnostic):
    """A loop may run all its rounds before the first word is said, and the caller hears nothing meanwhile unless a
    filler is played."""

    code = "RSP5404"
    name = "late-after-tools"
    headline = (
        "after all rounds of its loops the first output comes after {took} at p95, over the turn budget of {budget}"
    )
    hint = "lower `max_rounds`, or lead an `audio.player` that the turn starts to the egress as a filler"
    took: str
    budget: str


class SlowNode(Diagnostic):
    """The budget of a node is where its fallback takes over or the runtime gives it up. A node whose own figure is
    above its budget is given up on ordinary calls."""

    code = "RSP5405"
    name = "slow-node"
    headline = "node `{subject}` takes {took} at p95, over its budget of {budget}"
    hint = "choose a faster provider or setting, or raise `budget_ms` of the node"
    took: str
    budget: str


class SlowEdge(Diagnostic):
    """Waiting in a queue is latency as well. What one edge may add at most is bounded for the whole pipeline."""

    code = "RSP5406"
    name = "slow-edge"
    headline = "edge `{subject}` may add {took}, over the edge budget of {budget}"
    hint = "lower `max_latency_contribution_ms` of the edge, or raise `budgets.edge_budget_ms`"
    took: str
    budget: str


class OverGateTarget(Diagnostic):
    """Releases are judged by gates: 1,500 ms at p50 and 2,000 ms at p95 from the end of speech, and 1,500 ms at p95
    from the turn signal. A pipeline whose budget is wider than a gate compiles, but its release will be held back."""

    code = "RSP5407"
    name = "over-gate-target"
    severity = "warning"
    headline = "the first output comes {took} after {anchor} at {quantile}, over the gate's target of {target}"
    hint = "shorten the largest contributor"
    took: str
    anchor: str
    quantile: str
    target: str


class Asked(Record):
    """A path, what it is held against, and where its findings are reported."""

    name: str
    what: str
    way: Way
    budget: Setting | None
    at: Span


def run(program: Program, sink: DiagnosticSink) -> Program:
    found = DiagnosticSink()
    graph = time_graph_of(program, exclude_each_other)
    paths = _check(program, graph, found)
    for diagnostic in _with_causes(found.sorted(), program, graph, paths):
        sink.report(diagnostic)
    proofs = proofs_of(program)
    return replace(program, proofs=replace(proofs, paths=(*proofs.paths, *paths)))


def _check(program: Program, graph: TimeGraph, sink: DiagnosticSink) -> list[LatencyPath]:
    steps: Steps = {}
    turn = turn_of(program, graph)
    paths = _check_turn(program, graph, turn, steps, sink)
    check_pre_rolls(program, graph, turn, sink)
    paths.extend(_check_nodes(program, graph, steps, sink))
    _check_edges(program, graph, sink)
    return paths


def _with_causes(
    found: tuple[Diagnostic, ...], program: Program, graph: TimeGraph, paths: list[LatencyPath]
) -> Iterator[Diagnostic]:
    """The findings; those that are there only where some condition holds say so."""
    always = where_no_condition_holds(program) if found else program
    if always is program:
        yield from found
        return
    without = DiagnosticSink()
    _check(always, time_graph_of(always, exclude_each_other), without)
    anyway = {(one.code, one.subject) for one in without.sorted()}
    causes = TimeCauses(program, graph, paths)
    for one in found:
        is_always = (one.code, one.subject) in anyway
        way = one.signal if isinstance(one, LostWords) else ()
        yield one if is_always else causes.named_in(one, _budget_of(one, program, graph), way)


def _budget_of(diagnostic: Diagnostic, program: Program, graph: TimeGraph) -> Setting | None:
    """The budget against which a finding holds something."""
    conditional = graph.conditional
    match diagnostic:
        case LateFirstOutput() | LateAfterTools():
            return smallest_budget("turn_budget_ms", program, conditional)
        case LateEndToEnd():
            return smallest_budget("path_budget_ms", program, conditional)
        case SlowEdge():
            return smallest_budget("edge_budget_ms", program, conditional)
        case SlowNode() if diagnostic.subject in program.nodes:
            profile = smallest_budget("node_budget_ms", program, conditional)
            return smallest_node_budget(program.nodes[diagnostic.subject], profile, program, conditional)
        case _:
            return None


def exclude_each_other(first: Condition, second: Condition) -> bool:
    """Whether two conditions certainly never hold together."""
    if first.checked is None or second.checked is None:
        return False
    from rsppc.conditions import exclusive  # rarely needed, and a sizeable import

    return exclusive(first.checked, second.checked) == "exclusive"


# --- Paths -----------------------------------------------------------------------------------------------------------


def _check_turn(
    program: Program, graph: TimeGraph, turn: Turn, steps: Steps, sink: DiagnosticSink
) -> list[LatencyPath]:
    paths: list[LatencyPath] = []
    owner = program.turns.owner
    at = owner.place.span() if owner is not None else program.turns.place.span()
    end_to_end = slowest(turn.order, turn.end_to_end, START, END)
    if end_to_end is not None:
        budget = smallest_budget("path_budget_ms", program, graph.conditional)
        what = "the time from the end of speech to the first output"
        asked = Asked(name="e2e", what=what, way=end_to_end, budget=budget, at=at)
        _judge_end_to_end(asked, sink)
        paths.append(_path(asked, steps))
    budget = smallest_budget("turn_budget_ms", program, graph.conditional)
    first_output = slowest(turn.order, turn.first_output, OWNER, END)
    if first_output is not None:
        what = "the time from the turn signal to the first output"
        asked = Asked(name="first_output", what=what, way=first_output, budget=budget, at=at)
        _judge_first_output(asked, _gaps(end_to_end) if end_to_end is not None else set(), sink)
        paths.append(_path(asked, steps))
    tools = with_rounds(turn, graph) if first_output is not None else None
    if first_output is not None and tools is not None:
        has_filler = filler(program, graph) is not None
        what = "the time from the turn signal to the first output, after all rounds of its loops,"
        asked = Asked(name="turn_with_tools", what=what, way=tools, budget=None if has_filler else budget, at=at)
        _judge_tools(asked, first_output, sink)
        paths.append(_path(asked, steps))
    return paths


def _path(asked: Asked, steps: Steps) -> LatencyPath:
    return path_of(asked.name, asked.way, _value(asked.budget), steps)


def _judge_end_to_end(asked: Asked, sink: DiagnosticSink) -> None:
    way = asked.way
    is_late = _is_over(way.least_p95_ms, asked.budget)
    if is_late:
        took, budget = _took(way.least_p95_ms, way.p95_ms), _budget_text(asked.budget)
        sink.report(LateEndToEnd(at=asked.at, took=took, budget=budget, **_evidence(asked, way.parts)))
    over_p50 = way.least_p50_ms > E2E_GATE_P50_MS
    over_p95 = way.least_p95_ms > E2E_GATE_P95_MS and not is_late
    if over_p50:
        _report_gate(asked, "the end of speech", "p50", E2E_GATE_P50_MS, sink)
    if over_p95:
        _report_gate(asked, "the end of speech", "p95", E2E_GATE_P95_MS, sink)
    if not is_late:
        _report_unproved(asked, sink)


def _judge_first_output(asked: Asked, told: set[str], sink: DiagnosticSink) -> None:
    """What is not known of the longer path has been said already."""
    way = asked.way
    if _is_over(way.least_p95_ms, asked.budget):
        took, budget = _took(way.least_p95_ms, way.p95_ms), _budget_text(asked.budget)
        sink.report(LateFirstOutput(at=asked.at, took=took, budget=budget, **_evidence(asked, way.parts)))
        return
    if way.least_p95_ms > FIRST_OUTPUT_GATE_P95_MS:
        _report_gate(asked, "the turn signal", "p95", FIRST_OUTPUT_GATE_P95_MS, sink)
    _report_unproved(asked, sink, told)


def _judge_tools(asked: Asked, first_output: Way, sink: DiagnosticSink) -> None:
    """What is wrong without any loop has been said already."""
    way = asked.way
    if asked.budget is None or _is_over(first_output.least_p95_ms, asked.budget):
        return
    if _is_over(way.least_p95_ms, asked.budget):
        took, budget = _took(way.least_p95_ms, way.p95_ms), _budget_text(asked.budget)
        sink.report(LateAfterTools(at=asked.at, took=took, budget=budget, **_evidence(asked, way.parts)))
        return
    _report_unproved(asked, sink, _gaps(first_output))


def _gaps(way: Way) -> set[str]:
    """What is missing on a path, in words."""
    return {gap.text for part in way.unknown for gap in part.figure.missing}


def _report_gate(asked: Asked, anchor: str, quantile: str, target: int, sink: DiagnosticSink) -> None:
    way = asked.way
    at_p50 = quantile == "p50"
    took = _took(way.least_p50_ms, way.p50_ms) if at_p50 else _took(way.least_p95_ms, way.p95_ms)
    evidence = _evidence(replace(asked, budget=None), way.parts_p50 if at_p50 else way.parts, at_p50=at_p50)
    sink.report(
        OverGateTarget(
            at=asked.at, took=took, anchor=anchor, quantile=quantile, target=milliseconds(target), **evidence
        )
    )


def _report_unproved(asked: Asked, sink: DiagnosticSink, told: Iterable[str] = ()) -> None:
    """One warning a path, unless all that it lacks has been told of."""
    gaps = [part for part in asked.way.unknown if any(gap.text not in told for gap in part.figure.missing)]
    if not gaps:
        return
    sink.report(
        UnprovedLatency(
            at=asked.at,
            subject=asked.name,
            what=asked.what,
            subjects=_listed([part.subject for part in gaps]),
            related=related_gaps(gaps),
            notes=(f"path: {_route(asked.way.parts, asked.way.last)}",),
        )
    )


def related_gaps(parts: Iterable[Part]) -> tuple[Related, ...]:
    """Where figures would be written that nobody states."""
    gaps: dict[str, Missing] = {gap.text: gap for part in parts for gap in part.figure.missing}
    return tuple(Related(at=gap.place.span(), text=gap.text) for gap in list(gaps.values())[:_GAPS_SHOWN])


class _Evidence(TypedDict):
    subject: str
    notes: tuple[str, ...]
    related: tuple[Related, ...]


def _evidence(asked: Asked, parts: tuple[Part, ...], *, at_p50: bool = False) -> _Evidence:
    """What every finding about a path shows: the path, its largest contributor, and where the numbers stand."""
    notes = [f"path: {_route(parts, asked.way.last)}"]
    related: list[Related] = []
    largest_part = max(parts, key=lambda part: _least(part.figure, at_p50), default=None)
    if largest_part is not None:
        figure = largest_part.figure
        took = milliseconds(_least(figure, at_p50))
        notes.append(f"largest contributor: `{largest_part.subject}` with {took}, {figure.because}")
        if figure.place is not None:
            related.append(Related(at=figure.place.span(), text=f"`{largest_part.subject}` takes {took}"))
    budget_place = written_at(asked.budget)
    if budget_place is not None:
        related.append(Related(at=budget_place.span(), text="the budget"))
    gaps = [part.subject for part in asked.way.unknown]
    if gaps:
        notes.append(f"not counted, because no figure is known: {_listed(gaps)}")
    return {"notes": tuple(notes), "related": tuple(related), "subject": asked.name}


def _route(parts: tuple[Part, ...], last: str) -> str:
    """`mic → vad → llm → speaker`, shortened in the middle."""
    nodes = [part.subject.rsplit(".", 1)[0] for part in parts if "->" not in part.subject]
    nodes = list(dict.fromkeys([*nodes, last] if not last.startswith("<") else nodes))
    if len(nodes) > _NODES_SHOWN:
        nodes = [*nodes[:5], "…", *nodes[-4:]]
    return " → ".join(nodes)


def _listed(subjects: list[str]) -> str:
    shown = ", ".join(f"`{subject}`" for subject in subjects[:_GAPS_SHOWN])
    rest = len(subjects) - _GAPS_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


def filler(program: Program, graph: TimeGraph) -> str | None:
    """A source that reaches an egress and that a turn, or what the caller says, starts."""
    sources = [
        node_id
        for node_id in graph.order
        if (node_type := program.nodes[node_id].type) is not None and node_type.role == "source"
    ]
    if not sources:
        return None
    leading = _reached([hop.source for hop in graph.endings], [(hop.target, hop.source) for hop in graph.hops])
    entering = {node.id for node in program.nodes.values() if node.type is not None and node.type.role == "ingress"}
    caused = [(hop.source, hop.target) for hop in graph.hops if hop.source not in entering or hop.lane == "DataLane"]
    turn_nodes = [node_id for node_id in graph.order if program.scopes.get(node_id) == "turn"]
    started = _reached([*sorted(entering), *turn_nodes], caused)
    return next((node_id for node_id in sources if node_id in leading and node_id in started), None)


def _reached(starts: Iterable[str], arrows: Iterable[tuple[str, str]]) -> set[str]:
    onward: dict[str, list[str]] = {}
    for source, target in arrows:
        onward.setdefault(source, []).append(target)
    found = set(starts)
    waiting = list(found)
    while waiting:
        for target in onward.get(waiting.pop(), ()):
            if target not in found:
                found.add(target)
                waiting.append(target)
    return found


# --- Nodes and edges -------------------------------------------------------------------------------------------------


def _check_nodes(program: Program, graph: TimeGraph, steps: Steps, sink: DiagnosticSink) -> list[LatencyPath]:
    paths: dict[str, LatencyPath] = {}
    conditional = graph.conditional
    profile = smallest_budget("node_budget_ms", program, conditional)
    for node in (*map(program.nodes.__getitem__, graph.order), *graph.inserted):
        outputs = graph.outputs.get(node.id)
        if not outputs:
            continue
        part, p50_ms, p95_ms, unknown = _slowest_output(outputs)
        budget = smallest_node_budget(node, profile, program, conditional)
        if budget is not None and part.figure.least_p95_ms > budget.value:
            _report_slow_node(node, part, budget, sink)
        step = steps.get(id(part)) or step_of(part)
        name = f"node/{node.id}"  # two rules may insert nodes of one name, of which no program has both
        paths.setdefault(name, LatencyPath(name, (step,), p50_ms, p95_ms, _value(budget), unknown))
    return list(paths.values())


def _slowest_output(outputs: dict[str, Part]) -> tuple[Part, int | None, int | None, tuple[str, ...]]:
    """The slowest output by what is known, the slowest times, and whose figures are missing."""
    if len(outputs) == 1:
        (part,) = outputs.values()
        p50_ms, p95_ms = part.figure.p50_ms, part.figure.p95_ms
        return part, p50_ms, p95_ms, () if p50_ms is not None and p95_ms is not None else (part.subject,)
    parts = [outputs[port] for port in sorted(outputs)]
    figures = [part.figure for part in parts]
    return (
        max(parts, key=lambda one: one.figure.least_p95_ms),
        max_or_none([figure.p50_ms for figure in figures]),
        max_or_none([figure.p95_ms for figure in figures]),
        tuple([part.subject for part in parts if not part.figure.is_known]),
    )


def _report_slow_node(node: Node, part: Part, budget: Setting | None, sink: DiagnosticSink) -> None:
    figure = part.figure
    took = _took(figure.least_p95_ms, figure.p95_ms)
    related = _placed((figure.place, f"`{part.subject}` takes {took}"), (written_at(budget), "the budget"))
    notes = (f"largest contributor: `{part.subject}` with {took}, {figure.because}",)
    at = node.place.span()
    budget_text = _budget_text(budget)
    sink.report(SlowNode(at=at, subject=node.id, took=took, budget=budget_text, notes=notes, related=related))


def _check_edges(program: Program, graph: TimeGraph, sink: DiagnosticSink) -> None:
    """Edges that took one and the same value are one finding."""
    budget = smallest_budget("edge_budget_ms", program, graph.conditional)
    bounds = graph.bounds.values()
    if budget is None or not [bound for bound in bounds if bound is not None and bound.value > budget.value]:
        return
    by_origin: dict[int, tuple[Setting, list[Edge]]] = {}
    for edge in sorted(program.edges, key=lambda one: one.id):
        setting = graph.bounds[edge.id]
        if setting is not None and _is_over(setting.value, budget):
            by_origin.setdefault(id(setting.origin), (setting, []))[1].append(edge)
    for setting, edges in by_origin.values():
        first, others = edges[0], [edge.id for edge in edges[1:]]
        place = written_at(setting) or first.source.place
        sink.report(
            SlowEdge(
                at=place.span(),
                subject=first.id,
                took=milliseconds(setting.value),
                budget=_budget_text(budget),
                notes=(f"the same value serves {_listed(others)}",) if others else (),
                related=_placed((first.source.place, "the edge"), (written_at(budget), "the budget")),
            )
        )


def _placed(*places: tuple[Place | None, str]) -> tuple[Related, ...]:
    return tuple(Related(at=place.span(), text=text) for place, text in places if place is not None)


def _least(figure: Figure, at_p50: bool) -> int:
    return figure.least_p50_ms if at_p50 else figure.least_p95_ms


def _is_over(took: int, budget: Setting | None) -> bool:
    return budget is not None and took > budget.value


def _took(least: int, known: int | None) -> str:
    return milliseconds(least) if known is not None else f"at least {milliseconds(least)}"


def _budget_text(budget: Setting | None) -> str:
    return milliseconds(budget.value) if budget is not None else "none"


def _value(budget: Setting | None) -> int | None:
    return None if budget is None else int(budget.value)


PASS = Pass(
    name="check_time",
    run=run,
    needs=facts("order known", "scopes known", "edges bounded", "providers known", "rule conditions checked"),
    gives=facts("time proved"),
)
