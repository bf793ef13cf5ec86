"""One changed byte, anywhere in what was signed or in its signature, and nothing is believed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.record import replace
from rsppc.signing.blobs import signature_of, verify_blob
from rsppc.signing.bundles import PROVENANCE, SBOM
from rsppc.signing.envelope import read_envelope, written
from rsppc.signing.refusals import Refused
from rsppc.signing.trust import Trust, TrustedKey
from signed import NOW, Signed, signed
from signing_keys import pair

PLACES = st.integers(min_value=0, max_value=2**20)
BYTES = st.integers(min_value=1, max_value=255)


def flipped(data: bytes, place: int, by: int) -> bytes:
    at = place % len(data)
    return data[:at] + bytes([data[at] ^ by]) + data[at + 1 :]


def _file(name: str) -> Callable[[int, int], Signed]:
    return lambda place, by: signed().with_file(name, flipped(signed().files[name], place, by))


def _attestation(name: str) -> Callable[[int, int], Signed]:
    return lambda place, by: signed().with_attestation(name, flipped(signed().attestations[name], place, by))


def _payload(place: int, by: int) -> Signed:
    """A changed payload under the old signature, in an envelope that is well-formed."""
    envelope = signed().envelope()
    return signed().with_attestation(
        PROVENANCE, written(replace(envelope, payload=flipped(envelope.payload, place, by)))
    )


CHANGES = {
    "envelope": _attestation(PROVENANCE),
    "payload": _payload,
    "bill": _attestation(SBOM),
    "bundle": _file("bundle.json"),
    "spec": _file("resolved_spec.json"),
}


@pytest.mark.parametrize("what", CHANGES)
@settings(max_examples=60, deadline=None)
@given(place=PLACES, by=BYTES)
def test_one_changed_byte_is_refused(what: str, place: int, by: int) -> None:
    with pytest.raises(Refused):
        CHANGES[what](place, by).verified()


@pytest.mark.parametrize("algorithm", ["ed25519", "p256"])
@settings(max_examples=60, deadline=None)
@given(data=st.binary(min_size=1, max_size=2000), place=PLACES, by=BYTES)
def test_one_changed_byte_of_a_file_or_its_signature_is_refused(
    algorithm: str, data: bytes, place: int, by: int
) -> None:
    key = pair(4, "p256" if algorithm == "p256" else "ed25519")
    trust = Trust(keys=(TrustedKey(public=key.public, identity="desk"),))
    signature = signature_of(key, [data])

    def verify(content: bytes, sig: bytes) -> None:
        verify_blob([content], sig, trust, name="file", signature_name="file.sig", roles=("releaser",), now=NOW)

    verify(data, signature)
    with pytest.raises(Refused):
        verify(flipped(data, place, by), signature)
    with pytest.raises(Refused):
        verify(data, flipped(signature, place, by))


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_whatever_an_envelope_holds_is_read_or_refused(data: bytes) -> None:
    try:
        read_envelope(data, "x")
    except Refused:
        return
    raise AssertionError("chance made an envelope")
