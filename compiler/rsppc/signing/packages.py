"""A signed package of a store: somebody says that this manifest is the one that was released.

The manifest names every file by digest, so that a statement of it alone speaks of all of them, however many there are.
Each key has an attestation of its own, `package-….dsse.json`, beside the package: nothing that was attested changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.signing.envelope import read_envelope, sealed, written
from rsppc.signing.keys import PublicKey, SigningKey
from rsppc.signing.refusals import Refusal, Refused, refused
from rsppc.signing.statement import PAYLOAD_TYPE, STATEMENT_TYPE
from rsppc.signing.trust import Trust, TrustedKey, claimed, filling
from rsppc.store.hashing import digests_of

PREDICATE_TYPE = "urn:rspp:package:v1"
MEDIA_TYPE = "application/vnd.in-toto+dsse"
MANIFEST = "manifest.cbor"
BUNDLE_KIND = "bundle"
"""The kind of a package that holds a bundle, which must come with its provenance."""
_PREFIX, _SUFFIX = "package-", ".dsse.json"


class _Subject(Record, forbid_unknown_fields=True):
    name: str
    digest: dict[str, str]


class _Package(Record, forbid_unknown_fields=True):
    package_id: str


class _Statement(Record, forbid_unknown_fields=True, rename={"type": "_type"}):
    type: str
    subject: list[_Subject]
    predicateType: str
    predicate: Any


def attestation_name(key: PublicKey) -> str:
    """Under which name a key attests a package."""
    return f"{_PREFIX}{key.keyid.removeprefix('sha256:')[:16]}{_SUFFIX}"


def is_attestation(name: str) -> bool:
    """Whether an attestation of this name is a key's word on the package."""
    return name.startswith(_PREFIX) and name.endswith(_SUFFIX)


def signed_package(package_id: str, manifest: bytes, pair: SigningKey) -> bytes:
    """The attestation of a package by one key."""
    return written(sealed(PAYLOAD_TYPE, _payload(package_id, manifest), pair))


def verify_package(
    package_id: str,
    manifest: bytes,
    attestations: Mapping[str, bytes],
    trust: Trust,
    *,
    roles: Sequence[str],
    now: datetime,
) -> tuple[TrustedKey, ...]:
    """The trusted keys that signed a package, one for each role; refused where a role is not filled.

    What others say of it, and what cannot be read, fills no role and takes nothing from those who do. It is named where
    a role is left open, since it may have been meant for that.
    """
    trust.check_freshness(now)
    names = sorted(filter(is_attestation, attestations))
    if not names:
        what = f"nobody signed the package `{package_id}`"
        raise refused("attestation-missing", what, "sign it with `rsppc sign PACKAGE --store FOLDER`")
    keys: list[TrustedKey] = []
    faults: list[Refusal] = []
    for name in names:
        try:
            envelope = read_envelope(attestations[name], name)
            found = claimed(envelope, name, trust)
            _check_statement(envelope.payload_type, envelope.payload, name, package_id, manifest)
        except Refused as problem:  # whoever may attest can leave rubbish beside the word of those who are trusted
            faults += problem.refusals
        else:
            keys += found
    if not keys:
        raise Refused(faults)
    try:
        return filling(roles, keys, now)
    except Refused as problem:
        raise Refused([*problem.refusals, *faults]) from None


def _payload(package_id: str, manifest: bytes) -> bytes:
    digests = digests_of(manifest)
    digest = {"blake3": digests.primary.removeprefix("blake3:"), "sha256": digests.sha256.removeprefix("sha256:")}
    return canonical(
        _Statement(
            type=STATEMENT_TYPE,
            subject=[_Subject(name=MANIFEST, digest=digest)],
            predicateType=PREDICATE_TYPE,
            predicate=_Package(package_id=package_id),
        )
    )


def _check_statement(payload_type: str, payload: bytes, name: str, package_id: str, manifest: bytes) -> None:
    """Refuse whatever is not the one statement that can be made of a package."""
    if payload_type != PAYLOAD_TYPE:
        raise refused("payload-type", f"`{name}` holds `{payload_type[:80]}`", "sign the package again")
    if payload == _payload(package_id, manifest):
        return
    try:
        found = msgspec.json.decode(payload, type=_Statement, strict=True)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise refused("payload-malformed", f"the statement in `{name}` cannot be read: {error}", _ANEW) from None
    if (found.type, found.predicateType) != (STATEMENT_TYPE, PREDICATE_TYPE):
        raise refused("predicate-other", f"`{name}` states `{found.predicateType[:80]}`", _ANEW)
    if not found.subject:
        raise refused("subject-missing", f"`{name}` speaks of nothing", _ANEW)
    raise refused(
        "subject-other", f"`{name}` speaks of another package than `{package_id}`, or of an earlier one", _ANEW
    )


_ANEW = "fetch the package again from where it was published"
