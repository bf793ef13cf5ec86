"""`rsppc sign`: say what a bundle was made of, and sign it; sign a file; make keys."""

from __future__ import annotations

import os

import click

from rsppc.cli.clock import time_given
from rsppc.cli.exits import OK
from rsppc.cli.session import usage, workspace_here
from rsppc.cli.storing import refuse_tenant, tenant_option
from rsppc.diagnostics import DiagnosticSink


@click.command(
    "sign",
    epilog="Examples: `rsppc sign --generate builder.key`, `rsppc sign build/demo_bundle/v1 --key builder.key`, "
    "`rsppc sign handbook.pdf --key releaser.key`.",
)
@click.argument("target", required=False)
@click.option("--key", metavar="FILE", help="The private key: PEM, PKCS #8.")
@click.option("--generate", metavar="FILE", help="Make a pair of keys instead: FILE, and FILE.pub for everybody.")
@click.option(
    "--algorithm",
    type=click.Choice(["ed25519", "p256"]),
    default="ed25519",
    show_default=True,
    help="What `--generate` makes: ed25519, or ECDSA on P-256.",
)
@click.option("--passphrase-env", metavar="NAME", help="The environment variable with the passphrase of the key.")
@click.option("--snapshot", default="local/v1", show_default=True, help="The snapshot that the bundle was built with.")
@click.option("--runtime", metavar="REF", help="The runtime that it was built for; else that of `rsppc.toml`.")
@click.option("--strict", is_flag=True, help="It was built with `--strict`.")
@click.option("--inputs", metavar="FOLDER", help="Keep the inputs there, by digest, for `rsppc verify --rebuild`.")
@click.option("--store", metavar="FOLDER", help="The store that TARGET is a package of, by id or manifest digest.")
@tenant_option
@click.option("--now", metavar="TIME", help="State this time, as in `2026-01-01T00:00:00Z`; none where left out.")
def COMMAND(
    target: str | None,
    key: str | None,
    generate: str | None,
    algorithm: str,
    passphrase_env: str | None,
    snapshot: str,
    runtime: str | None,
    strict: bool,
    inputs: str | None,
    store: str | None,
    tenant: str,
    now: str | None,
) -> int:
    """Sign TARGET: a built bundle, by folder or reference, any file, or with `--store` a package of a store.

    A bundle is built again first, and signed only if this workspace gives these very files. Beside it appear
    `provenance.dsse.json`, which names every input by digest, and the bill of materials `sbom.cdx.json`. A file gets
    `FILE.sig`, a package an attestation in its store.
    """
    from rsppc.cli.key_files import make_pair, passphrase_of, signing_key

    passphrase = passphrase_of(passphrase_env)
    if generate is not None:
        if target is not None or key is not None:
            usage("`--generate` makes keys and signs nothing", "sign in a second call, with `--key`")
        made = make_pair(generate, "p256" if algorithm == "p256" else "ed25519", passphrase)
        click.echo(f"{made.public.keyid}")
        click.echo(f"  {generate} is for you alone; {generate}.pub is for whoever verifies")
        return OK
    if target is None or key is None:
        usage("name what is to be signed, and the key with `--key`", "make keys with `--generate FILE`")
    pair = signing_key(key, passphrase)
    if store is not None:
        from rsppc.cli.refusing import refusals
        from rsppc.cli.signed_packages import sign_package
        from rsppc.cli.storing import store_here

        with refusals(), store_here(store) as registry:
            return sign_package(registry, target, tenant, pair, time_given(now))
    refuse_tenant(tenant)
    from rsppc.cli.signing import sign_bundle, sign_file

    if os.path.isfile(target):
        return sign_file(target, pair)
    return sign_bundle(
        workspace_here(DiagnosticSink()),
        target,
        pair,
        snapshot=snapshot,
        runtime=runtime,
        strict=strict,
        keep_inputs=inputs,
        now=time_given(now) if now is not None else None,
    )
