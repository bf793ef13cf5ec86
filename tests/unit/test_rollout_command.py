"""`rsppc rollout`: traffic moves to what was published, by evidence, and every change is kept."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from golden_harness import files_below
from rollouts import (
    GOLDEN,
    NOW,
    RELEASE,
    ROLLOUT,
    ROLLOUT_PATH,
    STORES,
    V1,
    V2,
    advance,
    bundle_of,
    content_of,
    evidence,
    prepare,
    publish,
    rollback,
    run,
    unpublish,
    workspace,
)
from rsppc.base.canonical_json import canonical
from rsppc.contracts.canary import version_of
from rsppc.evidence.envelope import seal_of
from rsppc.store.gc import collect
from rsppc.store.registry import opened
from rsppc.turnplan import LoadedBundle, Session, load_bundle
from turns import outcome_of, plan_of
from workspaces import command as command_line
from workspaces import environment, make, rsppc, rsppc_here

JOURNAL = "store/rollouts/line_canary/v1.0.0.journal.jsonl"
REF = "line_canary/v1"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workspace(tmp_path_factory.mktemp("workspace"))


@pytest.fixture
def here(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the workspace, to be changed."""
    shutil.copytree(prepared, tmp_path / "w", symlinks=True)
    return tmp_path / "w"


def change(folder: Path, path: str, before: str, after: str) -> None:
    text = (folder / path).read_text()
    assert before in text
    (folder / path).write_text(text.replace(before, after))


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / JOURNAL).read_text().splitlines()]


# --- check -----------------------------------------------------------------------------------------------------------


def test_a_rollout_to_published_bundles_has_no_findings(here: Path) -> None:
    """R-002-28: both references resolve, to bundles that were built and published."""
    code, said = run(here, "check", REF)
    assert code == 0 and said.startswith(f"checked {REF}: no findings") and "nobody gets the bundle" in said
    assert run(here, "check", ROLLOUT_PATH) == (code, said)


def test_an_unpinned_reference_is_a_mutable_target(here: Path) -> None:
    """R-002-14, R-001-71: a version alone stands for whatever is built next."""
    make(here, {ROLLOUT_PATH: ROLLOUT})
    assert rsppc_here(here, "check").returncode == 0
    code, said = run(here, "check", REF)
    assert code == 1 and said.count("error[RSP7631 mutable-target]") == 2, "each bundle once, with every place"
    assert said.count("nor here") == 3 and f"{ROLLOUT_PATH}:4:13" in said and "run `rsppc pin line_canary/v1`" in said
    assert advance(here)[0] == 1 and not (here / JOURNAL).exists()


def test_a_slip_in_a_name_says_nothing_against_the_version(here: Path) -> None:
    """Of two versions the one that was written is meant; the newest would be the bundle that is rolled out."""
    make(here, {ROLLOUT_PATH: ROLLOUT.replace("rollback_ref: line_bundle/v1", "rollback_ref: line_bundel/v1")})
    said = rsppc_here(here, "check").stdout.decode()
    assert "did you mean `line_bundle/v1`?" in said and "line_bundle/v2`?" not in said


@pytest.mark.parametrize("ref", ["line_bundle/latest", "line_bundle", "line_bundle/v*", "line_bundle/>=v1"])
def test_a_reference_that_moves_cannot_even_be_written(here: Path, ref: str) -> None:
    """R-001-71: no `latest`, no range."""
    make(here, {ROLLOUT_PATH: ROLLOUT.replace("bundle_ref: line_bundle/v2\n", f"bundle_ref: '{ref}'\n")})
    code, said = run(here, "check", REF)
    assert code == 1 and "error[RSP1113 malformed-ref]" in said


def test_a_target_that_was_never_published_is_refused(here: Path) -> None:
    """R-002-25, R-002-28: a way back that leads nowhere is found before it is needed."""
    unpublish(here, V1)
    code, said = run(here, "check", REF)
    assert (
        code == 1
        and "never-published]: the rollback target `line_bundle/v1`" in said
        and f"{ROLLOUT_PATH}:11:15" in said
    )
    assert advance(here)[0] == 1
    shutil.rmtree(here / "store")
    assert run(here, "check", REF)[1].count("never-published") == 2


