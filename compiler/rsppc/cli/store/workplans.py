"""`rsppc store workplan`: the plans by which a store's work is steered, read and checked."""

from __future__ import annotations

from typing import Any

import click

from rsppc.cli.distributing import read_input
from rsppc.cli.session import Options, exit_code, finding_options, report
from rsppc.diagnostics import DiagnosticSink


@click.group("workplan", epilog="Examples: `rsppc store workplan check workplans/*.md`.")
def WORKPLAN_COMMAND() -> None:
    """Read workplans: pages with front matter and `task` blocks."""


@WORKPLAN_COMMAND.command("check", epilog="Examples: `rsppc store workplan check workplans/*.md`.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@finding_options
def check(files: tuple[str, ...], **options: Any) -> int:
    """Report what is wrong with each FILE, and list what they plan.

    A line per workplan has its id, its status and its title, and one per task below it also the priority.
    """
    from rsppc.workplans import read_workplan

    given, sink = Options(**options), DiagnosticSink()
    found = [read_workplan(file, read_input(file), sink) for file in files]
    if given.format == "text":
        for workplan in found:
            if workplan is not None:
                click.echo(_line(workplan.front.get("id"), workplan.front.get("status"), workplan.front.get("title")))
                for task in workplan.tasks:
                    click.echo(f"  {_line(task.id, task.status, task.priority, task.title)}")
    return exit_code(report(sink.sorted(), files, given))


def _line(*words: object) -> str:
    return "  ".join(str(word) if word is not None else "?" for word in words)
