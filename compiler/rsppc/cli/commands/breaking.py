"""`rsppc breaking`: what changed since a revision that breaks somebody, and the version that would say so."""

from __future__ import annotations

import os
from contextlib import ExitStack

import click

from rsppc.changes.breaking import counting, verdict
from rsppc.changes.finding import LEVELS, Level
from rsppc.changes.waivers import FILE, Waiver, read_waivers, waived
from rsppc.cli.before_and_after import HERE, Looked, look
from rsppc.cli.clock import now_option, time_given
from rsppc.cli.distributing import read_input
from rsppc.cli.entry import find_entry
from rsppc.cli.exits import OK
from rsppc.cli.session import Options, exit_code, finding_options, report, usage, workspace_here
from rsppc.cli.sides import Sources, named
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import entries, open_workspace


@click.command(
    "breaking",
    epilog="Examples: `rsppc breaking --against main`, `rsppc breaking demo_bundle/v1 --against build/demo_bundle/v1 "
    "--level budget`, `rsppc breaking --against HEAD~1 --next-version`.",
)
@click.argument("names", nargs=-1)
@click.option("--against", required=True, metavar="REF", help="What was there before; as a side of `rsppc diff`.")
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="source",
    show_default=True,
    help="Whom to look after; each level includes those that follow.",
)
@click.option("--next-version", is_flag=True, help="Print the smallest version that says enough, and nothing else.")
@click.option("--waivers", metavar="FILE", help="What to let pass; the default is `waivers.yaml` of the workspace.")
@click.option("--store", metavar="FOLDER", help="Where `store:` looks; the default is `store` in the workspace.")
@now_option
@finding_options
def COMMAND(
    names: tuple[str, ...],
    against: str,
    level: Level,
    next_version: bool,
    waivers: str | None,
    store: str | None,
    now: str | None,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Find changes since REF that break somebody, in the bundles in NAMES or in all of the workspace.

    A finding counts as long as the new version of what it is about does not say enough: a step of the major version
    says everything. The exit code is 0 where nothing counts, and 1 where something does.
    """
    options = Options(format=format, reports=reports, strict=strict, color=color)
    sink = DiagnosticSink(strict=strict)
    workspace = workspace_here(sink)
    artifacts = open_workspace(workspace, sink)
    chosen = [find_entry(artifacts, name) for name in names] or list(entries(artifacts))
    with ExitStack() as stack:
        here = Sources(name=HERE, artifacts=artifacts)
        looked = look(named(against, store, stack), here, chosen, level, everything=not names)
    if next_version and not looked.not_compared:
        return _print_next(looked)
    path, given = _waivers(waivers, workspace.root, sink)
    found = (*(one for subject in looked.subjects for one in counting(subject)), *looked.removed)
    today = time_given(now).strftime("%Y-%m-%d")
    complete = not names and not looked.not_compared  # else a waiver may be about what was not compared
    left = waived(found, given, today=today, level=level, complete=complete, sink=sink)
    errors = (one for broken in looked.not_compared for one in broken.found)
    if format == "markdown":  # the comment that is made of it has to say so as well
        _tell_not_compared(looked, err=False)
    made = report([*sink.sorted(), *errors, *left], (*artifacts.paths(), *([path] if given else [])), options)
    if format == "text":
        _print_verdicts(looked, waived_count=len(found) - len(left), waivers=path)
    _tell_not_compared(looked, err=True)
    return exit_code(made)


def _tell_not_compared(looked: Looked, *, err: bool) -> None:
    for said in dict.fromkeys(one.said for one in looked.not_compared):
        line = f"{said}, so that nothing can be compared"
        click.echo(f"rsppc: {line}" if err else f"{line}\n", err=err)


def _waivers(path: str | None, root: str, sink: DiagnosticSink) -> tuple[str, tuple[Waiver, ...]]:
    """The waivers that count; the file of the workspace need not be there."""
    place = path if path is not None else os.path.join(root, FILE)
    if path is None and not os.path.exists(place):
        return FILE, ()
    name = path.replace(os.sep, "/") if path is not None else FILE
    return name, read_waivers(name, read_input(place), sink)


def _print_next(looked: Looked) -> int:
    """The one version that a script asks for: that of a bundle."""
    bundles = [subject for subject in looked.subjects if subject.kind == "bundle"]
    if len(bundles) != 1:
        known = ", ".join(f"`{one.id}/{one.after}`" for one in bundles) or "none with an earlier version"
        usage("`--next-version` speaks of one bundle", f"name it; there are {known}")
    click.echo(bundles[0].next_version)
    return OK


def _print_verdicts(looked: Looked, *, waived_count: int, waivers: str) -> None:
    for subject in looked.subjects:
        click.echo(verdict(subject))
    for finding in looked.removed:
        click.echo(f"{finding.artifact.replace(':', ' ')}: gone")
    for note in looked.notes:
        click.echo(note)
    if waived_count:
        click.echo(f"{waived_count} finding{'' if waived_count == 1 else 's'} let pass by `{waivers}`")
