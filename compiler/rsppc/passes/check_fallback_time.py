"""Whether there is time left when something fails.

A fallback begins when its primary's budget is used up. So what comes before the primary, its budget, the fallback's own
figure at p95 and the rest of the way to the egress must fit into the turn budget, and the same for every link of a
chain (`fallback/PRIMARY` in the proofs: at p95 only, with the steps that a failure adds). A primary without a budget is
given up when its time-out is over: its type's, or the profile's for providers. What comes before counts from the
owner's turn signal; a primary that works before the turn, such as a recogniser, counts from its own beginning.

A retry repeats one node's call: all attempts but the last time out, with a pause after each, and the last one takes its
figure at p95. That must fit into the budget of the node.

Runs after `check_time`, which has told of figures that are missing on the paths; here only others are told of.
"""

from __future__ import annotations

from collections import Counter

from rsppc.base.record import Record, replace
from rsppc.base.source import Place, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.catalog import Provider
from rsppc.ir.latency import (
    END,
    Arrivals,
    Figure,
    Known,
    Missing,
    Part,
    TimeGraph,
    arrivals,
    milliseconds,
    output_figure,
    proofs_of,
    step_of,
    time_graph_of,
    time_left,
)
from rsppc.ir.program import LatencyPath, Node, Program, ProviderRule
from rsppc.ir.setting import Setting
from rsppc.ir.turn_time import OWNER, turn_of
from rsppc.ir.worst_choice import (
    budget_choices,
    largest,
    node_budget_choices,
    smallest_budget,
    smallest_node_budget,
    written_at,
)
from rsppc.passes.base import Pass, facts
from rsppc.passes.check_time import exclude_each_other, related_gaps


class LateFallback(Diagnostic):
    """A fallback helps only a caller who is still there. It starts when its primary's budget is used up, and its answer
    still has to reach the egress within the turn budget."""

    code = "RSP5471"
    name = "late-fallback"
    headline = (
        "when `{primary}` falls back to `{subject}`, the first output comes after {took} at p95, "
        "over the turn budget of {budget}"
    )
    hint = "lower `budget_ms` of `{primary}`, or fall back to something faster"
    primary: str
    took: str
    budget: str


class UnprovedFallback(Diagnostic):
    """That a fallback is in time is proved only where it says how long it takes."""

    code = "RSP5472"
    name = "unproved-fallback"
    severity = "warning"
    moot_beside_errors = True
    headline = "that the fallback of `{primary}` is in time is not proved: no figure is known for `{subject}`"
    hint = "measure it, and state `latency: {{p50_ms: …, p95_ms: …}}` in a manifest of your own"
    primary: str


class LateRetry(Diagnostic):
    """All attempts of a node's call have to fit into the node's budget; an attempt that comes later is never made, or
    makes the node late."""

    code = "RSP5473"
    name = "late-retry"
    headline = "with the attempts of rule `{subject}`, node `{node}` takes {took} at p95, over its budget of {budget}"
    hint = "lower `max_attempts` or `attempt_timeout_ms`, or raise `budget_ms` of the node"
    node: str
    took: str
    budget: str


class UnprovedRetry(Diagnostic):
    """That all attempts fit into a node's budget is proved only where the providers say how long they take."""

    code = "RSP5474"
    name = "unproved-retry"
    severity = "warning"
    moot_beside_errors = True
    headline = "that the attempts of rule `{subject}` fit into the budget of `{node}` is not proved"
    hint = "measure the providers, and state `latency: {{p50_ms: …, p95_ms: …}}` in a manifest of your own"
    node: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    has_fallbacks = any(node.fallback is not None for node in program.nodes.values())
    has_retries = any(rule.retry for policy in program.policies for rule in policy.provider_rules)
    if not has_fallbacks and not has_retries:
        return program
    graph = time_graph_of(program, exclude_each_other)
    proofs = proofs_of(program)
    told = {subject for path in proofs.paths for subject in path.unknown if not path.name.startswith("node/")}
    paths = _check_fallbacks(program, graph, told, sink) if has_fallbacks else []
    if has_retries:
        _check_retries(program, graph, told, sink)
    return replace(program, proofs=replace(proofs, paths=(*proofs.paths, *paths)))


