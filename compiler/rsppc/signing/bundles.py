"""A signed bundle: which files lie beside it, and everything that must be so before it is believed.

Nothing may be missing and nothing may be left over: the envelope, a signature for each role, a subject for each file
and a file for each subject, the bill of materials, and a bundle that is one. What is unsigned is not looked into any
further than is needed to find its signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rsppc.base.names import ID, VERSION, parse_ref
from rsppc.base.record import Record
from rsppc.signing.envelope import Envelope, read_envelope
from rsppc.signing.refusals import Refusal, Refused, refused
from rsppc.signing.sbom import check_bill
from rsppc.signing.statement import Statement, read_statement
from rsppc.signing.trust import Trust, TrustedKey, signers
from rsppc.store.hashing import digests_of
from rsppc.turnplan.bundle import BundleFault, read_bundle

FOLDER = ".attestations"
"""How the folder beside a bundle is named, after it: a bundle's own folder holds what the build made, and no more."""
PROVENANCE = "provenance.dsse.json"
SBOM = "sbom.cdx.json"
REQUIRED = ("bundle.json", "provenance.json", "resolved_spec.json")
"""Files without which there is no bundle, whatever a statement says."""


class Verified(Record):
    """A bundle that may be believed, and whose word it rests on."""

    bundle_id: str
    version: str
    digest: str
    statement: Statement
    signed_by: tuple[TrustedKey, ...]

    @property
    def ref(self) -> str:
        return f"{self.bundle_id}/{self.version}"


def verify_bundle(
    files: Mapping[str, bytes],
    attestations: Mapping[str, bytes],
    trust: Trust,
    *,
    roles: Sequence[str],
    now: datetime,
) -> Verified:
    """The bundle that files are, if everything about it is as it was signed; refused otherwise."""
    trust.check_freshness(now)
    missing = [_MISSING[name] for name in (PROVENANCE, SBOM) if name not in attestations]
    if missing:
        raise Refused(missing)
    envelope = read_envelope(attestations[PROVENANCE], PROVENANCE)
    signed_by = signers(envelope, PROVENANCE, trust, roles, now)
    stated = stated_by(envelope)
    faults = [*_subject_faults(files, stated), *_sbom_faults(attestations[SBOM], stated)]
    if faults:
        raise Refused(faults)
    ref = parse_ref(stated.arguments.bundle)
    found = read_bundle(files)
    if isinstance(found, BundleFault):
        raise refused("bundle-mixed", f"`{found.file}` at {found.path or '$'}: {found.message}", found.advice)
    named = ID.fullmatch(found.bundle_id) and VERSION.fullmatch(found.version)
    if not named or ref is None or (ref.id, ref.version) != (found.bundle_id, found.version):
        what = f"the files are `{found.bundle_id}/{found.version}`, and `{stated.arguments.bundle}` was signed"
        raise refused("bundle-mixed", what, "fetch bundle and attestations from one place")
    check_bill(attestations[SBOM], found.bundle_id, found.version, SBOM)
    trust.check_rollback(found.bundle_id, found.version, found.digest)
    return Verified(
        bundle_id=found.bundle_id, version=found.version, digest=found.digest, statement=stated, signed_by=signed_by
    )


def stated_by(envelope: Envelope) -> Statement:
    """What an envelope says whose signatures were checked."""
    return read_statement(envelope.payload_type, envelope.payload, PROVENANCE)


_MISSING = {
    PROVENANCE: Refusal(
        code="attestation-missing",
        what=f"there is no `{PROVENANCE}`: nobody signed this",
        advice="sign it with `rsppc sign`",
    ),
    SBOM: Refusal(
        code="sbom-missing", what=f"there is no bill of materials `{SBOM}`", advice="fetch it as well, or sign again"
    ),
}


def _subject_faults(files: Mapping[str, bytes], stated: Statement) -> Iterator[Refusal]:
    """Where files and subjects are not the same."""
    if not stated.subjects.keys() & files.keys():
        named = ", ".join(f"`{name}`" for name in sorted(stated.subjects)) or "nothing"
        what = f"the statement speaks of {named}, and of none of these files"
        yield Refusal(code="subject-other", what=what, advice="fetch the attestations of this very bundle")
    for name in REQUIRED:
        if name not in stated.subjects:
            yield Refusal(code="subject-missing", what=f"the statement says nothing of `{name}`", advice="sign again")
    for name in sorted({*files, *stated.subjects}):
        if name not in files:
            yield Refusal(code="file-missing", what=f"`{name}` was signed and is not there", advice=_FETCH)
        elif name not in stated.subjects:
            yield Refusal(code="file-not-signed", what=f"`{name}` was not signed", advice="remove it, or sign again")
        elif (fault := _digest_fault(name, files[name], stated.subjects[name])) is not None:
            yield fault


def _sbom_faults(data: bytes, stated: Statement) -> Iterator[Refusal]:
    if SBOM not in stated.byproducts:
        yield Refusal(code="sbom-missing", what=f"the statement says nothing of `{SBOM}`", advice="sign again")
    elif (fault := _digest_fault(SBOM, data, stated.byproducts[SBOM])) is not None:
        yield fault


def _digest_fault(name: str, data: bytes, stated: Mapping[str, str]) -> Refusal | None:
    """How bytes differ from what was signed; every digest that is stated must be theirs, and SHA-256 must be stated."""
    made = digests_of(data)
    found = {"blake3": made.primary.removeprefix("blake3:"), "sha256": made.sha256.removeprefix("sha256:")}
    if "sha256" in stated and all(found.get(algorithm) == digest for algorithm, digest in stated.items()):
        return None
    what = f"`{name}` has digest {made.sha256}, and sha256:{stated.get('sha256', 'nothing')} was signed"
    return Refusal(code="digest-differs", what=what, advice=_FETCH)


_FETCH = "fetch the bundle again from where it was published"
