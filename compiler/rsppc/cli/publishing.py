"""Put bundles, and the releases that rest on evidence, into a store, and say what became of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import click
import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.cli.bundle_files import bundle_files
from rsppc.cli.distributing import read_input
from rsppc.cli.evidencing import write_evidence
from rsppc.cli.exits import INTEGRITY, OK
from rsppc.cli.session import fault
from rsppc.cli.storing import refuse
from rsppc.cli.turns import bundle_folder
from rsppc.store.artifacts import Published, Publisher
from rsppc.store.offers import BUNDLE_FILES, Attest, Offer, bundle_offer, release_offer
from rsppc.store.problems import Kind, StoreProblem
from rsppc.store.protocols import FaultKind, Refused, StoreFault


class Released(Record):
    """A release that was judged, and may be published."""

    value: dict[str, Any]
    """The evidence of the release."""
    files: Mapping[str, bytes]
    """Everything that it rests on."""

    @property
    def release_id(self) -> str:
        return str(self.value["figures"]["release_id"])


def publish_release(released: Released, bundle: str, store: str, at: datetime, output: str | None) -> int:
    """Put a built bundle and its release into a store."""
    files = bundle_files(bundle_folder(bundle))
    offer = offered(bundle_offer({name: files[name] for name in BUNDLE_FILES if name in files}))
    if offer.digest != released.value["release"]["bundle_digest"]:
        fault(f"`{bundle}` changed while it was judged", "try again when nobody builds it")
    publisher = Publisher(root=store, at=at)
    kept = publish_one(publisher, offer)
    made = promote(publisher, released, kept)
    if output is not None:
        write_evidence(output, released.value)
    click.echo(f"{released.release_id}  {kept.ref}  {'published' if made.changed else 'published before'}")
    click.echo(f"  as package {made.package.package_id} in {shown(store)}")
    return OK


def promote(
    publisher: Publisher,
    released: Released,
    bundle: Published,
    *,
    attest: Attest | None = None,
    signatures: Sequence[str] = (),
) -> Published:
    """Publish the release of a bundle that is in the store, and keep the bundle as long as its release."""
    package = bundle.package
    assert package.manifest_digest is not None
    files = {**released.files, "release.json": canonical(released.value) + b"\n"}
    offer = release_offer(
        released.value,
        files,
        bundle_package=package.package_id,
        bundle_manifest=package.manifest_digest,
        attest=attest,
        signatures=signatures,
    )
    made = publish_one(publisher, offer)
    problem = publisher.keep_as_long(package.package_id, made.package, f"release {released.release_id} needs it")
    if problem is not None:
        refuse_publishing(publisher.root, problem)
    return made


def publish_one(publisher: Publisher, offer: Offer) -> Published:
    """Publish something; ends the command where the store has something else under its name, or takes nothing."""
    answer = publisher.publish(offer)
    if isinstance(answer, Published):
        return answer
    if isinstance(answer, Refused):
        refuse_other(offer, answer)
    refuse_publishing(publisher.root, answer)


def offered(offer: Offer | StoreFault) -> Offer:
    """What can be published; ends the command where it is malformed."""
    if isinstance(offer, StoreFault):
        refuse(StoreProblem("malformed", offer.reason, "build it again"))
    return offer


def refuse_other(offer: Offer, found: Refused) -> NoReturn:
    """End the command because a name is taken."""
    if offer.kind == "release":
        said = f"`{offer.metadata['release_id']}` was published before, with other evidence"
        advice = "a release has its time in its name: publish again"
    elif found.file not in offer.meaning:
        said = f"`{found.ref}` was published before, built from other sources than those that would be signed"
        advice = "sign what was published, with `rsppc sign PACKAGE --store FOLDER`"
    else:
        said, advice = f"`{found.ref}` was published before, with other content", "publish it under a new version"
    click.echo(f"rsppc: [store-conflict] {said}", err=True)
    where = f"`{found.pointer}` of `{found.file}`" if found.pointer else f"`{found.file}`"
    values = f" (it was {_short(found.before)}, and is {_short(found.after)} now)" if found.pointer else ""
    click.echo(f"  the first difference is at {where}{values}; {advice}", err=True)
    raise click.exceptions.Exit(INTEGRITY)


def refuse_publishing(store: str, problem: StoreFault) -> NoReturn:
    """End the command because the store takes nothing."""
    if problem.kind == "environment":
        fault(f"cannot publish into `{store}`: {problem.reason}")
    refuse(StoreProblem(_KINDS[problem.kind], problem.reason))


_KINDS: dict[FaultKind, Kind] = {
    "missing": "missing",
    "malformed": "malformed",
    "refused": "refused",
    "corrupt": "corrupt",
    "environment": "environment",
}
_SHOWN_MAX = 80


def _short(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"


def shown(store: str) -> str:
    """A store as messages speak of it."""
    return os.path.relpath(store).replace(os.sep, "/")


def bundle_value(bundle: str) -> dict[str, Any]:
    """The content of `bundle.json` of a bundle that was loaded already."""
    value: dict[str, Any] = msgspec.json.decode(read_input(os.path.join(bundle_folder(bundle), "bundle.json")))
    return value
