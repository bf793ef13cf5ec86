"""A run directory of guide-board becomes exactly one package, or nothing at all (R-004-03 to R-004-05, R-004-35).

The run under `tests/fixtures/guide-board/` has 23 files, as the run had by which the pilot was first accepted.
"""

from __future__ import annotations

import ast
import json
import os
import socket
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cbor2
import pytest
import rsppc
from golden_harness import files_below
from object_service import object_service
from rsppc.resources import read_text
from rsppc.store import manifest
from rsppc.store.auditing import audit
from rsppc.store.backends.local import LocalBackend
from rsppc.store.config import Config, RetentionClass
from rsppc.store.hashing import blake3_of, digests_of
from rsppc.store.log import Log, make_database
from rsppc.store.metadata_schemas import read_schema, register_schema
from rsppc.store.pilots.guide_board import (
    Ingested,
    PackageStore,
    RunRefused,
    class_for,
    ingest_read,
    ingest_run,
    read_run,
)
from rsppc.store.pilots.guide_board_schemas import METADATA, REQUIRED
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, init_store, opened
from rsppc.store.verification import verify_package
from run_directories import FIXTURE, NOW, SCHEMA_FILE, change, copied, store_in

FILES = 23
PACKAGE = "reports/assessment-package.json"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "store") as found:
        yield found


def findings(run: Path) -> list[str]:
    """What is wrong with a run, each with its file and line, and that nothing is written for it."""
    with pytest.raises(RunRefused) as found:
        read_run(str(run))
    return [
        f"{Path(one.at.source.path).relative_to(run)}:{one.at.source.location(one.at.start)[0]}: {one.message()}"
        for one in found.value.findings
    ]


# --- The schema ------------------------------------------------------------------------------------------------------


def test_the_schema_of_the_metadata_ships_whole() -> None:
    """R-004-08, R-004-09: every key that is required, with its form."""
    shipped = json.loads(read_text("schemas", SCHEMA_FILE))
    assert shipped == METADATA
    assert shipped["$id"] == "guide-board.run.v1" and shipped["type"] == "object"
    wanted = {"run_id", "target_profile_ref", "assessment_profile_ref", "result_status", "source_commits"}
    assert set(shipped["required"]) == set(REQUIRED) == wanted | {"report_paths", "evidence_counts", "finding_counts"}
    read_schema(json.dumps(shipped).encode())


_SOUND = {
    "run_id": "r1",
    "target_profile_ref": "t/v1",
    "assessment_profile_ref": "a/v1",
    "result_status": "pass",
    "source_commits": {"guide-board": "0" * 40},
    "report_paths": ["reports/report.md"],
    "evidence_counts": {"pass": 1},
    "finding_counts": {},
}


@pytest.mark.parametrize("key", REQUIRED)
@pytest.mark.parametrize("wrong", [None, 7, [7], {"a": {}}], ids=["left out", "number", "list", "object"])
def test_each_required_key_is_asked_for_in_its_form(key: str, wrong: Any) -> None:
    """R-004-09"""
    from rsppc.store.schema_engine import instance_violations

    body = json.dumps(METADATA).encode()
    assert instance_violations(body, _SOUND) == []
    value = {name: one for name, one in _SOUND.items() if name != key} | ({} if wrong is None else {key: wrong})
    assert instance_violations(body, value) != []


def test_a_commit_is_hexadecimal_and_a_report_stands_once() -> None:
    """R-004-09: `source_commits` is an object of slug to SHA."""
    from rsppc.store.schema_engine import instance_violations

    body = json.dumps(METADATA).encode()
    for key, wrong in (
        ("source_commits", {"guide-board": "main"}),
        ("source_commits", {"": "0" * 40}),
        ("report_paths", ["a", "a"]),
        ("evidence_counts", {"pass": -1}),
        ("evidence_counts", {"pass": True}),
        ("note", "of another key"),
    ):
        assert instance_violations(body, _SOUND | {key: wrong}) != [], key


# --- A sound run -----------------------------------------------------------------------------------------------------


