"""The pages for people say what is true: their commands are run, their examples are read, their tables are compared.

In a page, a block of `console` holds commands behind `$ ` and below each what it prints; `…` stands for text that is
left out, on a line of its own for whole lines. A block whose first line is `# file: PATH` becomes that file, where
`KEY: sha256:…` stands for the digest that was printed last behind `KEY:`, and a block of `diff` that begins with
`--- PATH` is applied to it. `--update-golden` writes what commands print today into
a page, without digests; read the diff before you commit it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args

import click
import pytest
from rsppc.base.record import Record
from rsppc.cli import exits
from rsppc.cli.main import COMMANDS, cli
from rsppc.conditions import TEXT_EVENT_FIELDS, Condition, check, edge_environment, rule_environment
from rsppc.diagnostics import DiagnosticSink
from rsppc.generate import diagnostic_kinds
from rsppc.lowering.check_shape import MissingKey, sound_mapping
from rsppc.model.kinds import BY_SCHEMA_VERSION
from rsppc.model.reference_page import anchor
from rsppc.passes.base import Pass
from rsppc.passes.order import ORDER
from rsppc.signing.refusals import Code
from rsppc.syntax.document import Document
from rsppc.syntax.reader import read
from turns import SNAPSHOT
from workspaces import rsppc_here

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


class Block(Record):
    """A fenced block of a page."""

    language: str
    text: str
    line: int
    """Of its first line, from 1."""
    before: str
    """The line before the fence, which may be a comment that says where the block is run."""


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        above = text[: found.start()].rstrip("\n").rpartition("\n")[2]
        line = text.count("\n", 0, found.start(2)) + 1
        yield Block(language=found[1], text=found[2], line=line, before=above)


# --- Commands that are run -------------------------------------------------------------------------------------------


_AUTHOR = {
    f"GIT_{who}_{what}": f"author{'@example.org' if what == 'EMAIL' else ''}"
    for who in ("AUTHOR", "COMMITTER")
    for what in ("NAME", "EMAIL")
}


class Shell:
    """As much of a shell as the pages need: `cd`, `rsppc …`, `git …`, `cp …`, `openssl …`, `echo $?`, and a script
    that a page wrote."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.code = 0
        self._digests: dict[str, str] = {}

    def run(self, command: str) -> str:
        """What a command prints."""
        words = shlex.split(command)
        match words:
            case ["cd", place]:
                self.folder = (self.folder / place).resolve()
                return ""
            case ["echo", "$?"]:
                return f"{self.code}\n"
            case ["rsppc", *arguments]:
                done = rsppc_here(self.folder, *arguments)
                self.code = done.returncode
                printed = (done.stdout + done.stderr).decode()
                self._digests |= dict(re.findall(r"^ *(\w+): +(sha256:[0-9a-f]{64})$", printed, re.MULTILINE))
                return printed
            case ["cp" | "openssl" | "sh" | "mkdir", *_]:
                if shutil.which(words[0]) is None:
                    pytest.skip(f"`{words[0]}` is not installed")
                found = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=False)
                self.code = found.returncode
                return found.stdout + found.stderr
            case ["git", *arguments]:
                outside = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **_AUTHOR}
                environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
                found = subprocess.run(
                    words, cwd=self.folder, env=environment | outside, capture_output=True, text=True, check=False
                )
                self.code = found.returncode
                return found.stdout + found.stderr
        raise AssertionError(f"the pages know no command `{command}`")

    def with_digests(self, text: str) -> str:
        """A file with the digests that were printed."""
        return re.sub(r"(\w+): sha256:…", lambda found: f"{found[1]}: {self._digests[found[1]]}", text)


def follow(page: Path, folder: Path, *, update: bool) -> None:
    """Do what a page says, block by block, and hold what commands print against it."""
    shell = Shell(folder)
    changed: list[tuple[Block, str]] = []
    for block in blocks(page):
        first, _, rest = block.text.partition("\n")
        if block.language == "console":
            changed.extend(_run(block, shell, page, update=update))
        elif block.language == "diff" and first.startswith("--- "):
            _apply(shell.folder / first.removeprefix("--- "), rest)
        elif first.startswith("# file: "):
            path = shell.folder / first.removeprefix("# file: ")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(shell.with_digests(rest), encoding="utf-8")
    rewrite(page, changed)


def rewrite(page: Path, changed: list[tuple[Block, str]]) -> None:
    """Put other texts into blocks of a page."""
    lines = page.read_text(encoding="utf-8").splitlines(keepends=True)
    for block, text in sorted(changed, key=lambda one: -one[0].line):
        lines[block.line - 1 : block.line - 1 + block.text.count("\n")] = [text]
    if changed:
        page.write_text("".join(lines), encoding="utf-8")