def test_a_bundle_of_another_digest_is_refused(here: Path) -> None:
    """R-002-14: what is served is the build that was reviewed."""
    shutil.rmtree(here / "store")
    change(here, "pipelines/specs/line_v2.yaml", "silence_ms: 500", "silence_ms: 450")
    assert rsppc_here(here, "build").returncode == 0
    publish(here, V1), publish(here, V2)
    code, said = run(here, "check", REF)
    assert code == 3 and "error[RSP7633 other-build-published]: the bundle `line_bundle/v2`" in said


def test_a_damaged_bundle_is_refused(here: Path) -> None:
    for version in (V1, V2):
        content_of(here, version).write_text("{}")
    code, said = run(here, "check", REF)
    assert code == 3 and said.count("damaged-bundle") == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is unreadable for root")
def test_a_store_that_cannot_be_read_is_a_fault_of_the_machine(here: Path) -> None:
    os.chmod(here / "store/registry.db", 0)
    code, said = run(here, "check", REF)
    os.chmod(here / "store/registry.db", 0o644)
    assert code == 4 and "unreadable-store" in said and "permission is denied" in said


@pytest.mark.parametrize(
    ("what", "expected"), [("store.json", 4), ("blobs", 4), ("rollouts", 4), ("registry.db", 3), ("registry.head", 4)]
)
def test_a_store_whose_parts_are_something_else_is_refused(here: Path, what: str, expected: int) -> None:
    is_file = (here / "store" / what).is_file()
    shutil.rmtree(here / "store" / what, ignore_errors=True)
    (here / "store" / what).unlink(missing_ok=True)
    (here / "store" / what).mkdir() if is_file else (here / "store" / what).write_text("")
    assert run(here, "check", REF)[0] == expected
    assert advance(here)[0] == expected


def test_warnings_count_before_traffic_moves(here: Path) -> None:
    """F-165: who agreed to a first step to everybody is named before it is made."""
    change(here, ROLLOUT_PATH, "phases: [5, 25, 100]\n", "")
    change(here, ROLLOUT_PATH, "percentage: 5}", "percentage: 60}")
    change(here, ROLLOUT_PATH, "percentage: 95}", "percentage: 40}")
    assert rsppc_here(here, "check", ROLLOUT_PATH).returncode == 0
    code, said = run(here, "check", REF)
    assert code == 1 and "error[RSP7618 no-approval]" in said and advance(here)[0] == 1
    with (here / ROLLOUT_PATH).open("a") as file:
        file.write("change_approval: {approved_by: [ada], ticket: CHG-7}\n")
    assert run(here, "check", REF)[0] == 0


@pytest.mark.parametrize(
    "name", ["nobody/v1", "line_bundle/v1", "pipelines/specs/line_v1.yaml", "no_such_file.yaml", ""]
)
def test_what_is_no_rollout_is_wrong_use(here: Path, name: str) -> None:
    assert run(here, "check", name)[0] == 2


def test_a_manifest_that_cannot_be_read_is_told_with_its_place(here: Path) -> None:
    (here / ROLLOUT_PATH).write_text("schema_version: rspp.rollout.manifest.v1\n\tx")
    for name in (REF, ROLLOUT_PATH):
        code, said = run(here, "check", name)
        assert code == 1 and f"{ROLLOUT_PATH}:2" in said


# --- pin -------------------------------------------------------------------------------------------------------------


def test_a_rollout_is_pinned_to_what_was_built(here: Path) -> None:
    """R-002-16: rollouts name immutable builds."""
    make(here, {ROLLOUT_PATH: ROLLOUT})
    done = rsppc_here(here, "pin", REF)
    assert done.returncode == 0 and b"pinned pipelines/rollouts/line_canary_v1.yaml" in done.stdout
    text = (here / ROLLOUT_PATH).read_text()
    for version in (V1, V2):
        loaded = load_bundle(here / "build" / version)
        assert isinstance(loaded, LoadedBundle) and f"{version}@{loaded.digest}" in text
    assert text.replace("@sha256:", "").count("line_bundle") == ROLLOUT.count("line_bundle")
    assert rsppc_here(here, "check").returncode == 0
    assert b"already pinned" in rsppc_here(here, "pin", REF).stdout


