"""Golden cases: a folder with an input, and beside it, byte for byte, what must come of it.

An area is one function: it takes a case and gives the files that belong into `expected/`. To add an area, write its
function here and register it; folders under `golden/` whose area nobody registered make the tests fail.

Run as a script, this module prints what cases give as JSON, so that they can be run under another hash seed.
"""

from __future__ import annotations

import base64
import contextlib
import difflib
import gc
import json
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from click.testing import CliRunner
from rsppc.base.canonical_json import readable
from rsppc.base.record import Record
from rsppc.cli.main import cli
from signing_keys import key_file
from tour import stages

ROOT = Path(__file__).parent.parent / "golden"


class Case(Record):
    """One folder. Its name is its path below `golden/`: `errors/cycle`."""

    name: str
    folder: Path

    @property
    def area(self) -> str:
        return self.name.partition("/")[0]

    @property
    def input(self) -> Path:
        return self.folder / "input"

    @property
    def passing(self) -> Path:
        """Files that, laid over the input, repair it; need not be there."""
        return self.folder / "passing"

    def expected(self) -> Outputs:
        return files_below(self.folder / "expected")


Outputs = dict[str, bytes]
"""Content of files by their path below `expected/`."""

AREAS: dict[str, Callable[[Case], Outputs]] = {}

OTHER_SHAPES = {
    "import": "tests/unit/test_import_golden.py",
    "identity": "tests/unit/test_plan_identity.py",
    "simulate": "tests/unit/test_simulate_golden.py",
}
"""Areas whose cases have another shape, with the tests that know it."""


def area(name: str) -> Callable[[Callable[[Case], Outputs]], Callable[[Case], Outputs]]:
    """Register the function of an area."""

    def register(function: Callable[[Case], Outputs]) -> Callable[[Case], Outputs]:
        AREAS[name] = function
        return function

    return register


@area("errors")
def diagnostics_of(case: Case) -> Outputs:
    """What `rsppc check` prints in the workspace."""
    return {"diagnostics.txt": rsppc(case.input, "check", "--no-color").encode()}


@area("compile")
def artifacts_of(case: Case) -> Outputs:
    """All files that `rsppc build` writes, by bundle, version and name."""
    with tempfile.TemporaryDirectory() as folder:
        rsppc(case.input, "build", "--no-color", "--output", folder)
        found = files_below(Path(folder))
        links = sorted(path for path in Path(folder).glob("*/*") if path.is_symlink())
        return {
            f"{link.parent.name}/{link.name}/{path.name}": found[f".sets/{link.resolve().name}/{path.name}"]
            for link in links
            for path in link.iterdir()
        }


@area("passes")
def program_of(case: Case) -> Outputs:
    """The program of the one spec in the workspace after the pass that the folder is named after."""
    _, name, _ = case.name.split("/")
    (spec,) = (case.input / "pipelines" / "specs").iterdir()
    return {"program.txt": rsppc(case.input, "dump", str(spec.relative_to(case.input)), "--after", name).encode()}


