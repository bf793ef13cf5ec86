"""Whether the figures of the turns stay within their limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rsppc.gates.baselines import Baseline
from rsppc.gates.context import Context
from rsppc.gates.engine import Check
from rsppc.gates.formulas import Turn
from rsppc.gates.outcome import Outcome
from rsppc.gates.slo import durations, verdicts


def run(context: Context) -> Outcome:
    return judged(context.gates, context.gate_manifest_digest, context.baselines)


def judged(gates: Iterable[Mapping[str, Any]], manifest_digest: str, baselines: Sequence[Baseline]) -> Outcome:
    """The figures of some runs against the gates of a manifest."""
    found = verdicts(gates, baselines)
    inputs = {"gate_manifest": manifest_digest}
    inputs |= {f"baseline.{index}.{one.scenario}": one.digest for index, one in enumerate(baselines)}
    turns: list[Turn] = [turn for one in baselines for turn in one.turns]
    return Outcome(
        checks=tuple(one.checked() for one in found),
        inputs=inputs,
        figures={
            **{one.gate: one.figures for one in found},
            "turn_duration": durations(turns),
            "assumed_latencies": sorted({name for one in baselines for name in one.assumed}),
        },
    )


CHECK = Check(run=run)
