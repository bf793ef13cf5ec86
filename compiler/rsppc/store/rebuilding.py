"""A registry that was lost, or that no program here can read, made anew from what lies beside it.

Manifests say what each finalised package was, and notes what was attested of it. What they cannot say is when, until
when, and what was held: so every package comes back with a fresh term and a hold, which somebody who knows releases.
Packages that were not finalised, collected packages, registered schemas and earlier events do not come back. The old
database is moved aside, never removed.
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime

from rsppc.base.record import Record, replace
from rsppc.store import events
from rsppc.store.adopting import tell_package
from rsppc.store.auditing import audit
from rsppc.store.backends.protocol import Backend, Put, Receipt, Space
from rsppc.store.config import CONFIG, Config, RetentionClass, read_config, write_config
from rsppc.store.hashing import Digests, digests_of
from rsppc.store.locking import collecting_content
from rsppc.store.log import DATABASE, Log
from rsppc.store.manifest_form import Described, read_manifest, read_note
from rsppc.store.mark import HEAD, write_mark
from rsppc.store.places import spoken, sync_folder
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import Attestation
from rsppc.store.registry import Registry, backend_of
from rsppc.store.retention import stamp

HOLD = "the registry was made anew from its manifests; what was held or extended before is not known"
BY = "rsppc store rebuild"


class Rebuilt(Record):
    """A registry that was made anew."""

    packages: int
    attestations: int
    passed_over: tuple[str, ...]
    """What lies there and could not be used, and why."""
    aside: str | None
    """Where the old database is now."""


def rebuild(folder: str, at: datetime) -> Rebuilt:
    """Make the registry of a store anew. One that is sound is left alone."""
    config = _config(folder)
    with collecting_content(folder):
        _refuse_sound(folder)
        backend = backend_of(folder, config)
        place = os.path.join(folder, f"rebuilding.fresh-{os.getpid()}")
        try:
            _remove_earlier(folder)
            os.mkdir(place)
            Log.create(place)
            with Registry(place, config, Log.open(place), backend) as registry:
                packages, attestations, passed_over = _fill(registry, at)
                registry.log.gather()
                write_mark(place, registry.log.head())  # a log without its mark could be cut, and nobody would see it
            aside = _moved_aside(folder)
            os.rename(os.path.join(place, HEAD), os.path.join(folder, HEAD))  # no log is ever there without its mark
            os.rename(os.path.join(place, DATABASE), os.path.join(folder, DATABASE))
            sync_folder(folder)
        except OSError as error:
            raise StoreProblem("environment", f"`{folder}` cannot be written: {spoken(error)}") from None
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return Rebuilt(packages=packages, attestations=attestations, passed_over=tuple(passed_over), aside=aside)


def _config(folder: str) -> Config:
    """The store's configuration; the one that every store begins with where it was lost as well."""
    if not os.path.exists(os.path.join(folder, CONFIG)) and os.path.isdir(os.path.join(folder, "manifests")):
        write_config(folder, Config())
    return read_config(folder)


def _refuse_sound(folder: str) -> None:
    try:
        log = Log.open(folder, writable=False)
    except StoreProblem as problem:
        if problem.kind in ("busy", "environment"):  # which says nothing about the registry
            raise
        return
    try:
        faults = audit(log).faults
    finally:
        log.close()
    if not faults:
        raise StoreProblem("refused", "the registry is sound", "there is nothing to make anew")


def _fill(registry: Registry, at: datetime) -> tuple[int, int, list[str]]:
    """Write the events of everything that lies in the backend."""
    passed_over: list[str] = []
    chosen: dict[str, tuple[str, frozenset[str]]] = {}
    notes: list[tuple[str, str, Attestation]] = []
    for digest, _ in registry.backend.listed("manifests"):
        found = _read(registry.backend, digest, passed_over)
        if isinstance(found, Described):
            _choose(chosen, digest, found, passed_over)
        elif found is not None:
            notes.append((digest, *found))
    for digest, _ in sorted(chosen.values(), key=lambda one: one[0]):
        _tell(registry, digest, at)
    count = 0
    for digest, package_id, one in sorted(notes, key=lambda note: (note[1], note[2].name, note[0])):
        count += _tell_attested(registry, digest, package_id, one, at, passed_over)
    return len(chosen), count, passed_over


