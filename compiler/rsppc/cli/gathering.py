"""Run the compiler over files, and say what became of each."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from typing import Any

from rsppc.base.record import Record
from rsppc.batch import each
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import Purpose, compile_bundle, prove_fixes, released_specs
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.references import check_references


class Outcome(Record):
    """What became of one file."""

    path: str
    diagnostics: tuple[Diagnostic, ...]
    ok: bool
    result: Any = None
    """What the caller's `finish` made of a compilation."""


def quick_collection() -> None:
    """Let the garbage collector rest: a run makes few cycles, and ends soon."""
    gc.disable()


def compiled_files(
    artifacts: Artifacts, paths: Sequence[str], *, purpose: Purpose, strict: bool, jobs: int
) -> Iterator[Outcome]:
    """Check each file: bundles and specs are compiled, the references of the others are followed."""

    def work(path: str) -> Outcome:
        return check_file(artifacts, path, purpose=purpose, strict=strict)

    if jobs > 1:
        artifacts.of_kind("extension")  # read before workers are forked, so that they share it
    yield from each(paths, work, jobs=jobs)


def unreleased(artifacts: Artifacts) -> tuple[str, ...]:
    """All files, but for specs that a bundle releases: those are compiled as part of it."""
    released = released_specs(artifacts)
    return tuple(path for path in artifacts.paths() if path not in released)


def check_file(artifacts: Artifacts, path: str, *, purpose: Purpose, strict: bool) -> Outcome:
    """What is wrong with one file and with what it stands for."""
    artifact, diagnostics = artifacts.at(path)
    if artifact is None:
        return Outcome(path=path, diagnostics=diagnostics, ok=not diagnostics)
    if artifact.kind.name in ("bundle", "pipeline"):
        compilation = compile_bundle(artifacts, artifact, purpose=purpose, strict=strict)
        compilation = prove_fixes(compilation, artifacts, purpose=purpose, strict=strict)
        return Outcome(path=path, diagnostics=compilation.diagnostics, ok=compilation.ok)
    return _checked_alone(artifact, artifacts, strict=strict)


def _checked_alone(artifact: Artifact, artifacts: Artifacts, *, strict: bool) -> Outcome:
    sink = DiagnosticSink(strict=strict)
    for diagnostic in artifact.diagnostics:
        sink.report(diagnostic)
    check_references(artifact, artifacts, sink)
    if artifact.kind.name == "extension":
        from rsppc.lowering.lower import catalog

        catalog(artifacts, sink)
    return Outcome(path=artifact.path, diagnostics=sink.sorted(), ok=not sink.has_errors)
