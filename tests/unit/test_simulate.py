"""Turns on a virtual clock: the same bytes for a seed, complete evidence, and what each scenario does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from click.exceptions import Exit
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import canonical
from rsppc.cli.main import cli
from rsppc.contracts.or02 import incomplete
from rsppc.model.contract_observability import FIELDS, WHEN_CANCELLED
from rsppc.simulate import SCENARIOS
from rsppc.simulate.baseline import percentile
from rsppc.simulate.chance import Chance
from rsppc.simulate.latency import Latency, latency_of, sample
from rsppc.simulate.turn import PRECEDENCE, Turn
from simulated import BUNDLES, ROOT, Ran, build_folder, bundle, with_buffers

# --- The same bytes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(scenario: str) -> None:
    first, second, other = (Ran(scenario=scenario, seed=seed) for seed in (3, 3, 4))
    assert first.outcome() == second.outcome()
    other.outcome()
    assert first.timeline() == second.timeline() != other.timeline()


def test_the_order_of_hashes_has_no_say() -> None:
    command = [sys.executable, "-m", "rsppc", "simulate", str(build_folder() / "voice_assistant_bundle" / "v1")]
    command += ["--turns", "3", "--scenario", "pressure", "--timeline", "/dev/stdout"]
    said = [
        subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1] and said[0].count(b"\n") > 50


def test_chance_depends_on_seed_and_name_alone() -> None:
    streams = [[Chance(seed, name).below(1000) for _ in range(3)] for seed, name in ((1, "a"), (1, "b"), (2, "a"))]
    assert len({tuple(one) for one in streams}) == 3
    drawn = Counter(Chance(1, str(number)).below(4) for number in range(4000))
    assert set(drawn) == {0, 1, 2, 3} and min(drawn.values()) > 900


# --- All bundles, all scenarios ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("scenario", SCENARIOS)
@pytest.mark.parametrize("name", BUNDLES)
def test_every_reference_bundle_runs_without_a_violation(name: str, scenario: str) -> None:
    ran = Ran(name, scenario=scenario, turns=6)
    outcome = ran.outcome()
    assert outcome.violation is None and not outcome.gave_up
    totals = outcome.baseline["totals"]
    assert totals["proposed"] == 6 and totals["sheds"]["ControlLane"] == 0
    assert totals["events_per_turn_min"] >= 200
    assert totals["or02_complete"] == totals["accepted"] == totals["one_terminal_and_close"] > 0
    records = [line["or02"] for line in ran.lines("evidence")]
    assert len(records) == totals["accepted"]
    for record in records:
        assert incomplete(record) == [] and set(FIELDS) <= record.keys()
        if record["terminal_reason"] == "cancel":
            assert set(WHEN_CANCELLED) <= record.keys()


@pytest.mark.parametrize("name", BUNDLES)
def test_calm_turns_are_committed_and_lose_nothing(name: str) -> None:
    totals = Ran(name, turns=10).totals()
    assert totals["committed"] == 10
    assert totals["sheds"] == {"ControlLane": 0, "DataLane": 0, "TelemetryLane": 0}


def test_a_session_takes_the_way_that_its_language_says() -> None:
    german, english = (Ran("multilingual_bundle/v1", language=language) for language in ("de", "en"))
    assert german.totals()["accepted"] == english.totals()["accepted"] == 4
    for ran, used, unused in ((german, "german", "english"), (english, "english", "german")):
        edges = ran.lines("totals")[-1]["edges"]
        assert edges[f"vad.speech->{used}/stt.audio"][0] > 0
        assert edges[f"vad.speech->{unused}/stt.audio"][0] == 0


# --- What each scenario does -----------------------------------------------------------------------------------------


def test_an_interruption_cancels_the_turn_and_fences_it_in_time() -> None:
    ran = Ran(scenario="barge_in")
    outcome = ran.outcome()
    assert outcome.baseline["totals"]["cancelled"] == 2 == len(ran.signals("barge_in"))
    assert outcome.baseline["percentiles"]["cancel_fence"]["p95_us"] <= 150_000
    reasons = [record["or02"]["terminal_reason"] for record in ran.lines("evidence")]
    assert reasons == ["cancel", "completed", "cancel", "completed"]


def test_a_greeting_is_not_interrupted() -> None:
    ran = Ran("voice_assistant_bundle/v1", scenario="barge_in")
    ran.run.caller.start()  # the graph is there, and `greeting` plays from the connection on
    ran.run.engine.clock.at(400_000, 0, lambda *_: setattr(ran.run.engine.clock, "stopped", True))
    ran.run.engine.clock.run()
    assert ran.run.arbiter._is_playing("greeting")


def test_an_outage_is_met_with_another_provider_or_the_fallback() -> None:
    ran = Ran("voice_assistant_bundle/v1", scenario="provider_outage", turns=16)
    totals = ran.totals()
    assert totals["committed"] == 16
    assert ran.signals("provider_error") and ran.signals("provider_switch") and ran.signals("fallback")
    used = {call["provider_id"] for line in ran.lines("evidence") for call in line["or02"]["provider_invocations"]}
    assert {"llm-anthropic", "llm-cohere"} <= used


def test_an_outage_without_an_alternative_ends_the_turn() -> None:
    ran = Ran("speech_to_speech_bundle/v1", scenario="provider_outage")
    ran.outcome()
    reasons = [record["or02"]["terminal_reason"] for record in ran.lines("evidence")]
    assert reasons[0] == reasons[3] == "completed"
    assert set(reasons[1:3]) <= {"error", "budget"}  # a provider that hangs may use up the budget first


def test_pressure_sheds_telemetry_and_data_and_degrades() -> None:
    ran = Ran("voice_assistant_bundle/v1", scenario="pressure", turns=8)
    totals = ran.totals()
    assert totals["sheds"]["ControlLane"] == 0
    assert totals["sheds"]["TelemetryLane"] > totals["sheds"]["DataLane"] > 0
    assert ran.signals("degrade") and ran.signals("drop_notice") and ran.signals("discontinuity")


def test_a_lost_connection_ends_its_turn_and_the_next_one_opens() -> None:
    ran = Ran(scenario="disconnect")
    ran.outcome()
    reasons = [record["or02"]["terminal_reason"] for record in ran.lines("evidence")]
    assert reasons == ["completed", "disconnect", "completed", "completed"]
    assert ran.signals("disconnected") and len(ran.signals("connected")) > 1


def test_a_rotation_drains_the_turn_and_refuses_one_that_is_opening() -> None:
    ran = Ran(scenario="lease_rotation", turns=6)
    outcome = ran.outcome()
    outcomes = [(turn["outcome"], turn["reason"]) for turn in outcome.baseline["turns"]]
    assert outcomes[:3] == [
        ("commit", "completed"),
        ("abort", "authority_loss"),
        ("stale_epoch_reject", "authority_epoch_mismatch"),
    ]
    record = next(r["or02"] for r in ran.lines("evidence") if r["or02"]["terminal_reason"] == "authority_loss")
    assert record["lease_epoch_at_terminal"] == record["lease_epoch_at_turn_open"] + 1
    assert {one["reason"] for one in record["rejections"]} == {"stale_epoch"}
    totals = outcome.baseline["totals"]
    assert totals["stale_epoch_rejected"] > 0 == totals["stale_epoch_accepted"]


def test_in_a_storm_one_cancel_counts_and_a_stronger_reason_wins() -> None:
    ran = Ran(scenario="cancel_storm", turns=6)
    ran.outcome()
    reasons = [record["or02"]["terminal_reason"] for record in ran.lines("evidence")]
    assert reasons == ["cancel", "cancel", "authority_loss"] * 2
    assert len(ran.signals("cancel")) == 6


# --- Figures ---------------------------------------------------------------------------------------------------------


def test_of_several_reasons_the_first_in_the_order_counts() -> None:
    turn = Turn(0, 1, 0)
    for cause in reversed(PRECEDENCE):
        turn.causes.append(cause)
        assert turn.cause() == cause
    assert PRECEDENCE == ("authority_loss", "cancel", "budget", "error", "disconnect")


def test_a_percentile_is_the_nearest_rank() -> None:
    assert percentile([], 950) is None
    assert percentile([5], 950) == percentile([5], 500) == 5
    assert percentile([4, 1, 3, 2], 500) == 2
    assert percentile(list(range(1, 21)), 950) == 19
    assert percentile(list(range(1, 101)), 950) == 95


def test_samples_have_the_percentiles_that_they_are_made_of() -> None:
    chance = Chance(1, "latency")
    drawn = [sample(Latency(100_000, 200_000), chance) for _ in range(20_000)]
    p50, p95 = percentile(drawn, 500), percentile(drawn, 950)
    assert p50 is not None and abs(p50 - 100_000) < 2_000
    assert p95 is not None and abs(p95 - 200_000) < 4_000
    assert max(drawn) <= 300_000


def test_what_nobody_states_is_an_assumption() -> None:
    known = {"tts.audio": (197, None), "vad.activity": (33, 34)}
    assert latency_of(known, "vad.activity", kind=None) == Latency(33_000, 34_000, True)
    assert latency_of(known, "tts.audio", kind="tts") == Latency(197_000, 295_000, False)
    assert not latency_of(known, "llm.text", kind="llm").is_known
    assert latency_of({"turn": (401, 405)}, "turn", kind=None, waits_us=400_000) == Latency(1_000, 5_000, True)


def test_a_baseline_says_what_it_assumes() -> None:
    baseline = Ran().outcome().baseline
    assert "llm.text" in baseline["assumed_latencies"] and "vad.activity" not in baseline["assumed_latencies"]
    assert {"turn_open_proposed", "turn_open", "first_output_accepted", "terminal", "close"} <= baseline["turns"][0][
        "anchors_us"
    ].keys()


# --- Other plans -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["block", "merge", "latest_only", "drop_newest", "drop_oldest", "sample"])
def test_every_strategy_keeps_a_burst_within_the_bounds(strategy: str) -> None:
    edge_id = "mic.audio->vad.audio"
    loaded = with_buffers(bundle(), {edge_id: {"strategy": strategy, "max_queue_items": 6, "max_queue_ms": 150}})
    ran = Ran(loaded=loaded, scenario="pressure", turns=6)
    assert ran.outcome().violation is None
    offers, merges, sheds, peak = ran.lines("totals")[-1]["edges"][edge_id]
    assert offers > 0 and peak <= 6 and merges + sheds > 0


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_no_choice_of_bounds_breaks_an_invariant(data: st.DataObject) -> None:
    """Turns may fail under such plans; they never end in disorder, and no queue grows above what it may hold."""
    buffers = {}
    for edge_id, edge in bundle().spec["effective_edges"].items():
        items, queue_ms = data.draw(st.integers(1, 12)), data.draw(st.integers(20, 300))
        buffers[edge_id] = {
            "max_queue_items": items,
            "max_queue_ms": queue_ms,
            "max_queue_bytes": data.draw(st.integers(500, 20_000)),
            "watermarks": {"queue_items": {"high": max(1, items * 3 // 4), "low": items // 3}},
        }
        if edge["lane"] == "DataLane":
            buffers[edge_id]["strategy"] = data.draw(st.sampled_from(["block", "merge", "latest_only", "sample"]))
    scenario = data.draw(st.sampled_from(["pressure", "cancel_storm", "barge_in"]))
    outcome = Ran(loaded=with_buffers(bundle(), buffers), scenario=scenario, turns=2).outcome()
    assert outcome.violation is None, outcome.violation.sentence()


def test_a_turn_without_an_answer_ends_with_its_budget() -> None:
    ran = Ran("voice_assistant_bundle/v1", scenario="pressure", turns=24)
    ran.outcome()
    (first, *_) = [r["or02"] for r in ran.lines("evidence") if r["or02"]["terminal_reason"] == "budget"]
    assert first["terminal_outcome"] == "abort"
    assert {"budget_warning", "budget_exhausted"} <= {one["signal"] for one in ran.lines("signal")}


# --- The command -----------------------------------------------------------------------------------------------------


def simulated(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["simulate", *arguments], standalone_mode=False)


def code_of(done: Result) -> object:
    return done.exception.exit_code if isinstance(done.exception, Exit) else done.return_value


def test_the_command_writes_what_it_says(tmp_path: Path) -> None:
    timeline, baseline = tmp_path / "timeline.jsonl", tmp_path / "baseline.json"
    folder = str(build_folder() / "simple_bundle" / "v1")
    done = simulated(folder, "--turns", "2", "--timeline", str(timeline), "--baseline", str(baseline))
    assert code_of(done) == 0 and "turns       2 of 2 accepted" in done.stdout
    assert "events a second" in done.stderr and "a second" not in done.stdout
    figures = json.loads(baseline.read_bytes())
    assert baseline.read_bytes() == canonical(figures) + b"\n" and len(figures["turns"]) == 2
    lines = [json.loads(line) for line in timeline.read_text().splitlines()]
    assert [line["runtime_sequence"] for line in lines] == list(range(1, len(lines) + 1))
    assert [line["at_us"] for line in lines] == sorted(line["at_us"] for line in lines)


def test_a_bundle_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    missing = simulated(str(tmp_path))
    assert code_of(missing) == 3 and "the file is not there" in missing.stderr
    for path in (build_folder() / "simple_bundle" / "v1").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spec = tmp_path / "resolved_spec.json"
    spec.write_bytes(spec.read_bytes().replace(b"600", b"601"))
    changed = simulated(str(tmp_path))
    assert code_of(changed) == 3 and "digest" in changed.stderr


def test_a_snapshot_that_is_none_is_refused(tmp_path: Path) -> None:
    folder, snapshot = str(build_folder() / "simple_bundle" / "v1"), tmp_path / "snapshot.json"
    snapshot.write_text('{"lease": {"authority_epoch": -1}}')
    done = simulated(folder, "--snapshot", str(snapshot))
    assert code_of(done) == 1 and "is no ControlPlaneSnapshot" in done.stderr
    assert code_of(simulated(folder, "--snapshot", str(tmp_path / "none.json"))) == 2


def test_a_control_plane_that_admits_nobody_opens_no_turn(tmp_path: Path) -> None:
    text = (ROOT / "pipelines" / "rollouts" / "local_v1.yaml").read_text("utf-8")
    snapshot = tmp_path / "snapshot.yaml"
    snapshot.write_text(text.replace("outcome_kind: admit", "outcome_kind: reject"))
    done = simulated(str(build_folder() / "simple_bundle" / "v1"), "--snapshot", str(snapshot))
    assert code_of(done) == 0 and "0 of 10 accepted" in done.stdout
