"""What a store may forget: packages that no retention protects any more, and content that no package needs.

A package is collected by an event first; its bytes go afterwards. So whoever is killed in between leaves content that
nobody speaks of, which the next run removes. All of it happens while nobody else can put content (`locking.py`).
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any

from rsppc.base.record import Record
from rsppc.store import events
from rsppc.store.auditing import audit
from rsppc.store.backends.local import LocalBackend
from rsppc.store.backends.protocol import Space
from rsppc.store.config import CONFIG
from rsppc.store.locking import collecting_content
from rsppc.store.log import DATABASE
from rsppc.store.mark import HEAD
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import PACKAGE_COLUMNS, Package, package_of
from rsppc.store.references import suppose_gone, unspoken
from rsppc.store.registry import Registry
from rsppc.store.retention import stamp

_SPACES: tuple[Space, ...] = ("manifests", "blobs")
_AT_ONCE = 1000
"""Contents that are deleted at once: so many, and no more, a service takes in one request."""
_UNFINISHED = re.compile(rf"({re.escape(CONFIG)}|{re.escape(DATABASE)}|{re.escape(HEAD)}|rebuilding)\.fresh-")


class Leaving(Record):
    """A package that is collected, and the rule by which it may be."""

    package: Package
    why: str


class Collection(Record):
    """What was collected, or would be."""

    packages: tuple[Leaving, ...]
    contents: int
    bytes: int
    leftovers: int
    """Files of writers that were killed."""


def collectable(registry: Registry, now: datetime, unfinished_before: datetime | None = None) -> list[Leaving]:
    """The packages that nothing protects: final ones whose time is over and that nobody holds, and, where a time is
    named, open ones that were begun before it."""
    moment = stamp(now)
    rows = _rows(
        registry,
        f"SELECT {PACKAGE_COLUMNS} FROM packages WHERE state = 'finalized' AND expires_at <= ? AND permanent = 0"
        " AND hold IS NULL ORDER BY created_seq",
        moment,
    )
    found = [Leaving(package=one, why=f"its retention ended at {one.expires_at}") for one in map(package_of, rows)]
    if unfinished_before is not None:
        limit = stamp(min(unfinished_before, now))
        rows = _rows(
            registry,
            f"SELECT {PACKAGE_COLUMNS} FROM packages WHERE state = ? AND hold IS NULL ORDER BY created_seq",
            "open",
        )
        for package in map(package_of, rows):
            begun = registry.log.event(package.created_seq)
            if begun is not None and begun.at < limit:
                found.append(Leaving(package=package, why=f"it was begun at {begun.at} and never finished"))
    return found


def collect(
    registry: Registry, now: datetime, *, delete: bool = False, unfinished_before: datetime | None = None
) -> Collection:
    """Collect what may be collected; without `delete` only say what that is."""
    if not delete:
        leaving = collectable(registry, now, unfinished_before)
        suppose_gone(registry, [one.package.package_id for one in leaving])
        contents, size = _freed(registry, delete=False, supposing=True)
        return Collection(packages=tuple(leaving), contents=contents, bytes=size, leftovers=0)
    found = audit(registry.log)
    if found.faults:
        raise StoreProblem(
            "corrupt",
            f"the log is not sound: {found.faults[0]}",
            "nothing is deleted by a log that may be wrong; see `rsppc store events verify`",
        )
    with collecting_content(registry.folder):
        with registry.log.writing():
            leaving = collectable(registry, now, unfinished_before)
            for one in leaving:
                package = one.package
                data = {"why": one.why, "manifest_digest": package.manifest_digest}
                registry.log.append(events.COLLECTED, stamp(now), package.tenant, package.package_id, data)
        contents, size = _freed(registry, delete=True, supposing=False)
        if isinstance(registry.backend, LocalBackend):
            registry.backend.end_doubt()
        leftovers = _swept(registry)
    return Collection(packages=tuple(leaving), contents=contents, bytes=size, leftovers=leftovers)


def _freed(registry: Registry, *, delete: bool, supposing: bool) -> tuple[int, int]:
    """How much content nobody needs, and how many bytes that is."""
    contents = size = 0
    for space in _SPACES:
        found = unspoken(registry, space, supposing=supposing)
        while several := list(islice(found, _AT_ONCE)):
            if delete:
                registry.backend.delete([digest for digest, _ in several], space)
            contents, size = contents + len(several), size + sum(one for _, one in several)
    return contents, size


def _swept(registry: Registry) -> int:
    """Remove what killed writers left."""
    left = _left_beside(registry.folder)
    if isinstance(registry.backend, LocalBackend):
        left += [path for path, _ in registry.backend.leftovers()]
    count = 0
    for path in left:
        with suppress(OSError):
            if os.path.isdir(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
            count += 1
    return count


def _left_beside(folder: str) -> list[str]:
    """What lies unfinished beside the registry. A mark may be taken from a writer who is alive: then it lags."""
    with suppress(OSError):
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if _UNFINISHED.match(name)]
    return []


def _rows(registry: Registry, statement: str, value: str) -> list[Any]:
    with registry.log.spoken():
        return registry.log.database.execute(statement, (value,)).fetchall()
