"""Whether a caller who interrupts is heard in time, and whether everything of a turn can stop.

A cancel needs no edges: from the place that accepts it, it reaches over the ControlLane every turn-scoped node and
every session-scoped one that declares `turn_cancel`. They stop side by side, so an egress falls silent when the slowest
of those in front of it has stopped: the contribution of the ControlLane plus that node's `cancel_latency_ms`, at most
150 ms at p95. How long it takes to notice an interruption (`min_speech_ms`, a detector's window) comes before the place
that accepts the cancel and is not counted. A provider's figure replaces that of its node type; one that states none
leaves it standing, since a node may stop by dropping its end of the stream.

Every such node must also stop within `cancel_grace_ms`. Preemptible nodes stop at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from rsppc.base.names import near_miss
from rsppc.base.record import Record, replace
from rsppc.base.source import Place
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.catalog import Cancel, Provider
from rsppc.ir.latency import Figure, conditional_inserts, inserts_on_edges, lane_figure, milliseconds, proofs_of
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import Edge, InsertRule, Node, Program
from rsppc.ir.setting import Setting
from rsppc.ir.worst_choice import Conditional, conditional_settings, smallest_budget, written_at
from rsppc.passes.base import Pass, facts

SILENCE_MAX_MS = 150

_NAMES_SHOWN = 6


class NoBargeIn(Diagnostic):
    """Who speaks on a line expects to be able to interrupt. A pipeline that hears and speaks, and accepts no barge-in,
    talks on over its caller."""

    code = "RSP4401"
    name = "no-barge-in"
    severity = "warning"
    moot_beside_errors = True
    headline = "pipeline `{subject}` hears and speaks, but nobody can interrupt it"
    hint = "name an output that notices speech: `turns: {{barge_in: [{{from: NODE.barge_in}}]}}`"


class LateSilence(Diagnostic):
    """Callers take a voice that goes on for a machine that does not listen. From the moment that a cancel is accepted,
    150 ms at p95 may pass until the egress is silent; releases are held to that figure."""

    code = "RSP5451"
    name = "late-silence"
    headline = (
        "after a cancel at `{accepted_at}`, `{subject}` falls silent after {took} at p95, over the limit of {limit}"
    )
    hint = "choose a type or provider that stops faster than `{slowest}`"
    accepted_at: str
    took: str
    limit: str
    slowest: str


class SlowToStop(Diagnostic):
    """A node that still runs when the grace is over is cut off by the runtime, and what it held is lost without a
    trace."""

    code = "RSP5452"
    name = "slow-to-stop"
    headline = "node `{subject}` takes {took} to stop, over the cancel grace of {grace}"
    hint = "choose a type or provider that stops faster, or raise `budgets.cancel_grace_ms`"
    took: str
    grace: str


class UnknownStop(Diagnostic):
    """That a caller is heard in time is proved only where everybody who must stop says how long that takes."""

    code = "RSP5453"
    name = "unknown-stop"
    severity = "warning"
    headline = "how long node `{subject}` takes to stop is not known, so that silence after a cancel is not proved"
    hint = "state `cancel: {{mode: cooperative, cancel_latency_ms: …, style: hard}}` in the manifest"


class UnknownUninterruptible(Diagnostic):
    """`unless` names nodes that are heard to their end. A name that is no node would protect nothing."""

    code = "RSP5454"
    name = "unknown-uninterruptible"
    headline = "`unless` names `{subject}`, which is no node of the pipeline"
    hint = "{advice}"
    advice: str


Inserts: TypeAlias = list[tuple[InsertRule, Edge]]

Latencies: TypeAlias = dict[str, int | None]
"""Per node that a cancel of the turn reaches, inserted ones included, how long it takes to stop; None where that is not
known."""

Slowest: TypeAlias = tuple[int, str]
"""The longest that somebody takes to stop, and who."""

_NOBODY: Slowest = (-1, "")


class Stop(Record):
    """How long a node takes to stop, and where that is stated; `latency_ms` is None where it is not known."""

    node: Node
    latency_ms: int | None
    place: Place


def run(program: Program, sink: DiagnosticSink) -> Program:
    conditional = conditional_settings(program)
    inserts = inserts_on_edges(program)
    _check_barge_in(program, sink)
    _check_unless(program, sink)
    latencies = _latencies(program, inserts)
    _check_grace(program, latencies, inserts, conditional, sink)
    cancel_ms = None
    if program.turns.cancels:
        control = lane_figure("ControlLane", program, conditional)
        cancel_ms = _check_silence(program, latencies, inserts, control, sink)
    return replace(program, proofs=replace(proofs_of(program), cancel_ms=cancel_ms))


# --- Who can interrupt -----------------------------------------------------------------------------------------------


def _check_barge_in(program: Program, sink: DiagnosticSink) -> None:
    if any(cancel.kind == "barge_in" for cancel in program.turns.cancels):
        return
    hears = any(_is_end(program, edge.source.node, edge.source.port, "ingress") for edge in program.edges)
    speaks = any(_is_end(program, edge.target.node, edge.target.port, "egress") for edge in program.edges)
    if hears and speaks:
        sink.report(NoBargeIn(at=program.turns.place.span(), subject=program.pipeline))


def _is_end(program: Program, node_id: str, port_name: str | None, role: str) -> bool:
    """Whether a port carries audio in or out of the pipeline."""
    node = program.nodes[node_id]
    if node.type is None or node.type.role != role:
        return False
    ports = outputs_of(node) if role == "ingress" else inputs_of(node)
    port = ports.get(port_name or "")
    return port is not None and any(product.kind == "audio" for product in port.type.alternatives)


def _check_unless(program: Program, sink: DiagnosticSink) -> None:
    named = [one for cancel in program.turns.cancels for one in cancel.unless if one[0] not in program.nodes]
    inserted = {rule.node.id for rule in conditional_inserts(program)} if named else set()
    for name, place in named:
        if name not in inserted:
            _report_unless(name, place, program, sink)


def _report_unless(name: str, place: Place, program: Program, sink: DiagnosticSink) -> None:
    at = place.span()
    if name in program.exposed:
        inside = sorted(node_id for node_id in program.nodes if node_id.startswith(f"{name}/"))
        advice = "it is a module; name a node inside: " + _listed(inside)
        sink.report(UnknownUninterruptible(at=at, subject=name, advice=advice))
        return
    guess = near_miss(name, program.nodes)
    advice = f"did you mean `{guess}`?" if guess else "name a node of the pipeline"
    fixes: tuple[Fix, ...] = ()
    if guess and name in at.text:
        fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=at.text.replace(name, guess, 1)),)),)
    sink.report(UnknownUninterruptible(at=at, subject=name[:100], advice=advice, fixes=fixes))


# --- How long stopping takes -----------------------------------------------------------------------------------------


def _latencies(program: Program, inserts: Inserts) -> Latencies:
    latencies: Latencies = {}
    scopes, providers = program.scopes, program.providers
    for node_id, node in program.nodes.items():
        if is_reached_by_cancel(node, scopes.get(node_id, "session")):
            latencies[node_id] = _latency_ms(node, providers.get(node_id, ()))
    for rule, edge in inserts:
        node = rule.node
        source_scope = scopes.get(edge.source.node, "session")
        scope = source_scope if node.type is None or node.type.scope == "inherit" else node.type.scope
        if is_reached_by_cancel(node, scope):
            latencies[node.id] = _latency_ms(node, providers.get(node.id, ()))
    return latencies


def is_reached_by_cancel(node: Node, scope: str) -> bool:
    """Whether a cancel of the turn stops a node: it lives for the turn, or declares what it does then."""
    return node.type is not None and (scope == "turn" or node.type.turn_cancel != "none")


def _latency_ms(node: Node, providers: Sequence[Provider]) -> int | None:
    """The longest over everybody who may serve the node; unknown where somebody's figure is."""
    own = node.type.cancel if node.type is not None else None
    if not providers:
        return _stated_ms(own)
    longest = -1
    for provider in providers:
        latency_ms = _stated_ms(provider.cancel or own)
        if latency_ms is None:
            return None
        longest = max(longest, latency_ms)
    return longest


