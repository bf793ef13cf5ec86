"""Artifacts that the command line names: a runtime, a compatibility policy."""

from __future__ import annotations

import os

import click

from rsppc.base.names import near_miss, parse_ref
from rsppc.base.record import replace
from rsppc.base.source import Source, file_span
from rsppc.cli.session import Options, exit_code, report, usage
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.lowering.artifacts import Artifact, Artifacts, UnknownArtifact
from rsppc.model.kinds import BY_NAME
from rsppc.workspace import Workspace


def open_for_runtime(
    workspace: Workspace, runtime: str | None, sink: DiagnosticSink, *, kind: type[Artifacts] = Artifacts
) -> Artifacts:
    """The artifacts of a workspace, to be compiled for the runtime that is named; ends the command where it is not
    there."""
    if runtime is None:
        return open_workspace(workspace, sink, kind=kind)
    artifacts = open_workspace(replace(workspace, runtime=runtime, runtime_at=None), sink, kind=kind)
    artifact_named(artifacts, "runtime", runtime)
    return artifacts


def artifact_named(artifacts: Artifacts, kind: str, name: str) -> Artifact:
    """The artifact of a kind that a reference names, in the workspace or in what ships, or that stands in a file of the
    workspace. Ends the command where there is none, or none that can be read."""
    sink = DiagnosticSink()
    path = os.path.relpath(os.path.realpath(name), artifacts.workspace.root).replace(os.sep, "/")
    if path in artifacts.paths():
        found, unread = artifacts.at(path)
        for diagnostic in unread if found is None else ():
            sink.report(diagnostic)
    else:
        found = _referred(artifacts, kind, name, sink)
    if found is None and sink.has_errors:
        raise click.exceptions.Exit(exit_code(report(sink.sorted(), (), options_of_text())))
    if found is None or found.kind.name != kind:
        title = BY_NAME[kind].title
        known = sorted({one.ref for shelf in artifacts.of_kind(kind) for one in shelf})
        guess = near_miss(name, known)
        advice = (
            f"did you mean `{guess}`?" if guess else f"there are {', '.join(f'`{one}`' for one in known) or 'none'}"
        )
        usage(f"there is no {title} `{name}`", advice)
    return found


def _referred(artifacts: Artifacts, kind: str, name: str, sink: DiagnosticSink) -> Artifact | None:
    if parse_ref(name) is None:
        return None
    resolving = DiagnosticSink()
    found = artifacts.resolve(kind, name, file_span(Source(name, "", b"")), resolving)
    if any(isinstance(one, UnknownArtifact) for one in resolving.sorted()):
        return None
    for diagnostic in resolving.sorted() if found is None else ():
        sink.report(diagnostic)
    return found


def options_of_text() -> Options:
    """How findings are printed by commands that have no options for it."""
    return Options(format="text", reports=(), strict=False, color=None)
