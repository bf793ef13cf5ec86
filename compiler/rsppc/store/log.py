"""The event log of a store, in SQLite: `registry.db`, and beside it `registry.head`, the log's high-water mark.

A commit is on the disk before anybody is told (`synchronous=FULL`). Rows of the log can be neither changed nor removed,
triggers see to that; whoever goes around them breaks the chain of digests. The head is written after each commit, so
that it may lag but never lead: a log that ends before its head was cut, or copied without its `-wal` file.
"""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from rsppc.base.record import Record
from rsppc.store import views
from rsppc.store.events import GENESIS, Event, decoded, digest_of
from rsppc.store.hashing import blake3_of
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
HEAD = "registry.head"
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


class Head(Record):
    """The last event: its number, 0 where there is none, and its digest."""

    seq: int
    digest: str


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
                "was the database copied without its `-wal` file? bring back both, or restore a copy",
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
            write_mark(self.folder, after)

    def _settle(self) -> None:
        """Make the name of the write-ahead log durable, once: it is there from now on. SQLite does so as well, and
        passes over a failure."""
        if not self._settled:
            try:
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


# Looking at a whole log


class Audit(Record):
    """What a look at a whole log found: how far it goes, and what is wrong with it."""

    head: Head
    faults: tuple[str, ...]


def audit(log: Log) -> Audit:
    """Hold every event against the one before it, and the tables against all events replayed."""
    mark, damage = read_mark(log.folder)  # before the log is asked, which may grow meanwhile
    replayed = sqlite3.connect("", isolation_level=None)  # on the disk once it is large, and gone with this function
    snapshot = not log.database.in_transaction
    try:
        with _beside():
            replayed.execute("PRAGMA journal_mode = MEMORY")
            views.make_tables(replayed)
        with log.spoken():
            if snapshot:
                log.database.execute("BEGIN")  # others may go on writing; all below sees one moment
            faults = _form_faults(log)
            last, chain_faults = _chain(log, replayed)
            faults += chain_faults
            if mark is not None and mark.seq > last.seq:
                faults.append(f"the log ends at event {last.seq}, but it had {mark.seq} events")
            elif not faults and (fault := log.mark_fault(mark)) is not None:
                faults.append(fault)
            if not faults and _digest_of(replayed) != views.digest_of_views(log.database):
                faults.append("the tables are not what the events say; `rsppc store events replay` makes them anew")
            if damage is not None:
                faults.append(damage)
        return Audit(head=last, faults=tuple(faults))
    except StoreProblem as problem:
        if problem.kind in ("busy", "environment"):  # which says nothing about the log
            raise
        return Audit(head=Head(seq=0, digest=GENESIS), faults=(problem.what,))
    finally:
        replayed.close()
        if snapshot and log.database.in_transaction:
            log.database.execute("ROLLBACK")


@contextmanager
def _beside() -> Iterator[None]:
    """What goes wrong with tables that are only made for a look is no fault of the log."""
    try:
        yield
    except sqlite3.Error as error:
        raise _unreplayed(error) from None


def _unreplayed(error: sqlite3.Error) -> StoreProblem:
    return StoreProblem(
        "environment",
        f"the events cannot be replayed for a look: {error}",
        "see that there is room where temporary files lie",
    )


def _digest_of(replayed: sqlite3.Connection) -> str:
    with _beside():
        return views.digest_of_views(replayed)


def _form_faults(log: Log) -> list[str]:
    """Whether the database is one that this program made, with nothing taken away or bent."""
    model = sqlite3.connect(":memory:", isolation_level=None)
    try:
        make_database(model)
        # Where a table begins may differ; a trigger begins nowhere.
        statement = "SELECT type, name, tbl_name, sql, rootpage * (type = 'trigger') FROM sqlite_master ORDER BY name"
        same = model.execute(statement).fetchall() == log.database.execute(statement).fetchall()
    finally:
        model.close()
    faults = [] if same else ["the tables of the database are not of the form that they were made in"]
    told = [str(row[0]) for row in log.database.execute("PRAGMA integrity_check(5)")]
    return faults + [f"the database is damaged: {line[:200]}" for line in told if line != "ok"]