def test_other_digests_are_replaced_only_when_that_is_accepted(here: Path) -> None:
    before = (here / ROLLOUT_PATH).read_text()
    change(here, "pipelines/specs/line_v2.yaml", "silence_ms: 500", "silence_ms: 450")
    assert rsppc_here(here, "build").returncode == 0
    refused = rsppc_here(here, "pin", REF)
    assert refused.returncode == 3 and b"line_bundle/v2" in refused.stdout
    assert (here / ROLLOUT_PATH).read_text() == before
    assert rsppc_here(here, "pin", REF, "--accept").returncode == 0
    assert (here / ROLLOUT_PATH).read_text() != before


def test_a_bundle_that_was_not_built_cannot_be_pinned(here: Path) -> None:
    shutil.rmtree(here / "build")
    done = rsppc_here(here, "pin", REF)
    assert done.returncode == 2 and b"there is no built bundle `line_bundle/v1`" in done.stderr


# --- assign ----------------------------------------------------------------------------------------------------------


def test_an_answer_names_outcome_bundle_cohort_and_reason(here: Path) -> None:
    code, said = run(here, "assign", REF, "--session", "s1", "--tenant", "lab", "--format", "json")
    assert code == 0 and json.loads(said) == {
        "session_id": "s1",
        "tenant_id": "lab",
        "region": "",
        "requested": None,
        "outcome_kind": "admit",
        "scope": "session",
        "reason": "tenant_listed",
        "bundle_ref": V2,
        "cohort": "pilots",
        "bucket": None,
    }
    assert "reject, tenant_denied" in run(here, "assign", REF, "--session", "s1", "--tenant", "banned")[1]
    assert "defer, session_rate_limited" in run(here, "assign", REF, "--session", "s", "--sessions-per-min", "600")[1]


def test_a_hundred_thousand_sessions_are_counted(here: Path) -> None:
    lines = [f"sess-{number}\ttenant {number % 7}, „Größe“\teu\t" for number in range(100_000)]
    (here / "sessions.tsv").write_text("\n".join(lines))
    code, said = run(here, "assign", REF, "--sessions", "sessions.tsv")
    assert code == 0 and said.startswith("100000 sessions, where 5 percent get the bundle\n")
    rows = [line.split() for line in said.splitlines()[1:]]
    assert sum(int(row[0]) for row in rows) == 100_000
    (served,) = (int(row[0]) for row in rows if V2 in row)
    assert 4_700 < served < 5_300


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"s1\na\tb\tc\td\te\n", "sessions.tsv:2:1"),
        (b"s1\n\tacme\n", "sessions.tsv:2:1"),
        (b"s1\n\xff", "sessions.tsv:2:1"),
    ],
)
def test_lines_that_are_no_sessions_are_refused(here: Path, content: bytes, place: str) -> None:
    (here / "sessions.tsv").write_bytes(content)
    code, said = run(here, "assign", REF, "--sessions", "sessions.tsv")
    assert code == 1 and place in said


def test_a_file_of_another_kind_is_not_told_line_by_line(here: Path) -> None:
    (here / "sessions.tsv").write_text("\t\t\t\t\t\n" * 100_000)
    code, said = run(here, "assign", REF, "--sessions", "sessions.tsv")
    assert code == 1 and said.count("malformed-session]") == 20


def test_one_session_or_many_must_be_named(here: Path) -> None:
    assert run(here, "assign", REF)[0] == 2
    assert run(here, "assign", REF, "--session", "s", "--sessions", "x")[0] == 2


# --- advance and rollback --------------------------------------------------------------------------------------------


