"""`rsppc watch`: check or build again whenever something changes."""

from __future__ import annotations

import click

from rsppc.cli.session import workspace_here
from rsppc.cli.watching import run_in_process, watch
from rsppc.diagnostics import DiagnosticSink


@click.command("watch", epilog="Examples: `rsppc watch`, `rsppc watch build`, `rsppc watch check --strict`.")
@click.argument("command", default="check", type=click.Choice(["check", "build"]))
@click.option("--jobs", default=1, type=click.IntRange(1, 256), show_default=True, help="Processors to use.")
@click.option("--strict", is_flag=True, help="Treat warnings, unknown facts and unchecked edges as errors.")
@click.option("--no-cache", is_flag=True, help="Do everything anew in every round.")
def COMMAND(command: str, jobs: int, strict: bool, no_cache: bool) -> int:
    """Run COMMAND, `check` or `build`, at once and whenever a source, an asset or `rsppc.toml` has changed.

    What did not change comes from `.rsppc-cache/`, which is made. Ctrl-C ends it.
    """
    workspace = workspace_here(DiagnosticSink())
    options = [command, "--no-cache" if no_cache else "--cache", "--jobs", str(jobs), *["--strict"] * strict]
    watch(workspace.root, lambda: run_in_process(options), lambda line: click.echo(line, err=True))
    raise AssertionError("a watch ends by being interrupted")
