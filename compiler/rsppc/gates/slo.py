"""Hold the turns of baselines against gates.

A figure is computed from the moments of the turns, never taken from a summary. A turn without one of its moments fails
the gate, however good the others are, and a gate over which no turn counts was not run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rsppc.base.record import Record
from rsppc.contracts.figures import percentile
from rsppc.evidence.envelope import Checked, Status
from rsppc.gates.baselines import Baseline
from rsppc.gates.formulas import FORMULAS, Formula, Turn, misses

_NAMED_MAX = 5
_MILLI = {"p50_ms": 500, "p95_ms": 950}


class Verdict(Record):
    """What became of one gate."""

    gate: str
    status: Status
    message: str
    figures: dict[str, Any]

    def checked(self) -> Checked:
        return Checked(check="slo_gates", subject=self.gate, status=self.status, message=self.message)


def verdicts(gates: Iterable[Mapping[str, Any]], baselines: Sequence[Baseline]) -> list[Verdict]:
    """The verdict on each gate of a sound manifest, in its order."""
    turns = [(f"{one.scenario}/{turn['turn_id']}", turn) for one in baselines for turn in one.turns]
    return [verdict(gate, turns) for gate in gates]


def verdict(gate: Mapping[str, Any], turns: Sequence[tuple[str, Turn]]) -> Verdict:
    """What the turns, each with its name, say to one gate."""
    formula = FORMULAS[gate["formula"]]
    counted = [(name, turn) for name, turn in turns if formula.population(turn, gate["anchor_to"])]
    if not counted:
        return _without_turns(gate, formula, any(turn["accepted"] for _, turn in turns))
    if formula.statistics == ("count",):
        figures = {"turns": len(counted), "count": sum(turn["stale_accepted"] for _, turn in counted)}
    elif formula.holds is not None:
        holding = sum(formula.holds(turn) for _, turn in counted)
        figures = {"turns": len(counted), "holding": holding, "ratio_milli": 1000 * holding // len(counted)}
    else:
        return _of_times(gate, formula, counted)
    failing = () if formula.holds is None else [name for name, turn in counted if not formula.holds(turn)]
    return _judged(gate, figures, _named("turns where it does not hold", failing))


def durations(turns: Iterable[Turn]) -> dict[str, Any]:
    """The runtime's own figure, from a turn's opening to its terminal signal. It is reported, and is no gate."""
    values = [
        turn["anchors_us"]["terminal"] - turn["anchors_us"]["turn_open"]
        for turn in turns
        if turn["anchors_us"].keys() >= {"turn_open", "terminal"}
    ]
    return {"turns": len(values), "p50_us": percentile(values, 500), "p95_us": percentile(values, 950)}


def _without_turns(gate: Mapping[str, Any], formula: Formula, any_accepted: bool) -> Verdict:
    if any_accepted:
        message = f"no turn was {formula.spoken}; add a run in which one is"
        return Verdict(gate=gate["gate"], status="not_run", message=message, figures={"turns": 0})
    return Verdict(gate=gate["gate"], status="fail", message="no turn was accepted", figures={"turns": 0})


def _of_times(gate: Mapping[str, Any], formula: Formula, counted: Sequence[tuple[str, Turn]]) -> Verdict:
    first, last = gate["anchor_from"], gate["anchor_to"]
    lacking = [name for name, turn in counted if not turn["anchors_us"].keys() >= {first, last}]
    values = [
        turn["anchors_us"][last] - turn["anchors_us"][first]
        for _, turn in counted
        if turn["anchors_us"].keys() >= {first, last}
    ]
    figures: dict[str, Any] = {"turns": len(counted), "measured": len(values)}
    for statistic in formula.statistics:
        found = percentile(values, _MILLI[statistic])
        figures[statistic.replace("_ms", "_us")] = found
        figures[statistic] = None if found is None else -(-found // 1000)  # a started millisecond counts
    if lacking:
        missing = _named(f"turns without `{first}` or `{last}`", lacking)
        return Verdict(gate=gate["gate"], status="fail", message=missing, figures=figures)
    if min(values) < 0:
        backwards = f"there are turns in which `{last}` comes before `{first}`"
        return Verdict(gate=gate["gate"], status="fail", message=backwards, figures=figures)
    return _judged(gate, figures, "")


def _judged(gate: Mapping[str, Any], figures: dict[str, Any], detail: str) -> Verdict:
    """The figures against the limit; every statistic that misses it is named."""
    missed = [
        f"{statistic} is {figures[statistic]}, and the limit {limit}"
        for statistic, limit in sorted(gate["limit"].items())
        if misses(statistic, figures[statistic], limit)
    ]
    if missed:
        message = "; ".join([*missed, detail] if detail else missed)
        return Verdict(gate=gate["gate"], status="fail", message=message, figures=figures)
    said = ", ".join(
        f"{statistic} {figures[statistic]} of {limit}" for statistic, limit in sorted(gate["limit"].items())
    )
    message = f"{said} over {figures['turns']} turns"
    return Verdict(gate=gate["gate"], status="pass", message=message, figures=figures)


def _named(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    rest = f" and {len(names) - _NAMED_MAX} more" if len(names) > _NAMED_MAX else ""
    return f"{what}: {', '.join(names[:_NAMED_MAX])}{rest}"
