"""What is asked of a place of packages, be it a registry or a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from typing import Protocol

from rsppc.store.problems import StoreProblem


class Place(Protocol):
    """Manifests by tag or digest, and blobs by digest. Methods raise `StoreProblem`."""

    @property
    def shown(self) -> str:
        """What it is called in messages; no credentials stand in it."""
        ...

    def manifest(self, wanted: str) -> bytes | None:
        """A manifest by tag or digest; None where there is none. By digest, these are its bytes."""
        ...

    def tagged(self, tag: str) -> str | None:
        """The digest of the manifest that a tag names, of whatever kind; None where it names nothing."""
        ...

    def has(self, digest: str, size: int) -> bool:
        """Whether a blob is there."""
        ...

    def blob(self, digest: str, size: int) -> Iterator[bytes]:
        """A blob, up to one byte more than its size; what it is must be held against its digest."""
        ...

    def put(self, digest: str, size: int, pieces: Callable[[], Iterable[bytes]]) -> None:
        """Write a blob. `pieces` may be called again where it has to be sent again."""
        ...

    def put_manifest(self, data: bytes, digest: str, tag: str | None, named: str | None) -> None:
        """Write a manifest whose blobs are there, and let a tag name it, which named another one (`named`) or none so
        far. Refused where somebody else has let it name something else meanwhile, as far as the place can tell."""
        ...


def moved(shown: str, tag: str, other: str | None) -> StoreProblem:
    """What is said where somebody else was quicker with a tag."""
    what = f"somebody else let tag `{tag}` of `{shown}` name {other or 'nothing'} at this moment"
    return StoreProblem("conflict", what, "see who, and push again")


def small_blob(place: Place, digest: str, size: int, name: str) -> bytes:
    """A blob that fits into memory, held against its digest."""
    data = b"".join(place.blob(digest, size))
    found = "sha256:" + sha256(data).hexdigest()
    if len(data) != size or found != digest:
        raise StoreProblem(
            "corrupt",
            f"{name} in `{place.shown}` is not what its digest {digest} says: it has {len(data)} bytes and {found}",
            "push the package again from a store that has it",
        )
    return data
