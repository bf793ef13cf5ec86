"""Digests: always written with their algorithm, `sha256:<64 hex>`."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import NewType

Digest = NewType("Digest", str)


def digest_bytes(data: bytes) -> Digest:
    """SHA-256 of bytes, with its prefix."""
    return Digest("sha256:" + sha256(data).hexdigest())


def digest_chunks(chunks: Iterable[bytes]) -> Digest:
    """SHA-256 of bytes that come in pieces, for files of any size."""
    made = sha256()
    for chunk in chunks:
        made.update(chunk)
    return Digest("sha256:" + made.hexdigest())


def is_digest(text: str) -> bool:
    """Whether a text has the shape of one of our digests."""
    hexadecimal = text.removeprefix("sha256:")
    return len(text) == 71 and len(hexadecimal) == 64 and all(c in "0123456789abcdef" for c in hexadecimal)
