"""Packages: created, filled, finalised, once and for good (R-004-03, R-004-04, R-004-18, R-004-33)."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rsppc.store import manifest
from rsppc.store.auditing import audit, replay
from rsppc.store.config import Config
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, init_store, opened
from rsppc.store.request import Entry, PackageRequest

AT = datetime(2026, 1, 1, tzinfo=UTC)
REQUEST = PackageRequest(producer="guide-board", run_id="r1", subject="desk")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    init_store(str(tmp_path / "store"), Config())
    with opened(str(tmp_path / "store")) as registry:
        yield registry


def filled(registry: Registry, files: dict[str, bytes], request: PackageRequest = REQUEST) -> str:
    made = registry.create_package(request, AT).package.package_id
    registry.ingest_files(made, [(Entry(path=path), [data]) for path, data in files.items()], AT)
    return made


def test_a_run_of_23_files_ends_with_event_26(registry: Registry) -> None:
    """R-004-33: one created, 23 ingested, one retention, one finalised."""
    made = filled(registry, {f"f{n}.txt": b"%d" % n for n in range(23)})
    final = registry.finalize_package(made, AT)
    assert registry.log.head().seq == 26
    assert audit(registry.log).faults == ()
    assert final.manifest_digest == manifest.digest(registry.manifest_bytes(made))
    assert registry.package(made).expires_at == "2027-01-01T00:00:00Z"


def test_the_same_again_changes_nothing(registry: Registry) -> None:
    made = filled(registry, {"a": b"1"})
    first = registry.finalize_package(made, AT)
    assert filled(registry, {"a": b"1"}) == made
    again = registry.finalize_package(made, AT)
    assert (again.reused, again.manifest_digest) == (True, first.manifest_digest)
    assert registry.log.head().seq == 4


@pytest.mark.parametrize("files", [{"a": b"2"}, {"a": b"1", "b": b"2"}])
def test_other_content_under_the_same_run_is_refused(registry: Registry, files: dict[str, bytes]) -> None:
    registry.finalize_package(filled(registry, {"a": b"1"}), AT)
    with pytest.raises(StoreProblem) as refused:
        filled(registry, files)
    assert refused.value.kind == "conflict"
    assert refused.value.pointer in ("/digest_primary", "/files")


def test_tables_are_replayed_events(registry: Registry) -> None:
    made = filled(registry, {"a": b"1", "b/c": b"2"})
    registry.finalize_package(made, AT)
    registry.record_attestation(made, "signature", "application/json", b"{}", AT)
    before = registry.package(made), registry.files(made), registry.attestations(made)
    replay(registry.log)
    assert (registry.package(made), registry.files(made), registry.attestations(made)) == before
    assert audit(registry.log).faults == ()


def test_digests_are_equal_in_every_store(tmp_path: Path) -> None:
    """R-004-22: neither the time nor the store is in what is digested."""
    found = set()
    for name, at in (("one", AT), ("two", datetime(2030, 5, 5, tzinfo=UTC))):
        init_store(str(tmp_path / name), Config())
        with opened(str(tmp_path / name)) as registry:
            made = registry.create_package(REQUEST, at).package.package_id
            registry.ingest_file(made, Entry(path="a"), [b"x" * 3, b"y"], at)
            found.add(registry.finalize_package(made, at).manifest_digest)
    assert len(found) == 1


def test_several_workers_take_the_same_files(registry: Registry) -> None:
    made = registry.create_package(REQUEST, AT).package.package_id
    told = registry.ingest_files(made, ((Entry(path=f"{n:04}"), [b"%d" % (n % 7)]) for n in range(300)), AT, workers=4)
    assert [file.path for file in told] == [f"{n:04}" for n in range(300)]
    assert audit(registry.log).faults == ()


def test_a_source_that_cannot_be_read_is_not_the_fault_of_the_store(registry: Registry) -> None:
    def broken() -> Iterator[bytes]:
        yield b"begun"
        raise OSError(5, "the source broke")

    made = registry.create_package(REQUEST, AT).package.package_id
    with pytest.raises(OSError, match="the source broke"):
        registry.ingest_file(made, Entry(path="a"), broken(), AT)
    assert os.listdir(os.path.join(registry.folder, "staging")) == []
    assert registry.files(made) == []


def test_a_store_is_made_once(tmp_path: Path) -> None:
    folder = str(tmp_path / "with blanks and ümlauts")
    init_store(folder, Config())
    init_store(folder, Config())
    with pytest.raises(StoreProblem) as refused:
        init_store(folder, Config(default_class="raw"))
    assert refused.value.kind == "conflict"
    with opened(folder) as registry:
        filled(registry, {"a": b"1"})
    os.unlink(os.path.join(folder, "store.json"))
    init_store(folder, Config())
    with opened(folder) as registry:
        assert len(registry.packages()) == 1


def test_a_registry_that_is_missing_is_not_taken_for_an_empty_store(tmp_path: Path) -> None:
    folder = str(tmp_path / "store")
    init_store(folder, Config())
    with opened(folder) as registry:
        registry.finalize_package(filled(registry, {"a": b"1"}), AT)
    os.unlink(os.path.join(folder, "registry.db"))
    for attempt in (lambda: init_store(folder, Config()), lambda: opened(folder).__enter__()):
        with pytest.raises(StoreProblem, match="registry") as refused:
            attempt()
        assert refused.value.kind == "corrupt"


def test_many_may_make_one_store_at_once(tmp_path: Path) -> None:
    folder = str(tmp_path / "store")
    with ThreadPoolExecutor(8) as pool:
        for made in [pool.submit(init_store, folder, Config()) for _ in range(16)]:
            made.result()
    assert sorted(os.listdir(folder)) == ["content.lock", "registry.db", "store.json"]


def test_what_a_killed_init_left_is_in_nobodys_way(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    for name in ("registry.db.fresh-1-1", "registry.db.fresh-1-1-wal", "store.json.fresh-1-1"):
        (folder / name).write_bytes(b"half")
    init_store(str(folder), Config())
    assert sorted(os.listdir(folder)) == ["content.lock", "registry.db", "store.json"]


def test_a_store_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Nobody makes one of the run that was meant to be put into it."""
    (tmp_path / "run.json").write_bytes(b"{}")
    with pytest.raises(StoreProblem, match=r"holds other things, such as `run\.json`") as refused:
        init_store(str(tmp_path), Config())
    assert (refused.value.kind, os.listdir(tmp_path)) == ("refused", ["run.json"])


