"""What `rsppc publish` makes of a bundle that was built just now: its package, and what is attested of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.names import parse_ref
from rsppc.base.record import replace
from rsppc.cli.attesting import Attested, input_bytes
from rsppc.cli.session import fault
from rsppc.cli.signing import envelope_of
from rsppc.lowering.artifacts import Artifacts, meaning
from rsppc.signing.bundles import PROVENANCE, SBOM
from rsppc.signing.envelope import countersigned, read_envelope, written
from rsppc.signing.keys import SigningKey
from rsppc.signing.packages import MEDIA_TYPE, attestation_name, signed_package
from rsppc.signing.refusals import Refused
from rsppc.signing.statement import SBOM_TYPE, SHIPPED
from rsppc.store.adopting import Offered
from rsppc.store.offers import Attest, Offer, artifact_offer, bundle_offer
from rsppc.store.problems import StoreProblem
from rsppc.store.protocols import StoreFault
from rsppc.version import VERSION
from rsppc.workspace import Workspace


def packed(workspace: Workspace, made: Attested, keys: Sequence[SigningKey]) -> Offer | StoreFault:
    """A bundle with its inputs, what it was made of, and the signatures of some keys."""
    return bundle_offer(
        made.files,
        inputs=[input_bytes(workspace, one) for one in made.inputs if not one.name.startswith(SHIPPED)],
        provenance={
            "compiler": f"rsppc {VERSION}",
            "arguments": msgspec.to_builtins(made.arguments),
            "locked": made.locked,
            "inputs": {one.name: one.sha256 for one in made.inputs},
        },
        attest=_attest(made, keys),
        signatures=names_of(keys),
    )


def sources(made: Attested, artifacts: Artifacts, keys: Sequence[SigningKey]) -> list[Offer | StoreFault]:
    """The spec, the profile and the policies of a bundle as far as they are this workspace's, each as what it means: so
    the store has them under the digests that the bundle pins. What ships comes with rsppc."""
    bundle: dict[str, Any] = msgspec.json.decode(made.files["bundle.json"])
    named = [("pipeline", bundle["spec_ref"]), ("profile", bundle["profile_ref"])]
    named += [("policy", ref) for ref in bundle["policy_refs"]]
    offers: list[Offer | StoreFault] = []
    for kind, text in named:
        ref = parse_ref(text)
        own = artifacts.own(kind, ref.id, ref.version) if ref is not None else None
        if own is None or ref is None:
            continue
        if own.meaning_digest != ref.digest:
            fault(f"`{own.path}` changed while it was read", "try again when nobody is writing")
        offer = artifact_offer(kind, msgspec.json.decode(canonical(meaning(own.root))))
        if isinstance(offer, Offer):
            offer = replace(offer, attest=words_of(keys), signatures=names_of(keys))
        offers.append(offer)
    return offers


def _attest(made: Attested, keys: Sequence[SigningKey]) -> Attest:
    def attest(package_id: str, manifest: bytes, there: Mapping[str, bytes]) -> list[Offered]:
        offered = [Offered(name=SBOM, media_type=SBOM_TYPE, data=made.sbom)]
        if keys:
            envelope = _envelope(made, keys, there.get(PROVENANCE))
            offered.append(Offered(name=PROVENANCE, media_type=MEDIA_TYPE, data=envelope))
        if any(one.data != there.get(one.name, one.data) for one in offered):  # the same files, made in another way
            if not set(names_of(keys)) <= there.keys():
                what = f"`{made.arguments.bundle}` was published as the same files, but made in another way"
                advice = f"sign what was published, with `rsppc sign {package_id} --store FOLDER`"
                raise StoreProblem("refused", f"{what}: from other inputs, or with other arguments", advice)
            return []
        return [*offered, *words_of(keys)(package_id, manifest, there)]

    return attest


def words_of(keys: Sequence[SigningKey]) -> Attest:
    """The word of each key that this package is the one that was released."""

    def attest(package_id: str, manifest: bytes, _: Mapping[str, bytes]) -> list[Offered]:
        return [
            Offered(
                name=attestation_name(pair.public),
                media_type=MEDIA_TYPE,
                data=signed_package(package_id, manifest, pair),
            )
            for pair in keys
        ]

    return attest


def names_of(keys: Sequence[SigningKey]) -> tuple[str, ...]:
    """Under which names they give their words."""
    return tuple(attestation_name(pair.public) for pair in keys)


def _envelope(made: Attested, keys: Sequence[SigningKey], there: bytes | None) -> bytes:
    """The statement with the signatures of all keys, or the one that is there, if it says the same: what was attested
    never changes, and who comes later signs the package."""
    first, *others = keys
    envelope = envelope_of(made, first, now=None)
    if there is not None and _payload_in(there) == envelope.payload:
        return there
    for pair in others:
        envelope = countersigned(envelope, pair)
    return written(envelope)


def _payload_in(data: bytes) -> bytes | None:
    try:
        return read_envelope(data, PROVENANCE).payload
    except Refused:
        return None
