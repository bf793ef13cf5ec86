"""The event log of a store, in SQLite: `registry.db`, with its mark (`store/mark.py`) beside it.

A commit is on the disk before anybody is told (`synchronous=FULL`). Rows of the log can be neither changed nor removed,
triggers see to that; whoever goes around them breaks the chain of digests. A log that ends before its
mark was cut, or copied without its `-wal` file.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from rsppc.store import views
from rsppc.store.events import GENESIS, Event, decoded, digest_of
from rsppc.store.mark import HEAD, Head, read_mark, write_mark
from rsppc.store.paths import twin_key
from rsppc.store.places import (
    fresh_name,
    is_read_only,
    refuse_long,
    refuse_network,
    remove_fresh,
    spoken,
    sync_folder,
)
from rsppc.store.problems import StoreProblem

DATABASE = "registry.db"
_FORMAT = 1
_APPLICATION = 0x72737070
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)
_PAGE = 1000
"""Events that are read at a time."""

_LOG = """
CREATE TABLE events(seq INTEGER PRIMARY KEY, body BLOB NOT NULL, digest TEXT NOT NULL) STRICT;
CREATE TRIGGER events_stay BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are never changed'); END;
CREATE TRIGGER events_last BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are never removed'); END;
CREATE TABLE metadata_schemas(
  tenant TEXT NOT NULL, schema_id TEXT NOT NULL, digest TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY(tenant, schema_id)
) STRICT, WITHOUT ROWID;
"""


class Log:
    """One connection to the log of a store; for one thread."""

    def __init__(self, folder: str, database: sqlite3.Connection, wait_s: float) -> None:
        self.folder = folder
        self.database = database
        self._wait_s = wait_s
        self._tail: Head | None = None
        """The last event, as long as nobody else can write."""
        self._settled = False

    @classmethod
    def create(cls, folder: str) -> None:
        """Make an empty log in a folder that has none. Whoever calls sees to it that nobody else does."""
        path = os.path.join(folder, DATABASE)
        refuse_long(folder)
        refuse_network(folder)
        remove_fresh(folder, DATABASE)
        fresh = fresh_name(path)
        try:
            database = sqlite3.connect(fresh, isolation_level=None)
            try:
                database.execute("PRAGMA synchronous = FULL")
                make_database(database)
                if database.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":  # which is how it fails
                    raise StoreProblem("environment", f"no database with a write-ahead log can be made in `{folder}`")
            finally:
                database.close()
        except sqlite3.Error as error:
            raise _problem(error, folder, 0) from None
        os.rename(fresh, path)
        sync_folder(folder)

    @classmethod
    def open(cls, folder: str, *, wait_s: float = 10.0, writable: bool = True, checked: bool = True) -> Log:
        """Open the log in a folder; a `StoreProblem` where there is none that this program can read.

        `checked` refuses a log that ends before its own mark, or is another one than the mark is of.
        """
        path = os.path.join(folder, DATABASE)
        if not os.path.isfile(path):
            if os.path.exists(os.path.join(folder, HEAD)) or os.path.isdir(os.path.join(folder, "manifests")):
                raise StoreProblem(
                    "corrupt",
                    f"the registry of `{folder}` is missing",
                    "restore a copy of it, or make it anew from the manifests with `rsppc store rebuild`",
                )
            raise StoreProblem("missing", f"there is no store in `{folder}`", "make one with `rsppc store init`")
        refuse_long(folder)
        refuse_network(folder)
        try:
            database = sqlite3.connect(
                f"file:{_quoted(path)}?{_mode(folder, path, writable)}",
                uri=True,
                timeout=wait_s,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise _problem(error, folder, wait_s) from None
        log = cls(folder, database, wait_s)
        try:
            with log.spoken():
                log._prepare()
                if checked:
                    log.head()
        except BaseException:
            database.close()
            raise
        return log

    def close(self) -> None:
        self.database.close()

    def gather(self) -> None:
        """Bring everything into the one file of the database, which may then be moved. Closing it tries the same, and
        says nothing where it fails."""
        with self.spoken():
            if self.database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                raise StoreProblem("busy", "somebody else uses the registry that is being made", "try again")

    def _prepare(self) -> None:
        if self.database.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION:
            raise StoreProblem(
                "corrupt",
                f"`{self.folder}/{DATABASE}` is no database of a store",
                "restore a copy of it, or make it anew from the manifests with `rsppc store rebuild`",
            )
        version = self.database.execute("PRAGMA user_version").fetchone()[0]
        if version != _FORMAT:
            raise StoreProblem(
                "refused",
                f"the store has format {version}, and this program knows format {_FORMAT}",
                "use the rsppc that wrote it, or make the registry anew with `rsppc store rebuild`",
            )
        self.database.execute("PRAGMA synchronous = FULL")

    # Reading

    def last(self) -> Head:
        """The last event."""
        if self._tail is not None:
            return self._tail
        row = self.database.execute("SELECT seq, digest FROM events ORDER BY seq DESC LIMIT 1").fetchone()
        return Head(seq=row[0], digest=row[1]) if row else Head(seq=0, digest=GENESIS)

    def head(self) -> Head:
        """The last event; a `StoreProblem` where the log ends before its own high-water mark."""
        mark, _ = read_mark(self.folder)  # before the log is asked, which may grow meanwhile
        head = self.last()
        fault = self.mark_fault(mark)
        if fault is not None:
            raise StoreProblem(
                "corrupt",
                fault,
                "was the database copied without its `-wal` file? bring back both, or restore a copy; where there is"
                " none, `rsppc store rebuild` makes the registry anew from the manifests",
            )
        return head

    def mark_fault(self, mark: Head | None) -> str | None:
        """What is wrong between the log and a mark; None where nothing is."""
        head = self.last()
        if mark is None or mark.seq == 0:
            return None
        if mark.seq > head.seq:
            return f"the log ends at event {head.seq}, but it had {mark.seq} events"
        row = self.database.execute("SELECT digest FROM events WHERE seq = ?", (mark.seq,)).fetchone()
        if row is None or row[0] != mark.digest:
            return f"event {mark.seq} is not the one that the log's mark remembers"
        return None

    def latest(self) -> str:
        """The latest time that any event states; empty where there is none."""
        row = self.database.execute("SELECT latest FROM clock").fetchone()
        if row is None or (row[0] and _TIME.fullmatch(row[0]) is None):
            raise StoreProblem(
                "corrupt", "the table of the latest time holds none", "make it anew with `rsppc store events replay`"
            )
        return str(row[0])

    def events(self, after: int = 0, limit: int = -1) -> Iterator[tuple[int, bytes, str]]:
        """Number, bytes and digest of events, in order."""
        rest = limit
        while rest != 0:
            with self.spoken():
                rows = self.database.execute(
                    "SELECT seq, body, digest FROM events WHERE seq > ? ORDER BY seq LIMIT ?",
                    (after, _PAGE if rest < 0 else min(_PAGE, rest)),
                ).fetchall()
            for seq, body, digest in rows:  # which may be of any type where the disk changed them
                yield seq, body if isinstance(body, bytes) else b"", digest if isinstance(digest, str) else ""
            if rows and rows[-1][0] <= after:
                return  # a damaged tree may lead in a circle
            if len(rows) < (_PAGE if rest < 0 else min(_PAGE, rest)):
                return
            after, rest = rows[-1][0], rest - len(rows) if rest > 0 else rest

    def events_of(self, tenant: str, after: int, limit: int) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of events of a tenant, in order, as they are drawn; others are not looked at."""
        statement = (
            "SELECT seq, body FROM tenant_events JOIN events USING(seq)"
            " WHERE tenant = ? AND seq > ? ORDER BY seq LIMIT ?"
        )
        with self.spoken(), closing(self.database.execute(statement, (tenant, after, limit))) as rows:
            for seq, body in rows:
                yield seq, body if isinstance(body, bytes) else b""

    def event(self, seq: int) -> Event | None:
        """One event; None where there is none, or what is there is none."""
        with self.spoken():
            row = self.database.execute("SELECT body FROM events WHERE seq = ?", (seq,)).fetchone()
        return decoded(row[0]) if row else None

    # Writing

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction, alone: all that is appended in it becomes true at once, or nothing of it."""
        with self.spoken():
            self.database.execute("BEGIN IMMEDIATE")
            try:
                self._settle()
                before = self._tail = self.head()
                yield
                after = self._tail
                self.database.execute("COMMIT")
            except BaseException:
                if self.database.in_transaction:
                    self.database.execute("ROLLBACK")
                raise
            finally:
                self._tail = None
        if after.seq != before.seq:
            with suppress(OSError):  # a mark that cannot be written lags behind, which is allowed: the events are safe
                write_mark(self.folder, after)

    def _settle(self) -> None:
        """Make the name of the write-ahead log durable, once: it is there from now on. SQLite does so as well, and
        passes over a failure. No event is told before there is a mark, so that one that is missing was lost."""
        if not self._settled:
            try:
                if self.last().seq == 0:
                    write_mark(self.folder, self.last())
                sync_folder(self.folder)
            except OSError as error:
                raise StoreProblem("environment", f"`{self.folder}` cannot be written: {spoken(error)}") from None
            self._settled = True

    def append(self, type: str, at: str, tenant: str, package_id: str, data: dict[str, Any]) -> Event:
        """Write one event, and take it into the tables; inside `writing`."""
        last = self.last()
        event = Event(
            seq=last.seq + 1,
            previous=last.digest,
            type=type,
            at=at,
            tenant=tenant,
            package_id=package_id,
            data=data,
        )
        body = event.encoded()
        digest = digest_of(body)
        self.database.execute("INSERT INTO events VALUES(?, ?, ?)", (event.seq, body, digest))
        views.apply(self.database, event, twin_key)
        if self._tail is not None:
            self._tail = Head(seq=event.seq, digest=digest)
        return event

    @contextmanager
    def spoken(self) -> Iterator[None]:
        """Turn what SQLite says into what the store says."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter where SQLite quotes what is damaged
            raise _problem(error, self.folder, self._wait_s) from None


