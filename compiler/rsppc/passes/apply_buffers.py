"""Give every edge its bounds: what its author wrote, over the profile's defaults for its lane and kind of data.

Whether loss is safe follows from the type: of text that is only partial, metrics and debug output the next event
replaces the last; of everything else each piece counts.
"""

from __future__ import annotations

from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.program import Defaults, Edge, Program
from rsppc.ir.setting import Setting, override_all, place_of
from rsppc.ir.types import Values
from rsppc.passes.base import Pass, facts

BOUNDS = ("max_queue_items", "max_queue_ms", "max_queue_bytes", "max_latency_contribution_ms")
_NEEDED = ("strategy", *BOUNDS, "watermarks")
LOSSY = ("drop_newest", "drop_oldest", "sample", "latest_only")

_TELLING = (*LOSSY, "block")
"""Strategies that need a second look."""


class UnboundedEdge(Diagnostic):
    """A queue without a bound grows under pressure until calls stall. Every edge ends with bounds, watermarks and a
    strategy, and the compiler holds no default of its own."""

    code = "RSP5101"
    name = "unbounded-edge"
    headline = "edge `{subject}` lacks `{field}`: neither the edge nor `{profile}` states one"
    hint = "add `{field}` to the edge's `buffer`, or to `buffer_defaults.{frame}` of the profile"
    field: str
    profile: str
    frame: str


class LossyEdge(Diagnostic):
    """Losing a piece of audio or a final text changes what is heard. Where that is wanted, the edge must say so."""

    code = "RSP5102"
    name = "lossy-edge"
    headline = "`{strategy}` on edge `{subject}` would lose {what}"
    hint = "use `merge` or `block`, or add `lossy: true` if the loss is wanted"
    strategy: str
    what: str


class BlocksForever(Diagnostic):
    """A producer that waits without end turns one slow node into a silent call; blocking needs an end, after which the
    queue sheds."""

    code = "RSP5103"
    name = "blocks-without-end"
    headline = "edge `{subject}` blocks, and nothing says for how long at most"
    hint = "add `max_block_time_ms`"


class ControlNotBlocking(Diagnostic):
    """Signals are never dropped: a lost cancel would let a caller talk against a machine that does not stop."""

    code = "RSP5104"
    name = "control-can-be-lost"
    headline = "edge `{subject}` is on the ControlLane and cannot use `{strategy}`"
    hint = "remove `strategy`; the ControlLane blocks up to the cancel grace and then aborts the turn"
    strategy: str


class Watermarks(Diagnostic):
    """A queue counts as full above its high mark and as relaxed below its low one; the low mark must lie below."""

    code = "RSP5105"
    name = "watermarks-crossed"
    headline = "low watermark {low} of edge `{subject}` does not lie below the high one, {high}"
    hint = "let `high_milli` be greater than `low_milli`"
    low: int
    high: int


def run(program: Program, sink: DiagnosticSink) -> Program:
    defaults = program.defaults
    solution = program.solution
    flows = solution.edges if solution is not None else ()
    edges: list[Edge] = []
    unbounded: dict[tuple[str, str], list[Edge]] = {}
    queue_bytes = 0
    for index, edge in enumerate(program.edges):
        lane = program.lanes.get(edge.id, "DataLane")
        frame = lane if lane != "DataLane" else f"DataLane.{_class_of(edge, index, program)}"
        table = defaults.buffers.get(frame, {})
        buffer = override_all(edge.buffer, table)
        settings = override_all(edge.settings, defaults.edges)
        edges.append(replace(edge, buffer=buffer, settings=settings))
        if edge.buffer or not _is_complete(table, defaults):
            _check(edge, buffer, frame, sink)
            for field in _NEEDED:
                if field not in buffer or buffer[field].value is None:
                    unbounded.setdefault((frame, field), []).append(edge)
        bound = buffer.get("max_queue_bytes")
        queue_bytes += bound.value if bound is not None and isinstance(bound.value, int) else 0
    _report_unbounded(unbounded, program, sink)
    assert len(flows) >= len(edges) or solution is None
    proofs = replace(program.proofs, queue_bytes=queue_bytes) if program.proofs is not None else None
    return replace(program, edges=tuple(edges), proofs=proofs)


