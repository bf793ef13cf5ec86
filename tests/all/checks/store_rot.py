"""A store whose bytes change on the disk, one bit at a time: in content, manifests, the database, its log, its mark.

Every flip must be detected, with exit code 3 and the name of what is damaged, or be shown to mean nothing: then the
database answers every question as before. Whatever else is in the store stays readable, and what is read is never
anything else than what was written.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rsppc.cli.exits import FINDINGS, INTEGRITY, OK
from rsppc.store.auditing import audit
from rsppc.store.log import DATABASE, Log
from rsppc.store.mark import HEAD
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import opened
from rsppc.store.verification import package_ids, verify_package
from stores import AT, published, store_in
from workspaces import rsppc_here

from checks.outcome import Outcome, outcome
from checks.store_kill import in_memory
from checks.store_stories import Contents, contents_of

NAME = "store-rot"
NEEDS = ()

_SECONDS_MAX = 20
_VERSION = frozenset(f"{DATABASE}:{offset}.{bit}" for offset in range(60, 64) for bit in range(8))
"""The number of the database's format. A store of another format looks like that, and is refused as one."""
_BY_COMMAND = 211
"""Every so many flips the real command is asked as well, which takes longer."""
_ZEROS = 29
"""Of the bytes of a database page that nothing was ever written to, one in so many is tried."""
_WRITTEN = 3
"""Of what was written in a page, one byte in so many; all of them take a quarter of an hour."""
_FRAMES = 7
"""Of a write-ahead log, which has a checksum for each page, one byte in so many."""


def run(folder: Path) -> Outcome:
    folder = in_memory(folder)
    parts = os.cpu_count() or 1
    try:
        with ProcessPoolExecutor(parts, multiprocessing.get_context("fork")) as pool:
            found = list(pool.map(_part, [folder / str(part) for part in range(parts)], range(parts), [parts] * parts))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    problems = [one for told, _ in found for one in told]
    seen = sum((counted for _, counted in found), Counter[str]())
    shown = ", ".join(f"{name} {count}" for name, count in sorted(seen.items()))
    return outcome(problems, f"{sum(seen.values())} damages; {shown}")


def _part(folder: Path, part: int, parts: int) -> tuple[list[str], Counter[str]]:
    """One of several equal shares of the work, on a store of its own."""
    folder.mkdir()
    rot = _Rot(folder, part, parts)
    rot.look()
    return rot.problems, rot.seen


