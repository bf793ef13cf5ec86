"""Figures against gates: nearest rank, missing moments, empty populations.

R-001-11, R-001-69, R-002-33 to R-002-37.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rsppc.base.canonical_json import canonical, digest_value
from rsppc.contracts.figures import SPANS, percentile
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.envelope import Release
from rsppc.gates.baselines import Baseline, read_baseline
from rsppc.gates.formulas import DEMANDS, FORMULAS
from rsppc.gates.order import CHECKS
from rsppc.gates.slo import verdicts
from rsppc.model.baseline import BASELINE
from rsppc.model.json_schema import schema_of_shape
from rsppc.syntax.reader import read
from simulated import Ran

ROOT = Path(__file__).parents[2]
RELEASE = Release(bundle_ref="demo/v1", bundle_digest="sha256:" + "a" * 64)


def manifest() -> Any:
    path = ROOT / "pipelines/tests/mvp_gates_manifest_v1.yaml"
    document = read(path.name, path.read_bytes(), DiagnosticSink())
    assert document is not None and document.root is not None
    return document.root


def turn(index: int = 0, **changes: Any) -> dict[str, Any]:
    """A turn that passes every gate."""
    at = 10_000_000 * index
    anchors = {
        "audio_ingress_speech_end": at,
        "turn_open_proposed": at + 400_000,
        "turn_open": at + 450_000,
        "first_output_accepted": at + 1_000_000,
        "playback_started": at + 1_000_000,
        "terminal": at + 4_000_000,
        "close": at + 4_000_500,
    }
    return {
        "turn_id": f"turn-{index}",
        "accepted": True,
        "outcome": "commit",
        "reason": "completed",
        "anchors_us": anchors | changes.pop("anchors_us", {}),
        "terminals": ["commit", "close"],
        "events": 10,
        "outputs": 3,
        "stale_accepted": 0,
        "stale_rejected": 0,
        "or02_complete": True,
        **changes,
    }


def cancelled(index: int, fence_us: int = 100_000) -> dict[str, Any]:
    at = 10_000_000 * index + 2_000_000
    changed = turn(index, reason="cancel", outcome="abort", terminals=["abort", "close"])
    changed["anchors_us"] |= {"cancel_accepted": at, "cancel_fence_applied": at + fence_us}
    return changed


def run_of(*turns: dict[str, Any]) -> Baseline:
    return Baseline(path="b.json", release=RELEASE, scenario="calm", digest="", assumed=(), turns=turns)


def statuses(*turns: dict[str, Any]) -> dict[str, str]:
    return {one.gate: one.status for one in verdicts(manifest()["gates"], [run_of(*turns)])}


def without(one: dict[str, Any], anchor: str) -> dict[str, Any]:
    return {**one, "anchors_us": {key: value for key, value in one["anchors_us"].items() if key != anchor}}


def test_good_turns_pass_every_gate() -> None:
    assert set(statuses(*(turn(index) for index in range(20)), cancelled(20)).values()) == {"pass"}


def test_the_manifest_has_one_gate_for_each_formula_that_a_release_demands() -> None:
    """R-002-33, R-001-81: one to one, with the anchors that baselines have, and checks that exist."""
    gates = {gate["gate"]: gate for gate in manifest()["gates"]}
    assert gates.keys() == DEMANDS.keys()
    for name, gate in gates.items():
        demand = DEMANDS[name]
        assert (gate["feature"], gate["formula"], gate["limit"]) == (demand.feature, demand.formula, demand.limit)
        assert (gate["anchor_from"], gate["anchor_to"]) == (demand.anchor_from, demand.anchor_to)
        assert set(gate["checks"]) <= CHECKS.keys()
    assert {demand.formula for demand in DEMANDS.values()} == set(FORMULAS)
    assert {name: (DEMANDS[name].anchor_from, DEMANDS[name].anchor_to) for name in SPANS} == SPANS  # R-002-36


@pytest.mark.parametrize(
    ("gate", "bad"),
    {
        "turn_open": turn(9, anchors_us={"turn_open": 90_400_000 + 120_001}),
        "first_output": turn(9, anchors_us={"first_output_accepted": 90_450_000 + 1_500_001}),
        "cancel_fence": cancelled(9, fence_us=150_001),
        "stale_authority": turn(9, stale_accepted=1),
        "evidence_completeness": turn(9, or02_complete=False),
        "lifecycle": turn(9, terminals=["commit", "abort", "close"]),
        "end_to_end": turn(9, anchors_us={"playback_started": 90_000_000 + 2_000_001}),
    }.items(),
)
def test_one_turn_in_ten_beyond_the_limit_fails_its_gate_and_no_other(gate: str, bad: dict[str, Any]) -> None:
    """NF-024..029 and NF-038: at p95 of ten turns the slowest counts."""
    found = statuses(*(turn(index) for index in range(8)), cancelled(8) if gate != "cancel_fence" else turn(8), bad)
    assert found == {name: "fail" if name == gate else "pass" for name in found}


@pytest.mark.parametrize("terminals", [[], ["close"], ["commit"], ["close", "commit"], ["commit", "close", "close"]])
def test_a_turn_ends_once_and_then_it_is_closed(terminals: list[str]) -> None:
    assert statuses(turn(0, terminals=terminals))["lifecycle"] == "fail"


@pytest.mark.parametrize(
    ("gate", "anchor"),
    [
        ("turn_open", "turn_open_proposed"),
        ("first_output", "first_output_accepted"),
        ("end_to_end", "audio_ingress_speech_end"),
        ("end_to_end", "playback_started"),
        ("cancel_fence", "cancel_fence_applied"),
    ],
)
def test_a_missing_moment_is_a_violation_and_not_a_gap(gate: str, anchor: str) -> None:
    turns = [*(turn(index) for index in range(99)), without(cancelled(99), anchor) | {"reason": "completed"}]
    verdict = {one.gate: one for one in verdicts(manifest()["gates"], [run_of(*turns)])}[gate]
    assert verdict.status == "fail" and "turn-99" in verdict.message and anchor in verdict.message


def test_a_turn_that_was_cancelled_before_its_first_output_is_not_late_with_it() -> None:
    early = without(without(cancelled(1), "first_output_accepted"), "playback_started")
    assert set(statuses(turn(0), early).values()) == {"pass"}
    lost = without(
        without(turn(1, reason="authority_loss", outcome="abort", terminals=["abort", "close"]), "playback_started"),
        "first_output_accepted",
    )
    assert set(statuses(turn(0), cancelled(2), lost).values()) == {"pass"}
    failed = without(turn(1, reason="error", outcome="abort"), "first_output_accepted")
    assert statuses(turn(0), failed)["first_output"] == "fail"


def test_without_an_accepted_turn_every_gate_fails() -> None:
    refused = without(turn(0, accepted=False, outcome="reject", reason="full", terminals=[]), "turn_open")
    assert set(statuses().values()) == {"fail"} == set(statuses(refused).values())


def test_without_a_cancelled_turn_the_fence_was_not_measured() -> None:
    """Not run never counts as passed."""
    assert statuses(turn(0))["cancel_fence"] == "not_run"


def test_turns_of_several_runs_are_judged_together() -> None:
    runs = [run_of(turn(0)), run_of(cancelled(1))]
    assert {one.status for one in verdicts(manifest()["gates"], runs)} == {"pass"}


@given(st.lists(st.integers(min_value=0, max_value=10**7), min_size=1), st.integers(min_value=1, max_value=1000))
def test_a_percentile_is_the_smallest_value_that_enough_values_do_not_exceed(values: list[int], milli: int) -> None:
    found = percentile(values, milli)
    assert found in values
    assert sum(value <= found for value in values) * 1000 >= milli * len(values)
    smaller = [value for value in values if value < found]
    assert not smaller or sum(value <= max(smaller) for value in values) * 1000 < milli * len(values)


# --- Reading baselines ------------------------------------------------------------------------------------------------


def written() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(canonical(Ran(turns=3, scenario="barge_in").outcome().baseline))
    return value


def resealed(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "digest": digest_value({key: item for key, item in value.items() if key != "digest"})}


def problems(value: Any, release: Release | None = None) -> list[str]:
    sink = DiagnosticSink()
    data = value if isinstance(value, bytes) else canonical(value)
    taken = read_baseline("b.json", data, release, sink)
    assert (taken is None) == bool(sink.sorted())
    return [one.name for one in sink.sorted()]


@pytest.mark.parametrize("scenario", ["calm", "barge_in", "lease_rotation", "provider_outage", "disconnect"])
def test_what_the_simulator_writes_is_read(scenario: str) -> None:
    """R-002-51: on natively produced files."""
    value = Ran(turns=6, scenario=scenario).outcome().baseline
    assert problems(value) == []
    jsonschema.validate(json.loads(canonical(value)), schema_of_shape(BASELINE))


def test_a_baseline_that_was_changed_is_refused() -> None:
    value = written()
    value["turns"][0]["anchors_us"]["turn_open"] -= 1
    assert problems(value) == ["broken-seal"]


def test_a_baseline_of_another_bundle_is_refused() -> None:
    assert problems(written(), RELEASE) == ["other-release", "other-release"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("turns", 0, "anchors_us", "turn_open"), 0),
        (("turns", 0, "anchors_us", "close"), 1),
        (("turns", 0, "anchors_us", "cancel_fence_applied"), 1),
        (("turns", 0, "anchors_us", "first_output_accepted"), 9_000_000),
        (("turns", 0, "accepted"), False),
        (("turns", 0, "or02_complete"), False),
        (("turns", 0, "reason"), "completed"),
        (("turns", 0, "outcome"), "commit"),
        (("turns", 0, "stale_rejected"), 7),
        (("turns", 1, "turn_id"), "turn-1"),
        (("totals", "accepted"), 2),
        (("totals", "proposed"), 4),
        (("totals", "violations"), 1),
        (("percentiles", "turn_open", "p95_us"), 1),
        (("percentiles", "end_to_end", "count"), 1),
        (("percentiles", "cancel_fence", "p50_us"), None),
    ],
    ids=str,
)
def test_a_baseline_that_contradicts_itself_is_refused_even_under_a_new_seal(path: tuple[Any, ...], value: Any) -> None:
    changed = written()
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    assert holder[path[-1]] != value
    holder[path[-1]] = value
    assert set(problems(resealed(changed))) == {"contradictory-baseline"}


@pytest.mark.parametrize("key", sorted(field.name for field in BASELINE.fields))
def test_a_baseline_without_one_of_its_keys_is_refused(key: str) -> None:
    changed = written()
    del changed[key]
    assert problems(changed if key == "digest" else resealed(changed)) == ["missing-key"]


def test_a_cancelled_turn_without_the_moment_of_its_cancel_fails_the_fence() -> None:
    """NF-026: it is missing, and no reason to leave the turn out."""
    assert statuses(turn(), cancelled(1), without(cancelled(2), "cancel_accepted"))["cancel_fence"] == "fail"


def test_a_span_that_ends_before_it_begins_is_no_figure() -> None:
    gate = {**manifest()["gates"][0], "gate": "house", "anchor_from": "close", "anchor_to": "turn_open"}
    (found,) = verdicts([gate], [run_of(turn())])
    assert (found.status, found.message) == ("fail", "there are turns in which `turn_open` comes before `close`")
