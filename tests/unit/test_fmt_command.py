"""`rsppc fmt`: what it writes, what it only shows, and what it leaves alone."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from killed import killed_at_each_step
from rsppc import workspace
from rsppc.cli.commands import fmt
from rsppc.cli.exits import BUG, ENVIRONMENT, FINDINGS, OK, USAGE
from rsppc.formatting import format as formatting
from workspaces import CLEAN, command, environment, make, rsppc, rsppc_here

UGLY = "schema_version: rspp.config.layer.v1\nlayer_id:   kiosk\nversion: v1\nscope: environment\nset: { a: 1 }\n"
NEAT = "schema_version: rspp.config.layer.v1\nlayer_id: kiosk\nversion: v1\nscope: environment\nset: {a: 1}\n"
HALF = "schema_version: rspp.config.layer.v1\nset: {\n"
PATH = "pipelines/policies/kiosk_v1.yaml"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    make(tmp_path, {**CLEAN, PATH: UGLY})
    return tmp_path


def test_files_are_written_and_named(here: Path) -> None:
    done = rsppc_here(here, "fmt")
    assert done.returncode == OK
    assert done.stdout.decode().splitlines()[0] == f"formatted {PATH}"
    assert (here / PATH).read_text() == NEAT
    assert b"1 file formatted" not in rsppc_here(here, "fmt").stdout


@pytest.mark.parametrize("option", ["--check", "--diff"])
def test_what_only_looks_writes_nothing_and_ends_with_1(here: Path, option: str) -> None:
    done = rsppc_here(here, "fmt", option)
    assert done.returncode == FINDINGS
    assert PATH.encode() in done.stdout
    assert (here / PATH).read_text() == UGLY
    assert rsppc_here(here, "fmt", "pipelines/specs", option).returncode == OK


def test_a_diff_is_one_that_patch_takes(here: Path) -> None:
    (here / PATH).write_text(UGLY.rstrip("\n"))
    diff = rsppc_here(here, "fmt", "--diff").stdout
    subprocess.run(["git", "apply", "-p1", "-"], cwd=here, input=diff, check=True)
    assert (here / PATH).read_text() == NEAT


def test_what_cannot_be_read_is_left_alone_and_the_others_are_formatted(here: Path) -> None:
    broken = here / "pipelines/policies/half_v1.yaml"
    broken.write_text(HALF)
    done = rsppc_here(here, "fmt")
    assert done.returncode == FINDINGS
    assert b"RSP02" in done.stdout and b"with errors left as they are" in done.stdout
    assert broken.read_text() == HALF and (here / PATH).read_text() == NEAT
    shown = rsppc_here(here, "fmt", "--diff")
    assert shown.stdout == b"" and b"RSP02" in shown.stderr


def test_links_stay_links_and_permissions_stay(here: Path) -> None:
    target = here / "pipelines/policies/target.txt"
    (here / PATH).rename(target)
    target.chmod(0o640)
    (here / PATH).symlink_to("target.txt")
    assert rsppc_here(here, "fmt").returncode == OK
    assert (here / PATH).is_symlink() and target.read_text() == NEAT
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert sorted(os.listdir(target.parent)) == ["kiosk_v1.yaml", "target.txt"]


def test_files_outside_of_a_workspace_are_formatted_where_they_are_named(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a_v1.json").write_text('{"a":1}')
    (tmp_path / "sub" / "notes.txt").write_text("a:   1")
    assert rsppc_here(tmp_path, "fmt", "sub").stdout == b"formatted sub/a_v1.json\n1 file formatted\n"
    assert (tmp_path / "sub" / "a_v1.json").read_text() == '{"a": 1}\n'
    assert rsppc_here(tmp_path, "fmt").returncode == USAGE
    assert rsppc_here(tmp_path, "fmt", "none").returncode == USAGE


def test_standard_input_goes_to_standard_output(here: Path) -> None:
    done = rsppc(here, "fmt", "-", stdin=UGLY.encode())
    assert (done.returncode, done.stdout) == (OK, NEAT.encode())
    done = rsppc(here, "fmt", "-", "--stdin-name", "x.json", stdin=b'{"a":1}')
    assert (done.returncode, done.stdout) == (OK, b'{"a": 1}\n')
    done = rsppc(here, "fmt", "-", stdin=HALF.encode())
    assert (done.returncode, done.stdout) == (FINDINGS, b"") and b"<stdin>.yaml:2" in done.stderr
    assert rsppc(here, "fmt", "-", "--check", stdin=UGLY.encode()).returncode == FINDINGS
    assert b"+layer_id: kiosk" in rsppc(here, "fmt", "-", "--diff", stdin=UGLY.encode()).stdout
    assert rsppc(here, "fmt", "-", PATH, stdin=b"").returncode == USAGE


def test_a_layout_that_would_say_something_else_is_not_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formatting, "_layout", lambda path, text, root: text.replace("kiosk", "kiosks"))
    monkeypatch.chdir(here)
    assert fmt.COMMAND.main([PATH], standalone_mode=False) == BUG
    assert (here / PATH).read_text() == UGLY


def test_what_was_changed_meanwhile_is_left_as_it_is(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between reading and writing somebody may save a file in an editor."""
    other = here / "pipelines/policies/other_v1.yaml"
    other.write_text(UGLY)
    findings = fmt._laid_out

    def slow(*wanted: Any) -> Any:
        made = findings(*wanted)
        (here / PATH).write_text("somebody: else\n")
        return made

    monkeypatch.setattr(fmt, "_laid_out", slow)
    done = rsppc_here(here, "fmt")
    assert done.returncode == FINDINGS
    assert b"was changed meanwhile" in done.stderr and b"1 file formatted" in done.stdout
    assert (here / PATH).read_text() == "somebody: else\n" and other.read_text() == NEAT


