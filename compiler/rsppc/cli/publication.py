"""The line of `rsppc publish`: build, gates, package, signature, event.

Everything is made in memory and judged before the store is opened. Each package, with all that is attested of it,
becomes visible in one step; so whatever interrupts the line, the same command goes on from there.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from datetime import datetime
from typing import Any

import click

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.cli.attesting import Attested, attested
from rsppc.cli.building import report_locked, write_entry
from rsppc.cli.clock import time_given
from rsppc.cli.entry import find_entry
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.key_files import passphrase_of, signing_key
from rsppc.cli.packing import names_of, packed, sources, words_of
from rsppc.cli.publishing import Released, offered, promote, publish_one, refuse_other, refuse_publishing, shown
from rsppc.cli.session import Options, exit_code, fault, refuse_unread, report, usage, workspace_here
from rsppc.cli.storing import counted, store_folder
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.evidence.envelope import Release
from rsppc.lowering.artifacts import Artifacts
from rsppc.signing.keys import SigningKey
from rsppc.signing.packages import is_attestation
from rsppc.signing.statement import SHIPPED, Arguments
from rsppc.store.artifacts import Published, Publisher
from rsppc.store.composing import Composed
from rsppc.store.offers import Offer
from rsppc.store.protocols import Refused, StoreFault
from rsppc.workspace import Workspace


class Wanted(Record):
    """The command line."""

    locked: bool
    snapshot: str
    build_runtime: str | None
    strict: bool
    keys: tuple[str, ...]
    passphrase_env: str | None
    require_signature: bool
    promote: bool
    release: str | None
    gates: str
    dry_run: bool
    format: str
    store: str | None
    now: str | None
    chain: dict[str, Any]
    """What `rsppc gate run` is told."""


class Ready(Record):
    """A bundle that can be published."""

    made: Attested
    offer: Offer
    sources: tuple[Offer, ...]
    """Artifacts of the workspace that it refers to, which are published with it."""


def publish_all(names: Sequence[str], wanted: Wanted) -> int:
    """Publish bundles; none of them if one cannot be built, or if a version is taken."""
    moment = time_given(wanted.now)
    passphrase = passphrase_of(wanted.passphrase_env)
    keys = [signing_key(path, passphrase) for path in wanted.keys]
    sink = DiagnosticSink()
    workspace = workspace_here(sink)
    ready, code = _built(workspace, names, keys, wanted)
    if code != OK:
        return code
    publisher = Publisher(root=store_folder(wanted.store), at=moment)
    for one in ready:
        for source in one.sources:
            _foreseen(publisher, source)
    foreseen = [_foreseen(publisher, one.offer) for one in ready]
    if wanted.require_signature and not keys:
        _check_signed(ready, foreseen)
    if not wanted.dry_run:
        _write_builds(workspace, ready)
    released, code = _judged(ready[0], wanted, moment) if wanted.promote else (None, OK)
    if wanted.promote and released is None:
        return max(code, FINDINGS)
    for one, answer in zip(ready, foreseen, strict=True):
        if wanted.dry_run:
            _tell_foreseen(one, answer, publisher.root, wanted.format)
            continue
        for source in one.sources:
            publish_one(publisher, source)
        kept = publish_one(publisher, one.offer)
        release = None
        if released is not None:
            release = promote(publisher, released, kept, attest=words_of(keys), signatures=names_of(keys))
        _tell(one, kept, (released, release), publisher.root, keys, wanted.format)
    return OK


# --- Building and judging ---------------------------------------------------------------------------------------------


def _built(
    workspace: Workspace, names: Sequence[str], keys: Sequence[SigningKey], wanted: Wanted
) -> tuple[list[Ready], int]:
    """The bundles, built in memory, and the exit code; findings are printed where there are errors."""
    strict = wanted.strict or workspace.strict
    sink, found, builds = DiagnosticSink(), [], []
    artifacts = open_workspace(workspace, sink)
    options = Options(format=wanted.format, reports=(), strict=strict, color=None)
    refuse_unread(artifacts.unread())  # what could not be listed is not to be taken for what is not there
    for name in names:
        entry = find_entry(artifacts, name, kinds=("bundle",))
        if wanted.locked or "bundle_digest" in entry.root:  # who pinned it means it
            found += report_locked(entry, artifacts)
        arguments = Arguments(
            bundle=entry.ref, snapshot=wanted.snapshot, runtime=wanted.build_runtime or "", strict=strict
        )
        made, findings = attested(workspace, arguments, now=None)
        found += [one for one in findings if one not in found]
        builds.append(made)
    if any(made is None for made in builds) or any(one.severity == "error" for one in found):
        return [], max(exit_code(report(found, (), options)), FINDINGS)
    ready = [_ready(workspace, artifacts, made, keys) for made in builds if made is not None]
    refuse_unread(artifacts.unread())
    if sink.has_errors:
        return [], max(exit_code(report(sink.sorted(), (), options)), FINDINGS)
    return ready, OK


def _ready(workspace: Workspace, artifacts: Artifacts, made: Attested, keys: Sequence[SigningKey]) -> Ready:
    return Ready(
        made=made,
        offer=offered(packed(workspace, made, keys)),
        sources=tuple(offered(one) for one in sources(made, artifacts, keys)),
    )


def _write_builds(workspace: Workspace, ready: Sequence[Ready]) -> None:
    """Write what was built where `rsppc build` writes it."""
    root = os.path.join(workspace.root, workspace.output)
    for one in ready:
        problem = write_entry(one.made.compiled, root=root, remembered=False).fault
        if problem is not None:
            fault(f"cannot write `{problem.path}`: {problem.reason}")


def _judged(ready: Ready, wanted: Wanted, moment: datetime) -> tuple[Released | None, int]:
    """The release of a bundle, from evidence that is there, or that is made now."""
    if wanted.release is not None:
        from msgspec.json import decode

        from rsppc.cli.promoting import released_before

        release = Release(bundle_ref=ready.offer.ref, bundle_digest=ready.offer.digest)
        return released_before(wanted.release, release, decode(ready.offer.files["bundle.json"]), wanted.gates, moment)
    from rsppc.cli.chain import judged_chain

    with ExitStack() as stack:
        if wanted.format == "json":  # where a script reads, people are told beside it
            stack.enter_context(redirect_stdout(sys.stderr))
        made, code = judged_chain(
            wanted.gates,
            bundle=ready.offer.ref,
            snapshot=wanted.snapshot,
            moment=moment,
            **wanted.chain,
        )
    if made is not None and made.value["release"]["bundle_digest"] != ready.offer.digest:
        fault(f"`{ready.offer.ref}` was built by somebody else while it was judged", "try again when nobody builds it")
    return made, code


# --- What the store will say ------------------------------------------------------------------------------------------


def _foreseen(publisher: Publisher, offer: Offer) -> Published | Composed:
    """What publishing comes to; ends the command where the version is taken."""
    answer = publisher.would_publish(offer)
    if isinstance(answer, Refused):
        refuse_other(offer, answer)
    if isinstance(answer, StoreFault):
        refuse_publishing(publisher.root, answer)
    return answer


def _check_signed(ready: Sequence[Ready], foreseen: Sequence[Published | Composed]) -> None:
    """End the command where somebody has to sign, and nobody did."""
    for one, answer in zip(ready, foreseen, strict=True):
        if isinstance(answer, Composed) or not _signatures(answer):
            usage(f"nobody signs `{one.offer.ref}`, and `--require-signature` asks for it", "name a key with `--key`")


def _signatures(published: Published) -> list[str]:
    """The signatures of a package, by the names of their attestations."""
    return [name for name in published.attested if is_attestation(name)]


# --- Telling ----------------------------------------------------------------------------------------------------------


def _tell(
    ready: Ready,
    kept: Published,
    promotion: tuple[Released | None, Published | None],
    store: str,
    keys: Sequence[SigningKey],
    format: str,
) -> None:
    released, release = promotion
    package = kept.package
    if format == "json":
        value = _value(ready, package.package_id, package.manifest_digest, "published" if kept.changed else "before")
        value |= {"event": package.finalized_seq, "signatures": _signatures(kept)}
        if released is not None and release is not None:
            value["release"] = {
                "release_id": released.release_id,
                "package_id": release.package.package_id,
                "manifest_digest": release.package.manifest_digest,
                "event": release.package.finalized_seq,
                "state": "published" if release.changed else "before",
            }
        click.echo(canonical(value).decode())
        return
    click.echo(f"{kept.ref}  {'published' if kept.changed else 'published before'}")
    _tell_package(package.package_id, str(package.manifest_digest), store)
    click.echo(f"  event     {package.finalized_seq}")
    if kept.changed:
        click.echo(f"  holds     {_contents(ready)}")
        for source in ready.sources:
            click.echo(f"  with      {source.kind} {source.ref}")
    for pair in keys:
        click.echo(f"  signed by {pair.public.keyid}")
    for name in _signatures(kept) if not keys else ():
        click.echo(f"  attested  {name}")
    if kept.built_otherwise is not None:
        other = kept.built_otherwise
        click.echo(f"  built from other sources then: `{other.file}` differs at `{other.pointer}`, and stays")
    if released is not None and release is not None:
        click.echo(f"{released.release_id}  {'published' if release.changed else 'published before'}")
        _tell_package(release.package.package_id, str(release.package.manifest_digest), store)
        click.echo(f"  event     {release.package.finalized_seq}")


def _tell_foreseen(ready: Ready, answer: Published | Composed, store: str, format: str) -> None:
    if isinstance(answer, Composed):
        package_id, digest, state = answer.package_id, answer.digest, "would-publish"
    else:
        package_id, digest, state = answer.package.package_id, str(answer.package.manifest_digest), "before"
    if format == "json":
        click.echo(canonical(_value(ready, package_id, digest, state)).decode())
        return
    click.echo(f"{ready.offer.ref}  {'would be published' if state != 'before' else 'published before'}")
    _tell_package(package_id, digest, store)
    click.echo(f"  holds     {_contents(ready)}")
    for source in ready.sources:
        click.echo(f"  with      {source.kind} {source.ref}")


def _tell_package(package_id: str, digest: str, store: str) -> None:
    click.echo(f"  package   {package_id} in {shown(store)}")
    click.echo(f"  manifest  {digest}")


def _contents(ready: Ready) -> str:
    own = sum(not one.name.startswith(SHIPPED) for one in ready.made.inputs)
    return f"{counted(len(ready.offer.files), 'file')}, built from {counted(own, 'file')} of the workspace"


def _value(ready: Ready, package_id: str, manifest_digest: str | None, state: str) -> dict[str, Any]:
    return {
        "bundle": ready.offer.ref,
        "digest": ready.offer.digest,
        "package_id": package_id,
        "manifest_digest": manifest_digest,
        "state": state,
        "sources": [{"kind": one.kind, "ref": one.ref, "digest": one.digest} for one in ready.sources],
    }