def _read(backend: Backend, digest: str, passed_over: list[str]) -> Described | tuple[str, Attestation] | None:
    try:
        data = b"".join(backend.read(digest, "manifests"))
        return read_note(data) or read_manifest(data)
    except StoreProblem as problem:
        if problem.kind in ("environment", "busy"):
            raise
        passed_over.append(f"manifest {digest}: {problem.what}")
        return None


def _choose(
    chosen: dict[str, tuple[str, frozenset[str]]], digest: str, found: Described, passed_over: list[str]
) -> None:
    """Two manifests of one package are there if its finalisation was once interrupted. A package only grows until it is
    final, so that the larger one came later; where neither holds the other, nothing is guessed."""
    files = frozenset(file.path + "\0" + file.digest_primary for file in found.files)
    there = chosen.get(found.package_id)
    if there is None or files > there[1]:
        chosen[found.package_id] = (digest, files)
        if there is not None:
            passed_over.append(f"manifest {there[0]}: a later one of the same package is there")
    elif not files < there[1]:
        raise StoreProblem(
            "corrupt",
            f"package {found.package_id} has two manifests, {there[0]} and {digest}, and neither is part of the other",
            "move the one that is wrong away",
        )
    else:
        passed_over.append(f"manifest {digest}: a later one of the same package is there")


def _tell(registry: Registry, digest: str, at: datetime) -> None:
    data = b"".join(registry.backend.read(digest, "manifests"))
    described = read_manifest(data)
    puts = [
        _there(registry.backend, Digests(primary=file.digest_primary, sha256=file.digest_sha256, size=file.size))
        for file in described.files
    ]
    name = described.created["retention_class"]
    if name not in registry.config.retention_classes:  # nobody knows any more how long that was
        classes = {**registry.config.retention_classes, name: RetentionClass(days=None)}
        registry.config = replace(registry.config, retention_classes=classes)
    with registry.log.writing():
        manifest_put = _there(registry.backend, digests_of(data), "manifests")
        package = tell_package(registry, described, data, puts, manifest_put, at)
        held = {"by": BY, "reason": HOLD}
        registry.log.append(events.HOLD_SET, stamp(at), package.tenant, package.package_id, held)


def _tell_attested(
    registry: Registry, note: str, package_id: str, one: Attestation, at: datetime, passed_over: list[str]
) -> int:
    package = registry.found(package_id)
    if package is None or registry.backend.size(one.digest_primary) is None:
        passed_over.append(f"attestation `{one.name}` of {package_id}: its package or its bytes are missing")
        return 0
    put = _there(registry.backend, Digests(primary=one.digest_primary, sha256=one.digest_sha256, size=one.size))
    try:
        with registry.log.writing():
            registry.tell_attested(package, one, put, note, at)
    except StoreProblem as problem:
        if problem.kind != "conflict":
            raise
        passed_over.append(f"attestation `{one.name}` of {package_id}: {problem.what}")
        return 0
    return 1


def _there(backend: Backend, digests: Digests, space: Space = "blobs") -> Put:
    """What the backend said when it took this content."""
    name = digests.primary.removeprefix("blake3:")
    return Put(digests=digests, receipt=Receipt(backend=backend.name, key=f"{space}/{name[:2]}/{name}"), fresh=False)


def _moved_aside(folder: str) -> str | None:
    """Move what is left of the old database out of the way."""
    old = [name for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", HEAD) if _is_there(folder, name)]
    if not old:
        return None
    number = 1
    while os.path.lexists(aside := os.path.join(folder, f"registry.lost-{number}")):
        number += 1
    os.mkdir(aside)
    for name in old:
        os.rename(os.path.join(folder, name), os.path.join(aside, name))
    return aside


def _is_there(folder: str, name: str) -> bool:
    return os.path.lexists(os.path.join(folder, name))


def _remove_earlier(folder: str) -> None:
    for name in os.listdir(folder):
        if name.startswith("rebuilding.fresh-"):
            shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
