"""Everything that is kept, held against what the log says of it.

A look at a package goes on after whatever it finds damaged, so that one run names all of it. Many packages are looked
at together: while others read their content, their manifests and events are held against the tables here. Nobody is
kept from collecting meanwhile; so damage is believed only if it is found again while nothing can be collected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from rsppc.base.difference import first_difference
from rsppc.base.record import Record
from rsppc.store import manifest
from rsppc.store.backends.protocol import Receipt
from rsppc.store.contents import fault_of, looked_at
from rsppc.store.locking import using_content
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import REPLAY, Attestation, File, Package
from rsppc.store.references import unspoken
from rsppc.store.registry import Registry

TOGETHER_FILES = 20_000
"""Packages with so many files are looked at together."""


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


class Stated(Record):
    """What the tables say of one package."""

    package: Package
    files: list[File]
    attestations: list[Attestation]
    fault: str | None = None
    """Why they do not say it all."""

    def contents(self) -> list[tuple[str, File | Attestation]]:
        """What is kept of it, each with the words by which it is named."""
        files: list[tuple[str, File | Attestation]] = [(file.path, file) for file in self.files]
        return files + [(f"attestation {one.name}", one) for one in self.attestations]


def verify_package(registry: Registry, package_id: str) -> Verdict:
    """Hold one package against everything that is said of it. Raises `StoreProblem` only where there is none, or where
    the environment kept content from being read, which proves nothing."""
    ((_, found),) = verify_each(registry, [package_id])
    if isinstance(found, StoreProblem):
        raise found
    return found


def verify_each(
    registry: Registry,
    package_ids: Iterable[str],
    told: Callable[[int], None] = lambda _: None,
    meanwhile: Callable[[], None] | None = None,
) -> Iterator[tuple[str, Verdict | StoreProblem]]:
    """The same for many, in order; a problem is one of the tables, and the next package may be sound.

    `told` is called with amounts of bytes that were found sound, `meanwhile` once: while workers read, if there is
    anything to read.
    """
    for together in _together(registry, package_ids):
        stated = [one for _, one in together if isinstance(one, Stated)]
        looking = looked_at(registry.backend, (content for one in stated for _, content in one.contents()))
        next(looking)
        if meanwhile is not None:
            meanwhile()
            meanwhile = None
        suspects = {one.package.package_id for one in stated if _said_faults(registry, one)}
        damaged: set[str] = set()
        for found in looking:
            told(found.sound)
            damaged.update(found.damaged)
            _refuse_unread(stated, found.unread)
        for package_id, one in together:
            if isinstance(one, Stated):
                suspect = package_id in suspects or any(c.digest_primary in damaged for _, c in one.contents())
                yield package_id, _again(registry, package_id, damaged) if suspect else _verdict(one)
            else:
                yield package_id, one
    if meanwhile is not None:
        meanwhile()


def _refuse_unread(stated: Iterable[Stated], unread: Mapping[str, str]) -> None:
    for one in stated if unread else ():
        for item, content in one.contents():
            if content.digest_primary in unread:
                raise _cannot_be_read(item, unread[content.digest_primary])


def _cannot_be_read(item: str, what: str) -> StoreProblem:
    return StoreProblem("environment", f"`{item}` cannot be read: {what}")


def _together(registry: Registry, package_ids: Iterable[str]) -> Iterator[list[tuple[str, Stated | StoreProblem]]]:
    """Packages with what the tables say of them, as many as are looked at together."""
    together: list[tuple[str, Stated | StoreProblem]] = []
    files = 0
    for package_id in package_ids:
        try:
            one = _stated(registry, package_id)
        except StoreProblem as problem:
            _pass_on(problem)
            together.append((package_id, problem))
            continue
        together.append((package_id, one))
        files += 1 + len(one.files)
        if files >= TOGETHER_FILES:
            yield together
            together, files = [], 0
    if together:
        yield together


def _stated(registry: Registry, package_id: str) -> Stated:
    package = registry.found(package_id)
    if package is None:
        raise StoreProblem("corrupt", f"the tables name package `{package_id[:60]}` and do not have it", REPLAY)
    if package.state == "collected":
        return Stated(package=package, files=[], attestations=[])
    try:
        files, attestations = registry.files(package_id), registry.attestations(package_id)
    except StoreProblem as problem:
        _pass_on(problem)
        return Stated(package=package, files=[], attestations=[], fault=problem.what)
    return Stated(package=package, files=files, attestations=attestations)


def _again(registry: Registry, package_id: str, damaged: set[str]) -> Verdict | StoreProblem:
    """A second look at a package of which something was found damaged, while nobody collects it."""
    with using_content(registry.folder):
        try:
            stated = _stated(registry, package_id)
        except StoreProblem as problem:
            _pass_on(problem)
            return problem
        faults = _said_faults(registry, stated)
        for item, one in stated.contents():
            if one.digest_primary in damaged and (what := _content_fault(registry, item, one)) is not None:
                faults.append(Fault(item=item, digest=one.digest_primary, what=what))
    return _verdict(stated, faults)


def _content_fault(registry: Registry, item: str, one: File | Attestation) -> str | None:
    try:
        return fault_of(registry.backend, one)
    except StoreProblem as problem:
        if problem.kind in ("environment", "busy"):
            raise _cannot_be_read(item, problem.what) from None
        return problem.what


def _verdict(stated: Stated, faults: Iterable[Fault] = ()) -> Verdict:
    size = stated.package.byte_count if stated.files else 0
    return Verdict(package=stated.package, files=len(stated.files), bytes=size, faults=tuple(faults))


def _said_faults(registry: Registry, stated: Stated) -> list[Fault]:
    """What is wrong with all that is said of a package: its manifest, its events and its notes."""
    package = stated.package
    if stated.fault is not None:
        return [Fault(item="package", digest="", what=stated.fault)]
    if package.state == "collected":
        return []
    try:
        faults = _manifest_faults(registry, package, stated.files) if package.state == "finalized" else []
        faults += _event_faults(registry, package, stated.files)
        return faults + _note_faults(registry, package.package_id, stated.attestations)
    except StoreProblem as problem:
        _pass_on(problem)
        return [Fault(item="package", digest="", what=problem.what)]


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
