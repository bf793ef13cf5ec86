"""Nothing is believed but what somebody signed who is trusted (R-003-48, R-003-54; hostile inputs F 49 to 52)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rsppc.base.canonical_json import canonical
from rsppc.base.record import replace
from rsppc.signing.bundles import PROVENANCE, SBOM
from rsppc.signing.envelope import Signature, countersigned, pae, read_envelope, sealed, written
from rsppc.signing.keys import read_public, sign
from rsppc.signing.keys import signed as is_signed
from rsppc.signing.refusals import Refused
from rsppc.signing.statement import PAYLOAD_TYPE
from rsppc.signing.trust import BUILDER, RELEASER, Remembered, Trust, TrustedKey
from signed import BUILDER_KEY, NOW, REF, TRUST, Signed, another, signed
from signing_keys import pair

STRANGER = pair(9)
ON_P256 = pair(3, "p256")
P256_TRUST = Trust(keys=(TrustedKey(public=ON_P256.public, identity="ci", roles=(BUILDER,)),))


def codes(one: Signed, **options: Any) -> list[str]:
    """The codes with which something is refused; none where it is believed."""
    try:
        one.verified(**options)
    except Refused as refused:
        assert all(reason.what for reason in refused.refusals)
        return [reason.code for reason in refused.refusals]
    return []


def with_key(one: Signed, **changes: Any) -> Signed:
    (key,) = TRUST.keys
    return replace(one, trust=replace(TRUST, keys=(replace(key, **changes),)))


def on_p256(change: Callable[[bytes], bytes]) -> Signed:
    """Signed by a key on P-256, with a changed signature."""
    envelope = sealed(PAYLOAD_TYPE, signed().envelope().payload, ON_P256)
    (own,) = envelope.signatures
    changed = replace(envelope, signatures=(replace(own, sig=change(own.sig)),))
    return replace(signed().with_attestation(PROVENANCE, written(changed)), trust=P256_TRUST)


def test_what_was_signed_is_believed_and_told() -> None:
    found = signed().verified()
    assert (found.ref, found.statement.compiler, found.signed_by[0].identity) == (REF, "0.1.0", "ci")
    names = [one.name for one in found.statement.inputs]
    assert "pipelines/specs/line_v1.yaml" in names and "rsppc:extensions/rspp_std_v1.yaml" in names
    assert codes(on_p256(lambda sig: sig)) == []


# --- 49: signatures --------------------------------------------------------------------------------------------------


def _text_of_signature(text: str) -> Callable[[dict[str, Any]], None]:
    def change(value: dict[str, Any]) -> None:
        value["signatures"][0]["sig"] = text

    return change


def forged() -> Signed:
    """By a stranger who writes a trusted key's id above his signature."""
    envelope = sealed(PAYLOAD_TYPE, signed().envelope().payload, STRANGER)
    (own,) = envelope.signatures
    claimed = replace(envelope, signatures=(replace(own, keyid=BUILDER_KEY.public.keyid),))
    return signed().with_attestation(PROVENANCE, written(claimed))


BAD_SIGNATURES: dict[str, tuple[Callable[[], Signed], str]] = {
    "no envelope": (lambda: signed().with_attestation(PROVENANCE, None), "attestation-missing"),
    "no signature": (lambda: signed().with_envelope(lambda v: v["signatures"].clear()), "signature-missing"),
    "no list": (lambda: signed().with_envelope(lambda v: v.pop("signatures")), "envelope-malformed"),
    "null": (lambda: signed().with_envelope(lambda v: v.update(signatures=None)), "envelope-malformed"),
    "wrong key": (lambda: signed().signed_anew(signed().envelope().payload, STRANGER), "key-unknown"),
    "forged key id": (forged, "signature-wrong"),
    "other role": (lambda: with_key(signed(), roles=(RELEASER,)), "key-role"),
    "expired": (lambda: with_key(signed(), expires=NOW), "key-expired"),
    "no key": (lambda: replace(signed(), trust=Trust(keys=())), "keys-missing"),
    "none": (lambda: signed().with_envelope(_text_of_signature("none")), "signature-malformed"),
    "empty": (lambda: signed().with_envelope(_text_of_signature("")), "signature-malformed"),
    "algorithm none": (
        lambda: signed().with_envelope(lambda v: v["signatures"][0].update(alg="none")),
        "envelope-malformed",
    ),
    "no base64": (lambda: signed().with_envelope(_text_of_signature("!" * 88)), "signature-malformed"),
    "base64 without padding": (
        lambda: signed().with_envelope(lambda v: _text_of_signature(v["signatures"][0]["sig"].rstrip("="))(v)),
        "signature-malformed",
    ),
    "base64 for URLs": (
        lambda: signed().with_envelope(
            lambda v: _text_of_signature(base64.urlsafe_b64encode(b"\xff" * 64).decode())(v)
        ),
        "signature-malformed",
    ),
    "DER with trailing bytes": (lambda: on_p256(lambda sig: sig + b"\0"), "signature-malformed"),
    "raw instead of DER": (
        lambda: on_p256(lambda sig: b"".join(n.to_bytes(32, "big") for n in utils.decode_dss_signature(sig))),
        "signature-malformed",
    ),
    "DER of zeros": (lambda: on_p256(lambda _: utils.encode_dss_signature(0, 0)), "signature-wrong"),
    "twice by one key": (
        lambda: signed().with_envelope(lambda v: v["signatures"].append(v["signatures"][0])),
        "envelope-malformed",
    ),
}


