"""The ArtifactStore on packages: a version of an artifact is a package, which is published once and never changes.

The same again is welcome and changes nothing, also where it was built from other sources: what counts is what it says.
Anything else under a version that is taken is refused with the first value that differs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from rsppc.base.canonical_json import digest_value
from rsppc.base.difference import first_difference
from rsppc.base.digest import Digest
from rsppc.base.names import Ref, parse_ref
from rsppc.base.record import Record, replace
from rsppc.store import manifest
from rsppc.store.composing import Composed, composed, take_in
from rsppc.store.config import Config
from rsppc.store.offers import DOCUMENTS, PRODUCER, REF_LENGTH_MAX, Attest, Offer, artifact_offer, run_id_of, states
from rsppc.store.problems import Kind, StoreProblem
from rsppc.store.protocols import FaultKind, Kept, Refused, Stored, StoreFault
from rsppc.store.reading import Package, refuse_collected
from rsppc.store.registry import Registry, init_store, open_store, opened

TENANT = "default"

_FAULTS: dict[Kind, FaultKind] = {
    "malformed": "malformed",
    "missing": "missing",
    "conflict": "refused",
    "refused": "refused",
    "corrupt": "corrupt",
    "busy": "environment",
    "environment": "environment",
}


class Published(Record):
    """The store holds it now. `changed` is False where it was published before."""

    ref: str
    digest: Digest
    package: Package
    changed: bool
    attested: tuple[str, ...] = ()
    """Names of everything that is attested of it."""
    built_otherwise: Refused | None = None
    """Where it was published before from other sources: the first value of what was recorded then that differs."""


class StoredArtifacts(Record):
    """What was published into the store in a folder, which need not exist."""

    root: str

    def get_pipeline_spec(self, ref: str) -> Stored | StoreFault:
        return self.get("pipeline", ref)

    def get_execution_profile(self, ref: str) -> Stored | StoreFault:
        return self.get("profile", ref)

    def get_policy_overlay(self, ref: str) -> Stored | StoreFault:
        return self.get("policy", ref)

    def get_bundle(self, ref: str) -> Stored | StoreFault:
        return self.get("bundle", ref)

    def get(self, kind: str, text: str) -> Stored | StoreFault:
        """The artifact of a kind that a reference names; a digest in the reference must be its own."""
        found = self.get_files(kind, text, (DOCUMENTS[kind],))
        if isinstance(found, StoreFault):
            return found
        ref, value = parse_ref(text), _decoded(found[DOCUMENTS[kind]])
        assert ref is not None
        if value is None or not states(kind, value, ref):
            return StoreFault(kind="corrupt", ref=text, reason=f"what is stored as `{ref.name}` is no such {kind}")
        digest = digest_value(value)
        if ref.digest is not None and ref.digest != digest:
            return StoreFault(kind="corrupt", ref=text, reason=f"the store has `{ref.name}` with digest {digest}")
        return Stored(ref=ref.name, digest=digest, value=value)

    def get_files(self, kind: str, text: str, names: tuple[str, ...]) -> dict[str, bytes] | StoreFault:
        """Files of a published artifact, as far as it has them; its document at least."""
        ref = parse_ref(text) if len(text) <= REF_LENGTH_MAX + 80 else None
        if ref is None or (ref.kind or kind) != kind:
            return StoreFault(kind="malformed", ref=text, reason=f"`{text[:200]}` is no reference to a {kind}")
        try:
            with opened(self.root, writable=False) as registry:
                found = _found(registry, kind, ref)
                if found is None:
                    return StoreFault(kind="missing", ref=text, reason=f"the store has no {kind} `{ref.name}`")
                files = _files(registry, found.package_id, names)
        except StoreProblem as problem:
            return fault_of(text, problem)
        if DOCUMENTS[kind] not in files:
            return StoreFault(kind="corrupt", ref=text, reason=f"`{ref.name}` is stored without {DOCUMENTS[kind]}")
        return files


class Publisher(StoredArtifacts):
    """Publishes into the store in a folder, which is made if it is missing, at a time that the caller gives."""

    at: datetime

    def put_bundle(self, bundle: Mapping[str, Any]) -> Kept | Refused | StoreFault:
        return self.put("bundle", bundle)

    def put(self, kind: str, value: Mapping[str, Any]) -> Kept | Refused | StoreFault:
        """Keep an artifact for good under the id and version that it states."""
        offer = artifact_offer(kind, value)
        made = self.publish(offer) if isinstance(offer, Offer) else offer
        if isinstance(made, Published):
            return Kept(ref=made.ref, digest=made.digest, changed=made.changed)
        return made

    def publish(self, offer: Offer) -> Published | Refused | StoreFault:
        """Keep something for good: all of it or nothing, once, and with what is attested of it."""
        try:
            with writable_store(self.root) as registry:
                return _publish(registry, offer, self.at)
        except StoreProblem as problem:
            return fault_of(offer.ref, problem)

    def would_publish(self, offer: Offer) -> Published | Refused | StoreFault | Composed:
        """What `publish` would come to; the package where it would make one. Nothing is written."""
        try:
            with opened(self.root, writable=False) as registry:
                return _foreseen(registry, offer)
        except StoreProblem as problem:
            if problem.kind != "missing":
                return fault_of(offer.ref, problem)
        with tempfile.TemporaryDirectory(prefix="rsppc-publish-") as folder, writable_store(folder) as registry:
            return _foreseen(registry, offer)  # as in the store that would be made

    def keep_as_long(self, package_id: str, other: Package, reason: str) -> StoreFault | None:
        """See that a package is kept at least as long as another one, which needs it."""
        try:
            with opened(self.root) as registry:
                _keep_as_long(registry, registry.package(package_id), other, reason, self.at)
        except StoreProblem as problem:
            return fault_of(other.subject, problem)
        return None


@contextmanager
def writable_store(root: str) -> Iterator[Registry]:
    """The store in a folder; made with what stores have by default where there is none."""
    try:
        registry = open_store(root)
    except StoreProblem as problem:
        if problem.kind != "missing":
            raise
        init_store(root, Config())
        registry = open_store(root)
    try:
        yield registry
    finally:
        registry.close()


def fault_of(ref: str, problem: StoreProblem) -> StoreFault:
    """A refusal of the store as an answer."""
    reason = f"{problem.what}; {problem.advice}" if problem.advice else problem.what
    return StoreFault(kind=_FAULTS[problem.kind], ref=ref, reason=reason)


# --- Reading ----------------------------------------------------------------------------------------------------------


def _found(registry: Registry, kind: str, ref: Ref) -> Package | None:
    """The package of a version, if it is published."""
    found = registry.found(manifest.package_id_of(TENANT, PRODUCER, run_id_of(kind, ref)))
    if found is None or found.state == "open":
        return None
    refuse_collected(found)
    return found


def _files(registry: Registry, package_id: str, names: Iterable[str]) -> dict[str, bytes]:
    """Some files of a package, as far as it has them."""
    wanted = frozenset(names)
    files = [file for file in registry.files(package_id) if file.path in wanted]
    return {file.path: b"".join(registry.content(file)) for file in files}


def _decoded(data: bytes) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


# --- Publishing -------------------------------------------------------------------------------------------------------


def _publish(registry: Registry, offer: Offer, at: datetime) -> Published | Refused:
    made = composed(registry, offer.request(), offer.parts())
    there = registry.found(made.package_id)
    if there is None or there.manifest_digest in (None, made.digest):
        said = _existing(registry, there)
        offered = offer.attest(made.package_id, made.manifest, said) if offer.attest is not None else ()
        try:
            kept = take_in(registry, made, offered, at)
            return _published(registry, offer, kept.package, changed=not kept.reused)
        except StoreProblem:
            there = registry.found(made.package_id)  # somebody may have been faster
            if there is None or there.manifest_digest in (None, made.digest):
                raise
    answer = _compared(registry, there, offer)
    if isinstance(answer, Published) and offer.attest is not None and not answer.built_otherwise:
        _attest_later(registry, there, offer.attest, at)
        return _published(registry, offer, there, changed=False)
    return answer


def _published(registry: Registry, offer: Offer, package: Package, *, changed: bool) -> Published:
    names = tuple(one.name for one in registry.attestations(package.package_id))
    return Published(ref=offer.ref, digest=offer.digest, package=package, changed=changed, attested=names)


def _existing(registry: Registry, package: Package | None) -> dict[str, bytes]:
    """What is attested of a package already."""
    if package is None:
        return {}
    found = registry.attestations(package.package_id)
    return {one.name: registry.attestation_bytes(package.package_id, one.name) for one in found}


def _attest_later(registry: Registry, package: Package, attest: Attest, at: datetime) -> None:
    """Attest a package that was published before with the same files, by somebody who recorded other things with it."""
    package_id = package.package_id
    for one in attest(package_id, registry.manifest_bytes(package_id), _existing(registry, package)):
        registry.record_attestation(package_id, one.name, one.media_type, one.data, at)


def _foreseen(registry: Registry, offer: Offer) -> Published | Refused | Composed:
    made = composed(registry, offer.request(), offer.parts())
    there = registry.found(made.package_id)
    if there is None:
        return made
    if there.manifest_digest == made.digest:  # what is damaged of it would be put right
        refuse_collected(there)
        return _published(registry, offer, there, changed=False)
    return _compared(registry, there, offer)


def _compared(registry: Registry, there: Package, offer: Offer) -> Published | Refused:
    """What is published already, held against an offer."""
    refuse_collected(there)
    if there.state == "open":
        raise StoreProblem(
            "refused", f"somebody began `{offer.ref}` by hand, and did not finalise it", "finalise it, or see why"
        )
    stored = _files(registry, there.package_id, offer.files)
    other = _other_meaning(stored, offer)
    if other is not None:
        return other
    otherwise = _other_file(stored, offer, offer.files)
    found = _published(registry, offer, there, changed=False)
    if otherwise is not None and not set(found.attested) >= set(offer.signatures):
        return otherwise  # what is signed must be what was built
    return found if otherwise is None else replace(found, built_otherwise=otherwise)


def _other_meaning(stored: Mapping[str, bytes], offer: Offer) -> Refused | None:
    """The first value that makes it something else; of files that one side lacks, the document speaks."""
    document = DOCUMENTS[offer.kind]
    both = [name for name in offer.meaning if name in offer.files and (name in stored or name == document)]
    found = _other_file(stored, offer, both)
    if found is None or found.pointer != "/outputs/resolved_spec":
        return found
    # A digest that differs explains nothing; what it is the digest of does.
    return _other_file(stored, offer, [name for name in both if name == "resolved_spec.json"]) or found


def _other_file(stored: Mapping[str, bytes], offer: Offer, names: Iterable[str]) -> Refused | None:
    """The first of some files in which both differ."""
    document = _decoded(stored.get(DOCUMENTS[offer.kind], b"{}"))
    for name in names:
        if stored.get(name) == offer.files[name]:
            continue
        before, after = _decoded(stored[name]) if name in stored else None, _decoded(offer.files[name])
        found = first_difference(before, after)
        if found is None and before is not None:
            continue  # the same in another layout
        return Refused(
            ref=offer.ref,
            file=name,
            pointer=found.pointer if found is not None else "",
            before=found.before if found is not None else None,
            after=found.after if found is not None else None,
            stored=digest_value(document),
            offered=offer.digest,
        )
    return None


def _keep_as_long(registry: Registry, package: Package, other: Package, reason: str, at: datetime) -> None:
    if package.permanent or (not other.permanent and str(package.expires_at) >= str(other.expires_at)):
        return
    until = None if other.permanent else datetime.strptime(str(other.expires_at), "%Y-%m-%dT%H:%M:%SZ")
    moment = until.replace(tzinfo=UTC) if until is not None else None
    registry.extend_retention(package.package_id, moment, by=PRODUCER, reason=reason, at=at)
