"""DSSE envelopes: a payload with its type, and signatures over both at once.

What is signed is not the JSON but its pre-authentication encoding, which says how long each part is; so nobody has to
agree on a canonical form before a signature can be checked. On top of the protocol this room demands that an envelope
be canonical JSON with standard base64: then there is one file for a payload and its signatures, and any other byte is
noticed, also one that no signature covers.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record, replace
from rsppc.signing.keys import SigningKey, sign
from rsppc.signing.refusals import Refused, refused

SIZE_MAX = 64 * 2**20
SIGNATURES_MAX = 32


class Signature(Record):
    """A signature, and the id of the key that is said to have made it."""

    keyid: str
    sig: bytes


class Envelope(Record):
    """What was signed, not yet believed."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def message(self) -> bytes:
        """The bytes that signatures are of."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding of the DSSE protocol, version 1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sealed(payload_type: str, payload: bytes, pair: SigningKey) -> Envelope:
    """A payload signed with one key."""
    signature = Signature(keyid=pair.public.keyid, sig=sign(pair, pae(payload_type, payload)))
    return Envelope(payload_type=payload_type, payload=payload, signatures=(signature,))


def countersigned(envelope: Envelope, pair: SigningKey) -> Envelope:
    """The envelope with a signature of one more key, or of the same key anew; in order of keys."""
    others = [one for one in envelope.signatures if one.keyid != pair.public.keyid]
    (own,) = sealed(envelope.payload_type, envelope.payload, pair).signatures
    return replace(envelope, signatures=tuple(sorted((*others, own), key=lambda one: one.keyid)))


def written(envelope: Envelope) -> bytes:
    """The one file that an envelope can be."""
    return canonical(_value(envelope)) + b"\n"


def read_envelope(data: bytes, name: str) -> Envelope:
    """The envelope in a file; refused where it is anything else. `name` is what people call the file."""
    if len(data) > SIZE_MAX:
        raise _malformed(name, f"it has more than {SIZE_MAX} bytes")
    try:
        value: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _malformed(name, "it is no JSON") from None
    if not isinstance(value, dict) or value.keys() != {"payload", "payloadType", "signatures"}:
        raise _malformed(name, "it has other keys than `payload`, `payloadType` and `signatures`")
    if not isinstance(value["payloadType"], str) or not isinstance(value["signatures"], list):
        raise _malformed(name, "a value in it is of another type")
    if not value["signatures"]:
        raise refused("signature-missing", f"`{name}` holds no signature", "sign it with `rsppc sign`")
    if len(value["signatures"]) > SIGNATURES_MAX:
        raise _malformed(name, f"it holds more than {SIGNATURES_MAX} signatures")
    envelope = Envelope(
        payload_type=value["payloadType"],
        payload=_bytes(value["payload"], name, "payload"),
        signatures=tuple(_signature(one, name) for one in value["signatures"]),
    )
    if len({one.keyid for one in envelope.signatures}) != len(envelope.signatures):
        raise _malformed(name, "it holds two signatures of one key")
    if written(envelope) != data:  # blanks, an order of keys, keys that stand there twice
        raise _malformed(name, "it is not in the canonical form")
    return envelope


def _signature(value: Any, name: str) -> Signature:
    if not isinstance(value, dict) or value.keys() != {"keyid", "sig"} or not isinstance(value["keyid"], str):
        raise _malformed(name, "a signature in it has other keys than `keyid` and `sig`")
    return Signature(keyid=value["keyid"], sig=_bytes(value["sig"], name, "sig"))


def _bytes(text: Any, name: str, key: str) -> bytes:
    data = from_base64(text) if isinstance(text, str) else None
    if data is None:
        what = f"`{key}` in `{name}` is no base64"
        raise refused("signature-malformed" if key == "sig" else "envelope-malformed", what, _ANEW)
    return data


def to_base64(data: bytes) -> str:
    """Bytes as standard base64, with padding."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes | None:
    """The bytes of a text that is exactly what `to_base64` gives; None for every other text."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return data if to_base64(data) == text else None  # bits that padding leaves over can spell one value in many ways


def _value(envelope: Envelope) -> dict[str, Any]:
    return {
        "payload": to_base64(envelope.payload),
        "payloadType": envelope.payload_type,
        "signatures": [{"keyid": one.keyid, "sig": to_base64(one.sig)} for one in envelope.signatures],
    }


_ANEW = "fetch it again, or sign again"


def _malformed(name: str, why: str) -> Refused:
    return refused("envelope-malformed", f"`{name}` is no envelope: {why}", _ANEW)
