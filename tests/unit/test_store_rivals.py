"""Two publishers of one run at the same moment, each with a connection of its own: one wins, and never a mixture."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

import pytest
from rsppc.store import registry as registries
from rsppc.store.auditing import audit
from rsppc.store.config import Config
from rsppc.store.folder_ingest import Ingested, ingest_folder
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import init_store, opened
from rsppc.store.request import Entry, PackageRequest
from rsppc.store.walking import walk
from stores import AT, filled, store_in

REQUEST = PackageRequest(producer="guide-board", run_id="r1", subject="desk")

LEFT = {f"{number:03}": b"left" for number in range(300)}
FEW = {path: data for path, data in LEFT.items() if path < "040"}
RIVALS = {
    "other-names": (LEFT, {f"{path}.txt": data for path, data in LEFT.items()}),
    "other-content-at-the-end": (FEW, {**FEW, "039": b"right"}),
    "one-more-at-the-end": (FEW, {**FEW, "040": b"right"}),
    "names-between": (FEW, {f"{number:03}": b"left" for number in range(0, 80, 2)}),
}


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many batches as a run of thousands of files has."""
    monkeypatch.setattr(registries, "BATCH_FILES", 8)


def folder_with(root: Path, files: Mapping[str, bytes]) -> Path:
    root.mkdir()
    for path, data in files.items():
        (root / path).write_bytes(data)
    return root


def published_at_once(store: Path, *folders: Path) -> list[Ingested | StoreProblem]:
    """What becomes of each folder, published as one run by a thread of its own; none begins before all have looked."""
    init_store(str(store), Config())
    begun = threading.Barrier(len(folders), timeout=30)
    answers: dict[int, Ingested | StoreProblem] = {}

    def publish(number: int) -> None:
        first = threading.Lock()

        def told(size: int) -> None:
            if first.acquire(blocking=False):
                begun.wait()

        with opened(str(store), wait_s=60) as mine:
            try:
                answers[number] = ingest_folder(mine, REQUEST, walk(str(folders[number])), AT, told=told)
            except StoreProblem as problem:
                answers[number] = problem

    threads = [threading.Thread(target=publish, args=(number,)) for number in range(len(folders))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[number] for number in range(len(folders))]


@pytest.mark.parametrize("rival", RIVALS)
def test_of_two_contents_of_one_run_one_wins(tmp_path: Path, small_batches: None, rival: str) -> None:
    """R-004-03; also of runs without a name in common, and of one that is a part of the other."""
    contents = RIVALS[rival]
    folders = [folder_with(tmp_path / name, files) for name, files in zip("ab", contents, strict=True)]
    answers = published_at_once(tmp_path / "store", *folders)
    (winner,) = [one for one in answers if isinstance(one, Ingested)]
    (loser,) = [one for one in answers if isinstance(one, StoreProblem)]
    assert (loser.kind, "another run" in loser.advice) == ("conflict", True), loser.what
    with opened(str(tmp_path / "store")) as registry:
        package = registry.package(winner.final.package.package_id)
        held = {file.path: b"".join(registry.content(file)) for file in registry.files(package.package_id)}
        assert (package.state, held) == ("finalized", contents[answers.index(winner)])
        assert audit(registry.log).faults == ()


def test_two_who_publish_the_same_folder_share_the_work(tmp_path: Path, small_batches: None) -> None:
    """R-004-03."""
    folders = [folder_with(tmp_path / name, FEW) for name in "ab"]
    answers = published_at_once(tmp_path / "store", *folders)
    assert all(isinstance(one, Ingested) for one in answers), answers
    assert len({one.final.manifest_digest for one in answers if isinstance(one, Ingested)}) == 1
    with opened(str(tmp_path / "store")) as registry:
        assert registry.log.head().seq == len(FEW) + 3


def test_a_winner_that_dies_is_followed_by_whoever_has_the_same(tmp_path: Path) -> None:
    """Whoever has other files is refused before anything of them is told, so that the run is no mixture."""
    mine, other = (folder_with(tmp_path / name, {"1": b"1", name: b"2"}) for name in "ab")
    with store_in(tmp_path / "store") as registry:
        begun = filled(registry, files={"1": b"1", "a": b"2"})
        with pytest.raises(StoreProblem, match="was begun before as"):
            filled(registry, kind="other")
        with pytest.raises(StoreProblem, match="holds `a`, which is not in the folder"):
            ingest_folder(registry, REQUEST, walk(str(other)), AT)
        assert [file.path for file in registry.files(begun)] == ["1", "a"]
        assert ingest_folder(registry, REQUEST, walk(str(mine)), AT).final.package.file_count == 2


def test_a_file_that_somebody_adds_before_the_end_is_not_made_final(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever names single files, as over HTTP, has no claim, and may come in between at any moment."""
    folder = folder_with(tmp_path / "a", {"1": b"1"})
    with store_in(tmp_path / "store") as registry:
        described = registry.manifest_value

        def added(package_id: str) -> object:
            value = described(package_id)
            if registry.package(package_id).file_count == 1:
                registry.ingest_file(package_id, Entry(path="2"), [b"2"], AT)
            return value

        monkeypatch.setattr(registry, "manifest_value", added)
        with pytest.raises(StoreProblem, match="holds `2`, which is not in the folder"):
            ingest_folder(registry, REQUEST, walk(str(folder)), AT)
        assert registry.packages()[0].state == "open"
