"""What the compiler gives for every golden case, and that each kind of diagnostic has one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import golden_harness as harness
import pytest
from golden_harness import Case
from rsppc.generate import diagnostic_kinds

CASES = tuple(case for case in harness.cases() if case.area in harness.AREAS)
ERRORS = tuple(case for case in CASES if case.area == "errors")

TESTED_ELSEWHERE = {
    "unreadable-file": "needs a file that cannot be read: tests/unit/test_workspace.py",
    "link-out-of-workspace": "needs a link: tests/unit/test_workspace.py",
    "file-too-large": "8 MiB: tests/unit/test_source_text.py",
    "too-many-keys": "50,000 keys: tests/unit/test_yaml_reader.py",
    "scalar-too-long": "1 MiB: tests/unit/test_yaml_reader.py",
    "unbound-node-in-build": "only in a build: tests/unit/test_passes_findings.py",
    "runtime-without-transport": "only in a build: tests/unit/test_check_runtime.py, golden/compat/runtime_limits",
}
"""Kinds of diagnostics that a small folder cannot show."""
OTHER_COMMANDS = (
    *("rsppc.importing.", "rsppc.cli.", "rsppc.distribution.", "rsppc.conformance.", "rsppc.evidence."),
    *("rsppc.changes.", "rsppc.spectest.", "rsppc.store.pilots.", "rsppc.workplans"),
    *("rsppc.compat.release", "rsppc.compat.usage", "rsppc.compat.conformance"),
    "rsppc.extensions.release",
    *("rsppc.gates.release", "rsppc.gates.baselines", "rsppc.rollout.journal"),
    *("rsppc.replay.recording", "rsppc.replay.compare"),
    *("rsppc.rollout.sessions", "rsppc.rollout.steps", "rsppc.rollout.targets"),
)
"""Where kinds of diagnostics stand that `rsppc check` never reports; each command has tests of its own."""
NAMED_FREELY = ("five-at-once",)
"""Cases of errors that are about no single diagnostic."""


def every(cases: tuple[Case, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def diagnostic_of(case: Case) -> str:
    """The diagnostic after which a case of errors is named; variants follow after two hyphens."""
    return case.name.removeprefix("errors/").partition("--")[0]


@every(CASES)
def test_a_case_gives_what_is_expected(case: Case, request: pytest.FixtureRequest) -> None:
    outputs = harness.outputs_of(case)
    if request.config.getoption("--update-golden"):
        harness.update(case, outputs)
    problem = harness.difference(case, outputs)
    if problem is not None:
        pytest.fail(f"golden/{case.name} gives something else\n\n{problem}", pytrace=False)


@every(tuple(case for case in ERRORS if case.passing.is_dir()))
def test_the_repaired_case_has_no_error(case: Case, tmp_path: Path) -> None:
    text = harness.outputs_of(harness.copied(case, tmp_path, repaired=True))["diagnostics.txt"].decode()
    assert f" {diagnostic_of(case)}]: " not in text and "error[" not in text, text


def test_everything_under_golden_belongs_to_a_case_of_a_known_area() -> None:
    known = sorted({*harness.AREAS, *harness.OTHER_SHAPES})
    assert list(harness.strays()) == [], f"areas are {', '.join(known)}; see golden/README.md"
    assert [path for path in harness.OTHER_SHAPES.values() if not (harness.ROOT.parent / path).is_file()] == []


def test_every_case_of_an_error_shows_the_diagnostic_that_it_is_named_after() -> None:
    for case in ERRORS:
        name = diagnostic_of(case)
        if name not in NAMED_FREELY:
            assert f" {name}]: ".encode() in case.expected()["diagnostics.txt"], case.name


def test_every_kind_of_diagnostic_has_a_case() -> None:
    """R-002-18: an invalid fixture for each way of being invalid."""
    named = {kind.name for kind in diagnostic_kinds() if not kind.__module__.startswith(OTHER_COMMANDS)}
    cases = {diagnostic_of(case) for case in ERRORS}
    assert sorted(named - cases - TESTED_ELSEWHERE.keys()) == [], "add a case golden/errors/<name>"
    assert sorted(cases - named - {*NAMED_FREELY}) == [], "there is no such diagnostic"
    assert sorted(TESTED_ELSEWHERE.keys() - named) == [], "there is no such diagnostic"


# --- The same bytes whatever the surroundings


def test_another_place_gives_the_same_bytes(tmp_path: Path) -> None:
    for case in CASES[::9]:
        copy = harness.copied(case, tmp_path / "Straße 7, 2nd floor")
        assert harness.outputs_of(copy) == case.expected(), case.name


def test_another_hash_seed_gives_the_same_bytes() -> None:
    sample = CASES[4::9]
    surroundings = {**os.environ, "PYTHONHASHSEED": "4242", "TZ": "Pacific/Chatham", "LC_ALL": "C", "COLUMNS": "40"}
    command = [sys.executable, harness.__file__, *(case.name for case in sample)]
    printed = subprocess.run(command, env=surroundings, capture_output=True, check=True).stdout
    given = json.loads(printed)
    expected = {case.name: {name: data.hex() for name, data in case.expected().items()} for case in sample}
    assert given == expected


# --- The harness itself


def test_a_failure_says_what_to_type() -> None:
    case = ERRORS[0]
    problem = harness.difference(case, {"diagnostics.txt": b"no findings\n", "more.txt": b"?\n"})
    assert problem is not None
    assert f"pytest tests/test_golden.py -k {case.name} --update-golden" in problem
    assert "+no findings" in problem and f"golden/{case.name}/expected/more.txt" in problem


def test_updating_leaves_what_the_case_gives_and_nothing_else(tmp_path: Path) -> None:
    case = Case(name="errors/hum", folder=tmp_path / "errors" / "hum")
    harness.update(case, {"stale.txt": b"1", "kept/a.txt": b"2"})
    harness.update(case, {"kept/a.txt": b"3"})
    assert case.expected() == {"kept/a.txt": b"3"}
    assert harness.difference(case, {"kept/a.txt": b"3"}) is None


def test_a_folder_of_an_unknown_area_is_noticed(tmp_path: Path) -> None:
    for name in ("errors/hum/input/pipelines/a.yaml", "guesses/hum/input/a.yaml", "errors/readme.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert list(harness.strays(tmp_path)) == ["errors/readme.txt", "guesses/hum/input/a.yaml"]


def test_ci_never_updates() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "--update-golden", __file__]
    ran = subprocess.run(command, env={**os.environ, "CI": "true"}, capture_output=True, text=True)
    assert ran.returncode == 4 and "CI never updates" in ran.stderr
