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

from collections.abc import Iterable

from rsppc.base.names import near_miss
from rsppc.base.record import Record, replace
from rsppc.base.source import Place
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.ir.catalog import Cancel
from rsppc.ir.latency import Figure, conditional_inserts, inserts_on_edges, lane_figure, milliseconds, proofs_of
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import CancelPlace, Node, Program
from rsppc.ir.worst_choice import budget_choices, conditional_settings, smallest, written_at
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


class Stop(Record):
    """How long a node takes to stop; `latency_ms` is None where it is not known."""

    node: Node
    latency_ms: int | None
    place: Place


class Silence(Record):
    """What must stop before a node falls silent: the slowest, and whether somebody's figure is missing."""

    slowest: Stop | None = None
    is_known: bool = True


def run(program: Program, sink: DiagnosticSink) -> Program:
    _check_barge_in(program, sink)
    _check_unless(program, sink)
    stops = _stops(program)
    _check_grace(program, stops, sink)
    cancels = program.turns.cancels
    cancel_ms = _check_silence(cancels, program, stops, sink) if cancels else None
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
    inserted = {rule.node.id for rule in conditional_inserts(program)}
    for cancel in program.turns.cancels:
        for name, place in cancel.unless:
            if name not in program.nodes and name not in inserted:
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


def _stops(program: Program) -> dict[str, Stop]:
    """Per node that a cancel of the turn reaches, how long it takes to stop; inserted nodes included."""
    stops: dict[str, Stop] = {}
    for node_id in sorted(program.nodes):
        node = program.nodes[node_id]
        if is_reached_by_cancel(node, program.scopes.get(node_id, "session")):
            stops[node_id] = _stop(node, program)
    for rule, edge in inserts_on_edges(program):
        source_scope = program.scopes.get(edge.source.node, "session")
        scope = source_scope if rule.node.type is None or rule.node.type.scope == "inherit" else rule.node.type.scope
        if is_reached_by_cancel(rule.node, scope):
            stops[rule.node.id] = _stop(rule.node, program)
    return stops


def is_reached_by_cancel(node: Node, scope: str) -> bool:
    """Whether a cancel of the turn stops a node: it lives for the turn, or declares what it does then."""
    return node.type is not None and (scope == "turn" or node.type.turn_cancel != "none")


def _stop(node: Node, program: Program) -> Stop:
    """The slowest over everybody who may serve the node; unknown where somebody's figure is."""
    assert node.type is not None
    own = node.type.cancel
    providers = sorted(program.providers.get(node.id, ()), key=lambda one: one.id)
    stated = [(one.cancel or own, one.place) for one in providers] or [(own, node.type.place)]
    slowest = Stop(node=node, latency_ms=-1, place=node.type.place)
    for cancel, place in stated:
        latency_ms = _latency_ms(cancel)
        if latency_ms is None:
            return Stop(node=node, latency_ms=None, place=cancel.place if cancel is not None else place)
        if slowest.latency_ms is not None and latency_ms > slowest.latency_ms:
            slowest = Stop(node=node, latency_ms=latency_ms, place=cancel.place if cancel is not None else place)
    return slowest


def _latency_ms(cancel: Cancel | None) -> int | None:
    if cancel is None:
        return None
    return 0 if cancel.mode == "preemptible" else cancel.latency_ms


def _check_grace(program: Program, stops: dict[str, Stop], sink: DiagnosticSink) -> None:
    grace = smallest(budget_choices("cancel_grace_ms", program, conditional_settings(program)))
    unknown: dict[str, list[Stop]] = {}
    for stop in stops.values():
        if stop.latency_ms is None:
            unknown.setdefault(stop.node.type_name, []).append(stop)
        elif grace is not None and stop.latency_ms > grace.value:
            took = milliseconds(stop.latency_ms)
            related = [Related(at=stop.place.span(), text=f"stated here: {took}")]
            place = written_at(grace)
            if place is not None:
                related.append(Related(at=place.span(), text="the grace"))
            at = stop.node.place.span()
            limit = milliseconds(grace.value)
            sink.report(SlowToStop(at=at, subject=stop.node.id, took=took, grace=limit, related=tuple(related)))
    for same_type in unknown.values():
        _report_unknown(same_type, sink)


