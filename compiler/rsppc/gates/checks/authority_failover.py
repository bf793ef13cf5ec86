"""Whether the bundle survives that its authority goes to another runtime in the middle of a call.

Turns under the earlier epoch end, and nothing of them is output any more. A run in which no lease changed proves
nothing of the kind.
"""

from __future__ import annotations

from rsppc.evidence.envelope import Checked
from rsppc.gates.baselines import Baseline
from rsppc.gates.context import Context
from rsppc.gates.engine import Check
from rsppc.gates.outcome import Outcome
from rsppc.gates.runs import played

SCENARIO = "lease_rotation"


def run(context: Context) -> Outcome:
    checked, inputs, baseline = played(context, "authority_failover", SCENARIO)
    if baseline is not None:
        context.baselines.append(baseline)
        checked = _judged(baseline)
    return Outcome(checks=(checked,), inputs=inputs)


def _judged(baseline: Baseline) -> Checked:
    lost = sum(turn["reason"] in ("authority_loss", "authority_epoch_mismatch") for turn in baseline.turns)
    rejected = sum(turn["stale_rejected"] for turn in baseline.turns)
    accepted = sum(turn["stale_accepted"] for turn in baseline.turns)
    if accepted:
        message = f"{accepted} events were output under an epoch that was no longer in force"
        return Checked(check="authority_failover", subject=SCENARIO, status="fail", message=message)
    if not lost:
        message = "no turn lost its authority; play more turns"
        return Checked(check="authority_failover", subject=SCENARIO, status="not_run", message=message)
    message = f"{lost} turns lost their authority, {rejected} events of them were rejected, none was output"
    return Checked(check="authority_failover", subject=SCENARIO, status="pass", message=message)


CHECK = Check(run=run)
