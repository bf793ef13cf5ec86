"""`rsppc fmt`: lay sources out in the one style, and change nothing else."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import click

from rsppc.base.record import Record
from rsppc.cli.exits import BUG, FINDINGS, OK
from rsppc.cli.rewriting import Rewriting, SourceFile, counted, files_named, print_diffs
from rsppc.cli.session import Options, exit_code, finding_options, quick_collection, report, usage
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.diagnostics.report import render_report, report_of
from rsppc.formatting.format import Formatted, formatted
from rsppc.version import VERSION
from rsppc.workspace import FILE_SIZE_MAX


class _Outcome(Record):
    """What became of the files: those to be laid out, and those that stay as they are for some reason."""

    changed: list[tuple[SourceFile, bytes, bytes]]
    unchanged: list[str]
    not_read: list[str]
    """Files that the system does not let us read."""
    with_errors: list[str]
    not_the_same: list[str]


@click.command(
    "fmt",
    epilog="Examples: `rsppc fmt`, `rsppc fmt --check`, `rsppc fmt pipelines/specs/demo_v1.yaml --diff`, "
    "`cat draft.yaml | rsppc fmt - --stdin-name draft_v1.yaml`.",
)
@click.argument("paths", nargs=-1)
@click.option("--check", is_flag=True, help="Write nothing; name the files that would change, and exit with 1.")
@click.option("--diff", is_flag=True, help="Write nothing; print what would change, and exit with 1.")
@click.option("--stdin-name", metavar="FILE", help="Name of what comes from standard input (`-`), for its ending.")
@finding_options
def COMMAND(
    paths: tuple[str, ...],
    check: bool,
    diff: bool,
    stdin_name: str | None,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Lay out PATHS, files and folders, or the whole workspace. What they mean stays the same."""
    options = Options(format=format, reports=reports, strict=strict, color=color)
    quick_collection()
    if "-" in paths or stdin_name is not None:
        if paths != ("-",):
            usage("`-` stands for standard input, alone, and `--stdin-name` for its name")
        return _from_stdin(stdin_name or "<stdin>.yaml", check, diff, options)
    sink = DiagnosticSink()
    outcome = _laid_out(files_named(paths, sink), sink)
    writing = Rewriting()
    if diff:
        print_diffs((file.path, before.decode(), after.decode()) for file, before, after in outcome.changed)
    elif not check:
        outcome.changed[:] = [one for one in outcome.changed if writing.write(*one)]
    code = _findings(sink.sorted(), options, beside=diff)
    if options.format == "text" and not diff:
        _tell(outcome, check=check)
    code = max(code, writing.code)
    for path in outcome.not_the_same:
        _tell_of_bug(path)
        code = max(code, BUG)
    return max(code, FINDINGS if outcome.changed and (check or diff) else OK)


def _laid_out(files: Iterable[SourceFile], sink: DiagnosticSink) -> _Outcome:
    outcome = _Outcome(changed=[], unchanged=[], not_read=[], with_errors=[], not_the_same=[])
    for file in files:
        data = file.read(sink)
        if data is None:
            outcome.not_read.append(file.path)
            continue
        made = formatted(file.path, data, sink)
        if made.why == "unreadable":
            outcome.with_errors.append(file.path)
        elif made.why == "not the same":
            outcome.not_the_same.append(file.path)
        elif (text := made.text.encode()) == data:
            outcome.unchanged.append(file.path)
        else:
            outcome.changed.append((file, data, text))
    return outcome


def _findings(found: tuple[Diagnostic, ...], options: Options, *, beside: bool) -> int:
    """Say why files stay as they are, and give the exit code; `beside` where standard output holds something else."""
    if not beside:
        return exit_code(report(found, (), options))
    made = report_of(found, strict=options.strict, files=(), version=VERSION)
    if made.diagnostics:
        click.echo(render_report(made, options.format), nl=False, err=True)
    return exit_code(made)


def _tell(outcome: _Outcome, *, check: bool) -> None:
    """Which files changed, and how many did not."""
    for file, _, _ in outcome.changed:
        click.echo(f"{'would format' if check else 'formatted'} {file.path}")
    parts = []
    if outcome.changed:
        parts.append(f"{counted(len(outcome.changed))} {'would be ' if check else ''}formatted")
    if outcome.unchanged or not outcome.changed:
        parts.append(f"{counted(len(outcome.unchanged))} already formatted")
    if outcome.with_errors:
        parts.append(f"{counted(len(outcome.with_errors))} with errors left as they are")
    if outcome.not_read:
        parts.append(f"{counted(len(outcome.not_read))} not read")
    click.echo(", ".join(parts))


def _tell_of_bug(path: str) -> None:
    click.echo(f"rsppc: `{path}` was left as it is: formatted, it would not say the same", err=True)
    click.echo("  this is a bug of rsppc; please report it with the file", err=True)


def _from_stdin(path: str, check: bool, diff: bool, options: Options) -> int:
    """Lay out what comes from standard input. Findings go to standard error: an editor takes what is printed."""
    data = sys.stdin.buffer.read(FILE_SIZE_MAX + 1)
    sink = DiagnosticSink()
    made: Formatted = formatted(path, data, sink)
    if made.why == "unreadable":
        return _findings(sink.sorted(), options, beside=True)
    if made.why == "not the same":
        _tell_of_bug(path)
        return BUG
    changes = made.text.encode() != data
    if diff:
        print_diffs([(path, data.decode(), made.text)] if changes else [])
    elif check:
        click.echo(f"would format {path}" if changes else f"already formatted {path}")
    else:
        click.echo(made.text.encode(), nl=False)
        return OK
    return FINDINGS if changes else OK
