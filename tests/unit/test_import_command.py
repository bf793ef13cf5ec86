"""`rsppc import` and the file system: where it reads, where it writes, and that it writes all or nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from rsppc.cli.commands import import_
from rsppc.cli.commands.import_ import COMMAND

GOLDEN = Path(__file__).parents[2] / "golden" / "import" / "voice_assistant_v1" / "input"


def spec(**changes: Any) -> str:
    return json.dumps(
        {
            "schema_version": "rspp.pipeline.spec.v1",
            "spec_id": "desk_v1",
            "pipeline_version": "desk-v1",
            "graph_definition_ref": "graph/desk",
            "nodes": [
                {"node_id": "stt", "kind": "provider", "modality": "stt"},
                {"node_id": "tts", "kind": "provider", "modality": "tts"},
            ],
            "edges": [{"from": "stt", "to": "tts"}],
            **changes,
        }
    )


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(COMMAND, [str(one) for one in arguments], standalone_mode=False)


def code(result: Result) -> int:
    if isinstance(result.exception, click.exceptions.Exit):
        return result.exception.exit_code
    if result.exception is not None:
        raise result.exception
    assert isinstance(result.return_value, int)
    return result.return_value


def written(top: Path) -> list[str]:
    return sorted(path.relative_to(top).as_posix() for path in top.rglob("*") if not path.is_dir())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_import_into_a_folder_that_is_not_there_makes_it(here: Path) -> None:
    (here / "desk.json").write_text(spec())
    result = run("desk.json", "--into", "made/here")
    assert code(result) == 0
    assert result.stdout.splitlines()[-1] == "wrote pipelines/specs/desk_v1.yaml"
    assert written(here / "made") == ["here/pipelines/specs/desk_v1.yaml"]


def test_the_sources_folder_of_the_target_is_the_one_that_its_configuration_names(here: Path) -> None:
    (here / "desk.json").write_text(spec())
    (here / "rsppc.toml").write_text('sources = "voice"\n')
    (here / "voice").mkdir()
    assert code(run("desk.json")) == 0
    assert (here / "voice/specs/desk_v1.yaml").is_file()


def test_a_second_import_finds_nothing_to_write(here: Path) -> None:
    assert code(run(GOLDEN, "--into", "target")) == 0
    before = {path: path.stat().st_mtime_ns for path in (here / "target").rglob("*.yaml")}
    result = run(GOLDEN, "--into", "target")
    assert code(result) == 0
    assert result.stdout.splitlines()[-1] == "there is nothing to write"
    assert before == {path: path.stat().st_mtime_ns for path in (here / "target").rglob("*.yaml")}


def test_an_import_into_the_folder_of_the_earlier_files_leaves_them_and_says_so(here: Path) -> None:
    (here / "pipelines/specs").mkdir(parents=True)
    (here / "pipelines/specs/desk_v1.json").write_text(spec())
    result = run("pipelines")
    assert code(result) == 0
    assert "note[RSP1329 import-earlier-stays]" in result.stdout
    assert written(here) == ["pipelines/specs/desk_v1.json", "pipelines/specs/desk_v1.yaml"]


@pytest.mark.parametrize("other", ["desk_v1.rspp", "desk_v1.json", "desk_v1.0.yaml"])
def test_the_same_version_in_another_file_refuses_the_import(here: Path, other: str) -> None:
    (here / "desk.json").write_text(spec())
    (here / "pipelines/specs").mkdir(parents=True)
    (here / "pipelines/specs" / other).write_text("something else")
    result = run("desk.json")
    assert code(result) == 1
    assert f"`pipelines/specs/{other}` is there already" in result.stdout
    assert written(here / "pipelines") == [f"specs/{other}"]


def test_one_target_that_differs_refuses_all(here: Path) -> None:
    (here / "target/pipelines/rollouts").mkdir(parents=True)
    (here / "target/pipelines/rollouts/voice_assistant_rollout_v1.yaml").write_text("mine")
    result = run(GOLDEN, "--into", "target")
    assert code(result) == 1
    assert result.stdout.splitlines()[-1] == "nothing was written"
    assert written(here / "target") == ["pipelines/rollouts/voice_assistant_rollout_v1.yaml"]


def test_a_folder_that_is_a_link_out_of_the_workspace_refuses_the_import(here: Path) -> None:
    (here / "desk.json").write_text(spec())
    (here / "elsewhere").mkdir()
    (here / "target/pipelines").mkdir(parents=True)
    (here / "target/pipelines/specs").symlink_to(here / "elsewhere")
    result = run("desk.json", "--into", "target")
    assert code(result) == 1
    assert "error[RSP1316 target-outside]" in result.stdout
    assert written(here / "elsewhere") == []


def test_a_link_in_the_place_of_a_target_is_not_followed(here: Path) -> None:
    (here / "desk.json").write_text(spec())
    (here / "pipelines/specs").mkdir(parents=True)
    (here / "pipelines/specs/desk_v1.yaml").symlink_to(here / "nowhere.yaml")
    assert code(run("desk.json")) == 1
    assert not (here / "nowhere.yaml").exists()


@pytest.mark.parametrize("step", ["_write", "_name"])
def test_a_failing_disk_leaves_nothing_behind(here: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    calls = 0
    real = getattr(import_, step)

    def failing(*arguments: str) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError(28, "No space left on device")
        real(*arguments)

    monkeypatch.setattr(import_, step, failing)
    result = run(GOLDEN, "--into", "target")
    assert code(result) == 4
    assert "No space left on device; nothing was written" in result.stderr
    assert written(here / "target") == []


def test_an_interrupted_import_leaves_nothing_behind(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, named = import_._name, []

    def interrupted(beside: str, full: str) -> None:
        if len(named) == 2:
            raise KeyboardInterrupt
        real(beside, full)
        named.append(full)

    monkeypatch.setattr(import_, "_name", interrupted)
    result = CliRunner().invoke(COMMAND, [str(GOLDEN), "--into", "target"], standalone_mode=False)
    assert isinstance(result.exception, click.Abort | KeyboardInterrupt)
    assert len(named) == 2
    assert written(here / "target") == []


def test_a_name_that_somebody_else_took_meanwhile_is_not_overwritten(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "desk.json").write_text(spec())
    real = import_._write

    def late(path: str, text: str) -> None:
        real(path, text)
        (here / "pipelines/specs/desk_v1.yaml").write_text("theirs")

    monkeypatch.setattr(import_, "_write", late)
    assert code(run("desk.json", "--into", ".")) == 4
    assert (here / "pipelines/specs/desk_v1.yaml").read_text() == "theirs"


def test_names_are_given_on_a_file_system_without_second_names(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    (here / "desk.json").write_text(spec())
    assert code(run("desk.json", "--into", "target")) == 0
    assert written(here / "target") == ["pipelines/specs/desk_v1.yaml"]


def test_other_json_files_in_a_folder_are_left_out_with_a_note(here: Path) -> None:
    (here / "earlier").mkdir()
    (here / "earlier/desk.json").write_text(spec())
    (here / "earlier/package.json").write_text('{"name": "desk"}')
    result = run("earlier", "--into", "target")
    assert code(result) == 0
    assert "note[RSP1328 import-left-out]" in result.stdout
    assert written(here / "target") == ["pipelines/specs/desk_v1.yaml"]


def test_a_file_of_another_format_is_refused_when_it_is_named(here: Path) -> None:
    (here / "desk.yaml").write_text("schema_version: rspp.pipeline.spec.v1\n")
    result = run("desk.yaml", "--into", "target")
    assert code(result) == 1
    assert "earlier artifacts are JSON files, and this is none" in result.stdout


def test_a_file_named_twice_is_read_once(here: Path) -> None:
    (here / "desk.json").write_text(spec())
    result = run("desk.json", "./desk.json", ".", "--into", "target")
    assert code(result) == 0
    assert result.stdout.count("note[RSP1320 import-renamed]") == 1


def test_strict_refuses_what_would_lose_something(here: Path) -> None:
    result = run(GOLDEN, "--into", "target", "--strict")
    assert code(result) == 1
    assert "error[RSP1324 import-not-carried]" in result.stdout
    assert not (here / "target").exists()


def test_a_strict_workspace_still_takes_earlier_artifacts(here: Path) -> None:
    (here / "rsppc.toml").write_text("strict = true\n")
    (here / "pipelines").mkdir()
    assert code(run(GOLDEN)) == 0


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("gone.json", "--into", "target"), "there is no file or folder `gone.json`"),
        (("desk.json", "--into", "desk.json"), "`desk.json` is no folder"),
    ],
)
def test_wrong_use_is_said(here: Path, arguments: tuple[str, ...], problem: str) -> None:
    (here / "desk.json").write_text(spec())
    result = run(*arguments)
    assert code(result) == 2
    assert problem in result.stderr
