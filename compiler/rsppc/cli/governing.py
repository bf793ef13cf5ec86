"""What commands about governing artifacts have in common: the one that the command line names, sound or refused."""

from __future__ import annotations

import os

from rsppc.cli.naming import artifact_named
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.governance import check_governing
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.references import check_references
from rsppc.workspace import Workspace, find_workspace


def artifacts_here(sink: DiagnosticSink) -> Artifacts:
    """The artifacts of the workspace around the current folder, with the shipped library behind them; the library
    alone where there is no workspace."""
    workspace = find_workspace(os.getcwd(), sink) or Workspace(root=os.getcwd(), scanned=False)
    return open_workspace(workspace, sink)


def sound_artifact(artifacts: Artifacts, kind: str, name: str, sink: DiagnosticSink) -> Artifact | None:
    """The artifact that the command line names; None, with findings, where something is wrong with it."""
    artifact, finding = artifact_named(artifacts, kind, name), DiagnosticSink()
    for diagnostic in artifact.diagnostics:
        finding.report(diagnostic)
    check_references(artifact, artifacts, finding)
    check_governing(artifacts, artifact, finding)
    for diagnostic in finding.sorted():
        sink.report(diagnostic)
    return None if finding.has_errors else artifact
