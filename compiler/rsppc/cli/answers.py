"""What `check` and `build` ask of a workspace: answered from the cache where that holds, found out otherwise.

The compiler is imported when the first question comes that the cache cannot answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rsppc.base.record import Record
from rsppc.batch import each
from rsppc.cli.judged import Judged, with_lone
from rsppc.diagnostics import DiagnosticSink
from rsppc.workspace import Workspace

if TYPE_CHECKING:
    from rsppc.caching.memory import Memory
    from rsppc.driver import Purpose
    from rsppc.lowering.artifacts import Artifacts

CACHE = ".rsppc-cache"
"""The folder of the cache, beside `rsppc.toml`. Where it is there, it is used: a first run with it takes up to a tenth
longer, which is for the owner of a workspace to spend."""

_Command = TypeVar("_Command", bound=Callable[..., Any])
_T = TypeVar("_T")


class CacheUse(Record):
    """What the command line says of the cache."""

    wanted: bool | None
    """None leaves it to whether the workspace has one."""
    explained: bool


def cache_options(command: _Command) -> _Command:
    """Give a command `--cache` and `--explain-cache`."""
    for option in (
        click.option("--explain-cache", is_flag=True, help="Say on standard error what was not in the cache, and why."),
        click.option(
            "--cache/--no-cache",
            default=None,
            help=f"Use `{CACHE}/`, and make it; the default is to use it where it is.",
        ),
    ):
        command = option(command)
    return command


class Answers:
    """The questions of one run."""

    def __init__(
        self,
        workspace: Workspace,
        sink: DiagnosticSink,
        *,
        purpose: Purpose,
        strict: bool,
        runtime: str | None,
        cache: CacheUse,
        **more: str,
    ) -> None:
        self._sink = sink
        self._purpose: Purpose = purpose
        self._strict = strict
        self._runtime = runtime
        self._cache = cache
        self._workspace = workspace
        self._opened: Artifacts | None = None
        self.memory: Memory | None = None
        if cache.wanted or (cache.wanted is None and os.path.isdir(os.path.join(workspace.root, CACHE))):
            self._remember(more)
        if self.memory is None or runtime is not None:
            self.artifacts  # noqa: B018  opened at once, since what is wrong with the name of a runtime is said first

    def _remember(self, more: dict[str, str]) -> None:
        from rsppc.base.canonical_json import digest_value
        from rsppc.caching.memory import Memory
        from rsppc.caching.sealed import sealed

        workspace = sealed(self._workspace)

        runtime = self._runtime if self._runtime is not None else workspace.runtime
        options = {
            "purpose": self._purpose,
            "strict": str(self._strict).lower(),
            "runtime": runtime,
            "sources": workspace.sources,
            "lint": digest_value({name: repr(level) for name, level in workspace.lint.items()}),
            **more,
        }
        self._workspace = workspace
        self.memory = Memory(workspace, os.path.join(workspace.root, CACHE), options)
        for diagnostic in workspace.sight.listing:
            self._sink.report(diagnostic)
        self._report_levels()

    def _report_levels(self) -> None:
        """Say what is wrong with the levels of rules, without opening the workspace for it."""
        if self._workspace.lint:
            from rsppc.lint.levels import check_levels

            check_levels(self._workspace.lint, self._workspace.lint_at, self._sink)

    @property
    def artifacts(self) -> Artifacts:
        """The artifacts of the workspace, opened when somebody needs them."""
        if self._opened is None:
            from rsppc.cli.naming import open_for_runtime
            from rsppc.lowering.artifacts import Artifacts

            if self.memory is None:
                kind = Artifacts
            else:
                from rsppc.caching.asking import AskedArtifacts

                kind = AskedArtifacts
            self._opened = open_for_runtime(self._workspace, self._runtime, self._sink, kind=kind)
        return self._opened

    def paths(self) -> tuple[str, ...]:
        """All source files of the workspace."""
        return self.memory.workspace.sight.paths if self.memory is not None else self.artifacts.paths()

    # --- How questions are answered -----------------------------------------------------------------------------------

    def ask_each(
        self,
        questions: Sequence[str],
        find_out: Callable[[str], _T],
        *,
        jobs: int,
        again: Callable[[Any], _T | None] = lambda kept: kept,
        keep: Callable[[_T], Any] = lambda value: value,
    ) -> Iterator[_T]:
        """The answers to questions, in order. `keep` says what of an answer is remembered (None for nothing), and
        `again` makes the answer of it (None where it does not hold after all)."""
        memory = self.memory
        if memory is None:
            self._share(jobs)
            yield from each(questions, find_out, jobs=jobs)
            return
        known: dict[str, _T] = {}
        for question in questions:
            found = next((one for kept in memory.answers(question) if (one := again(kept)) is not None), None)
            if found is not None:
                memory.hit(question)
                known[question] = found
            else:
                memory.miss(question, explained=self._cache.explained)
        missing = [question for question in questions if question not in known]
        fresh = self._found_out(missing, find_out, keep, jobs)
        for question in questions:
            yield known.pop(question) if question in known else next(fresh)

    def _found_out(
        self, questions: Sequence[str], find_out: Callable[[str], _T], keep: Callable[[_T], Any], jobs: int
    ) -> Iterator[_T]:
        if not questions:
            return
        from rsppc.caching.asking import AskedArtifacts, Noted, noted

        memory, artifacts = self.memory, self.artifacts
        assert memory is not None and isinstance(artifacts, AskedArtifacts)
        self._share(jobs)

        def work(question: str) -> Noted:
            return noted(artifacts, lambda: find_out(question), keep)

        for question, one in zip(questions, each(questions, work, jobs=jobs), strict=True):
            memory.learn(question, one)
            yield one.value

    def _share(self, jobs: int) -> None:
        if jobs > 1:
            self.artifacts.of_kind("extension")  # read before workers are forked, so that they share it

    def finish(self) -> None:
        """Leave what was learnt for later runs, and explain what had to be learnt."""
        memory = self.memory
        if memory is not None:
            memory.finish()
        if self._cache.explained:
            for line in _explained(memory):
                click.echo(line, err=True)

    # --- The questions ------------------------------------------------------------------------------------------------

    def unreleased(self) -> tuple[str, ...]:
        """All files, but for specs that a bundle releases: those are compiled as part of it."""
        if self.memory is None:
            from rsppc.cli.gathering import unreleased

            return unreleased(self.artifacts)

        def find_out(question: str) -> str:
            from rsppc.driver import released_by

            artifact, _ = self.artifacts.at(question.partition(" ")[2])
            if artifact is None or artifact.kind.name != "bundle":
                return ""
            return released_by(artifact, self.artifacts) or ""

        bundles = self.memory.workspace.now("kind bundle")
        released = set(self.ask_each([f"releases {path}" for path in bundles], find_out, jobs=1))
        return tuple(path for path in self.paths() if path not in released)

    def entries(self, unreleased: Iterable[str]) -> list[str]:
        """What a build of the whole workspace compiles: every bundle, and every spec that no bundle releases."""

        def find_out(question: str) -> str:
            artifact, _ = self.artifacts.at(question.partition(" ")[2])
            return artifact.kind.name if artifact is not None else ""

        paths = list(unreleased)
        kinds = self.ask_each([f"what {path}" for path in paths], find_out, jobs=1)
        return [path for path, kind in zip(paths, kinds, strict=True) if kind in ("bundle", "pipeline")]

    def checked(self, paths: Sequence[str], *, jobs: int) -> Iterator[Judged]:
        """Check each file: bundles and specs are compiled, the references of the others are followed.

        Modules, policies and layers that nothing here uses are judged by themselves; the others have been judged where
        they are used, which says more.
        """

        def alone(paths: Sequence[str]) -> Iterator[Judged]:
            return self.ask_each([f"alone {path}" for path in paths], self._judge, jobs=1)

        return with_lone(self.checked_each(paths, jobs=jobs), lambda outcome: outcome.artifact != "", alone)

    def checked_each(self, paths: Sequence[str], *, jobs: int = 1) -> Iterator[Judged]:
        """Check each file by itself."""
        return self.ask_each([f"check {path}" for path in paths], self._judge, jobs=jobs)

    def _judge(self, question: str) -> Judged:
        from rsppc.cli.gathering import judge, judge_alone

        word, _, path = question.partition(" ")
        judging = judge if word == "check" else judge_alone
        return judging(self.artifacts, path, purpose=self._purpose, strict=self._strict)


def _explained(memory: Memory | None) -> Iterator[str]:
    if memory is None:
        yield "cache: not used"
        return
    for miss in memory.misses:
        yield f"cache: {miss.question}: {miss.reason}"
    if memory.folder.trouble:
        yield f"cache: {memory.folder.path} {memory.folder.trouble}; the run did without"
    yield f"cache: {memory.hits} from the cache, {len(memory.misses)} anew"
