"""What editors, pre-commit and a forge take from the repository: it names what there is, and does what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from rsppc.cli.main import COMMANDS
from rsppc.syntax.rspp_tokens import KEYWORDS, UNITS
from rsppc.syntax.textmate import textmate_grammar
from workspaces import CLEAN, SPEC, SPEC_PATH, environment, make

ROOT = Path(__file__).parent.parent.parent
EXTENSION = ROOT / "editors/vscode"
PACKAGE: dict[str, Any] = json.loads((EXTENSION / "package.json").read_text("utf-8"))
SETTINGS: dict[str, Any] = PACKAGE["contributes"]["configuration"]["properties"]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))


# --- The grammar ------------------------------------------------------------------------------------------------------


def patterns(value: Any) -> list[str]:
    """Every regular expression of a grammar."""
    if isinstance(value, list):
        return [one for item in value for one in patterns(item)]
    if not isinstance(value, dict):
        return []
    own = [value[key] for key in ("match", "begin", "end") if key in value]
    return own + [one for item in value.values() for one in patterns(item)]


def test_the_grammar_that_editors_get_is_the_one_made_of_the_keywords() -> None:
    """Freshness of the file itself is a matter of `rsppc.generate --check`."""
    assert json.loads((EXTENSION / "syntaxes/rspp.tmLanguage.json").read_text("utf-8")) == textmate_grammar()


def test_every_keyword_and_unit_has_a_colour() -> None:
    words = {word for pattern in patterns(textmate_grammar()) for word in re.findall(r"\w+", pattern)}
    assert [word for word in (*KEYWORDS, *UNITS) if word not in words] == []


def test_every_pattern_is_one_and_every_rule_is_used() -> None:
    grammar = textmate_grammar()
    for pattern in patterns(grammar):
        re.compile(pattern)
    included = set(re.findall(r'"#(\w+)"', json.dumps(grammar)))
    assert included == set(grammar["repository"])


# --- The extension ----------------------------------------------------------------------------------------------------


def test_the_extension_holds_the_files_that_it_names() -> None:
    (language,), (grammar,) = PACKAGE["contributes"]["languages"], PACKAGE["contributes"]["grammars"]
    for path in (PACKAGE["main"], language["configuration"], grammar["path"]):
        assert (EXTENSION / path).is_file(), path
    assert language["extensions"] == [".rspp"]
    assert (grammar["language"], grammar["scopeName"]) == (language["id"], textmate_grammar()["scopeName"])


def test_the_extension_has_the_version_of_the_compiler() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert PACKAGE["version"] == project["version"]
    assert f"rsppc-{project['version']}.vsix" in (ROOT / "docs/editor.md").read_text("utf-8")


def test_settings_are_those_that_the_page_lists() -> None:
    page = (EXTENSION / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(rsppc\.[\w.]+)` \|.*\| `([^`]+)` \|$", page, re.M))
    told = {name: one["default"] for name, one in SETTINGS.items()}
    assert {name: json.loads(default) if default[0] in "[tf" else default for name, default in rows.items()} == told


def test_the_client_reads_settings_and_offers_commands_that_are_declared() -> None:
    code = (EXTENSION / "extension.js").read_text("utf-8")
    read = {f"rsppc.{name}" for name in re.findall(r'\.get\("(\w+)"\)', code)} | set(
        re.findall(r'"(rsppc\.\w+)"', code)
    )
    commands = {one["command"] for one in PACKAGE["contributes"]["commands"]}
    known = {name for setting in SETTINGS for name in (setting, setting.rpartition(".")[0])} | commands
    assert sorted(read - known) == []
    assert commands <= read


def test_hints_begin_as_the_server_has_them() -> None:
    options = pytest.importorskip("rsppc.lsp.desk").options_of
    hints = {name.rpartition(".")[2]: one["default"] for name, one in SETTINGS.items() if "inlayHints" in name}
    assert options({"inlayHints": hints}) == options({})


def test_a_workspace_that_is_not_trusted_does_not_choose_the_program() -> None:
    restricted = PACKAGE["capabilities"]["untrustedWorkspaces"]["restrictedConfigurations"]
    assert {"rsppc.path", "rsppc.arguments"} <= set(restricted)
    assert {SETTINGS[name]["scope"] for name in restricted} == {"machine-overridable"}


def test_the_expressions_of_the_language_configuration_are_some() -> None:
    configuration = json.loads((EXTENSION / "language-configuration.json").read_text("utf-8"))
    words = re.compile(configuration["wordPattern"])
    assert words.findall("node stt : speech.stt { rate = 16kHz }") == ["node", "stt", "speech", "stt", "rate", "16kHz"]
    deeper = re.compile(configuration["indentationRules"]["increaseIndentPattern"])
    assert deeper.match("pipeline a v1 {") and deeper.match("  turns { # why")
    assert not deeper.match("  node a : b { x = 1 }") and not deeper.match("  # turns {")
    assert re.match(configuration["indentationRules"]["decreaseIndentPattern"], "  }")


# --- Snippets ---------------------------------------------------------------------------------------------------------


def snippet(heading: str, language: str) -> str:
    page = (ROOT / "docs/editor.md").read_text("utf-8").partition(f"\n## {heading}\n")[2]
    return page.partition(f"```{language}\n")[2].partition("```")[0]


def test_the_snippet_for_helix_names_a_server_that_it_declares() -> None:
    found = tomllib.loads(snippet("Helix", "toml"))
    assert found["language-server"]["rsppc"] == {"command": "rsppc", "args": ["lsp"]}
    ours = next(one for one in found["language"] if one["name"] == "rspp")
    assert set(ours["file-types"]) == {"rspp"}
    assert all("rsppc" in one["language-servers"] for one in found["language"])


def test_the_snippet_for_neovim_is_lua() -> None:
    text = snippet("Neovim", "lua")
    assert 'cmd = { "rsppc", "lsp" }' in text
    luac = next((found for name in ("luac5.4", "luac5.1", "luac", "luajit") if (found := shutil.which(name))), None)
    if luac is None:
        pytest.skip("there is no Lua")
    words = [luac, "-bl", "-"] if luac.endswith("luajit") else [luac, "-p", "-"]
    done = subprocess.run(words, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# --- Hooks ------------------------------------------------------------------------------------------------------------


def test_hooks_are_the_two_that_the_page_shows() -> None:
    page = (ROOT / "docs/editor.md").read_text("utf-8")
    assert [one["id"] for one in HOOKS] == re.findall(r"- id: ([\w-]+)", page) == ["rsppc-check", "rsppc-fmt"]
    assert all(one["entry"].split()[1] in COMMANDS for one in HOOKS)


@pytest.mark.parametrize(
    ("path", "is_laid_out"),
    [
        ("pipelines/specs/line_v1.yaml", True),
        ("voice/pipelines/specs/line_v1.rspp", True),
        ("rsppc.toml", False),
        ("pipelines/assets/prompts/x.json", False),
        ("pipelines/README.md", False),
        ("src/pipelines.yaml", False),
    ],
)
def test_hooks_look_at_sources(path: str, is_laid_out: bool) -> None:
    check, layout = HOOKS
    assert bool(re.search(layout["files"], path) and not re.search(layout["exclude"], path)) == is_laid_out
    # A prompt that is gone breaks a pipeline as well, and no pattern sees what is gone.
    assert check["always_run"] and not check["pass_filenames"] and "files" not in check


# --- The action -------------------------------------------------------------------------------------------------------


def test_inputs_of_the_action_are_those_that_the_page_lists() -> None:
    page = (ROOT / "docs/editor.md").read_text("utf-8").partition("| input |")[2]
    assert re.findall(r"^\| `([\w-]+)` \|", page, re.M) == list(ACTION["inputs"])


def test_scripts_of_the_action_take_nothing_from_expressions() -> None:
    """An expression in a script is pasted into it, and the name of a branch may hold anything."""
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")


def step(name: str, folder: Path, **inputs: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a step as a runner would, with these inputs and a base that expressions may name."""
    wanted = next(one for one in ACTION["runs"]["steps"] if one.get("name") == name)
    given = {f"inputs.{key}": inputs.get(key, str(one["default"])) for key, one in ACTION["inputs"].items()}
    given["github.base_ref"] = inputs.get("base", "")
    values = {key: given[re.sub(r"[${} ]", "", text)] for key, text in wanted["env"].items()}
    tools = folder.parent / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "rsppc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rsppc "$@"\n')
    (tools / "rsppc").chmod(0o755)
    # A runner names the folder of the checkout, which is where steps begin.
    values["GITHUB_WORKSPACE"] = str(folder.parent if inputs.get("working-directory") else folder)
    surroundings = environment(**values, GIT_CONFIG_GLOBAL=os.devnull)
    surroundings["PATH"] = f"{tools}{os.pathsep}{surroundings['PATH']}"
    words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", wanted["run"]]
    return subprocess.run(words, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=120)


