"""`rsppc convert`: translate a source between YAML, JSON and the text form."""

from __future__ import annotations

import contextlib
import os

import click

from rsppc.base.canonical_json import readable
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.session import Options, exit_code, fault, finding_options, report, usage
from rsppc.diagnostics import DiagnosticSink
from rsppc.syntax.document import Comment, Document
from rsppc.syntax.reader import read
from rsppc.workspace import FILE_SIZE_MAX


@click.command(
    "convert",
    epilog="Examples: `rsppc convert pipelines/specs/demo_v1.yaml --to rspp`, "
    "`rsppc convert demo_v1.rspp --to json --output demo_v1.json`.",
)
@click.argument("source")
@click.option("--to", "target", required=True, type=click.Choice(["yaml", "json", "rspp"]), help="The format wanted.")
@click.option("--output", metavar="FILE", help="Where to write; the default is standard output.")
@finding_options
def COMMAND(
    source: str,
    target: str,
    output: str | None,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Translate SOURCE. What it means stays the same; so do its comments, where the format has any."""
    sink = DiagnosticSink()
    document = _read(source, sink)
    options = Options(format=format, reports=reports, strict=strict, color=color)
    if sink.has_errors or document is None or document.root is None:
        return exit_code(report(sink.sorted(), (source,), options))
    text = _converted(document, target)
    if output is None:
        click.echo(text.encode(), nl=False)  # sources are UTF-8, whatever the terminal speaks
        return OK
    if os.path.lexists(output):
        click.echo(f"rsppc: `{output}` is there already; nothing was written", err=True)
        return FINDINGS
    try:
        with open(output, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        if not isinstance(error, FileExistsError):
            with contextlib.suppress(OSError):
                os.unlink(output)  # a part of a source is worse than none
        fault(f"cannot write `{output}`: {error.strerror}")
    return OK


def _read(source: str, sink: DiagnosticSink) -> Document | None:
    try:
        with open(source, "rb") as file:
            data = file.read(FILE_SIZE_MAX + 1)
    except OSError as error:
        usage(f"cannot read `{source}`: {(error.strerror or 'input/output error').lower()}")
    return read(source, data, sink)


def _converted(document: Document, target: str) -> str:
    assert document.root is not None
    if target == "json":
        return readable(document.root).decode()
    if target == "yaml":
        from rsppc.syntax.yaml_printer import print_yaml

        return print_yaml(document.root, _comments(document))
    from rsppc.syntax.rspp_printer import print_rspp, why_no_text_form

    reason = why_no_text_form(document.root)
    if reason is not None:
        usage(reason, "write it as YAML or JSON")
    return print_rspp(document.root, _comments(document))


def _comments(document: Document) -> tuple[Comment, ...]:
    if document.path.endswith(".rspp"):
        from rsppc.syntax.rspp_reader import rspp_comments

        return rspp_comments(document.source)
    if document.path.endswith(".yaml"):
        from rsppc.syntax.comments import comments

        return comments(document.source)
    return ()  # JSON has none