def test_traffic_moves_phase_by_phase_and_back(here: Path) -> None:
    """R-001-06, F-093, F-100: each change is one record of an append-only journal."""
    for _ in range(3):
        code, said = advance(here)
        assert code == 0, said
    assert advance(here)[0] == 2, "there is nothing beyond 100 percent"
    before = (here / JOURNAL).read_bytes()
    code, said = rollback(here)
    assert code == 0 and said.startswith("rollback line_canary/v1: 100 → 0 percent")
    assert (here / JOURNAL).read_bytes().startswith(before)
    assert [(one["action"], one["from"], one["to"], one["by"]) for one in records(here)] == [
        ("start", 0, 5, "ada"),
        ("advance", 5, 25, "ada"),
        ("complete", 25, 100, "ada"),
        ("rollback", 100, 0, "ada"),
    ]
    assert records(here)[3]["reason"] == "calls are dropped" and records(here)[3]["evidence"] == []
    assert rollback(here)[0] == 2, "there is nothing to roll back"
    code, said = run(here, "show", REF)
    assert code == 0 and "nobody gets the bundle" in said and said.count("2026-01-02T00:00:00Z") == 4
    shown = run(here, "show", REF, "--format", "json")[1]
    assert [json.loads(line)["to"] for line in shown.splitlines()] == [5, 25, 100, 0]


def test_the_same_changes_at_the_same_time_are_the_same_bytes(here: Path, prepared: Path, tmp_path: Path) -> None:
    shutil.copytree(prepared, tmp_path / "other", symlinks=True)
    for folder in (here, tmp_path / "other"):
        assert advance(folder)[0] == 0 and rollback(folder)[0] == 0
    assert (here / JOURNAL).read_bytes() == (tmp_path / "other" / JOURNAL).read_bytes()


def test_nothing_moves_without_evidence(here: Path) -> None:
    """R-002-12: promotion is gated by evidence."""
    assert run(here, "advance", REF, "--by", "ada", *NOW)[0] == 2
    assert run(here, "advance", REF, "--by", "ada", "--release", "nowhere.json", *NOW)[0] == 2
    assert not (here / JOURNAL).exists()


@pytest.mark.parametrize(
    ("made", "code", "name"),
    [
        ({"kind": "slo_gates"}, 1, "other-evidence"),
        ({"version": V1}, None, "other-release"),
        ({"status": "fail"}, 1, "not-passed"),
        ({"status": "not_run"}, 1, "not-passed"),
        ({"made_at": "2026-01-03T00:00:00Z"}, 1, "future-evidence"),
    ],
)
def test_evidence_of_something_else_moves_nothing(
    here: Path, made: dict[str, Any], code: int | None, name: str
) -> None:
    """R-002-12"""
    (here / RELEASE).write_bytes(evidence(here, **{"made_at": "2026-01-01T00:00:00Z", **made}))
    found, said = advance(here)
    assert found == code or (code is None and found in (1, 3))
    assert f" {name}]" in said and f"{RELEASE}:1" in said and not (here / JOURNAL).exists()


def test_evidence_that_was_edited_moves_nothing(here: Path) -> None:
    change(here, RELEASE, '"readiness"', '"readyness"')
    assert "broken-seal" in advance(here)[1] and not (here / JOURNAL).exists()


def test_after_a_rollback_newer_evidence_is_needed(here: Path) -> None:
    """R-002-12: what the old evidence did not see is why traffic was taken back."""
    assert advance(here)[0] == 0 and rollback(here)[0] == 0
    code, said = advance(here)
    assert code == 1 and "old-evidence" in said and f"{JOURNAL}:2" in said
    (here / RELEASE).write_bytes(evidence(here, "2026-01-01T00:00:01Z"))
    assert advance(here)[0] == 0
    assert [one["action"] for one in records(here)] == ["start", "rollback", "start"]


def test_a_bundle_that_was_released_for_another_rollout_moves_nothing(here: Path) -> None:
    """R-002-12: strategy and way back were part of what was judged."""
    value = json.loads((here / RELEASE).read_bytes())
    value["inputs"] = [{"name": "rollout", "digest": "sha256:" + "0" * 64}]
    (here / RELEASE).write_bytes(canonical({**value, "digest": seal_of(value)}))
    code, said = advance(here)
    assert code == 1 and "evidence-of-another-rollout" in said and not (here / JOURNAL).exists()