def _chain(log: Log, replayed: sqlite3.Connection) -> tuple[Head, list[str]]:
    """Go through all events, and take them into tables of their own as long as they are sound."""
    faults: list[str] = []
    waiting: list[Event] = []
    last = Head(seq=0, digest=GENESIS)
    with _beside():
        replayed.execute("BEGIN")
    for seq, body, digest in log.events(-(2**62)):
        if seq < 1:
            faults.append(f"event {seq} should not be there")
            continue
        event = decoded(body)
        if seq != last.seq + 1:
            faults.append(
                f"event {last.seq + 1} is missing"
                if seq == last.seq + 2
                else f"events {last.seq + 1} to {seq - 1} are missing"
            )
        if event is None or event.seq != seq or digest_of(body) != digest:
            faults.append(f"event {seq} is not what its digest says")
        elif seq == last.seq + 1 and event.previous != last.digest:
            faults.append(f"event {seq} does not follow from event {last.seq}")
        if event is not None and not faults:
            waiting.append(event)
        if len(waiting) >= _TOGETHER:
            faults += _replayed(replayed, waiting)
            waiting = []
        last = Head(seq=seq, digest=digest)
        if len(faults) > 100:
            faults.append("and more")
            break
    faults[:0] = _replayed(replayed, waiting)  # these came before whatever ended the replay
    with _beside():
        replayed.execute("COMMIT")
    return last, faults


_TOGETHER = 1_000
"""Events that are taken in at once."""


def _replayed(replayed: sqlite3.Connection, many: list[Event]) -> list[str]:
    """Take events into tables; the first that says what cannot be is named, and none after it is taken."""
    with _beside():
        replayed.execute("SAVEPOINT together")
    if _taken(replayed, lambda: views.apply_each(replayed, many, twin_key)):
        with _beside():
            replayed.execute("RELEASE together")
        return []
    with _beside():
        replayed.execute("ROLLBACK TO together")
    for event in many:
        if not _taken(replayed, partial(views.apply, replayed, event, twin_key)):
            return [f"event {event.seq} says what cannot be"]
    return []


def _taken(replayed: sqlite3.Connection, take: Callable[[], None]) -> bool:
    try:
        take()
    except sqlite3.OperationalError as error:  # no room for the tables, and nothing that an event says
        raise _unreplayed(error) from None
    except (sqlite3.Error, KeyError, TypeError, ValueError, OverflowError):
        return False
    return True


def replay(log: Log) -> Head:
    """Make the tables anew from the events."""
    with log.writing():
        views.drop_tables(log.database)
        views.make_tables(log.database)
        views.apply_each(log.database, _decoded_each(log), twin_key)
    return log.head()


def _decoded_each(log: Log) -> Iterator[Event]:
    for seq, body, _ in log.events():
        event = decoded(body)
        if event is None:
            raise StoreProblem("corrupt", f"event {seq} is not what its digest says", "restore a copy of the store")
        yield event


# The mark


def read_mark(folder: str) -> tuple[Head | None, str | None]:
    """The high-water mark beside a log, and what is wrong with it. A mark that was damaged is passed over like one that
    is not there: it says nothing of the log, and the next event makes it anew."""
    try:
        with open(os.path.join(folder, HEAD), "rb") as file:
            line = file.read(200)
    except FileNotFoundError:
        return None, None
    except OSError as error:
        raise StoreProblem("environment", f"`{folder}/{HEAD}` cannot be read: {spoken(error)}") from None
    seq, _, rest = line.decode("ascii", "backslashreplace").partition(" ")
    if seq.isdecimal() and seq.isascii() and len(seq) < 16:
        head = Head(seq=int(seq), digest=rest.partition(" ")[0])
        if _mark_of(head) == line:
            return head, None
    return None, f"`{HEAD}`, the log's mark, is damaged; the next event makes it anew"


def _mark_of(head: Head) -> bytes:
    """The line of a mark. It has a check of its own, so that damage to it is not taken for damage to the log."""
    said = f"{head.seq} {head.digest}"
    return f"{said} {blake3_of(said.encode()).removeprefix('blake3:')[:16]}\n".encode("ascii")


def write_mark(folder: str, head: Head) -> None:
    """Exchange the mark. One that cannot be written lags behind, which is allowed: the events are safe."""
    path = os.path.join(folder, HEAD)
    fresh = fresh_name(path)
    try:
        with open(fresh, "wb") as file:
            file.write(_mark_of(head))
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        with suppress(OSError):
            os.unlink(fresh)


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
        "SQLITE_READONLY": "it may not be written",
        "SQLITE_CANTOPEN": "its database cannot be opened; is it another user's, or on a read-only disk?",
    }.get(name)
    if reason is None and name.startswith("SQLITE_READONLY"):
        reason = "it may not be written"
    return StoreProblem(
        "environment",
        f"the store in `{folder}` cannot be used: {reason or f'the operation failed ({name or type(error).__name__})'}",
    )