@pytest.mark.parametrize("name", BAD_SIGNATURES)
def test_a_bad_signature_is_refused(name: str) -> None:
    make, code = BAD_SIGNATURES[name]
    assert codes(make()) == [code]


def test_a_key_of_another_algorithm_is_refused() -> None:
    key = rsa.generate_private_key(65537, 2048).public_key()
    with pytest.raises(Refused) as caught:
        read_public(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), "rsa.pub")
    assert [one.code for one in caught.value.refusals] == ["algorithm-unknown"]
    with pytest.raises(Refused) as caught:
        read_public(BUILDER_KEY.pem(None), "builder.key")
    assert [one.code for one in caught.value.refusals] == ["key-malformed"]


def test_a_key_counts_until_it_expires() -> None:
    soon = with_key(signed(), expires=NOW + timedelta(seconds=1))
    assert codes(soon) == [] and codes(soon, now=NOW + timedelta(seconds=1)) == ["key-expired"]


def test_every_role_that_is_asked_for_must_have_signed() -> None:
    releaser = TrustedKey(public=ON_P256.public, identity="release desk", roles=(RELEASER,))
    both = replace(TRUST, keys=(*TRUST.keys, releaser))
    alone = replace(signed(), trust=both)
    assert codes(alone, roles=(BUILDER, RELEASER)) == ["key-role"]
    twice = alone.with_attestation(PROVENANCE, written(countersigned(alone.envelope(), ON_P256)))
    assert [one.identity for one in twice.verified(roles=(BUILDER, RELEASER)).signed_by] == ["ci", "release desk"]
    assert codes(replace(twice, trust=TRUST)) == []  # who trusts one of them need not know the other


def test_a_damaged_signature_is_refused_beside_a_sound_one() -> None:
    both = replace(TRUST, keys=(*TRUST.keys, TrustedKey(public=ON_P256.public, identity="other")))
    twice = countersigned(signed().envelope(), ON_P256)
    spoilt = tuple(
        replace(one, sig=one.sig[:-1] + bytes([one.sig[-1] ^ 1])) if one.keyid == ON_P256.public.keyid else one
        for one in twice.signatures
    )
    found = replace(signed(), trust=both).with_attestation(PROVENANCE, written(replace(twice, signatures=spoilt)))
    assert codes(found) == ["signature-wrong"]


# --- 51: payloads ----------------------------------------------------------------------------------------------------


def reencoded() -> bytes:
    return msgspec.json.format(signed().envelope().payload, indent=1)


