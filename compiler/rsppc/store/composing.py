"""A package that is at hand as a whole: its manifest is known before anything is written, and it is taken in at once.

So nothing of it is visible before all of it is, whenever the writer is killed; and what is said of the manifest, as a
signature says it, can come with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rsppc.base.record import Record
from rsppc.store import manifest
from rsppc.store.adopting import Offered, adopt
from rsppc.store.hashing import digests_of
from rsppc.store.registry import Finalized, Registry
from rsppc.store.request import PackageRequest, check_request


class Part(Record):
    """A file of a package."""

    data: bytes
    role: str = "file"
    media_type: str = "application/json"


class Composed(Record):
    """A package that could be taken in."""

    package_id: str
    manifest: bytes
    digest: str
    """Of the manifest."""
    parts: Mapping[str, Part]


def composed(registry: Registry, request: PackageRequest, parts: Mapping[str, Part]) -> Composed:
    """The package that a request and its files are in this store."""
    check_request(request)
    package_id = manifest.package_id_of(request.tenant, request.producer, request.run_id)
    described = registry.described(request, package_id)
    files = [_file(package_id, path, part) for path, part in parts.items()]
    value = manifest.manifest_of(described["package"], files, described["retention_class"], described["provenance"])
    data = manifest.encode(value)
    return Composed(package_id=package_id, manifest=data, digest=manifest.digest(data), parts=parts)


def take_in(registry: Registry, one: Composed, attestations: Sequence[Offered], at: datetime) -> Finalized:
    """Keep a package for good, with everything that is said of it; one that is there is made whole again."""
    return adopt(registry, one.manifest, lambda file: [one.parts[file.path].data], at, attestations=attestations)


def _file(package_id: str, path: str, part: Part) -> dict[str, object]:
    found = digests_of(part.data)
    return {
        "file_id": manifest.file_id_of(package_id, path),
        "path": path,
        "role": part.role,
        "media_type": part.media_type,
        "size": found.size,
        "digest_primary": found.primary,
        "digest_sha256": found.sha256,
        "location": manifest.location_of(found.primary),
    }