def _report_unknown(stops: list[Stop], sink: DiagnosticSink) -> None:
    """One warning for all nodes of a type: they lack the same figure."""
    first, others = stops[0], [stop.node.id for stop in stops[1:]]
    notes = (f"the same holds for {_listed(others)}",) if others else ()
    related = (Related(at=first.place.span(), text="it would be stated here"),)
    sink.report(UnknownStop(at=first.node.place.span(), subject=first.node.id, notes=notes, related=related))


# --- Silence ---------------------------------------------------------------------------------------------------------


def _check_silence(
    cancels: tuple[CancelPlace, ...], program: Program, stops: dict[str, Stop], sink: DiagnosticSink
) -> int | None:
    """Longest time from an accepted cancel to silence at an egress; None where it is unproved or there is no egress."""
    control = lane_figure("ControlLane", program, conditional_settings(program))
    longest: int | None = None
    is_known = control.p95_ms is not None
    for node_id, silence in _silences(program, stops).items():
        took = control.least_p95_ms + (silence.slowest.latency_ms or 0 if silence.slowest is not None else 0)
        if took > SILENCE_MAX_MS:
            _report_late(node_id, took, silence, control, cancels, program, sink)
        is_known = is_known and silence.is_known
        longest = took if longest is None else max(longest, took)
    return longest if is_known else None


def _silences(program: Program, stops: dict[str, Stop]) -> dict[str, Silence]:
    """Per egress, by id, what must stop before it is silent: itself and everything in front of it."""
    sources: dict[str, list[str]] = {}
    for edge in program.edges:
        if not edge.feedback:
            sources.setdefault(edge.target.node, []).append(edge.source.node)
    inserted: dict[str, list[str]] = {}
    for rule, edge in inserts_on_edges(program):
        inserted.setdefault(edge.target.node, []).append(rule.node.id)
    with_fallbacks = _with_fallbacks(program, stops)
    found: dict[str, Silence] = {}
    for node_id in program.order:
        before = [found[source] for source in sources.get(node_id, ()) if source in found]
        on_edges = [_of(stops[one]) for one in inserted.get(node_id, ()) if one in stops]
        found[node_id] = _slower([*before, *on_edges, with_fallbacks[node_id]])
    return {
        node_id: found[node_id]
        for node_id in sorted(found)
        if (node_type := program.nodes[node_id].type) is not None and node_type.role == "egress"
    }


def _with_fallbacks(program: Program, stops: dict[str, Stop]) -> dict[str, Silence]:
    """Per node what must stop of itself and of the chain of fallbacks behind it; each link is looked at once."""
    found: dict[str, Silence] = {}
    for node_id in program.nodes:
        chain: dict[str, None] = {}
        current: str | None = node_id
        while current in program.nodes and current not in found and current not in chain:
            chain[current] = None
            fallback = program.nodes[current].fallback
            current = fallback.to if fallback is not None else None
        behind = found.get(current or "", Silence())
        for link in reversed(chain):
            own = [_of(stops[link])] if link in stops else []
            behind = found[link] = _slower([*own, behind])
    return found


def _of(stop: Stop) -> Silence:
    return Silence(slowest=stop, is_known=stop.latency_ms is not None)


def _slower(silences: Iterable[Silence]) -> Silence:
    slowest: Stop | None = None
    is_known = True
    for one in silences:
        is_known = is_known and one.is_known
        stop = one.slowest
        if stop is not None and stop.latency_ms is not None and (slowest is None or _rank(stop) > _rank(slowest)):
            slowest = stop
    return Silence(slowest=slowest, is_known=is_known)


def _rank(stop: Stop) -> tuple[int, str]:
    return stop.latency_ms or 0, stop.node.id


def _report_late(
    egress: str,
    took: int,
    silence: Silence,
    control: Figure,
    cancels: tuple[CancelPlace, ...],
    program: Program,
    sink: DiagnosticSink,
) -> None:
    """All places that accept a cancel are equally far from an egress, so that the first speaks for them."""
    slowest = silence.slowest
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
            took=milliseconds(took) if silence.is_known else f"at least {milliseconds(took)}",
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
