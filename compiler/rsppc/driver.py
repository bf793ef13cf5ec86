"""From sources to artifacts: the whole compiler on one page.

    files ─load─▶ Artifacts ─lower─▶ Program ─passes─▶ Program ─emit─▶ ResolvedSpec, PipelineBundle, provenance
                                                       └─lint─▶ findings about what compiles

Artifacts are read, parsed and held against their declarations when they are asked for. Lowering follows the references
of one bundle and makes a Program of what it finds; each pass takes what the previous one could save; only `emit` may
assume that nothing is missing, and it never reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rsppc.base.record import Record, replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.ir.catalog import Port
from rsppc.ir.ports import inputs_of, outputs_of, solver_input
from rsppc.ir.program import Program
from rsppc.lint.engine import Linted, lint
from rsppc.lowering.alone import lower_alone
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.lower import lower
from rsppc.passes import infer_types
from rsppc.passes.order import ALONE, ALONE_GOVERNING, JUDGING, ORDER, SIGNATURE
from rsppc.workspace import Workspace

Purpose = Literal["check", "build"]


class Compilation(Record):
    """What became of one bundle. `program` is None where its sources did not even name a spec and a profile."""

    entry: Artifact
    program: Program | None
    diagnostics: tuple[Diagnostic, ...]
    ok: bool
    """Whether there are no errors, so that artifacts may be published."""
    is_whole: bool = False
    """Whether nothing is missing from the program, so that artifacts can be emitted: what is wrong, if anything, is
    that it does not keep a promise."""
    linted: Linted | None = None
    """What the rules say, which stands among `diagnostics`; None where they were not asked, because of errors."""


def compile_bundle(
    artifacts: Artifacts, entry: Artifact, *, purpose: Purpose = "check", strict: bool = False, after: str | None = None
) -> Compilation:
    """Compile one bundle, or one spec used without a bundle. Every problem found ends up in `diagnostics`."""
    sink = DiagnosticSink(strict=strict)
    program = lower(artifacts, entry, sink)
    linted, is_whole = None, False
    if program is not None:
        program = replace(program, purpose=purpose)
        for step in ORDER:
            if step is JUDGING[0]:
                is_whole = not sink.has_flaws
            program = step.run(program, sink)
            if step.name == after:
                break
        if after is None and not sink.has_causes:
            linted = lint(program, artifacts.workspace.lint)
            for finding in linted.findings:
                sink.report(finding)
    return Compilation(
        entry=entry,
        program=program,
        diagnostics=sink.sorted(),
        ok=not sink.has_errors,
        is_whole=is_whole,
        linted=linted,
    )


def check_alone(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    """Judge a module, a policy or a layer as far as that goes without a pipeline that uses it."""
    program = lower_alone(artifacts, artifact, sink)
    for step in ALONE_GOVERNING if program.policies else ALONE:
        program = step.run(program, sink)


def signature(artifacts: Artifacts, module: Artifact) -> dict[tuple[str, str], Port]:
    """The ports that a module exposes, by direction and name, with all that each may carry as far as it decides.

    A module that is broken has the ports that could be saved of it.
    """
    sink = DiagnosticSink()
    program = lower_alone(artifacts, module, sink)
    for step in SIGNATURE:
        program = step.run(program, sink)
    types = infer_types.possible(program)
    exposed = program.exposed[module.id]
    found: dict[tuple[str, str], Port] = {}
    for direction, ends in (("in", exposed.inputs), ("out", exposed.outputs)):
        for name, end in ends.items():
            node = program.nodes.get(end.node)
            inside = (inputs_of if direction == "in" else outputs_of)(node).get(end.port or "") if node else None
            if inside is not None:
                solved = solver_input(inside.name) if direction == "in" else inside.name
                found[direction, name] = replace(inside, type=types[end.node][solved], place=end.place)
    return found


def prove_fixes(
    compilation: Compilation, artifacts: Artifacts, *, purpose: Purpose = "check", strict: bool = False
) -> Compilation:
    """The compilation with its repairs tried: each is applied in memory and compiled again."""
    if not any(found.fixes for found in compilation.diagnostics):
        return compilation
    from rsppc.fixes import with_verified_fixes  # only where something is wrong

    def recompile(changed: Artifacts) -> tuple[Diagnostic, ...]:
        entry, diagnostics = changed.at(compilation.entry.path)
        if entry is None:
            return diagnostics
        return compile_bundle(changed, entry, purpose=purpose, strict=strict).diagnostics

    proved = with_verified_fixes(compilation.diagnostics, artifacts, recompile, strict=strict)
    return replace(compilation, diagnostics=proved)


def open_workspace(workspace: Workspace, sink: DiagnosticSink, *, kind: type[Artifacts] = Artifacts) -> Artifacts:
    """The artifacts of a workspace, with the shipped library behind them."""
    from rsppc.resources import folder  # the library is found where the package is installed

    shipped = Workspace(root=folder("pipelines"), sources=".")
    return kind(sound_levels(workspace, sink), shipped, sink)


def sound_levels(workspace: Workspace, sink: DiagnosticSink) -> Workspace:
    """The workspace with what is sound of the levels that it gives to rules."""
    if not workspace.lint:
        return workspace
    from rsppc.lint.levels import check_levels  # few workspaces change a level

    return replace(workspace, lint=check_levels(workspace.lint, workspace.lint_at, sink))


def entries(artifacts: Artifacts) -> Iterator[Artifact]:
    """What a build of the whole workspace compiles: every bundle, and every spec that no bundle releases."""
    released = released_specs(artifacts)
    for path in artifacts.paths():
        artifact, _ = artifacts.at(path)
        if artifact is not None and artifact.kind.name in ("bundle", "pipeline") and path not in released:
            yield artifact


def released_specs(artifacts: Artifacts) -> set[str]:
    """Paths of the specs that some bundle of the workspace releases."""
    bundles, _ = artifacts.of_kind("bundle")
    released: set[str] = set()
    for bundle in bundles:
        path = released_by(bundle, artifacts)
        if path is not None:
            released.add(path)
    return released


def released_by(bundle: Artifact, artifacts: Artifacts) -> str | None:
    """Path of the spec that a bundle releases; None where that is not known."""
    if "spec_ref" not in bundle.root:
        return None
    spec = artifacts.resolve("pipeline", bundle.root["spec_ref"], bundle.item_span(), DiagnosticSink())
    return spec.path if spec is not None else None