# --- Fallbacks -------------------------------------------------------------------------------------------------------


class Takeover(Record):
    """The slowest way through a chain of fallbacks, from the failure of the primary's predecessor to an output."""

    ms: int
    """By what is known."""
    by: str
    """The node that answers in the end."""
    figure: Figure
    """Its figure."""
    gap: Part | None = None
    """A part of the chain without a figure."""


def _check_fallbacks(program: Program, graph: TimeGraph, told: set[str], sink: DiagnosticSink) -> list[LatencyPath]:
    """One path per primary: a node with edges and a fallback."""
    turn = turn_of(program, graph)
    before = arrivals(turn.order, turn.first_output, OWNER)
    rest = time_left(turn.order, [*graph.hops, *graph.endings], END)
    beyond = _rest_after_outputs(graph, rest)
    budget = smallest_budget("turn_budget_ms", program, graph.conditional)
    known: dict[tuple[str, str], Takeover | None] = {}
    gaps_per_node = _gaps_per_node(program)
    paths: list[LatencyPath] = []
    for node_id in graph.order:
        node = program.nodes[node_id]
        if node.fallback is None or node_id not in beyond:
            continue
        judged = [
            (takeover, port)
            for port in sorted(beyond[node_id])
            if (takeover := _takeover(node.fallback.to, port, program, graph, known)) is not None
        ]
        if not judged:
            continue
        takeover, port = max(judged, key=lambda one: one[0].ms + beyond[node_id][one[1]])
        handover = _handover(node, program, graph)
        spent = (_arrival(before, node_id), handover.figure.least_p95_ms, takeover.ms, beyond[node_id][port])
        gap = handover if not handover.figure.is_known else takeover.gap
        # What the primary itself takes does not matter once it has failed.
        is_known = gap is None and gaps_per_node.total() == gaps_per_node[node_id]
        paths.append(_path(node_id, takeover, port, handover, sum(spent), is_known, budget, gap))
        if budget is not None and sum(spent) > budget.value:
            _report_late(node, takeover, spent, is_known, budget, sink)
        elif gap is not None and gap.figure.missing and gap.subject not in told:
            at = node.fallback.place.span()
            related = related_gaps([gap])
            sink.report(UnprovedFallback(at=at, subject=gap.subject, primary=node_id, related=related))
    return paths


def _gaps_per_node(program: Program) -> Counter[str]:
    """How many figures are missing between the turn signal and the first output, by node; edges under their id."""
    paths = program.proofs.paths if program.proofs is not None else ()
    gaps = [subject for path in paths if path.name == "first_output" for subject in path.unknown]
    return Counter(subject if "->" in subject else subject.rpartition(".")[0] for subject in gaps)


def _rest_after_outputs(graph: TimeGraph, rest: dict[str, int]) -> dict[str, dict[str, int]]:
    """Per node and output the longest way from that output's event to the end."""
    beyond: dict[str, dict[str, int]] = {}
    for hop in graph.hops:
        left = rest.get(hop.target)
        if left is None or hop.port is None:
            continue
        took = hop.p95_ms - hop.parts[0].figure.least_p95_ms + left
        outputs = beyond.setdefault(hop.source, {})
        outputs[hop.port] = max(outputs.get(hop.port, 0), took)
    return beyond


def _takeover(
    node_id: str, port: str, program: Program, graph: TimeGraph, known: dict[tuple[str, str], Takeover | None]
) -> Takeover | None:
    """How long a fallback, or one further down its chain, takes to an output; every link is worked out once.

    None where the chain offers nothing, which has been reported.
    """
    chain: dict[str, None] = {}
    current: str | None = node_id
    while current in program.nodes and current not in chain and (current, port) not in known:
        chain[current] = None
        fallback = program.nodes[current].fallback
        current = fallback.to if fallback is not None else None
    behind = known.get((current or "", port))
    for link in reversed(chain):
        node = program.nodes[link]
        part = graph.outputs.get(link, {}).get(port)
        behind = known[link, port] = _slower_of(node, part, behind, program, graph)
    return known.get((node_id, port))