def test_two_versions_of_a_rollout_are_never_in_motion_at_once(here: Path) -> None:
    """R-001-37: traffic has one surface."""
    text = (here / ROLLOUT_PATH).read_text()
    (here / ROLLOUT_PATH.replace("_v1", "_v2")).write_text(text.replace("\nversion: v1", "\nversion: v2", 1))
    second = ("advance", "line_canary/v2", "--by", "ada", "--release", RELEASE, *NOW)
    assert advance(here)[0] == 0
    code, said = run(here, *second)
    assert code == 2 and "`line_canary/v1.0.0` is in motion" in said
    assert rollback(here)[0] == 0
    assert run(here, *second)[0] == 0
    (here / RELEASE).write_bytes(evidence(here, "2026-01-01T00:00:01Z"))
    assert "`line_canary/v2.0.0` is in motion" in advance(here)[1]


@pytest.mark.parametrize("share", ["5", "4", "0"])
def test_shares_only_grow(here: Path, share: str) -> None:
    assert advance(here)[0] == 0
    code, said = advance(here, "--to", share)
    assert code == 2 and f"`--to {share}` does not go beyond" in said and len(records(here)) == 1


def test_a_share_may_be_named(here: Path) -> None:
    assert advance(here, "--to", "7")[0] == 0 and advance(here, "--to", "100")[0] == 0
    assert [(one["action"], one["to"]) for one in records(here)] == [("start", 7), ("complete", 100)]
    assert advance(here, "--to", "101")[0] == 2


@pytest.mark.parametrize("damage", ["other", "gone", "never there"])
def test_the_way_back_asks_for_nothing_but_the_bundle_to_return_to(here: Path, damage: str) -> None:
    """F-100: the newer bundle may be damaged or gone."""
    assert advance(here)[0] == 0
    match damage:
        case "other":
            content_of(here, V2).write_text("{}")
        case "gone":
            content_of(here, V2).unlink()
        case _:
            unpublish(here, V2)
    assert advance(here)[0] in (1, 3)
    assert rollback(here)[0] == 0


def test_the_way_back_is_refused_where_there_is_nothing_to_return_to(here: Path) -> None:
    """R-002-25"""
    assert advance(here)[0] == 0
    unpublish(here, V1)
    code, said = rollback(here)
    assert code == 1 and "never-published" in said and len(records(here)) == 1


def test_a_clock_that_goes_back_is_refused(here: Path) -> None:
    assert advance(here)[0] == 0
    for command in (advance, rollback):
        code, said = command(here, now=("--now", "2026-01-01T12:00:00Z"))
        assert code == 1 and "clock-went-back" in said and f"{JOURNAL}:1" in said
    assert rollback(here)[0] == 0


def test_a_manifest_that_changed_since_the_start_is_refused(here: Path) -> None:
    """R-001-53"""
    assert advance(here)[0] == 0
    change(here, ROLLOUT_PATH, "phases: [5, 25, 100]", "phases: [5, 50, 100]")
    for code, said in (advance(here), rollback(here), run(here, "check", REF), run(here, "show", REF)):
        assert code == 3 and "manifest-changed" in said and f"{JOURNAL}:1" in said
    change(here, ROLLOUT_PATH, "phases: [5, 50, 100]", "phases: [5, 25, 100]  # a comment is no change")
    assert advance(here)[0] == 0


@pytest.mark.parametrize("command", ["advance", "rollback", "check", "show", "assign", "emit"])
def test_nothing_is_built_upon_a_torn_journal(here: Path, command: str) -> None:
    assert advance(here)[0] == 0 and advance(here)[0] == 0
    torn = (here / JOURNAL).read_bytes()[:-20]
    (here / JOURNAL).write_bytes(torn)
    code, said = {
        "advance": lambda: advance(here),
        "rollback": lambda: rollback(here),
        "check": lambda: run(here, "check", REF),
        "show": lambda: run(here, "show", REF),
        "assign": lambda: run(here, "assign", REF, "--session", "s", "--store", "store"),
        "emit": lambda: emit(here),
    }[command]()
    assert code == 3 and "torn-record" in said and f"{JOURNAL}:2:1" in said
    assert (here / JOURNAL).read_bytes() == torn


