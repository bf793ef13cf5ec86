"""Work that is sent away gives what it gives at home, and whoever cannot do it is told from whoever can."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from rsppc.batch import NOT_THERE, ExecutorFault, Job, LocalProcesses
from rsppc.caching.carried import NotCarried, carried, carry
from rsppc.cli import executing, working
from rsppc.cli.executing import executor_named
from rsppc.diagnostics import DiagnosticSink
from rsppc.workspace import UnreadableFile, find_workspace
from workspaces import BUNDLE, CLEAN, SPEC, SPEC_PATH, built_files, make, rsppc, rsppc_here

PROMPTED = SPEC.replace("provider: llm-house}", "provider: llm-house, config: {system_prompt: prompts/line.txt}}")
PROMPT_PATH = "pipelines/assets/prompts/line.txt"
MANY = {
    **CLEAN,
    SPEC_PATH: PROMPTED,
    PROMPT_PATH: "Be brief.",
    "pipelines/specs/broken_v1.yaml": SPEC.replace("id: line", "id: broken").replace("speech.vad", "speech.vda"),
    "pipelines/specs/lost_v1.yaml": PROMPTED.replace("id: line", "id: lost").replace("line.txt", "lost.txt"),
    "pipelines/specs/torn_v1.yaml": "nodes: [\n",
    "pipelines/specs/späť_v1.yaml": b"\xff\xfe",
    "pipelines/bundles/other_v1.yaml": BUNDLE.replace("line_bundle", "other").replace("line/v1", "nowhere/v1"),
}


class Away:
    """An executor that sends everything, as bytes, to a machine that has not the workspace."""

    forks = False

    def __init__(self) -> None:
        self.results: list[Any] = []

    def each(self, items: Sequence[str], job: Job[Any]) -> Iterator[Any]:
        parcel = job.parcel()
        assert parcel.identity() == working.identity()
        for item in items:
            (result,) = pickle.loads(pickle.dumps(parcel.work(parcel.digest, parcel.data, [item])))
            self.results.append(result)
            yield job.arrived(item, result)


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Away:
    made = Away()
    for command in ("check", "build"):
        monkeypatch.setattr(f"rsppc.cli.commands.{command}.executor_named", lambda *_, **__: made)
    monkeypatch.setattr("rsppc.cli.working._OPENED", {})
    return made


@pytest.mark.parametrize("cache", ["--no-cache", "--cache"])
@pytest.mark.parametrize("strict", [(), ("--strict",)])
def test_findings_are_the_same_bytes(tmp_path: Path, cache: str, strict: tuple[str, ...], away: Away) -> None:
    folder = make(tmp_path, MANY)
    found = rsppc_here(folder, "check", cache, "--format", "json", *strict)
    assert away.results
    home = rsppc(folder, "check", "--no-cache", "--format", "json", *strict)
    assert (found.returncode, found.stdout) == (home.returncode, home.stdout)


@pytest.mark.parametrize("cache", ["--no-cache", "--cache"])
def test_built_files_are_the_same_bytes(tmp_path: Path, cache: str, away: Away) -> None:
    folder = make(tmp_path, MANY)
    found = rsppc_here(folder, "build", cache, "--output", "away")
    home = rsppc(folder, "build", "--no-cache", "--output", "home")
    assert (found.returncode, found.stdout.replace(b"away", b"home")) == (home.returncode, home.stdout)
    assert built_files(folder / "away") == built_files(folder / "home") != {}


def test_what_needs_a_file_of_ours_is_done_here(tmp_path: Path, away: Away) -> None:
    folder = make(tmp_path, MANY)
    rsppc_here(folder, "check", "--no-cache")
    assert away.results.count(NOT_THERE) == 1, "the one that names an asset which is not there"


def test_what_was_found_out_away_is_remembered_here(
    tmp_path: Path, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rsppc.caching.folder._JUST_NOW_NS", -(10**20))
    monkeypatch.setattr("rsppc.caching.memory.compiler_stamp", lambda: ("sha256:" + "0" * 64, 0))
    folder = make(tmp_path, MANY)
    (folder / "pipelines/specs/späť_v1.yaml").unlink()  # what is no text is judged every time
    rsppc_here(folder, "check", "--cache")
    away.results.clear()
    again = rsppc_here(folder, "check", "--cache", "--explain-cache")
    assert again.stderr.decode().splitlines()[-1].endswith(" 0 anew") and not away.results
    make(folder, {PROMPT_PATH: "Be kind."})
    again = rsppc_here(folder, "check", "--cache", "--explain-cache")
    assert b"assets/prompts/line.txt was sha256:" in again.stderr and away.results


def test_a_workspace_by_value_has_what_compiling_may_read(tmp_path: Path) -> None:
    folder = make(tmp_path, {**MANY, "rsppc.toml": "strict = true\n", "pipelines/assets/a/b.txt": "x"})
    (folder / "pipelines" / "assets" / "out.txt").symlink_to("/etc/hostname")
    workspace = find_workspace(str(folder), DiagnosticSink())
    assert workspace is not None
    data = carry(workspace)
    assert str(folder).encode() not in data, "where it stands here is no business of others"
    made = carried(data)
    assert tuple(made.files(DiagnosticSink())) == tuple(workspace.files(DiagnosticSink()))
    assert made.strict and made.read(SPEC_PATH, DiagnosticSink()) == PROMPTED.encode()
    assert made.asset_digest("a/b.txt") == workspace.asset_digest("a/b.txt")
    for name in ("out.txt", "a//b.txt", "none.txt", "../specs/line_v1.yaml"):
        with pytest.raises(NotCarried):
            made.asset_digest(name)


def test_a_file_that_cannot_be_read_cannot_be_read_elsewhere(tmp_path: Path) -> None:
    folder = make(tmp_path)
    (folder / "pipelines/specs/gone_v1.yaml").symlink_to("nowhere.yaml")
    workspace = find_workspace(str(folder), DiagnosticSink())
    assert workspace is not None
    sinks = DiagnosticSink(), DiagnosticSink()
    made = carried(carry(workspace))
    assert made.read("pipelines/specs/gone_v1.yaml", sinks[0]) is None
    assert workspace.read("pipelines/specs/gone_v1.yaml", sinks[1]) is None
    (ours,), (theirs,) = sinks[1].sorted(), sinks[0].sorted()
    assert isinstance(theirs, UnreadableFile) and theirs.message() == ours.message()


# --- The options -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["dask://", "dask://host", "host:1", "tcp://host:1", "dask://host:1/x", "dask://a b:1"]
)
def test_what_names_no_executor_is_wrong_use(tmp_path: Path, name: str) -> None:
    done = rsppc_here(make(tmp_path), "check", "--executor", name)
    assert done.returncode == 2 and b"names no executor\n  write `dask://HOST:PORT`" in done.stderr


def test_processes_of_this_machine_and_of_others_are_not_mixed(tmp_path: Path) -> None:
    done = rsppc_here(make(tmp_path), "build", "--executor", "dask://h:1", "--jobs", "2")
    assert done.returncode == 2 and b"leave one of them out" in done.stderr


def test_without_the_library_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "rsppc.over_dask", None)
    done = rsppc_here(make(tmp_path), "build", "--executor", "dask://h:1")
    assert done.returncode == 2 and b"run `pip install 'rsppc[dask]'`" in done.stderr


def test_the_default_are_processes_of_this_machine() -> None:
    assert executor_named(None, jobs=3) == LocalProcesses(jobs=3)
    assert executing.executor_named(None, jobs=1).forks is False


def test_work_that_cannot_be_done_there_is_a_fault_of_the_environment(
    tmp_path: Path, away: Away, monkeypatch: pytest.MonkeyPatch
) -> None:
    def each(*_: Any) -> Iterator[Any]:
        raise ExecutorFault("nobody is there", "start somebody")
        yield

    monkeypatch.setattr(away, "each", each)
    done = rsppc_here(make(tmp_path), "build")
    assert done.returncode == 4 and done.stderr == b"rsppc: nobody is there\n  start somebody\n"
    assert not (tmp_path / "build").exists()
