"""Packages from a store to a place of OCI artifacts, and back.

Going there, what is there already is not sent. Coming back, nothing is believed: the manifest is held against the
digest by which it was asked for, the package's own manifest against its digest, the first against what follows from the
second, and every file against both of its digests, before anything is visible in a store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial

from rsppc.base.record import Record
from rsppc.oci import artifact
from rsppc.oci.places import Place, moved, small_blob
from rsppc.store.adopting import Offered, adopt, attestation_of
from rsppc.store.manifest_form import Described, read_manifest
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import File
from rsppc.store.registry import ATTESTATION_SIZE_MAX, Finalized, Registry

Told = Callable[[int], None]


class Pushed(Record):
    """A package that a place holds."""

    digest: str
    tag: str | None
    sent: int
    """Blobs that were not there before."""
    known: int
    changed: bool
    """False where the place held exactly this, under this tag."""


class Fetched(Record):
    """A package whose manifest was fetched and proved, and whose files were not fetched yet."""

    digest: str
    data: bytes
    described: Described
    attestations: tuple[Offered, ...]


def push(
    registry: Registry, package_id: str, place: Place, tag: str | None, told: Told, *, move_tag: bool = False
) -> Pushed:
    """Bring a finalised package to a place; its manifest comes last, so that nobody finds it before it is whole. A tag
    that names something else is refused before anything is sent, unless it is to be moved."""
    data = registry.manifest_bytes(package_id)
    described = read_manifest(data)
    made = artifact.manifest_bytes(data, described, registry.attestations(package_id))
    digest = artifact.digest_of(made)
    named = place.tagged(tag) if tag is not None else None
    if named not in (None, digest) and not move_tag:
        raise StoreProblem(
            "conflict",
            f"tag `{tag}` of `{place.shown}` names {named}, and the package is {digest}",
            "push it under another tag; `--move-tag` lets this one name the package from now on",
        )
    sent = known = 0
    seen: set[str] = set()
    for blob_digest, size, pieces in _blobs(registry, data, described):
        if blob_digest in seen:
            continue
        seen.add(blob_digest)
        if place.has(blob_digest, size):
            known += 1
        else:
            place.put(blob_digest, size, pieces)
            sent += 1
        told(size)
    if _gives(place, tag or digest, made):
        return Pushed(digest=digest, tag=tag, sent=sent, known=known, changed=sent > 0)
    place.put_manifest(made, digest, tag, named)
    if not _gives(place, tag or digest, made):
        if tag is not None and _gives(place, digest, made):
            raise moved(place.shown, tag, place.tagged(tag))
        raise StoreProblem(
            "corrupt",
            f"`{place.shown}` does not give back the manifest that was written there",
            "use another registry",
        )
    return Pushed(digest=digest, tag=tag, sent=sent, known=known, changed=True)


def _gives(place: Place, wanted: str, made: bytes) -> bool:
    """Whether a place has just this manifest under a name; one that is damaged there is to be written again."""
    try:
        return place.manifest(wanted) == made
    except StoreProblem as problem:
        if problem.kind != "corrupt":
            raise
        return False


def fetch(place: Place, wanted: str) -> Fetched:
    """The manifest of a package, asked for by tag or digest, and what is attested of it."""
    data = place.manifest(wanted)
    if data is None:
        raise StoreProblem("missing", f"`{place.shown}` has nothing under `{wanted}`", "name another tag or digest")
    digest = artifact.digest_of(data)
    if wanted.startswith("sha256:") and wanted != digest:
        raise StoreProblem("corrupt", f"`{place.shown}` answers {wanted} with a manifest whose digest is {digest}")
    outline = artifact.outline_of(data)
    for one in outline.attestations:
        if one.size > ATTESTATION_SIZE_MAX:
            raise StoreProblem("refused", f"an attestation has at most {ATTESTATION_SIZE_MAX} bytes")
    own = small_blob(place, outline.config.digest, outline.config.size, "the manifest of the package")
    described = read_manifest(own)
    artifact.refuse_other(data, own, described, outline.attestations)
    offered = []
    for one in outline.attestations:
        held = small_blob(place, one.digest_sha256, one.size, f"attestation `{one.name}`")
        offer = Offered(name=one.name, media_type=one.media_type, data=held)
        if attestation_of(offer) != one:
            raise StoreProblem(
                "corrupt", f"attestation `{one.name}` in `{place.shown}` has another BLAKE3 than is said"
            )
        offered.append(offer)
    return Fetched(digest=digest, data=own, described=described, attestations=tuple(offered))


def take(registry: Registry, place: Place, fetched: Fetched, at: datetime, told: Told) -> Finalized:
    """Take in a package that was fetched; what the store holds already is not fetched again."""

    def pieces(file: File) -> Iterator[bytes]:
        if not file.size:
            return
        source = (
            registry.backend.read(file.digest_primary)
            if _is_here(registry, file)
            else place.blob(file.digest_sha256, file.size)
        )
        for piece in source:
            told(len(piece))
            yield piece

    return adopt(registry, fetched.data, pieces, at, attestations=fetched.attestations)


def _is_here(registry: Registry, file: File) -> bool:
    """Whether the store holds the content of a file, undamaged."""
    if registry.backend.size(file.digest_primary) != file.size:
        return False
    try:
        for _ in registry.backend.read(file.digest_primary):
            pass
    except StoreProblem as problem:
        if problem.kind != "corrupt":
            raise
        return False
    return True


def _blobs(
    registry: Registry, data: bytes, described: Described
) -> Iterator[tuple[str, int, Callable[[], Iterable[bytes]]]]:
    """Digest, size and bytes of everything that the manifest names."""
    for file in described.files:
        if file.size:
            yield file.digest_sha256, file.size, partial(registry.content, file)
    attestations = registry.attestations(described.package_id)
    for one in attestations:
        yield one.digest_sha256, one.size, partial(registry.backend.read, one.digest_primary)
    if not attestations and not any(file.size for file in described.files):
        yield artifact.digest_of(artifact.EMPTY), len(artifact.EMPTY), lambda: [artifact.EMPTY]
    yield artifact.digest_of(data), len(data), lambda: [data]