def _slower_of(
    node: Node, part: Part | None, behind: Takeover | None, program: Program, graph: TimeGraph
) -> Takeover | None:
    """A link that answers itself, or fails as well."""
    if part is None:
        return behind
    figure = part.figure
    gap = part if figure.p95_ms is None else None
    own = Takeover(ms=figure.least_p95_ms, by=node.id, figure=figure, gap=gap)
    if behind is None or node.fallback is None:
        return own
    handover = _handover(node, program, graph)
    later = handover.figure.least_p95_ms + behind.ms
    gap = gap or (handover if not handover.figure.is_known else behind.gap)
    return replace(behind, ms=later, gap=gap) if later > own.ms else replace(own, gap=gap)


def _handover(node: Node, program: Program, graph: TimeGraph) -> Part:
    """When a node is given up: its budget, or where it has none its time-out."""
    budget = largest(node_budget_choices(node, program, graph.conditional))
    if budget is not None:
        return Part(subject=node.id, figure=_exact(budget.value, written_at(budget)))
    if node.type is not None and node.type.timeout_ms is not None:
        return Part(subject=node.id, figure=_exact(node.type.timeout_ms, node.type.place))
    timeout = largest(budget_choices("provider_timeout_ms", program, graph.conditional))
    if timeout is not None and node.type is not None and node.type.modality is not None:
        return Part(subject=node.id, figure=_exact(timeout.value, written_at(timeout)))
    missing = Missing(text=f"`{node.id}` has neither a budget nor a time-out", place=node.place)
    figure = Figure(p50_ms=None, p95_ms=None, least_p50_ms=0, least_p95_ms=0, missing=(missing,))
    return Part(subject=node.id, figure=figure)


def _exact(value: int, place: Place | None) -> Figure:
    return Figure(p50_ms=value, p95_ms=value, least_p50_ms=value, least_p95_ms=value, stated_at=place)


def _arrival(found: Arrivals, node_id: str) -> int:
    return found[node_id][1] if node_id in found else 0


def _path(
    primary: str,
    takeover: Takeover,
    port: str,
    handover: Part,
    took: int,
    is_known: bool,
    budget: Setting | None,
    gap: Part | None,
) -> LatencyPath:
    return LatencyPath(
        name=f"fallback/{primary}",
        steps=(step_of(handover), step_of(Part(subject=f"{takeover.by}.{port}", figure=takeover.figure))),
        p50_ms=None,
        p95_ms=took if is_known else None,
        budget_ms=budget.value if budget is not None else None,
        unknown=(gap.subject,) if gap is not None else (),
    )


def _report_late(
    node: Node,
    takeover: Takeover,
    spent: tuple[int, int, int, int],
    is_known: bool,
    budget: Setting,
    sink: DiagnosticSink,
) -> None:
    assert node.fallback is not None
    before, given_up, taken_over, rest = (milliseconds(one) for one in spent)
    took = milliseconds(sum(spent)) if is_known else f"at least {milliseconds(sum(spent))}"
    note = f"{before} before `{node.id}`, {given_up} until it is given up, "
    note += f"{taken_over} of `{takeover.by}`, {rest} after it"
    places = (
        (written_at(node.budget_ms), f"the budget of `{node.id}`"),
        (takeover.figure.place, f"`{takeover.by}` takes {milliseconds(takeover.figure.least_p95_ms)}"),
        (written_at(budget), "the turn budget"),
    )
    related = tuple(Related(at=place.span(), text=text) for place, text in places if place is not None)
    sink.report(
        LateFallback(
            at=node.fallback.place.span(),
            subject=takeover.by,
            primary=node.id,
            took=took,
            budget=milliseconds(budget.value),
            notes=(note,),
            related=related,
        )
    )


# --- Retries ---------------------------------------------------------------------------------------------------------