BAD_PAYLOADS: dict[str, tuple[Callable[[], Signed], str]] = {
    "payloadType changed": (
        lambda: signed().with_envelope(lambda v: v.update(payloadType="application/json")),
        "signature-wrong",
    ),
    "another payloadType, signed": (
        lambda: signed().signed_anew(signed().envelope().payload, kind="application/json"),
        "payload-type",
    ),
    "blanks in the payload": (
        lambda: signed().with_envelope(lambda v: v.update(payload=base64.b64encode(reencoded()).decode())),
        "signature-wrong",
    ),
    "blanks in the payload, signed": (lambda: signed().signed_anew(reencoded()), "payload-malformed"),
    "two payloads": (lambda: signed().with_attestation(PROVENANCE, twice_the_payload()), "envelope-malformed"),
    "a second payload beside it": (
        lambda: signed().with_envelope(lambda v: v.update(payload2="")),
        "envelope-malformed",
    ),
    "blanks in the envelope": (
        lambda: signed().with_attestation(PROVENANCE, signed().attestations[PROVENANCE] + b" "),
        "envelope-malformed",
    ),
    "no JSON": (lambda: signed().with_attestation(PROVENANCE, b"\xff{"), "envelope-malformed"),
    "a list": (lambda: signed().with_attestation(PROVENANCE, b"[]\n"), "envelope-malformed"),
    "deep": (lambda: signed().with_attestation(PROVENANCE, b"[" * 100_000), "envelope-malformed"),
    "no statement": (lambda: signed().signed_anew(b"{}"), "payload-malformed"),
    "an empty payload": (lambda: signed().signed_anew(b""), "payload-malformed"),
    "another statement": (
        lambda: signed().resigned(lambda v: v.update(_type="https://in-toto.io/Statement/v0.1")),
        "predicate-other",
    ),
    "another predicate": (
        lambda: signed().resigned(lambda v: v.update(predicateType="https://cyclonedx.org/bom", predicate={})),
        "predicate-other",
    ),
    "another builder": (
        lambda: signed().resigned(lambda v: v["predicate"]["runDetails"]["builder"].update(id="https://example.com")),
        "predicate-other",
    ),
    "another kind of build": (
        lambda: signed().resigned(lambda v: v["predicate"]["buildDefinition"].update(buildType="urn:x")),
        "predicate-other",
    ),
    "an input without a digest": (
        lambda: signed().resigned(
            lambda v: v["predicate"]["buildDefinition"]["resolvedDependencies"][0].update(digest={})
        ),
        "payload-malformed",
    ),
    "an input with a path for a digest": (
        lambda: signed().resigned(
            lambda v: v["predicate"]["buildDefinition"]["resolvedDependencies"][0].update(digest={"sha256": "../x"})
        ),
        "payload-malformed",
    ),
    "an unknown key": (lambda: signed().resigned(lambda v: v.update(more=1)), "payload-malformed"),
    "a subject twice": (lambda: signed().resigned(lambda v: v["subject"].append(v["subject"][0])), "payload-malformed"),
    "another bundle": (
        lambda: signed().resigned(
            lambda v: v["predicate"]["buildDefinition"]["externalParameters"].update(bundle="line_bundle/v2")
        ),
        "bundle-mixed",
    ),
}


def twice_the_payload() -> bytes:
    data = signed().attestations[PROVENANCE]
    return b'{"payload":"e30=",' + data[1:]


@pytest.mark.parametrize("name", BAD_PAYLOADS)
def test_a_bad_payload_is_refused(name: str) -> None:
    make, code = BAD_PAYLOADS[name]
    assert codes(make()) == [code]


def test_a_statement_of_another_artifact_is_refused() -> None:
    def other(value: dict[str, Any]) -> None:
        value["subject"] = [{"name": "image.tar", "digest": {"sha256": "0" * 64}}]

    assert "subject-other" in codes(signed().resigned(other))


# --- 52: rollback, mixtures, frozen news -----------------------------------------------------------------------------


def remembering(version: str, digest: str) -> Signed:
    known = {"line_bundle": Remembered(version=version, digest=digest)}
    return replace(signed(), trust=replace(TRUST, remembered=known))


def test_an_older_bundle_than_the_remembered_one_is_refused_with_its_version() -> None:
    digest = signed().verified().digest
    with pytest.raises(Refused) as caught:
        remembering("v1.1", digest).verified()
    (reason,) = caught.value.refusals
    assert reason.code == "rolled-back" and "line_bundle/v1.1" in reason.what
    assert codes(remembering("v1", digest)) == []
    assert codes(remembering("v1.0", digest)) == []
    assert codes(remembering("v0.9", "sha256:" + "0" * 64)) == []
    assert codes(remembering("v1", "sha256:" + "0" * 64)) == ["rolled-back"]


def test_two_bundles_mixed_are_refused() -> None:
    mixed = signed().with_file("resolved_spec.json", another().files["resolved_spec.json"])
    other_files = replace(signed(), files=another().files)
    other_envelope = signed().with_attestation(PROVENANCE, another().attestations[PROVENANCE])
    assert another().verified().ref == signed().verified().ref
    assert codes(other_files) == ["digest-differs"] * len(codes(other_files)) != []
    assert codes(other_envelope) == ["digest-differs"] * len(codes(other_envelope)) != []
    if mixed.files != signed().files:
        assert codes(mixed) == ["digest-differs"]


