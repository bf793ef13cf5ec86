"""The compiler as a service gives what the command line gives (R-001-16, R-001-17, R-001-18)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import compile_bundle, open_workspace
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.scaffold import Compiler, Unsound
from rsppc.store.artifacts import Publisher
from rsppc.store.protocols import ArtifactStore, Kept, Refused, ScaffoldCompiler
from rsppc.syntax.reader import read
from rsppc.workspace import Workspace
from stores import AT

ROOT = Path(__file__).parents[2]


def value(path: str) -> dict[str, Any]:
    document = read(path, (ROOT / path).read_bytes(), DiagnosticSink())
    assert document is not None and document.root is not None
    plain: dict[str, Any] = json.loads(json.dumps(document.root))
    return plain


def sources() -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    return (
        value("pipelines/specs/simple_v1.yaml"),
        value("pipelines/profiles/simple_v1.yaml"),
        [value("pipelines/policies/default_voice_policy_v1.yaml")],
    )


def test_a_sound_spec_has_no_errors() -> None:
    """R-001-16."""
    compiler: ScaffoldCompiler = Compiler(root=str(ROOT))
    found = compiler.validate_spec(sources()[0])
    assert {one.severity for one in found} == {"warning"}


def test_problems_of_form_and_of_meaning_are_found_together() -> None:
    """R-001-16: schema and semantic checks."""
    spec, _, _ = sources()
    spec["nodes"][0]["confg"] = {}
    spec["edges"][0]["to"] = "vat.audio"
    codes = {one.code for one in Compiler(root=str(ROOT)).validate_spec(spec)}
    assert {"RSP1101", "RSP2114"} <= codes


def test_a_resolved_spec_is_what_the_command_line_makes() -> None:
    """R-001-17: the same nodes, edges and origins, up to the names of the bundle."""
    spec, profile, overlays = sources()
    made = Compiler(root=str(ROOT)).normalize(spec, profile, overlays)
    sink = DiagnosticSink()
    artifacts = open_workspace(Workspace(root=str(ROOT)), sink)
    entry, _ = artifacts.at("pipelines/bundles/simple_bundle_v1.yaml")
    assert entry is not None
    program = compile_bundle(artifacts, entry, purpose="build").program
    assert program is not None
    expected = emitted(program).resolved_spec
    for section in ("effective_nodes", "effective_edges", "rules", "budgets"):
        assert made[section] == expected[section]


def test_a_bundle_can_be_kept_once_and_never_changed(tmp_path: Path) -> None:
    """R-001-15, R-001-18, R-001-53."""
    store: ArtifactStore = Publisher(root=str(tmp_path), at=AT)
    bundle = Compiler(root=str(ROOT)).build_bundle(*sources())
    assert isinstance(store.put_bundle(bundle), Kept)
    again = store.put_bundle(bundle)
    assert isinstance(again, Kept) and not again.changed
    refused = store.put_bundle({**bundle, "profile_ref": f"profile:other/v1@{bundle['outputs']['resolved_spec']}"})
    assert isinstance(refused, Refused) and refused.pointer == "/profile_ref"


def test_an_unsound_spec_makes_no_bundle() -> None:
    """R-001-52: validation comes before anything that could be published."""
    spec, profile, overlays = sources()
    spec["edges"].pop(0)
    with pytest.raises(Unsound) as raised:
        Compiler(root=str(ROOT)).build_bundle(spec, profile, overlays)
    assert "RSP4101" in {found.code for found in raised.value.diagnostics}
