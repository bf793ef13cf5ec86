"""`rsppc store ingest guide-board`: a run directory of guide-board becomes one package."""

from __future__ import annotations

from typing import Any

import click

from rsppc.base.canonical_json import readable
from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import INTEGRITY, OK
from rsppc.cli.session import Options, exit_code, finding_options, report
from rsppc.cli.storing import EXITS, refusals, store_here, store_option, tenant_option
from rsppc.diagnostics.visible import visible


@click.command(
    "guide-board",
    epilog="Examples: `rsppc store ingest guide-board runs/nightly`, "
    "`artifactstore guide-board ingest runs/nightly --store /srv/store`.",
)
@click.argument("folder", metavar="RUN_DIR")
@click.option(
    "--class", "retention_class", metavar="NAME", help="For how long it is kept; else what the run itself asks for."
)
@now_option
@tenant_option
@store_option
@finding_options
def COMMAND(
    folder: str, retention_class: str | None, now: str | None, tenant: str, store: str | None, **options: Any
) -> int:
    """Make one finalised package of RUN_DIR, and print its id and the digest of its manifest.

    Taken are the files that `reports/assessment-package.json` declares and those that the other documents of the run
    name. All of the run is checked before anything is written. The same run again gives the same package.
    """
    from rsppc.store.pilots.guide_board import RunRefused, ingest_read, read_run

    with refusals():
        try:
            run = read_run(folder, tenant=tenant)
        except RunRefused as refused:
            made = report(refused.findings, (), Options(**options))
            return max(exit_code(made), INTEGRITY if EXITS[refused.kind] == INTEGRITY else OK)
    if run.undeclared:
        names = ", ".join(f"`{visible(path)}`" for path in run.undeclared[:10])
        more = ", …" if len(run.undeclared) > 10 else ""
        click.echo(f"rsppc: {len(run.undeclared)} files are declared nowhere and stay out: {names}{more}", err=True)
    with store_here(store) as registry:
        ingested = ingest_read(run, store=registry, at=time_given(now), retention_class=retention_class)
    click.echo(readable(ingested), nl=False)
    return OK
