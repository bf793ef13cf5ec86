"""Stores for tests, with a package or two in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from rsppc.store.config import Config
from rsppc.store.registry import Registry, init_store, open_store
from rsppc.store.request import Entry, PackageRequest

AT = datetime(2026, 1, 1, tzinfo=UTC)
FILES = {"run.json": b'{"run":1}\n', "raw/log.txt": b"line\n" * 300, "raw/empty": b""}


def store_in(folder: object, config: Config | None = None) -> Registry:
    """An empty store in a folder, opened."""
    init_store(str(folder), config or Config())
    return open_store(str(folder))


def filled(
    registry: Registry, run: str = "r1", files: Mapping[str, bytes] = FILES, at: datetime = AT, **said: str
) -> str:
    """A package of the store with these files, not final yet."""
    request = PackageRequest(producer="guide-board", run_id=run, subject="desk", **said)  # type: ignore[arg-type]
    made = registry.create_package(request, at).package.package_id
    registry.ingest_files(made, [(Entry(path=path), [data]) for path, data in files.items()], at)
    return made


def published(
    registry: Registry, run: str = "r1", files: Mapping[str, bytes] = FILES, at: datetime = AT, **said: str
) -> str:
    """A finalised package of the store with these files."""
    made = filled(registry, run, files, at, **said)
    registry.finalize_package(made, at)
    return made


def kept(registry: Registry) -> list[str]:
    """Digests of all content that the backend has."""
    return [digest for space in ("blobs", "manifests") for digest, _ in registry.backend.listed(space)]
