"""What a store does when the machine fails it: disks that refuse, bits that change, writers that die, locks that stay.

The whole of it, call by call and bit by bit, is in `tests/all/checks` (`store_kill`, `store_errors`, `store_power_cut`,
`store_rot`, `store_many`); here is one of each kind that those found, or would find first (R-004-05, R-004-24).
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rsppc.cli.exits import ENVIRONMENT, INTEGRITY, OK
from rsppc.store.auditing import audit
from rsppc.store.backends.local import DOUBT
from rsppc.store.gc import collect
from rsppc.store.log import DATABASE
from rsppc.store.mark import HEAD
from rsppc.store.problems import StoreProblem
from rsppc.store.rebuilding import rebuild
from rsppc.store.registry import Registry, init_store, opened
from rsppc.store.request import Entry, PackageRequest
from rsppc.store.verification import package_ids, verify_package
from rsppc.store.walking import walk
from stores import AT, FILES, filled, kept, published, store_in
from workspaces import rsppc_here


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "store") as registry:
        yield registry


def failing(name: str, number: int, monkeypatch: pytest.MonkeyPatch, path: Callable[[str], bool]) -> list[str]:
    """Let the n-th `fsync` of what `path` accepts fail, as a disk does: once. All that were asked for come back."""
    asked: list[str] = []
    sync = os.fsync

    def fsync(handle: int) -> None:
        what = os.readlink(f"/proc/self/fd/{handle}")
        if path(what):
            asked.append(what)
            if len(asked) == number:
                raise OSError(getattr(errno, name), "refused")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return asked


needs_proc = pytest.mark.skipif(
    not os.path.isdir("/proc/self/fd"), reason="which file a descriptor is of is not told here"
)


# Disks that refuse


def _in_blobs(path: str) -> bool:
    return "/blobs/" in path and "staging" not in path


@needs_proc
def test_content_that_was_not_made_durable_is_written_anew(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second `fsync` alone would say yes, of names that the first one may have lost."""
    made = registry.create_package(PackageRequest(producer="p", run_id="r", subject="s"), AT).package.package_id
    path = Path(registry.folder, registry.backend.put([b"a"]).receipt.key)
    with monkeypatch.context() as patch:
        failing("EIO", 1, patch, _in_blobs)
        with pytest.raises(StoreProblem, match="the disk failed") as refused:
            registry.ingest_file(made, Entry(path="a"), [b"a"], AT)
        assert (refused.value.kind, registry.files(made)) == ("environment", [])
    os.link(path, path.with_suffix(".first"))
    os.utime(path.parent.parent, (0, 0))
    registry.ingest_file(made, Entry(path="a"), [b"a"], AT)
    assert not path.samefile(path.with_suffix(".first"))
    assert path.parent.parent.stat().st_mtime, "the name of its folder is written anew, too"
    assert [file.path for file in registry.files(made)] == ["a"]


