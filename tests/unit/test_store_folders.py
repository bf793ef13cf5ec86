"""A folder becomes a package, or nothing at all does (hostile folders; killed and continued)."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from rsppc.store.folder_ingest import ingest_folder
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry
from rsppc.store.request import PackageRequest
from rsppc.store.walking import read_found, walk
from stores import AT, FILES, store_in

REQUEST = PackageRequest(producer="guide-board", run_id="r1", subject="desk")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "store") as registry:
        yield registry


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for path, data in FILES.items():
        (tmp_path / "run" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "run" / path).write_bytes(data)
    return tmp_path / "run"


def test_every_file_comes_back(registry: Registry, run: Path) -> None:
    """R-004-03, R-004-23."""
    done = ingest_folder(registry, REQUEST, walk(str(run)), AT)
    files = registry.files(done.final.package.package_id)
    assert {file.path: b"".join(registry.content(file)) for file in files} == FILES
    assert [file.media_type for file in files] == ["application/octet-stream", "text/plain", "application/json"]


def test_a_run_that_was_stopped_goes_on(registry: Registry, run: Path) -> None:
    made = registry.create_package(REQUEST, AT).package.package_id
    walked = walk(str(run))
    from rsppc.store.folder_ingest import entry_of

    first = walked.files[1]
    registry.ingest_file(made, entry_of(first), read_found(str(run), first, lambda _: None), AT)
    done = ingest_folder(registry, REQUEST, walked, AT)
    assert (done.sent, done.known, registry.log.head().seq) == (2, 1, 6)
    again = ingest_folder(registry, REQUEST, walk(str(run)), AT)
    assert (again.sent, again.known, again.final.reused, registry.log.head().seq) == (0, 3, True, 6)


def test_other_content_of_the_same_run_is_refused(registry: Registry, run: Path) -> None:
    ingest_folder(registry, REQUEST, walk(str(run)), AT)
    (run / "run.json").write_bytes(b'{"run":2}\n')
    with pytest.raises(StoreProblem, match=r"`run\.json` is in the package already, with other content"):
        ingest_folder(registry, REQUEST, walk(str(run)), AT)
    (run / "run.json").unlink()
    with pytest.raises(StoreProblem, match=r"holds `run\.json`, which is not in the folder"):
        ingest_folder(registry, REQUEST, walk(str(run)), AT)


def _hostile(run: Path, outside: Path) -> None:
    (run / "link").symlink_to(outside)
    (run / "linked").symlink_to(outside.parent, target_is_directory=True)
    os.link(outside, run / "hard")
    os.mkfifo(run / "pipe")
    (run / "NUL").write_bytes(b"")
    (run / "dot.").write_bytes(b"")
    (run / "Run.JSON").write_bytes(b"")
    (run / "e\u0301").write_bytes(b"")
    (run / "a:b").write_bytes(b"")
    Path(os.fsdecode(os.fsencode(run) + b"/\xff")).write_bytes(b"")


def test_everything_that_cannot_be_kept_is_named_at_once(registry: Registry, run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    _hostile(run, tmp_path / "secret")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(run)
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        with pytest.raises(StoreProblem) as refused:
            walk(str(run))
    for said in (
        "`link`: it is a symbolic link",
        "`linked`: it is a symbolic link",
        "`hard`: it has another name outside",
        "`pipe`: it is no file",
        "`socket`: it is no file",
        "`NUL`: `NUL` is the name of a device",
        "`dot.`: `dot.` ends with a dot",
        "it is one file with `Run.JSON` where case does not count",
        "not in Unicode's composed form",
        "`a:b`: it holds U+003A",
        "it holds a lone surrogate",
    ):
        assert said in refused.value.what
    assert registry.log.head().seq == 0


def test_hard_links_within_the_folder_are_files(run: Path) -> None:
    os.link(run / "run.json", run / "copy.json")
    assert [file.path for file in walk(str(run)).files] == ["copy.json", "raw/empty", "raw/log.txt", "run.json"]


@pytest.mark.parametrize("what", ["content", "link", "pipe", "folder", "gone"])
def test_a_file_that_changes_meanwhile_is_refused(registry: Registry, run: Path, tmp_path: Path, what: str) -> None:
    walked = walk(str(run))
    path = run / "raw/log.txt"
    if what == "content":
        path.write_bytes(b"longer" * 1000)
    elif what == "folder":
        (run / "raw").rename(tmp_path / "elsewhere")
        (run / "raw").symlink_to(tmp_path / "elsewhere")
    else:
        path.unlink()
        if what == "link":
            path.symlink_to("/etc/passwd")
        elif what == "pipe":
            os.mkfifo(path)
    with pytest.raises(StoreProblem, match=r"raw/(log\.txt|empty)` changed while") as refused:
        ingest_folder(registry, REQUEST, walked, AT)
    assert refused.value.kind == "corrupt"
    assert registry.packages()[0].state == "open"


def test_a_file_that_grows_while_it_is_read_is_refused(run: Path) -> None:
    walked = walk(str(run))
    pieces = read_found(str(run), walked.files[1], lambda _: None)
    next(pieces)
    (run / "raw/log.txt").write_bytes(b"more" * 10_000)
    with pytest.raises(StoreProblem, match="changed while"):
        list(pieces)


def test_a_folder_without_files_is_no_run(registry: Registry, tmp_path: Path) -> None:
    """Its package would be final, and could not take the files of the run any more."""
    (tmp_path / "empty/inside").mkdir(parents=True)
    with pytest.raises(StoreProblem, match="holds no file") as refused:
        ingest_folder(registry, REQUEST, walk(str(tmp_path / "empty")), AT)
    assert (refused.value.kind, registry.packages()) == ("refused", [])


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StoreProblem, match="cannot be read as a folder"):
            walk(str(path))


def test_a_huge_file_takes_little_memory(registry: Registry, tmp_path: Path) -> None:
    import tracemalloc

    (tmp_path / "big").mkdir()
    with open(tmp_path / "big/zeros", "wb") as file:
        file.truncate(32 * 2**20)
    tracemalloc.start()
    ingest_folder(registry, REQUEST, walk(str(tmp_path / "big")), AT)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * 2**20