def _run(block: Block, shell: Shell, page: Path, *, update: bool) -> list[tuple[Block, str]]:
    """Run the commands of a block; gives the block with another text where that is wanted and needed."""
    printed: list[str] = []
    problem = ""
    for command, expected in sessions(block.text):
        given = shell.run(command)
        agrees = says(expected, given)
        if not agrees:
            problem = problem or f"{page.name}:{block.line}: `{command}` prints\n\n{given}\ninstead of\n\n{expected}"
        printed.append(f"$ {command}\n{expected if agrees else _without_digests(given)}")
    if problem and not update:
        advice = "If this is what you mean, run `pytest tests/test_docs.py --update-golden`"
        pytest.fail(f"{problem}\n{advice}", pytrace=False)
    return [(block, "".join(printed))] if problem else []


def sessions(text: str) -> Iterator[tuple[str, str]]:
    """Commands, each with what the page says that it prints."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = part.partition("\n")
        yield command, expected


def says(expected: str, given: str) -> bool:
    """Whether a command printed what a page says."""
    pattern = ""
    for line in expected.splitlines():
        pattern += r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
    return re.fullmatch(pattern, given) is not None


def _without_digests(text: str) -> str:
    return re.sub(r"sha256:[0-9a-f]{12,64}…?", "sha256:…", text)


def _apply(path: Path, change: str) -> None:
    """Apply a block of `diff`; hunks are separated by `@@` lines, and each must fit in one place."""
    text = path.read_text(encoding="utf-8")
    for hunk in re.split(r"^@@.*\n", change, flags=re.MULTILINE):
        lines = hunk.splitlines()
        old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
        new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
        if old or new:
            assert text.count(old) == 1, f"{path.name} holds {text.count(old)} times:\n{old}"
            text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def test_the_tutorial_can_be_followed_to_its_end(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    follow(DOCS / "tutorial.md", tmp_path, update=request.config.getoption("--update-golden"))


def test_a_rollout_can_be_followed_to_its_end(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """R-001-06: check, assign, advance, roll back, audit."""
    shutil.copytree(ROOT / "golden/rollout/canary_and_back/input", tmp_path / "workspace")
    follow(DOCS / "rollouts.md", tmp_path / "workspace", update=request.config.getoption("--update-golden"))


def test_a_release_can_be_followed_to_its_end(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """R-002-51: contracts, compatibility, replay, baselines, figures, release, traffic."""
    shutil.copytree(ROOT / "golden/release/chain/input", tmp_path / "workspace")
    follow(DOCS / "release.md", tmp_path / "workspace", update=request.config.getoption("--update-golden"))


@pytest.mark.skipif(any(shutil.which(tool) is None for tool in ("openssl", "tar", "sh")), reason="a tool is missing")
def test_a_bundle_gets_from_its_workspace_to_another_machine(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """R-001-15, R-001-53, R-002-51, R-004-04: publish, promote, export, verify offline, a second opinion, rebuild."""
    shutil.copytree(ROOT / "golden/publish/whole_line/input", tmp_path / "workspace")
    follow(DOCS / "publishing.md", tmp_path / "workspace", update=request.config.getoption("--update-golden"))


def test_what_the_page_of_the_store_shows_happens(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """R-004-29, R-004-33: one command, 23 files, event 26."""
    shutil.copytree(ROOT / "golden/store/run_of_23_files/input", tmp_path / "workspace")
    follow(DOCS / "store.md", tmp_path / "workspace", update=request.config.getoption("--update-golden"))


def test_a_package_goes_through_a_folder_of_images_and_back(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """With the folder in the place of a registry."""
    shutil.copytree(ROOT / "golden/store/run_of_23_files/input", tmp_path / "workspace")
    follow(DOCS / "oci.md", tmp_path / "workspace", update=request.config.getoption("--update-golden"))


def test_a_bundle_can_be_signed_and_verified_as_its_page_says(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """R-003-48, R-003-54: sign, verify elsewhere, with openssl as well, by a policy, and by building again."""
    shutil.copytree(ROOT / "golden/signing/built_and_verified/input", tmp_path / "workspace")
    follow(DOCS / "signing.md", tmp_path / "workspace", update=request.config.getoption("--update-golden"))


def test_the_codes_of_refusals_are_those_that_there_are() -> None:
    page = (DOCS / "signing.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)) == set(get_args(Code))


_WORKSPACE = re.compile(r"<!-- run in (\S+) -->")


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", *(DOCS / f"{name}.md" for name in ("cli", "lint", "simulator", "replay"))],
    ids=lambda page: page.name,
)
def test_what_commands_print_is_what_pages_show(page: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    changed: list[tuple[Block, str]] = []
    shown = [block for block in blocks(page) if block.language == "console"]
    assert shown
    for block in shown:
        workspace = _WORKSPACE.fullmatch(block.before)
        assert workspace is not None, f"{page.name}:{block.line}: write above it where it is run"
        folder = tmp_path / str(block.line)
        shutil.copytree(ROOT / workspace[1], folder)
        changed.extend(_run(block, Shell(folder), page, update=request.config.getoption("--update-golden")))
    rewrite(page, changed)


def test_the_readme_promises_two_commands_that_there_are() -> None:
    commands = [
        line for block in blocks(ROOT / "README.md") if block.language == "sh" for line in block.text.splitlines()
    ]
    targets = [command.removeprefix("make ") for command in commands]
    assert len(targets) == 2 and all(command.startswith("make ") for command in commands)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


# --- Examples that are read ------------------------------------------------------------------------------------------

EXAMPLES = [block for block in blocks(DOCS / "language.md") if block.language in ("yaml", "rspp")]


def _read(block: Block, text: str) -> tuple[Document | None, list[str]]:
    sink = DiagnosticSink()
    document = read(f"example.{block.language}", text.encode(), sink)
    return document, [found.message() for found in sink.sorted()]


def _is_fragment(block: Block) -> bool:
    return block.text.startswith("# fragment")


@pytest.mark.parametrize(
    "block", [one for one in EXAMPLES if _is_fragment(one)], ids=lambda block: f"language.md:{block.line}"
)
def test_a_fragment_says_what_its_kind_of_artifact_may_say(block: Block) -> None:
    text = block.text
    if block.language == "rspp":
        is_policy = re.search(r"^ *(provider|degrade|insert|forbid) ", text, re.MULTILINE)
        text = f"{'policy' if is_policy else 'pipeline'} example v1 {{\n{text}}}\n"
    document, found = _read(block, text)
    assert found == [] and document is not None and document.root is not None
    root = document.root
    kind = BY_SCHEMA_VERSION[root.get("schema_version", "rspp.pipeline.spec.v1")]
    sink = DiagnosticSink()
    sound_mapping(root, kind.shape, sink)
    assert [one.message() for one in sink.sorted() if not isinstance(one, MissingKey)] == []


def test_the_artifacts_of_the_language_page_are_one_workspace_that_builds(tmp_path: Path) -> None:
    """YAML and the text form of one artifact take turns, and both give the same bytes."""
    yaml, text_form = (_built(tmp_path / language, preferring=language) for language in ("yaml", "rspp"))
    for name in ("bundle.json", "resolved_spec.json", "distribution.json"):
        assert (yaml / name).read_bytes() == (text_form / name).read_bytes()


def _built(folder: Path, *, preferring: str) -> Path:
    """The build of the page's artifacts; of two forms of one artifact the preferred one is taken."""
    written = [block for block in EXAMPLES if not _is_fragment(block)]
    for block in sorted(written, key=lambda block: block.language == preferring):
        document, found = _read(block, block.text)
        assert found == [] and document is not None and document.root is not None, block.line
        root = document.root
        kind = BY_SCHEMA_VERSION[root["schema_version"]]
        name = f"{root[kind.id_field]}_{root['version']}"
        place = folder / "pipelines" / kind.folder
        place.mkdir(parents=True, exist_ok=True)
        for other in place.glob(f"{name}.*"):
            other.unlink()
        (place / f"{name}.{block.language}").write_text(block.text, encoding="utf-8")
    for path, text in ASSETS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    done = rsppc_here(folder, "build")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return folder / "build/support_bundle/v1"