def _stated_ms(cancel: Cancel | None) -> int | None:
    if cancel is None:
        return None
    return 0 if cancel.mode == "preemptible" else cancel.latency_ms


def _check_grace(
    program: Program, latencies: Latencies, inserts: Inserts, conditional: Conditional, sink: DiagnosticSink
) -> None:
    grace = smallest_budget("cancel_grace_ms", program, conditional)
    limit = grace.value if grace is not None else None
    wrong = [node_id for node_id, ms in latencies.items() if ms is None or (limit is not None and ms > limit)]
    unknown: dict[str, list[Stop]] = {}
    for stop in _stops(wrong, program, latencies, inserts) if wrong else ():
        if stop.latency_ms is None:
            unknown.setdefault(stop.node.type_name, []).append(stop)
        elif grace is not None:
            _report_slow(stop, stop.latency_ms, grace, sink)
    for same_type in unknown.values():
        _report_unknown(same_type, sink)


def _stops(node_ids: Iterable[str], program: Program, latencies: Latencies, inserts: Inserts) -> list[Stop]:
    """How nodes stop, by id; those that rules insert come last."""
    inserted = {rule.node.id: rule.node for rule, _ in inserts}
    in_order = sorted(node_ids, key=lambda node_id: (1, "") if node_id in inserted else (0, node_id))
    nodes = [inserted.get(node_id) or program.nodes[node_id] for node_id in in_order]
    return [_stop(node, latencies[node.id], program.providers.get(node.id, ())) for node in nodes]


