"""`rsppc docs`: everything that a workspace declares and may say, as a site."""

from __future__ import annotations

import click

from rsppc.cli.documenting import (
    artifacts_in_sight,
    compiled,
    refuse_foreign_folder,
    shipped_pages,
    shipped_schemas,
    write_site,
)
from rsppc.cli.exits import OK
from rsppc.cli.session import Options, exit_code, finding_options, report, workspace_here
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.handbook.site import Subject, site
from rsppc.version import VERSION


@click.command("docs", epilog="Examples: `rsppc docs`, `rsppc docs --output public --title 'Voice of Example Bank'`.")
@click.option("--output", metavar="FOLDER", default="site", show_default=True, help="The folder that the site becomes.")
@click.option("--title", metavar="TEXT", default="Voice pipelines", show_default=True, help="What the site is called.")
@finding_options
def COMMAND(output: str, title: str, format: str, reports: tuple[str, ...], strict: bool, color: bool | None) -> int:
    """Write a site of HTML pages about the workspace, the language and the compiler's messages.

    Nothing is written while a file of the workspace cannot be read: the site would not say that it is missing.
    """
    options = Options(format=format, reports=reports, strict=strict, color=color)
    sink = DiagnosticSink()
    workspace = workspace_here(sink)
    refuse_foreign_folder(output, workspace)
    known = open_workspace(workspace, sink)
    artifacts, found = artifacts_in_sight(known)
    made = report((*sink.sorted(), *found), (), options)
    code = exit_code(made)
    if code != OK:
        return code
    files = site(
        Subject(
            title=" ".join(title.split()) or "Voice pipelines",
            artifacts=artifacts,
            compiled=compiled(known),
            manual=shipped_pages("manual"),
            diagnostics={f"{name}.md": text for name, text in shipped_pages("pages").items()},
            schemas=shipped_schemas(),
            made_by=f"rsppc {VERSION}",
        )
    )
    write_site(output, files)
    if format == "text":
        pages = sum(path.endswith(".html") for path in files)
        click.echo(f"written {output}: {pages} pages; open {output}/index.html")
    return OK
