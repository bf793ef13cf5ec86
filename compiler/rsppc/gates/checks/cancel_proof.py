"""Whether the compiler proves that an interrupted voice falls silent in time."""

from __future__ import annotations

from rsppc.evidence.envelope import Checked, Status
from rsppc.gates.context import Context
from rsppc.gates.engine import Check
from rsppc.gates.formulas import DEMANDS
from rsppc.gates.outcome import Outcome
from rsppc.gates.proofs import proved_program

LIMIT_MS = DEMANDS["cancel_fence"].limit["p95_ms"]


def run(context: Context) -> Outcome:
    program = proved_program(context, "cancel_proof")
    if isinstance(program, Outcome):
        return program
    found = program.proofs.cancel_ms if program.proofs is not None else None
    subject = "cancel_fence"
    if found is None:
        message = "unproved: nothing can be interrupted, or a node does not say how it stops"
        checked = Checked(check="cancel_proof", subject=subject, status="not_run", message=message)
    else:
        message = f"p95_ms {found} of {LIMIT_MS}"
        status: Status = "pass" if found <= LIMIT_MS else "fail"
        checked = Checked(check="cancel_proof", subject=subject, status=status, message=message)
    return Outcome(checks=(checked,), inputs={"bundle": context.release.bundle_digest})


CHECK = Check(run=run)
