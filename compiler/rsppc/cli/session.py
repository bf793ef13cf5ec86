"""What commands have in common: find the workspace, collect findings, show them, and choose the exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, TypeVar

import click

from rsppc.base.record import Record, replace
from rsppc.base.source import Source
from rsppc.cli.exits import ENVIRONMENT, ENVIRONMENT_CODES, FINDINGS, INTEGRITY, INTEGRITY_CODES, OK, USAGE
from rsppc.diagnostics import Diagnostic, DiagnosticSink, renderers
from rsppc.diagnostics.report import Report, render_report, report_of
from rsppc.version import VERSION
from rsppc.workspace import UnreadableFile, Workspace, find_workspace

_Command = TypeVar("_Command", bound=Callable[..., Any])


def quick_collection() -> None:
    """Let the garbage collector rest: a run makes few cycles, and ends soon."""
    gc.disable()


class Options(Record):
    """Options that every command with findings has."""

    format: str
    reports: tuple[str, ...]
    strict: bool
    color: bool | None


def finding_options(command: _Command) -> _Command:
    """Give a command `--format`, `--report`, `--strict` and `--color`."""
    for option in (
        click.option("--color/--no-color", default=None, help="Colour the output; the default follows the terminal."),
        click.option("--strict", is_flag=True, help="Treat warnings, unknown facts and unchecked edges as errors."),
        click.option(
            "--report", "reports", multiple=True, metavar="FORMAT=FILE", help="Write the findings to a file as well."
        ),
        click.option(
            "--format",
            default="text",
            type=_Format(),
            metavar="FORMAT",
            help="How findings are printed: text, json, sarif, github, junit or markdown.",
        ),
    ):
        command = option(command)
    return command


def runtime_option(command: _Command) -> _Command:
    """Give a command `--runtime`."""
    text = "The runtime that everything must run on; the default is `runtime` of `rsppc.toml`, or none."
    return click.option("--runtime", metavar="REF", help=text)(command)


class _Format(click.ParamType[str]):
    """The name of a renderer, looked up when it is given."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value == "text" or value in renderers.names():
            return str(value)
        self.fail(f"there is no format {value!r}; there are {', '.join(renderers.names())}", param, ctx)


def refuse_unread(unread: Iterable[UnreadableFile]) -> None:
    """End the command where anything could not be read: it may have held what matters."""
    for one in unread:
        fault(f"cannot read `{one.subject}`: {one.reason}")


def workspace_here(sink: DiagnosticSink) -> Workspace:
    """The workspace around the current folder."""
    workspace = find_workspace(os.getcwd(), sink)
    if workspace is None:
        usage(
            "no workspace here: there is neither `rsppc.toml` nor a folder `pipelines` from here upwards",
            "run `rsppc init` to make one",
        )
    return workspace


def usage(problem: str, advice: str = "") -> NoReturn:
    """End with the exit code for wrong use."""
    click.echo(f"rsppc: {problem}", err=True)
    if advice:
        click.echo(f"  {advice}", err=True)
    raise click.exceptions.Exit(USAGE)


def fault(problem: str, advice: str = "") -> NoReturn:
    """End with the exit code for a fault of the environment, which is safe to retry."""
    click.echo(f"rsppc: {problem}", err=True)
    if advice:
        click.echo(f"  {advice}", err=True)
    raise click.exceptions.Exit(ENVIRONMENT)


def report(found: Iterable[Diagnostic], files: Iterable[str], options: Options, *, brief: bool = False) -> Report:
    """Print findings, write the reports that were asked for, and say what there was.

    `brief` prints errors in full and everything else in one line each, where people read it.
    """
    made = report_of(found, strict=options.strict, files=files, version=VERSION)
    if options.format != "text" or made.diagnostics:
        stream = sys.stdout.buffer  # bytes, so that the locale has no say
        stream.write(_rendered(made, options, brief=brief))
        stream.flush()
    for wanted in options.reports:
        _write(made, wanted)
    return made


def _rendered(made: Report, options: Options, *, brief: bool) -> bytes:
    if brief and options.format == "text":
        from rsppc.diagnostics.renderers.text import render_brief

        return render_brief(made, color=_wants_color(options)).encode()
    return render_report(_placed(made, options.format), options.format, color=_wants_color(options))


def _placed(made: Report, format_name: str) -> Report:
    """Findings with their files where the reader of a format looks for them: annotations go to files as they lie below
    the checkout, which may hold a workspace in some folder of it."""
    checkout = os.environ.get("GITHUB_WORKSPACE") if format_name == "github" else None
    workspace = find_workspace(os.getcwd(), DiagnosticSink()) if checkout else None
    if not checkout or workspace is None:
        return made
    way = os.path.relpath(workspace.root, os.path.realpath(checkout)).replace(os.sep, "/")
    if way.startswith("."):  # the same folder, or one outside
        return made

    def placed(found: Diagnostic) -> Diagnostic:
        at = found.at
        if not os.path.isfile(os.path.join(workspace.root, at.source.path)):  # at a revision, or shipped
            return found
        return replace(found, at=replace(at, source=Source(f"{way}/{at.source.path}", at.source.text, at.source.data)))

    return replace(made, diagnostics=tuple(map(placed, made.diagnostics)))


def _write(made: Report, wanted: str) -> None:
    format_name, separator, path = wanted.partition("=")
    if not separator or not path or format_name not in renderers.names():
        usage(f"`--report {wanted}` names no format and file", f"formats are {', '.join(renderers.names())}")
    from pathlib import Path

    from rsppc.diagnostics.report import write_report

    try:
        write_report(_placed(made, format_name), format_name, Path(path))
    except OSError as error:
        fault(f"cannot write the report `{path}`: {error.strerror}")


def _wants_color(options: Options) -> bool:
    if options.color is not None:
        return options.color
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def exit_code(made: Report) -> int:
    """The exit code of a run with these findings; if several apply, the largest."""
    codes = [OK]
    for diagnostic in made.diagnostics:
        if made.severity(diagnostic) == "error":
            codes.append(FINDINGS)
            if diagnostic.code in INTEGRITY_CODES:
                codes.append(INTEGRITY)
            if diagnostic.code in ENVIRONMENT_CODES:
                codes.append(ENVIRONMENT)
    return max(codes)
