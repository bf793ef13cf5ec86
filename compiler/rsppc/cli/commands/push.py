"""`rsppc push`: bring a package of the store to a registry, or into a folder in the layout of OCI images."""

from __future__ import annotations

import click

from rsppc.cli.carrying import place_named, plain_http_option
from rsppc.cli.exits import OK
from rsppc.cli.session import usage
from rsppc.cli.store.progress import progress
from rsppc.cli.storing import counted, refusals, store_here, store_option, tenant_option


@click.command(
    "push",
    epilog="Examples: `rsppc push 57d3bd8a-516c-57ff-b2c8-d0b30af176bc oci://registry.example.com/team/runs:v1`, "
    "`rsppc push 57d3bd8a-516c-57ff-b2c8-d0b30af176bc oci:out/packages:v1`.",
)
@click.argument("package", metavar="PACKAGE")
@click.argument("target", metavar="TARGET")
@click.option("--move-tag", is_flag=True, help="Let a tag that names another package name this one from now on.")
@plain_http_option
@tenant_option
@store_option
def COMMAND(package: str, target: str, move_tag: bool, plain_http: bool, tenant: str, store: str | None) -> int:
    """Bring PACKAGE, an id or the digest of a manifest, with all that is attested of it to TARGET.

    TARGET is `oci://HOST/REPOSITORY[:TAG]`, or `oci:FOLDER[:TAG]`. Without a tag it is the id of the package. What is
    there already is not sent again, and a tag that names something else is not moved unasked.
    """
    from rsppc.oci.moving import push
    from rsppc.oci.reference import reference_of

    with refusals():
        reference = reference_of(target)
        if reference.digest is not None:
            usage("a digest follows from what is pushed, and cannot be chosen", "leave `@sha256:…` out")
        with (
            store_here(store, writable=False) as registry,
            place_named(reference, plain_http=plain_http) as place,
        ):
            found = registry.find(package, tenant)
            tag = reference.tag or found.package_id
            with progress("pushing", found.byte_count) as told:
                made = push(registry, found.package_id, place, tag, told, move_tag=move_tag)
    click.echo(f"{place.shown}@{made.digest}")
    sent = f"{counted(made.sent, 'blob')} sent, {made.known} known before" if made.changed else "there before"
    click.echo(f"  {found.package_id}, tag {tag}; {sent}")
    return OK