def test_files_of_two_bundles_are_refused_even_where_somebody_signed_them() -> None:
    """A builder signs what it is given; that the parts belong together is checked all the same."""
    from rsppc.store.hashing import digests_of

    mixed = signed().with_file("bundle.json", another().files["bundle.json"])

    def fitting(value: dict[str, Any]) -> None:
        for one in value["subject"]:
            one["digest"] = {"sha256": digests_of(mixed.files[one["name"]]).sha256.removeprefix("sha256:")}

    assert codes(mixed.resigned(fitting)) == ["bundle-mixed"]


def test_a_policy_that_was_not_renewed_is_refused_with_what_it_remembers() -> None:
    known = {"line_bundle": Remembered(version="v3", digest="sha256:" + "0" * 64)}
    frozen = replace(signed(), trust=replace(TRUST, valid_until=NOW, remembered=known))
    with pytest.raises(Refused) as caught:
        frozen.verified()
    (reason,) = caught.value.refusals
    assert reason.code == "policy-expired" and "line_bundle/v3" in reason.what
    assert codes(frozen, now=NOW - timedelta(days=1)) == ["rolled-back"]


# --- No piece may be missing -----------------------------------------------------------------------------------------


def without_subject(name: str) -> Signed:
    return signed().resigned(lambda v: v.update(subject=[one for one in v["subject"] if one["name"] != name]))


NAMES = ("bundle.json", "distribution.json", "provenance.json", "resolved_spec.json")
PIECES: dict[str, tuple[Callable[[], Signed], str, str]] = {
    "the envelope": (lambda: signed().with_attestation(PROVENANCE, None), "attestation-missing", PROVENANCE),
    "the signature": BAD_SIGNATURES["no signature"] + (PROVENANCE,),
    "the keys": BAD_SIGNATURES["no key"] + ("no key",),
    "the bill": (lambda: signed().with_attestation(SBOM, None), "sbom-missing", SBOM),
    "the bill in the statement": (
        lambda: signed().resigned(lambda v: v["predicate"]["runDetails"].update(byproducts=[])),
        "sbom-missing",
        SBOM,
    ),
    "the provenance": (lambda: signed().resigned(lambda v: v.pop("predicate")), "payload-malformed", "predicate"),
    "the inputs": (
        lambda: signed().resigned(lambda v: v["predicate"]["buildDefinition"].pop("resolvedDependencies")),
        "payload-malformed",
        "resolvedDependencies",
    ),
    **{f"the file {n}": (lambda n=n: signed().with_file(n, None), "file-missing", n) for n in NAMES},
    **{f"the subject {n}": (lambda n=n: without_subject(n), "file-not-signed", n) for n in NAMES},
    **{
        f"file and subject {n}": (lambda n=n: without_subject(n).with_file(n, None), "subject-missing", n)
        for n in NAMES
        if n != "distribution.json"
    },
    "the digest of a subject": (
        lambda: signed().resigned(lambda v: v["subject"][0]["digest"].pop("sha256")),
        "digest-differs",
        "bundle.json",
    ),
}


@pytest.mark.parametrize("name", PIECES)
def test_each_missing_piece_is_refused_and_named(name: str) -> None:
    make, code, named = PIECES[name]
    with pytest.raises(Refused) as caught:
        make().verified()
    assert any(one.code == code and named in one.what for one in caught.value.refusals), caught.value.refusals


def test_what_nobody_signed_is_refused() -> None:
    assert codes(signed().with_file("extra.json", b"{}")) == ["file-not-signed"]
    assert codes(signed().with_attestation(SBOM, b"{}")) == ["digest-differs"]


def test_a_bill_of_another_bundle_is_refused() -> None:
    from rsppc.store.hashing import digests_of

    bill = signed().attestations[SBOM].replace(b'"line_bundle"', b'"lime_bundle"')
    digest = {"sha256": digests_of(bill).sha256.removeprefix("sha256:")}
    changed = signed().with_attestation(SBOM, bill)
    found = changed.resigned(lambda v: v["predicate"]["runDetails"]["byproducts"][0].update(digest=digest))
    assert codes(found) == ["sbom-malformed"]


# --- The published vector of DSSE ------------------------------------------------------------------------------------