def _class_of(edge: Edge, index: int, program: Program) -> str:
    """`replaceable` where the next event replaces the last, else `additive`."""
    solution = program.solution
    if solution is None:
        return "additive"
    types = solution.types.get(edge.source.node, {})
    port_type = types.get(edge.source.port or "")
    if port_type is None:
        return "additive"
    kind = port_type.alternatives[0].kind
    if kind in ("metrics", "debug"):
        return "replaceable"
    passes = solution.edges[index].passes
    only_partial = kind == "text" and isinstance(passes, Values) and passes.values == ("partial",)
    return "replaceable" if only_partial else "additive"


def _is_complete(table: dict[str, Setting], defaults: Defaults) -> bool:
    """Whether a profile's table of bounds stands by itself, so that edges without own values need no check."""
    strategy = table.get("strategy")
    needs_end = strategy is not None and strategy.value == "block"
    return (
        strategy is not None
        and "watermarks" in table
        and all(field in table for field in BOUNDS)
        and not (needs_end and "max_block_time_ms" not in table)
        and _marks_are_sound(table["watermarks"])
    )


def _marks_are_sound(setting: Setting) -> bool:
    marks = setting.value
    return isinstance(marks, dict) and marks.get("high_milli", 0) > marks.get("low_milli", 0)


def _report_unbounded(found: dict[tuple[str, str], list[Edge]], program: Program, sink: DiagnosticSink) -> None:
    """Report what a profile leaves open: at the first edge that lacks it, since the cause is one."""
    for (frame, field), edges in found.items():
        first, *others = edges
        notes = (f"so do {len(others)} more edges",) if len(others) > 1 else ()
        if len(others) == 1:
            notes = (f"so does edge `{others[0].id}`",)
        sink.report(
            UnboundedEdge(
                at=first.source.place.span(),
                subject=first.id,
                field=field,
                profile=program.defaults.ref,
                frame=frame,
                notes=notes,
            )
        )


def _check(edge: Edge, buffer: dict[str, Setting], frame: str, sink: DiagnosticSink) -> None:
    strategy = buffer.get("strategy")
    if strategy is not None:
        _check_strategy(edge, strategy, buffer, frame, sink)
    marks = buffer.get("watermarks")
    if marks is not None and isinstance(marks.value, dict) and not _marks_are_sound(marks):
        high, low = marks.value.get("high_milli", 0), marks.value.get("low_milli", 0)
        sink.report(Watermarks(at=place_of(marks), subject=edge.id, high=high, low=low))


def _check_strategy(
    edge: Edge, strategy: Setting, buffer: dict[str, Setting], frame: str, sink: DiagnosticSink
) -> None:
    name = strategy.value
    if name not in _TELLING and frame != "ControlLane":
        return
    at = place_of(strategy)
    if frame == "ControlLane" and name != "block":
        sink.report(ControlNotBlocking(at=at, subject=edge.id, strategy=name))
    if name == "block" and (buffer.get("max_block_time_ms") is None or buffer["max_block_time_ms"].value is None):
        sink.report(BlocksForever(at=at, subject=edge.id))
    lossy = buffer.get("lossy")
    if frame == "DataLane.additive" and name in LOSSY and not (lossy is not None and lossy.value):
        edge_at = edge.source.place.span()
        same_line = at.location()[:2] == edge_at.location()[:2]
        related = () if same_line else (Related(at=edge_at, text="the edge"),)
        what = "data of which every piece counts"
        sink.report(LossyEdge(at=at, subject=edge.id, strategy=name, what=what, related=related))


PASS = Pass(
    name="apply_buffers",
    run=run,
    needs=facts("lanes known", "types known", "settings decided"),
    gives=facts("edges bounded"),
)