def _check_retries(program: Program, graph: TimeGraph, told: set[str], sink: DiagnosticSink) -> None:
    rules = _rules_that_serve(program)
    profile = smallest_budget("node_budget_ms", program, graph.conditional)
    known: Known = {}
    for node in (*(program.nodes[node_id] for node_id in graph.order), *graph.inserted):
        if node.type is None or node.type.modality is None or node.id not in graph.outputs:
            continue
        budget = smallest_node_budget(node, profile, program, graph.conditional)
        for rule in _rules_of(node, rules):
            providers = [one for one in program.providers.get(node.id, ()) if any(one.id == use for use, _ in rule.use)]
            if rule.retry is not None and providers and budget is not None:
                _check_retry(rule, rule.retry, node, providers, budget, graph, known, told, sink)


def _rules_that_serve(program: Program) -> dict[str, list[ProviderRule]]:
    """Rules per `node/ID` or modality, in the order in which they are tried, up to the first that always matches."""
    found: dict[str, list[ProviderRule]] = {}
    closed: set[str] = set()
    for policy in reversed(program.policies):
        for rule in policy.provider_rules:
            speaks_of = f"node/{rule.node}" if rule.node is not None else rule.modality or ""
            if speaks_of not in closed:
                found.setdefault(speaks_of, []).append(rule)
                if rule.when is None:
                    closed.add(speaks_of)
    return found


def _rules_of(node: Node, rules: dict[str, list[ProviderRule]]) -> list[ProviderRule]:
    """Rules that can come to serve a node: those that speak of it, then, where none of them always matches and no
    provider is named on it, those of its modality."""
    own = rules.get(f"node/{node.id}", [])
    is_settled = any(rule.when is None for rule in own)
    if is_settled or node.type is None or (node.provider is not None and node.provider.value is not None):
        return own
    return [*own, *rules.get(node.type.modality or "", [])]


def _check_retry(
    rule: ProviderRule,
    retry: dict[str, int],
    node: Node,
    providers: list[Provider],
    budget: Setting,
    graph: TimeGraph,
    known: Known,
    told: set[str],
    sink: DiagnosticSink,
) -> None:
    repeats = max(retry.get("max_attempts", 1) - 1, 0)
    waited = repeats * (retry.get("attempt_timeout_ms", 0) + retry.get("backoff_ms", 0))
    if repeats == 0:  # one attempt is what `check_time` has judged
        return
    parts = [
        Part(subject=f"{node.id}.{port}", figure=output_figure(node, port, providers, graph.conditional, known))
        for port in sorted(graph.outputs[node.id])
    ]
    part = max(parts, key=lambda one: one.figure.least_p95_ms)
    gaps = [one for one in parts if one.figure.p95_ms is None]
    took = waited + part.figure.least_p95_ms
    at = rule.place.span()
    if took > budget.value:
        note = _account(repeats, retry, part)
        sink.report(
            LateRetry(
                at=at,
                subject=rule.id,
                node=node.id,
                took=f"at least {milliseconds(took)}" if gaps else milliseconds(took),
                budget=milliseconds(budget.value),
                notes=(note,),
                related=_retry_places(node, part, budget),
            )
        )
    elif gaps and not all(one.subject in told for one in gaps):
        sink.report(UnprovedRetry(at=at, subject=rule.id, node=node.id, related=related_gaps(gaps)))


def _account(repeats: int, retry: dict[str, int], part: Part) -> str:
    failed = "1 attempt that times out" if repeats == 1 else f"{repeats} attempts that time out"
    timeout, pause = milliseconds(retry.get("attempt_timeout_ms", 0)), milliseconds(retry.get("backoff_ms", 0))
    last = milliseconds(part.figure.least_p95_ms)
    return f"{failed} after {timeout}, a pause of {pause} after each, and {last} of `{part.subject}` at the last one"


def _retry_places(node: Node, part: Part, budget: Setting) -> tuple[Related, ...]:
    places: list[tuple[Span, str]] = [(node.place.span(), "the node")]
    if part.figure.place is not None:
        places.append((part.figure.place.span(), f"`{part.subject}` takes {milliseconds(part.figure.least_p95_ms)}"))
    budget_place = written_at(budget)
    if budget_place is not None:
        places.append((budget_place.span(), "the budget"))
    return tuple(Related(at=at, text=text) for at, text in places)


PASS = Pass(
    name="check_fallback_time",
    run=run,
    needs=facts("time proved", "scopes known", "edges bounded", "providers known"),
    gives=facts("failures timed"),
)
