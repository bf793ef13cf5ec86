"""A look at a whole log: every event held against the one before it, and the tables against all events replayed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

from rsppc.base.record import Record
from rsppc.store import views
from rsppc.store.events import GENESIS, Event, decoded, digest_of
from rsppc.store.log import Log, make_database
from rsppc.store.mark import MISSING, Head, read_mark
from rsppc.store.paths import twin_key
from rsppc.store.problems import StoreProblem

_TOGETHER = 1_000
"""Events that are taken in at once, and rows that are compared at once."""


_CACHE_KIB = 64 * 1024
"""So much of the replayed tables is kept in memory; what is more lies on the disk."""


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
            replayed.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            views.make_tables(replayed, searched=False)
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
            if not faults and not _same_tables(log.database, replayed):
                faults.append("the tables are not what the events say; `rsppc store events replay` makes them anew")
            if damage is not None:
                faults.append(damage)
            elif mark is None and last.seq > 0 and read_mark(log.folder)[0] is None:  # the first writer made one since
                faults.append(MISSING)
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


def _same_tables(database: sqlite3.Connection, replayed: sqlite3.Connection) -> bool:
    for name in views.NAMES:
        statement = f"SELECT * FROM {name} ORDER BY 1, 2"
        with closing(database.execute(statement)) as rows:  # one that meets damage may stay open
            with _beside():
                others = replayed.execute(statement)
            some: list[Any] | None = None
            while some != []:
                some = rows.fetchmany(_TOGETHER)
                with _beside():
                    if some != others.fetchmany(_TOGETHER):
                        return False
    return True


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
