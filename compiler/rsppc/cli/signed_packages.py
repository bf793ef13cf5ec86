"""Sign and verify packages of a store, and packages that were exported into a file.

An exported package is taken into a store of its own for the time of a look, so that one reader decides what is sound.
A package that holds a bundle (kind `bundle`) has the bundle's files at its top, the inputs that it was built from by
digest below `inputs/`, and the attestations of the bundle beside it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from rsppc.base.record import replace
from rsppc.cli.exits import OK
from rsppc.cli.refusing import refuse, say
from rsppc.cli.remaking import Finder
from rsppc.cli.session import usage
from rsppc.cli.storing import refuse as refuse_of_store
from rsppc.cli.verifying import Wanted, signer_values, tell_signers, verify_files
from rsppc.signing.blobs import SUFFIX
from rsppc.signing.keys import SigningKey
from rsppc.signing.packages import BUNDLE_KIND, MEDIA_TYPE, attestation_name, signed_package, verify_package
from rsppc.signing.refusals import Refusal, Refused, refused
from rsppc.signing.trust import BUILDER
from rsppc.store import verification
from rsppc.store.config import DEFAULT_CLASSES, Config, RetentionClass
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import Package
from rsppc.store.registry import Registry, init_store, opened
from rsppc.store.transfer import MANIFEST, described_in, import_package

_BUNDLE_MAX = 1 << 28


def is_export(path: str) -> bool:
    """Whether a file begins as an exported package does."""
    with open(path, "rb") as file:
        return file.read(len(MANIFEST) + 1) == MANIFEST.encode() + b"\0"


def sign_package(registry: Registry, name: str, tenant: str, pair: SigningKey, at: datetime) -> int:
    """Attest a package, by its id or the digest of its manifest, whose every byte was looked at."""
    package_id = registry.find(name, tenant).package_id
    with _damage():
        _check_sound(registry, package_id)
        data = signed_package(package_id, registry.manifest_bytes(package_id), pair)
        name = attestation_name(pair.public)
        kept = registry.record_attestation(package_id, name, MEDIA_TYPE, data, at)
    click.echo(f"{package_id} signed {'before ' if kept.reused else ''}by {pair.public.keyid}")
    click.echo(f"  attested as {name}")
    return OK


def verify_exported(path: str, wanted: Wanted) -> None:
    """A package in a file."""
    with tempfile.TemporaryDirectory(prefix="rsppc-verify-") as folder, _damage():
        # For how long a class keeps packages elsewhere has no say in whether this one is what was signed.
        own = described_in(path).created["retention_class"]
        init_store(folder, Config(retention_classes={**DEFAULT_CLASSES, own: RetentionClass(days=None)}))
        with opened(folder) as registry:
            made = import_package(registry, path, wanted.now, lambda _: None)
            try:
                _verify(registry, made.package.package_id, wanted)
            except Refused as problem:
                raise Refused([_named_signature(one, path) for one in problem.refusals]) from None


def _named_signature(one: Refusal, path: str) -> Refusal:
    """With the way to the signature beside the file, where there is one: it says nothing of the package."""
    if one.code != "attestation-missing" or not os.path.isfile(path + SUFFIX):
        return one
    return replace(one, advice=f"{one.advice}; `--signature {path}{SUFFIX}` verifies the file as any other")


def verify_stored(registry: Registry, name: str, tenant: str, wanted: Wanted) -> None:
    """A package in a store, by its id or the digest of its manifest."""
    with _damage():
        package_id = registry.find(name, tenant).package_id
    _verify(registry, package_id, wanted)


def _verify(registry: Registry, package_id: str, wanted: Wanted) -> None:
    """Every byte, the signature of the manifest, and the bundle in the package, where it holds one."""
    with _damage():
        package = _check_sound(registry, package_id)
        data = registry.manifest_bytes(package_id)
        attestations = {
            one.name: registry.attestation_bytes(package_id, one.name) for one in registry.attestations(package_id)
        }
    by = verify_package(package_id, data, attestations, wanted.trust, roles=wanted.roles, now=wanted.now)
    told: dict[str, Any] = {"package_id": package_id, "manifest_digest": package.manifest_digest}
    told["signed_by"] = signer_values(by, wanted.roles)
    is_bundle = package.kind == BUNDLE_KIND
    if not is_bundle and (wanted.rebuild_from_package or wanted.policy is not None):
        usage("only bundles are built again and remembered", f"package `{package_id}` is of kind `{package.kind}`")
    if wanted.format == "text":
        click.echo(f"package {package_id} is what was signed")
        tell_signers(by, wanted.roles)
        click.echo(f"  {package.file_count} files of {package.producer}, run {package.run_id}")
        click.echo(f"  manifest {package.manifest_digest}")
    elif not is_bundle:
        say({"verified": True, **told})
    if is_bundle:
        verify_files(_bundle(registry, package_id), attestations, _of_bundle(registry, package_id, wanted), told)


def _of_bundle(registry: Registry, package_id: str, wanted: Wanted) -> Wanted:
    """A releaser answers for the package, a builder for the bundle in it; its inputs lie beside it."""
    rebuild = wanted.rebuild
    if rebuild is None and wanted.rebuild_from_package:
        rebuild = _inputs(registry, package_id)
    return replace(wanted, roles=(BUILDER,), rebuild=rebuild)


def _bundle(registry: Registry, package_id: str) -> dict[str, bytes]:
    found = [file for file in registry.files(package_id) if "/" not in file.path]
    large = [file.path for file in found if file.size > _BUNDLE_MAX]
    if large:
        raise refused("bundle-mixed", f"`{large[0]}` is too large to be a file of a bundle")
    return {file.path: b"".join(registry.content(file)) for file in found}


def _inputs(registry: Registry, package_id: str) -> Finder:
    by_digest = {file.digest_sha256: file for file in registry.files(package_id)}

    def find(sha256: str) -> bytes | None:
        file = by_digest.get(sha256)
        return b"".join(registry.content(file)) if file is not None else None

    return find


def _check_sound(registry: Registry, package_id: str) -> Package:
    """Refuse a package of which anything is missing or damaged, and one that may still change."""
    verdict = verification.verify_package(registry, package_id)
    if verdict.faults:
        advice = "fetch it again from where it was published"
        raise Refused(
            [Refusal(code="package-damaged", what=f"`{one.item}`: {one.what}", advice=advice) for one in verdict.faults]
        )
    if verdict.package.state != "finalized":
        what = f"package `{package_id}` is {verdict.package.state}, so that nobody can answer for what it holds"
        raise refused("package-damaged", what, "finalise it first" if verdict.package.state == "open" else "")
    return verdict.package


@contextmanager
def _damage() -> Iterator[None]:
    """What a store cannot read or does not have is not believed either."""
    try:
        yield
    except StoreProblem as problem:
        if problem.kind in ("environment", "busy"):
            refuse_of_store(problem)
        refuse([Refusal(code="package-damaged", what=problem.what, advice=problem.advice)])
