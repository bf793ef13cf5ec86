"""Runs of the simulator that checks make, and the baselines and recordings that they leave."""

from __future__ import annotations

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import digest_bytes
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.envelope import Checked
from rsppc.gates.baselines import Baseline, read_baseline
from rsppc.gates.context import Context
from rsppc.simulate import simulate
from rsppc.turnplan import Session


def played(context: Context, name: str, scenario: str) -> tuple[Checked, dict[str, str], Baseline | None]:
    """Play a scenario: whether it came to its end, the digests of what it leaves, and its baseline."""
    lines: list[bytes] = []
    outcome = simulate(
        context.bundle,
        context.plane,
        turns=context.turns,
        seed=context.seed,
        scenario=scenario,
        session=Session(session_id=f"sim-{context.seed}", language=context.language),
        write=lines.append,
    )
    recording, data = b"".join(lines), canonical(outcome.baseline) + b"\n"
    context.files[f"recording.{scenario}.jsonl"] = recording
    context.files[f"baseline.{scenario}.json"] = data
    inputs = {f"recording.{scenario}": digest_bytes(recording), f"baseline.{scenario}": outcome.baseline["digest"]}
    if outcome.violation is not None:
        checked = Checked(check=name, subject=scenario, status="fail", message=outcome.violation.sentence())
        return checked, inputs, None
    baseline = read_baseline(f"baseline.{scenario}.json", data, context.release, DiagnosticSink())
    if outcome.gave_up or baseline is None or not any(turn["accepted"] for turn in baseline.turns):
        checked = Checked(check=name, subject=scenario, status="fail", message="no turn was accepted")
        return checked, inputs, None
    accepted = sum(turn["accepted"] for turn in baseline.turns)
    message = f"{accepted} of {len(baseline.turns)} turns accepted, no invariant broken"
    return Checked(check=name, subject=scenario, status="pass", message=message), inputs, baseline
