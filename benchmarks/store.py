"""What the artifact store costs.

python benchmarks/store.py table [--quick]       the figures, with their bounds
python benchmarks/store.py copy SOURCE TARGET    the floor of an ingest: copy each file, fsync it, take both digests
python benchmarks/store.py digest FOLDER         the floor of a look at everything: take both digests
python benchmarks/store.py fill STORE COUNT      events and tables of many packages, without going through each
python benchmarks/store.py ask STORE             seconds of opening a store, listing and getting a package
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

Row = tuple[str, str, float, float]

RSPPC = str(Path(sys.executable).with_name("rsppc"))
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
FILES = 10_000
"""Fewer would be over before a process has begun."""
FILE_BYTES = 100 * 1024
MEMORY_MB = 150
ASKED = 300
SUBJECTS = 50
"""Of so many packages in a row each has a subject of its own."""
AT = datetime(2026, 1, 1, tzinfo=UTC)


def rows(folder: Path, *, quick: bool) -> list[Row]:
    """What is measured, its figures, their ratio, and its bound."""
    folder.mkdir(parents=True, exist_ok=True)
    size, packages = (256 * 2**20, 100_000) if quick else (8 * 2**30, 1_000_000)
    return [*_many_files(folder, FILES, 3), _large_file(folder, size), *_many_packages(folder, packages)]


# Many files


def _many_files(folder: Path, count: int, rounds: int) -> list[Row]:
    source = folder / "source"
    source.mkdir()
    for number in range(count):
        (source / f"{number:05}").write_bytes(random.Random(number).randbytes(FILE_BYTES))
    ours, floor, looked, digested = [], [], [], []
    for number in range(rounds + 1):
        store, copy = folder / "store", folder / "copy"
        os.sync()
        floor.append(_seconds(_here("copy", str(source), str(copy))))
        shutil.rmtree(copy)
        _run([RSPPC, "store", "init", "--store", str(store)])
        os.sync()
        ours.append(_seconds(_ingest(source, store)))
        digested.append(_seconds(_here("digest", str(store / "blobs"))))
        looked.append(_seconds([RSPPC, "store", "verify", "--store", str(store)]))
        shutil.rmtree(store)
        if number == 0:  # nothing is in memory yet
            ours.clear(), floor.clear(), looked.clear(), digested.clear()
    shutil.rmtree(source)
    return [
        _paired(f"ingest {count} files of 100 KiB / copy, fsync, two digests", ours, floor, 1 / 0.6),
        _paired(f"verify {count} files of 100 KiB / two digests", looked, digested, 1.3),
    ]


def _ingest(source: Path, store: Path) -> list[str]:
    words = [RSPPC, "store", "ingest", str(source), "--producer", "bench", "--run-id", "r", "--subject", "s"]
    return [*words, "--store", str(store)]


def _paired(name: str, ours: list[float], floor: list[float], bound: float) -> Row:
    ratio = statistics.median(one / other for one, other in zip(ours, floor, strict=True))
    return (name, f"{statistics.median(ours):.2f} / {statistics.median(floor):.2f} s", ratio, bound)


def copy(source: str, target: str) -> None:
    """The floor of an ingest."""
    from blake3 import blake3

    os.mkdir(target)
    for name in sorted(os.listdir(source)):
        with open(os.path.join(source, name), "rb") as file, open(os.path.join(target, name), "wb") as made:
            data = file.read()
            sha256(data).hexdigest(), blake3(data).hexdigest()
            made.write(data)
            made.flush()
            os.fsync(made.fileno())


def digest(folder: str) -> None:
    """The floor of a look at everything."""
    from blake3 import blake3

    for place, _, names in os.walk(folder):
        for name in sorted(names):
            with open(os.path.join(place, name), "rb", buffering=0) as file:
                data = file.read()
            sha256(data).hexdigest(), blake3(data).hexdigest()


# One large file


def _large_file(folder: Path, size: int) -> Row:
    """Peak memory of one file, the whole of which is written; its source has no content on the disk."""
    source, store = folder / "large", folder / "large-store"
    source.mkdir()
    with open(source / "one", "wb") as file:
        file.truncate(size)
    _run([RSPPC, "store", "init", "--store", str(store)])
    started = time.perf_counter()
    process = subprocess.Popen(_ingest(source, store), stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        raise RuntimeError("the large file was not taken")
    taken = time.perf_counter() - started
    shutil.rmtree(source)
    shutil.rmtree(store)
    peak = usage.ru_maxrss / 1024
    name = f"peak memory of ingesting one file of {size / 2**30:g} GiB / {MEMORY_MB} MB"
    return (name, f"{peak:.0f} MB, {taken:.0f} s", peak / MEMORY_MB, 1.0)


# Many packages


def _many_packages(folder: Path, count: int) -> list[Row]:
    stores = {}
    for number in (1000, count):
        stores[number] = folder / f"of-{number}"
        _run([RSPPC, "store", "init", "--store", str(stores[number])])
        _run(_here("fill", str(stores[number]), str(number)))
    _run([RSPPC, "store", "events", "verify", "--store", str(stores[1000])])  # what was filled is what it says
    asked: dict[int, list[list[float]]] = {number: [] for number in stores}
    for _ in range(5):
        for number, store in stores.items():
            told = subprocess.run(
                _here("ask", str(store)), capture_output=True, text=True, check=True, env=ENVIRONMENT
            ).stdout
            asked[number].append([float(word) for word in told.split()])
    for store in stores.values():
        shutil.rmtree(store)
    found = []
    for index, what in enumerate(("open a store and get one package", "open a store and list one subject")):
        many, few = (statistics.median(one[index] for one in asked[number]) for number in (count, 1000))
        name = f"{what} among {count} / among 1000"
        found.append((name, f"{many * 1e6:.0f} / {few * 1e6:.0f} us", many / few, 3.0))
    return found


def fill(store: str, count: str) -> None:
    """Write the events of many packages of one file, and their tables, which hold what applying each event would."""
    import msgspec
    from rsppc.store import events, manifest
    from rsppc.store.events import Event, digest_of
    from rsppc.store.mark import write_mark
    from rsppc.store.paths import twin_key
    from rsppc.store.reading import File
    from rsppc.store.registry import opened
    from rsppc.store.request import PackageRequest
    from rsppc.store.retention import stamp

    with opened(store) as registry:
        put = registry.backend.put([b"content of every package"])
        registry.backend.settle()
        database = registry.log.database
        for words in ("cache_size = -1000000", "journal_mode = OFF", "synchronous = OFF"):
            database.execute(f"PRAGMA {words}")
        receipt, at, last = msgspec.to_builtins(put.receipt), stamp(AT), registry.log.last()
        indexes = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        later = indexes.fetchall()
        database.execute("BEGIN IMMEDIATE")
        for name, _ in later:
            database.execute(f"DROP INDEX {name}")
        seq, previous = last.seq, last.digest
        for begin in range(0, int(count), 20_000):
            told, packages, requests, files = [], [], [], []
            for number in range(begin, min(begin + 20_000, int(count))):
                request = PackageRequest(producer="bench", run_id=f"r{number}", subject=f"s{number // SUBJECTS}")
                package_id = manifest.package_id_of("default", request.producer, request.run_id)
                data = registry.described(request, package_id)
                file = File(
                    file_id=manifest.file_id_of(package_id, "run.json"),
                    path="run.json",
                    role="file",
                    media_type="application/json",
                    size=put.digests.size,
                    digest_primary=put.digests.primary,
                    digest_sha256=put.digests.sha256,
                    location=manifest.location_of(put.digests.primary),
                )
                digest = digest_of(package_id.encode())
                created = seq + 1
                for kind, said in (
                    (events.CREATED, data),
                    (events.INGESTED, {"file": msgspec.to_builtins(file), "receipt": receipt}),
                    (events.DEFAULT_APPLIED, {"retention_class": "standard", "expires_at": "2027-01-01T00:00:00Z"}),
                    (events.FINALIZED, {"manifest_digest": digest}),
                ):
                    seq += 1
                    body = Event(
                        seq=seq, previous=previous, type=kind, at=at, tenant="default", package_id=package_id, data=said
                    ).encoded()
                    previous = digest_of(body)
                    told.append((seq, body, previous))
                packages.append(
                    (
                        *(package_id, "default", request.kind, request.producer, request.run_id, request.subject),
                        *("finalized", created, seq, at, digest, 1, file.size, "standard", "2027-01-01T00:00:00Z", 0),
                        None,
                    )
                )
                requests.append((package_id, events.canonical(data).decode()))
                files.append(
                    (
                        *(file.file_id, package_id, file.path, twin_key(file.path), file.role, file.media_type),
                        *(file.size, file.digest_primary, file.digest_sha256, created + 1),
                    )
                )
            heard = [("default", seq) for seq, _, _ in told]
            tables = {
                "events": told,
                "packages": packages,
                "requests": requests,
                "files": files,
                "tenant_events": heard,
            }
            for table, values in tables.items():
                marks = ", ".join("?" * len(values[0]))
                database.executemany(f"INSERT INTO {table} VALUES({marks})", values)
        database.execute("UPDATE clock SET latest = ?", (at,))
        for _, statement in later:
            database.execute(statement)
        database.execute("COMMIT")
        database.execute("PRAGMA journal_mode = WAL")
        write_mark(registry.folder, registry.log.last())


def ask(store: str) -> None:
    """Print medians: of opening and getting a package with its file's content, and of opening and listing a subject."""
    from rsppc.store.registry import opened

    with sqlite3.connect(os.path.join(store, "registry.db")) as database:
        (count,) = database.execute("SELECT max(rowid) / 4 FROM events").fetchone()
    chance = random.Random(7)
    got, listed = [], []
    for _ in range(ASKED):
        number = chance.randrange(count)
        started = time.perf_counter()
        with opened(store, writable=False) as registry:
            package = registry.packages(subject=f"s{number // SUBJECTS}", limit=SUBJECTS)[number % SUBJECTS]
        listed.append(time.perf_counter() - started)
        started = time.perf_counter()
        with opened(store, writable=False) as registry:
            assert registry.package(package.package_id).run_id == f"r{number}"
            (file,) = registry.files(package.package_id)
            assert b"".join(registry.content(file)) == b"content of every package"
        got.append(time.perf_counter() - started)
    print(statistics.median(got), statistics.median(listed))


# Processes


def _here(*words: str) -> list[str]:
    return [sys.executable, __file__, *words]


def _run(command: list[str]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=ENVIRONMENT)


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    _run(command)
    return time.perf_counter() - started


def main() -> int:
    name, *words = sys.argv[1:]
    if name != "table":
        {"copy": copy, "digest": digest, "fill": fill, "ask": ask}[name](*words)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = rows(Path(folder), quick=words == ["--quick"])
    for what, measured, ratio, bound in found:
        print(f"{what:64} {measured:>22} {ratio:7.2f} {bound:6.2f} {'' if ratio <= bound else '  ABOVE'}")
    return int(any(ratio > bound for _, _, ratio, bound in found))


if __name__ == "__main__":
    sys.exit(main())
