"""What the store needs of whatever keeps bytes.

Content is addressed by its primary digest, so that nothing is ever written over, and equal bytes are kept once. A
backend knows nothing of packages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, Protocol

from rsppc.base.record import Record
from rsppc.store.hashing import Digests

Space = Literal["blobs", "manifests"]
"""Manifests lie apart from other content, so that a registry can be made anew from them."""


class Receipt(Record):
    """What a backend says of content that it took: where it lies. No part of any digest."""

    backend: str
    """`local` or `s3`."""
    key: str
    """Below the backend's root: `blobs/<2 hex>/<64 hex>`."""


class Put(Record):
    """Content that a backend holds now."""

    digests: Digests
    receipt: Receipt
    fresh: bool
    """False where the backend held these very bytes before."""


class Backend(Protocol):
    """A place for bytes. Methods raise `StoreProblem`."""

    @property
    def name(self) -> str: ...

    def begin(self) -> None:
        """Content is going to be put, and nothing that was put before still waits to be told of."""
        ...

    def put(self, pieces: Iterable[bytes], space: Space = "blobs") -> Put:
        """Take content of any size in constant memory. It is whole or not there; only `settle` makes it durable."""
        ...

    def settle(self) -> None:
        """Make all that was put durable, before anybody is told of it."""
        ...

    def read(
        self, primary: str, space: Space = "blobs", *, offset: int = 0, length: int | None = None
    ) -> Iterator[bytes]:
        """Content, or a range of it. Whole content is held against its digest: the last piece comes only if it is
        right, and a `StoreProblem` of kind `corrupt` otherwise."""
        ...

    def size(self, primary: str, space: Space = "blobs") -> int | None:
        """Bytes of content; None where it is not there."""
        ...

    def delete(self, primaries: Sequence[str], space: Space = "blobs") -> None:
        """Forget content, a thousand at once at most; nothing happens where it is not there."""
        ...

    def listed(self, space: Space = "blobs") -> Iterator[tuple[str, int]]:
        """Primary digest and size of all content, in order of digests."""
        ...
