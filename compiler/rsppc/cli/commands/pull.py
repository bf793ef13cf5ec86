"""`rsppc pull`: take a package from a registry, or from a folder in the layout of OCI images."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from rsppc.cli.carrying import place_named, plain_http_option
from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import OK
from rsppc.cli.session import fault, usage
from rsppc.cli.store.looking import unpack
from rsppc.cli.store.progress import progress
from rsppc.cli.storing import counted, refusals, store_folder, store_option

if TYPE_CHECKING:
    from rsppc.oci.moving import Fetched
    from rsppc.store.registry import Registry


@click.command(
    "pull",
    epilog="Examples: `rsppc pull oci://registry.example.com/team/runs:v1`, "
    "`rsppc pull oci:out/packages:v1 --output run`.",
)
@click.argument("source", metavar="SOURCE")
@click.option("--output", metavar="DIR", help="Write the files into a new folder; without `--store` only there.")
@plain_http_option
@now_option
@store_option
def COMMAND(source: str, output: str | None, plain_http: bool, now: str | None, store: str | None) -> int:
    """Take the package at SOURCE into the store, under the id and the digest that it has.

    SOURCE is `oci://HOST/REPOSITORY:TAG`, `oci://HOST/REPOSITORY@sha256:…`, or `oci:FOLDER:TAG`. A tag may be moved;
    the digest that is printed cannot. Nothing is visible before every byte of it is proved.
    """
    from rsppc.oci.moving import fetch, take
    from rsppc.oci.reference import reference_of

    at = time_given(now)
    if output is not None and os.path.lexists(output):
        usage(f"`{output}` is there already", "name a folder that is not")
    with refusals():
        reference = reference_of(source)
        if reference.wanted is None:
            usage(f"`{reference.shown}` names no package", "add `:TAG` or `@sha256:…`")
        with place_named(reference, plain_http=plain_http) as place:
            fetched = fetch(place, reference.wanted)
            with _store(store, output, fetched) as registry:
                with progress("pulling", fetched.described.byte_count) as told:
                    made = take(registry, place, fetched, at, told)
                click.echo(f"{place.shown}@{fetched.digest}")
                click.echo(f"{made.package.package_id}  {made.manifest_digest}")
                what = "was there before" if made.reused else "taken in" if store or not output else "proved"
                files, size = counted(made.package.file_count, "file"), counted(made.package.byte_count, "byte")
                click.echo(f"  {files}, {size}, {counted(len(fetched.attestations), 'attestation')}; {what}")
                if output is not None:
                    unpack(registry, made.package, output)
    return OK


def _folder_beside(output: str) -> tempfile.TemporaryDirectory[str]:
    """A folder for the time of a look, on the disk that the files are to come to."""
    beside = os.path.dirname(os.path.abspath(output))
    try:
        os.makedirs(beside, exist_ok=True)
        return tempfile.TemporaryDirectory(prefix=".rsppc-pull-", dir=beside)
    except OSError as error:
        fault(f"cannot write `{output}`: {(error.strerror or 'input/output error').lower()}")


@contextmanager
def _store(given: str | None, output: str | None, fetched: Fetched) -> Iterator[Registry]:
    """The store that is meant, or one for the time of a look where only files are wanted."""
    from rsppc.store.config import DEFAULT_CLASSES, Config, RetentionClass
    from rsppc.store.registry import init_store, opened

    if given is not None or output is None:
        with opened(store_folder(given)) as registry:
            yield registry
        return
    classes = {**DEFAULT_CLASSES, fetched.described.created["retention_class"]: RetentionClass(days=None)}
    with _folder_beside(output) as folder:
        init_store(folder, Config(retention_classes=classes))
        with opened(folder) as registry:
            yield registry
