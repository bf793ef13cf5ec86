"""Everything that is kept, held against what the log says of it.

A look at a package goes on after whatever it finds damaged, so that one run names all of it. Content is read once, by
as many threads as there are processors; both digests are taken without the interpreter's lock.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Any

import msgspec

from rsppc.base.difference import first_difference
from rsppc.base.record import Record
from rsppc.store import manifest
from rsppc.store.backends.protocol import Backend, Receipt
from rsppc.store.locking import using_content
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import REPLAY, Attestation, File, Package
from rsppc.store.references import unspoken
from rsppc.store.registry import Registry

AHEAD_FILES = 20_000
GROUP_FILES = 32
GROUP_BYTES = 4 * 2**20
"""So much is one task of a thread: handing over a task costs as much as digesting a small file."""
REMOTE_AT_ONCE = 8
"""Threads for content that lies in a service."""


class Fault(Record):
    """Something of a package that is not what it should be."""

    item: str
    """The path of a file, `manifest`, `attestation NAME`, or `package`."""
    digest: str
    """Under which it is kept; empty where there is none."""
    what: str


class Verdict(Record):
    """What a look at one package found."""

    package: Package
    files: int
    bytes: int
    faults: tuple[Fault, ...]

    def record(self) -> dict[str, Any]:
        """What the log keeps of it."""
        items = [fault.item for fault in self.faults[:20]]
        return {"result": "damaged" if items else "sound", "files": self.files, "damaged": items}


class Checker:
    """Holds content against its digests, each content once."""

    def __init__(self, backend: Backend, pool: ThreadPoolExecutor, told: Callable[[int], None]) -> None:
        self._backend = backend
        self._pool = pool
        self._told = told
        self._known: dict[str, Future[dict[str, _Found]]] = {}
        self._early: frozenset[str] = frozenset()

    def begin(self, contents: Iterable[File | Attestation]) -> None:
        """Let threads look at content, several small ones at a time."""
        group: list[str] = []
        size = 0
        for one in contents:
            if one.digest_primary in self._known:
                continue
            self._known[one.digest_primary] = Future()  # not twice in one group either
            group.append(one.digest_primary)
            size += one.size
            if len(group) >= GROUP_FILES or size >= GROUP_BYTES:
                self._submit(group)
                group, size = [], 0
        if group:
            self._submit(group)

    def ahead(self, registry: Registry, package_ids: Iterable[str]) -> None:
        """Begin with the content of some packages, so that threads have work while the log is looked at."""
        for one in package_ids:
            with suppress(StoreProblem):  # whoever looks at the package says so
                self.begin(registry.files(one))
            if len(self._known) >= AHEAD_FILES:
                break
        self._early = frozenset(self._known)

    def found(self, primary: str) -> _Found:
        """What content is; waits for it."""
        found = self._known[primary].result()[primary]
        if found.fault is not None and primary in self._early:
            return self._read(primary)  # nobody kept it from being collected then
        return found

    def _submit(self, group: list[str]) -> None:
        future = self._pool.submit(lambda: {primary: self._read(primary) for primary in group})
        self._known.update(dict.fromkeys(group, future))

    def _read(self, primary: str) -> _Found:
        hasher, size = sha256(), 0
        try:
            for piece in self._backend.read(primary):  # which takes the primary digest
                hasher.update(piece)
                size += len(piece)
        except StoreProblem as problem:
            return _Found(fault=problem.what, kind=problem.kind)
        self._told(size)
        return _Found(sha256="sha256:" + hasher.hexdigest(), size=size)


class _Found(Record):
    """What became of reading content."""

    sha256: str = ""
    size: int = 0
    fault: str | None = None
    kind: str = ""

    def fault_of(self, file: File | Attestation) -> str | None:
        if self.fault is not None:
            return self.fault
        if self.size != file.size:
            return f"it has {self.size} bytes, not {file.size}"
        if self.sha256 != file.digest_sha256:
            return f"its SHA-256 is {self.sha256}, not {file.digest_sha256}"
        return None


@contextmanager
def checking(registry: Registry, told: Callable[[int], None] = lambda _: None) -> Iterator[Checker]:
    """A checker of a store's content; `told` is called with the size of each content that was found sound."""
    at_once = os.cpu_count() or 1
    if registry.backend.name != "local":  # where most of the time goes by waiting
        at_once = max(at_once, REMOTE_AT_ONCE)
    with ThreadPoolExecutor(at_once, "verify") as pool:
        yield Checker(registry.backend, pool, told)
        pool.shutdown(cancel_futures=True)


