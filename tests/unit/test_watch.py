"""`rsppc watch`: rounds begin when something is another, and nothing that happens to files ends it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rsppc.cli import watching
from rsppc.cli.watching import look, watch
from workspaces import BUNDLE_PATH, CLEAN, SPEC, SPEC_PATH, command, environment, make, rsppc

SECONDS_MAX = 60


class Watched:
    """A watch that somebody started in a folder."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.told = folder.parent / "told"
        with open(self.told, "wb") as told, open(folder.parent / "said", "wb") as said:
            self.process = subprocess.Popen(
                command("watch", *arguments), cwd=folder, stdout=said, stderr=told, env=environment()
            )

    def rounds(self, number: int) -> list[str]:
        """The summaries, once there are so many."""
        for _ in range(SECONDS_MAX * 20):
            lines = self.told.read_text().splitlines()
            if len(lines) >= number:
                return lines
            assert self.process.poll() is None, lines
            time.sleep(0.05)
        raise AssertionError(f"no round {number}: {lines}")

    def stays_at(self, number: int) -> bool:
        time.sleep(1.2)
        return len(self.told.read_text().splitlines()) == number


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "workspace")


@pytest.fixture
def watched(folder: Path) -> Iterator[Watched]:
    started = Watched(folder)
    yield started
    started.process.kill()
    started.process.wait()


def test_each_change_is_a_round_and_an_interrupt_the_end(folder: Path, watched: Watched) -> None:
    assert watched.rounds(1) == ["-- round 1: everything: no findings that fail"]
    make(folder, {SPEC_PATH: SPEC.replace("speech.vad", "speech.vda")})
    assert watched.rounds(2)[1] == f"-- round 2: {SPEC_PATH}: findings"
    make(folder, {SPEC_PATH: SPEC})
    assert watched.rounds(3)[2] == f"-- round 3: {SPEC_PATH}: no findings that fail"
    os.utime(folder / SPEC_PATH)
    assert watched.stays_at(3), "another time is no change"
    (folder / BUNDLE_PATH).unlink()
    assert watched.rounds(4)[3] == f"-- round 4: {BUNDLE_PATH}: no findings that fail"
    make(folder, {"rsppc.toml": "strict = 3\n", "pipelines/assets/x.txt": "x"})
    assert watched.rounds(5)[4] == "-- round 5: pipelines/assets/x.txt and 1 more: findings"
    (folder / "rsppc.toml").unlink()
    assert watched.rounds(6)[5] == "-- round 6: rsppc.toml: no findings that fail"
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(SECONDS_MAX) == 130
    assert sum(line.startswith("-- round") for line in watched.rounds(6)) == 6
    assert b"Traceback" not in (folder.parent / "told").read_bytes()


def test_a_file_that_grows_is_read_when_it_is_whole(folder: Path, watched: Watched) -> None:
    watched.rounds(1)
    data = SPEC.replace("400", "450").encode()
    with open(folder / SPEC_PATH, "wb", buffering=0) as file:
        for start in range(0, len(data), 50):
            file.write(data[start : start + 50])
            time.sleep(0.05)
    # A machine with much to do may let the file rest in between; whoever reads all of it comes last.
    lines = watched.rounds(2)
    while not lines[-1].endswith("no findings that fail"):
        lines = watched.rounds(len(lines) + 1)
    assert len(lines) < 6 and watched.stays_at(len(lines))


def test_a_change_during_a_round_is_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "_LOOK_SECONDS", 0.001)
    folder, said = make(tmp_path), list[str]()
    texts = iter([SPEC + "\n", SPEC + "\n\n"])

    def run() -> int:
        text = next(texts, None)
        if text is not None:
            (folder / SPEC_PATH).write_text(text)
        return 0

    watch(str(folder), run, said.append, rounds=3)
    assert [line.split(": ")[1] for line in said] == ["everything", SPEC_PATH, SPEC_PATH]


def test_vanishing_and_dangling_files_are_passed_over(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "pipelines" / "specs" / "gone_v1.yaml").symlink_to("nowhere")
    (folder / "pipelines" / "specs" / ".hidden.yaml").write_text("x")
    assert {os.path.relpath(path, folder) for path in look(str(folder))} == {
        one.relative_to(folder).as_posix() for one in folder.rglob("*_v1.yaml") if one.is_file()
    }


def test_a_watch_builds_where_it_is_told_to(tmp_path: Path) -> None:
    folder = make(tmp_path / "workspace")
    started = Watched(folder, "build")
    started.rounds(1)
    started.process.send_signal(signal.SIGINT)
    assert started.process.wait(SECONDS_MAX) == 130
    assert (folder / "build" / "line_bundle" / "v1" / "bundle.json").is_file()


def test_modules_in_the_folder_are_not_run(tmp_path: Path) -> None:
    folder = make(tmp_path, {**CLEAN, "click.py": "raise SystemExit(77)", "rsppc/__init__.py": "raise SystemExit(77)"})
    said: list[str] = []
    with contextlib.chdir(folder):
        watch(str(folder), lambda: watching.run_in_process(["check"]), said.append, rounds=1)
    assert said == ["-- round 1: everything: no findings that fail"]


def test_a_watch_needs_a_workspace(tmp_path: Path) -> None:
    assert rsppc(tmp_path, "watch").returncode == 2
    assert rsppc(make(tmp_path), "watch", "fmt").returncode == 2
