"""`rsppc report`: everything about a bundle on one page."""

from __future__ import annotations

import os

import click

from rsppc.base.record import replace
from rsppc.cli.clock import time_given
from rsppc.cli.exits import OK
from rsppc.cli.picturing import Pictured, checked, looked_at, resolved, write
from rsppc.cli.session import exit_code
from rsppc.diagnostics import Diagnostic
from rsppc.diagnostics.report import render_report, report_of
from rsppc.evidence.moment import moment_text
from rsppc.gates.formulas import DEMANDS
from rsppc.pictures.page import Subject, diagnostics_page, report_page
from rsppc.pictures.resolved import Bundle, Provenance
from rsppc.version import VERSION

_GATES = {"e2e": "end_to_end", "first_output": "first_output", "cancel": "cancel_fence"}
"""What is held against a gate, by its name on the page."""


@click.command(
    "report",
    epilog="Examples: `rsppc report demo/v1 --output demo.html`, "
    "`rsppc report build/demo/v1 --now 2026-01-01T00:00:00Z > demo.html`.",
)
@click.argument("bundle")
@click.option("--output", metavar="FILE", help="Where to write; standard output where left out.")
@click.option(
    "--now", metavar="TIME", help="The time that the page carries; SOURCE_DATE_EPOCH, or none, where left out."
)
def COMMAND(bundle: str, output: str | None, now: str | None) -> int:
    """Write everything about BUNDLE on one HTML page that needs nothing else.

    BUNDLE is a bundle or a spec of the workspace, by reference or by file, or a folder that `rsppc build` wrote. The
    page of one with errors begins with them, and the exit code is 1.
    """
    made_at = _made_at(now)
    found = looked_at(bundle)
    if isinstance(found, Pictured):
        write(report_page(_subject(bundle, found, made_at)), output)
        return OK
    if found.would_be is not None:
        page = report_page(replace(_subject(bundle, found.would_be, made_at), is_built=False))
    else:
        page = diagnostics_page(found.ref, _findings(found.diagnostics), made_at=made_at, made_by=f"rsppc {VERSION}")
    write(page, output)
    made = report_of(found.diagnostics, files=(), version=VERSION)
    click.echo(render_report(made, "text"), nl=False, err=True)
    return exit_code(made)


def _made_at(now: str | None) -> str:
    """The clock itself is never asked, so that a page is the same, byte for byte, whenever it is made."""
    if now is None and "SOURCE_DATE_EPOCH" not in os.environ:
        return ""
    return moment_text(time_given(now))


def _subject(name: str, found: Pictured, made_at: str) -> Subject:
    provenance = found.provenance
    return Subject(
        spec=found.spec,
        resolved=resolved(name, found),
        bundle=checked(name, "bundle.json", found.bundle, Bundle),
        bundle_digest=found.bundle_digest,
        provenance=checked(name, "provenance.json", provenance, Provenance) if provenance is not None else None,
        diagnostics=_findings(found.diagnostics) if found.diagnostics is not None else None,
        gates={name: DEMANDS[gate].limit for name, gate in _GATES.items()},
        made_at=made_at,
        made_by=f"rsppc {VERSION}",
    )


def _findings(diagnostics: tuple[Diagnostic, ...]) -> list[dict[str, object]]:
    from rsppc.diagnostics.renderers.json import finding

    return [finding(one, one.severity) for one in diagnostics]
