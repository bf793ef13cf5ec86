"""`rsppc schema`: the shipped JSON Schemas (R-001-87)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner
from rsppc.cli.commands import schema
from rsppc.model.json_schema import schema_of
from rsppc.model.kinds import KINDS


def printed(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(schema.COMMAND, arguments)
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_has_a_schema_under_each_of_its_names(kind: object) -> None:
    texts = {printed(name) for name in (kind.name, kind.title, kind.title.lower(), kind.schema_version)}  # type: ignore[attr-defined]
    assert [json.loads(text) for text in texts] == [schema_of(kind)]  # type: ignore[arg-type]


@pytest.mark.parametrize("arguments", [(), ("--list",), ("--list", "pipeline")])
def test_the_kinds_are_listed(arguments: tuple[str, ...]) -> None:
    lines = printed(*arguments).splitlines()
    assert [line.split()[:2] for line in lines] == [[kind.name, kind.schema_version] for kind in KINDS]


@pytest.mark.parametrize(
    ("written", "advice"),
    [
        ("pipline", "did you mean `pipeline`?"),
        ("rspp.policy.overlay.v2", "did you mean `rspp.policy.overlay.v1`?"),
        ("zzz", "there are pipeline, profile, module, "),
        ("../pyproject", "there are pipeline, profile, module, "),
    ],
)
def test_an_unknown_kind_is_wrong_use_with_a_guess(written: str, advice: str) -> None:
    assert advice in printed(written, code=2)


def test_it_works_from_the_command_line_without_a_workspace(tmp_path: object) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "rsppc", "schema", "bundle"], cwd=str(tmp_path), capture_output=True, text=True
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert json.loads(run.stdout)["title"] == "PipelineBundle"
