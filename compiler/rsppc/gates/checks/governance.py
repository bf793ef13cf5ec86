"""Whether versions go together, nothing that has gone away is used, and the runtime passed its conformance."""

from __future__ import annotations

from rsppc.compat.inspection import inspect
from rsppc.gates.context import Context
from rsppc.gates.engine import Check
from rsppc.gates.outcome import Outcome


def run(context: Context) -> Outcome:
    inspected = inspect(context.artifacts, context.asked)
    return Outcome(checks=inspected.checks, inputs=context.asked_inputs, figures=inspected.figures)


CHECK = Check(run=run)
