"""Keys: ed25519 and ECDSA on P-256, as PEM files that other tools read as well.

A key's id is the digest of its public half in the form that certificates hold (SPKI, DER), which anybody can compute:
`openssl pkey -pubin -in KEY.pub -outform DER | sha256sum`.

ECDSA signs with nonces made of key and message (RFC 6979): equal input gives equal signatures, and no bad source of
chance gives a key away. Signatures are DER over SHA-256.
"""

from __future__ import annotations

from typing import Any, Literal, assert_never

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

from rsppc.base.digest import digest_bytes
from rsppc.base.record import Record
from rsppc.signing.refusals import refused

Algorithm = Literal["ed25519", "p256"]
ALGORITHMS: tuple[Algorithm, ...] = ("ed25519", "p256")

KEY_SIZE_MAX = 2**16


class PublicKey(Record):
    """Half of a pair: what checks signatures."""

    keyid: str
    algorithm: Algorithm
    key: Any

    def pem(self) -> bytes:
        """SubjectPublicKeyInfo as PEM."""
        pem: bytes = self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return pem

    def der(self) -> bytes:
        """The same as DER."""
        return _der(self.key)


class SigningKey(Record):
    """A pair, of which the secret half never leaves this room unless it is written to a file."""

    public: PublicKey
    key: Any

    def pem(self, passphrase: bytes | None) -> bytes:
        """PKCS #8 as PEM, encrypted where there is a passphrase."""
        locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            locked = serialization.BestAvailableEncryption(passphrase)
        pem: bytes = self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
        return pem


class KeyProblem(Exception):
    """Why a file holds no key that can sign, as the end of a sentence."""


def generated(algorithm: Algorithm) -> SigningKey:
    """A fresh pair."""
    match algorithm:
        case "ed25519":
            return _pair(ed25519.Ed25519PrivateKey.generate())
        case "p256":
            return _pair(ec.generate_private_key(ec.SECP256R1()))
        case _:
            assert_never(algorithm)


def read_private(data: bytes, passphrase: bytes | None) -> SigningKey:
    """The pair in a PEM file; a `KeyProblem` where there is none that can be used."""
    try:
        key = serialization.load_pem_private_key(data, passphrase)
    except TypeError:  # how the library says that a passphrase is missing, or given in vain
        if passphrase is None:
            raise KeyProblem("it is locked, and no passphrase is given") from None
        raise KeyProblem("it is not locked, and a passphrase is given") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyProblem("it is no private key in PEM, or the passphrase is another one") from None
    if _algorithm(key.public_key()) is None:
        raise KeyProblem("its algorithm is neither ed25519 nor ECDSA on P-256")
    return _pair(key)


def read_public(data: bytes, name: str) -> PublicKey:
    """The public key in a PEM or DER file; refused where it is none of ours. `name` is what people call it."""
    try:
        if b"PRIVATE" in data:  # whoever verifies should not hold it, and whoever signs should not lend it
            raise refused("key-malformed", f"`{name}` is a private key", "name the public key, `KEY.pub`")
        load = serialization.load_pem_public_key if data[:5] == b"-----" else serialization.load_der_public_key
        key = load(data)
    except (ValueError, UnsupportedAlgorithm):
        raise refused(
            "key-malformed", f"`{name}` is no public key", "it is PEM, as `rsppc sign --generate` writes it"
        ) from None
    if _algorithm(key) is None:
        what = f"`{name}` is a key of an algorithm that nobody here checks"
        raise refused("algorithm-unknown", what, "use ed25519, or ECDSA on P-256")
    return _public(key)


def sign(pair: SigningKey, message: bytes) -> bytes:
    """The signature of a message; the same message has the same signature."""
    if pair.public.algorithm == "ed25519":
        signature: bytes = pair.key.sign(message)
        return signature
    der: bytes = pair.key.sign(message, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return der


def sign_digest(pair: SigningKey, sha256: bytes) -> bytes:
    """The signature of a message of any length, by its SHA-256; for ECDSA alone, which signs nothing else."""
    scheme = ec.ECDSA(utils.Prehashed(hashes.SHA256()), deterministic_signing=True)
    der: bytes = pair.key.sign(sha256, scheme)
    return der


def signed(public: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether a signature is one of a message by this key."""
    try:
        if public.algorithm == "ed25519":
            public.key.verify(signature, message)
        else:
            public.key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return is_well_formed(public, signature)


def signed_digest(public: PublicKey, signature: bytes, sha256: bytes) -> bool:
    """The same for ECDSA, by the SHA-256 of the message."""
    try:
        public.key.verify(signature, sha256, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except InvalidSignature:
        return False
    return is_well_formed(public, signature)


def is_well_formed(public: PublicKey, signature: bytes) -> bool:
    """Whether bytes have the one form of a signature by this kind of key: 64 bytes, or DER and nothing after it."""
    if public.algorithm == "ed25519":
        return len(signature) == 64
    try:
        return utils.encode_dss_signature(*utils.decode_dss_signature(signature)) == signature
    except ValueError:
        return False


def _pair(key: Any) -> SigningKey:
    return SigningKey(public=_public(key.public_key()), key=key)


def _public(key: Any) -> PublicKey:
    algorithm = _algorithm(key)
    assert algorithm is not None
    return PublicKey(keyid=digest_bytes(_der(key)), algorithm=algorithm, key=key)


def _der(key: Any) -> bytes:
    der: bytes = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return der


def _algorithm(key: Any) -> Algorithm | None:
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "p256"
    return None