def git(folder: Path, *words: str) -> None:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *author, *words], cwd=folder, check=True, capture_output=True, env=environment())


needs_shell = pytest.mark.skipif(
    not (shutil.which("bash") and shutil.which("git")), reason="there is no bash, or no git"
)


@needs_shell
def test_the_check_of_the_action_shows_findings_at_their_lines(tmp_path: Path) -> None:
    workspace = make(tmp_path / "work")
    clean = step("Check", workspace, arguments="--strict")
    assert (clean.returncode, clean.stdout) == (0, ""), clean.stderr
    make(workspace, {SPEC_PATH: SPEC.replace("vad.speech", "vad.speach")})
    broken = step("Check", workspace, arguments="--no-color")
    assert broken.returncode == 1
    assert broken.stdout.startswith("::error file=pipelines/specs/line_v1.yaml,line=")


@needs_shell
def test_findings_are_shown_below_the_checkout_where_the_workspace_is_a_folder_of_it(tmp_path: Path) -> None:
    workspace = make(tmp_path / "voice", {**CLEAN, SPEC_PATH: SPEC.replace("vad.speech", "vad.speach")})
    broken = step("Check", workspace, **{"working-directory": "voice"})
    assert broken.stdout.startswith("::error file=voice/pipelines/specs/line_v1.yaml,line=")


