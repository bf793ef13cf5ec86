"""`rsppc dump`: print the program after a pass."""

from __future__ import annotations

import click

from rsppc.cli.entry import compile_released, find_entry
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.session import usage, workspace_here
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.ir.printer import print_program


@click.command(
    "dump", epilog="Examples: `rsppc dump demo/v1 --after infer_types`, `rsppc dump demo/v1`, `rsppc dump --list`."
)
@click.argument("pipeline", required=False)
@click.option("--after", metavar="PASS", help="Stop after this pass; the default is the last one.")
@click.option("--list", "only_list", is_flag=True, help="List the passes, in order.")
def COMMAND(pipeline: str | None, after: str | None, only_list: bool) -> int:
    """Print what the compiler knows of PIPELINE after a pass."""
    from rsppc.passes.order import ORDER

    names = [step.name for step in ORDER]
    if only_list:
        click.echo("\n".join(names))
        return OK
    if pipeline is None:
        usage("`rsppc dump` takes the name of a bundle or a spec", "as in `rsppc dump demo/v1`")
    if after is not None and after not in names:
        usage(f"there is no pass `{after}`", f"passes are {', '.join(names)}")
    sink = DiagnosticSink()
    artifacts = open_workspace(workspace_here(sink), sink)
    compilation = compile_released(artifacts, find_entry(artifacts, pipeline), after=after)
    if compilation.program is None:
        usage(f"`{pipeline}` could not even be lowered", f"try `rsppc check {compilation.entry.path}`")
    click.echo(print_program(compilation.program), nl=False)
    return OK if compilation.ok else FINDINGS
