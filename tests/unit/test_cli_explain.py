"""`rsppc explain`: a page as a person in a terminal reads it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner
from rsppc.cli.commands import explain
from rsppc.generate import diagnostic_kinds


def explained(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(explain.COMMAND, arguments)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("called", ["RSP3104", "rsp3104", "edge-format", "Edge-Format"])
def test_a_diagnostic_is_explained_by_code_and_by_name(called: str) -> None:
    text = explained(called)
    assert text.startswith("RSP3104 edge-format\n\n  Severity: error.\n\n")
    assert "\nWhy\n\n  A recogniser that expects 16 kHz and hears 8 kHz does not fail: it mishears." in text
    assert "\n\n\n" not in text and text.endswith("\n") and not text.endswith("\n\n")


def test_no_markup_is_left() -> None:
    for kind in diagnostic_kinds():
        text = explained(kind.code)
        assert "<!--" not in text and "```" not in text and "\n#" not in text
        assert text.startswith(f"{kind.code} {kind.name}\n")


def test_an_example_keeps_its_lines_and_its_indentation() -> None:
    page = (
        "# A\n\n<!-- x -->\n\n> said\n\n## Fails\n\n````yaml\na:\n\n  - b # c\n```\n````\n\n"
        "## Passes\n\n```yaml\na: 1\n```\n"
    )
    assert explain._plain(page) == "A\n\n  said\n\nFails\n\n    a:\n\n      - b # c\n    ```\n\nPasses\n\n    a: 1\n"


def test_without_an_argument_all_of_them_are_listed() -> None:
    text = explained()
    assert "\n3xxx Types\n" in text
    for kind in diagnostic_kinds():
        assert f"\n  {kind.code}  {kind.name} " in text


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("edge-fromat", "did you mean `edge-format`?"),
        ("RSP3140", "did you mean `RSP3"),
        ("3104", "did you mean `RSP3104`?"),
        ("../README", "run `rsppc explain` to see all of them"),
        ("x" * 5000, "run `rsppc explain` to see all of them"),
        ("\x1b[2J", "there is no diagnostic `<U+001B>[2J`"),
    ],
)
def test_what_does_not_exist_is_wrong_use_with_a_guess(written: str, advice: str) -> None:
    assert advice in explained("--", written, code=2)


def test_it_works_from_the_command_line_without_a_workspace(tmp_path: object) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rsppc", "explain", "unknown-key"], cwd=str(tmp_path), capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith("RSP1101 unknown-key\n")