def _stop(node: Node, latency_ms: int | None, providers: Sequence[Provider]) -> Stop:
    """A latency with the place where it is stated, or would be."""
    assert node.type is not None
    own = node.type.cancel
    stated = [(one.cancel or own, one.place) for one in sorted(providers, key=lambda one: one.id)]
    deciding = (one for one in stated or [(own, node.type.place)] if _stated_ms(one[0]) == latency_ms)
    cancel, place = next(deciding)
    return Stop(node=node, latency_ms=latency_ms, place=cancel.place if cancel is not None else place)


def _report_slow(stop: Stop, latency_ms: int, grace: Setting, sink: DiagnosticSink) -> None:
    took = milliseconds(latency_ms)
    related = [Related(at=stop.place.span(), text=f"stated here: {took}")]
    place = written_at(grace)
    if place is not None:
        related.append(Related(at=place.span(), text="the grace"))
    at, limit = stop.node.place.span(), milliseconds(grace.value)
    sink.report(SlowToStop(at=at, subject=stop.node.id, took=took, grace=limit, related=tuple(related)))


def _report_unknown(stops: list[Stop], sink: DiagnosticSink) -> None:
    """One warning for all nodes of a type: they lack the same figure."""
    first, others = stops[0], [stop.node.id for stop in stops[1:]]
    notes = (f"the same holds for {_listed(others)}",) if others else ()
    related = (Related(at=first.place.span(), text="it would be stated here"),)
    sink.report(UnknownStop(at=first.node.place.span(), subject=first.node.id, notes=notes, related=related))


# --- Silence ---------------------------------------------------------------------------------------------------------


def _check_silence(
    program: Program, latencies: Latencies, inserts: Inserts, control: Figure, sink: DiagnosticSink
) -> int | None:
    """Longest time from an accepted cancel to silence at an egress; None where it is unproved or there is no egress."""
    sources = _sources(program, inserts)
    known = {node_id: (ms, node_id) for node_id, ms in latencies.items() if ms is not None}
    gaps = {node_id: (0, node_id) for node_id, ms in latencies.items() if ms is None}
    slowest = _in_front(known, program, sources, inserts)
    unproved = _in_front(gaps, program, sources, inserts) if gaps else {}
    longest: int | None = None
    is_known = control.p95_ms is not None
    for egress in sorted(node_id for node_id in slowest if _is_egress(program.nodes.get(node_id))):
        latency_ms, slowest_id = slowest[egress]
        took = control.least_p95_ms + (latency_ms if slowest_id else 0)
        is_proved = unproved.get(egress, _NOBODY) == _NOBODY
        if took > SILENCE_MAX_MS:
            stop = _stops([slowest_id], program, latencies, inserts)[0] if slowest_id else None
            _report_late(egress, took, is_proved, stop, control, program, sink)
        is_known = is_known and is_proved
        longest = took if longest is None else max(longest, took)
    return longest if is_known else None


