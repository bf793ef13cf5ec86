"""What is wrong with one file of a workspace, and with what it stands for: bundles and specs are compiled, the
references of other artifacts are followed, and what governs is judged.

The command line and the editor ask here, so that they never say different things.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsppc.base.record import Record, replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import Compilation, Purpose, check_alone, compile_bundle, prove_fixes
from rsppc.governance import check_governing
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.references import check_references

if TYPE_CHECKING:
    from rsppc.lint.allow import Allowance  # few files hold comments that allow a finding


class Outcome(Record):
    """What became of one file."""

    path: str
    diagnostics: tuple[Diagnostic, ...]
    ok: bool
    artifact: str = ""
    """Kind and reference of what stands in the file, as in `module:hearing/v1`; empty for what is compiled."""
    uses: tuple[str, ...] = ()
    """The same of everything that was compiled with it."""
    allowances: tuple[Allowance, ...] = ()
    """Comments that allow a finding, in the files that were compiled."""


def check_file(artifacts: Artifacts, path: str, *, purpose: Purpose, strict: bool) -> Outcome:
    """What is wrong with one file and with what it stands for; repairs of what is compiled have been tried."""
    outcome, compilation = examined(artifacts, path, purpose=purpose, strict=strict)
    if compilation is None:
        return replace(outcome, diagnostics=with_edits(outcome.diagnostics))
    proved = prove_fixes(compilation, artifacts, purpose=purpose, strict=strict)
    return replace(outcome, diagnostics=proved.diagnostics)


def examined(artifacts: Artifacts, path: str, *, purpose: Purpose, strict: bool) -> tuple[Outcome, Compilation | None]:
    """The same with nothing tried yet, and the compilation of a bundle or a spec."""
    artifact, diagnostics = artifacts.at(path)
    if artifact is None:
        return Outcome(path=path, diagnostics=diagnostics, ok=not diagnostics), None
    if artifact.kind.name not in ("bundle", "pipeline"):
        return _followed(artifact, artifacts, strict=strict), None
    compilation = compile_bundle(artifacts, artifact, purpose=purpose, strict=strict)
    program = compilation.program
    uses = tuple(f"{one.kind}:{one.ref}" for one in program.bundle.pinned) if program is not None else ()
    allowances = compilation.linted.allowances if compilation.linted is not None else ()
    outcome = Outcome(
        path=path, diagnostics=compilation.diagnostics, ok=compilation.ok, uses=uses, allowances=allowances
    )
    return outcome, compilation


def checked_alone(artifacts: Artifacts, path: str, *, strict: bool) -> Outcome:
    """What is wrong with a module, a policy or a layer that nothing uses."""
    sink = DiagnosticSink(strict=strict)
    artifact, _ = artifacts.at(path)
    if artifact is not None:
        check_alone(artifacts, artifact, sink)
    return Outcome(path=path, diagnostics=sink.sorted(), ok=not sink.has_errors)


def with_edits(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """The diagnostics, their repairs in the way of their files."""
    if not any(found.fixes for found in diagnostics):
        return diagnostics
    from rsppc.fixes import with_written_edits  # only where something is wrong

    return with_written_edits(diagnostics)


def _followed(artifact: Artifact, artifacts: Artifacts, *, strict: bool) -> Outcome:
    """Whether an artifact that is not compiled is of its declared form, and its references lead somewhere."""
    sink = DiagnosticSink(strict=strict)
    for diagnostic in artifact.diagnostics:
        sink.report(diagnostic)
    check_references(artifact, artifacts, sink)
    if artifact.kind.name == "extension":
        from rsppc.lowering.lower import catalog

        catalog(artifacts, sink)
    check_governing(artifacts, artifact, sink)
    name = f"{artifact.kind.name}:{artifact.ref}"
    return Outcome(path=artifact.path, diagnostics=sink.sorted(), ok=not sink.has_errors, artifact=name)