def test_the_fixture_is_small_and_has_the_shapes_of_a_real_run() -> None:
    """R-004-19"""
    files = files_below(FIXTURE)
    assert len(files) == FILES and sum(map(len, files.values())) < 1_000_000
    assert {"run.json", "retention-summary.json", PACKAGE, "reports/report.md"} <= files.keys()
    assert any("scorecard" in path for path in files) and any("log-review" in path for path in files)
    assert sum(path.startswith("artifacts/") for path in files) >= 2


def test_a_run_becomes_a_package_whose_events_end_at_26(registry: Registry) -> None:
    """R-004-33: 23 files, event sequence 26, 23 locations verified, 0 failures. R-004-16, R-004-21."""
    made = ingest_run(str(FIXTURE), store=registry, at=NOW)
    assert made.file_count == FILES and not made.reused_existing
    assert registry.log.head().seq == 26
    seen = audit(registry.log)
    assert (seen.head.seq, seen.faults) == (26, ())
    verdict = verify_package(registry, made.package_id)
    assert (verdict.files, verdict.faults) == (FILES, ())
    package = registry.package(made.package_id)
    assert (package.state, package.retention_class, package.finalized_seq) == ("finalized", "standard", 26)


def test_a_registry_in_memory_will_do_with_content_in_a_folder(tmp_path: Path) -> None:
    """R-004-20 to R-004-24: end to end, on SQLite in memory and a local backend in a folder that is gone afterwards."""
    made = []
    for place in (tmp_path / "one", tmp_path / "two"):
        place.mkdir()
        database = sqlite3.connect(":memory:", isolation_level=None)
        make_database(database)
        with Registry(str(place), Config(), Log(str(place), database, 0), LocalBackend(str(place))) as registry:
            register_schema(registry.log, "default", read_schema(read_text("schemas", SCHEMA_FILE).encode()))
            made.append(ingest_run(str(FIXTURE), store=registry, at=NOW, retention_class="release"))
            package = registry.package(made[-1].package_id)
            stored = {one.path: b"".join(registry.content(one)) for one in registry.files(package.package_id)}
            assert registry.log.head().seq == 26
        assert package.retention_class == "release" and stored == files_below(FIXTURE)
        assert not (place / "registry.db").exists()
    assert made[0] == made[1]


def test_every_declared_file_comes_back_byte_for_byte(registry: Registry) -> None:
    """R-004-14, R-004-15, R-004-23: what the assessment package declares, and itself."""
    made = ingest_run(str(FIXTURE), store=registry, at=NOW)
    stored = {one.path: b"".join(registry.content(one)) for one in registry.files(made.package_id)}
    assert stored == files_below(FIXTURE)


def test_the_manifest_lists_every_file_with_both_digests(registry: Registry) -> None:
    """R-004-18, R-004-30, R-004-36."""
    made = ingest_run(str(FIXTURE), store=registry, at=NOW)
    data = registry.manifest_bytes(made.package_id)
    assert blake3_of(data) == made.manifest_digest
    value = cbor2.loads(data)
    assert cbor2.dumps(value, canonical=True) == data
    for one in value["files"]:
        digests = digests_of((FIXTURE / one["path"]).read_bytes())
        assert (one["digest_primary"], one["digest_sha256"]) == (digests.primary, digests.sha256)
        assert one["location"] == manifest.location_of(digests.primary)
    package = value["package"]
    run = json.loads((FIXTURE / "run.json").read_bytes())
    assert package["producer"] == "guide-board" and package["run_id"] == run["run_id"]
    assert package["subject"] == run["target_profile_ref"] and package["environment"] == run["environment"]
    assert package["repository"] == "guide-board" and package["commit"] == run["source_commits"]["guide-board"]
    assert package["metadata_schema"]["schema_id"] == "guide-board.run.v1"
    assert value["retention_summary"] == {"retention_class": "standard"}
    assert {one["role"] for one in value["files"]} >= {"run", "assessment-package", "report", "report-fragment"}


def test_metadata_are_made_of_run_and_retention_summary(registry: Registry) -> None:
    """R-004-13"""
    made = ingest_run(str(FIXTURE), store=registry, at=NOW)
    run, summary = (json.loads((FIXTURE / name).read_bytes()) for name in ("run.json", "retention-summary.json"))
    metadata = registry.manifest_value(made.package_id)["package"]["metadata"]
    assert metadata["result_status"] == summary["result_status"] != run["status"]
    assert metadata["report_paths"] == sorted(summary["report_paths"])
    for key in ("run_id", "source_commits", "evidence_counts", "finding_counts", "started_at"):
        assert metadata[key] == run[key]