def test_of_two_writers_one_is_told(here: Path) -> None:
    assert advance(here)[0] == 0
    with (here / JOURNAL.replace(".journal.jsonl", ".lock")).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said = advance(here)
    assert code == 4 and "somebody else is changing the traffic of `line_canary/v1`" in said
    assert len(records(here)) == 1 and advance(here)[0] == 0


def test_a_writer_that_was_killed_between_journal_and_head_left_a_whole_journal(here: Path) -> None:
    head = here / JOURNAL.replace(".journal.jsonl", ".head")
    assert advance(here)[0] == 0
    before = head.read_bytes()
    assert advance(here)[0] == 0
    head.write_bytes(before)
    assert advance(here)[0] == 0 and len(records(here)) == 3


def test_a_full_disk_leaves_the_journal_that_was_there(here: Path) -> None:
    assert advance(here)[0] == 0
    before = (here / JOURNAL).read_bytes()
    options = ("--by", "ada", "--release", RELEASE, *NOW)
    done = rsppc(here, "rollout", "advance", REF, *options, file_size_max=len(before) + 10)
    assert done.returncode == 4 and (here / JOURNAL).read_bytes() == before
    assert {path.name for path in (here / JOURNAL).parent.iterdir()} == {
        "v1.0.0.journal.jsonl",
        "v1.0.0.head",
        "v1.0.0.lock",
    }


@pytest.mark.parametrize(
    "words", [("--by", " "), ("--by", "a" * 201), ("--reason", "b" * 2001)], ids=["blank", "long name", "long reason"]
)
def test_who_and_why_must_be_said_in_so_many_words(here: Path, words: tuple[str, str]) -> None:
    assert advance(here, *words)[0] == 2
    assert run(here, "rollback", REF, "--by", "ada", "--reason", " ", *NOW)[0] == 2


def test_odd_words_stay_one_record(here: Path) -> None:
    said = 'quote " backslash \\ tag <b> größe 🦜'
    assert advance(here, "--reason", said)[0] == 0
    assert records(here)[0]["reason"] == said and run(here, "check", REF)[0] == 0
    for unprintable in ("line\nbreak", "\u2028", "\udcff", "\x1b[31m"):
        assert advance(here, "--reason", unprintable)[0] == 2


# --- To the runtime --------------------------------------------------------------------------------------------------


def emit(folder: Path, *more: str) -> tuple[int, str]:
    folders = (f"build/{V1}", f"build/{V2}")
    done = rsppc_here(folder, "distribution", "emit", *folders, "--rollout", REF, *more)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_rollout_reaches_the_runtime(here: Path) -> None:
    """R-002-30, R-001-54: check, assign, advance, emit; the runtime gives each session the version that the rollout
    assigns, opens its turn with that version's plan, and refuses the plan of another."""
    assert run(here, "check", REF)[0] == 0
    for share in (None, 5, 25):
        if share is not None:
            assert advance(here)[0] == 0
        code, said = emit(here)
        assert code == 0
        rollout = json.loads(said)["rollout"]
        assert rollout.get("canary_percentage") == share
        for number in range(200):
            session, tenant = f"sess-{number}", ("lab", "", "acme")[number % 3]
            assigned = (
                run(here, "assign", REF, "--session", session, "--tenant", tenant, "--store", "store")
                if (number < 6)
                else (0, "")
            )
            version = version_of(rollout, session, tenant)
            assert version in (V1, V2) and (number >= 6 or f"bundle   {version}\n" in assigned[1])
        version = version_of(rollout, "sess-1", "lab")
        assert version == (V1 if share is None else V2)
        bundles = {one: load_bundle(here / "build" / one) for one in (V1, V2)}
        bundle, other = bundles[version], bundles[V1 if version == V2 else V2]
        assert isinstance(bundle, LoadedBundle) and isinstance(other, LoadedBundle)
        session_ = Session(session_id="sess-1", tenant_id="lab", language="en-US", pipeline_version=version)
        plan = plan_of(bundle, session_)
        assert plan.contract["pipeline_version"] == version
        assert outcome_of(other, session_).reason == "session_pinned_to_other_version"


