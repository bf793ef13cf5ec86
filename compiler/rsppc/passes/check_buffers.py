"""Whether the bounds of every edge are sound, in the base program and under every rule and layer that changes them.

Loss is safe where the next event replaces the last; blocking needs an end; signals are never dropped. Edges that say
nothing of their own share one table with their profile, which is judged once, at the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.program import Edge, Patch, Program
from rsppc.ir.setting import Setting, override, place_of
from rsppc.passes.base import Pass, facts

BOUNDS = ("max_queue_items", "max_queue_ms", "max_queue_bytes", "max_latency_contribution_ms")
_NEEDED = ("strategy", *BOUNDS, "watermarks")
LOSSY = ("drop_newest", "drop_oldest", "sample", "latest_only")


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
    headline = "low watermark {low} of {owner} does not lie below the high one, {high}"
    hint = "let the high mark be greater than the low one"
    owner: str
    low: int
    high: int


class BlocksTooLong(Diagnostic):
    """In a low-latency profile an edge may hold its producer up only as long as an edge may take at all."""

    code = "RSP5106"
    name = "blocks-too-long"
    headline = "edge `{subject}` may block for {written} ms, longer than the edge budget of {budget} ms"
    hint = "lower `max_block_time_ms`, or raise `budgets.edge_budget_ms`"
    written: int
    budget: int


def run(program: Program, sink: DiagnosticSink) -> Program:
    found = DiagnosticSink()
    _check_lanes(program, found)
    _check_edges(program, (), found)
    for name, patches in _conditional(program):
        patched = _patched(program, patches)
        if patched is not None:
            _check_edges(patched, (f"this happens with {name}",), found)
    for diagnostic in _one_for_each_cause(found):
        sink.report(diagnostic)
    return program


def _one_for_each_cause(found: DiagnosticSink) -> Iterator[Diagnostic]:
    """What one line of a profile, a layer or a rule does to many edges is one finding."""
    by_cause: dict[tuple[str, str, int], list[Diagnostic]] = {}
    for diagnostic in found.sorted():
        cause = (diagnostic.code, diagnostic.at.source.path, diagnostic.at.start)
        by_cause.setdefault(cause, []).append(diagnostic)
    for first, *others in by_cause.values():
        edges = len({diagnostic.subject for diagnostic in others} - {first.subject})
        note = (f"so on {edges} more edge{'s' if edges > 1 else ''}",) if edges else ()
        yield replace(first, notes=(*first.notes, *note))


def _check_lanes(program: Program, sink: DiagnosticSink) -> None:
    """The absolute fill levels of the lanes."""
    for lane, table in program.defaults.lanes.items():
        marks = table.get("watermarks")
        if marks is not None and isinstance(marks.value, dict) and marks.value.keys() >= {"high", "low"}:
            high, low = marks.value["high"], marks.value["low"]
            if high <= low:
                owner = f"the {lane}"
                sink.report(Watermarks(at=place_of(marks), subject=lane, owner=owner, high=high, low=low))


def _check_edges(program: Program, notes: tuple[str, ...], sink: DiagnosticSink) -> None:
    """Judge each table of bounds once; many edges have the very table of the profile."""
    first: dict[tuple[str, int], Edge] = {}
    followers: dict[tuple[str, int], list[Edge]] = {}
    for edge in program.edges:
        key = (program.frames.get(edge.id, "DataLane.additive"), id(edge.buffer))
        if key in first:
            followers.setdefault(key, []).append(edge)
        else:
            first[key] = edge
    unbounded: dict[tuple[str, str], list[Edge]] = {}
    for key, edge in first.items():
        frame, buffer = key[0], edge.buffer
        _check_strategy(edge, frame, program, notes, sink)
        marks = buffer.get("watermarks")
        if marks is not None and isinstance(marks.value, dict):
            high, low = marks.value.get("high_milli", 1), marks.value.get("low_milli", 0)
            if high <= low:
                owner = f"edge `{edge.id}`"
                sink.report(
                    Watermarks(at=place_of(marks), subject=edge.id, owner=owner, high=high, low=low, notes=notes)
                )
        for field in _NEEDED:
            if field not in buffer or buffer[field].value is None:
                unbounded.setdefault((frame, field), []).extend((edge, *followers.get(key, ())))
    if not notes:
        _report_unbounded(unbounded, program, sink)


def _check_strategy(edge: Edge, frame: str, program: Program, notes: tuple[str, ...], sink: DiagnosticSink) -> None:
    buffer = edge.buffer
    strategy = buffer.get("strategy")
    if strategy is None:
        return
    name = strategy.value
    if frame == "ControlLane" and name != "block":
        sink.report(ControlNotBlocking(at=place_of(strategy), subject=edge.id, strategy=name, notes=notes))
    blocking = strategy if name == "block" else _blocking_handling(buffer)
    if blocking is not None:
        _check_end(edge, blocking, frame, program, notes, sink)
    lossy = buffer.get("lossy")
    if frame == "DataLane.additive" and name in LOSSY and not (lossy is not None and lossy.value):
        at, edge_at = place_of(strategy), edge.source.place.span()
        same_line = at.location()[:2] == edge_at.location()[:2]
        related = () if same_line else (Related(at=edge_at, text="the edge"),)
        what = "data of which every piece counts"
        sink.report(LossyEdge(at=at, subject=edge.id, strategy=name, what=what, related=related, notes=notes))


def _blocking_handling(buffer: dict[str, Setting]) -> Setting | None:
    """The setting that lets data block at a full edge, whatever the strategy says."""
    handling = buffer.get("lane_handling")
    if handling is not None and isinstance(handling.value, dict) and handling.value.get("DataLane") == "block":
        return handling
    return None


def _check_end(
    edge: Edge, blocking: Setting, frame: str, program: Program, notes: tuple[str, ...], sink: DiagnosticSink
) -> None:
    end = edge.buffer.get("max_block_time_ms")
    if end is None or end.value is None:
        sink.report(BlocksForever(at=place_of(blocking), subject=edge.id, notes=notes))
        return
    budget = program.defaults.budgets.get("edge_budget_ms")
    if frame == "ControlLane" or budget is None or not program.defaults.low_latency.value:
        return
    if isinstance(end.value, int) and end.value > budget.value:
        at = place_of(end)
        sink.report(BlocksTooLong(at=at, subject=edge.id, written=end.value, budget=budget.value, notes=notes))


def _conditional(program: Program) -> Iterator[tuple[str, tuple[Patch, ...]]]:
    """Layers and rules that can change bounds when a turn opens."""
    for layer in program.layers:
        if layer.when is not None:
            yield f"layer `{layer.ref}`", layer.patches
    for policy in program.policies:
        for rule in policy.degrade_rules:
            yield f"rule `{rule.id}`", rule.patches


def _patched(program: Program, patches: tuple[Patch, ...]) -> Program | None:
    """The program with the edges whose bounds the patches change, and no others; None where they change none."""
    changed: dict[str, Edge] = {}
    for patch in patches:
        match patch.steps:
            case ("edges", edge_id, "buffer", field):
                reached = [edge for edge in program.edges if edge_id == edge.id or edge_id in edge.aliases]
            case ("buffers", *frame, field):
                table = program.defaults.buffers.get(".".join(frame), {})
                reached = [
                    edge
                    for edge in program.edges
                    if program.frames.get(edge.id) == ".".join(frame) and edge.buffer.get(field) is table.get(field)
                ]
            case _:
                continue
        for edge in reached:
            latest = changed.get(edge.id, edge)
            buffer = {**latest.buffer, field: override(patch.setting, latest.buffer.get(field))}
            changed[edge.id] = replace(latest, buffer=buffer)
    return replace(program, edges=tuple(changed.values())) if changed else None


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


PASS = Pass(name="check_buffers", run=run, needs=facts("edges bounded"), gives=facts("bounds sound"))
