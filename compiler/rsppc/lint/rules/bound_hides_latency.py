"""A queue that may hold more time than the budget has left is a delay that no figure shows."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.setting import place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class BoundHidesLatency(LintFinding):
    """An edge counts with `max_latency_contribution_ms`, which somebody states; its queue holds what `max_queue_ms`
    allows. Where that is more than the budget has left, the proof and the call part ways as soon as something is slow:
    the queue fills up to its bound, and every answer after that comes later than was proved.

    GStreamer's `queue` is the well-known case: it blocks nobody until it holds a whole second, and a live pipeline is
    then a second late (https://gstreamer.freedesktop.org/documentation/coreelements/queue.html)."""

    code = "RSP9613"
    name = "bound-hides-latency"
    headline = (
        "edge `{subject}` counts {counted} ms and may hold {held} ms, {over} ms more than the path budget has left"
    )
    hint = "lower `max_queue_ms`, or count what it holds in `max_latency_contribution_ms`"
    counted: int
    held: int
    over: int


BAD = """
- {from: sentences.text, to: tts.text, buffer: {max_queue_ms: 2000}}
"""
GOOD = """
- {from: sentences.text, to: tts.text, buffer: {max_queue_ms: 100}}
"""


def check(view: View) -> Iterator[LintFinding]:
    proofs = view.program.proofs
    path = next((one for one in proofs.paths if one.name == "e2e"), None) if proofs is not None else None
    if path is None or path.p95_ms is None or path.budget_ms is None:
        return
    slack = path.budget_ms - path.p95_ms
    on_path = {step.subject for step in path.steps}
    for edge in view.bounded:
        contribution = edge.buffer.get("max_latency_contribution_ms")
        bound = edge.buffer["max_queue_ms"]
        if edge.id not in on_path or contribution is None or contribution.value is None:
            continue
        over = bound.value - contribution.value - slack
        if over > 0:
            yield BoundHidesLatency(
                at=place_of(bound),
                subject=edge.id,
                counted=contribution.value,
                held=bound.value,
                over=over,
                related=(Related(at=edge.source.place.span(), text=f"the path has {slack} ms left at p95"),),
            )


RULE = Rule(finding=BoundHidesLatency, check=check, bad=BAD, good=GOOD)
