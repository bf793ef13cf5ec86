"""`rsppc check`: report every problem, write nothing."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from rsppc.cli.answers import Answers
from rsppc.cli.caches import CachedCommand, cache_options, cache_use
from rsppc.cli.executing import executor_named, executor_options
from rsppc.cli.judged import unused_allowances
from rsppc.cli.session import (
    Options,
    exit_code,
    finding_options,
    quick_collection,
    report,
    runtime_option,
    usage,
    workspace_here,
)
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.workspace import FILE_SIZE_MAX

if TYPE_CHECKING:
    # The compiler is imported when the cache has no answer.
    from rsppc.lowering.artifacts import Artifact, Artifacts


@click.command(
    "check",
    cls=CachedCommand,
    epilog="Examples: `rsppc check`, `rsppc check pipelines/specs/demo_v1.yaml --format json`, "
    "`cat draft.yaml | rsppc check - --stdin-name pipelines/specs/draft_v1.yaml`.",
)
@click.argument("files", nargs=-1)
@click.option("--stdin-name", metavar="FILE", help="Path under which text from standard input (`-`) is checked.")
@executor_options
@click.option("--baseline", metavar="FILE", help="Lint findings that are known: only more of them are shown.")
@click.option("--update-baseline", is_flag=True, help="Write the baseline anew, where there are not more findings.")
@click.option("--allow-more", is_flag=True, help="Let `--update-baseline` write more findings than there were.")
@cache_options
@runtime_option
@finding_options
def COMMAND(  # the module's one member, found by this name
    files: tuple[str, ...],
    stdin_name: str | None,
    jobs: int,
    executor: str | None,
    baseline: str | None,
    update_baseline: bool,
    allow_more: bool,
    cache: str | None,
    no_cache: bool,
    explain_cache: bool,
    runtime: str | None,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Check FILES, or the whole workspace: report every problem, write nothing."""
    if files.count("-") > 1 or (stdin_name is not None and "-" not in files):
        usage("`-` stands for standard input, once, and `--stdin-name` for its path")
    _check_options(files, baseline, update_baseline, allow_more)
    sink = DiagnosticSink()
    workspace = workspace_here(sink)
    options = Options(format=format, reports=reports, strict=strict or workspace.strict, color=color)
    quick_collection()
    answers = Answers(
        workspace,
        sink,
        purpose="check",
        strict=options.strict,
        runtime=runtime,
        cache=cache_use(cache, no_cache=no_cache or "-" in files, explained=explain_cache),
        executor=executor_named(executor, jobs=jobs),
    )
    paths = tuple(_known_path(name, stdin_name, answers.artifacts) for name in files)
    to_check = tuple(dict.fromkeys(_released_in(path, answers.artifacts) for path in paths)) or answers.unreleased()
    outcomes = list(answers.checked(to_check))
    answers.finish()
    paths = paths or answers.paths()
    found = [*sink.sorted(), *(one for outcome in outcomes for one in outcome.diagnostics)]
    whole = not files and not any(one.severity == "error" for one in found)  # rules are silent beside errors
    if whole:
        found.extend(unused_allowances(outcomes, paths))
    said = ""
    if baseline is not None:
        found, said = _held_against_baseline(found, baseline, update_baseline, allow_more, whole=whole)
    made = report(found, paths, options)
    if options.format == "text" and not made.diagnostics:
        click.echo(f"checked {len(paths)} file{'s' if len(paths) != 1 else ''}: no {'new ' if said else ''}findings")
    if said:
        click.echo(said, err=True)
    return exit_code(made)


def _check_options(files: tuple[str, ...], baseline: str | None, update: bool, allow_more: bool) -> None:
    if update and baseline is None:
        usage("`--update-baseline` needs `--baseline FILE`")
    if update and files:
        usage("`--update-baseline` counts the whole workspace, and takes no files")
    if allow_more and not update:
        usage("`--allow-more` is for `--update-baseline`")


def _held_against_baseline(
    found: list[Diagnostic], path: str, update: bool, allow_more: bool, *, whole: bool
) -> tuple[list[Diagnostic], str]:
    """The findings that a baseline does not know, and a line about those that it knows."""
    from rsppc.cli.lint_baseline import counts_of, held_against, read_baseline, write_baseline  # few runs have one

    before = read_baseline(path, may_be_missing=update)
    if update and not whole:
        return found, "the baseline was left alone: repair the errors first, beside which rules are silent"
    if update:
        said = write_baseline(path, found, before, allow_more=allow_more)
        return list(held_against(found, counts_of(found), path, whole=True).diagnostics), said
    held = held_against(found, before or {}, path, whole=whole)
    return list(held.diagnostics), f"{held.hidden} known finding{'s' if held.hidden != 1 else ''} not shown"


def _known_path(name: str, stdin_name: str | None, artifacts: Artifacts) -> str:
    """The workspace path of a file that was named; text from standard input takes the place of one."""
    workspace = artifacts.workspace
    if name == "-":
        path = stdin_name or f"{workspace.sources}/<stdin>.yaml"
        relative = _relative(path, workspace.root) if stdin_name else path
        if relative.startswith("../"):
            usage(f"`{path}` lies outside of this workspace")
        artifacts.add(relative, sys.stdin.buffer.read(FILE_SIZE_MAX + 1))
        return relative
    relative = _relative(name, workspace.root)
    if not os.path.isfile(name):
        usage(f"there is no file `{name}`")
    if relative not in artifacts.paths():
        usage(f"`{name}` is no source of this workspace", f"sources are the files below `{workspace.sources}/`")
    return relative


def _released_in(path: str, artifacts: Artifacts) -> str:
    """The file of the one bundle that releases the spec in a file, which is judged as part of it; else the file."""
    spec, _ = artifacts.at(path)
    if spec is None or spec.kind.name != "pipeline":
        return path
    bundles, _ = artifacts.of_kind("bundle")
    releasing = [bundle.path for bundle in bundles if _releases(bundle, spec, artifacts)]
    return releasing[0] if len(releasing) == 1 else path


def _releases(bundle: Artifact, spec: Artifact, artifacts: Artifacts) -> bool:
    if "spec_ref" not in bundle.root:
        return False
    found = artifacts.resolve("pipeline", bundle.root["spec_ref"], bundle.item_span(), DiagnosticSink())
    return found is not None and found.path == spec.path


def _relative(name: str, root: str) -> str:
    return os.path.relpath(os.path.realpath(name), root).replace(os.sep, "/")
