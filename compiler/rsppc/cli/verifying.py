"""Verify a bundle or a file for somebody who says whom to trust."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from rsppc.base.record import Record
from rsppc.cli.bundle_files import attestation_files, attestation_folder, bundle_files
from rsppc.cli.refusing import say
from rsppc.cli.remaking import Finder, check_rebuilt, other_compiler
from rsppc.cli.session import fault, usage
from rsppc.cli.signing import file_pieces
from rsppc.cli.trusting import remember
from rsppc.signing.blobs import SIGNATURE_SIZE_MAX, TooLarge, verify_blob
from rsppc.signing.bundles import SBOM, Verified, verify_bundle
from rsppc.signing.refusals import refused
from rsppc.signing.statement import SHIPPED
from rsppc.signing.trust import Trust, TrustedKey


class Wanted(Record):
    """How much is to be verified, and what is to be said of it."""

    trust: Trust
    roles: tuple[str, ...]
    now: datetime
    policy: str | None
    """The policy that is to remember what was verified."""
    rebuild: Finder | None
    """Where the inputs are that it is built again from; None where it is not."""
    rebuild_from_package: bool
    """Whether a package is built again from the inputs that it holds itself."""
    format: str


def verify_folder(folder: str, wanted: Wanted) -> None:
    """A bundle in a folder, with its attestations beside it."""
    verify_files(bundle_files(folder), attestation_files(attestation_folder(folder)), wanted)


def verify_files(
    files: dict[str, bytes], attestations: dict[str, bytes], wanted: Wanted, package: Mapping[str, Any] | None = None
) -> None:
    """A bundle in memory, with its attestations; says what it is, or refuses it. `package` is what scripts are told of
    the package that it came in."""
    found = verify_bundle(files, attestations, wanted.trust, roles=wanted.roles, now=wanted.now)
    another = other_compiler(found.statement)
    if wanted.rebuild is not None:
        if another is not None and wanted.format == "text":
            click.echo(f"rsppc: {another}", err=True)
        check_rebuilt(found, files, attestations[SBOM], wanted.rebuild)
    is_new = remember(wanted.policy, found) if wanted.policy is not None else False
    if wanted.format == "json":
        say({**_bundle_value(found, wanted), **({"package": package} if package is not None else {})})
        return
    click.echo(f"{found.ref} is what was signed")
    tell_signers(found.signed_by, wanted.roles)
    click.echo(f"  digest {found.digest}")
    own = [one for one in found.statement.inputs if not one.name.startswith(SHIPPED)]
    shipped = len(found.statement.inputs) - len(own)
    made_of = f"{len(own)} files of a workspace and {shipped} that ship with rsppc"
    click.echo(f"  built by rsppc {found.statement.compiler} from {made_of}")
    if not found.statement.locked:
        click.echo("  not locked: references of the bundle are not pinned by digest")
    if wanted.rebuild is not None:
        click.echo(f"  built again from these inputs: {len(files) + 1} files are the same, byte for byte")
    if is_new:
        click.echo(f"  remembered in {wanted.policy}")


def verify_file(path: str, signature_path: str, wanted: Wanted) -> None:
    """A file with its signature in another one; says who signed it, or refuses it."""
    if wanted.rebuild_from_package or wanted.policy is not None:
        usage("only bundles are built again and remembered", f"`{path}` is a file")
    name = os.path.basename(path)
    try:
        signature = _signature(signature_path)
        pieces = file_pieces(path)
        by = verify_blob(
            pieces,
            signature,
            wanted.trust,
            name=name,
            signature_name=os.path.basename(signature_path),
            roles=wanted.roles,
            now=wanted.now,
        )
    except TooLarge:
        raise refused("signature-wrong", f"`{name}` is larger than what ed25519 signs", "ask for ECDSA") from None
    except FileNotFoundError:
        usage(f"there is no file `{path}`")
    except OSError as error:
        fault(f"cannot read `{error.filename}`: {(error.strerror or 'input/output error').lower()}")
    if wanted.format == "json":
        say({"verified": True, "file": path, "signed_by": signer_values(by, wanted.roles)})
        return
    click.echo(f"{path} is what was signed")
    tell_signers(by, wanted.roles)


def _signature(path: str) -> bytes | None:
    if not os.path.isfile(path):  # a pipe would be waited for, for ever
        return None
    with open(path, "rb") as file:
        return file.read(SIGNATURE_SIZE_MAX + 1)


def tell_signers(signers: Sequence[TrustedKey], roles: Sequence[str]) -> None:
    """Who signed in which role."""
    for role, one in zip(roles, signers, strict=True):
        click.echo(f"  {role} {one.identity}, key {one.public.keyid}")


def signer_values(signers: Sequence[TrustedKey], roles: Sequence[str]) -> list[dict[str, str]]:
    """The same for scripts."""
    return [
        {"role": role, "identity": one.identity, "keyid": one.public.keyid}
        for role, one in zip(roles, signers, strict=True)
    ]


def _bundle_value(found: Verified, wanted: Wanted) -> dict[str, Any]:
    return {
        "verified": True,
        "bundle": found.ref,
        "digest": found.digest,
        "compiler": f"rsppc {found.statement.compiler}",
        "locked": found.statement.locked,
        "inputs": [{"name": one.name, "digest": one.sha256} for one in found.statement.inputs],
        "signed_by": signer_values(found.signed_by, wanted.roles),
        "rebuilt": wanted.rebuild is not None,
    }
