"""Two digests of a stream in one pass: BLAKE3, by which content is addressed, and SHA-256, which all can check."""

from __future__ import annotations

import re
from hashlib import sha256

from blake3 import blake3

from rsppc.base.record import Record

_PRIMARY = re.compile(r"blake3:[0-9a-f]{64}")
_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")

CHUNK = 2**20
"""Bytes that are read at a time."""


class Digests(Record):
    """What a stream of bytes is: `primary` is `blake3:<64 hex>`, `sha256` is `sha256:<64 hex>`, `size` counts bytes."""

    primary: str
    sha256: str
    size: int


class Hasher:
    """Takes bytes piece by piece."""

    def __init__(self) -> None:
        self._blake3 = blake3()
        self._sha256 = sha256()
        self._size = 0

    def update(self, piece: bytes) -> None:
        self._blake3.update(piece)
        self._sha256.update(piece)
        self._size += len(piece)

    @property
    def size(self) -> int:
        return self._size

    def digests(self) -> Digests:
        return Digests(
            primary="blake3:" + self._blake3.hexdigest(),
            sha256="sha256:" + self._sha256.hexdigest(),
            size=self._size,
        )


def digests_of(data: bytes) -> Digests:
    """Both digests of bytes that are at hand."""
    hasher = Hasher()
    hasher.update(data)
    return hasher.digests()


def blake3_of(data: bytes) -> str:
    """`blake3:<64 hex>` of bytes."""
    return "blake3:" + blake3(data).hexdigest()


def is_primary(text: object) -> bool:
    """Whether a text has the shape of a primary digest."""
    return isinstance(text, str) and _PRIMARY.fullmatch(text) is not None


def is_sha256(text: object) -> bool:
    """Whether a text has the shape of a SHA-256 digest."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None
