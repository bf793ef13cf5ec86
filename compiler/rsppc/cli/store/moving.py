"""`rsppc store export` and `import`: a package as one file."""

from __future__ import annotations

import os

import click

from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import OK
from rsppc.cli.store.progress import progress
from rsppc.cli.storing import counted, store_here, store_option, tenant_option


@click.command("export", epilog="Example: `rsppc store export 57d3bd8a-516c-57ff-b2c8-d0b30af176bc run.tar`.")
@click.argument("package", metavar="PACKAGE")
@click.argument("file", metavar="FILE")
@tenant_option
@store_option
def EXPORT_COMMAND(package: str, file: str, tenant: str, store: str | None) -> int:
    """Write PACKAGE, its manifest and what is attested of it into FILE, a tar archive.

    One package has one archive, byte for byte.
    """
    from rsppc.store.transfer import export_package

    with store_here(store, writable=False) as registry:
        found = registry.find(package, tenant)
        with progress("exporting", found.byte_count) as told:
            made = export_package(registry, found.package_id, file, told)
    click.echo(f"{found.package_id}  {made.manifest_digest}")
    click.echo(f"  {made.size} bytes in {file}")
    return OK


@click.command("import", epilog="Example: `rsppc store import run.tar`.")
@click.argument("file", metavar="FILE")
@now_option
@store_option
def IMPORT_COMMAND(file: str, now: str | None, store: str | None) -> int:
    """Take in the package of FILE, which `rsppc store export` wrote, under the digest that it has.

    Nothing is visible before all of it is proved. Its retention begins anew, with the class that it has.
    """
    from rsppc.store.transfer import import_package

    at = time_given(now)
    total = os.path.getsize(file) if os.path.isfile(file) else 0
    with store_here(store) as registry, progress("importing", total) as told:
        made = import_package(registry, file, at, told)
    click.echo(f"{made.package.package_id}  {made.manifest_digest}")
    what = "was there before" if made.reused else "taken in"
    click.echo(f"  {counted(made.package.file_count, 'file')}, {counted(made.package.byte_count, 'byte')}; {what}")
    return OK
