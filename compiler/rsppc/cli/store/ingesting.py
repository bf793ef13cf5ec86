"""`rsppc store ingest`: put a folder into the store as one package."""

from __future__ import annotations

import os
from typing import Any

import click

from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import OK
from rsppc.cli.session import usage
from rsppc.cli.store.pilots import WithPilots
from rsppc.cli.store.progress import progress
from rsppc.cli.storing import counted, refusals, store_folder, store_here, store_option, tenant_option


@click.command(
    "ingest",
    cls=WithPilots,
    epilog="Examples: `rsppc store ingest runs/r17 --producer guide-board --run-id r17 --subject desk`, "
    "`rsppc store ingest runs/r17 --producer guide-board --run-id r17 --subject desk --metadata run.json`.",
)
@click.argument("folder", metavar="DIR")
@click.option("--producer", metavar="NAME", required=True, help="Who made the run.")
@click.option("--run-id", metavar="ID", required=True, help="Which run of that producer it is.")
@click.option("--subject", metavar="NAME", required=True, help="What the run is about.")
@click.option("--kind", metavar="KIND", default="run", show_default=True, help="What sort of package it is.")
@click.option("--metadata", multiple=True, metavar="FILE", help="A JSON object that describes the run; several join.")
@click.option("--schema", metavar="ID", help="A registered schema that the metadata keep.")
@click.option("--class", "retention_class", metavar="NAME", help="The retention class; else the store's default.")
@click.option("--repository", metavar="URL", help="Where the sources are.")
@click.option("--commit", metavar="SHA", help="Which state of them it was.")
@click.option("--environment", multiple=True, metavar="KEY=VALUE", help="Something of where the run took place.")
@now_option
@tenant_option
@store_option
def INGEST_COMMAND(
    folder: str,
    metadata: tuple[str, ...],
    schema: str | None,
    environment: tuple[str, ...],
    now: str | None,
    store: str | None,
    **said: Any,
) -> int:
    """Put all files of DIR into the store, as the one package of this run, for good.

    Nothing is written if anything in DIR cannot be kept. The same command again goes on where it was stopped, and
    changes nothing once it is done.
    """
    from rsppc.store.folder_ingest import ingest_folder
    from rsppc.store.request import PackageRequest
    from rsppc.store.walking import walk

    at, place = time_given(now), store_folder(store)
    inside = os.path.realpath(folder)
    if os.path.commonpath([inside, os.path.realpath(place)]) == inside:
        usage(f"the store `{place}` lies inside of `{folder}`", "name another folder, or another `--store`")
    with refusals():
        request = PackageRequest(
            metadata=_metadata(metadata), metadata_schema=schema, environment=_environment(environment), **said
        )
        walked = walk(folder)
    with store_here(store) as registry, progress("ingesting", walked.byte_count) as told:
        done = ingest_folder(registry, request, walked, at, told=told)
    final = done.final
    click.echo(f"{final.package.package_id}  {final.manifest_digest}")
    what = "published before" if final.reused else f"{counted(done.sent, 'file')} sent, {done.known} known before"
    click.echo(f"  {counted(final.package.file_count, 'file')}, {counted(final.package.byte_count, 'byte')}; {what}")
    return OK


def _metadata(paths: tuple[str, ...]) -> dict[str, Any]:
    from rsppc.store.json_text import object_of

    joined: dict[str, Any] = {}
    for path in paths:
        try:
            with open(path, "rb") as file:
                data = file.read(2**23 + 1)
        except OSError as error:
            usage(f"`{path}` cannot be read: {(error.strerror or 'input/output error').lower()}")
        value = object_of(f"`{path}`", data)
        twice = sorted(joined.keys() & value.keys())
        if twice:
            usage(f"`{twice[0]}` stands in two files of metadata")
        joined |= value
    return joined


def _environment(pairs: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not key or not separator or key in found:
            usage(f"`--environment {pair[:60]}` names no key and value", "write it once, as in `host=ci-7`")
        found[key] = value
    return found