def test_one_run_has_one_digest_in_every_store_and_every_time(registry: Registry, tmp_path: Path) -> None:
    """R-004-22: neither the clock, nor the store, nor the folder of the run is in it; a second time writes nothing."""
    first = ingest_run(str(FIXTURE), store=registry, at=NOW)
    again = ingest_run(str(FIXTURE), store=registry, at=NOW.replace(year=2027))
    assert again == Ingested(**{**{k: getattr(first, k) for k in first.__struct_fields__}, "reused_existing": True})
    assert registry.log.head().seq == 26
    elsewhere = copied(tmp_path)
    for path, data in files_below(FIXTURE).items():
        (elsewhere / path).write_bytes(data)
    with store_in(tmp_path / "other") as other:
        assert ingest_run(str(elsewhere), store=other, at=NOW.replace(year=2030)) == first


def test_a_changed_run_under_the_same_id_is_refused(registry: Registry, tmp_path: Path) -> None:
    """R-004-03: a run directory becomes exactly one package."""
    run = copied(tmp_path)
    ingest_run(str(run), store=registry, at=NOW)
    (run / "plan.json").write_text("{}")
    with pytest.raises(StoreProblem, match=r"plan\.json") as found:
        ingest_run(str(run), store=registry, at=NOW)
    assert found.value.kind == "conflict" and registry.log.head().seq == 26


def test_an_interrupted_ingest_goes_on_where_it_stopped(registry: Registry) -> None:
    run = read_run(str(FIXTURE))

    class Stopping:
        """A store that takes three files and then loses its power."""

        def __getattr__(self, name: str) -> Any:
            return getattr(registry, name)

        def ingest_files(self, package_id: str, incoming: Any, at: Any, **_: Any) -> Any:
            registry.ingest_files(package_id, [next(incoming) for _ in range(3)], at)
            raise KeyboardInterrupt

    stopping: Any = Stopping()
    with pytest.raises(KeyboardInterrupt):
        ingest_read(run, store=stopping, at=NOW)
    assert registry.log.head().seq == 4
    assert ingest_read(run, store=registry, at=NOW).file_count == FILES
    assert registry.log.head().seq == 26


def test_two_who_ingest_the_same_run_at_once_get_one_package(registry: Registry) -> None:
    """R-004-03"""

    def one(_: int) -> Ingested:
        with opened(registry.folder) as mine:
            return ingest_run(str(FIXTURE), store=mine, at=NOW)

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(one, range(4)))
    assert len({one.package_id for one in made}) == len({one.manifest_digest for one in made}) == 1
    assert sorted(one.reused_existing for one in made) == [False, True, True, True]
    assert registry.log.head().seq == 26 and audit(registry.log).faults == ()


def test_files_of_an_earlier_attempt_that_are_no_longer_declared_are_not_made_final(
    registry: Registry, tmp_path: Path
) -> None:
    run = copied(tmp_path)
    whole = read_run(str(run))
    package = registry.create_package(
        type(whole.request)(**{**_values(whole.request), "retention_class": "standard"}), NOW
    ).package
    from rsppc.store.request import Entry

    registry.ingest_file(package.package_id, Entry(path="stray.txt"), [b"stray"], NOW)
    with pytest.raises(StoreProblem, match="no longer declares"):
        ingest_read(whole, store=registry, at=NOW)
    assert (registry.package(package.package_id).state, len(registry.files(package.package_id))) == ("open", 1)


