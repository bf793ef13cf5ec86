"""`rsppc build`: compile bundles and write their artifacts."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from functools import partial

import click

from rsppc.batch import each
from rsppc.checking import check_file
from rsppc.cli.building import Built, build_entry, report_locked
from rsppc.cli.entry import find_entry
from rsppc.cli.exits import ENVIRONMENT, OK
from rsppc.cli.gathering import quick_collection, unreleased
from rsppc.cli.naming import open_for_runtime, runtime_option
from rsppc.cli.session import Options, exit_code, finding_options, report, workspace_here
from rsppc.cli.summary import print_summary
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import entries
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.outputs import remove_left_overs


@click.command(
    "build",
    epilog="Examples: `rsppc build`, `rsppc build demo_bundle/v1 --locked`, "
    "`rsppc build --report sarif=findings.sarif --jobs 2`.",
)
@click.argument("names", nargs=-1)
@click.option("--locked", is_flag=True, help="Refuse whatever is not pinned by digest.")
@click.option("--snapshot", default="local/v1", show_default=True, help="Control-plane snapshot for distribution.json.")
@click.option("--output", metavar="FOLDER", help="Where to write; the default is `output` of `rsppc.toml`, or `build`.")
@click.option("--jobs", default=1, type=click.IntRange(1, 256), show_default=True, help="Processors to use.")
@click.option("--verbose", "-v", is_flag=True, help="Print warnings and notes in full.")
@runtime_option
@finding_options
def COMMAND(
    names: tuple[str, ...],
    verbose: bool,
    locked: bool,
    snapshot: str,
    output: str | None,
    jobs: int,
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
    artifacts = open_for_runtime(workspace, runtime, sink)
    wanted = [find_entry(artifacts, name) for name in names] or list(entries(artifacts))
    found: list[Diagnostic] = list(sink.sorted())
    if not names:
        found.extend(_alone(artifacts, wanted, strict=options.strict))
    if locked:
        for entry in wanted:
            found.extend(report_locked(entry, artifacts))
    root = output or os.path.join(workspace.root, workspace.output)
    work = partial(build_entry, artifacts, snapshot=snapshot, root=root, strict=options.strict)
    remove_left_overs(root)
    built = list(_progress(each(wanted, work, jobs=jobs), len(wanted), show=options.format == "text"))
    for one in built:
        found.extend(one.diagnostics)
    files = artifacts.paths() if not names else tuple(entry.path for entry in wanted)
    made = report(found, files, options, brief=not verbose)
    if options.format == "text":
        print_summary(built, os.path.relpath(root))
    faults = [one.fault for one in built if one.fault is not None]
    for fault in faults:
        click.echo(f"rsppc: cannot write `{fault.path}`: {fault.reason}; the earlier output is still there", err=True)
    return max(exit_code(made), ENVIRONMENT if faults else OK)


def _alone(artifacts: Artifacts, wanted: Sequence[Artifact], *, strict: bool) -> list[Diagnostic]:
    """Findings in files that no bundle compiles."""
    compiled = {entry.path for entry in wanted}
    found: list[Diagnostic] = []
    for path in unreleased(artifacts):
        if path not in compiled:
            found.extend(check_file(artifacts, path, purpose="build", strict=strict).diagnostics)
    return found


def _progress(results: Iterator[Built], count: int, *, show: bool) -> Iterator[Built]:
    """The results, with a bar on a terminal where there is enough to do."""
    if not show or count < 20:
        yield from results
        return
    with click.progressbar(results, length=count, label="building", file=sys.stderr) as bar:
        yield from bar
