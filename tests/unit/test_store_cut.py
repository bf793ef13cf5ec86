"""Files of a store whose end is missing, as copies and disks leave them: each is noticed, ignored or refused as
`docs/store.md` says of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from rsppc.store import log as logs
from rsppc.store.auditing import audit
from rsppc.store.config import CONFIG
from rsppc.store.gc import collect
from rsppc.store.log import DATABASE
from rsppc.store.mark import HEAD
from rsppc.store.problems import StoreProblem
from rsppc.store.rebuilding import rebuild
from rsppc.store.registry import Registry, opened
from rsppc.store.transfer import export_package, import_package
from stores import AT, FILES, published, store_in

WAL = f"{DATABASE}-wal"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "store") as registry:
        yield registry


def copied(registry: Registry, target: Path) -> str:
    """The store as a writer leaves it who is killed at this moment."""
    shutil.copytree(registry.folder, target)
    (target / f"{DATABASE}-shm").unlink()  # which tells nothing of what is in the other two
    return str(target)


def cut(path: Path, count: int = 1) -> None:
    path.write_bytes(path.read_bytes()[:-count])


def test_a_last_event_that_is_cut_off_is_missed(registry: Registry, tmp_path: Path) -> None:
    """R-004-05. Somebody was told of it."""
    made = published(registry)
    store = copied(registry, tmp_path / "copy")
    cut(tmp_path / "copy" / WAL)
    with pytest.raises(StoreProblem, match="the log ends at event 4, but it had 6 events") as refused, opened(store):
        pass
    assert (refused.value.kind, "rsppc store rebuild" in refused.value.advice) == ("corrupt", True)
    assert rebuild(store, AT).packages == 1
    with opened(store) as again:
        assert again.package(made).manifest_digest == registry.package(made).manifest_digest


def test_a_last_event_that_nobody_was_told_of_is_as_if_it_had_not_been(
    registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its writer was killed before the mark was exchanged, and so before anybody heard of it."""
    write = logs.write_mark
    with monkeypatch.context() as patch:
        patch.setattr(logs, "write_mark", lambda folder, head: write(folder, head) if head.seq == 0 else None)
        published(registry)
    store = copied(registry, tmp_path / "copy")
    cut(tmp_path / "copy" / WAL)
    with opened(store) as again:
        assert (again.log.head().seq, audit(again.log).faults) == (4, ())
        made = published(again)
        assert again.package(made).manifest_digest == registry.package(made).manifest_digest


@pytest.mark.parametrize("rest", [0, 1, 40, -1])
def test_a_mark_that_is_cut_off_is_said_and_hinders_gc_alone(registry: Registry, rest: int) -> None:
    """The log is sound in itself; only that it ends where it did can no longer be seen."""
    made = published(registry)
    mark = Path(registry.folder, HEAD)
    mark.write_bytes(mark.read_bytes()[:rest])
    with opened(registry.folder) as again:
        assert {file.path: b"".join(again.content(file)) for file in again.files(made)} == FILES
        assert ["is damaged" in fault for fault in audit(again.log).faults] == [True]
        with pytest.raises(StoreProblem, match="is damaged") as refused:
            collect(again, AT, delete=True)
        assert refused.value.kind == "corrupt"
        published(again, "r2")
        assert audit(again.log).faults == ()


def test_a_configuration_that_is_cut_off_is_refused_and_can_be_made_anew(registry: Registry) -> None:
    published(registry)
    path = Path(registry.folder, CONFIG)
    whole = path.read_bytes()
    for rest in range(0, len(whole) - 2, 20):
        path.write_bytes(whole[:rest])
        with pytest.raises(StoreProblem, match="not what a store's configuration should be") as refused:
            opened(registry.folder).__enter__()
        assert (refused.value.kind, "rsppc store init" in refused.value.advice) == ("malformed", True)
    path.unlink()
    with pytest.raises(StoreProblem, match="is missing, which says where content lies") as refused:
        opened(registry.folder).__enter__()
    assert refused.value.kind == "corrupt", "nobody makes another one without being asked"
    store_in(registry.folder).close()
    assert path.read_bytes() == whole


def test_a_key_of_the_configuration_that_is_misspelt_is_not_passed_over(registry: Registry) -> None:
    """The retention that its writer meant would not be what counts."""
    path = Path(registry.folder, CONFIG)
    for right, wrong in ((b"retention_classes", b"retention_clases"), (b'"days"', b'"dayz"')):
        whole = path.read_bytes()
        path.write_bytes(whole.replace(right, wrong))
        with pytest.raises(StoreProblem, match="unknown field"):
            opened(registry.folder).__enter__()
        path.write_bytes(whole)


def test_an_exported_package_that_is_cut_off_is_refused_wherever_that_is(registry: Registry, tmp_path: Path) -> None:
    made = published(registry)
    registry.record_attestation(made, "signature", "application/json", b"{}", AT)
    path = tmp_path / "run.tar"
    export_package(registry, made, str(path), lambda _: None)
    whole = path.read_bytes()
    with store_in(tmp_path / "other") as other:
        for rest in (*range(0, len(whole), 256), len(whole) - 1):
            path.write_bytes(whole[:rest])
            with pytest.raises(StoreProblem, match="the file ends ") as refused:
                import_package(other, str(path), AT, lambda _: None)
            assert (refused.value.kind, "cut off" in refused.value.advice) == ("corrupt", True)
        assert other.log.head().seq == 0


def test_a_folder_is_no_exported_package(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(StoreProblem, match="is no file"):
        import_package(registry, str(tmp_path), AT, lambda _: None)
