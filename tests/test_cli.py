"""The command line as people meet it: help, formats, exit codes, and the way from nothing to a build."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
from rsppc.cli.exits import BUG, ENVIRONMENT, FINDINGS, INTEGRITY, INTERRUPTED, OK, USAGE
from rsppc.cli.main import COMMANDS, cli
from rsppc.passes.order import ORDER
from rsppc.version import VERSION
from workspaces import (
    BUNDLE,
    BUNDLE_PATH,
    CLEAN,
    PROVIDERS_PATH,
    SPEC,
    SPEC_PATH,
    built_files,
    environment,
    make,
    rsppc,
    rsppc_here,
)

EXAMPLE = Path(__file__).parent.parent / "pipelines" / "examples" / "simple_livekit_voice_v1"
BROKEN = SPEC.replace("node_type: speech.vad}", "node_type: speech.vad, surprise: 1}").replace(
    "config: {silence_ms: 400}", "config: {silence_ms: 99}"
)
"""Two errors, on lines 7 and 8."""


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return make(tmp_path, CLEAN, **{SPEC_PATH: BROKEN})


# --- Help ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_says_what_it_does_and_shows_examples(name: str, tmp_path: Path) -> None:
    """R-002: each command explains itself, without a workspace."""
    done = rsppc_here(tmp_path, name, "--help")
    assert done.returncode == OK
    text = " ".join(done.stdout.decode().split())
    assert text.startswith(f"Usage: rsppc {name} ")
    assert f"Examples: `rsppc {name}" in text
    for option in re.findall(r"--[a-z-]+", text.partition("Options:")[2].partition("Examples:")[0]):
        assert len(option) > 3


def test_examples_in_help_use_options_that_there_are(tmp_path: Path) -> None:
    for words in command_words():
        text = help_of(tmp_path, words)
        for example in re.findall(rf"`(rsppc {words[0]}[^`]*)`", text.partition("Example")[2]):
            own = max((one for one in command_words() if example.split()[1:][: len(one)] == list(one)), key=len)
            options = help_of(tmp_path, own).partition("Example")[0]
            for option in re.findall(r"--[a-z-]+", example):
                assert option in options, example


def command_words() -> list[tuple[str, ...]]:
    """What stands behind `rsppc`, for every command and every command below one."""
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        found.append((name,))
        found += _below((name,), command)
    return found


def _below(words: tuple[str, ...], command: click.Command | None) -> list[tuple[str, ...]]:
    """What stands behind the words of a group, also deeper down."""
    if not isinstance(command, click.Group):
        return []
    found: list[tuple[str, ...]] = []
    for name in command.list_commands(context := click.Context(command)):
        found.append((*words, name))
        found += _below((*words, name), command.get_command(context, name))
    return found


def help_of(folder: Path, words: tuple[str, ...]) -> str:
    return " ".join(rsppc_here(folder, *words, "--help").stdout.decode().split())


def test_the_list_of_commands_names_every_command_with_its_summary(tmp_path: Path) -> None:
    text = " ".join(rsppc_here(tmp_path, "--help").stdout.decode().split())
    for name, summary in COMMANDS.items():
        assert f"{name} {summary}" in text
    assert "rsppc init" in text.partition("Examples:")[2]


def test_a_command_that_was_nearly_named_is_suggested_or_help_is_offered(tmp_path: Path) -> None:
    done = rsppc_here(tmp_path, "chek")
    assert done.returncode == USAGE
    assert b"rsppc --help" in done.stderr


def test_the_version_is_one_line(tmp_path: Path) -> None:
    done = rsppc(tmp_path, "--version")
    assert (done.returncode, done.stdout) == (OK, f"rsppc {VERSION}\n".encode())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_completion_script_for_every_shell(shell: str, tmp_path: Path) -> None:
    done = rsppc(tmp_path, _RSPPC_COMPLETE=f"{shell}_source")
    assert done.returncode == OK
    assert b"_RSPPC_COMPLETE" in done.stdout
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=done.stdout, check=False).returncode == 0


def test_completion_knows_commands_and_options(tmp_path: Path) -> None:
    def completed(words: str, place: str) -> set[str]:
        done = rsppc(tmp_path, _RSPPC_COMPLETE="bash_complete", COMP_WORDS=words, COMP_CWORD=place)
        assert done.returncode == OK
        return {line.partition(",")[2] for line in done.stdout.decode().splitlines()}

    assert completed("rsppc ", "1") == set(COMMANDS)
    assert {"--format", "--strict", "--jobs"} <= completed("rsppc check --", "2")


# --- Findings in all formats -----------------------------------------------------------------------------------------


def test_text_says_what_where_and_how_many(broken: Path) -> None:
    done = rsppc_here(broken, "check")
    text = done.stdout.decode()
    assert done.returncode == FINDINGS
    places = re.findall(r"^error\[(\w+).*\n  (\S+)$", text, re.MULTILINE)
    assert places == [("RSP1101", f"{SPEC_PATH}:7:43"), ("RSP1203", f"{SPEC_PATH}:8:77")]
    assert text.splitlines()[-1] == "2 errors in 3 files"


def test_json_is_one_finding_a_line(broken: Path) -> None:
    lines = [json.loads(line) for line in rsppc_here(broken, "check", "--format", "json").stdout.splitlines()]
    assert [(one["v"], one["code"], one["severity"], one["primary"]["start"]) for one in lines] == [
        (1, "RSP1101", "error", [7, 43]),
        (1, "RSP1203", "error", [8, 77]),
    ]


def test_sarif_is_the_same_as_sarif(broken: Path) -> None:
    log = json.loads(rsppc_here(broken, "check", "--format", "sarif").stdout)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    assert run["tool"]["driver"]["name"] == "rsppc"
    places = [
        (
            result["ruleId"],
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            result["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for result in run["results"]
    ]
    assert [(code.split("/")[0], path, line) for code, path, line in places] == [
        ("RSP1101", SPEC_PATH, 7),
        ("RSP1203", SPEC_PATH, 8),
    ]


def test_github_is_one_annotation_a_line(broken: Path) -> None:
    lines = rsppc_here(broken, "check", "--format", "github").stdout.decode().splitlines()
    assert [line.split(",")[:2] for line in lines] == [
        [f"::error file={SPEC_PATH}", "line=7"],
        [f"::error file={SPEC_PATH}", "line=8"],
    ]


def test_junit_counts_files_and_failures(broken: Path) -> None:
    root = ElementTree.fromstring(rsppc_here(broken, "check", "--format", "junit").stdout)
    assert root.tag == "testsuites"
    assert len(root.findall(".//failure")) == 2
    assert {suite.get("name") for suite in root.findall("testsuite")} == set(CLEAN)


@pytest.mark.parametrize("format", ["json", "sarif", "github", "junit"])
def test_a_clean_workspace_is_empty_in_every_format(format: str, tmp_path: Path) -> None:
    done = rsppc_here(make(tmp_path), "check", "--format", format)
    assert done.returncode == OK
    if format == "sarif":
        assert json.loads(done.stdout)["runs"][0]["results"] == []
    elif format == "junit":
        assert ElementTree.fromstring(done.stdout).findall(".//failure") == []
    else:
        assert done.stdout == b""


def test_reports_go_to_files_beside_what_is_printed(broken: Path) -> None:
    done = rsppc_here(broken, "check", "--report", "sarif=out.sarif", "--report", "json=out.jsonl")
    assert b"error[RSP1101" in done.stdout
    assert (broken / "out.sarif").read_bytes() == rsppc_here(broken, "check", "--format", "sarif").stdout
    assert (broken / "out.jsonl").read_bytes() == rsppc_here(broken, "check", "--format", "json").stdout


def test_a_clean_check_says_what_it_looked_at(tmp_path: Path) -> None:
    assert rsppc_here(make(tmp_path), "check").stdout == b"checked 3 files: no findings\n"
    assert rsppc_here(tmp_path, "check", SPEC_PATH).stdout == b"checked 1 file: no findings\n"


# --- Exit codes ------------------------------------------------------------------------------------------------------

UNPROVED = CLEAN[PROVIDERS_PATH].replace(", latency: {p50_ms: 200, p95_ms: 400}", "")


def test_exit_codes_are_those_of_the_documents() -> None:
    """R-002: 0 ok, 1 findings, 2 wrong use, 3 integrity, 4 environment, 70 a bug, 130 interrupted."""
    assert (OK, FINDINGS, USAGE, INTEGRITY, ENVIRONMENT, BUG, INTERRUPTED) == (0, 1, 2, 3, 4, 70, 130)


def test_warnings_alone_are_no_failure_unless_strict(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{PROVIDERS_PATH: UNPROVED})
    done = rsppc_here(tmp_path, "check")
    assert (done.returncode, b"warning[RSP5401" in done.stdout) == (OK, True)
    done = rsppc_here(tmp_path, "check", "--strict")
    assert (done.returncode, b"error[RSP5401" in done.stdout) == (FINDINGS, True)
    make(tmp_path, {"rsppc.toml": "strict = true\n"})
    assert rsppc_here(tmp_path, "check").returncode == FINDINGS


def test_a_strict_build_writes_nothing_where_a_warning_stands(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{PROVIDERS_PATH: UNPROVED})
    assert rsppc_here(tmp_path, "build", "--strict").returncode == FINDINGS
    assert built_files(tmp_path / "build") == {}
    assert rsppc_here(tmp_path, "build").returncode == OK


def test_the_largest_code_wins(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{SPEC_PATH: BROKEN})
    assert rsppc_here(tmp_path, "build", "--locked").returncode == INTEGRITY
    assert rsppc_here(tmp_path, "check", "--report", "json=none/x").returncode == ENVIRONMENT


def test_a_locked_build_wants_digests_and_checks_them(tmp_path: Path) -> None:
    """R-001-71, R-002-54: a release from references that could move is refused."""
    make(tmp_path)
    assert rsppc_here(tmp_path, "build", "--locked").returncode == INTEGRITY
    wrong = BUNDLE.replace("line/v1", "line/v1@sha256:" + "0" * 64)
    make(tmp_path, {BUNDLE_PATH: wrong})
    assert rsppc_here(tmp_path, "build").returncode == INTEGRITY
    make(tmp_path)
    assert rsppc_here(tmp_path, "pin", "line_bundle/v1").returncode == OK
    assert rsppc_here(tmp_path, "build", "--locked").returncode == OK


# --- why and dump ----------------------------------------------------------------------------------------------------


def test_why_names_the_value_the_source_and_what_it_won_over(tmp_path: Path) -> None:
    """R-001: who set a value, and where."""
    done = rsppc_here(make(tmp_path), "why", "line/v1", "nodes.endpoint.config.silence_ms")
    assert done.returncode == OK
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "nodes.endpoint.config.silence_ms = 400"
    assert lines[1].split("set by")[1].strip() == f"explicit_node_config at {SPEC_PATH}:8:77"
    assert lines[2].strip().startswith("overriding  500 from node_type/rspp_std/v1/speech.endpointing")


def test_why_takes_parts_pointers_and_edges(tmp_path: Path) -> None:
    make(tmp_path)
    for path in (
        "budgets",
        "budgets.turn_budget_ms",
        "nodes.llm",
        "/effective_nodes/llm",
        "edges.tts.audio->speaker.audio",
        "edges.tts.audio -> speaker.audio.buffer",
        "/",
    ):
        done = rsppc_here(tmp_path, "why", "line/v1", path)
        assert done.returncode == OK, path
        values = [line for line in done.stdout.decode().splitlines() if not line.startswith(" ")]
        told = [line for line in done.stdout.decode().splitlines() if line.startswith("  set by ")]
        assert len(values) == len(told) > 0


def test_why_suggests_what_was_meant(tmp_path: Path) -> None:
    done = rsppc_here(make(tmp_path), "why", "line/v1", "budgets.turn_budgt_ms")
    assert done.returncode == USAGE
    assert b"did you mean `budgets.turn_budget_ms`?" in done.stderr


def test_why_reverse_lists_what_a_line_reaches(tmp_path: Path) -> None:
    make(tmp_path)
    done = rsppc_here(tmp_path, "why", "line/v1", "--reverse", f"{SPEC_PATH}:8")
    assert done.returncode == OK
    assert b"sets nodes.endpoint.config.silence_ms = 400\n" in done.stdout
    done = rsppc_here(tmp_path, "why", "line/v1", "--reverse", f"{SPEC_PATH}:1")
    assert (done.returncode, b"reaches no value" in done.stderr) == (FINDINGS, True)


def test_why_of_something_broken_shows_what_is_wrong(broken: Path) -> None:
    done = rsppc_here(broken, "why", "line/v1", "budgets")
    assert (done.returncode, b"RSP1101" in done.stdout) == (FINDINGS, True)


def test_dump_lists_the_passes_and_shows_the_program_after_each(tmp_path: Path) -> None:
    make(tmp_path)
    names = [step.name for step in ORDER]
    assert rsppc_here(tmp_path, "dump", "--list").stdout.decode().split() == names
    seen = [rsppc_here(tmp_path, "dump", "line/v1", "--after", name) for name in names]
    assert all(one.returncode == OK and b"speech.vad" in one.stdout for one in seen)
    assert seen[-1].stdout == rsppc_here(tmp_path, "dump", "line/v1").stdout != seen[0].stdout


def test_dump_shows_a_broken_program_as_far_as_it_is_known(broken: Path) -> None:
    done = rsppc_here(broken, "dump", "line/v1")
    assert (done.returncode, b"speech.vad" in done.stdout) == (FINDINGS, True)


# --- From nothing to a build -----------------------------------------------------------------------------------------


def test_a_workspace_from_nothing_builds(tmp_path: Path) -> None:
    """R-013: two commands lead from an empty folder to artifacts."""
    done = rsppc(tmp_path, "init", "support-line")
    assert done.returncode == OK
    assert done.stdout.decode().splitlines()[-1] == "next: cd support-line && rsppc build"
    inside = tmp_path / "support-line"
    built = rsppc(inside, "build")
    assert built.returncode == OK, built.stdout
    assert set(built_files(inside / "build")) == {
        f"support_line_bundle/v1/{name}.json" for name in ("bundle", "distribution", "provenance", "resolved_spec")
    }
    assert rsppc(inside, "check").returncode == OK
    assert "build" in (inside / ".gitignore").read_text()


def test_init_never_overwrites(tmp_path: Path) -> None:
    assert rsppc_here(tmp_path, "init", "demo").returncode == OK
    before = {path: path.read_bytes() for path in (tmp_path / "demo").rglob("*") if path.is_file()}
    done = rsppc_here(tmp_path, "init", "demo")
    assert (done.returncode, b"already" in done.stderr) == (FINDINGS, True)
    assert {path: path.read_bytes() for path in (tmp_path / "demo").rglob("*") if path.is_file()} == before


def test_the_example_that_ships_builds_where_it_is_copied_to(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "copy")
    done = rsppc_here(tmp_path / "copy", "build")
    assert done.returncode == OK, done.stdout
    assert "quickstart_bundle/v1/bundle.json" in built_files(tmp_path / "copy" / "build")


def test_a_build_ends_with_the_figures_that_decide_about_a_call(tmp_path: Path) -> None:
    done = rsppc_here(make(tmp_path), "build")
    lines = done.stdout.decode().splitlines()
    digest = json.loads((tmp_path / "build/line_bundle/v1/provenance.json").read_text())["bundle"]["digest"]
    assert f"line_bundle/v1  {digest[:19]}…  written build/line_bundle/v1" in lines
    for title in ("latency", "cancel", "memory", "types"):
        assert any(line.startswith(f"  {title} ") for line in lines), title
    assert any(re.search(r"first output: p50 \d+ ms, p95 \d+ ms of \d+ ms", line) for line in lines)
    assert lines[-1] == "built 1 of 1 bundle"
    assert rsppc_here(tmp_path, "build").stdout.decode().splitlines()[-1] == "built 1 of 1 bundle, 1 unchanged"


def test_a_build_says_what_was_not_built_and_builds_the_rest(tmp_path: Path) -> None:
    other = SPEC.replace("pipeline_id: line", "pipeline_id: other")
    make(tmp_path, CLEAN, **{SPEC_PATH: BROKEN, "pipelines/specs/other_v1.yaml": other})
    done = rsppc_here(tmp_path, "build")
    assert done.returncode == FINDINGS
    assert done.stdout.decode().splitlines()[-1] == "built 1 of 2 bundles; not built: line_bundle/v1"
    assert {path.split("/")[0] for path in built_files(tmp_path / "build")} == {"other"}


def test_a_build_in_another_format_prints_findings_alone(tmp_path: Path) -> None:
    done = rsppc_here(make(tmp_path), "build", "--format", "json")
    assert all(json.loads(line)["severity"] == "note" for line in done.stdout.splitlines())
    assert json.loads(rsppc_here(tmp_path, "build", "--format", "sarif").stdout)["version"] == "2.1.0"


def test_the_output_folder_is_the_one_that_is_configured_or_named(tmp_path: Path) -> None:
    make(tmp_path, CLEAN, **{"rsppc.toml": 'output = "out"\n'})
    assert rsppc_here(tmp_path, "build").returncode == OK
    assert rsppc_here(tmp_path, "build", "--output", "named", "line/v1").returncode == OK
    assert "line_bundle/v1/bundle.json" in built_files(tmp_path / "out")
    assert "line/v1/bundle.json" in built_files(tmp_path / "named")
    assert not (tmp_path / "build").exists()


def test_the_workspace_is_found_from_a_folder_inside(tmp_path: Path) -> None:
    make(tmp_path)
    assert rsppc_here(tmp_path / "pipelines/specs", "check").stdout == b"checked 3 files: no findings\n"
    assert rsppc_here(tmp_path / "pipelines/specs", "check", "line_v1.yaml").returncode == OK


def test_the_module_runs_as_the_command_does(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("rsppc")
    done = subprocess.run([script, "--version"], env=environment(), capture_output=True, check=False)
    assert done.stdout == rsppc(tmp_path, "--version").stdout
