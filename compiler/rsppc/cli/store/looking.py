"""`rsppc store list` and `get`: what a store holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
import msgspec

from rsppc.base.canonical_json import canonical, readable
from rsppc.cli.exits import OK
from rsppc.cli.session import usage
from rsppc.cli.storing import counted, store_here, store_option, tenant_option

if TYPE_CHECKING:
    from rsppc.store.registry import File, Package, Registry

_FORMAT = click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How it is printed."
)


@click.command("list", epilog="Examples: `rsppc store list`, `rsppc store list --kind run --state open --format json`.")
@click.option("--kind", metavar="KIND", help="Only packages of this kind.")
@click.option("--subject", metavar="SUBJECT", help="Only packages about this.")
@click.option("--state", type=click.Choice(["open", "finalized", "collected"]), help="Only packages in this state.")
@click.option("--after", metavar="SEQ", type=click.IntRange(0), default=0, help="Go on after this event.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most so many."
)
@_FORMAT
@tenant_option
@store_option
def LIST_COMMAND(
    kind: str | None,
    subject: str | None,
    state: str | None,
    after: int,
    limit: int,
    format: str,
    tenant: str,
    store: str | None,
) -> int:
    """List packages in the order in which they were created. With JSON, one package a line."""
    with store_here(store, writable=False) as registry:
        found = registry.packages(tenant, after=after, limit=limit + 1, kind=kind, subject=subject, state=state)
    for package in found[:limit]:
        click.echo(canonical(package).decode() if format == "json" else _line(package))
    if len(found) > limit:
        click.echo(f"there are more; go on with `--after {found[limit - 1].created_seq}`", err=True)
    return OK


@click.command(
    "get",
    epilog="Examples: `rsppc store get 57d3bd8a-516c-57ff-b2c8-d0b30af176bc`, "
    "`rsppc store get 57d3bd8a-516c-57ff-b2c8-d0b30af176bc run.json --output run.json`.",
)
@click.argument("package", metavar="PACKAGE")
@click.argument("path", metavar="[FILE]", required=False)
@click.option("--output", metavar="FILE", help="Write FILE there, or all files into a new folder.")
@click.option("--manifest", type=click.Choice(["cbor", "json"]), help="Write the manifest instead.")
@click.option("--attestation", metavar="NAME", help="Write what is attested under this name instead.")
@_FORMAT
@tenant_option
@store_option
def GET_COMMAND(
    package: str,
    path: str | None,
    output: str | None,
    manifest: str | None,
    attestation: str | None,
    format: str,
    tenant: str,
    store: str | None,
) -> int:
    """Show PACKAGE, an id or the digest of a manifest, or write one of its files to the standard output.

    What is written was held against its digest; a file that turns out to be damaged is not left behind.
    """
    if sum(one is not None for one in (path, manifest, attestation)) > 1:
        usage("a file, `--manifest` and `--attestation` exclude each other")
    from rsppc.store.reading import refuse_collected

    with store_here(store, writable=False) as registry:
        found = registry.find(package, tenant)
        if path is not None or output is not None:
            refuse_collected(found)
        if manifest is not None:
            _write(_manifest(registry, found, manifest), output)
        elif attestation is not None:
            _write([registry.attestation_bytes(found.package_id, attestation)], output)
        elif path is not None:
            _write(registry.content(registry.file_at(found.package_id, path)), output)
        elif output is not None:
            unpack(registry, found, output)
        else:
            _show(registry, found, format)
    return OK


def _line(package: Package) -> str:
    size = f"{counted(package.file_count, 'file')}, {counted(package.byte_count, 'byte')}"
    return f"{package.package_id}  {package.state:9}  {package.kind} {package.producer} {package.run_id}  {size}"


def _manifest(registry: Registry, package: Package, form: str) -> list[bytes]:
    from rsppc.store.manifest import decode, projection

    data = registry.manifest_bytes(package.package_id)
    return [data if form == "cbor" else projection(decode(data)) + b"\n"]


def _show(registry: Registry, package: Package, format: str) -> None:
    files, attestations = registry.files(package.package_id), registry.attestations(package.package_id)
    if format == "json":
        value: dict[str, Any] = msgspec.to_builtins(package)
        value["files"] = msgspec.to_builtins(files)
        value["attestations"] = msgspec.to_builtins(attestations)
        click.echo(readable(value).decode(), nl=False)
        return
    click.echo(_line(package))
    click.echo(f"  subject     {package.subject}")
    click.echo(f"  manifest    {package.manifest_digest or 'none yet: the package is open'}")
    kept = "for ever" if package.permanent else f"until {package.expires_at}" if package.expires_at else "not final yet"
    click.echo(f"  retention   {package.retention_class}, {kept}")
    if package.hold is not None:
        click.echo(f"  held        {package.hold}")
    for one in attestations:
        click.echo(f"  attested    {one.name}  {one.media_type}")
    for file in files:
        click.echo(f"  {file.digest_primary[:19]}  {file.size:>10}  {file.path}")


def _write(pieces: Iterable[bytes], output: str | None) -> None:
    """Write bytes to the standard output, or to a file that appears when it is whole."""
    if output is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    from rsppc.store.places import refuse_folderless

    refuse_folderless(output)
    if os.path.isdir(output):
        usage(f"`{output}` is a folder", "name a file")
    fresh = os.path.join(os.path.dirname(output), f".rsppc-{os.getpid()}")  # a name of 255 bytes can grow no longer
    try:
        _write_new(pieces, fresh)
        os.replace(fresh, output)
    except BaseException:
        if os.path.lexists(fresh):
            os.unlink(fresh)
        raise


def _write_new(pieces: Iterable[bytes], path: str) -> None:
    with open(path, "xb") as file:
        for piece in pieces:
            file.write(piece)


def unpack(registry: Registry, package: Package, output: str) -> None:
    """Write all files of a package into a folder that is not there yet."""
    import shutil

    from rsppc.store.locking import using_content

    fresh = f"{output.rstrip('/')}.fresh-{os.getpid()}"
    if os.path.lexists(output):
        usage(f"`{output}` is there already", "name a folder that is not")
    try:
        os.makedirs(fresh)
        files: list[File] = registry.files(package.package_id)
        with using_content(registry.folder):  # nobody collects it meanwhile
            for file in files:
                path = os.path.join(fresh, file.path)  # the store takes no path that leads out of its package
                os.makedirs(os.path.dirname(path), exist_ok=True)
                _write_new(registry.content(file), path)
        os.rename(fresh, output)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    click.echo(f"{counted(len(files), 'file')} in {output}")
