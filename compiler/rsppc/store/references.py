"""Which content the log speaks of, and which lies in the backend without a word.

Both come in order of their digests and are merged, so that neither has to fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.store.backends.protocol import Space
from rsppc.store.registry import Registry

_STAYING = "package_id IN (SELECT package_id FROM packages WHERE state != 'collected'"
_NOT_LEAVING = " AND package_id NOT IN (SELECT package_id FROM temp.leaving)"

_SPOKEN = {
    "blobs": "SELECT digest_primary FROM files WHERE {kept} UNION SELECT digest_primary FROM attestations WHERE {kept}",
    "manifests": "SELECT manifest_digest FROM packages WHERE manifest_digest IS NOT NULL AND {kept}"
    " UNION SELECT note FROM attestations WHERE {kept}",
}


def suppose_gone(registry: Registry, package_ids: list[str]) -> None:
    """Let the functions below answer as if these packages had been collected."""
    with registry.log.spoken():
        database = registry.log.database
        database.execute("CREATE TEMP TABLE IF NOT EXISTS leaving(package_id TEXT PRIMARY KEY)")
        database.execute("DELETE FROM temp.leaving")
        database.executemany("INSERT INTO temp.leaving VALUES(?)", ((one,) for one in package_ids))


def unspoken(registry: Registry, space: Space, *, supposing: bool = False) -> Iterator[tuple[str, int]]:
    """Digest and size of content that no package needs, in order."""
    spoken = _spoken_of(registry, space, supposing)
    following = next(spoken, None)
    for digest, size in registry.backend.listed(space):
        while following is not None and following < digest:
            following = next(spoken, None)
        if following != digest:
            yield digest, size


def _spoken_of(registry: Registry, space: Space, supposing: bool) -> Iterator[str]:
    kept = _STAYING + (_NOT_LEAVING if supposing else "") + ")"
    with registry.log.spoken():
        cursor = registry.log.database.execute(f"{_SPOKEN[space].format(kept=kept)} ORDER BY 1")
        for (digest,) in cursor:
            yield digest
