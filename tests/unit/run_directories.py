"""Run directories of guide-board for tests: that under `tests/fixtures/`, and copies with something changed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rsppc.resources import read_text
from rsppc.store.config import Config
from rsppc.store.metadata_schemas import read_schema, register_schema
from rsppc.store.registry import Registry, init_store, opened

FIXTURE = Path(__file__).parent.parent / "fixtures" / "guide-board"
NOW = datetime(2026, 5, 18, 8, 0, tzinfo=UTC)
SCHEMA_FILE = "guide-board.run.v1.json"


def copied(folder: Path) -> Path:
    """A run directory of one's own, without the digests that the fixture states."""
    run = folder / "run"
    shutil.copytree(FIXTURE, run)
    change(run, "reports/assessment-package.json", _without_statements)
    return run


def _without_statements(package: dict[str, Any]) -> None:
    for file in package["files"]:
        del file["sha256"], file["size"]


def change(run: Path, path: str, how: Callable[[dict[str, Any]], object]) -> None:
    """Change a document of a run in place."""
    value = json.loads((run / path).read_bytes())
    how(value)
    (run / path).write_text(json.dumps(value, indent=2), encoding="utf-8")


@contextmanager
def store_in(folder: Path, config: Config | None = None) -> Iterator[Registry]:
    """A new store that knows the schema of the metadata."""
    init_store(str(folder), config or Config())
    with opened(str(folder)) as registry:
        register_schema(registry.log, "default", read_schema(read_text("schemas", SCHEMA_FILE).encode()))
        yield registry
