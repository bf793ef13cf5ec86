"""Whether the compiler proves, before anything runs, that the answer comes in time."""

from __future__ import annotations

from rsppc.evidence.envelope import Checked
from rsppc.gates.context import Context
from rsppc.gates.engine import Check
from rsppc.gates.formulas import DEMANDS
from rsppc.gates.outcome import Outcome
from rsppc.gates.proofs import checked_path, proved_program

_PATHS = {"e2e": "end_to_end", "first_output": "first_output"}
"""Name of a path in the proofs → the gate whose figure it is."""


def run(context: Context) -> Outcome:
    program = proved_program(context, "latency_proof")
    if isinstance(program, Outcome):
        return program
    proofs = program.proofs
    paths = {path.name: path for path in proofs.paths} if proofs is not None else {}
    checks = []
    for name, gate in _PATHS.items():
        if name in paths:
            checks.append(checked_path("latency_proof", paths[name], DEMANDS[gate].limit))
        else:
            message = "the pipeline has no such path"
            checks.append(Checked(check="latency_proof", subject=name, status="not_run", message=message))
    return Outcome(checks=tuple(checks), inputs={"bundle": context.release.bundle_digest})


CHECK = Check(run=run)
