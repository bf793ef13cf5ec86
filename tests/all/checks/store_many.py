"""Many processes at one store: the same package, another one under the same name, readers, and a collector.

Two writers, then thirty-two. Of those who publish other content under one name exactly one wins, and the others are
told so; whoever publishes the same gets the same digest. A reader gets whole content or a refusal. Content that is
rubbish at one moment and published at the next is kept. Whoever waits too long for a lock is told so, with 4.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rsppc.cli.exits import ENVIRONMENT, INTEGRITY, OK
from rsppc.store.auditing import audit
from rsppc.store.gc import collect
from rsppc.store.locking import collecting_content
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import opened
from rsppc.store.verification import package_ids, verify_package
from stores import AT, published, store_in

from checks.outcome import Outcome, outcome
from checks.store_kill import in_memory
from checks.store_stories import torn

NAME = "store-many"
NEEDS = ()

WRITERS = (2, 32)
FILES = 12
_SECONDS_MAX = 300
_SECONDS_OF_RACE = 10
_READ_MIN = 50
SHARED = {f"f{number}": b"shared %d " % number * 500 for number in range(5)}


def run(folder: Path) -> Outcome:
    folder = in_memory(folder)
    problems: list[str] = []
    try:
        seen = [_writers(folder / f"of-{count}", count, problems) for count in WRITERS]
        seen.append(_race(folder / "race", problems))
        seen.append(_locks(folder / "locks", problems))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return outcome(problems, "; ".join(seen))


# Writers


def _writers(folder: Path, count: int, problems: list[str]) -> str:
    """All at once: the same package by all, one name with other content by each, and a package of each one's own."""
    folder.mkdir()
    store = folder / "store"
    store_in(store).close()
    for number in range(count):
        for name in ("same", f"clash-{number}", f"own-{number}"):
            run = folder / name
            run.mkdir(exist_ok=True)
            for index in range(FILES):
                (run / f"f{index}").write_bytes(f"{'' if index < 4 else name} {index}\n".encode() * 300)
    ends: Counter[str] = Counter()
    digests: dict[str, set[str]] = {}
    for name, per in (("same", "same"), ("clash", "clash-{}"), ("own", "own-{}")):
        works = [_ingest(folder / per.format(number), store, name if name != "own" else f"own-{number}")
                 for number in range(count)]  # fmt: skip
        for code, said, told in _together(works, folder):
            ends[f"{name} {code}"] += 1
            if code == OK:
                digests.setdefault(name, set()).add(said.split()[1])
            elif code == INTEGRITY and name == "clash":
                if "[store-conflict]" not in told:
                    problems.append(f"{count} writers, {name}: told is {told[:200]}")
            elif code != ENVIRONMENT or "store-busy" not in told:
                problems.append(f"{count} writers, {name}: exit {code}: {told[:300]}")
    busy = sum(number for end, number in ends.items() if end.endswith(f" {ENVIRONMENT}"))
    if len(digests.get("same", ())) != 1 or ends["clash 0"] != 1 or ends["own 0"] + ends["own 4"] != count:
        problems.append(f"{count} writers: {dict(ends)}, digests {digests}")
    problems += [f"{count} writers: {one}" for one in _faults(store)]
    return f"{count} writers: one winner, {ends[f'clash {INTEGRITY}']} conflicts told, {busy} out of time"


def _ingest(run: Path, store: Path, run_id: str) -> Callable[[], int]:
    def work() -> int:
        from rsppc.cli.main import main

        words = ["store", "ingest", str(run), "--producer", "p", "--run-id", run_id, "--subject", "s"]
        sys.argv = ["rsppc", *words, "--store", str(store), "--now", "2026-01-01T00:00:00Z"]
        main()
        return OK

    return work


def _together(works: list[Callable[[], int]], folder: Path) -> list[tuple[int, str, str]]:
    """Exit code and words of processes that begin at the same moment."""
    gate, opening = os.pipe()
    pids = []
    for number, work in enumerate(works):
        pid = os.fork()
        if pid == 0:
            os.close(opening)
            os.read(gate, 1)
            _end(work, folder / f"said-{number}", folder / f"told-{number}")
        pids.append(pid)
    os.close(gate)
    os.close(opening)  # which lets all of them go
    codes = [_waited(pid) for pid in pids]
    return [
        (code, (folder / f"said-{number}").read_text(), (folder / f"told-{number}").read_text())
        for number, code in enumerate(codes)
    ]


def _end(work: Callable[[], int], said: Path, told: Path) -> None:
    """Do it, leave behind what was said, and end."""
    out, err, code = io.StringIO(), io.StringIO(), 70
    sys.stdout, sys.stderr = out, err
    try:
        code = work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else OK
    except BaseException as error:
        err.write(f"{type(error).__name__}: {error}")
    finally:
        said.write_text(out.getvalue())
        told.write_text(err.getvalue())
        os._exit(code)


def _waited(pid: int) -> int:
    until = time.monotonic() + _SECONDS_MAX
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    raise TimeoutError("processes wait for each other")