def make_database(database: sqlite3.Connection) -> None:
    """Make an empty log with its tables in an empty database."""
    database.executescript(f"BEGIN; {_LOG} {views.TABLES} COMMIT;")
    database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute(f"PRAGMA user_version = {_FORMAT}")


def _mode(folder: str, path: str, writable: bool) -> str:
    """How SQLite opens the database. On a disk that nobody can write, it cannot even make its lock files."""
    if writable:
        return "mode=rw"
    wal = f"{path}-wal"
    if is_read_only(folder) and not (os.path.exists(wal) and os.path.getsize(wal)):
        return "mode=ro&immutable=1"
    return "mode=ro"


def _quoted(path: str) -> str:
    from urllib.parse import quote

    return quote(os.path.abspath(path))


_READ_ONLY = "its files may not be written, and readers, too, lock there; is it another user's?"


def _problem(error: sqlite3.Error | UnicodeDecodeError, folder: str, wait_s: float) -> StoreProblem:
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return StoreProblem("busy", f"somebody else has been writing into the store for {wait_s:g} s", "try again")
    damage = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_CONSTRAINT")
    # A text in it that is no UTF-8.
    undecodable = not name and isinstance(error, sqlite3.OperationalError | UnicodeDecodeError)
    if name.startswith(damage) or name == "SQLITE_ERROR" or undecodable:
        return StoreProblem(
            "corrupt",
            f"the database of `{folder}` is damaged ({f'{name}: {error}'.removeprefix(': ')[:200]})",
            "restore a copy of it, or make it anew from the manifests with `rsppc store rebuild`",
        )
    reason = {
        "SQLITE_FULL": "the disk is full",
        "SQLITE_READONLY": _READ_ONLY,
        "SQLITE_CANTOPEN": "its database cannot be opened; is it another user's, or on a read-only disk?",
    }.get(name)
    if reason is None and name.startswith("SQLITE_READONLY"):
        reason = _READ_ONLY
    return StoreProblem(
        "environment",
        f"the store in `{folder}` cannot be used: {reason or f'the operation failed ({name or type(error).__name__})'}",
    )