@needs_proc
def test_whoever_was_putting_content_when_the_disk_failed_somebody_else_is_refused(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system tells of a failure once: who asks after that hears that all is well."""
    made = filled(registry)

    def meanwhile() -> Iterator[bytes]:
        yield b"a"
        with monkeypatch.context() as patch, opened(registry.folder) as other:
            failing("EIO", 1, patch, _in_blobs)
            with pytest.raises(StoreProblem, match="the disk failed"):
                other.ingest_file(made, Entry(path="b"), [b"b"], AT)

    with pytest.raises(StoreProblem, match="failed to keep what somebody else put there") as refused:
        registry.ingest_file(made, Entry(path="a"), meanwhile(), AT)
    assert refused.value.kind == "environment"
    assert len(registry.files(made)) == len(FILES)
    for path in ("a", "b"):
        registry.ingest_file(made, Entry(path=path), [path.encode()], AT)
    assert len(registry.files(made)) == len(FILES) + 2


@needs_proc
def test_doubt_ends_when_all_that_nobody_was_told_of_is_gone(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = filled(registry)
    with monkeypatch.context() as patch:
        failing("EIO", 1, patch, _in_blobs)
        with pytest.raises(StoreProblem, match="the disk failed"):
            registry.ingest_file(made, Entry(path="b"), [b"b"], AT)
    for path in ("c", "d"):
        registry.ingest_file(made, Entry(path=path), [b"c"], AT)
    assert registry.backend.put([b"c"]).fresh, "what is found is not believed"
    assert (Path(registry.folder) / DOUBT).exists()
    assert collect(registry, AT, delete=True).contents == 1
    assert not (Path(registry.folder) / DOUBT).exists()
    assert all(any(folder.iterdir()) for folder in Path(registry.folder, "blobs").iterdir())
    registry.ingest_file(made, Entry(path="e"), [b"b"], AT)
    assert not registry.backend.put([b"c"]).fresh


@needs_proc
def test_no_event_is_told_of_before_the_name_of_its_file_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite passes over a failure to make the name of its write-ahead log durable."""
    init_store(str(tmp_path / "store"), store_in(tmp_path / "other").config)
    with opened(str(tmp_path / "store")) as registry, monkeypatch.context() as patch:
        failing("EIO", 1, patch, lambda path: path.endswith("/store"))
        with pytest.raises(StoreProblem, match="the disk failed"):
            filled(registry)
        assert registry.packages() == []


@needs_proc
def test_a_store_is_durable_with_all_folders_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = failing("EIO", -1, monkeypatch, os.path.isdir)
    store_in(tmp_path / "a/b/store").close()
    assert {str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a/b"), str(tmp_path / "a/b/store")} <= set(asked)


@pytest.mark.parametrize(
    ("error", "kind"), [("EMFILE", "environment"), ("EIO", "environment"), ("ENOENT", "missing"), ("EACCES", "missing")]
)
def test_what_is_wrong_with_the_machine_is_not_said_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str, kind: str
) -> None:
    def refused(*_: Any, **__: Any) -> int:
        raise OSError(getattr(errno, error), "refused")

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(StoreProblem) as problem:
        walk(str(tmp_path))
    assert problem.value.kind == kind


def test_a_mark_that_cannot_be_read_is_no_missing_mark(registry: Registry, tmp_path: Path) -> None:
    published(registry)
    mark = tmp_path / "store" / HEAD
    mark.unlink()
    mark.mkdir()  # reading it fails, for root as well
    with pytest.raises(StoreProblem, match="cannot be read"):
        filled(registry, "r2")


# Bits that change


def _verified(registry: Registry) -> tuple[int, str]:
    done = rsppc_here(Path(registry.folder).parent, "store", "verify", "--store", registry.folder)
    return done.returncode, (done.stdout + done.stderr).decode()


def test_a_damaged_mark_is_noticed_and_nothing_else_suffers(registry: Registry) -> None:
    made = published(registry)
    path = Path(registry.folder, HEAD)
    whole = path.read_bytes()
    for offset in range(0, len(whole), 5):
        path.write_bytes(whole[:offset] + bytes([whole[offset] ^ 1 << offset % 8]) + whole[offset + 1 :])
        assert audit(registry.log).faults == (
            "`registry.head`, the log's mark, is damaged; the next event makes it anew",
        )
        assert {file.path: b"".join(registry.content(file)) for file in registry.files(made)} == FILES
    code, said = _verified(registry)
    assert (code, "the log's mark, is damaged" in said) == (INTEGRITY, True)
    published(registry, "r2")
    assert _verified(registry)[0] == OK


def test_a_damaged_note_of_an_attestation_is_noticed(registry: Registry) -> None:
    made = published(registry)
    registry.record_attestation(made, "signature", "application/json", b"{}", AT)
    (note,) = registry.log.database.execute("SELECT note FROM attestations").fetchone()
    path = Path(registry.folder, "manifests", note[7:9], note[7:])
    whole = path.read_bytes()
    for damage in (whole[:-1] + bytes([whole[-1] ^ 1]), None):
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        (fault,) = verify_package(registry, made).faults
        assert (fault.item, fault.digest) == ("attestation signature", note)


def _database_with(registry: Registry, old: bytes, new: bytes) -> None:
    """Exchange bytes in the file of the database."""
    registry.close()
    path = Path(registry.folder, DATABASE)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"retention_class"', b'"retention_clasr"'),
        (b"events are never changed", b"events are never chang\xe5d"),
        (b"CREATE INDEX packages_in_state", b"CREATE INDEX packages_in_stat\xe5"),
        (b"guide-board", b"guide-b\xefard"),
    ],
)
def test_damaged_text_in_the_database_is_a_damaged_database(registry: Registry, old: bytes, new: bytes) -> None:
    published(registry)
    _database_with(registry, old, new)
    code, said = _verified(registry)
    assert code == INTEGRITY, said


