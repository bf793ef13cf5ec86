"""`rsppc store ingest guide-board`: a run directory of guide-board becomes one package."""

from __future__ import annotations

import os
from typing import Any

import click

from rsppc.base.canonical_json import readable
from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import INTEGRITY, OK
from rsppc.cli.session import Options, exit_code, finding_options, report
from rsppc.cli.store.progress import progress
from rsppc.cli.storing import (
    EXITS,
    api_option,
    counted,
    refusals,
    served_store,
    store_here,
    store_option,
    tenant_option,
)
from rsppc.diagnostics.visible import visible

API_URL = "ARTIFACT_STORE_API_URL"
"""The variable in which the pilot's scripts have the address of the store."""


@click.command(
    "guide-board",
    epilog="Examples: `rsppc store ingest guide-board runs/nightly`, "
    "`artifactstore guide-board ingest runs/nightly --api https://store.example.org`.",
)
@click.argument("folder", metavar="RUN_DIR")
@click.option(
    "--class", "retention_class", metavar="NAME", help="For how long it is kept; else what the run itself asks for."
)
@now_option
@tenant_option
@store_option
@api_option
@finding_options
def COMMAND(
    folder: str,
    retention_class: str | None,
    now: str | None,
    tenant: str,
    store: str | None,
    api: str | None,
    **options: Any,
) -> int:
    """Make one finalised package of RUN_DIR, and print its id and the digest of its manifest.

    Taken are the files that `reports/assessment-package.json` declares and those that the other documents of the run
    name. All of the run is checked before anything is written. The same run again gives the same package.

    Where neither `--store` nor `--api` is given, ARTIFACT_STORE_API_URL says which served store is meant.
    """
    from rsppc.store.pilots.guide_board import Ingested, PackageStore, RunRefused, ingest_read, read_run

    api = api or (os.environ.get(API_URL) if store is None else None)
    client = served_store(api, store=store, tenant=tenant) if api else None

    with refusals():
        try:
            run = read_run(folder, tenant=tenant)
        except RunRefused as refused:
            code = exit_code(report(refused.findings, (), Options(**options)))
            return max(code, INTEGRITY if EXITS[refused.kind] == INTEGRITY else OK)
    if run.undeclared:
        names = ", ".join(f"`{visible(path)}`" for path in run.undeclared[:10])
        more = ", …" if len(run.undeclared) > 10 else ""
        counts = counted(len(run.undeclared), "undeclared file")
        click.echo(f"rsppc: left out: {counts}, {names}{more}", err=True)
    size = sum(one.size or 0 for one in run.entries)

    def ingested(into: PackageStore) -> Ingested:
        with progress("ingesting", size) as told:
            return ingest_read(run, store=into, at=time_given(now), retention_class=retention_class, told=told)

    if client is not None:
        with refusals():
            made = ingested(client)
    else:
        with store_here(store) as registry:
            made = ingested(registry)
    click.echo(readable(made), nl=False)
    return OK
