"""Whole imports as a user runs them: a folder of earlier artifacts in, a workspace and findings out.

A case is a folder under `golden/import/`: `input/`, `expected/findings.txt`, the artifacts that are written, and where
there is one, the `workspace/` that they are written into. `GOLDEN=write pytest tests/unit/test_import_golden.py` makes
the expected files anew; read what changed before keeping it.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from rsppc.checking import check_file
from rsppc.cli.commands.import_ import COMMAND
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import compile_bundle, entries, open_workspace
from rsppc.workspace import Workspace

CASES = Path(__file__).parents[2] / "golden" / "import"
NAMES = sorted(case.name for case in CASES.iterdir())


def run(case: Path, here: Path, monkeypatch: pytest.MonkeyPatch, *options: str) -> tuple[str, Path]:
    """Import a copy of a case's input; the findings, one a line, and the workspace."""
    source, workspace = here / "input", here / "workspace"
    shutil.copytree(case / "input", source)
    shutil.copytree(case / "workspace", workspace) if (case / "workspace").is_dir() else workspace.mkdir()
    monkeypatch.chdir(source)
    names = [name for name in sorted(os.listdir(source)) if name.endswith(".json")] or ["."]
    outcome = CliRunner().invoke(
        COMMAND, [*names, "--into", str(workspace), "--format", "json", *options], standalone_mode=False
    )
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    lines = [line_of(json.loads(one)) for one in outcome.stdout.splitlines()]
    return "".join(
        f"{line}\n" for line in (*lines, *outcome.stderr.splitlines(), f"exit {outcome.return_value}")
    ), workspace


def line_of(finding: dict[str, object]) -> str:
    primary = finding["primary"]
    assert isinstance(primary, dict)
    line, column = primary["start"]
    where = f"{primary['file']}:{line}:{column}"
    return f"{where}: {finding['severity']}[{finding['code']}]: {finding['headline']}"


def files_below(top: Path) -> dict[str, str]:
    found = (path for path in sorted(top.rglob("*")) if path.is_file())
    return {path.relative_to(top).as_posix(): path.read_text("utf-8") for path in found}


@pytest.mark.parametrize("name", NAMES)
def test_an_import_writes_what_is_expected_and_says_so(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-001-37: rollouts point to bundles afterwards, whatever pointed where before."""
    case = CASES / name
    before = files_below(case / "workspace")
    findings, workspace = run(case, tmp_path, monkeypatch)
    after = files_below(workspace)
    assert all(after[path] == text for path, text in before.items()), "what was there is untouched"
    got = {"findings.txt": findings, **{path: text for path, text in after.items() if path not in before}}
    expected = case / "expected"
    if os.environ.get("GOLDEN") == "write":
        shutil.rmtree(expected, ignore_errors=True)
        for path, text in got.items():
            (expected / path).parent.mkdir(parents=True, exist_ok=True)
            (expected / path).write_text(text, "utf-8")
    assert got == files_below(expected), "if this is right, `GOLDEN=write pytest tests/unit/test_import_golden.py`"


@pytest.mark.parametrize("name", NAMES)
def test_a_refused_import_writes_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings, workspace = run(CASES / name, tmp_path, monkeypatch)
    if "exit 1" in findings.splitlines():
        assert files_below(workspace) == files_below(CASES / name / "workspace")
        assert ": error[" in findings
    else:
        assert ": error[" not in findings


@pytest.mark.parametrize("name", NAMES)
def test_a_dry_run_says_the_same_and_writes_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    findings, workspace = run(CASES / name, tmp_path, monkeypatch, "--dry-run")
    assert files_below(workspace) == files_below(CASES / name / "workspace")
    expected = (CASES / name / "expected" / "findings.txt").read_text("utf-8")
    assert findings == expected.replace("\nwrote ", "\nwould write ")


ACCEPTED = [name for name in NAMES if "\nexit 0\n" in (CASES / name / "expected" / "findings.txt").read_text("utf-8")]


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_was_imported_compiles_without_errors(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, root = run(CASES / name, tmp_path, monkeypatch)
    sink = DiagnosticSink()
    artifacts = open_workspace(Workspace(root=str(root)), sink)
    for entry in entries(artifacts):
        compilation = compile_bundle(artifacts, entry)
        assert compilation.ok, [found.message() for found in compilation.diagnostics]
    for path in artifacts.paths():
        outcome = check_file(artifacts, path, purpose="check", strict=False)
        assert outcome.ok, [found.message() for found in outcome.diagnostics]
    assert not sink.has_errors
