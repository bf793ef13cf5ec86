"""Releases rest on whole, fresh, passed evidence about themselves, or are not published.

R-002-12 to R-002-14, R-002-50 to R-002-52.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from released import BUNDLE_FOLDER, NOW, ROLLOUT_PATH, SCENARIOS, arguments, ready
from rsppc.base.canonical_json import canonical
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.envelope import seal_of
from rsppc.evidence.reading import Wanted, read_evidence
from rsppc.gates.release import REQUIRED
from rsppc.store.artifacts import StoredArtifacts
from rsppc.store.protocols import Stored
from rsppc.store.reading import Package
from rsppc.store.registry import opened
from workspaces import rsppc_here

FILES = (
    "contracts.json",
    "governance.json",
    "replay_regression.json",
    "slo.json",
    *(f"{one}.json" for one in SCENARIOS),
)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ready(), tmp_path / "w", symlinks=True))


def published(folder: Path) -> bool:
    return (folder / "store").exists()


def refused(folder: Path, *more: str, now: str = NOW) -> list[tuple[str, int]]:
    """The findings of a refused release, names with lines; nothing may have been published."""
    done = rsppc_here(folder, *arguments(now=now), *more)
    assert done.returncode in (1, 3), (done.returncode, (done.stdout + done.stderr).decode())
    assert not published(folder)
    return found_in(done.stdout.decode())


def found_in(text: str) -> list[tuple[str, int]]:
    lines = text.splitlines()
    found = []
    for index, line in enumerate(lines):
        if line.startswith(("error[", "warning[")):
            name = line.split(" ", 1)[1].split("]")[0]
            found.append((name, int(lines[index + 1].rsplit(":", 2)[1])))
    return found


def names(found: list[tuple[str, int]]) -> set[str]:
    return {name for name, _ in found}


def packages_of(folder: Path) -> list[Package]:
    with opened(str(folder / "store"), writable=False) as registry:
        return registry.packages()


def test_what_is_whole_is_published_with_all_that_it_rests_on(workspace: Path) -> None:
    """R-002-51, R-001-15: the release, its evidence and the bundle are in the store."""
    done = rsppc_here(workspace, *arguments())
    assert done.returncode == 0, done.stdout + done.stderr
    bundle, release = packages_of(workspace)
    release_id = release.run_id.removeprefix("release/")
    assert (bundle.kind, release.kind) == ("bundle", "release") and release.subject == "line_bundle/v2"
    assert release_id.startswith("rel-20260101T120000Z-") and len(release_id.rsplit("-", 1)[1]) == 10
    with opened(str(workspace / "store"), writable=False) as registry:
        files = {file.path: b"".join(registry.content(file)) for file in registry.files(release.package_id)}
        metadata = registry.manifest_value(release.package_id)["package"]["metadata"]
    assert files.keys() == {
        "release.json",
        *(f"{kind}.json" for kind in REQUIRED),
        *(f"baseline.{n}.json" for n in range(3)),
    }
    sink = DiagnosticSink()
    taken = read_evidence("r", files["release.json"], Wanted(evidence="release"), sink)
    assert taken is not None and not sink.sorted()
    assert taken.figures["rollout_ref"] == "line_canary/v1" and taken.figures["release_id"] == release_id
    assert metadata["bundle"]["manifest_digest"] == bundle.manifest_digest
    stored = StoredArtifacts(root=str(workspace / "store")).get_bundle("line_bundle/v2")
    assert isinstance(stored, Stored) and stored.digest == taken.release.bundle_digest


def test_the_same_at_the_same_time_gives_the_same_bytes(workspace: Path, tmp_path: Path) -> None:
    """The same packages and the same events with `--now`, wherever it runs."""
    other = Path(shutil.copytree(ready(), tmp_path / "elsewhere/deep", symlinks=True))
    for folder in (workspace, other):
        assert rsppc_here(folder, *arguments()).returncode == 0
    assert packages_of(workspace) == packages_of(other)
    heads = [(folder / "store/registry.head").read_bytes() for folder in (workspace, other)]
    assert heads[0] == heads[1]
    again = rsppc_here(workspace, *arguments())
    assert again.returncode == 0 and b"published before" in again.stdout
    assert (workspace / "store/registry.head").read_bytes() == heads[0]


def test_check_says_the_same_and_publishes_nothing(workspace: Path) -> None:
    done = rsppc_here(workspace, *arguments("check"))
    assert done.returncode == 0 and b"may be published" in done.stdout and not published(workspace)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


def changed(value: Any, path: tuple[Any, ...]) -> Any:
    """The value with another one at a path."""
    copy = json.loads(canonical(value))
    holder = copy
    for step in path[:-1]:
        holder = holder[step]
    before = holder[path[-1]]
    match before:
        case bool():
            holder[path[-1]] = not before
        case str() if before.startswith("sha256:"):
            holder[path[-1]] = before[:-1] + ("0" if before[-1] != "0" else "1")
        case str():
            holder[path[-1]] = before + "x"
        case int():
            holder[path[-1]] = before + 1
        case _:
            holder[path[-1]] = 1
    return copy


@pytest.mark.parametrize("name", FILES)
def test_one_changed_value_anywhere_keeps_it_from_being_published(name: str, workspace: Path) -> None:
    """The chain fails closed on any single mutated field: every leaf of every file, one at a time."""
    path = workspace / name
    good = path.read_bytes()
    value = json.loads(good)
    spots = list(leaves(value))
    for spot in spots if len(spots) < 60 else spots[:: len(spots) // 40]:
        path.write_bytes(canonical(changed(value, spot)))
        done = rsppc_here(workspace, *arguments("check"))
        assert done.returncode in (1, 3), (spot, done.stdout.decode())
        assert name.encode() in done.stdout or b"baselines" in done.stdout, spot
    path.write_bytes(good)
    assert rsppc_here(workspace, *arguments("check")).returncode == 0


def test_figures_that_were_changed_and_sealed_again_do_not_come_out_of_the_baselines(workspace: Path) -> None:
    """What can be computed again is not taken on trust."""
    path = workspace / "slo.json"
    value = json.loads(path.read_bytes())
    for spot in leaves(value):
        if spot[0] in ("checks", "figures", "inputs"):
            again = changed(value, spot)
            path.write_bytes(canonical({**again, "digest": seal_of(again)}))
            done = rsppc_here(workspace, *arguments("check"))
            assert done.returncode in (1, 3), spot


def test_a_baseline_that_was_changed_and_sealed_again_is_not_the_one_that_was_judged(workspace: Path) -> None:
    path = workspace / "calm.json"
    value = json.loads(path.read_bytes())
    value["turns"][0]["outputs"] += 1
    path.write_bytes(canonical({**value, "digest": seal_of(value)}))
    assert names(refused(workspace)) == {"other-baselines"}


def test_baselines_are_all_those_that_were_judged(workspace: Path) -> None:
    words = arguments()
    less = words[: words.index("--baseline")] + words[words.index("--baseline") + 2 :]
    done = rsppc_here(workspace, *less)
    assert done.returncode == 3 and b"other-baselines" in done.stdout and not published(workspace)


@pytest.mark.parametrize("option", ["--contracts", "--governance", "--replay", "--slo"])
def test_evidence_that_is_missing_is_asked_for_by_name(option: str, workspace: Path) -> None:
    words = arguments()
    at = words.index(option)
    done = rsppc_here(workspace, *words[:at], *words[at + 2 :])
    assert done.returncode == 1 and not published(workspace)
    assert b"missing-evidence" in done.stdout and f"`{option}`".encode() in done.stdout


def test_evidence_under_the_name_of_another_kind_is_refused(workspace: Path) -> None:
    shutil.copy(workspace / "contracts.json", workspace / "governance.json")
    assert names(refused(workspace)) == {"other-evidence"}


@pytest.mark.parametrize(
    ("now", "expected"), [("2026-01-02T12:00:01Z", "stale-evidence"), ("2026-01-01T11:54:59Z", "future-evidence")]
)
def test_reports_that_are_stale_or_from_the_future_are_refused(now: str, expected: str, workspace: Path) -> None:
    """Age at most 24 hours, skew into the future at most 5 minutes."""
    found = refused(workspace, now=now)
    assert names(found) == {expected} and len(found) == 4


def test_a_release_of_another_bundle_is_refused_everywhere(workspace: Path) -> None:
    """Evidence of one bundle says nothing about the next one."""
    words = [word if word != BUNDLE_FOLDER else "build/line_bundle/v1" for word in arguments()]
    done = rsppc_here(workspace, *words)
    assert done.returncode == 3 and not published(workspace)
    assert names(found_in(done.stdout.decode())) == {"other-release", "rollout-of-another-bundle"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("bundle_ref: line_bundle/v2@", "bundle_ref: line_bundle/v2 # ", {"mutable-target"}),
        ("rollback_ref: line_bundle/v1@", "rollback_ref: line_bundle/v1 # ", {"mutable-target"}),
        ("bundle_ref: line_bundle/v2@sha256:", "bundle_ref: line_bundle/v2@sha256:0", {"malformed-ref"}),
        ("rollback_ref: line_bundle/v1", "rollback_ref: gone_bundle/v1", {"unknown-artifact"}),
        ("bundle_ref: line_bundle/v2@", "bundle_ref: line_bundle/latest # ", {"malformed-ref"}),
    ],
    ids=["mutable target", "mutable way back", "no digest", "rollback target that is nowhere", "no version"],
)
def test_a_rollout_that_points_elsewhere_is_refused(
    before: str, after: str, expected: set[str], workspace: Path
) -> None:
    """R-002-14, R-001-71: no mutable target; R-002-28: rollback references resolve."""
    path = workspace / ROLLOUT_PATH
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    assert expected <= names(refused(workspace))


def test_a_rollout_that_is_pinned_to_another_digest_is_refused(workspace: Path) -> None:
    path = workspace / ROLLOUT_PATH
    digest = path.read_text().split("line_bundle/v2@")[1].splitlines()[0]
    path.write_text(path.read_text().replace(digest, "sha256:" + "0" * 64))
    assert "rollout-of-another-bundle" in names(refused(workspace))


def test_a_bundle_without_a_compat_window_is_not_published(workspace: Path) -> None:
    path = workspace / "pipelines/bundles/line_bundle_v2.yaml"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if not line.startswith("compat_window")) + "\n")
    for words in (("build", "line_bundle/v2"), ("pin", "line_canary/v1", "--accept")):
        assert rsppc_here(workspace, *words).returncode == 0
    assert "no-compat-window" in names(refused(workspace))


def test_other_evidence_under_the_same_release_is_refused(workspace: Path) -> None:
    """R-001-53: what was published never changes."""
    assert rsppc_here(workspace, *arguments()).returncode == 0
    value = json.loads((workspace / "contracts.json").read_bytes())
    value["figures"]["fixtures"] += 1
    (workspace / "contracts.json").write_bytes(canonical({**value, "digest": seal_of(value)}))
    before = (workspace / "store/registry.head").read_bytes()
    done = rsppc_here(workspace, *arguments())
    assert done.returncode == 3 and b"published before, with other evidence" in done.stderr
    assert b"`contracts.json`" in done.stderr
    assert (workspace / "store/registry.head").read_bytes() == before


def test_a_store_that_takes_nothing_is_a_fault_of_the_environment(workspace: Path) -> None:
    (workspace / "store").write_text("a file")
    done = rsppc_here(workspace, *arguments())
    assert done.returncode == 4 and b"cannot publish" in done.stderr


def test_evidence_of_a_single_file_is_no_evidence_of_the_contracts(workspace: Path, tmp_path: Path) -> None:
    """R-002-12: it passes, and answers less than a release asks."""
    fixtures = json.loads((Path(__file__).parents[2] / "schemas/contracts.v1.fixtures.json").read_text())
    one = next(text for path, text in fixtures.items() if path.startswith("event_record/valid/"))
    (tmp_path / "one.json").write_text(one)
    said = ("--kind", "event_record", "--bundle", BUNDLE_FOLDER, "--evidence", "contracts.json", "--now", NOW)
    assert rsppc_here(workspace, "contracts", "check", str(tmp_path / "one.json"), *said).returncode == 0
    assert names(refused(workspace)) == {"not-passed"}


# --- Promoted by what was judged before -------------------------------------------------------------------------------

PROMOTE = ("publish", "line_bundle/v2", "--promote", "--release", "release.json", "--store", "new", "--now", NOW)


@pytest.fixture
def judged(workspace: Path) -> Path:
    """A workspace with the evidence of a release, and what it rests on beside it."""
    assert rsppc_here(workspace, *arguments(), "--output", "release.json").returncode == 0
    return workspace


def test_a_release_that_was_judged_before_is_published_with_what_lies_beside_it(judged: Path) -> None:
    """R-002-51"""
    done = rsppc_here(judged, *PROMOTE)
    assert done.returncode == 0, done.stdout + done.stderr
    kept = []
    for store in ("store", "new"):
        with opened(str(judged / store), writable=False) as registry:
            (release,) = registry.packages(kind="release")
            files = registry.files(release.package_id)
            kept.append((release.package_id, [(file.path, file.digest_primary) for file in files]))
    assert kept[0] == kept[1]
    again = rsppc_here(judged, *PROMOTE)
    assert again.returncode == 0 and again.stdout.count(b"published before") == 2


@pytest.mark.parametrize(
    ("missing", "expected"),
    [("contracts.json", b"missing-evidence"), ("calm.json", b"other-baselines"), ("slo.json", b"missing-evidence")],
)
def test_what_a_release_rests_on_must_lie_beside_it(judged: Path, missing: str, expected: bytes) -> None:
    (judged / missing).unlink()
    done = rsppc_here(judged, *PROMOTE)
    assert done.returncode in (1, 3) and expected in done.stdout and not (judged / "new").exists()


def test_a_release_that_was_sealed_again_does_not_follow_from_its_evidence(judged: Path) -> None:
    value = json.loads((judged / "release.json").read_bytes())
    value["figures"]["strategy"] = "immediate"
    (judged / "release.json").write_bytes(canonical({**value, "digest": seal_of(value)}))
    done = rsppc_here(judged, *PROMOTE)
    assert done.returncode == 3 and b"they differ at `/figures/strategy`" in done.stderr
    assert not (judged / "new").exists()


def test_a_release_of_another_bundle_promotes_nothing(judged: Path) -> None:
    words = ["line_bundle/v1" if word == "line_bundle/v2" else word for word in PROMOTE]
    done = rsppc_here(judged, *words)
    assert done.returncode == 3 and b"other-release" in done.stdout and not (judged / "new").exists()
    stale = [word if word != NOW else "2026-01-03T00:00:00Z" for word in PROMOTE]
    assert b"stale-evidence" in rsppc_here(judged, *stale).stdout and not (judged / "new").exists()
