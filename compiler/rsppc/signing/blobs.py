"""A detached signature of a file, `FILE.sig`: base64 of the bare signature, which openssl and cosign check too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256

from rsppc.signing.envelope import from_base64, to_base64
from rsppc.signing.keys import PublicKey, SigningKey, is_well_formed, sign, sign_digest, signed, signed_digest
from rsppc.signing.refusals import Refused, refused
from rsppc.signing.trust import Trust, TrustedKey, filling

SUFFIX = ".sig"
SIGNATURE_SIZE_MAX = 4096
WHOLE_MAX = 2**30
"""Bytes of a file that ed25519, which must hold all of it at once, is used for."""


class TooLarge(Exception):
    """The file is more than ed25519 can sign at once."""


def signature_of(pair: SigningKey, pieces: Iterable[bytes]) -> bytes:
    """The content of `FILE.sig`. ECDSA takes files of any size in constant memory."""
    if pair.public.algorithm == "p256":
        return to_base64(sign_digest(pair, _digest(pieces))).encode()
    return to_base64(sign(pair, _whole(pieces))).encode()


def verify_blob(
    pieces: Iterable[bytes],
    signature: bytes | None,
    trust: Trust,
    *,
    name: str,
    signature_name: str,
    roles: tuple[str, ...],
    now: datetime,
) -> tuple[TrustedKey, ...]:
    """The trusted key that signed a file, for each role; refused where there is none."""
    trust.check_freshness(now)
    if signature is None:
        raise refused(
            "signature-missing", f"there is no `{signature_name}`: nobody signed it", "sign it with `rsppc sign`"
        )
    bare = (
        from_base64(signature.removesuffix(b"\n").decode("latin-1")) if len(signature) <= SIGNATURE_SIZE_MAX else None
    )
    if not bare:
        raise refused("signature-malformed", f"`{signature_name}` is no base64 of a signature", "fetch it again")
    fitting = [one for one in trust.keys if is_well_formed(one.public, bare)]
    if not fitting:
        raise refused("signature-malformed", f"`{signature_name}` is no signature by a trusted key", "fetch it again")
    made = [one for one in fitting if one.public.algorithm == "p256"]
    whole = b"" if made == fitting else _whole(pieces)
    digest = sha256(whole).digest() if made != fitting else _digest(pieces)
    found = [one for one in fitting if _signed(one.public, bare, whole, digest)]
    if not found:
        raise _wrong(name, signature_name)
    return filling(roles, found, now)


def _signed(public: PublicKey, signature: bytes, whole: bytes, digest: bytes) -> bool:
    if public.algorithm == "p256":
        return signed_digest(public, signature, digest)
    return signed(public, signature, whole)


def _digest(pieces: Iterable[bytes]) -> bytes:
    made = sha256()
    for piece in pieces:
        made.update(piece)
    return made.digest()


def _whole(pieces: Iterable[bytes]) -> bytes:
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) > WHOLE_MAX:
            raise TooLarge
    return bytes(held)


def _wrong(name: str, signature_name: str) -> Refused:
    what = f"`{name}` is not what any trusted key signed in `{signature_name}`"
    return refused("signature-wrong", what, "the file was changed, or somebody else signed it: fetch both again")