def _values(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


def test_a_file_that_changes_while_it_is_read_is_noticed(registry: Registry, tmp_path: Path) -> None:
    run = copied(tmp_path)
    read = read_run(str(run))
    (run / "plan.json").write_text("{}")
    with pytest.raises(StoreProblem) as found:
        ingest_read(read, store=registry, at=NOW)
    assert found.value.kind == "corrupt" and "plan.json" in found.value.what
    (run / "plan.json").unlink()
    with pytest.raises(StoreProblem, match="exchanged while"):
        ingest_read(read, store=registry, at=NOW)


def test_what_no_document_names_stays_out(registry: Registry, tmp_path: Path) -> None:
    run = copied(tmp_path)
    (run / "scratch").mkdir()
    (run / "scratch/core.dump").write_bytes(b"0")
    (run / "link").symlink_to("/etc/passwd")
    read = read_run(str(run))
    assert read.undeclared == ("link", "scratch/core.dump")
    assert ingest_read(read, store=registry, at=NOW).file_count == FILES


def test_the_documents_and_what_they_name_are_in_the_package_also_undeclared(tmp_path: Path) -> None:
    """R-004-15: with a list of files that is empty there are still the documents, the reports and the fragments."""
    run = copied(tmp_path)
    change(run, PACKAGE, lambda package: package["files"].clear())
    roles = {one.path: one.role for one in read_run(str(run)).entries}
    assert roles == {
        "reports/assessment-package.json": "assessment-package",
        "reports/cmis-maturity-scorecard.md": "report",
        "reports/cmis-summary.md": "report-fragment",
        "reports/findings.md": "report-fragment",
        "reports/fragments.json": "report-fragments",
        "reports/opencmis-log-review.md": "report",
        "reports/report.md": "report",
        "retention-summary.json": "retention-summary",
        "run.json": "run",
    }


def test_a_run_without_a_schema_registered_is_refused(tmp_path: Path) -> None:
    init_store(str(tmp_path / "bare"), Config())
    with opened(str(tmp_path / "bare")) as bare:
        with pytest.raises(StoreProblem, match=r"no metadata schema `guide-board\.run\.v1`"):
            ingest_run(str(FIXTURE), store=bare, at=NOW)
        assert bare.log.head().seq == 0


@pytest.mark.skipif(find_spec("rsppc.store.backends.s3") is None, reason="there is no S3 backend")
def test_a_run_has_the_same_digest_in_s3(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-004-04, R-004-32: the configured backend keeps the files, and nothing of it is in a digest."""
    here = ingest_run(str(FIXTURE), store=registry, at=NOW)
    with object_service() as service:
        for name, value in (("ENDPOINT_URL", service.address), ("ACCESS_KEY_ID", "a"), ("SECRET_ACCESS_KEY", "b")):
            monkeypatch.setenv(f"AWS_{name}", value)
        with store_in(tmp_path / "remote", Config(backend="s3://bucket/pilot")) as remote:
            assert ingest_run(str(FIXTURE), store=remote, at=NOW) == here
            stored = {one.path: b"".join(remote.content(one)) for one in remote.files(here.package_id)}
    assert stored == files_below(FIXTURE)
    assert not (tmp_path / "remote/blobs").exists()


# --- Retention -------------------------------------------------------------------------------------------------------


def test_the_retention_class_is_the_one_that_is_asked_for(registry: Registry) -> None:
    """R-004-05, R-004-24"""
    made = ingest_run(str(FIXTURE), store=registry, at=NOW, retention_class="release")
    package = registry.package(made.package_id)
    assert package.retention_class == "release"
    assert package.expires_at == "2036-05-15T08:00:00Z", "3650 days after it was made final"


def test_a_class_of_the_stores_own_is_applied(tmp_path: Path) -> None:
    """R-004-24: retention class as configured."""
    classes = {"standard": RetentionClass(days=700), "audit": RetentionClass(days=2555)}
    with store_in(tmp_path / "store", Config(retention_classes=classes)) as store:
        made = ingest_run(str(FIXTURE), store=store, at=NOW)
        assert store.package(made.package_id).expires_at == "2028-04-17T08:00:00Z"


@pytest.mark.parametrize(
    ("named", "policy", "given", "chosen"),
    [
        ("standard", {"summary_days": 365}, None, "standard"),
        ("standard", {"summary_days": 365}, "release", "release"),
        (None, {"summary_days": 30, "raw_artifact_days": 10}, None, "raw"),
        (None, {"summary_days": 31}, None, "standard"),
        (None, {"summary_days": 30, "raw_artifact_days": 400}, None, "release"),
        (None, {"summary_days": 20_000}, None, "permanent"),
        (None, None, None, None),
        ("raw", None, None, "raw"),
    ],
)
def test_the_class_covers_the_policy_of_the_run(
    tmp_path: Path, named: str | None, policy: dict[str, int] | None, given: str | None, chosen: str | None
) -> None:
    run = copied(tmp_path)

    def how(summary: dict[str, Any]) -> None:
        summary.pop("retention_class")
        summary.pop("retention_policy")
        summary.update({"retention_class": named} if named else {})
        summary.update({"retention_policy": policy} if policy else {})

    change(run, "retention-summary.json", how)
    days = {name: one.days for name, one in Config().retention_classes.items()}
    assert class_for(read_run(str(run)), days, given) == chosen


def test_a_class_that_breaks_the_policy_of_the_run_is_refused_before_any_write(registry: Registry) -> None:
    with pytest.raises(StoreProblem, match=r"`raw` keeps 30 days.* demands 365") as found:
        ingest_run(str(FIXTURE), store=registry, at=NOW, retention_class="raw")
    assert found.value.kind == "refused" and registry.log.head().seq == 0
    with pytest.raises(StoreProblem, match="no retention class `nonsense`"):
        ingest_run(str(FIXTURE), store=registry, at=NOW, retention_class="nonsense")
    with pytest.raises(StoreProblem, match="no retention class keeps 365 days"):
        run = read_run(str(FIXTURE))
        class_for(type(run)(**{**_values(run), "retention_class": None}), {"raw": 30}, None)
    assert registry.log.head().seq == 0


def test_retention_is_extended_without_touching_bytes(registry: Registry, tmp_path: Path) -> None:
    """R-004-31"""
    made = ingest_run(str(FIXTURE), store=registry, at=NOW)
    place = tmp_path / "store"
    before = {
        path: place.joinpath(path).stat().st_mtime_ns for path in files_below(place) if path[:5] in ("blobs", "manif")
    }
    registry.extend_retention(made.package_id, until=NOW.replace(year=2031), by="jo", reason="audit", at=NOW)
    assert registry.package(made.package_id).expires_at == "2031-05-18T08:00:00Z"
    after = {
        path: place.joinpath(path).stat().st_mtime_ns for path in files_below(place) if path[:5] in ("blobs", "manif")
    }
    assert before == after
    assert blake3_of(registry.manifest_bytes(made.package_id)) == made.manifest_digest


# --- Runs that are refused -------------------------------------------------------------------------------------------


def test_a_missing_report_fragment_is_refused_in_the_words_of_the_producer(registry: Registry, tmp_path: Path) -> None:
    """R-004-34: before any write, naming the file."""
    run = copied(tmp_path)
    (run / "reports/cmis-summary.md").unlink()
    with pytest.raises(RunRefused) as found:
        ingest_run(str(run), store=registry, at=NOW)
    assert found.value.what == "cmis-summary: report fragment not found: reports/cmis-summary.md"
    assert registry.log.head().seq == 0 and registry.packages() == []
    change(run, PACKAGE, lambda package: package["files"].clear())  # only `fragments.json` knows it then
    assert findings(run) == [
        "reports/fragments.json:6: cmis-summary: report fragment not found: reports/cmis-summary.md"
    ]


def test_counts_that_disagree_are_refused_with_both_files(tmp_path: Path) -> None:
    run = copied(tmp_path)

    def how(summary: dict[str, Any]) -> None:
        summary["evidence_counts"]["pass"] = 26
        del summary["finding_counts"]["info"]
        summary["target_profile_ref"] = "other/v1"

    change(run, "retention-summary.json", how)
    said = findings(run)
    assert [one.partition(": ")[2] for one in said] == [
        "`/evidence_counts/pass` is `26` in `retention-summary.json` and `27` in `run.json`",
        "`/finding_counts/info` is absent in `retention-summary.json` and `2` in `run.json`",
        "`/target_profile_ref` is `other/v1` in `retention-summary.json` and `opencmis-inmemory/v1` in `run.json`",
    ]
    assert all(one.startswith("retention-summary.json:") for one in said)


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("path", "how", "said"),
    [
        ("run.json", lambda run: run.pop("source_commits"), "`/source_commits`: it is missing here and in"),
        ("run.json", lambda run: run.pop("run_id"), "`/`: `run_id` is missing"),
        ("run.json", lambda run: run.update(run_id="a b"), "`/run_id`: "),
        ("run.json", lambda run: run.update(run_id="other"), "`/run_id` is `opencmis"),
        ("run.json", lambda run: run["source_commits"].update(x="main"), "`/source_commits/x`: "),
        ("run.json", lambda run: run["evidence_counts"].update({"pass": 1.5}), "`/evidence_counts/pass`: 1.5"),
        ("run.json", lambda run: run["evidence_counts"].update({"pass": -1}), "`/evidence_counts/pass`: -1"),
        ("run.json", lambda run: run["evidence_counts"].update({"pass": 27.0}), "and `27.0` in `run.json`"),
        ("retention-summary.json", lambda one: one["retention_policy"].update(summary_days=9.0), "no whole number"),
        ("run.json", lambda run: run.update(environment={"a": 1}), "`/environment/a`: "),
        (PACKAGE, lambda package: package.pop("files"), "`/`: `files` is missing"),
        (PACKAGE, lambda package: package.update(run_id="other"), "`/run_id` is `other`"),
        (PACKAGE, lambda package: package["files"].append({"path": "run.json"}), "`run.json`: it is declared twice"),
        (PACKAGE, lambda package: package["files"].append({"path": "none.bin"}), "declared file not found: none.bin"),
        (PACKAGE, lambda package: package["files"].append({"path": "artifacts"}), "`artifacts` is no ordinary file"),
        (PACKAGE, lambda package: package["files"][0].update(size=1), "`artifacts/opencmis-tck/invocation.json` has "),
        (PACKAGE, lambda package: package["files"][0].update(sha256="0" * 64), "has sha256:"),
        (PACKAGE, lambda package: package["files"][0].update(sha256="abc"), "`/files/0/sha256`: "),
        (PACKAGE, lambda package: package["files"][0].update(role="a b"), "`/files/0/role`: "),
        (PACKAGE, lambda package: package.update(report_paths=["reports/none.md"]), "none: report fragment not found"),
    ],
)
def test_a_run_whose_documents_are_wrong_is_refused_with_the_place(
    tmp_path: Path, path: str, how: Change, said: str
) -> None:
    run = copied(tmp_path)
    change(run, path, how)
    found = findings(run)
    assert said in found[0], found
    assert len(found) == 1 or said.startswith("`/run_id` is"), "every document that says otherwise is named"


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("../x", "`..`"),
        ("a/../../x", "`..`"),
        ("/etc/passwd", "absolute"),
        ("C:\\x", "U+003A"),
        ("a\\x", "U+005C"),
        ("a\0b", "U+0000"),
        ("NUL", "device"),
        ("reports/com1.txt", "device"),
        ("a.", "ends with a dot"),
        ("x" * 300, "255 bytes"),
        ("./run.json", "name `.`"),
        ("a//b", "empty name"),
        ("e\u0301", "NFC"),
        ("a\u200bb", "nobody sees"),
        ("RUN.json", "case does not count"),
    ],
)
def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path, path: str, fault: str) -> None:
    run = copied(tmp_path)
    (run / "RUN.json").write_text("{}")
    change(run, PACKAGE, lambda package: package["files"].append({"path": path}))
    found = findings(run)
    assert len(found) == 1 and fault in found[0], found


def test_links_and_what_is_no_file_are_refused(tmp_path: Path) -> None:
    """A file comes from the run directory itself, by no detour."""
    run = copied(tmp_path)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    raw = run / "artifacts/opencmis-tck"
    for name in ("stdout.log", "stderr.log", "invocation.json"):
        (raw / name).unlink()
    (raw / "stdout.log").symlink_to(outside / "secret")
    os.link(outside / "secret", raw / "stderr.log")
    os.mkfifo(raw / "invocation.json")
    (raw / "raw/tck-report.txt").unlink()
    (raw / "raw").rmdir()
    (raw / "raw").symlink_to(outside)
    (outside / "tck-report.txt").write_text("secret")
    with socket.socket(socket.AF_UNIX) as server:
        (run / "plan.json").unlink()
        server.bind(str(run / "plan.json"))
        assert [one.partition(": ")[2] for one in findings(run)] == [
            "`artifacts/opencmis-tck/invocation.json` is no ordinary file",
            "`artifacts/opencmis-tck/raw/tck-report.txt` is a symbolic link, or lies behind one",
            "`artifacts/opencmis-tck/stderr.log` is a hard link, and the file has a name outside the run directory",
            "`artifacts/opencmis-tck/stdout.log` is a symbolic link, or lies behind one",
            "`plan.json` is no ordinary file",
        ]


def test_a_hard_link_within_the_run_is_no_way_out(registry: Registry, tmp_path: Path) -> None:
    run = copied(tmp_path)
    (run / "plan.json").unlink()
    os.link(run / "sources.lock.json", run / "plan.json")
    assert ingest_run(str(run), store=registry, at=NOW).file_count == FILES


@pytest.mark.parametrize("document", ["run.json", "retention-summary.json", PACKAGE])
@pytest.mark.parametrize(
    "data",
    [None, b"", b"[]", b"{", b'{"run_id": NaN}', b'{"a": 1, "a": 2}', b"\xff", b'{"a":' * 20_000, b" " * (9 * 2**20)],
    ids=["none", "empty", "list", "cut", "nan", "twice", "bytes", "deep", "large"],
)
def test_a_document_that_cannot_be_read_is_named(tmp_path: Path, document: str, data: bytes | None) -> None:
    run = copied(tmp_path)
    (run / document).unlink() if data is None else (run / document).write_bytes(data)
    found = findings(run)
    assert found and all(one.startswith(f"{document}:") for one in found)


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    run = copied(tmp_path)
    (run / "run.json").write_text("{}")
    (run / "plan.json").unlink()
    (run / "reports/report.md").unlink()
    assert [one.partition(": ")[2] for one in findings(run)] == [
        "declared file not found: plan.json",
        "report: report fragment not found: reports/report.md",
        "`/`: `run_id` is missing",
    ]


def test_no_run_directory_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, kind in ((tmp_path / "none", "missing"), (tmp_path / "file", "malformed")):
        with pytest.raises(StoreProblem) as found:
            read_run(str(path))
        assert found.value.kind == kind


# --- The house -------------------------------------------------------------------------------------------------------


def test_the_registry_knows_nothing_of_the_pilot() -> None:
    """R-004-07: no module of the store imports a pilot, and none speaks of guide-board; pilots may import the store."""
    store = Path(rsppc.__file__).parent / "store"
    for path in store.rglob("*.py"):
        if "pilots" in path.relative_to(store).parts:
            continue
        text = path.read_text(encoding="utf-8")
        imported = {
            name
            for node in ast.walk(ast.parse(text))
            for name in (
                [f"{node.module}.{one.name}" for one in node.names]
                if isinstance(node, ast.ImportFrom)
                else [one.name for one in node.names]
                if isinstance(node, ast.Import)
                else []
            )
        }
        assert not any("pilots" in name for name in imported), path
        words = "".join(one.value for one in _texts(ast.parse(text)))
        assert "guide-board" not in words and "guide_board" not in text, path


def _texts(tree: ast.AST) -> Iterator[Any]:
    return (one for one in ast.walk(tree) if isinstance(one, ast.Constant) and isinstance(one.value, str))


def test_a_registry_is_a_store_for_packages(registry: Registry) -> None:
    """R-004-17: the library asks for a protocol, which a client of a served store can keep as well."""
    store: PackageStore = registry
    assert store.retention_days() == {"permanent": None, "raw": 30, "release": 3650, "standard": 365}
    register_schema(registry.log, "default", read_schema(read_text("schemas", SCHEMA_FILE).encode()))


def test_a_document_that_changes_after_it_was_understood_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the metadata say of a run is what its files in the package say."""
    from rsppc.store.pilots.run_folder import RunFolder

    run, digests = copied(tmp_path), RunFolder.digests

    def later(folder: RunFolder, path: str) -> Any:
        if path == "run.json":
            change(run, "run.json", lambda document: document.update(completed_at="2030-01-01T00:00:00Z"))
        return digests(folder, path)

    monkeypatch.setattr(RunFolder, "digests", later)
    with pytest.raises(StoreProblem, match=r"`run\.json` was exchanged while the run was read"):
        read_run(str(run))