ASSETS = {"pipelines/assets/prompts/support.txt": "Answer in one sentence.\n"}
"""What the artifacts of the page refer to besides each other."""


# --- The page of commands --------------------------------------------------------------------------------------------

CLI_PAGE = (DOCS / "cli.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", CLI_PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"docs/cli.md has no section `{title}`"
    return found[1]


def test_every_command_has_a_section_and_there_is_no_other() -> None:
    assert re.findall(r"^## rsppc (\w+)$", CLI_PAGE, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_the_options_of_a_command_are_those_that_it_has(name: str) -> None:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    real = {
        " / ".join([*option.opts, *option.secondary_opts])
        for one in _with_those_below(command)
        for option in one.params
        if isinstance(option, click.Option)
    }
    shown = set(re.findall(r"^\| `(-[^`]*?)(?: [A-Z=:]+)?` \|", _section(f"rsppc {name}"), re.MULTILINE))
    if "options of findings" in " ".join(_section(f"rsppc {name}").split()):
        common = {"--format", "--report", "--strict", "--color / --no-color"}
        shown |= common
    assert {_normal(option) for option in shown} == {_normal(option) for option in real}


def _with_those_below(command: click.Command) -> Iterator[click.Command]:
    yield command
    if isinstance(command, click.Group):
        for name in command.list_commands(context := click.Context(command)):
            below = command.get_command(context, name)
            assert below is not None
            yield from _with_those_below(below)


def _normal(option: str) -> str:
    return " ".join(sorted(re.findall(r"--?[a-z-]+", option)))


def test_the_table_of_exit_codes_is_the_one_in_use() -> None:
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", _section("Exit codes"), re.MULTILINE)}
    assert codes == {value for name, value in vars(exits).items() if name.isupper() and isinstance(value, int)}


# --- The page of conditions ------------------------------------------------------------------------------------------

CONDITIONS_PAGE = (DOCS / "conditions.md").read_text(encoding="utf-8")
ON_EDGES = edge_environment(TEXT_EVENT_FIELDS)
IN_RULES = rule_environment(["stt-deepgram"])


def test_every_example_of_a_condition_is_one() -> None:
    examples = [block.text.strip() for block in blocks(DOCS / "conditions.md") if block.language == "cel"]
    assert examples
    for text in examples:
        assert isinstance(check(text, IN_RULES), Condition), text


def test_a_condition_may_read_the_names_that_the_page_lists() -> None:
    table = re.findall(r"^\| (edges|rules)[^|]*\| (.*) \|$", CONDITIONS_PAGE, re.MULTILINE)
    assert [place for place, _ in table] == ["edges", "rules"]
    for place, names in table:
        environment = ON_EDGES if place == "edges" else IN_RULES
        for name in re.findall(r"`([a-z_.]+)`", names):
            assert environment.find(name) is not None, f"{name} ({place})"


def test_what_the_page_forbids_is_refused() -> None:
    assert isinstance(check("has(tenant.labels.tier)", IN_RULES), tuple)
    assert isinstance(check('tenant.labels["tier"] == "gold"', IN_RULES), tuple)
    assert isinstance(check("event.confidence_milli >= 0.6", ON_EDGES), tuple)


# --- The page for runtimes --------------------------------------------------------------------------------------------


def test_the_lines_of_the_runtime_page_resolve_a_turn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are run as they stand there, on a bundle that was built as a user builds it."""
    (lines,) = (block.text for block in blocks(DOCS / "runtime.md") if block.language == "python")
    shutil.copytree(ROOT / "golden" / "turnplan" / "support_line" / "input", tmp_path, dirs_exist_ok=True)
    assert rsppc_here(tmp_path, "build").returncode == 0
    (tmp_path / "snapshot.json").write_text(json.dumps(SNAPSHOT))
    capsys.readouterr()
    with contextlib.chdir(tmp_path):
        exec(compile(lines, "runtime.md", "exec"), {})
    said = capsys.readouterr().out
    assert said.startswith("rtp-") and "'stt': 'stt-two'" in said


# --- What holds for all pages ----------------------------------------------------------------------------------------

PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_into_pages_lead_to_headings(page: Path) -> None:
    for target, heading in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text(encoding="utf-8")):
        other = page.parent / target if target else page
        headings = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.MULTILINE)
        assert heading in {anchor(one) for one in headings}, f"{target}#{heading}"


def test_the_example_of_a_pass_is_one() -> None:
    page = (DOCS / "adding.md").read_text(encoding="utf-8")
    code = next(re.finditer(r"^   ```python\n(.*?)^   ```$", page, re.MULTILINE | re.DOTALL))[1]
    made: dict[str, Any] = {"__name__": "example_of_a_pass"}
    exec(compile(dedent(code), "docs/adding.md", "exec", dont_inherit=True), made)
    step = made["PASS"]
    assert isinstance(step, Pass) and step.needs <= {fact for one in ORDER for fact in one.gives}
    assert made["UnspeakableName"].code not in {kind.code for kind in diagnostic_kinds()}


def test_the_page_of_commands_completes_three_shells() -> None:
    for shell in ("bash", "zsh", "fish"):
        assert f"_RSPPC_COMPLETE={shell}_source rsppc" in CLI_PAGE


def test_output_is_held_against_a_page_with_gaps() -> None:
    assert says("a …\n…\nz\n", "a b c\nd\ne\nz\n")
    assert says("…\n", "") and not says("a\n", "b\n") and not says("a\n", "a\nb\n")


def test_a_change_that_fits_nowhere_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: 1\nb: 2\n")
    _apply(tmp_path / "a.yaml", " a: 1\n-b: 2\n+b: 3\n")
    assert (tmp_path / "a.yaml").read_text() == "a: 1\nb: 3\n"
    with pytest.raises(AssertionError, match="holds 0 times"):
        _apply(tmp_path / "a.yaml", "-c: 2\n+c: 3\n")
