"""A store on a disk whose power is cut, that is really full, or that becomes read-only.

While processes publish, collect and verify in it, the disk is cut at a moment of chance (`cut_disk.py`): the image that
is left has everything that was flushed, and of what was written since then everything, nothing, or blocks by chance. It
is mounted, which replays the journal of its ext4, and looked at. What somebody was promised before that moment must be
there.

What this cannot show: a disk that says that it has flushed, and has not.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from rsppc.base.record import Record
from rsppc.cli.exits import ENVIRONMENT, OK
from rsppc.store.gc import collect
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, opened
from rsppc.store.request import Entry, PackageRequest
from rsppc.store.verification import package_ids, verify_package
from stores import AT, store_in
from workspaces import rsppc_here

from checks.cut_disk import CutDisk
from checks.outcome import NotRun, Outcome, outcome
from checks.store_kill import in_memory
from checks.store_stories import torn

NAME = "store-power-cut"
NEEDS = ("root", "mount", "fuse")

CUTS = 100
CUTS_OF_ONE = 10
"""After so many the store begins anew, so that looking at it stays quick."""
KINDS = ("flushed", "some", "all")
WRITERS = 3
_IMAGE_BYTES = 64 * 2**20
_PROMISES_MIN = 200
_LATER = AT + timedelta(days=60)


class Tally(Record, frozen=False):
    cuts: int = 0
    unsure: int = 0
    """Writes that no flush had made sure of when the power was cut."""
    promised: int = 0
    beyond: int = 0
    """Events that were there and had not been promised yet."""
    full: int = 0


def run(folder: Path) -> Outcome:
    folder = in_memory(folder)
    problems: list[str] = []
    tally = Tally()
    try:
        with _mounted(_image(folder / "trial.img"), folder / "disk"):
            pass
        while tally.cuts < CUTS:
            _one_store(folder, tally, problems)
        for options in ([], ["-N", "160"]):
            _full(folder, options, tally, problems)
        _read_only(folder, problems)
    except PermissionError as error:
        return NotRun(f"nothing may be mounted here: {error}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if tally.promised < _PROMISES_MIN:
        problems.append(f"only {tally.promised} promises were made: nothing is proved")
    kept = "not all kept" if problems else "0 lost, 0 torn, the log a beginning"
    shown = f"{tally.cuts} power cuts with {tally.unsure} unsure writes: of {tally.promised} promises {kept}"
    shown += f", {tally.beyond} events beyond them; {tally.full} writers met a full disk; and a read-only one"
    return outcome(problems, shown)


# Power cuts


def _one_store(folder: Path, tally: Tally, problems: list[str]) -> None:
    """Several power cuts of one store under load."""
    disk, chance = folder / "disk", random.Random(tally.cuts)
    cutting = CutDisk(_image(folder / "disk.img").read_bytes(), folder / "cutting")
    try:
        copies, events = _loaded(cutting, disk, folder, chance, tally, problems)
    finally:
        cutting.close()
    for copy, kind, promises in copies:
        with _mounted(copy, disk):
            found = _faults(disk / "store", promises, events, tally)
        problems += [f"cut {tally.cuts} ({kind}): {one}" for one in found]
        for one in found:
            print(f"  cut {tally.cuts} ({kind}): {one}"[:300], file=sys.stderr)
        copy.unlink()
        tally.cuts += 1
        tally.promised += len(promises)


def _loaded(
    cutting: CutDisk, disk: Path, folder: Path, chance: random.Random, tally: Tally, problems: list[str]
) -> tuple[list[tuple[Path, str, list[str]]], list[bytes]]:
    """Cut a disk several times while a store on it is in use; what each cut left with what was promised before, and all
    events in the end."""
    with _mounted(cutting.path, disk):
        store = disk / "store"
        store_in(store).close()
        writers = [_started(store, folder / f"promises-{number}", number) for number in range(WRITERS)]
        copies = []
        try:
            for number in range(CUTS_OF_ONE):
                time.sleep(chance.uniform(0.02, 0.4))
                promises = [line for one in range(WRITERS) for line in _promises(folder / f"promises-{one}")]
                copy, kind = folder / f"copy-{number}.img", KINDS[number % len(KINDS)]
                tally.unsure += cutting.cut(kind, number, copy).unsure
                copies.append((copy, kind, promises))
            ended = [os.waitpid(pid, os.WNOHANG) for pid in writers]
            problems += [f"a writer ended with {status}" for pid, status in ended if pid]
        finally:
            for pid in writers:
                os.kill(pid, signal.SIGKILL)
            for pid in writers:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)
        with opened(str(store)) as registry:
            events = [body for _, body, _ in registry.log.events()]
    for number in range(WRITERS):
        (folder / f"promises-{number}").unlink()
    return copies, events


def _started(store: Path, promises: Path, number: int) -> int:
    """A process that writes into a store and notes each promise as soon as it has it; its id."""
    promises.touch()
    pid = os.fork()
    if pid:
        return pid
    try:
        os.nice(5)
        with opened(str(store), wait_s=60) as registry, open(promises, "a", encoding="utf-8", buffering=1) as noted:
            for run in range(10**6):
                _write_one(registry, f"{number}-{run}", noted.write)
                if number == 0 and run % 5 == 4:
                    collect(registry, _LATER, delete=True)
    finally:
        os._exit(1)


def content_of(run: str, name: str) -> bytes:
    """What a file of a run holds; some files are the same in several runs."""
    who, _, number = run.partition("-")
    return f"{name} of {who if name == 'shared' else run}\n".encode() * (1 + int(number) * 37 % 400)


def _write_one(registry: Registry, run: str, noted: object) -> None:
    assert callable(noted)
    kind = "raw" if run.endswith("3") else "standard"
    request = PackageRequest(producer="load", run_id=run, subject="desk", retention_class=kind)
    made = registry.create_package(request, AT).package.package_id
    noted(f"{registry.log.last().seq} created {made} {run}\n")
    incoming = [(Entry(path=name), [content_of(run, name)]) for name in ("a", "b/c", "shared", "empty/d")]
    registry.ingest_files(made, incoming, AT)
    noted(f"{registry.package(made).created_seq} ingested {made} {run}\n")
    digest = registry.finalize_package(made, AT).manifest_digest
    noted(f"{registry.package(made).finalized_seq} final {made} {run} {digest}\n")
    registry.record_attestation(made, "note", "text/plain", run.encode(), AT)
    noted(f"{registry.package(made).finalized_seq} attested {made} {run}\n")


def _promises(path: Path) -> list[str]:
    return [line for line in path.read_text("utf-8").splitlines(keepends=True) if line.endswith("\n")]


def _faults(store: Path, promises: list[str], events: list[bytes], tally: Tally) -> list[str]:
    """What is wrong with a store after a power cut."""
    found = [f"{one} is torn" for one in torn(store)]
    for words in (["store", "events", "verify"], ["store", "verify"]):
        done = rsppc_here(store.parent, *words, "--store", str(store))
        if done.returncode != OK:
            found.append(f"`{' '.join(words)}` ends with {done.returncode}: {(done.stdout + done.stderr)[-300:]!r}")
    try:
        with opened(str(store)) as registry:
            there = [body for _, body, _ in registry.log.events()]
            if there != events[: len(there)]:
                found.append("the log is no beginning of what was written")
            highest = max((int(line.split()[0]) for line in promises), default=0)
            if len(there) < highest:
                found.append(f"the log ends at {len(there)}, and {highest} was promised")
            tally.beyond += len(there) - highest
            for line in promises:
                found += _broken_promise(registry, line)
            _write_one(registry, "9-9", lambda _: None)  # and it goes on
            for one in package_ids(registry):
                found += [fault.what for fault in verify_package(registry, one).faults]
    except StoreProblem as problem:
        found.append(f"the store cannot be used: {problem.what}")
    return found


def _broken_promise(registry: Registry, line: str) -> list[str]:
    _, what, package_id, run, *rest = line.split()
    package = registry.found(package_id)
    if package is None:
        return [f"lost: {line.strip()}"]
    if what == "created":
        return []
    if package.state == "collected" and run.endswith("3"):
        return []
    names = {file.path: b"".join(registry.content(file)) for file in registry.files(package_id)}
    kept = names == {name: content_of(run, name) for name in ("a", "b/c", "shared", "empty/d")}
    if what == "final":
        kept = kept and package.manifest_digest == rest[0] and bool(registry.manifest_bytes(package_id))
    if what == "attested":
        kept = kept and registry.attestation_bytes(package_id, "note") == run.encode()
    return [] if kept else [f"lost: {line.strip()}"]


# A disk that is full, or read-only


def _full(folder: Path, options: list[str], tally: Tally, problems: list[str]) -> None:
    """Publish until nothing fits any more: of bytes, or of files."""
    image = _image(folder / "small.img", 6 * 2**20, options)
    refused = 0
    with _mounted(image, folder / "disk"):
        store = folder / "disk" / "store"
        run = folder / "run"
        run.mkdir(exist_ok=True)
        store_in(store).close()
        done: dict[str, bytes] = {}
        for number in range(400):
            (run / "data").write_bytes(random.Random(number).randbytes(90_000))
            words = ["store", "ingest", str(run), "--producer", "p", "--run-id", f"r{number}", "--subject", "s"]
            ended = rsppc_here(folder, *words, "--store", str(store), "--now", "2026-01-01T00:00:00Z")
            if ended.returncode == OK:
                done[ended.stdout.split()[0].decode()] = (run / "data").read_bytes()
            elif ended.returncode == ENVIRONMENT and ended.stderr:
                refused += 1
            else:
                problems.append(f"on a full disk: exit {ended.returncode}: {ended.stderr[-300:]!r}")
                refused += 1
            if refused > 5:
                break
        if not refused:
            problems.append(f"with {options} the disk was never full")
        tally.full += refused
        problems += [f"on a full disk: {one}" for one in _kept(store, done)]
    shutil.rmtree(run)


def _read_only(folder: Path, problems: list[str]) -> None:
    """What can be read stays readable where nothing may be written, with events that are still in the write-ahead log
    as well; and nothing else than exit code 4 comes of writing."""
    disk = folder / "disk"
    for clean in (True, False):
        image = _image(folder / "read-only.img")
        with _mounted(image, disk):
            store = disk / "store"
            with store_in(store) as registry:
                _write_one(registry, "0-1", lambda _: None)
                package = registry.packages()[0].package_id
                if not clean:
                    os.sync()
                    shutil.copy(image, folder / "copy.img")
        if not clean:
            image = folder / "copy.img"
            with _mounted(image, disk):
                pass  # the file system's own journal first
        with _mounted(image, disk):
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            reading = [["list"], ["get", package], ["verify"], ["events", "verify"], ["events", "tail"]]
            for words in reading:
                ended = rsppc_here(folder, "store", *words, "--store", str(store))
                if ended.returncode != OK and (clean or ended.returncode != ENVIRONMENT or not ended.stderr):
                    problems.append(f"read-only: {words} ends with {ended.returncode}: {ended.stderr[-300:]!r}")
            run = folder / "run"
            run.mkdir(exist_ok=True)
            (run / "a").write_bytes(b"a")
            publish = ["ingest", str(run), "--producer", "p", "--run-id", "r", "--subject", "s"]
            hold = ["retention", "hold", package, "--by", "ada", "--reason", "case"]
            for words in (publish, hold, ["gc", "--delete"], ["verify", "--record"]):
                ended = rsppc_here(folder, "store", *words, "--store", str(store))
                if ended.returncode != ENVIRONMENT or not ended.stderr:
                    problems.append(f"read-only: {words[0]} ends with {ended.returncode}: {ended.stderr[-300:]!r}")


def _kept(store: Path, done: dict[str, bytes]) -> list[str]:
    """What was published and is not there any more, or cannot be proved."""
    found = [f"{one} is torn" for one in torn(store)]
    with opened(str(store), writable=False) as registry:
        for package_id, data in done.items():
            package = registry.package(package_id)
            if package.state != "finalized" or b"".join(registry.content(registry.file_at(package_id, "data"))) != data:
                found.append(f"{package_id} was promised and is lost")
    for words in (["store", "events", "verify"], ["store", "verify"]):
        ended = rsppc_here(store.parent, *words, "--store", str(store))
        if ended.returncode != OK:
            found.append(f"`{' '.join(words)}` ends with {ended.returncode}: {(ended.stdout + ended.stderr)[-300:]!r}")
    return found


# Images


def _image(path: Path, size: int = _IMAGE_BYTES, options: list[str] | None = None) -> Path:
    """A new disk with an empty file system."""
    path.unlink(missing_ok=True)
    with open(path, "wb") as file:
        file.truncate(size)
    words = ["mkfs.ext4", "-q", "-F", "-m", "0", *(options or []), str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PermissionError(done.stderr.strip())
    return path


@contextlib.contextmanager
def _mounted(image: Path, folder: Path) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
    words = ["mount", "-t", "ext4", "-o", "loop", str(image), str(folder)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PermissionError(done.stderr.strip())
    try:
        yield
    finally:
        for _ in range(50):
            if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
                break
            time.sleep(0.1)
