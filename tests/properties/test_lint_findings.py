"""Rules of pipelines that have several flaws at once, in any order: no crash, the same findings, places that exist."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import compile_bundle, entries, open_workspace
from rsppc.lint import registry
from rsppc.lint.example import SPEC_PATH, workspace_of
from rsppc.workspace import Workspace
from workspaces import make


def findings(files: dict[str, str]) -> list[Diagnostic]:
    """What rules say of a workspace."""
    with tempfile.TemporaryDirectory() as folder:
        artifacts = open_workspace(Workspace(root=str(make(Path(folder), files))), DiagnosticSink())
        found = [one for entry in entries(artifacts) for one in compile_bundle(artifacts, entry).diagnostics]
        return [one for one in found if one.code.startswith("RSP96")]


def combined(names: list[str]) -> dict[str, str]:
    """One workspace with the flaws of several rules, as far as they do not stand in each other's way."""
    changes, files = [], []
    for name in names:
        change, separator, rest = registry.rule(name).bad.partition("\nfile ")
        changes.append(change)
        files.append(separator + rest)
    return workspace_of("\n".join([*changes, *files]))


@settings(max_examples=60, deadline=None)
@given(names=st.lists(st.sampled_from(registry.names()), min_size=1, max_size=3, unique=True), seed=st.randoms())
def test_flaws_are_found_in_any_order_of_nodes_and_edges(names: list[str], seed: object) -> None:
    files = combined(names)
    found = findings(files)
    for one in found:
        path, line, column = one.at.location()
        assert path and line >= 1 and column >= 1 and one.message() and one.next_step()
    spec = files[SPEC_PATH]
    head, _, rest = spec.partition("nodes:\n")
    nodes, _, rest = rest.partition("edges:\n")
    edges, separator, turns = rest.partition("turns:\n")
    shuffled = [_shuffled(part, seed) for part in (nodes, edges)]
    again = findings({**files, SPEC_PATH: f"{head}nodes:\n{shuffled[0]}edges:\n{shuffled[1]}{separator}{turns}"})
    assert Counter(one.name for one in found) == Counter(one.name for one in again)


def _shuffled(items: str, seed: object) -> str:
    listed = [f"  - {item}" for item in items.split("  - ")[1:]]
    seed.shuffle(listed)  # type: ignore[attr-defined]
    return "".join(listed)
