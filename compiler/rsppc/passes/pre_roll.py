"""Whether what the caller said is still there when the turn opens.

A recogniser writes down the last words, and they wait on the edge into the turn until the owner of turns has heard
enough silence. They wait for at most `pre_roll_ms`; then they are dropped, and the turn opens with nothing to answer.
How long they wait is the time to the turn signal without the time to the final text, at p50 on both sides: where that
is over the bound, it is so in ordinary calls. Where a figure is missing, nothing is concluded.
"""

from __future__ import annotations

from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.latency import TimeGraph, Way, milliseconds, slowest
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


def check_pre_rolls(program: Program, graph: TimeGraph, turn: Turn, sink: DiagnosticSink) -> None:
    """Report edges into a turn whose final text has gone when the turn opens."""
    signal = next((hop for hop in turn.end_to_end if hop.target == OWNER), None)
    if signal is None or signal.unknown:
        return
    for index, edge in enumerate(program.edges):
        bound = edge.settings.get("pre_roll_ms")
        if bound is None or not is_number(bound.value) or not _carries_final_text_into_a_turn(edge, index, program):
            continue
        arrival = _arrival(edge, graph, turn)
        if arrival is None or arrival.p50_ms is None:
            continue
        early = signal.p50_ms - arrival.p50_ms
        if early > bound.value:
            _report(edge, early, bound, arrival, tuple(part.subject for part in signal.parts), sink)


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


def _report(
    edge: Edge, early: int, bound: Setting, arrival: Way, signal: tuple[str, ...], sink: DiagnosticSink
) -> None:
    slowest_part = max(arrival.parts_p50, key=lambda part: part.figure.least_p50_ms)
    places = [(written_at(bound), f"at most {milliseconds(bound.value)}")]
    took = milliseconds(slowest_part.figure.least_p50_ms)
    places.append((slowest_part.figure.place, f"`{slowest_part.subject}` takes {took}"))
    related = tuple(Related(at=place.span(), text=text) for place, text in places if place is not None)
    sink.report(
        LostWords(
            at=edge.source.place.span(),
            subject=edge.id,
            early=milliseconds(early),
            waits=milliseconds(bound.value),
            enough=-(-early // _ROUNDED_TO_MS) * _ROUNDED_TO_MS,
            signal=signal,
            related=related,
        )
    )
