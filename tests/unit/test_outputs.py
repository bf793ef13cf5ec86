"""A set of files appears at once or not at all, whatever happens to its writer."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.record import Record
from rsppc.outputs import SETS, OutputFault, Written, remove_left_overs, set_digest, write_set


class Text(Record):
    """What a file holds, in pieces of four bytes."""

    data: bytes

    @property
    def digest(self) -> Digest:
        return digest_bytes(self.data)

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), 4):
            yield self.data[start : start + 4]


FIRST = {"bundle.json": b"{}\n", "resolved_spec.json": b'{"a": 1}\n'}
SECOND = {"bundle.json": b"{}\n", "resolved_spec.json": b'{"a": 2}\n'}
STEPS = ("mkdir", "open", "write", "rename", "symlink", "replace")


def shown(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((root / "talk" / "v1").iterdir())}


def write(root: Path, files: dict[str, bytes]) -> Written | OutputFault:
    """Write a set as a build does: what killed writers left is removed first."""
    remove_left_overs(str(root))
    return write_set(str(root), "talk", "v1", texts(files))


def texts(files: dict[str, bytes]) -> dict[str, Text]:
    return {name: Text(data=data) for name, data in files.items()}


def digest_of(files: dict[str, bytes]) -> Digest:
    return set_digest(texts(files))


def unfinished(root: Path) -> list[str]:
    return [path.name for path in root.rglob(".unfinished-*")]


def failing(monkeypatch: pytest.MonkeyPatch, name: str, number: int, error: BaseException) -> Callable[[], bool]:
    """Let the nth call of a function of `os` fail; the answer says whether it came to that."""
    real: Any = getattr(os, name)
    calls = 0

    def call(*args: Any, **said: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            raise error
        return real(*args, **said)

    monkeypatch.setattr(os, name, call)
    return lambda: calls >= number


def test_a_set_can_be_read_through_its_link(tmp_path: Path) -> None:
    found = write(tmp_path, FIRST)
    assert found == Written(path="talk/v1", digest=digest_of(FIRST), changed=True)
    assert shown(tmp_path) == FIRST
    assert os.readlink(tmp_path / "talk" / "v1") == f"../{SETS}/{digest_of(FIRST).removeprefix('sha256:')}"


def test_a_set_that_is_there_is_not_written_again(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    before = os.stat(tmp_path / "talk" / "v1" / "bundle.json")
    found = write(tmp_path, FIRST)
    after = os.stat(tmp_path / "talk" / "v1" / "bundle.json")
    assert isinstance(found, Written) and not found.changed
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_later_set_takes_the_place_of_the_earlier_one(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    found = write(tmp_path, SECOND)
    assert isinstance(found, Written) and found.changed
    assert shown(tmp_path) == SECOND and unfinished(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be killed in the middle")
@pytest.mark.parametrize("step", STEPS)
def test_whenever_a_writer_is_killed_the_earlier_set_stays_or_the_later_one_is_there(tmp_path: Path, step: str) -> None:
    """R-001-53: nothing half-written is ever shown."""
    for number in range(1, 20):
        root = tmp_path / str(number)
        write(root, FIRST)
        if not killed_at(step, number, root):
            break
        assert shown(root) in (FIRST, SECOND)
        assert isinstance(write(root, SECOND), Written)
        assert shown(root) == SECOND and unfinished(root) == []
    assert 1 < number < 19


def killed_at(step: str, number: int, root: Path) -> bool:
    """Write the second set in a process that ends, without any clean-up, where it would call a function of `os` for the
    nth time; False where it came to its end before."""
    child = os.fork()
    if child == 0:
        calls = iter(range(1, number))
        real: Any = getattr(os, step)
        setattr(os, step, lambda *args, **said: real(*args, **said) if next(calls, None) else os._exit(9))
        found = write(root, SECOND)
        os._exit(0 if isinstance(found, Written) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 9)
    return os.waitstatus_to_exitcode(status) == 9


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_full_disk_is_a_fault_that_leaves_the_earlier_set_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, number: int
) -> None:
    write(tmp_path, FIRST)
    with monkeypatch.context() as patch:
        was_reached = failing(patch, step, number, OSError(errno.ENOSPC, "No space left on device"))
        found = write(tmp_path, SECOND)
        if not was_reached():
            return
    if isinstance(found, OutputFault):
        assert found.reason == "the disk is full"
        assert shown(tmp_path) in (FIRST, SECOND)
    assert unfinished(tmp_path) == []


def test_a_write_that_takes_only_a_part_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:3]))
    assert isinstance(write(tmp_path, FIRST), Written)
    assert shown(tmp_path) == FIRST


def test_a_system_without_symbolic_links_is_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failing(monkeypatch, "symlink", 1, NotImplementedError())
    found = write(tmp_path, FIRST)
    assert found == OutputFault(
        path=str(tmp_path / "talk" / "v1"), reason="this system does not support symbolic links"
    )


def test_a_folder_that_no_build_made_is_not_replaced(tmp_path: Path) -> None:
    mine = tmp_path / "talk" / "v1"
    mine.mkdir(parents=True)
    (mine / "notes.txt").write_text("keep me")
    found = write(tmp_path, FIRST)
    assert isinstance(found, OutputFault) and "no build made" in found.reason
    assert (mine / "notes.txt").read_text() == "keep me"


def test_a_file_where_a_folder_is_needed_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "talk").write_text("")
    found = write(tmp_path, FIRST)
    assert isinstance(found, OutputFault) and found.reason == "a file stands where a folder is needed"


@pytest.mark.parametrize("damage", ["edit", "longer", "shorter", "extra", "missing", "folder"])
def test_a_stored_set_that_somebody_edited_is_put_right(tmp_path: Path, damage: str) -> None:
    write(tmp_path, FIRST)
    stored = tmp_path / SETS / digest_of(FIRST).removeprefix("sha256:")
    if damage == "edit":
        (stored / "bundle.json").write_bytes(b"[]")
    elif damage == "longer":
        (stored / "bundle.json").write_bytes(b"{}\n\n")
    elif damage == "shorter":
        (stored / "bundle.json").write_bytes(b"{}")
    elif damage == "extra":
        (stored / "more.json").write_bytes(b"[]")
    elif damage == "missing":
        (stored / "bundle.json").unlink()
    else:
        (stored / "bundle.json").unlink()
        (stored / "bundle.json").mkdir()
    assert isinstance(write(tmp_path, FIRST), Written)
    assert shown(tmp_path) == FIRST and unfinished(tmp_path) == []


def test_left_overs_of_killed_writers_are_removed(tmp_path: Path) -> None:
    write(tmp_path, FIRST)
    left = tmp_path / SETS / ".unfinished-1-0"
    left.mkdir()
    (left / "bundle.json").write_bytes(b"{")
    os.symlink("nowhere", tmp_path / "talk" / ".unfinished-v1-999999999-0")
    write(tmp_path, SECOND)
    assert unfinished(tmp_path) == []


def test_what_somebody_is_still_writing_is_not_removed(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    write(tmp_path, FIRST)
    busy = tmp_path / SETS / ".unfinished-1-0"
    busy.mkdir()
    lock = os.open(busy, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        write(tmp_path, SECOND)
        assert busy.is_dir()
    finally:
        os.close(lock)


def test_two_builds_at_once_both_succeed_and_one_set_is_shown(tmp_path: Path) -> None:
    code = (
        "import sys; from rsppc.outputs import *\n"
        "from rsppc.emit.canonical_document import document\n"
        "for n in range(25):\n"
        "    one = document({'n': b'%d' % (n % 3)})\n"
        "    found = write_set(sys.argv[1], 'talk', 'v1', {'a.json': one, 'b.json': one})\n"
        "    assert isinstance(found, Written), found\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path)]) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert len(set(shown(tmp_path).values())) == 1 and unfinished(tmp_path) == []


def test_the_digest_of_a_set_tells_names_from_bytes() -> None:
    assert digest_of({"a": b"b"}) != digest_of({"ab": b""})
    assert digest_of({"a": b"", "b": b""}) == digest_of({"b": b"", "a": b""})


def test_bundles_do_not_touch_each_other(tmp_path: Path) -> None:
    write_set(str(tmp_path), "talk", "v1", texts(FIRST))
    write_set(str(tmp_path), "talk", "v2", texts(SECOND))
    write_set(str(tmp_path), "other", "v1", texts(FIRST))
    assert shown(tmp_path) == FIRST
    assert len(list((tmp_path / SETS).iterdir())) == 2