class _Rot:
    """A store, what it says when nothing is wrong with it, and what was found."""

    def __init__(self, folder: Path, part: int = 0, parts: int = 1) -> None:
        self._part, self._parts = part, parts
        self.store = folder / "store"
        self.problems: list[str] = []
        self.seen: Counter[str] = Counter()
        self._number = 0
        with store_in(self.store) as registry:
            made = published(registry, "r1", {"run.json": b'{"run":1}\n', "log.txt": b"line\n" * 30, "empty": b""})
            registry.record_attestation(made, "signature", "application/json", b"{}", AT)
            published(registry, "r2", {"a.txt": b"other"})
            registry.set_hold(made, by="ada", reason="case", at=AT)
            self.with_wal = shutil.copytree(self.store, folder / "with-wal")
        with opened(str(self.store)) as registry:
            self.contents = contents_of(registry)
            self.places = {
                file.location: (package.package_id, file.path)
                for package in registry.packages()
                for file in registry.files(package.package_id)
            }
        self.dump = _dump(self.store)

    def look(self) -> None:
        self._content()
        self._mark()
        self._records()
        self._copied_without_wal()
        self._lengths()
        self._bits(self.store, DATABASE, step=_WRITTEN)
        self.store = self.with_wal
        self._bits(self.store, f"{DATABASE}-wal", step=_FRAMES)

    # What is damaged

    def _content(self) -> None:
        """A bit of every byte of every content and manifest, of the first and the last byte all."""
        for space in ("blobs", "manifests"):
            for path in sorted((self.store / space).rglob("?" * 64)):
                name = path.relative_to(self.store).as_posix()
                size = path.stat().st_size
                for offset in range(size):
                    for bit in range(8) if offset in (0, size - 1) else (offset % 8,):
                        with _flipped(path, offset, bit):
                            self._judge(f"{space[:-1]} bits", f"{name}:{offset}.{bit}", item=name)
                with _truncated(path, size // 2 if size else 0, b"" if size else b"x"):
                    self._judge("content cut", name, item=name)

    def _mark(self) -> None:
        """Every bit of the log's mark; everything else stays as readable as before."""
        path = self.store / HEAD
        for offset in range(path.stat().st_size):
            for bit in range(8):
                with _flipped(path, offset, bit):
                    self._judge("mark bits", f"{HEAD}:{offset}.{bit}", said=HEAD, readable=True)
        for size in range(path.stat().st_size):
            with _truncated(path, size):
                self._judge("mark cut", f"{HEAD}:{size}", said=HEAD, readable=True)

    def _records(self) -> None:
        """Every record of the log removed, exchanged, cut, replaced; and some appended."""
        path = self.store / DATABASE
        count = len(self.dump["events"])
        one = "UPDATE events SET {} WHERE seq = {}"
        changes = {f"append {kind}": [f"INSERT INTO events VALUES({count + 1}, {body}, {digest})"]
                   for kind, body, digest in (
                       ("garbage", "x'00ff'", "'blake3:'"),
                       ("a copy of the last", f"(SELECT body FROM events WHERE seq = {count})", "'blake3:'"),
                   )}  # fmt: skip
        for seq in range(1, count + 1):
            changes[f"remove {seq}"] = [f"DELETE FROM events WHERE seq = {seq}"]
            changes[f"cut {seq}"] = [one.format("body = substr(body, 1, length(body) / 2)", seq)]
            changes[f"empty {seq}"] = [one.format("body = x''", seq)]
            changes[f"forget the digest of {seq}"] = [one.format("digest = ''", seq)]
            if seq < count:
                changes[f"exchange {seq} and {seq + 1}"] = [
                    one.format("seq = 0", seq),
                    one.format(f"seq = {seq}", seq + 1),
                    one.format(f"seq = {seq + 1}", 0),
                ]
        whole = path.read_bytes()
        for name, statements in changes.items():
            database = sqlite3.connect(path, isolation_level=None)
            triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for trigger, _ in triggers:
                database.execute(f"DROP TRIGGER {trigger}")
            for statement in statements:
                database.execute(statement)
            for _, statement in triggers:  # as if nobody had been there
                database.execute(statement)
            database.close()
            self._judge("records", name, said="event")
            path.write_bytes(whole)

    def _copied_without_wal(self) -> None:
        """The database of a store that is in use, copied without the file that has its latest events."""
        wal = self.with_wal / f"{DATABASE}-wal"
        kept = wal.read_bytes()
        here, self.store = self.store, self.with_wal
        for size in (0, 32, len(kept) // 3, len(kept) // 2, len(kept) - 1):
            with _truncated(wal, size):
                self._judge("write-ahead log cut", f"to {size} bytes", said="the log ends at")
            _forget_shared(self.store)
        wal.unlink()
        self._judge("write-ahead log missing", "wal", said="the log ends at")
        wal.write_bytes(kept)
        _forget_shared(self.store)
        self.store = here

    def _lengths(self) -> None:
        """A database that is cut, or longer than it was."""
        path = self.store / DATABASE
        size = path.stat().st_size
        for length in sorted({*range(0, size, 1021), size - 1}):
            with _truncated(path, length):
                self._judge("database cut", f"to {length} bytes")
        for more in (1, 512, 4096, 10_000):
            with _truncated(path, size, b"\xa5" * more):
                self._judge("database longer", f"by {more} bytes", may_mean_nothing=True)

    def _bits(self, store: Path, name: str, step: int = 1) -> None:
        """One bit of every byte of a database; of its header all eight."""
        path = store / name
        data = path.read_bytes()
        for offset, byte in enumerate(data):
            if offset >= 128 and offset % (step if byte else _ZEROS):
                continue
            for bit in range(8) if offset < 128 else (offset % 8,):
                with _flipped(path, offset, bit):
                    what = (
                        f"{name} bits {'that are zero' if not byte else 'of the header' if offset < 128 else 'written'}"
                    )
                    self._judge(what, f"{name}:{offset}.{bit}", may_mean_nothing=True)

    # What is said of it

    def _judge(
        self,
        what: str,
        place: str,
        *,
        item: str | None = None,
        said: str | None = None,
        readable: bool = False,
        may_mean_nothing: bool = False,
    ) -> None:
        self._number += 1
        if self._number % self._parts != self._part:
            return
        problems, kind = [], "broken"
        try:
            with _bounded():
                kind, words = _verdict(self.store)
                contents, refused = _read(self.store)
            if kind == "sound":
                if not may_mean_nothing:
                    problems.append("not detected")
                elif _dump(self.store) != self.dump or contents != self.contents:
                    problems.append("not detected, and not without meaning")
            elif kind not in ("damaged", "corrupt") and not (kind == "refused" and place in _VERSION):
                problems.append(f"it is {kind}: {words}")
            problems += self._misread(contents, refused, item, words, readable=readable)
            if said is not None and not any(said in one for one in words):
                problems.append(f"said is {words}, without {said!r}")
            if self._number % _BY_COMMAND == 0:
                problems += self._by_command(kind)
        except _EndlessError:
            problems.append("there is no end of it")
        except Exception as error:  # none may come out of a store but its own
            problems.append(f"{type(error).__name__}: {error}")
        self.seen[f"{what} {'without meaning' if kind == 'sound' else 'detected' if not problems else 'wrong'}"] += 1
        for one in problems:
            self.problems.append(f"{what}, {place}: {one}")
            if len(self.problems) < 40:
                print(f"  {what}, {place}: {one}"[:300], file=sys.stderr)

    def _misread(
        self, contents: Contents, refused: set[tuple[str, str]], item: str | None, words: list[str], *, readable: bool
    ) -> list[str]:
        """What was read and is another, what is named though it is sound, what is sound and cannot be read."""
        known = set(self.contents.values())  # a name may be damaged, and is then detected; bytes are never others
        problems = [f"{place} is read with other bytes" for place, data in contents.items()
                    if self.contents.get(place, data) != data or data not in known]  # fmt: skip
        if item is not None:
            wanted = {self.places[item]} if item in self.places else None
            if wanted is not None and (refused != wanted or not any(wanted_in(wanted, one) for one in words)):
                problems.append(f"refused is {refused}, said is {words}")
            if wanted is None and len(refused) > 1:
                problems.append(f"refused is {refused}")
        if readable and contents != self.contents:
            problems.append("not everything can be read")
        return problems

    def _by_command(self, kind: str) -> list[str]:
        done = rsppc_here(self.store.parent, "store", "verify", "--store", str(self.store))
        if done.returncode != {"sound": OK, "refused": FINDINGS}.get(kind, INTEGRITY):
            return [f"`store verify` ends with {done.returncode}: {(done.stdout + done.stderr)[-200:]!r}"]
        return []


def wanted_in(wanted: set[tuple[str, str]], said: str) -> bool:
    return any(path in said for _, path in wanted)


def _verdict(store: Path) -> tuple[str, list[str]]:
    """What `store verify` finds: `sound`, `damaged`, or the kind of a refusal; and its words."""
    try:
        with opened(str(store), writable=False) as registry:
            words = list(audit(registry.log).faults)
            for one in list(package_ids(registry)):
                verdict = verify_package(registry, one)
                words += [f"{fault.item}: {fault.what}" for fault in verdict.faults]
    except StoreProblem as problem:
        return problem.kind, [problem.what]
    return ("damaged" if words else "sound"), words


def _read(store: Path) -> tuple[Contents, set[tuple[str, str]]]:
    """All that can still be read, and what is refused."""
    found: Contents = {}
    refused: set[tuple[str, str]] = set()
    try:
        with opened(str(store), writable=False) as registry:
            for package in registry.packages(limit=1000):
                made = package.package_id
                wanted: list[tuple[str, Any]] = [("", lambda made=made: registry.manifest_bytes(made))]
                wanted += [
                    (file.path, lambda file=file: b"".join(registry.content(file))) for file in registry.files(made)
                ]
                wanted += [
                    (f"attestation {one.name}", lambda made=made, one=one: registry.attestation_bytes(made, one.name))
                    for one in registry.attestations(made)
                ]
                for path, ask in wanted:
                    try:
                        found[made, path] = ask()
                    except StoreProblem:
                        refused.add((made, path))
    except StoreProblem:
        pass
    return found, refused


def _dump(store: Path) -> dict[str, list[Any]]:
    """Every row of every table."""
    log = Log.open(str(store), writable=False, checked=False)
    try:
        names = [row[0] for row in log.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: log.database.execute(f"SELECT * FROM {name}").fetchall() for name in names}
        found["made"] = log.database.execute("SELECT * FROM sqlite_master ORDER BY name").fetchall()
    finally:
        log.close()
    return found


# Damage


@contextmanager
def _flipped(path: Path, offset: int, bit: int) -> Iterator[None]:
    with open(path, "r+b", buffering=0) as file:
        file.seek(offset)
        byte = file.read(1)[0]
        try:
            file.seek(offset)
            file.write(bytes([byte ^ 1 << bit]))
            _forget_shared(path.parent)
            yield
        finally:
            file.seek(offset)
            file.write(bytes([byte]))
            _forget_shared(path.parent)


@contextmanager
def _truncated(path: Path, size: int, more: bytes = b"") -> Iterator[None]:
    whole = path.read_bytes()
    try:
        path.write_bytes(whole[:size] + more)
        yield
    finally:
        path.write_bytes(whole)


def _forget_shared(store: Path) -> None:
    """What processes share of a database belongs to no file that was damaged."""
    (store / f"{DATABASE}-shm").unlink(missing_ok=True)


class _EndlessError(Exception):
    """No `TimeoutError`, which a store would take for a disk that failed."""


@contextmanager
def _bounded() -> Iterator[None]:
    def over(*_: object) -> None:
        raise _EndlessError

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(_SECONDS_MAX)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
