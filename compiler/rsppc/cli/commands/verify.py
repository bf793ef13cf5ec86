"""`rsppc verify`: believe nothing but what somebody signed who is trusted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import OK
from rsppc.cli.refusing import refusals
from rsppc.cli.session import usage
from rsppc.cli.storing import refuse_tenant, tenant_option

if TYPE_CHECKING:
    from rsppc.cli.verifying import Wanted

_ROLES = ("builder", "releaser")


@click.command(
    "verify",
    epilog="Examples: `rsppc verify build/demo_bundle/v1 --key builder.key.pub`, "
    "`rsppc verify demo_bundle.tar --key builder.key.pub`, "
    "`rsppc verify demo_bundle/v1 --policy trust.json --remember`, "
    "`rsppc verify demo_bundle/v1 --policy trust.json --rebuild --inputs inputs`.",
)
@click.argument("target")
@click.option("--key", "keys", multiple=True, metavar="FILE", help="A public key that is trusted in every role.")
@click.option("--policy", metavar="FILE", help="A trust policy: keys with roles and expiry, and what was seen before.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    type=click.Choice(_ROLES),
    help="A role that must have signed; builder for bundles and releaser for files where left out.",
)
@click.option(
    "--remember", "remembering", is_flag=True, help="Write the version into the policy: older ones are refused."
)
@click.option("--rebuild", is_flag=True, help="Build the bundle again from its inputs, and compare every byte.")
@click.option("--inputs", metavar="FOLDER", help="Where the inputs are, by digest; a package holds its own.")
@click.option("--signature", metavar="FILE", help="The signature of TARGET as a file; TARGET.sig where left out.")
@click.option("--store", metavar="FOLDER", help="The store that TARGET is a package of, by id or manifest digest.")
@tenant_option
@click.option(
    "--format", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How it is told."
)
@now_option
def COMMAND(
    target: str,
    keys: tuple[str, ...],
    policy: str | None,
    roles: tuple[str, ...],
    remembering: bool,
    rebuild: bool,
    inputs: str | None,
    signature: str | None,
    store: str | None,
    tenant: str,
    format: str,
    now: str | None,
) -> int:
    """Verify TARGET: a built bundle, by folder or reference, a file with its `.sig`, an exported package, or with
    `--store` a package of a store.

    An exported package is verified by what is attested in it; with `--signature` it is a file like any other.

    Whom to trust is said by `--key` and `--policy`, and never by TARGET. Whatever is missing, changed, unsigned or left
    over is refused with exit code 3.
    """
    if remembering and policy is None:
        usage("`--remember` needs the policy that it writes to", "name it with `--policy`")
    if inputs is not None and not rebuild:
        usage("`--inputs` are for `--rebuild`", "add `--rebuild`")
    if store is None:
        refuse_tenant(tenant)
    if signature is not None and store is not None:
        usage("`--signature` is of a file, and `--store` has packages", "give one of the two")
    from rsppc.cli.remaking import inputs_in
    from rsppc.cli.trusting import trusted
    from rsppc.cli.verifying import Wanted

    with refusals(format):
        is_bundle = store is None and signature is None and not os.path.isfile(target)
        wanted = Wanted(
            trust=trusted(keys, policy),
            roles=roles or (("builder",) if is_bundle else ("releaser",)),
            now=time_given(now),
            policy=policy if remembering else None,
            rebuild=inputs_in(inputs) if inputs is not None else None,
            rebuild_from_package=rebuild,
            format=format,
        )
        if signature is not None:
            from rsppc.cli.verifying import verify_file

            verify_file(target, signature, wanted)
        else:
            _verify(target, store, tenant, wanted, is_bundle=is_bundle)
    return OK


def _verify(target: str, store: str | None, tenant: str, wanted: Wanted, *, is_bundle: bool) -> None:
    if is_bundle:
        from rsppc.base.names import parse_ref
        from rsppc.cli.turns import bundle_folder
        from rsppc.cli.verifying import verify_folder

        if wanted.rebuild_from_package and wanted.rebuild is None:
            usage("a bundle in a folder comes without its inputs", "name the folder that `rsppc sign --inputs` filled")
        if not os.path.lexists(target) and parse_ref(target) is None:
            advice = "name a built bundle by folder or reference, a file with its `.sig`, or an exported package"
            usage(f"there is no `{target}`", advice)
        verify_folder(bundle_folder(target), wanted)
        return
    from rsppc.cli.signed_packages import is_export, verify_exported, verify_stored

    if store is not None:
        from rsppc.cli.storing import store_here

        with store_here(store, writable=False) as registry:
            verify_stored(registry, target, tenant, wanted)
    elif is_export(target):
        verify_exported(target, wanted)
    else:
        from rsppc.cli.verifying import verify_file
        from rsppc.signing.blobs import SUFFIX

        verify_file(target, target + SUFFIX, wanted)