def test_one_file_that_cannot_be_written_keeps_no_other_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = here / "pipelines/policies/other_v1.yaml"
    other.write_text(UGLY)
    replace = os.replace

    def refusing(source: str, target: str) -> None:
        if target.endswith("kiosk_v1.yaml"):
            raise PermissionError(13, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refusing)
    done = rsppc_here(here, "fmt")
    assert done.returncode == ENVIRONMENT
    assert f"cannot write `{PATH}`: permission denied".encode() in done.stderr
    assert (here / PATH).read_text() == UGLY and other.read_text() == NEAT
    assert f"formatted {PATH}".encode() not in done.stdout
    assert sorted(os.listdir(other.parent)) == ["kiosk_v1.yaml", "other_v1.yaml"]


@pytest.mark.parametrize("options", [(), ("--check",), ("--diff",), ("--format", "json")])
def test_one_file_that_cannot_be_read_keeps_no_other_back(
    here: Path, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = here / "pipelines/policies/aaa_v1.yaml"
    lost.write_text(UGLY)
    opened = workspace._opened

    def refusing(path: str) -> tuple[int, int]:
        if path.endswith("aaa_v1.yaml"):
            raise PermissionError(13, "Permission denied")
        return opened(path)

    monkeypatch.setattr(workspace, "_opened", refusing)
    done = rsppc_here(here, "fmt", *options)
    assert done.returncode == ENVIRONMENT
    said = (done.stderr if options == ("--diff",) else done.stdout).decode()
    assert "RSP0001" in said and "pipelines/policies/aaa_v1.yaml" in said and "permission denied" in said
    if options == ():
        assert f"formatted {PATH}" in said and "1 file not read" in said.splitlines()[-1]
    looks = bool({"--check", "--diff"} & set(options))
    assert (here / PATH).read_text() == (UGLY if looks else NEAT) and lost.read_text() == UGLY


def test_a_pipe_in_the_place_of_a_file_is_named_and_not_waited_for(here: Path) -> None:
    os.mkfifo(here / "pipelines/policies/aaa_v1.yaml")
    done = rsppc(here, "fmt")
    assert done.returncode == ENVIRONMENT and b"aaa_v1.yaml" in done.stdout and b"no regular file" in done.stdout
    assert (here / PATH).read_text() == NEAT


def test_a_run_that_is_killed_leaves_each_file_as_it_was_or_formatted(here: Path) -> None:
    paths = [here / PATH, *(here / f"pipelines/policies/more{number}_v1.yaml" for number in range(2))]
    for path in paths:
        path.write_text(UGLY)

    def look() -> None:
        for path in paths:
            assert path.read_text() in (UGLY, NEAT)
            path.write_text(UGLY)

    # Two steps for each file: who may read it stays as it was, and it takes its place.
    assert killed_at_each_step(here, "fmt", look=look) >= 2 * len(paths)
    assert rsppc_here(here, "fmt").returncode == OK
    assert {path.read_text() for path in paths} == {NEAT}


@pytest.mark.parametrize("written", [1, 60, 200])
def test_a_run_that_is_killed_while_it_writes_leaves_whole_files(here: Path, written: int) -> None:
    paths = [here / f"pipelines/policies/more{number:03}_v1.yaml" for number in range(400)]
    for path in paths:
        path.write_text(UGLY)
    running = subprocess.Popen(command("fmt"), cwd=here, env=environment(), stdout=subprocess.DEVNULL)
    while paths[written].read_text() == UGLY and running.poll() is None:
        pass
    running.kill()
    running.wait()
    texts = [path.read_text() for path in paths]
    assert set(texts) <= {UGLY, NEAT} and texts[written] == NEAT


def test_what_cannot_be_written_is_a_fault_of_the_machine(here: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder = (here / PATH).parent
    folder.chmod(0o500)
    try:
        assert rsppc_here(here, "fmt").returncode == ENVIRONMENT
    finally:
        folder.chmod(0o700)
    assert (here / PATH).read_text() == UGLY
