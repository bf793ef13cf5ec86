"""`rsppc replay`: what its commands print, their exit codes, and the evidence that they leave.

R-001-08, R-001-39, R-001-80, R-002-34, R-002-61, F-071, F-072, F-127, F-151, F-152.
"""

from __future__ import annotations

import contextlib
import gc
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from recorded import changed, lines_of, recorded, written
from rsppc.base.digest import digest_bytes
from rsppc.cli.main import cli
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.reading import Wanted, read_evidence
from rsppc.replay.manifest import parse_fixture, parse_turn_ref
from rsppc.simulate import SCENARIOS
from rsppc.syntax.reader import read
from simulated import ROOT, build_folder

NOW = "2026-01-01T00:00:00Z"
BASELINE = "or02_baseline/v1"


def replay(folder: Path, *arguments: str) -> Result:
    with contextlib.chdir(folder):
        done = CliRunner().invoke(cli, ["replay", *arguments], standalone_mode=False)
    gc.enable()
    return done


def code(done: Result) -> Any:
    exit_ = getattr(done.exception, "exit_code", None)
    return done.return_value if exit_ is None else exit_


def bundle(name: str = "simple_bundle/v1") -> str:
    return str(build_folder() / name)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with recordings, outside of any workspace."""
    for name in ("calm", "barge_in", "lease_rotation"):
        (tmp_path / f"{name}.jsonl").write_bytes(recorded(name))
    (tmp_path / "cut.jsonl").write_bytes(recorded("calm")[:-40])
    return tmp_path


def test_check_reports_and_counts(here: Path) -> None:
    done = replay(here, "check", "calm.jsonl", "barge_in.jsonl")
    assert code(done) == 0 and "3 of 3 accepted turns have complete evidence" in done.output
    done = replay(here, "check", "calm.jsonl", "cut.jsonl", "--format", "json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert code(done) == 1 and [one["name"] for one in found] == ["cut-recording"]
    assert found[0]["primary"]["file"] == "cut.jsonl"
    assert found[0]["primary"]["start"][0] == recorded("calm").count(b"\n")


def test_programs_get_json_and_nothing_else(here: Path) -> None:
    for arguments in (("compare", "calm.jsonl", "cut.jsonl"), ("step", "cut.jsonl")):
        done = replay(here, *arguments, "--format", "json")
        said = [json.loads(line) for line in done.stdout.splitlines()]
        assert code(done) == 1 and any(one.get("name") == "cut-recording" for one in said)


def test_a_manifest_of_other_turns_is_noticed(here: Path) -> None:
    done = replay(here, "check", "calm.jsonl", "--manifest", BASELINE)
    assert code(done) == 0 and "warning[RSP9242 other-bundle]" in done.output
    assert code(replay(here, "check", "calm.jsonl", "--manifest", BASELINE, "--strict")) == 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("check", "nowhere.jsonl"), 2),
        (("check", "."), 2),
        (("check", "calm.jsonl", "--manifest", "nowhere/v1"), 2),
        (("check", "calm.jsonl", "--manifest", "no reference"), 2),
        (("compare", "calm.jsonl", "barge_in.jsonl"), 1),
        (("compare", "calm.jsonl", "cut.jsonl"), 1),
        (("compare", "calm.jsonl", "calm.jsonl", "--expected", "calm.jsonl"), 1),
        (("compare", "calm.jsonl", "calm.jsonl", "--expected", "nowhere.yaml"), 2),
        (("step", "calm.jsonl", "--from", "turn-99"), 2),
        (("step", "calm.jsonl", "--from", "turn-1", "--resume", "x"), 2),
        (("step", "calm.jsonl", "--resume", "rc1.3.0"), 2),
        (("report", BASELINE), 2),
        (("report", BASELINE, "--bundle", "nowhere/v1"), 2),
        (("report", BASELINE, "--bundle", bundle(), "--mode", "playback_recorded_provider_outputs"), 2),
    ],
)
def test_wrong_use_and_findings_have_their_exit_codes(here: Path, arguments: tuple[str, ...], expected: int) -> None:
    assert code(replay(here, *arguments)) == expected


# --- Stepping --------------------------------------------------------------------------------------------------------


def stepped(folder: Path, file: str, steps: int) -> list[str]:
    """All events, some at a time."""
    told: list[str] = []
    more: tuple[str, ...] = ()
    while True:
        done = replay(folder, "step", file, "--steps", str(steps), *more)
        *events, token = done.stdout.splitlines()
        told += events
        if not events:
            return told
        more = ("--resume", token.split()[-1])


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_stepping_meets_the_same_events_as_running_through(here: Path, steps: int) -> None:
    *whole, _ = replay(here, "step", "barge_in.jsonl").stdout.splitlines()
    assert stepped(here, "barge_in.jsonl", steps) == whole and len(whole) == recorded().count(b"\n") - 1


def test_a_token_of_another_recording_or_a_changed_one_is_refused(here: Path) -> None:
    token = replay(here, "step", "calm.jsonl", "--steps", "3").stdout.split()[-1]
    assert code(replay(here, "step", "calm.jsonl", "--resume", token)) == 0
    assert code(replay(here, "step", "barge_in.jsonl", "--resume", token)) == 2
    forged = token.replace("rc1.3.", "rc1.4.")
    assert code(replay(here, "step", "calm.jsonl", "--resume", forged)) == 2
    (here / "calm.jsonl").write_bytes(changed(lines_of(recorded("calm")), 0, ("seed",), 8))
    assert code(replay(here, "step", "calm.jsonl", "--resume", token)) == 2


def test_a_walk_begins_at_a_turn_or_at_a_sequence(here: Path) -> None:
    first = replay(here, "step", "calm.jsonl", "--from", "turn-2", "--steps", "1").stdout.split()
    assert first[3] == "turn-2"
    events = replay(here, "step", "calm.jsonl", "--from", first[2], "--format", "json").stdout.splitlines()
    assert json.loads(events[0])["runtime_sequence"] == int(first[2]) and "resume" in json.loads(events[-1])


# --- Reports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["replay_decisions", "recompute_decisions", "re_simulate_nodes"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_replays_in_every_mode_as_it_was_recorded(tmp_path: Path, scenario: str, mode: str) -> None:
    """F-151: each report is tagged with its mode."""
    (tmp_path / "r.jsonl").write_bytes(recorded(scenario, 4))
    options = ("--bundle", bundle(), "--recording", "r.jsonl", "--mode", mode, "--evidence", "e.json", "--now", NOW)
    done = replay(tmp_path, "report", BASELINE, *options)
    assert code(done) == 0, done.output
    sink = DiagnosticSink()
    evidence = read_evidence("e.json", (tmp_path / "e.json").read_bytes(), Wanted(evidence="replay_regression"), sink)
    assert evidence is not None and sink.sorted() == ()
    assert evidence.figures["mode"] == mode and evidence.figures["failing_count"] == 0
    assert dict(evidence.inputs)["recording:r.jsonl"] == digest_bytes(recorded(scenario, 4))
    assert {one.check for one in evidence.checks} >= {"fixture", "completeness"}


def test_a_session_replays_on_a_new_spec_and_its_differences_are_judged(tmp_path: Path) -> None:
    """F-072: an old session, another bundle; what the change brings about was expected."""
    (tmp_path / "r.jsonl").write_bytes(recorded("calm"))
    options = ("report", BASELINE, "--bundle", bundle("telephony_bundle/v1"), "--recording", "r.jsonl")
    for mode in ("recompute_decisions", "re_simulate_nodes"):
        done = replay(tmp_path, *options, "--mode", mode)
        assert code(done) == 1 and "PLAN of turn-1: plan_hash" in done.output
    expected = 'schema_version: rspp.replay.expectations.v1\nexpected: [{turn: "*", class: PLAN}]\n'
    (tmp_path / "e.yaml").write_text(expected)
    done = replay(tmp_path, *options, "--mode", "recompute_decisions", "--expected", "e.yaml", "--format", "json")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["verdict"] for one in said[:-1] if one["class"] == "PLAN"} == {"expected"}
    assert all(one["mode"] == "recompute_decisions" for one in said)


def test_decisions_of_another_bundle_prove_nothing(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_bytes(recorded("calm"))
    options = ("--bundle", bundle("telephony_bundle/v1"), "--recording", "r.jsonl", "--mode", "replay_decisions")
    done = replay(tmp_path, "report", BASELINE, *options, "--evidence", "e.json", "--now", NOW)
    assert code(done) == 1 and "its decisions were made by another bundle" in done.output
    assert json.loads((tmp_path / "e.json").read_bytes())["figures"]["failing_count"] > 0


def test_no_recording_is_no_pass(tmp_path: Path) -> None:
    """R-002-35: without evidence there is no completeness of one hundred percent."""
    done = replay(tmp_path, "report", BASELINE, "--bundle", bundle(), "--evidence", "e.json", "--now", NOW)
    evidence = json.loads((tmp_path / "e.json").read_bytes())
    assert code(done) == 1 and evidence["status"] == "not_run"
    assert {one["status"] for one in evidence["checks"]} == {"not_run"}


@pytest.mark.parametrize("name", ["cut", "changed"])
def test_a_recording_that_is_not_sound_fails_in_every_mode(here: Path, name: str) -> None:
    lines = lines_of(recorded("calm"))
    number = next(index for index, line in enumerate(lines) if line["line"] == "evidence")
    (here / "changed.jsonl").write_bytes(changed(lines, number, ("or02", "terminal_reason"), "cancel"))
    for mode in ("replay_decisions", "recompute_decisions", "re_simulate_nodes"):
        options = ("--bundle", bundle(), "--recording", f"{name}.jsonl", "--mode", mode)
        assert code(replay(here, "report", BASELINE, *options)) == 1


def test_a_failover_is_proved_and_the_gate_asks_for_the_proof(here: Path) -> None:
    """R-002-61: the failover of the authority is linked to the gate that allows no stale output."""
    options = ("--bundle", bundle(), "--recording", "lease_rotation.jsonl", "--evidence", "e.json", "--now", NOW)
    assert code(replay(here, "report", BASELINE, *options)) == 0
    evidence = json.loads((here / "e.json").read_bytes())
    proof = next(one for one in evidence["checks"] if one["check"] == "authority_failover")
    assert proof["status"] == "pass" and evidence["figures"]["authority_failovers"] == 1
    path = ROOT / "pipelines/tests/mvp_gates_manifest_v1.yaml"
    document = read(path.name, path.read_bytes(), DiagnosticSink())
    assert document is not None and document.root is not None
    gates = {one["gate"]: one for one in document.root["gates"]}
    assert "authority_failover" in gates["stale_authority"]["checks"]
    assert "replay_regression" in gates["evidence_completeness"]["checks"]


def test_the_same_time_gives_the_same_evidence(here: Path) -> None:
    made = []
    for name in ("one.json", "two.json"):
        options = ("--bundle", bundle(), "--recording", "calm.jsonl", "--evidence", name, "--now", NOW)
        replay(here, "report", BASELINE, *options)
        made.append((here / name).read_bytes())
    assert made[0] == made[1]


def test_fixtures_lie_in_the_workspace_and_may_be_pinned(tmp_path: Path) -> None:
    """R-001-80: a replay artifact states evidence that is enforced."""
    baseline = (ROOT / "pipelines/replay/or02_baseline_v1.yaml").read_text("utf-8")
    digest = digest_bytes(recorded("calm"))
    text = baseline.replace("or02_baseline", "mine").replace("voice_assistant_bundle", "simple_bundle")
    path = tmp_path / "pipelines/replay/mine_v1.yaml"
    (tmp_path / "pipelines/assets/replay").mkdir(parents=True)
    path.parent.mkdir()
    (tmp_path / "pipelines/assets/replay/calm.jsonl").write_bytes(recorded("calm"))
    path.write_text(f"{text}fixtures: [replay/calm.jsonl@{digest}]\n", "utf-8")
    assert code(replay(tmp_path, "report", "mine/v1", "--bundle", bundle())) == 0
    (tmp_path / "pipelines/assets/replay/calm.jsonl").write_bytes(recorded("barge_in"))
    done = replay(tmp_path, "report", "mine/v1", "--bundle", bundle())
    assert code(done) == 1 and "fixture-differs" in done.output


def test_retention_says_what_is_past_and_deletes_nothing(here: Path) -> None:
    for now, expected in (("2026-01-30T00:00:00Z", 0), ("2026-01-31T00:00:00Z", 1)):
        assert code(replay(here, "retention", "calm.jsonl", "--now", now)) == expected
    far = written([{**lines_of(recorded("calm"))[0], "start_ms": 2**63 - 1}])
    (here / "far.jsonl").write_bytes(far)
    assert code(replay(here, "retention", "far.jsonl", "cut.jsonl", "--now", NOW)) == 0
    (here / "none.jsonl").write_bytes(b"")
    assert code(replay(here, "retention", "none.jsonl", "--now", NOW)) == 1
    assert (here / "calm.jsonl").exists()


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("bundle:demo_bundle/v1", True),
        ("bundle:demo_bundle/v1@sha256:" + "0" * 64, True),
        ("turn:sess-1/turn-1", True),
        ("plan:rtp-" + "0" * 64, True),
        *((text, False) for text in ("", "bundle:demo_bundle", "profile:simple/v1", "turn:a", "turn:a/b/c", "plan:x")),
    ],
)
def test_a_turn_ref_has_three_forms(text: str, is_one: bool) -> None:
    assert (parse_turn_ref(text) is not None) == is_one


@pytest.mark.parametrize("text", ["/a", "../a", "a/../b", "a//b", "a\\b", "", "a@x", "a@sha256:0"])
def test_a_fixture_stays_below_its_folder(text: str) -> None:
    assert parse_fixture(text) is None