DSSE_KEY = 97358161215184420915383655311931858321456579547487070936769975997791359926199
DSSE_X = 46950820868899156662930047687818585632848591499744589407958293238635476079160
DSSE_SIGNATURE = "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="


def test_the_published_vector_of_dsse_comes_out() -> None:
    """DSSE protocol, "Test Vectors" (github.com/secure-systems-lab/dsse, protocol.md). Its signature is bare r and s,
    ours is DER of the same numbers."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from rsppc.signing.keys import read_private

    private = ec.derive_private_key(DSSE_KEY, ec.SECP256R1())
    assert private.public_key().public_numbers().x == DSSE_X
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    key = read_private(private.private_bytes(*form), None)
    message = pae("http://example.com/HelloWorld", b"hello world")
    assert message == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    bare = base64.b64decode(DSSE_SIGNATURE)
    der = utils.encode_dss_signature(int.from_bytes(bare[:32], "big"), int.from_bytes(bare[32:], "big"))
    assert sign(key, message) == der and is_signed(key.public, der, message)


def test_lengths_are_of_bytes_and_keep_parts_apart() -> None:
    assert pae("é", b"") == "DSSEv1 2 é 0 ".encode()
    assert pae("a 1", b"b") != pae("a", b"1 b")


def test_an_envelope_is_read_as_it_was_written() -> None:
    made = countersigned(sealed("text/plain", b"\0\xff", BUILDER_KEY), ON_P256)
    assert read_envelope(written(made), "x") == made
    assert countersigned(made, ON_P256) == made
    assert isinstance(made.signatures[0], Signature)
    assert canonical(msgspec.json.decode(written(made))) + b"\n" == written(made)


# --- Packages --------------------------------------------------------------------------------------------------------

MANIFEST = b"\xa1canonical"


def package_codes(attestations: dict[str, bytes], *, trust: Trust = TRUST, manifest: bytes = MANIFEST) -> list[str]:
    from rsppc.signing.packages import verify_package

    try:
        verify_package("one", manifest, attestations, trust, roles=(BUILDER,), now=NOW)
    except Refused as refused:
        return [reason.code for reason in refused.refusals]
    return []


def test_a_signed_package_is_believed_and_every_change_refused() -> None:
    from rsppc.signing.packages import attestation_name, signed_package

    name = attestation_name(BUILDER_KEY.public)
    sound = signed_package("one", MANIFEST, BUILDER_KEY)
    stranger = {attestation_name(STRANGER.public): signed_package("one", MANIFEST, STRANGER)}
    payload = read_envelope(sound, name).payload

    def resigned(kind: str, data: bytes) -> dict[str, bytes]:
        return {name: written(sealed(kind, data, BUILDER_KEY))}

    other = canonical({**msgspec.json.decode(payload), "predicateType": "urn:x"})
    nothing = canonical({**msgspec.json.decode(payload), "subject": []})
    assert package_codes({name: sound}) == []
    assert package_codes({**stranger, name: sound}) == []  # a stranger may say what he likes
    for rubbish in (b"", b"junk", sound[:-1], signed_package("two", MANIFEST, BUILDER_KEY)):
        assert package_codes({"package-0.dsse.json": rubbish, name: sound}) == []  # nobody can take a word back
        assert package_codes({"package-0.dsse.json": rubbish, **stranger})
    assert package_codes(stranger) == ["key-unknown"]
    assert package_codes({}) == ["attestation-missing"]
    assert package_codes({"provenance.dsse.json": sound}) == ["attestation-missing"]
    assert package_codes({name: sound}, manifest=MANIFEST + b"x") == ["subject-other"]
    assert package_codes({name: signed_package("two", MANIFEST, BUILDER_KEY)}) == ["subject-other"]
    assert package_codes({name: sound[:-1]}) == ["envelope-malformed"]
    assert package_codes({name: sound}, trust=Trust(keys=())) == ["keys-missing"]
    assert package_codes(resigned("text/plain", payload)) == ["payload-type"]
    assert package_codes(resigned(PAYLOAD_TYPE, other)) == ["predicate-other"]
    assert package_codes(resigned(PAYLOAD_TYPE, nothing)) == ["subject-missing"]
    assert package_codes(resigned(PAYLOAD_TYPE, b"{}")) == ["payload-malformed"]
    assert package_codes(resigned(PAYLOAD_TYPE, signed().envelope().payload)) == ["predicate-other"]
    assert codes(signed().with_attestation(PROVENANCE, sound)) == ["predicate-other"]
