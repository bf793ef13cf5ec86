"""Run the compiler over files, and say what became of each."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence

from rsppc.batch import each
from rsppc.checking import Outcome, check_file, checked_alone
from rsppc.diagnostics import Diagnostic
from rsppc.driver import Purpose, released_specs
from rsppc.lowering.alone import KINDS as ALONE_KINDS
from rsppc.lowering.artifacts import Artifacts


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
        yield checked_alone(artifacts, alone[name], strict=strict)


def unused_allowances(outcomes: Iterable[Outcome], files: Sequence[str]) -> list[Diagnostic]:
    """Comments in these files that allowed no finding in any pipeline; all that use the files must be among them."""
    allowances = [one for outcome in outcomes for one in outcome.allowances if one.at.source.path in files]
    if not allowances:
        return []
    from rsppc.lint.allow import unused

    return unused(allowances)


def unreleased(artifacts: Artifacts) -> tuple[str, ...]:
    """All files, but for specs that a bundle releases: those are compiled as part of it."""
    released = released_specs(artifacts)
    return tuple(path for path in artifacts.paths() if path not in released)