def _is_egress(node: Node | None) -> bool:
    return node is not None and node.type is not None and node.type.role == "egress"


def _sources(program: Program, inserts: Inserts) -> dict[str, list[str]]:
    """Per node those that lead into it, nodes that rules insert included."""
    sources: dict[str, list[str]] = {}
    for edge in program.edges:
        if not edge.feedback:
            sources.setdefault(edge.target.node, []).append(edge.source.node)
    for rule, edge in inserts:
        sources.setdefault(edge.target.node, []).append(rule.node.id)
    return sources


def _in_front(
    own: dict[str, Slowest], program: Program, sources: dict[str, list[str]], inserts: Inserts
) -> dict[str, Slowest]:
    """Per node the slowest of those that must stop before it is silent: itself, its fallbacks, all in front of it."""
    alone = _with_fallbacks(own, program)
    found = {rule.node.id: own.get(rule.node.id, _NOBODY) for rule, _ in inserts}
    for node_id in program.order:
        slowest = alone.get(node_id, _NOBODY)
        for source in sources.get(node_id, ()):
            before = found.get(source, _NOBODY)
            if before > slowest:
                slowest = before
        found[node_id] = slowest
    return found


def _with_fallbacks(own: dict[str, Slowest], program: Program) -> dict[str, Slowest]:
    """Per node the slowest of itself and the chain of fallbacks behind it; each link is looked at once."""
    nodes = program.nodes
    starts = [node_id for node_id, node in nodes.items() if node.fallback is not None]
    found = dict(own) if starts else own
    done: set[str] = set()
    for node_id in starts:
        chain: dict[str, None] = {}
        current: str | None = node_id
        while current in nodes and current not in done and current not in chain:
            chain[current] = None
            fallback = nodes[current].fallback
            current = fallback.to if fallback is not None else None
        behind = found.get(current, _NOBODY) if current in done else _NOBODY
        for link in reversed(chain):
            behind = found[link] = max(own.get(link, _NOBODY), behind)
        done.update(chain)
    return found


def _report_late(
    egress: str,
    took: int,
    is_proved: bool,
    slowest: Stop | None,
    control: Figure,
    program: Program,
    sink: DiagnosticSink,
) -> None:
    """All places that accept a cancel are equally far from an egress, so that the first speaks for them."""
    cancels = program.turns.cancels
    notes = [f"{milliseconds(control.least_p95_ms)} on the ControlLane"]
    related: list[Related] = []
    if slowest is not None:
        stopping = milliseconds(slowest.latency_ms or 0)
        notes.append(f"{stopping} until `{slowest.node.id}`, the slowest of those in front of it, has stopped")
        related.append(Related(at=slowest.place.span(), text=f"`{slowest.node.id}` stops within {stopping}"))
    related.append(Related(at=program.nodes[egress].place.span(), text="the egress"))
    if len(cancels) > 1:
        notes.append(f"the same holds for {_listed([str(cancel.source) for cancel in cancels[1:]])}")
    sink.report(
        LateSilence(
            at=cancels[0].source.place.span(),
            subject=egress,
            accepted_at=str(cancels[0].source),
            took=milliseconds(took) if is_proved else f"at least {milliseconds(took)}",
            limit=milliseconds(SILENCE_MAX_MS),
            slowest=slowest.node.id if slowest is not None else egress,
            notes=tuple(notes),
            related=tuple(related),
        )
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_NAMES_SHOWN])
    rest = len(names) - _NAMES_SHOWN
    return f"{shown} and {rest} more" if rest > 0 else shown


PASS = Pass(
    name="check_cancel",
    run=run,
    needs=facts("order known", "scopes known", "providers known"),
    gives=facts("cancel proved"),
)
