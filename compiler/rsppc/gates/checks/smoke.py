"""Whether the bundle plays calls to their end: calm ones, and such in which the caller interrupts."""

from __future__ import annotations

from rsppc.gates.context import Context
from rsppc.gates.engine import Check
from rsppc.gates.outcome import Outcome
from rsppc.gates.runs import played

SCENARIOS = ("calm", "barge_in")


def run(context: Context) -> Outcome:
    checks = []
    inputs: dict[str, str] = {}
    for scenario in SCENARIOS:
        checked, left, baseline = played(context, "smoke", scenario)
        checks.append(checked)
        inputs |= left
        if baseline is not None:
            context.baselines.append(baseline)
    return Outcome(checks=tuple(checks), inputs=inputs)


CHECK = Check(run=run)
