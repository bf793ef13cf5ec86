"""`rsppc build`: compile bundles and write their artifacts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from rsppc.batch import Executor
from rsppc.cli.answers import Answers, Question
from rsppc.cli.building import Built, built_again, file_set, kept_of, report_locked, write_entry
from rsppc.cli.caches import CachedCommand, cache_options, cache_use
from rsppc.cli.entry import find_entry
from rsppc.cli.executing import executor_named, executor_options
from rsppc.cli.exits import ENVIRONMENT, OK
from rsppc.cli.session import (
    Options,
    exit_code,
    finding_options,
    quick_collection,
    report,
    runtime_option,
    workspace_here,
)
from rsppc.cli.summary import print_summary
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.outputs import remove_left_overs, set_files

if TYPE_CHECKING:
    from rsppc.caching.shared import FileSet


@click.command(
    "build",
    cls=CachedCommand,
    epilog="Examples: `rsppc build`, `rsppc build demo_bundle/v1 --locked`, "
    "`rsppc build --report sarif=findings.sarif --jobs 2`.",
)
@click.argument("names", nargs=-1)
@click.option("--locked", is_flag=True, help="Refuse whatever is not pinned by digest.")
@click.option("--snapshot", default="local/v1", show_default=True, help="Control-plane snapshot for distribution.json.")
@click.option("--output", metavar="FOLDER", help="Where to write; the default is `output` of `rsppc.toml`, or `build`.")
@executor_options
@click.option("--verbose", "-v", is_flag=True, help="Print warnings and notes in full.")
@cache_options
@runtime_option
@finding_options
def COMMAND(
    names: tuple[str, ...],
    verbose: bool,
    locked: bool,
    snapshot: str,
    output: str | None,
    jobs: int,
    executor: str | None,
    cache: str | None,
    no_cache: bool,
    explain_cache: bool,
    runtime: str | None,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Compile the bundles and specs in NAMES, or all of the workspace, and write their artifacts.

    NAMES are references (`demo_bundle/v1`) or files. Artifacts of a bundle appear all at once; those of an
    earlier build stay where a bundle does not compile.
    """
    sink = DiagnosticSink()
    workspace = workspace_here(sink)
    options = Options(format=format, reports=reports, strict=strict or workspace.strict, color=color)
    quick_collection()
    where = executor_named(executor, jobs=jobs)
    answers = Answers(
        workspace,
        sink,
        purpose="build",
        strict=options.strict,
        runtime=runtime,
        cache=cache_use(cache, no_cache=no_cache, explained=explain_cache),
        executor=where,
        snapshot=snapshot,
    )
    wanted, alone = _wanted(answers, names)
    found: list[Diagnostic] = list(sink.sorted())
    for outcome in answers.checked_each(alone):
        found.extend(outcome.diagnostics)
    if locked:
        for path in wanted:
            entry, _ = answers.artifacts.at(path)
            found.extend(report_locked(entry, answers.artifacts) if entry is not None else ())
    root = output or os.path.join(workspace.root, workspace.output)
    remove_left_overs(root)
    built = list(_progress(_built(answers, wanted, root, where), len(wanted), show=options.format == "text"))
    answers.finish(lambda: _built_anew(answers, built, root))
    for one in built:
        found.extend(one.diagnostics)
    files = answers.paths() if not names else tuple(wanted)
    made = report(found, files, options, brief=not verbose)
    if options.format == "text":
        print_summary(built, os.path.relpath(root))
    faults = [one.fault for one in built if one.fault is not None]
    for fault in faults:
        click.echo(f"rsppc: cannot write `{fault.path}`: {fault.reason}; the earlier output is still there", err=True)
    return max(exit_code(made), ENVIRONMENT if faults else OK)


def _wanted(answers: Answers, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Files of what is built, and files that are checked because no bundle compiles them."""
    if names:
        return [find_entry(answers.artifacts, name).path for name in names], []
    unreleased = answers.unreleased()
    wanted = answers.entries(unreleased)
    compiled = set(wanted)
    return wanted, [path for path in unreleased if path not in compiled]


def _built(answers: Answers, wanted: Sequence[str], root: str, executor: Executor) -> Iterator[Built]:
    """What became of each entry, by its file."""
    memory = answers.memory
    kind = Question(
        kind=Built,
        settle=lambda compiled: write_entry(compiled, root=root, remembered=memory is not None),
        again=lambda kept: built_again(kept, root, memory.file_sets if memory is not None else lambda _: {}),
        keep=kept_of,
    )
    return answers.ask_each([f"build {path}" for path in wanted], kind, executor=executor)


def _built_anew(answers: Answers, built: Sequence[Built], root: str) -> Iterator[tuple[FileSet, dict[str, bytes]]]:
    """The files of what no cache had, for those who share one."""
    assert answers.memory is not None
    anew = {miss.question for miss in answers.memory.misses}
    for one in built:
        made = file_set(one) if f"build {one.path}" in anew else None
        files = set_files(root, one.set, made.files) if made is not None and one.set is not None else None
        if made is not None and files is not None:
            yield made, files


def _progress(results: Iterator[Built], count: int, *, show: bool) -> Iterator[Built]:
    """The results, with a bar on a terminal where there is enough to do."""
    if not show or count < 20 or not sys.stderr.isatty():
        yield from results
        return
    with click.progressbar(results, length=count, label="building", file=sys.stderr) as bar:
        yield from bar
