"""Whether what the caller said is still there when the turn opens.

A recogniser writes down the last words, and they wait on the edge into the turn until the owner of turns has heard
enough silence. They wait for at most `pre_roll_ms`; then they are dropped, and the turn opens with nothing to answer.
How long they wait is the time to the turn signal without the time to the final text, at p50 on both sides: where that
is over the bound, it is so in ordinary calls. Where a figure is missing, nothing is concluded.
"""

from __future__ import annotations

from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.latency import Hop, TimeGraph, Way, milliseconds, slowest
from rsppc.ir.program import Edge, Program
from rsppc.ir.setting import Setting
from rsppc.ir.turn_time import OWNER, START, Turn
from rsppc.ir.types import Values
from rsppc.ir.worst_choice import is_number, written_at


class LostWords(Diagnostic):
    """What is recognised before a turn opens waits for it, for as long as `pre_roll_ms` says. A final text that comes
    well before the owner of turns has heard enough silence is dropped by then: the turn opens, and nobody knows what
    the caller said."""

    code = "RSP5408"
    name = "lost-words"
    severity = "warning"
    moot_beside_errors = True
    headline = (
        "the final text on `{subject}` comes {early} before the turn opens, and waits for at most {waits}: it is lost"
    )
    hint = "write `pre_roll_ms: {enough}` on the edge, or shorten the silence after which the turn opens"
    early: str
    waits: str
    enough: int
    signal: tuple[str, ...] = ()
    """What the turn signal waits for."""


_ROUNDED_TO_MS = 100
_EVIDENCE_MAX = 10
"""Findings that say what takes longest on the way: each costs a walk over the graph."""


def check_pre_rolls(program: Program, graph: TimeGraph, turn: Turn, sink: DiagnosticSink) -> None:
    """Report edges into a turn whose final text has gone when the turn opens."""
    signal = next((hop for hop in turn.end_to_end if hop.target == OWNER), None)
    if signal is None or signal.unknown:
        return
    waiting = {
        edge.id: (edge, bound)
        for index, edge in enumerate(program.edges)
        if (bound := edge.settings.get("pre_roll_ms")) is not None
        and is_number(bound.value)
        and signal.p50_ms > bound.value
        and _carries_final_text_into_a_turn(edge, index, program)
    }
    reached = _reached(graph, turn) if waiting else {}
    told = 0
    for hop in turn.end_to_end:
        edge, bound = waiting.get(hop.id, (None, None))
        before = reached.get(hop.source)
        if edge is None or bound is None or before is None or not _is_known(hop):
            continue
        early = signal.p50_ms - before - hop.p50_ms
        if early > bound.value:
            told += 1
            arrival = _arrival(edge, graph, turn) if told <= _EVIDENCE_MAX else None
            _report(edge, early, bound, arrival, signal, sink)


def _reached(graph: TimeGraph, turn: Turn) -> dict[str, int]:
    """When what the caller said comes to each node, at p50; nodes are left out to which any way lacks a figure."""
    into: dict[str, list[Hop]] = {}
    for hop in turn.end_to_end:
        if hop.source != OWNER:
            into.setdefault(hop.target, []).append(hop)
    reached = {START: 0}
    unknown: set[str] = set()
    for node_id in graph.order:
        coming = [hop for hop in into.get(node_id, ()) if hop.source in reached or hop.source in unknown]
        if any(hop.source in unknown or not _is_known(hop) for hop in coming):
            unknown.add(node_id)
        elif coming:
            reached[node_id] = max(reached[hop.source] + hop.p50_ms for hop in coming)
    return reached


def _is_known(hop: Hop) -> bool:
    return all(part.figure.p50_ms is not None for part in hop.unknown)


def _carries_final_text_into_a_turn(edge: Edge, index: int, program: Program) -> bool:
    scopes, solution = program.scopes, program.solution
    if scopes.get(edge.source.node) != "session" or scopes.get(edge.target.node) != "turn" or solution is None:
        return False
    port_type = solution.types.get(edge.source.node, {}).get(edge.source.port or "")
    if port_type is None or port_type.alternatives[0].kind != "text":
        return False
    passes = solution.edges[index].passes
    return isinstance(passes, Values) and "final" in passes.values


def _arrival(edge: Edge, graph: TimeGraph, turn: Turn) -> Way | None:
    """The way of the text from the end of speech to the edge's target, over this edge alone."""
    hops = [hop for hop in turn.end_to_end if hop.target != edge.target.node or hop.id == edge.id]
    return slowest((START, OWNER, *graph.order), [hop for hop in hops if hop.source != OWNER], START, edge.target.node)


def _report(edge: Edge, early: int, bound: Setting, arrival: Way | None, signal: Hop, sink: DiagnosticSink) -> None:
    places = [(written_at(bound), f"at most {milliseconds(bound.value)}")]
    if arrival is not None:
        part = max(arrival.parts_p50, key=lambda one: one.figure.least_p50_ms)
        places.append((part.figure.place, f"`{part.subject}` takes {milliseconds(part.figure.least_p50_ms)}"))
    related = tuple(Related(at=place.span(), text=text) for place, text in places if place is not None)
    sink.report(
        LostWords(
            at=edge.source.place.span(),
            subject=edge.id,
            early=milliseconds(early),
            waits=milliseconds(bound.value),
            enough=-(-early // _ROUNDED_TO_MS) * _ROUNDED_TO_MS,
            signal=tuple(part.subject for part in signal.parts),
            related=related,
        )
    )