@area("turnplan")
def plans_of(case: Case) -> Outputs:
    """The plan, or the outcome in its place, of each turn in `turns.json`: arguments of `rsppc resolve`."""
    turns: dict[str, list[str]] = json.loads((case.input / "turns.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        rsppc(case.input, "build", "--no-color", "--output", folder)
        common = ("--session", "sess-1", "--turn", "turn-1")
        return {
            f"{name}.json": readable(json.loads(rsppc(case.input, "resolve", f"{folder}/{bundle}", *common, *options)))
            for name, (bundle, *options) in turns.items()
        }


@area("distribution")
def distribution_of(case: Case) -> Outputs:
    """What `rsppc distribution emit` makes of the bundles and options in `emit.json`, and what `check` says of it."""
    said: dict[str, list[str]] = json.loads((case.input / "emit.json").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        rsppc(case.input, "build", "--no-color", "--output", folder)
        made = Path(folder, "distribution.json")
        bundles = [f"{folder}/{bundle}" for bundle in said["bundles"]]
        rsppc(case.input, "distribution", "emit", *bundles, *said["options"], "--output", str(made))
        findings = rsppc(Path(folder), "distribution", "check", "--no-color", made.name)
        return {"distribution.json": made.read_bytes(), "findings.txt": findings.encode()}


@area("contracts")
@area("lint")
@area("rollout")
@area("compat")
@area("extension")
@area("replay")
@area("gate")
@area("graph")
@area("diff")
@area("breaking")
@area("release")
@area("spectest")
@area("store")
def transcript_of(case: Case) -> Outputs:
    """What the commands in `commands.txt` print, one after the other in a copy of the workspace, and the files that
    they leave under `out/`. Lines that begin with `#` say what the next command is for."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "workspace")
        shutil.copytree(case.input, copy)
        (copy / "out").mkdir(exist_ok=True)
        told = told_in(copy, case)
        made = {f"out/{name}": data for name, data in files_below(copy / "out").items()}
        return {"transcript.txt": told, **made}


def told_in(copy: Path, case: Case) -> bytes:
    """The commands of a case, each with what it prints in a copy of the workspace."""
    told = [
        line if line.startswith("#") else f"$ {line}\n{transcript(copy, *shlex.split(line)[1:])}"
        for line in (case.input / "commands.txt").read_text("utf-8").splitlines()
        if line.strip()
    ]
    return "\n".join([*told, ""]).encode()


@area("signing")
def signed_of(case: Case) -> Outputs:
    """The same with keys that are made of numbers, so that no secret lies here, and all attestations that were made;
    what was signed also in a form for people."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "workspace")
        shutil.copytree(case.input, copy)
        key_file(copy, "builder", 1)
        key_file(copy, "releaser", 2, "p256")
        key_file(copy, "stranger", 3)
        told = told_in(copy, case)
        attestations = sorted(copy.glob("build/*/*.attestations"))
        made = {f"{place.name}/{name}": data for place in attestations for name, data in files_below(place).items()}
        payloads = {
            name.replace(".dsse.json", ".statement.json"): base64.b64decode(json.loads(data)["payload"])
            for name, data in made.items()
            if name.endswith(".dsse.json")
        }
        shown = {name: readable(json.loads(data)) for name, data in payloads.items()}
        return {"transcript.txt": told, **made, **shown}


@area("publish")
def published_of(case: Case) -> Outputs:
    """The same with such keys, and what is in the log at the end; digests of what holds the version of the compiler are
    left out."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "workspace")
        shutil.copytree(case.input, copy)
        key_file(copy, "builder", 1)
        key_file(copy, "releaser", 2, "p256")
        told = told_in(copy, case).decode()
        return {"transcript.txt": re.sub(r"blake3:[0-9a-f]{64}", "blake3:…", told).encode()}


@area("docs")
def pages_of(case: Case) -> Outputs:
    """The main part of some pages of the site: those that `pages.txt` names. What stands around it is on every page."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site")
        rsppc(case.input, "docs", "--output", str(site), "--title", "Golden")
        wanted = (case.input / "pages.txt").read_text("utf-8").split()
        texts = {path: (site / path).read_text("utf-8") for path in wanted}
        return {path: re.findall(r"<main.*?</main>\n", text, re.DOTALL)[0].encode() for path, text in texts.items()}


@area("format")
def formatted_of(case: Case) -> Outputs:
    """What the commands in `commands.txt` print, one after the other, and what all sources are afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "workspace")
        shutil.copytree(case.input, copy)
        told = [
            line if line.startswith("#") else f"$ {line}\n{transcript(copy, *shlex.split(line)[1:])}"
            for line in (case.input / "commands.txt").read_text("utf-8").splitlines()
        ]
        sources = {f"pipelines/{name}": data for name, data in files_below(copy / "pipelines").items()}
        return {"transcript.txt": "\n".join([*told, ""]).encode(), **sources}


@area("tour")
def stages_of(case: Case) -> Outputs:
    """One program on one page, after each step of the compiler."""
    return {"stages.md": stages(case.input).encode()}


def rsppc(folder: Path, *arguments: str) -> str:
    """What a command prints when it is called in a folder. Exceptions of the compiler come out as they are."""
    with contextlib.chdir(folder):
        result = CliRunner().invoke(cli, arguments, standalone_mode=False)
    gc.enable()  # a command that ends soon lets it rest
    if result.exception is not None:
        raise result.exception
    return result.stdout


def transcript(folder: Path, *arguments: str) -> str:
    """What a person sees who runs a command: output, what is said beside it, and the exit code where it is not 0."""
    with contextlib.chdir(folder):
        result = CliRunner().invoke(main_command, arguments)
    gc.enable()
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    code = f"exit code {result.exit_code}\n" if result.exit_code else ""
    # How fast a simulation ran is the machine's, and no result.
    return re.sub(r"^\d+ events a second\n", "", result.output, flags=re.MULTILINE) + code


@click.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def main_command(arguments: tuple[str, ...]) -> None:
    """The command line as `rsppc.cli.main` runs it, for a runner that wants a command of its library."""
    status = cli(list(arguments), standalone_mode=False, prog_name="rsppc")
    raise click.exceptions.Exit(status if isinstance(status, int) else 0)


def cases(root: Path = ROOT) -> tuple[Case, ...]:
    """All cases: the folders with an `input/`, by name."""
    found = (path.parent for path in root.rglob("input") if path.is_dir())
    named = {folder.relative_to(root).as_posix(): folder for folder in found}
    # What a case holds may itself look like a case, such as a workspace with examples.
    outermost = [name for name in named if not any(name.startswith(f"{other}/") for other in named)]
    return tuple(Case(name=name, folder=named[name]) for name in sorted(outermost))


def strays(root: Path = ROOT) -> Iterator[str]:
    """What lies under `golden/` and belongs to no case of a known area."""
    owned = {case.folder for case in cases(root) if case.area in AREAS}
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        is_known = name == "README.md" or name.split("/")[0] in OTHER_SHAPES
        if path.is_file() and not is_known and not owned.intersection(path.parents):
            yield name


def outputs_of(case: Case) -> Outputs:
    """The files that a case gives."""
    return AREAS[case.area](case)


def copied(case: Case, folder: Path, *, repaired: bool = False) -> Case:
    """The case at another place; with `passing/` laid over its input if it is to be repaired."""
    copy = Case(name=case.name, folder=folder / case.name)
    shutil.copytree(case.input, copy.input)
    if repaired:
        shutil.copytree(case.passing, copy.input, dirs_exist_ok=True)
    return copy


def difference(case: Case, outputs: Outputs) -> str | None:
    """How what a case gives differs from what is expected, and what to type next; None where it does not."""
    expected = case.expected()
    if outputs == expected:
        return None
    lines: list[str] = []
    for name in sorted({*outputs, *expected}):
        before, after = expected.get(name), outputs.get(name)
        if before != after:
            lines.extend(_diff(f"golden/{case.name}/expected/{name}", before, after))
    command = f"pytest tests/test_golden.py -k {case.name} --update-golden"
    return "\n".join([*lines, "", "If this is what you mean, run", "", f"    {command}", ""])


def _diff(path: str, before: bytes | None, after: bytes | None) -> Iterator[str]:
    sides = ("/dev/null" if before is None else path, "/dev/null" if after is None else path)
    texts = [(data or b"").decode("utf-8", "backslashreplace").splitlines() for data in (before, after)]
    drawn = list(difflib.unified_diff(*texts, *sides, lineterm=""))
    yield from drawn or [f"{path} differs in line ends or bytes that cannot be shown"]


def update(case: Case, outputs: Outputs) -> None:
    """Make `expected/` hold the outputs and nothing else."""
    shutil.rmtree(case.folder / "expected", ignore_errors=True)
    for name, data in outputs.items():
        path = case.folder / "expected" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def files_below(folder: Path) -> Outputs:
    """Content of all files below a folder, by path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main(names: list[str]) -> None:
    """Print what cases give, as JSON: case, file, text."""
    wanted = set(names)
    given = {case.name: outputs_of(case) for case in cases() if case.name in wanted}
    shown = {name: {file: data.hex() for file, data in outputs.items()} for name, outputs in given.items()}
    print(json.dumps(shown, sort_keys=True))


if __name__ == "__main__":
    main(sys.argv[1:])
