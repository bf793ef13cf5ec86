"""`rsppc gate run`: one order, and nothing published that was not looked at (R-002-48, R-002-51, R-002-61)."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from released import BUNDLE_FOLDER, NOW, ready
from rsppc.gates.order import CHECKS
from rsppc.store.registry import opened
from workspaces import rsppc_here

CHAIN = (
    *("gate", "run", "mvp_gates_manifest/v1", "--bundle", BUNDLE_FOLDER, "--rollout", "line_canary/v1"),
    *("--replay", "line_replay/v1", "--runtime", "rspp_go/v1", "--control-plane", "v1.1", "--schema", "v1"),
    *("--conformance", "conformance.json", "--output", "evidence", "--store", "store", "--turns", "8", "--now", NOW),
)
SPEC = "pipelines/specs/line_v2.yaml"
PROVIDERS = "pipelines/extensions/house_providers_v1.yaml"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ready(), tmp_path / "w", symlinks=True))


def without(option: str) -> tuple[str, ...]:
    at = CHAIN.index(option)
    return CHAIN[:at] + CHAIN[at + 2 :]


def replaced(folder: Path, path: str, before: str, after: str) -> None:
    text = (folder / path).read_text()
    assert before in text
    (folder / path).write_text(text.replace(before, after))


def evidence(folder: Path, name: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "evidence" / f"{name}.json").read_bytes())
    return value


def refused(folder: Path, words: tuple[str, ...] = CHAIN) -> subprocess.CompletedProcess[bytes]:
    """A chain at whose end nothing is published, though every check left its evidence."""
    done = rsppc_here(folder, *words)
    assert done.returncode in (1, 3), done.stdout + done.stderr
    assert b"not published" in done.stdout and not (folder / "store").exists()
    assert {path.stem for path in (folder / "evidence").glob("*.json")} >= {*CHECKS, "gates"}
    assert not (folder / "evidence/release.json").exists()
    return done


def gates(folder: Path) -> dict[str, str]:
    return {one["subject"]: one["status"] for one in evidence(folder, "gates")["checks"]}


def test_what_passes_is_published_in_one_go_and_in_one_order(workspace: Path) -> None:
    """R-002-48: contracts, compatibility, proofs, replay, runs, figures; and then the release."""
    done = rsppc_here(workspace, *CHAIN)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    told = [line.split() for line in done.stdout.decode().splitlines()]
    assert [words[1] for words in told if words[:1] == ["pass"]][: len(CHECKS)] == list(CHECKS)
    assert set(gates(workspace).values()) == {"pass"} and len(gates(workspace)) == 7
    with opened(str(workspace / "store"), writable=False) as registry:
        (release,) = registry.packages(kind="release")
        kept = b"".join(registry.content(registry.file_at(release.package_id, "gates.json")))
    inputs = {one["name"] for one in evidence(workspace, "release")["inputs"]}
    assert inputs >= {*CHECKS, "gates", "rollout", "gate_manifest"}
    assert kept == (workspace / "evidence/gates.json").read_bytes()


def test_the_same_at_the_same_time_gives_the_same_bytes(workspace: Path, tmp_path: Path) -> None:
    """R-002-48: reproducible artifacts, wherever the chain runs."""
    other = Path(shutil.copytree(ready(), tmp_path / "somewhere/else", symlinks=True))
    made = []
    for folder in (workspace, other):
        assert rsppc_here(folder, *CHAIN).returncode == 0
        made.append({path.name: path.read_bytes() for path in sorted((folder / "evidence").iterdir())})
    assert made[0] == made[1] and "release.json" in made[0]


def test_what_was_released_before_does_not_lie_beside_a_chain_that_failed(workspace: Path) -> None:
    assert rsppc_here(workspace, *CHAIN).returncode == 0
    shutil.rmtree(workspace / "store")
    refused(workspace, without("--replay"))


def test_a_difference_that_was_expected_and_does_not_occur_fails_the_chain(workspace: Path) -> None:
    """R-002-48: what a change brings about is named, and then it has to come about."""
    (workspace / "expected.json").write_text(
        '{"schema_version": "rspp.replay.expectations.v1", "expected": [{"turn": "turn-1", "class": "TIMING"}]}'
    )
    refused(workspace, (*CHAIN, "--expected", "expected.json"))
    assert "did not occur" in json.dumps(evidence(workspace, "replay_regression"))


@pytest.mark.parametrize(
    ("option", "check", "closed"),
    [
        ("--replay", "replay_regression", {"evidence_completeness", "lifecycle"}),
        ("--conformance", "governance", set()),
    ],
)
def test_what_was_not_run_opens_no_gate(option: str, check: str, closed: set[str], workspace: Path) -> None:
    """Not run never counts as passed."""
    refused(workspace, without(option))
    assert evidence(workspace, check)["status"] == "not_run"
    assert {gate for gate, status in gates(workspace).items() if status != "pass"} == closed


def test_a_bundle_that_the_workspace_does_not_build_any_more_is_not_proved(workspace: Path) -> None:
    replaced(workspace, SPEC, "min_speech_ms: 250", "min_speech_ms: 260")
    done = refused(workspace)
    assert evidence(workspace, "latency_proof")["status"] == "not_run" and b"which is another bundle" in done.stdout
    assert {"first_output", "cancel_fence", "end_to_end"} <= {
        gate for gate, status in gates(workspace).items() if status != "pass"
    }


def test_a_latency_that_nobody_states_is_not_proved(workspace: Path) -> None:
    replaced(workspace, PROVIDERS, "modality: tts, latency: {p50_ms: 100, p95_ms: 150}", "modality: tts")
    for words in (("build", "line_bundle/v2"), ("pin", "line_canary/v1", "--accept")):
        rsppc_here(workspace, *words)
    refused(workspace)
    (first, *_) = evidence(workspace, "latency_proof")["checks"]
    assert first["status"] == "not_run" and "tts.audio" in first["message"]


def test_a_recording_of_another_build_fails_the_chain(workspace: Path) -> None:
    """R-002-61: what comes out otherwise than it was recorded is judged by the manifest."""
    recording = workspace / "pipelines/assets/replay/interrupted.jsonl"
    recording.write_bytes(recording.read_bytes().replace(b'"reason":"cancel"', b'"reason":"budget"'))
    refused(workspace)
    assert evidence(workspace, "replay_regression")["status"] == "fail"


def test_a_gate_that_is_stricter_than_the_figures_stays_closed(workspace: Path) -> None:
    path = Path(__file__).parents[2] / "pipelines/tests/mvp_gates_manifest_v1.yaml"
    text = path.read_text().replace("manifest_id: mvp_gates_manifest", "manifest_id: house_gates")
    strict = workspace / "pipelines/tests/house_gates_v1.yaml"
    strict.parent.mkdir()
    strict.write_text(text.replace("limit: {p95_ms: 120}", "limit: {p95_ms: 1}"))
    words = tuple(word if word != "mvp_gates_manifest/v1" else "house_gates/v1" for word in CHAIN)
    refused(workspace, words)
    assert {gate for gate, status in gates(workspace).items() if status != "pass"} == {"turn_open"}


def test_a_faulty_gate_manifest_is_refused_before_anything_runs(workspace: Path) -> None:
    """R-002-33"""
    path = Path(__file__).parents[2] / "golden/errors/looser-limit/input/pipelines/tests/house_gates_v1.yaml"
    (workspace / "pipelines/tests").mkdir()
    shutil.copy(path, workspace / "pipelines/tests")
    words = tuple(word if word != "mvp_gates_manifest/v1" else "house_gates/v1" for word in CHAIN)
    done = rsppc_here(workspace, *words)
    assert done.returncode == 1 and b"looser-limit" in done.stdout and not (workspace / "evidence").exists()


def test_objects_that_break_the_contracts_fail_the_chain(workspace: Path) -> None:
    """R-002-13: contracts that violate invariants are not promoted."""
    folder = workspace / "fixtures/turn_transition/valid"
    folder.mkdir(parents=True)
    (folder / "jump.json").write_text('{"from_state": "Idle", "trigger": "turn_open", "to_state": "Active"}')
    refused(workspace, (*CHAIN, "--fixtures", "fixtures"))
    assert evidence(workspace, "contracts")["status"] == "fail"


def test_a_gate_that_names_fewer_checks_than_are_demanded_is_refused(workspace: Path) -> None:
    """R-002-48: a manifest may be stricter than a release demands, and never looser."""
    shipped = Path(__file__).parents[2] / "pipelines/tests/mvp_gates_manifest_v1.yaml"
    weaker = shipped.read_text().replace("manifest_id: mvp_gates_manifest", "manifest_id: house_gates")
    weaker = weaker.replace("checks: [slo_gates, cancel_proof]", "checks: [contracts]")
    (workspace / "pipelines" / "house_gates_v1.yaml").write_text(weaker)
    done = rsppc_here(workspace, "gate", "run", "house_gates/v1", *CHAIN[3:])
    assert done.returncode == 1 and not (workspace / "store").exists()
    said = "gate `cancel_fence` has `checks: [contracts]`, where NF-026 demands `[contracts, slo_gates, cancel_proof]`"
    assert said in done.stdout.decode()


def test_a_run_counts_once(workspace: Path) -> None:
    """A good run that is given twice would hide a bad one."""
    assert rsppc_here(workspace, *CHAIN).returncode == 0
    calm = str(next(workspace.rglob("baseline.calm.json")))
    done = rsppc_here(workspace, "gate", "slo", calm, calm)
    assert done.returncode == 2 and b"hold the same run" in done.stderr