def test_a_distribution_carries_admission(here: Path) -> None:
    """F-098"""
    assert advance(here)[0] == 0
    value = json.loads(emit(here)[1])
    assert value["admission"]["default"]["session_rate_limit_per_min"] == 600
    assert value["admission"]["by_pipeline"][V2]["session_rate_limit_per_min"] == 600
    denied = value["admission"]["by_tenant"]["banned"]
    assert (denied["outcome_kind"], denied["scope"], denied["reason"]) == ("reject", "tenant", "tenant_denied")


def test_a_distribution_is_made_of_the_builds_that_the_rollout_names(here: Path) -> None:
    assert advance(here)[0] == 0
    change(here, "pipelines/specs/line_v2.yaml", "silence_ms: 500", "silence_ms: 450")
    assert rsppc_here(here, "build").returncode == 0
    code, said = emit(here)
    assert code == 3 and "its digest is not" in said
    assert rollback(here)[0] == 0
    code, said = emit(here)
    assert code == 0 and "canary_pipeline_version" not in said, "the way back needs no newer bundle"


def test_a_rollout_excludes_the_options_that_say_the_same(here: Path) -> None:
    for options in (
        ("--default", V1),
        ("--canary", V2),
        ("--percentage", "5"),
        ("--tenant", "x"),
        ("--requested", "a=b"),
    ):
        assert emit(here, *options)[0] == 2
    assert rsppc_here(here, "distribution", "emit", f"build/{V1}", "--store", "store").returncode == 2
    assert rsppc_here(here, "distribution", "emit", f"build/{V2}", "--rollout", REF).returncode == 2


def test_what_a_distribution_cannot_say_is_told(here: Path) -> None:
    change(here, ROLLOUT_PATH, "tenant_allowlist: [lab]}", "tenant_allowlist: [lab], regions: [eu]}")
    assert advance(here)[0] == 0
    assert "note: not carried: cohort `pilots`, which is limited to regions" in emit(here)[1]


def test_of_many_writers_at_once_each_is_answered(here: Path) -> None:
    """Every change that was confirmed stands in the journal, and no other; who came in between was told."""
    options = ("--by", "ada", "--release", RELEASE, *NOW)
    running = [
        subprocess.Popen(
            command_line("rollout", "advance", REF, *options), cwd=here, env=environment(), stdout=-1, stderr=-1
        )
        for _ in range(6)
    ]
    codes = [one.wait(60) for one in running]
    for one in running:
        one.communicate()
    assert set(codes) <= {0, 2, 4} and 1 <= codes.count(0) <= 3
    assert run(here, "check", REF)[0] == 0 and len(records(here)) == codes.count(0)


def test_the_bundle_in_the_store_is_the_one_that_was_built(here: Path) -> None:
    """R-001-37: a rollout changes traffic, and never a bundle."""
    before = bundle_of(here, V2)
    head = (here / "store/registry.head").read_bytes()
    assert advance(here)[0] == 0 and rollback(here)[0] == 0
    assert bundle_of(here, V2) == before
    assert (here / "store/registry.head").read_bytes() == head
    assert rsppc_here(here, "store", "verify").returncode == 0


# --- Golden cases ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STORES)
def test_what_golden_cases_hold_ready_can_be_made_again(name: str, tmp_path: Path) -> None:
    """By `python tests/rollouts.py`, where the form of stores, evidence or journals changes on purpose."""
    case = GOLDEN / name / "input"
    left_out = shutil.ignore_patterns("store", "published", "*release.json")
    shutil.copytree(case, tmp_path / name / "input", ignore=left_out)
    prepare(tmp_path / name / "input")
    assert files_below(tmp_path / name / "input") == files_below(case)


def test_a_bundle_that_was_collected_is_not_called_damaged(here: Path) -> None:
    """What is gone was kept for as long as was said; repairing it is not what helps."""
    with opened(str(here / "store")) as registry:
        collect(registry, datetime(2060, 1, 1, tzinfo=UTC), delete=True)
    code, said = run(here, "check", REF)
    assert code == 1 and said.count("error[RSP7636 collected-bundle]") == 2 and "damaged" not in said
    assert "was collected when its retention had ended" in said and "under a new version" in said
