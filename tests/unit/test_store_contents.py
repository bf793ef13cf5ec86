"""Much content is looked at by several processes, many packages at a time, and nobody can tell from what is found."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rsppc.store import contents, verification
from rsppc.store.gc import collect
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, open_store
from rsppc.store.verification import verify_each, verify_package
from stores import AT, FILES, published, store_in


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "store") as made:
        yield made


def _content(registry: Registry, package_id: str, path: str) -> Path:
    (file,) = (one for one in registry.files(package_id) if one.path == path)
    name = file.digest_primary.removeprefix("blake3:")
    return Path(registry.folder, "blobs", name[:2], name)


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("together", [1, 5, 20_000])
def test_what_is_found_depends_on_nobodys_way_of_looking(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, processes: int, together: int
) -> None:
    """R-004: verification names each damaged item and reads the rest, on any number of processors."""
    made = [published(registry, f"r{run}", {**FILES, "own": b"%d" % run}) for run in range(7)]
    _content(registry, made[2], "own").write_bytes(b"x")
    _content(registry, made[4], "own").unlink()
    monkeypatch.setattr(contents, "WORKER_BYTES", 1)
    monkeypatch.setattr(contents, "GROUP_FILES", 2)
    monkeypatch.setattr("os.cpu_count", lambda: processes)
    monkeypatch.setattr(verification, "TOGETHER_FILES", together)
    sound, calls = [0], [0]

    def told(size: int) -> None:
        sound[0] += size

    def meanwhile() -> None:
        calls[0] += 1

    found = list(verify_each(registry, [*made, "no such package"], told, meanwhile))
    assert [one for one, _ in found] == [*made, "no such package"]
    assert isinstance(found[-1][1], StoreProblem)
    faults = {
        one: [(fault.item, fault.what.split(" ", 3)[3]) for fault in verdict.faults]
        for one, verdict in found
        if not isinstance(verdict, StoreProblem) and verdict.faults
    }
    assert faults == {made[2]: [("own", "is not what its digest says")], made[4]: [("own", "is missing")]}
    assert calls == [1]
    if together == 20_000:
        assert sound == [sum(map(len, FILES.values())) + 5]  # each content is read once


def test_what_is_to_be_done_meanwhile_is_done_where_nothing_is_looked_at(registry: Registry) -> None:
    done = []
    assert list(verify_each(registry, [], meanwhile=lambda: done.append(1))) == []
    assert done == [1]


def test_a_package_that_is_collected_while_it_is_looked_at_is_not_damaged(registry: Registry) -> None:
    """R-004: collecting and verifying at once accuse nobody."""
    made = [published(registry, f"r{run}", {"own": b"%d" % run}) for run in range(3)]

    def gone() -> None:
        with open_store(registry.folder) as another:
            collect(another, AT + timedelta(days=9999), delete=True)

    found = dict(verify_each(registry, made, meanwhile=gone))
    assert not _content_left(registry)
    for one in made:
        verdict = found[one]
        assert not isinstance(verdict, StoreProblem)
        assert (verdict.package.state, verdict.files, verdict.faults) == ("collected", 0, ())


def _content_left(registry: Registry) -> list[str]:
    return [digest for digest, _ in registry.backend.listed()]


def test_content_that_cannot_be_read_proves_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    made = published(registry)

    def failing(*_: object, **__: object) -> Iterator[bytes]:
        raise StoreProblem("environment", "the disk is gone")

    monkeypatch.setattr(registry.backend, "read", failing)
    with pytest.raises(StoreProblem) as refused:
        verify_package(registry, made)
    assert refused.value.kind == "environment"


def test_a_disk_that_failed_once_proves_nothing(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if it says yes the next time."""
    made = published(registry)
    read, calls = registry.backend.read, [0]

    def failing(*given: Any, **named: Any) -> Iterator[bytes]:
        calls[0] += 1
        if calls[0] == 2:
            raise StoreProblem("environment", "the disk failed")
        return read(*given, **named)

    monkeypatch.setattr(registry.backend, "read", failing)
    with pytest.raises(StoreProblem, match="cannot be read: the disk failed") as refused:
        verify_package(registry, made)
    assert refused.value.kind == "environment"


def test_one_digest_that_is_said_to_be_of_two_things_is_looked_at_twice(registry: Registry) -> None:
    """Of two packages that share content, the one whose tables say another size of it is damaged, and the other not."""
    first, second = published(registry, "r1"), published(registry, "r2")
    registry.log.database.execute("UPDATE files SET size = 7 WHERE package_id = ? AND path = 'run.json'", (second,))
    found = dict(verify_each(registry, [first, second]))
    verdicts = [found[one] for one in (first, second)]
    assert [not isinstance(one, StoreProblem) and bool(one.faults) for one in verdicts] == [False, True]
