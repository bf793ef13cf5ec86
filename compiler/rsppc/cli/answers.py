"""What `check` and `build` ask of a workspace: answered from the cache where that holds, found out otherwise.

The compiler is imported when the first question comes that the cache cannot answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from rsppc.base.record import Record
from rsppc.batch import NOT_THERE, Executor, LocalProcesses, Parcel
from rsppc.cli.caches import CACHE, CacheUse
from rsppc.cli.judged import Judged, with_lone
from rsppc.diagnostics import DiagnosticSink
from rsppc.workspace import Workspace

if TYPE_CHECKING:
    from rsppc.caching.asking import Noted
    from rsppc.caching.memory import Memory, Remembered
    from rsppc.caching.shared import Files, FileSet
    from rsppc.driver import Purpose
    from rsppc.lowering.artifacts import Artifacts

_T = TypeVar("_T")

_ONE = LocalProcesses(jobs=1)


class Question(Record, Generic[_T]):
    """A kind of question: what is done with an answer of the compiler, and with one that is remembered."""

    kind: type[_T]
    """What answers are. An answer of another kind is not believed, wherever it was written down."""
    settle: Callable[[Any], _T] = lambda found: found
    """The rest of the work, which only this machine can do: write files."""
    again: Callable[[Sequence[_T]], Sequence[_T | None]] = lambda kept: kept
    """Answers made of what is remembered; None where that does not hold after all."""
    keep: Callable[[_T], _T | None] = lambda value: value
    """What is remembered of an answer; None for nothing."""


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
        executor: Executor = _ONE,
        snapshot: str = "",
    ) -> None:
        self._sink = sink
        self._purpose: Purpose = purpose
        self._strict = strict
        self._runtime = runtime
        self._snapshot = snapshot
        self._cache = cache
        self._executor = executor
        self._workspace = workspace
        self._opened: Artifacts | None = None
        self.memory: Memory | None = None
        if cache.wanted or (cache.wanted is None and os.path.isdir(os.path.join(workspace.root, CACHE))):
            self._remember()
        if self.memory is None or runtime is not None:
            self.artifacts  # noqa: B018  opened at once, since what is wrong with the name of a runtime is said first

    def _remember(self) -> None:
        from rsppc.base.canonical_json import digest_value
        from rsppc.caching.memory import Memory
        from rsppc.caching.sealed import sealed

        workspace = sealed(self._workspace)
        runtime = self._runtime if self._runtime is not None else workspace.runtime
        options = {
            "purpose": self._purpose,
            "strict": str(self._strict).lower(),
            "runtime": runtime,
            "lint": digest_value({name: repr(level) for name, level in workspace.lint.items()}),
        }
        if self._snapshot:
            options["snapshot"] = self._snapshot
        self._workspace = workspace
        store = self._cache.store
        self.memory = Memory(workspace, os.path.join(workspace.root, CACHE), options, store=store)
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

    def ask_each(self, questions: Sequence[str], kind: Question[_T], *, executor: Executor = _ONE) -> Iterator[_T]:
        """The answer to each question, in order."""
        known = self._remembered(questions, kind)
        missing = [question for question in questions if question not in known]
        fresh = self._found_out(missing, kind, executor)
        for question in questions:
            yield known.pop(question) if question in known else next(fresh)

    def _remembered(self, questions: Sequence[str], kind: Question[_T]) -> dict[str, _T]:
        """Answers of earlier runs, by question."""
        memory, known = self.memory, dict[str, _T]()
        if memory is None:
            return known
        kept = {question: memory.answers(question) for question in questions}
        while kept:  # the youngest answer to each, then the next one where that does not hold
            tried: dict[str, Remembered] = {}
            for question, candidates in list(kept.items()):
                found = next((one for one in candidates if isinstance(one.value, kind.kind)), None)
                if found is None:
                    del kept[question]
                else:
                    tried[question] = found
            made = kind.again([one.value for one in tried.values()])
            for (question, one), value in zip(tried.items(), made, strict=True):
                if value is not None:
                    memory.hit(question, one)
                    known[question] = value
                    del kept[question]
        for question in questions:
            if question not in known:
                memory.miss(question, explained=self._cache.explained)
        return known

    def _found_out(self, questions: Sequence[str], kind: Question[_T], executor: Executor) -> Iterator[_T]:
        if not questions:
            return
        if executor.forks:
            self.artifacts.of_kind("extension")  # read before workers are forked, so that they share it
        if self.memory is None:
            yield from executor.each(questions, _PlainJob(self, kind))
            return
        for question, one in zip(questions, executor.each(questions, _NotedJob(self, kind)), strict=True):
            self.memory.learn(question, one)
            yield one.value

    def compiled(self, question: str) -> Any:
        """The answer of the compiler."""
        from rsppc.cli.working import find_out

        return find_out(self.artifacts, self._task(), question)

    def parcel(self) -> Parcel:
        """What another machine needs to give the same answer."""
        from rsppc.cli.working import parcel_of

        return parcel_of(self.artifacts.workspace, self._task())

    def _task(self) -> Any:
        from rsppc.cli.working import Task

        return Task(purpose=self._purpose, strict=self._strict, runtime=self._runtime, snapshot=self._snapshot)

    def finish(self, built: Callable[[], Iterable[tuple[FileSet, Files]]] = tuple) -> None:
        """Leave what was learnt for later runs, say what became of the shared cache, and explain what had to be
        learnt. What was `built` anew is left for others where the cache is shared."""
        memory = self.memory
        if memory is not None:
            memory.finish(built)
            if memory.shared is not None and memory.shared.fault is not None:
                from rsppc.cli.caches import tell_of

                tell_of(memory.shared.fault, memory.shared.store.url)
        if self._cache.explained:
            for line in _explained(memory):
                click.echo(line, err=True)

    # --- The questions ------------------------------------------------------------------------------------------------

    def unreleased(self) -> tuple[str, ...]:
        """All files, but for specs that a bundle releases: those are compiled as part of it."""
        if self.memory is None:
            from rsppc.cli.gathering import unreleased

            return unreleased(self.artifacts)
        bundles = self.memory.workspace.now("kind bundle")
        released = set(self.ask_each([f"releases {path}" for path in bundles], Question(kind=str)))
        return tuple(path for path in self.paths() if path not in released)

    def entries(self, unreleased: Iterable[str]) -> list[str]:
        """What a build of the whole workspace compiles: every bundle, and every spec that no bundle releases."""
        paths = list(unreleased)
        kinds = self.ask_each([f"what {path}" for path in paths], Question(kind=str))
        return [path for path, kind in zip(paths, kinds, strict=True) if kind in ("bundle", "pipeline")]

    def checked(self, paths: Sequence[str]) -> Iterator[Judged]:
        """Check each file: bundles and specs are compiled, the references of the others are followed.

        Modules, policies and layers that nothing here uses are judged by themselves; the others have been judged where
        they are used, which says more.
        """

        def alone(paths: Sequence[str]) -> Iterator[Judged]:
            return self.ask_each([f"alone {path}" for path in paths], Question(kind=Judged))

        questions = [f"check {path}" for path in paths]
        judged = self.ask_each(questions, Question(kind=Judged), executor=self._executor)
        return with_lone(judged, lambda outcome: outcome.artifact != "", alone)

    def checked_each(self, paths: Sequence[str]) -> Iterator[Judged]:
        """Check each file by itself, in this process."""
        return self.ask_each([f"check {path}" for path in paths], Question(kind=Judged))


class _PlainJob(Generic[_T]):
    """A question for the compiler, with nothing remembered."""

    def __init__(self, answers: Answers, kind: Question[_T]) -> None:
        self._answers = answers
        self._kind = kind

    def here(self, item: str) -> _T:
        return self._kind.settle(self._answers.compiled(item))

    def parcel(self) -> Parcel:
        return self._answers.parcel()

    def arrived(self, item: str, result: Any) -> _T:
        return self.here(item) if result == NOT_THERE else self._kind.settle(result.value)


class _NotedJob(Generic[_T]):
    """The same, with what the answer depends on."""

    def __init__(self, answers: Answers, kind: Question[_T]) -> None:
        self._answers = answers
        self._kind = kind

    def here(self, item: str) -> Noted:
        from rsppc.caching.asking import AskedArtifacts, noted

        artifacts = self._answers.artifacts
        assert isinstance(artifacts, AskedArtifacts)
        return self._settled(noted(artifacts, lambda: self._answers.compiled(item)))

    def parcel(self) -> Parcel:
        return self._answers.parcel()

    def arrived(self, item: str, result: Any) -> Noted:
        return self.here(item) if result == NOT_THERE else self._settled(result)

    def _settled(self, answer: Noted) -> Noted:
        from rsppc.caching.asking import written_down

        assert self._answers.memory is not None
        value = self._kind.settle(answer.value)
        return written_down(answer, value, self._kind.keep(value), self._answers.memory.workspace)


def _explained(memory: Memory | None) -> Iterator[str]:
    if memory is None:
        yield "cache: not used"
        return
    for miss in memory.misses:
        yield f"cache: {miss.question}: {miss.reason}"
    if memory.folder.trouble:
        yield f"cache: {memory.folder.path} {memory.folder.trouble}; the run did without"
    anew = f"{len(memory.misses)} anew"
    shared = memory.shared
    if shared is None:
        yield f"cache: {memory.hits} from the cache, {anew}"
        return
    for question in memory.hits_elsewhere:
        yield f"cache: {question}: from {shared.store.url}"
    if shared.damaged:
        yield f"cache: {len(shared.damaged)} damaged in {shared.store.url}, and not believed"
    yield f"cache: {memory.hits} from {CACHE}, {len(memory.hits_elsewhere)} from {shared.store.url}, {anew}"
