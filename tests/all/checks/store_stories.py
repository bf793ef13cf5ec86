"""What is done to a store while the system interrupts it, and what must hold of the store whenever that was.

Each story is one command of the command line, or a few calls of the library, on a small store that has a past: a
package that is kept, one whose time is over, one that was never finished. All of it runs with a fixed time, so that
whoever repeats a story to its end has the very same events as somebody who was never interrupted.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rsppc.base.record import Record
from rsppc.cli.exits import ENVIRONMENT, OK
from rsppc.cli.storing import EXITS
from rsppc.store.hashing import blake3_of
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, opened
from rsppc.store.request import Entry, PackageRequest
from rsppc.store.transfer import export_package
from signing_keys import key_file
from stores import AT, filled, published, store_in
from workspaces import make, rsppc_here

NOW = "2026-03-01T00:00:00Z"
LATE = "2026-06-01T00:00:00Z"
KEPT = {"a.txt": b"kept", "b/shared.txt": b"shared " * 200}
RUN = {
    "run.json": b'{"run":5}\n',
    "logs/line.txt": b"line\n" * 900,
    "empty": b"",
    "shared.txt": b"shared " * 200,
    "twice.txt": b"line\n" * 900,
}
"""Two of its files have one content, and one has the content of an earlier package."""

SLOW = ("publish",)
"""What takes so long that of its many pages and openings every fifth is tried."""
_OTHER_WORDS = ("gc", "rebuild", "publish")
"""What says other words when there is nothing left to do."""

Contents = dict[tuple[str, str], bytes]


class State(Record):
    """What a store says of itself: its events, and the content of everything that is final."""

    events: tuple[bytes, ...]
    contents: Contents


class Story(Record):
    name: str
    folder: Path
    """Has the store as it is before, and whatever else the story needs."""
    work: Callable[[Path], int]
    """Does it to the store in a folder; prints what it promises."""
    before: State
    after: State
    promise: str
    """What is printed once it is done."""
    exact: bool = True
    """Whether repeating it gives the same events as doing it once."""


# Stories


def command(*words: str, within: str = ".") -> Callable[[Path], int]:
    """Work that is one command in a folder; `STORE` in it is the store."""

    def work(store: Path) -> int:
        from rsppc.cli.main import main

        sys.argv = ["rsppc", *(word.replace("STORE", str(store)) for word in words)]
        with contextlib.chdir(within):
            main()
        return OK

    return work


def stories(folder: Path) -> list[Story]:
    """All stories, each with its store."""
    _one_after_another()
    run = folder / "run"
    for path, data in RUN.items():
        (run / path).parent.mkdir(parents=True, exist_ok=True)
        (run / path).write_bytes(data)
    archive = folder / "run.tar"
    with store_in(folder / "elsewhere") as registry:
        made = published(registry, "r5", RUN)
        registry.record_attestation(made, "signature", "application/json", b"{}", AT)
        export_package(registry, made, str(archive), lambda _: None)
    ingest = ["store", "ingest", str(run), "--producer", "guide-board", "--run-id", "r5", "--subject", "desk"]
    workspace = make(folder / "workspace")
    key_file(workspace, "builder", 1)
    publish = ["publish", "line_bundle/v1", "--key", "builder.key"]
    told: dict[str, Callable[[Path], int]] = {
        "ingest": command(*ingest, "--store", "STORE", "--now", NOW),
        "library": _by_hand,
        "import": command("store", "import", str(archive), "--store", "STORE", "--now", NOW),
        "gc": command("store", "gc", "--delete", "--unfinished-before", NOW, "--store", "STORE", "--now", LATE),
        "verify": command("store", "verify", "--record", "--store", "STORE", "--now", NOW),
        "replay": command("store", "events", "replay", "--store", "STORE"),
        "rebuild": command("store", "rebuild", "--store", "STORE", "--now", NOW),
        "init": command("store", "init", "--store", "STORE"),
        "publish": command(*publish, "--store", "STORE", "--now", NOW, within=str(workspace)),
    }
    return [_story(name, folder / name, work) for name, work in told.items()]


def _story(name: str, folder: Path, work: Callable[[Path], int]) -> Story:
    """Prepare a story, and see how it ends when nobody interrupts it."""
    folder.mkdir()
    store = folder / "store"
    if name != "init":
        with store_in(store) as registry:
            published(registry, "kept", KEPT, retention_class="permanent")
            published(registry, "over", {"over.txt": b"over", "shared": KEPT["b/shared.txt"]}, retention_class="raw")
            filled(registry, "begun", {"begun.txt": b"begun"})
    before = State(events=(), contents={}) if name == "init" else state_of(store)
    if name == "rebuild":
        for left in ("registry.db", "registry.db-wal", "registry.db-shm", "registry.head"):
            (store / left).unlink(missing_ok=True)
        before = State(events=(), contents=before.contents)
    trial = folder / "trial"
    if store.exists():
        shutil.copytree(store, trial)
    promise = in_this_process(work, trial)
    return Story(
        name=name,
        folder=folder,
        work=work,
        before=before,
        after=state_of(trial),
        promise=_first_line(promise, trial),
        exact=name != "verify",
    )


def _first_line(said: str, store: Path) -> str:
    return said.partition("\n")[0].replace(str(store), "STORE")


def in_this_process(work: Callable[[Path], int], store: Path) -> str:
    """Do it here and now; what it printed."""
    import io

    out, err = io.StringIO(), io.StringIO()
    code: object = None
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = work(store)
        except SystemExit as end:
            code = end.code
    if code not in (OK, None):
        raise AssertionError(f"exit {code}: {out.getvalue()[-300:]} {err.getvalue()[-300:]}")
    return out.getvalue()


def _by_hand(store: Path) -> int:
    """The calls of the library one by one; each says what it promises as soon as it promises it."""
    now = datetime(2026, 3, 1, tzinfo=UTC)
    try:
        with opened(str(store)) as registry:
            request = PackageRequest(producer="by-hand", run_id="r5", subject="desk")
            made = registry.create_package(request, now).package.package_id
            for path, data in RUN.items():
                file = registry.ingest_file(made, Entry(path=path), [data], now)
                print(f"file {made} {path} {file.digest_primary}", flush=True)
            print(f"final {made} {registry.finalize_package(made, now).manifest_digest}", flush=True)
            registry.record_attestation(made, "signature", "application/json", b"{}", now)
            print(f"attested {made} signature", flush=True)
            if not registry.package(made).permanent:
                registry.extend_retention(made, None, by="ada", reason="case", at=now + timedelta(days=1))
            print(f"for-ever {made}", flush=True)
    except StoreProblem as problem:
        print(f"{problem.kind}: {problem.what}", file=sys.stderr)
        return EXITS[problem.kind]
    except OSError as error:  # of printing
        print(error, file=sys.stderr)
        return ENVIRONMENT
    return OK


def _one_after_another() -> None:
    """Let one thread do all of an ingest, so that the number of a call means the same call every time."""
    from rsppc.store.folder_ingest import ingest_folder

    assert ingest_folder.__kwdefaults__ is not None
    ingest_folder.__kwdefaults__["workers"] = 1


# What holds


def state_of(store: Path) -> State:
    with opened(str(store), writable=False) as registry:
        events = tuple(body for _, body, _ in registry.log.events())
        return State(events=events, contents=contents_of(registry))


def contents_of(registry: Registry) -> Contents:
    """Every byte of every package that is final, read through the registry."""
    found: Contents = {}
    for package in registry.packages(limit=1000, state="finalized"):
        found[package.package_id, ""] = registry.manifest_bytes(package.package_id)
        for file in registry.files(package.package_id):
            found[package.package_id, file.path] = b"".join(registry.content(file))
        for one in registry.attestations(package.package_id):
            found[package.package_id, f"attestation {one.name}"] = registry.attestation_bytes(
                package.package_id, one.name
            )
    return found


def faults_of(story: Story, store: Path, code: int, said: str, told: str, *, tolerated: bool = False) -> list[str]:
    """What is wrong with a store after its story was interrupted, and with how the story goes on."""
    problems = []
    if code not in (OK, ENVIRONMENT, -9) or "Traceback" in told or "bug of ours" in told:
        problems.append(f"exit {code}: {told[-400:]}")
    if code == ENVIRONMENT and not told.strip() and not tolerated:
        problems.append("nothing is said of what went wrong")
    problems += _promises_broken(story, store, code, said)
    problems += [f"{one} is not what its name says" for one in torn(store)]
    try:
        promise = _first_line(in_this_process(story.work, store), store)
    except (AssertionError, StoreProblem) as error:
        if story.name != "rebuild" or "the registry is sound" not in str(error):
            return [*problems, f"the same again fails: {error}"]
        promise = story.promise
    if promise != story.promise and story.exact and story.name not in _OTHER_WORDS:
        problems.append(f"the same again says {promise!r}, not {story.promise!r}")
    done = state_of(store)
    if done.contents != story.after.contents:
        problems.append("the same again does not lead to the same content")
    if story.exact and done.events != story.after.events:
        problems.append("the same again does not lead to the same events")
    problems += _verified(store, ["store", "events", "verify"], ["store", "verify"])
    gathered = rsppc_here(store.parent, "store", "gc", "--delete", "--store", str(store), "--now", NOW)
    if gathered.returncode != OK:
        problems.append(f"nothing can be collected: {gathered.stderr.decode()[-300:]}")
    problems += [f"{one} is left for ever" for one in left_overs(store)]
    return problems


def _promises_broken(story: Story, store: Path, code: int, said: str) -> list[str]:
    """What was promised and is not there, and what is there and should not be visible."""
    whole = story.name not in ("init", "rebuild")
    try:
        now = state_of(store)
    except StoreProblem as problem:
        if not whole and code != OK and story.promise not in said:
            return []  # it was interrupted before there was a store; doing it again must make one
        return [f"the store cannot be opened: {problem.what}"]
    problems = []
    if whole:
        problems += _verified(store, ["store", "verify"])
    for place, data in story.before.contents.items():
        collected = story.name == "gc" and place not in story.after.contents
        if not collected and now.contents.get(place) != data:
            problems.append(f"{place} of earlier is lost or another")
    for place, data in now.contents.items():
        if {**story.before.contents, **story.after.contents}.get(place) != data:
            problems.append(f"{place} is visible, and nobody wrote it")
    if whole and now.events[: len(story.before.events)] != story.before.events:
        problems.append("earlier events are lost or others")
    if story.exact and now.events != story.after.events[: len(now.events)]:
        problems.append("the events are no beginning of those of the whole story")
    done = now.contents == story.after.contents and (not story.exact or now.events == story.after.events)
    if (
        code == OK or (story.promise in said.replace(str(store), "STORE") and story.name not in ("library", "gc"))
    ) and not done:
        problems.append(f"exit {code} and reported as done, and it is not")
    return problems + (_by_hand_broken(store, said) if story.name == "library" else [])


def _by_hand_broken(store: Path, said: str) -> list[str]:
    problems = []
    with opened(str(store), writable=False) as registry:
        for line in said.splitlines(keepends=True):
            if not line.endswith("\n"):
                continue  # cut by what interrupted it
            what, package_id, *rest = line.split()
            package = registry.package(package_id)
            match what:
                case "file":
                    file = registry.file_at(package_id, rest[0])
                    kept = file.digest_primary == rest[1] and b"".join(registry.content(file)) == RUN[rest[0]]
                case "final":
                    kept = package.manifest_digest == rest[0]
                case "attested":
                    kept = registry.attestation_bytes(package_id, rest[0]) == b"{}"
                case _:
                    kept = package.permanent
            if not kept:
                problems.append(f"{line.strip()} was promised and is not kept")
    return problems


def _verified(store: Path, *commands: list[str]) -> list[str]:
    problems = []
    for words in commands:
        done = rsppc_here(store.parent, *words, "--store", str(store))
        if done.returncode != OK:
            problems.append(f"`{' '.join(words)}` ends with {done.returncode}: {(done.stdout + done.stderr)[-300:]!r}")
    return problems


def torn(store: Path) -> list[str]:
    """Content that is not what its name says, whether anybody speaks of it or not."""
    return [
        path.relative_to(store).as_posix()
        for space in ("blobs", "manifests")
        for path in sorted((store / space).rglob("*"))
        if path.is_file() and blake3_of(path.read_bytes()) != f"blake3:{path.name}"
    ]


def left_overs(store: Path) -> list[str]:
    """Files that no part of a store reads."""
    names = (os.path.join(folder, name) for folder, _, files in os.walk(store) for name in files)
    return sorted(
        os.path.relpath(name, store) for name in names if ".fresh-" in name or f"{os.sep}staging{os.sep}" in name
    )
