"""Golden runs: `golden/simulate/<scenario>/` holds what to run and, byte for byte, its timeline and baseline."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rsppc.base.canonical_json import readable
from simulated import Ran

CASES = Path(__file__).parents[2] / "golden" / "simulate"
NAMES = sorted(path.name for path in CASES.iterdir() if path.is_dir())
SIZE_MAX = 60_000


@pytest.mark.parametrize("name", NAMES)
def test_a_run_gives_the_timeline_and_the_baseline_that_are_expected(name: str, request: pytest.FixtureRequest) -> None:
    case = CASES / name
    asked = json.loads((case / "run.json").read_text("utf-8"))
    ran = Ran(asked["bundle"], turns=asked["turns"], seed=asked["seed"], scenario=asked["scenario"])
    outcome = ran.outcome()
    given = {"timeline.jsonl": ran.timeline(), "baseline.json": readable(outcome.baseline)}
    assert outcome.violation is None and sum(map(len, given.values())) < SIZE_MAX
    if request.config.getoption("--update-golden"):
        (case / "expected").mkdir(exist_ok=True)
        for file, content in given.items():
            (case / "expected" / file).write_bytes(content)
    for file, content in given.items():
        advice = f"if this is what you mean, `pytest tests/unit/test_simulate_golden.py -k {name} --update-golden`"
        assert content == (case / "expected" / file).read_bytes(), advice


def test_the_scenarios_that_are_easiest_to_get_wrong_are_there() -> None:
    assert {"barge_in", "provider_outage", "lease_rotation"} <= set(NAMES)