def test_several_publishers_of_one_run_come_to_one_package(tmp_path: Path) -> None:
    folder = str(tmp_path / "store")
    init_store(folder, Config())

    def publish(n: int) -> str:
        with opened(folder, wait_s=60) as registry:
            made = filled(registry, {f"f{k}": b"%d" % k for k in range(20)})
            return registry.finalize_package(made, AT).manifest_digest

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(publish, range(16)))
    with opened(folder) as registry:
        assert len(digests) == 1
        assert registry.log.head().seq == 23
        assert audit(registry.log).faults == ()


def test_whoever_waits_too_long_is_told(tmp_path: Path) -> None:
    folder = str(tmp_path / "store")
    init_store(folder, Config())
    with opened(folder) as first, opened(folder, wait_s=0.05) as second, first.log.writing():
        with pytest.raises(StoreProblem) as refused:
            filled(second, {})
        assert refused.value.kind == "busy"


def test_a_path_that_is_too_long_for_the_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreProblem, match="more than 490 bytes"):
        init_store(str(tmp_path / "/".join(["x" * 200] * 5)), Config())


def test_a_disk_that_failed_once_is_not_believed_again(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was put before is not durable because a later question is answered with yes."""

    def failing(_: int) -> None:
        raise OSError(errno.EIO, "the disk failed")

    with registry.putting():
        registry.backend.put([b"1"])
        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", failing)
            with pytest.raises(StoreProblem, match="the disk failed"):
                registry.backend.settle()
        with pytest.raises(StoreProblem, match="the disk failed"):
            registry.backend.settle()
    with registry.putting():
        assert registry.backend.put([b"1"]).fresh
        registry.backend.settle()


def test_lists_are_pages_and_tenants_see_their_own(registry: Registry) -> None:
    for n in range(5):
        registry.create_package(PackageRequest(producer="p", run_id=f"r{n}", subject="s", tenant="ab"[n % 2]), AT)
    first = registry.packages("a", limit=2)
    assert [one.run_id for one in first] == ["r0", "r2"]
    assert [one.run_id for one in registry.packages("a", after=first[-1].created_seq)] == ["r4"]
    with pytest.raises(StoreProblem, match="has no package"):
        registry.package(first[0].package_id, "b")


@pytest.mark.parametrize("size", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 3 * 2**20])
def test_ranges_of_content(registry: Registry, size: int) -> None:
    data = bytes(n % 251 for n in range(size))
    made = registry.create_package(REQUEST, AT).package.package_id
    file = registry.ingest_file(made, Entry(path="a"), [data], AT)
    assert b"".join(registry.content(file)) == data
    for offset, length in ((0, 1), (1, None), (size // 2, 10), (size, 5), (0, size + 5)):
        end = None if length is None else offset + length
        assert b"".join(registry.content(file, offset=offset, length=length)) == data[offset:end]
