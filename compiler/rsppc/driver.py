"""From sources to artifacts: the whole compiler on one page.

    files ─load─▶ Artifacts ─lower─▶ Program ─passes─▶ Program ─emit─▶ ResolvedSpec, PipelineBundle, provenance

Artifacts are read, parsed and held against their declarations when they are asked for. Lowering follows the references
of one bundle and makes a Program of what it finds; each pass takes what the previous one could save; only `emit` may
assume success, and it never reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rsppc.base.record import Record, replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.ir.program import Program
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.lower import lower
from rsppc.passes.order import ORDER
from rsppc.workspace import Workspace

Purpose = Literal["check", "build"]


class Compilation(Record):
    """What became of one bundle. `program` is None where its sources did not even name a spec and a profile."""

    entry: Artifact
    program: Program | None
    diagnostics: tuple[Diagnostic, ...]
    ok: bool
    """Whether there are no errors, so that artifacts can be emitted."""


def compile_bundle(
    artifacts: Artifacts, entry: Artifact, *, purpose: Purpose = "check", strict: bool = False, after: str | None = None
) -> Compilation:
    """Compile one bundle, or one spec used without a bundle. Every problem found ends up in `diagnostics`."""
    sink = DiagnosticSink(strict=strict)
    program = lower(artifacts, entry, sink)
    if program is not None:
        program = replace(program, purpose=purpose)
        for step in ORDER:
            program = step.run(program, sink)
            if step.name == after:
                break
    return Compilation(entry=entry, program=program, diagnostics=sink.sorted(), ok=not sink.has_errors)


def open_workspace(workspace: Workspace, sink: DiagnosticSink) -> Artifacts:
    """The artifacts of a workspace, with the shipped library behind them."""
    from rsppc.resources import folder  # the library is found where the package is installed

    shipped = Workspace(root=folder("pipelines"), sources=".")
    return Artifacts(workspace, shipped, sink)


def entries(artifacts: Artifacts) -> Iterator[Artifact]:
    """What a build of the whole workspace compiles: every bundle, and every spec that no bundle releases."""
    specs: dict[str, Artifact] = {}
    released: set[str] = set()
    for path in artifacts.paths():
        artifact, _ = artifacts.at(path)
        if artifact is None:
            continue
        if artifact.kind.name == "bundle":
            released.add(str(artifact.root.get("spec_ref", "")).removeprefix("pipeline:").split("@")[0])
            yield artifact
        elif artifact.kind.name == "pipeline":
            specs[artifact.ref] = artifact
    for ref, spec in specs.items():
        if ref not in released:
            yield spec
