"""Every rule finds its own bad pipeline, and nothing else there; its good pipeline is good. (F-126)"""

from __future__ import annotations

from pathlib import Path

import pytest
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import compile_bundle, entries, open_workspace
from rsppc.lint import registry
from rsppc.lint.example import workspace_of
from rsppc.workspace import Workspace
from workspaces import make


def findings(folder: Path, files: dict[str, str]) -> list[Diagnostic]:
    """What is said of a workspace with these files."""
    sink = DiagnosticSink()
    artifacts = open_workspace(Workspace(root=str(make(folder, files))), sink)
    found = [one for entry in entries(artifacts) for one in compile_bundle(artifacts, entry).diagnostics]
    return [*sink.sorted(), *found]


@pytest.mark.parametrize("name", registry.names())
def test_a_rule_finds_its_bad_pipeline_and_leaves_its_good_one_alone(name: str, tmp_path: Path) -> None:
    rule = registry.rule(name)
    bad = findings(tmp_path / "bad", workspace_of(rule.bad))
    good = findings(tmp_path / "good", workspace_of(rule.good))
    assert [one.name for one in bad if one.code.startswith("RSP96")] == [name], [one.message() for one in bad]
    assert [one.name for one in good if one.code.startswith("RSP96")] == [], [one.message() for one in good]
    others = [{one.name for one in found} - {name} for found in (bad, good)]
    assert others[0] == others[1], "the bad pipeline has something else that the good one has not"
    assert not any(one.severity == "error" for one in (*bad, *good))