def test_a_row_of_another_type_is_damage_and_leads_nobody_in_a_circle(registry: Registry) -> None:
    published(registry)
    published(registry, "r2")
    registry.close()
    database = sqlite3.connect(Path(registry.folder, DATABASE), isolation_level=None)
    database.executescript(
        "PRAGMA writable_schema = ON;UPDATE sqlite_master SET sql = replace(sql, 'STRICT', '') WHERE name = 'packages';"
    )
    database.close()
    database = sqlite3.connect(Path(registry.folder, DATABASE), isolation_level=None)
    database.execute("UPDATE packages SET package_id = CAST(package_id AS BLOB), byte_count = 'x'")
    database.close()
    with opened(registry.folder) as reader:
        assert list(package_ids(reader)) == []
        with pytest.raises(StoreProblem, match="a row of the tables is damaged"):
            reader.packages()
    assert _verified(registry)[0] == INTEGRITY


def test_a_package_that_the_tables_name_and_do_not_have_is_damage(registry: Registry) -> None:
    with pytest.raises(StoreProblem) as refused:
        verify_package(registry, "57d3bd8a-516c-57ff-b2c8-d0b30af176bc")
    assert refused.value.kind == "corrupt"


# Writers that die, and locks that stay


def test_what_dead_writers_left_beside_the_registry_is_swept(registry: Registry) -> None:
    published(registry)
    for name in (
        "registry.head.fresh-9-9",
        "store.json.fresh-9-9",
        "registry.db.fresh-9-9",
        "registry.db.fresh-9-9-journal",
    ):
        Path(registry.folder, name).write_bytes(b"half")
    os.mkdir(os.path.join(registry.folder, "rebuilding.fresh-9"))
    Path(registry.folder, "rebuilding.fresh-9", DATABASE).write_bytes(b"half")
    assert collect(registry, AT, delete=True).leftovers == 5
    assert not [name for name in os.listdir(registry.folder) if "fresh" in name]
    assert len(kept(registry)) == 4


def test_who_waits_in_vain_is_told_so(registry: Registry) -> None:
    published(registry)
    blocking = sqlite3.connect(Path(registry.folder, DATABASE), isolation_level=None)
    blocking.execute("BEGIN IMMEDIATE")
    with opened(registry.folder, wait_s=0.05) as waiting:
        assert len(waiting.packages()) == 1  # reading waits for nobody
        with pytest.raises(StoreProblem, match=r"writing into the store for 0\.05 s") as refused:
            filled(waiting, "r2")
    assert refused.value.kind == "busy"
    blocking.close()


def test_ten_years_ago_nothing_was_over(registry: Registry) -> None:
    made = published(registry, retention_class="raw")
    before = AT - timedelta(days=3650)
    assert collect(registry, before, delete=True).packages == ()
    with pytest.raises(StoreProblem, match="not later"):
        registry.extend_retention(made, before, by="ada", reason="case", at=before)
    assert audit(registry.log).faults == ()


def test_a_disk_that_nobody_may_write_is_the_machines_fault(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Path(registry.folder).parent / "run"
    run.mkdir()
    (run / "a").write_bytes(b"a")

    def refused(*_: Any) -> int:
        raise OSError(errno.EROFS, "refused")

    monkeypatch.setattr(os, "write", refused)
    words = ("store", "ingest", str(run), "--producer", "p", "--run-id", "r", "--subject", "s")
    done = rsppc_here(run.parent, *words, "--store", registry.folder)
    assert (done.returncode, b"read-only" in done.stderr) == (ENVIRONMENT, True)


def test_a_database_that_cannot_be_made_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("rsppc.store.log.make_database", full)
    with pytest.raises(StoreProblem):
        store_in(tmp_path / "store")


def test_a_registry_made_anew_is_never_there_without_its_mark(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    published(registry)
    registry.close()
    for name in (DATABASE, HEAD):
        Path(registry.folder, name).unlink()
    renamed: list[str] = []
    rename = os.rename
    monkeypatch.setattr(os, "rename", lambda a, b: (renamed.append(os.path.basename(b)), rename(a, b))[1])
    rebuild(registry.folder, AT)
    assert renamed[-2:] == [HEAD, DATABASE]
