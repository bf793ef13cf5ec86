"""The tables of a store, which are nothing but its events replayed.

`apply` takes one event into the tables; the registry calls it for each event that it writes, and a replay takes all of
them in again by `apply_each`. Both must come to the same tables, as `auditing.py` sees to.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.store import events
from rsppc.store.events import Event

TABLES = """
CREATE TABLE packages(
  package_id TEXT NOT NULL,
  tenant TEXT NOT NULL,
  kind TEXT NOT NULL,
  producer TEXT NOT NULL,
  run_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  state TEXT NOT NULL,
  created_seq INTEGER PRIMARY KEY,
  finalized_seq INTEGER,
  finalized_at TEXT,
  manifest_digest TEXT,
  file_count INTEGER NOT NULL,
  byte_count INTEGER NOT NULL,
  retention_class TEXT NOT NULL,
  expires_at TEXT,
  permanent INTEGER NOT NULL,
  hold TEXT
) STRICT;
CREATE UNIQUE INDEX packages_by_id ON packages(package_id);
CREATE UNIQUE INDEX packages_by_run ON packages(tenant, producer, run_id);
CREATE UNIQUE INDEX packages_in_order ON packages(tenant, created_seq);
CREATE INDEX packages_of_subject ON packages(tenant, subject, created_seq);
CREATE INDEX packages_of_kind ON packages(tenant, kind, created_seq);
CREATE INDEX packages_in_state ON packages(tenant, state, created_seq);
CREATE INDEX packages_by_expiry ON packages(state, expires_at);
CREATE INDEX packages_by_manifest ON packages(manifest_digest);
CREATE TABLE requests(package_id TEXT PRIMARY KEY, request TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE files(
  file_id TEXT PRIMARY KEY,
  package_id TEXT NOT NULL,
  path TEXT NOT NULL,
  twin TEXT NOT NULL,
  role TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  digest_primary TEXT NOT NULL,
  digest_sha256 TEXT NOT NULL,
  seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX files_of_package ON files(package_id, path);
CREATE UNIQUE INDEX twins_in_package ON files(package_id, twin);
CREATE INDEX files_by_content ON files(digest_primary);
CREATE INDEX files_by_sha256 ON files(digest_sha256);
CREATE TABLE attestations(
  package_id TEXT NOT NULL,
  name TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size INTEGER NOT NULL,
  digest_primary TEXT NOT NULL,
  digest_sha256 TEXT NOT NULL,
  note TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY(package_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX attestations_by_content ON attestations(digest_primary);
CREATE TABLE tenant_events(tenant TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY(tenant, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE clock(row INTEGER PRIMARY KEY, latest TEXT NOT NULL) STRICT;
INSERT INTO clock VALUES(1, '');
"""
"""Statements, each of which ends with a semicolon at the end of its line.

Packages lie in the order of their creation, so that those which are listed together are read together.
"""

_TOGETHER = 1_000
"""Files that go in at once."""

NAMES = ("packages", "requests", "files", "attestations", "tenant_events", "clock")


def apply(database: sqlite3.Connection, event: Event, twin: Callable[[str], str]) -> None:
    """Take one event into the tables. `twin` is what two paths share that some systems hold for one."""
    data = event.data
    _seen(database, [event])
    match event.type:
        case events.CREATED:
            _created(database, event)
        case events.INGESTED:
            _ingested(database, [event], twin)
        case events.DEFAULT_APPLIED:
            database.execute(
                "UPDATE packages SET expires_at = ?, permanent = ? WHERE package_id = ?",
                (data["expires_at"], data["expires_at"] is None, event.package_id),
            )
        case events.FINALIZED:
            database.execute(
                "UPDATE packages SET state = 'finalized', finalized_seq = ?, finalized_at = ?, manifest_digest = ?"
                " WHERE package_id = ?",
                (event.seq, event.at, data["manifest_digest"], event.package_id),
            )
        case events.EXTENDED:
            database.execute(
                "UPDATE packages SET expires_at = ?, permanent = ? WHERE package_id = ?",
                (data["expires_at"], data["expires_at"] is None, event.package_id),
            )
        case events.HOLD_SET:
            _held(database, event, data["reason"])
        case events.HOLD_RELEASED:
            _held(database, event, None)
        case events.ATTACHED:
            _attached(database, event)
        case events.COLLECTED:
            database.execute("UPDATE packages SET state = 'collected' WHERE package_id = ?", (event.package_id,))
        case events.VERIFIED:
            pass  # somebody looked; nothing is otherwise for it
        case other:
            raise ValueError(f"no event type {other!r}")


def apply_each(database: sqlite3.Connection, many: Iterable[Event], twin: Callable[[str], str]) -> None:
    """The same for many events in their order; files of one package that follow each other go in at once, which costs a
    third."""
    for package_id, run in groupby(many, key=lambda event: event.package_id if event.type == events.INGESTED else None):
        if package_id is None:
            for event in run:
                apply(database, event, twin)
        else:
            while together := list(islice(run, _TOGETHER)):
                _seen(database, together)
                _ingested(database, together, twin)


def _seen(database: sqlite3.Connection, many: Sequence[Event]) -> None:
    """What is kept of every event, whatever it says: when the latest was, and whose it is."""
    at = max(event.at for event in many)
    database.execute("UPDATE clock SET latest = ? WHERE latest < ?", (at, at))
    database.executemany("INSERT INTO tenant_events VALUES(?, ?)", [(event.tenant, event.seq) for event in many])


def _held(database: sqlite3.Connection, event: Event, reason: str | None) -> None:
    database.execute("UPDATE packages SET hold = ? WHERE package_id = ?", (reason, event.package_id))


def _created(database: sqlite3.Connection, event: Event) -> None:
    data: dict[str, Any] = event.data
    package = data["package"]
    database.execute(
        "INSERT INTO packages VALUES(?, ?, ?, ?, ?, ?, 'open', ?, NULL, NULL, NULL, 0, 0, ?, NULL, 0, NULL)",
        (
            event.package_id,
            event.tenant,
            package["kind"],
            package["producer"],
            package["run_id"],
            package["subject"],
            event.seq,
            data["retention_class"],
        ),
    )
    database.execute("INSERT INTO requests VALUES(?, ?)", (event.package_id, canonical(data).decode()))


def _ingested(database: sqlite3.Connection, together: Sequence[Event], twin: Callable[[str], str]) -> None:
    """Files of one package."""
    files = [event.data["file"] for event in together]
    database.executemany(
        "INSERT INTO files VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                file["file_id"],
                event.package_id,
                file["path"],
                twin(file["path"]),
                file["role"],
                file["media_type"],
                file["size"],
                file["digest_primary"],
                file["digest_sha256"],
                event.seq,
            )
            for event, file in zip(together, files, strict=True)
        ],
    )
    database.execute(
        "UPDATE packages SET file_count = file_count + ?, byte_count = byte_count + ? WHERE package_id = ?",
        (len(files), sum(file["size"] for file in files), together[0].package_id),
    )


def _attached(database: sqlite3.Connection, event: Event) -> None:
    data = event.data
    database.execute(
        "INSERT INTO attestations VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event.package_id,
            data["name"],
            data["media_type"],
            data["size"],
            data["digest_primary"],
            data["digest_sha256"],
            data["note"],
            event.seq,
        ),
    )


def make_tables(database: sqlite3.Connection, *, searched: bool = True) -> None:
    """Make the tables, empty; inside a transaction if there is one. Those in which nobody searches do without indexes
    that keep no rule."""
    for statement in TABLES.split(";\n"):
        if statement.strip() and (searched or not statement.startswith("CREATE INDEX")):
            database.execute(statement)


def drop_tables(database: sqlite3.Connection) -> None:
    """Remove the tables, whatever became of them."""
    for name in NAMES:
        database.execute(f"DROP TABLE IF EXISTS {name}")
