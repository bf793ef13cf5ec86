"""Run the compiler over files, and say what became of each."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence

from rsppc.base.record import Record
from rsppc.batch import each
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import Purpose, check_alone, compile_bundle, prove_fixes, released_specs
from rsppc.lowering.alone import KINDS as ALONE_KINDS
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.references import check_references


class Outcome(Record):
    """What became of one file."""

    path: str
    diagnostics: tuple[Diagnostic, ...]
    ok: bool
    artifact: str = ""
    """Kind and reference of what stands in the file, as in `module:hearing/v1`."""
    uses: tuple[str, ...] = ()
    """The same of everything that was compiled with it."""


def quick_collection() -> None:
    """Let the garbage collector rest: a run makes few cycles, and ends soon."""
    gc.disable()


def compiled_files(
    artifacts: Artifacts, paths: Sequence[str], *, purpose: Purpose, strict: bool, jobs: int
) -> Iterator[Outcome]:
    """Check each file: bundles and specs are compiled, the references of the others are followed.

    Modules, policies and layers that nothing here uses are judged by themselves; the others have been judged where they
    are used, which says more.
    """

    def work(path: str) -> Outcome:
        outcome = check_file(artifacts, path, purpose=purpose, strict=strict)
        if not outcome.artifact:  # it is no part of others, so that memory need not grow with the number of files
            artifacts.forget(path)
        return outcome

    if jobs > 1:
        artifacts.of_kind("extension")  # read before workers are forked, so that they share it
    used: set[str] = set()
    alone: dict[str, str] = {}
    for outcome in each(paths, work, jobs=jobs):
        used.update(outcome.uses)
        if outcome.artifact.partition(":")[0] in ALONE_KINDS:
            alone[outcome.artifact] = outcome.path
        yield outcome
    for name in sorted(alone.keys() - used):
        yield _checked_alone(artifacts, alone[name], strict=strict)


def unreleased(artifacts: Artifacts) -> tuple[str, ...]:
    """All files, but for specs that a bundle releases: those are compiled as part of it."""
    released = released_specs(artifacts)
    return tuple(path for path in artifacts.paths() if path not in released)


def check_file(artifacts: Artifacts, path: str, *, purpose: Purpose, strict: bool) -> Outcome:
    """What is wrong with one file and with what it stands for."""
    artifact, diagnostics = artifacts.at(path)
    if artifact is None:
        return Outcome(path=path, diagnostics=_with_written_edits(diagnostics), ok=not diagnostics)
    if artifact.kind.name in ("bundle", "pipeline"):
        compilation = compile_bundle(artifacts, artifact, purpose=purpose, strict=strict)
        compilation = prove_fixes(compilation, artifacts, purpose=purpose, strict=strict)
        program = compilation.program
        uses = tuple(f"{one.kind}:{one.ref}" for one in program.bundle.pinned) if program is not None else ()
        return Outcome(path=path, diagnostics=compilation.diagnostics, ok=compilation.ok, uses=uses)
    return _followed(artifact, artifacts, strict=strict)


def _followed(artifact: Artifact, artifacts: Artifacts, *, strict: bool) -> Outcome:
    """Whether an artifact that is not compiled is of its declared form, and its references lead somewhere."""
    sink = DiagnosticSink(strict=strict)
    for diagnostic in artifact.diagnostics:
        sink.report(diagnostic)
    check_references(artifact, artifacts, sink)
    if artifact.kind.name == "extension":
        from rsppc.lowering.lower import catalog

        catalog(artifacts, sink)
    name = f"{artifact.kind.name}:{artifact.ref}"
    diagnostics = _with_written_edits(sink.sorted())
    return Outcome(path=artifact.path, diagnostics=diagnostics, ok=not sink.has_errors, artifact=name)


def _with_written_edits(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    if not any(found.fixes for found in diagnostics):
        return diagnostics
    from rsppc.fixes import with_written_edits  # only where something is wrong

    return with_written_edits(diagnostics)


def _checked_alone(artifacts: Artifacts, path: str, *, strict: bool) -> Outcome:
    sink = DiagnosticSink(strict=strict)
    artifact, _ = artifacts.at(path)
    if artifact is not None:
        check_alone(artifacts, artifact, sink)
    return Outcome(path=path, diagnostics=sink.sorted(), ok=not sink.has_errors)