# Publishing, reading and collecting at once


def _race(folder: Path, problems: list[str]) -> str:
    """Writers publish what a collector has just thrown away, or is about to; readers read all of it."""
    folder.mkdir()
    store = folder / "store"
    with store_in(store) as registry:
        kept = published(registry, "kept", {"k": b"kept " * 9000}, retention_class="permanent")
    until = time.monotonic() + _SECONDS_OF_RACE
    works = [lambda number=number: _publishing(store, number, until) for number in range(3)]
    works += [
        lambda: _collecting(store, until),
        lambda: _reading(store, kept, until),
        lambda: _reading(store, "", until),
    ]
    done = _together(works, folder)
    problems += [f"race: process {number} ended with {code}: {told[:400]}"
                 for number, (code, _, told) in enumerate(done) if code != OK]  # fmt: skip
    problems += [f"race: {one}" for one in _faults(store)]
    made, collected, read = (sum(int(said.split()[0]) for _, said, _ in part if said) for part in
                             (done[:3], done[3:4], done[4:]))  # fmt: skip
    if not made or not collected or read < _READ_MIN:
        problems.append(f"race: only {made} packages, {collected} collected, {read} read: nothing is proved")
    return f"{made} packages published while {collected} were collected and {read} read"


def _publishing(store: Path, number: int, until: float) -> int:
    count, clock = 0, random.Random(number)
    with opened(str(store), wait_s=60) as registry:
        while time.monotonic() < until:
            at = AT + timedelta(days=clock.choice([0, 0, -3650]))  # a clock that goes back by ten years now and then
            published(registry, f"{number}-short-{count}", SHARED, retention_class="raw", at=at)
            made = published(registry, f"{number}-long-{count}", SHARED, retention_class="permanent", at=at)
            if {file.path: b"".join(registry.content(file)) for file in registry.files(made)} != SHARED:
                raise AssertionError("what was just published is another")
            count += 2
    print(count)
    return OK


def _collecting(store: Path, until: float) -> int:
    count, now = 0, AT
    with opened(str(store), wait_s=60) as registry:
        while time.monotonic() < until:
            now += timedelta(days=40)
            try:
                done = collect(registry, now, delete=True)
            except StoreProblem as problem:
                if problem.kind != "busy":
                    raise
                continue
            if any(one.package.permanent for one in done.packages):
                raise AssertionError("a permanent package was collected")
            count += len(done.packages)
        if collect(registry, datetime(2016, 1, 1, tzinfo=UTC)).packages:
            raise AssertionError("ten years ago nothing was over")
    print(count)
    return OK


def _reading(store: Path, package_id: str, until: float) -> int:
    """Read one package over and over, or all that there are."""
    count = 0
    with opened(str(store), writable=False) as registry:
        while time.monotonic() < until:
            ids = [package_id] if package_id else [one.package_id for one in registry.packages(limit=10_000)[-20:]]
            for one in ids:
                wanted = {"k": b"kept " * 9000, **SHARED}
                try:
                    found = {file.path: b"".join(registry.content(file)) for file in registry.files(one)}
                except StoreProblem as problem:
                    if registry.package(one).state != "collected" or "is missing" not in problem.what:
                        raise
                    continue  # it was collected while it was read
                if any(wanted.get(path) != data for path, data in found.items()):
                    raise AssertionError("other bytes were read")
                count += 1
    print(count)
    return OK


def _faults(store: Path) -> list[str]:
    found = [f"{one} is torn" for one in torn(store)]
    with opened(str(store)) as registry:
        found += audit(registry.log).faults
        for one in package_ids(registry):
            found += [f"{fault.item}: {fault.what}" for fault in verify_package(registry, one).faults]
    return found


# Locks


def _locks(folder: Path, problems: list[str]) -> str:
    """Whoever waits for a lock in vain is told so, and nothing is changed."""
    folder.mkdir()
    store, run = folder / "store", folder / "run"
    run.mkdir()
    (run / "a").write_bytes(b"a")
    store_in(store).close()
    blocking = sqlite3.connect(store / "registry.db", isolation_level=None)
    blocking.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    (code, _, told), = _together([_ingest(run, store, "r")], folder)  # fmt: skip
    waited = time.monotonic() - started
    blocking.execute("ROLLBACK")
    blocking.close()
    if code != ENVIRONMENT or "store-busy" not in told or waited > 60:
        problems.append(f"locks: exit {code} after {waited:.0f} s: {told[:300]}")
    with collecting_content(str(store)):
        (code, _, told), = _together([_ingest(run, store, "r")], folder)  # fmt: skip
    if code != ENVIRONMENT or "store-busy" not in told:
        problems.append(f"locks: exit {code} while somebody collects: {told[:300]}")
    (code, _, told), = _together([_ingest(run, store, "r")], folder)  # fmt: skip
    if code != OK:
        problems.append(f"locks: exit {code} when nobody does any more: {told[:300]}")
    problems += [f"locks: {one}" for one in _faults(store)]
    return f"who waited in vain was told so after {waited:.0f} s"