@needs_shell
def test_words_of_an_input_may_stand_on_several_lines(tmp_path: Path) -> None:
    broken = step("Check", make(tmp_path / "work"), arguments="--strict\n  --no-such-option\n")
    assert broken.returncode == 2 and "--no-such-option" in broken.stderr


@needs_shell
def test_a_whole_clone_stays_whole(tmp_path: Path) -> None:
    origin = make(tmp_path / "origin")
    git(origin, "init")
    for number in range(2):
        (origin / "notes.txt").write_text(str(number))
        git(origin, "add", ".")
        git(origin, "commit", "-m", str(number))
    for words, depth in (((), 2), (("--depth=1",), 1)):
        git(tmp_path, "clone", "--quiet", *words, origin.as_uri(), f"work{depth}")
        done = step("Breaking changes", tmp_path / f"work{depth}", base="main", level="plan")
        assert done.returncode == 0, done.stdout + done.stderr
        count = ["git", "rev-list", "--count", "origin/main"]
        said = subprocess.run(count, cwd=tmp_path / f"work{depth}", capture_output=True, check=True)
        assert int(said.stdout) == depth


@needs_shell
def test_words_of_an_input_are_no_commands(tmp_path: Path) -> None:
    workspace = make(tmp_path / "work")
    said = step("Check", workspace, arguments="; touch taken $(touch taken) `touch taken`")
    assert said.returncode == 2
    assert not (workspace / "taken").exists()


@needs_shell
def test_the_action_says_what_a_pull_request_breaks(tmp_path: Path) -> None:
    origin = make(tmp_path / "origin")
    git(origin, "init")
    git(origin, "add", ".")
    git(origin, "commit", "-m", "one")
    git(tmp_path, "clone", "--quiet", str(origin), "work")
    same = step("Breaking changes", tmp_path / "work", base="main", level="plan")
    assert same.returncode == 0, same.stdout + same.stderr
    changed = SPEC.replace("  barge_in:\n    - {from: vad.barge_in, min_speech_ms: 300}\n", "")
    make(tmp_path / "work", {**CLEAN, SPEC_PATH: changed})
    other = step("Breaking changes", tmp_path / "work", base="main", level="source")
    assert other.returncode == 1, other.stdout + other.stderr
    assert "::error file=" in other.stdout