def verify_package(registry: Registry, package_id: str, checker: Checker) -> Verdict:
    """Hold one package against everything that is said of it. Raises `StoreProblem` only where there is none, or where
    the environment kept content from being read, which proves nothing."""
    with using_content(registry.folder):  # nobody collects it meanwhile
        package = registry.found(package_id)
        if package is None:
            raise StoreProblem("corrupt", f"the tables name package `{package_id[:60]}` and do not have it", REPLAY)
        faults: list[Fault] = []
        if package.state == "collected":
            return Verdict(package=package, files=0, bytes=0, faults=())
        try:
            files, attestations = registry.files(package_id), registry.attestations(package_id)
            contents: list[tuple[str, File | Attestation]] = [(file.path, file) for file in files]
            contents += [(f"attestation {one.name}", one) for one in attestations]
            checker.begin(one for _, one in contents)
            if package.state == "finalized":
                faults += _manifest_faults(registry, package, files)
            faults += _event_faults(registry, package, files)
            faults += _note_faults(registry, package_id, attestations)
        except StoreProblem as problem:
            _pass_on(problem)
            return Verdict(package=package, files=0, bytes=0, faults=(_fault("package", problem.what),))
        for item, one in contents:
            found = checker.found(one.digest_primary)
            if found.kind in ("environment", "busy"):
                raise StoreProblem("environment", f"`{item}` cannot be read: {found.fault}")
            what = found.fault_of(one)
            if what is not None:
                faults.append(Fault(item=item, digest=one.digest_primary, what=what))
    return Verdict(package=package, files=len(files), bytes=package.byte_count, faults=tuple(faults))


def unreferenced(registry: Registry) -> tuple[int, int]:
    """How much content nobody speaks of, and its bytes. That is no fault: a writer was killed, or is at work."""
    count = size = 0
    for space in ("blobs", "manifests"):
        for _, one in unspoken(registry, space):
            count, size = count + 1, size + one
    return count, size


def package_ids(registry: Registry) -> Iterator[str]:
    """All packages of all tenants, in the order of their creation."""
    after = ""
    while True:
        with registry.log.spoken():
            rows = registry.log.database.execute(
                "SELECT package_id FROM packages WHERE package_id > ? ORDER BY package_id LIMIT 1000", (after,)
            ).fetchall()
        found = [row[0] for row in rows if isinstance(row[0], str)]
        yield from found
        if not found or found[-1] <= after:  # a damaged tree may lead in a circle
            return
        after = found[-1]


def _manifest_faults(registry: Registry, package: Package, files: list[File]) -> list[Fault]:
    """The manifest's bytes, what they say, and what the log says of them."""
    digest = package.manifest_digest or ""
    try:
        data = registry.manifest_bytes(package.package_id)
        expected = registry.manifest_value(package.package_id, files)
        if manifest.encode(expected) != data:
            found = first_difference(expected, manifest.decode(data))
            pointer = found.pointer if found is not None else ""
            what = f"it says otherwise than the tables at `{pointer}`"
            return [Fault(item="manifest", digest=digest, what=what)]
    except StoreProblem as problem:
        _pass_on(problem)
        return [Fault(item="manifest", digest=digest, what=problem.what)]
    event = registry.log.event(package.finalized_seq or 0)
    final = {"manifest_sha256": "sha256:" + sha256(data).hexdigest(), "manifest_size": len(data)}
    if event is None or any(event.data.get(name) != value for name, value in final.items()):
        return [Fault(item="manifest", digest=digest, what="it is not what its event says")]
    return []


def _event_faults(registry: Registry, package: Package, files: list[File]) -> list[Fault]:
    """The event of each file, and the receipt in it."""
    with registry.log.spoken():
        rows = registry.log.database.execute(
            "SELECT f.path, e.body FROM files f JOIN events e ON e.seq = f.seq WHERE f.package_id = ?",
            (package.package_id,),
        ).fetchall()
    bodies: Mapping[str, bytes] = dict(rows)
    faults = []
    for file in files:
        told = _told(bodies.get(file.path))
        if told is None or told.file != file:
            what = "its event says otherwise"
        elif told.receipt.key != file.location:
            what = "the receipt in its event is for something else"
        else:
            continue
        faults.append(Fault(item=file.path, digest=file.digest_primary, what=what))
    return faults


def _note_faults(registry: Registry, package_id: str, attestations: list[Attestation]) -> list[Fault]:
    """The notes by which a registry that is made anew would find what is attested."""
    with registry.log.spoken():
        rows = registry.log.database.execute(
            "SELECT name, note FROM attestations WHERE package_id = ?", (package_id,)
        ).fetchall()
    notes: Mapping[str, str] = dict(rows)
    faults = []
    for one in attestations:
        note = notes.get(one.name, "")
        try:
            told = b"".join(registry.backend.read(note, "manifests"))
        except StoreProblem as problem:
            _pass_on(problem)
            faults.append(Fault(item=f"attestation {one.name}", digest=note, what=f"of its note: {problem.what}"))
            continue
        if told != manifest.encode_note(package_id, msgspec.to_builtins(one)):
            faults.append(Fault(item=f"attestation {one.name}", digest=note, what="its note says otherwise"))
    return faults


class _Told(Record):
    """What the event of a file says."""

    file: File
    receipt: Receipt


class _Event(Record):
    data: _Told


_DECODER = msgspec.json.Decoder(_Event)


def _told(body: bytes | None) -> _Told | None:
    try:
        return _DECODER.decode(body or b"").data
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return None


def _pass_on(problem: StoreProblem) -> None:
    """What the environment did is no damage."""
    if problem.kind in ("environment", "busy"):
        raise problem


def _fault(item: str, what: str) -> Fault:
    return Fault(item=item, digest="", what=what)
