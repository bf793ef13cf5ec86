"""Run the compiler over files, and say what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rsppc.batch import each
from rsppc.checking import Outcome, check_file, checked_alone
from rsppc.cli.judged import Judged, with_lone
from rsppc.driver import Purpose, released_specs
from rsppc.lowering.alone import KINDS as ALONE_KINDS
from rsppc.lowering.artifacts import Artifacts


def compiled_files(
    artifacts: Artifacts, paths: Sequence[str], *, purpose: Purpose, strict: bool, jobs: int
) -> Iterator[Outcome]:
    """Check each file, as `Answers.checked` does, with nothing remembered."""

    def work(path: str) -> Outcome:
        outcome = check_file(artifacts, path, purpose=purpose, strict=strict)
        if not outcome.artifact:  # it is no part of others, so that memory need not grow with the number of files
            artifacts.forget(path)
        return outcome

    def alone(paths: Sequence[str]) -> Iterator[Outcome]:
        return (checked_alone(artifacts, path, strict=strict) for path in paths)

    return with_lone(each(paths, work, jobs=jobs), stands_alone, alone)


def stands_alone(outcome: Outcome) -> bool:
    """Whether something is judged by itself where nothing uses it."""
    return outcome.artifact.partition(":")[0] in ALONE_KINDS


def judge(artifacts: Artifacts, path: str, *, purpose: Purpose, strict: bool) -> Judged:
    """Check one file, and let go of it where it is no part of others."""
    outcome = check_file(artifacts, path, purpose=purpose, strict=strict)
    if not outcome.artifact:  # it is no part of others, so that memory need not grow with the number of files
        artifacts.forget(path)
    lone = stands_alone(outcome)
    return Judged(
        diagnostics=outcome.diagnostics,
        path=path if lone else "",
        artifact=outcome.artifact if lone else "",
        uses=tuple(name for name in outcome.uses if name.startswith(_ALONE)),
        allowances=outcome.allowances,
    )


_ALONE = tuple(f"{kind}:" for kind in ALONE_KINDS)


def judge_alone(artifacts: Artifacts, path: str, *, purpose: Purpose, strict: bool) -> Judged:
    """Judge a file that nothing uses."""
    return Judged(diagnostics=checked_alone(artifacts, path, strict=strict).diagnostics)


def unreleased(artifacts: Artifacts) -> tuple[str, ...]:
    """All files, but for specs that a bundle releases: those are compiled as part of it."""
    released = released_specs(artifacts)
    return tuple(path for path in artifacts.paths() if path not in released)
