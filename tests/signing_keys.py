"""Keys that are the same in every run, made of a number, so that no secret lies in the repository."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from rsppc.signing.keys import Algorithm, SigningKey, read_private


def pair(seed: int, algorithm: Algorithm = "ed25519") -> SigningKey:
    """The pair of a number."""
    key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    if algorithm == "ed25519":
        key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    else:
        key = ec.derive_private_key(seed + 1000, ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return read_private(key.private_bytes(*form), None)


def key_file(folder: Path, name: str, seed: int, algorithm: Algorithm = "ed25519") -> Path:
    """`NAME.key` and `NAME.key.pub` in a folder."""
    made, path = pair(seed, algorithm), folder / f"{name}.key"
    path.write_bytes(made.pem(None))
    path.chmod(0o600)
    Path(f"{path}.pub").write_bytes(made.public.pem())
    return path
