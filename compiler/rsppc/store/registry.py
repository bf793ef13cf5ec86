"""The registry: packages are created, take files, and are finalised once and for good.

Whatever happens is an event first (`log.py`), and content is durable before an event speaks of it. So a process that is
killed leaves content that nobody speaks of, which `gc` collects, and never an event without its content.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec

from rsppc.base.difference import ABSENT, first_difference
from rsppc.base.record import Record
from rsppc.store import events, manifest
from rsppc.store.backends.local import LocalBackend
from rsppc.store.backends.protocol import Backend, Put
from rsppc.store.claims import Claim
from rsppc.store.config import CONFIG, Config, config_fault, read_config, write_config
from rsppc.store.hashing import CHUNK
from rsppc.store.locking import collecting_content, using_content
from rsppc.store.log import DATABASE, Log
from rsppc.store.mark import HEAD
from rsppc.store.paths import twin_key
from rsppc.store.places import make_folder, remove_fresh, spoken
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import FILE_COLUMNS, FINALISE, Reading, file_of, refuse_collected
from rsppc.store.reading import Attestation as Attestation
from rsppc.store.reading import File as File
from rsppc.store.reading import Package as Package
from rsppc.store.request import (
    FILES_MAX,
    MEDIA_TYPE,
    Entry,
    PackageRequest,
    check_entry,
    check_request,
    check_words,
)
from rsppc.store.retention import expiry, later_of, stamp

BATCH_FILES = 256
BATCH_BYTES = 64 * 2**20
"""Files are told of in batches: one commit for many small ones."""

ATTESTATION_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
ATTESTATION_SIZE_MAX = 16 * 2**20


class Created(Record):
    """A package that can take files. `reused` where it was there before."""

    package: Package
    reused: bool


class Finalized(Record):
    """A package that never changes again. `reused` where it was final before."""

    package: Package
    manifest_digest: str
    reused: bool


class Attached(Record):
    """An attestation that the store holds. `reused` where it held it before."""

    attestation: Attestation
    reused: bool


class Registry(Reading):
    """The store in a folder, for one thread. Methods raise `StoreProblem`."""

    def __enter__(self) -> Registry:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Packages

    def create_package(self, request: PackageRequest, at: datetime) -> Created:
        """Make a package, or find the one that this very request made before."""
        check_request(request)
        package_id = manifest.package_id_of(request.tenant, request.producer, request.run_id)
        data = self.described(request, package_id)
        with self.log.writing():
            there = self._package(package_id)
            if there is None:
                self.log.append(events.CREATED, stamp(at), request.tenant, package_id, data)
            else:
                if request.retention_class is None:  # the default may be another one by now
                    data["retention_class"] = there.retention_class
                self._compare(there, data)
            made = self._package(package_id)
            assert made is not None
        return Created(package=made, reused=there is not None)

    def ingest_file(self, package_id: str, entry: Entry, pieces: Iterable[bytes], at: datetime) -> File:
        """Take one file into an open package."""
        return self.ingest_files(package_id, [(entry, pieces)], at)[0]

    def ingest_files(
        self,
        package_id: str,
        incoming: Iterable[tuple[Entry, Iterable[bytes]]],
        at: datetime,
        *,
        workers: int = 1,
        claim: Claim | None = None,
    ) -> list[File]:
        """Take files into an open package, in order. What was told of stays, also where a later file is refused: the
        same call again goes on from there. With a claim, nothing is added to what others have other than so.

        With several workers the pieces of several files are drawn at once, each file's by one thread.
        """
        taken: list[File] = []
        with self.putting():
            batch: list[tuple[Entry, Put]] = []
            size = 0
            for entry, put in self._kept(incoming, workers):
                _expect(entry, put)
                batch.append((entry, put))
                size += put.digests.size
                if len(batch) >= BATCH_FILES or size >= BATCH_BYTES:
                    taken += self._tell(package_id, batch, at, claim)
                    batch, size = [], 0
            if batch:
                taken += self._tell(package_id, batch, at, claim)
        return taken

    def finalize_package(
        self, package_id: str, at: datetime, *, claim: Claim | None = None, file_count: int | None = None
    ) -> Finalized:
        """Write the manifest of a package, apply its retention, and let nothing of it change any more.

        With a claim, only where it holds nothing else; with a count, only where it holds so many files, which is the
        same for whoever knows that all of theirs are there.
        """
        with self.putting():
            while True:
                package = self.package(package_id)
                refuse_collected(package)
                if claim is not None and not claim.knows_all(package):
                    claim.hold(self.files(package_id))
                if file_count is not None and package.file_count != file_count:
                    raise StoreProblem(
                        "conflict",
                        f"the package holds {package.file_count} files, and not {file_count}",
                        "somebody else publishes the same run, with other files: publish it as another run",
                        pointer="/file_count",
                    )
                if package.state != "open":
                    return _as_finalized(package, reused=True)
                made = self._made_final(package, at)
                if made is not None:
                    return made
                if claim is None and self.package(package_id).state == "open":
                    raise StoreProblem(
                        "busy", "somebody is still adding files to the package", "finalise it afterwards"
                    )

    # After that

    def extend_retention(
        self, package_id: str, until: datetime | None, *, by: str, reason: str, at: datetime, tenant: str | None = None
    ) -> Package:
        """Keep a package longer than it would be; `until` None is for ever. Never shorter."""
        check_words(by=by, reason=reason)
        with self.log.writing():
            package = self._final(package_id, tenant)
            if package.permanent:
                raise StoreProblem("refused", "the package is permanent, and nothing is later than that")
            assert package.expires_at is not None
            expires = None if until is None else stamp(until)
            if expires is not None and expires <= package.expires_at:
                raise StoreProblem(
                    "refused",
                    f"{expires} is not later than {package.expires_at}, until when the package is kept already",
                    "retention only grows; name a later time",
                )
            data = {"expires_at": expires, "before": package.expires_at, "by": by, "reason": reason}
            self.log.append(events.EXTENDED, stamp(at), package.tenant, package_id, data)
            return self.package(package_id)

    def set_hold(self, package_id: str, *, by: str, reason: str, at: datetime, tenant: str | None = None) -> Package:
        """Keep a package whatever its retention says, until the hold is released."""
        check_words(by=by, reason=reason)
        with self.log.writing():
            package = self.package(package_id, tenant)
            refuse_collected(package)
            if package.hold is not None:
                raise StoreProblem(
                    "refused", "the package is held already", f"the hold says: {package.hold[:200]}; one hold is enough"
                )
            self.log.append(events.HOLD_SET, stamp(at), package.tenant, package_id, {"by": by, "reason": reason})
            return self.package(package_id)

    def release_hold(
        self, package_id: str, *, by: str, reason: str, at: datetime, tenant: str | None = None
    ) -> Package:
        """Let the retention of a package count again."""
        check_words(by=by, reason=reason)
        with self.log.writing():
            package = self.package(package_id, tenant)
            if package.hold is None:
                raise StoreProblem("refused", "nothing holds the package")
            self.log.append(events.HOLD_RELEASED, stamp(at), package.tenant, package_id, {"by": by, "reason": reason})
            return self.package(package_id)

    def record_attestation(
        self, package_id: str, name: str, media_type: str, data: bytes, at: datetime, *, tenant: str | None = None
    ) -> Attached:
        """Keep something that is said of a finalised package, such as a signature, beside it under a name."""
        self.check_attestation(name, media_type, data)
        with self.putting():
            package = self._final(package_id, tenant)
            put = self.backend.put([data])
            one = Attestation(
                name=name,
                media_type=media_type,
                size=put.digests.size,
                digest_primary=put.digests.primary,
                digest_sha256=put.digests.sha256,
            )
            # A registry that is made anew finds by this note what else there is of a package.
            note = self.backend.put([manifest.encode_note(package_id, msgspec.to_builtins(one))], "manifests")
            self.backend.settle()
            with self.log.writing():
                self._final(package_id, tenant)
                return self.tell_attested(package, one, put, note.digests.primary, at)

    def check_attestation(self, name: str, media_type: str, data: bytes) -> None:
        """Refuse an attestation that no package could have."""
        if ATTESTATION_NAME.fullmatch(name) is None:
            raise StoreProblem(
                "malformed", f"an attestation cannot be named {name[:60]!a}", "use small letters, digits and `._-`"
            )
        if MEDIA_TYPE.fullmatch(media_type) is None:
            raise StoreProblem("malformed", f"`{name}` has the media type {media_type[:60]!a}")
        if len(data) > ATTESTATION_SIZE_MAX:
            raise StoreProblem("refused", f"an attestation has at most {ATTESTATION_SIZE_MAX} bytes")

    def record_verification(self, package_id: str, result: Mapping[str, Any], at: datetime) -> None:
        """Note that somebody looked at a package, and what they found."""
        with self.log.writing():
            package = self.package(package_id)
            self.log.append(events.VERIFIED, stamp(at), package.tenant, package_id, dict(result))

    # Events of parts, for whoever takes in a whole package at once; inside `log.writing`

    def tell_final(self, package: Package, put: Put, at: datetime) -> None:
        """Write the two events that finalise a package; `put` is its manifest."""
        retention = self.config.retention_classes.get(package.retention_class)
        if retention is None:
            raise StoreProblem(
                "refused",
                f"this store has no retention class `{package.retention_class[:60]}`",
                "add it to `store.json` of the store",
            )
        # A clock that went backwards must not make a package look old already.
        until = expiry(retention, later_of(at, self.log.latest()))
        applied = {"retention_class": package.retention_class, "expires_at": until}
        self.log.append(events.DEFAULT_APPLIED, stamp(at), package.tenant, package.package_id, applied)
        final = {
            "manifest_digest": put.digests.primary,
            "manifest_sha256": put.digests.sha256,
            "manifest_size": put.digests.size,
            "file_count": package.file_count,
            "byte_count": package.byte_count,
            "receipt": msgspec.to_builtins(put.receipt),
        }
        self.log.append(events.FINALIZED, stamp(at), package.tenant, package.package_id, final)

    def tell_file(self, package: Package, entry: Entry, put: Put, at: datetime) -> File:
        """Write the event of a file, unless the package holds it already."""
        file = File(
            file_id=manifest.file_id_of(package.package_id, entry.path),
            path=entry.path,
            role=entry.role,
            media_type=entry.media_type,
            size=put.digests.size,
            digest_primary=put.digests.primary,
            digest_sha256=put.digests.sha256,
            location=manifest.location_of(put.digests.primary),
        )
        twin = self._twin_of(package.package_id, twin_key(entry.path))
        if twin is not None and twin.path == entry.path:
            _refuse_other(twin, file)
            return twin
        if package.state != "open":
            raise StoreProblem(
                "conflict",
                f"the package is final and does not hold `{entry.path}`",
                "publish it as another run",
                pointer="/files",
            )
        if twin is not None:
            raise StoreProblem(
                "malformed", f"`{entry.path}` and `{twin.path}` are one file where case does not count", "rename one"
            )
        self._refuse_collision(put)
        data = {"file": msgspec.to_builtins(file), "receipt": msgspec.to_builtins(put.receipt)}
        self.log.append(events.INGESTED, stamp(at), package.tenant, package.package_id, data)
        return file

    def tell_attested(self, package: Package, one: Attestation, put: Put, note: str, at: datetime) -> Attached:
        """Write the event of an attestation, unless the package has it already."""
        for there in self.attestations(package.package_id):
            if there.name == one.name:
                if there == one:
                    return Attached(attestation=there, reused=True)
                raise StoreProblem(
                    "conflict",
                    f"the package has another attestation `{one.name}` already",
                    f"it has digest {there.digest_primary}; this one has {one.digest_primary}",
                    pointer="/digest_primary",
                )
        data = {**msgspec.to_builtins(one), "note": note, "receipt": msgspec.to_builtins(put.receipt)}
        self.log.append(events.ATTACHED, stamp(at), package.tenant, package.package_id, data)
        return Attached(attestation=one, reused=False)

    # Inside

    @contextmanager
    def putting(self) -> Iterator[None]:
        """While this holds, content may be put, and nobody collects it."""
        with using_content(self.folder):
            self.backend.begin()
            yield

    def _made_final(self, package: Package, at: datetime) -> Finalized | None:
        """An open package, finalised as it was when somebody looked at it; None where it is another by now."""
        put = self.backend.put([manifest.encode(self.manifest_value(package.package_id))], "manifests")
        self.backend.settle()
        with self.log.writing():
            now = self.package(package.package_id)
            if now.state != "open" or now.file_count != package.file_count:
                return None
            self.tell_final(package, put, at)
            return _as_finalized(self.package(package.package_id), reused=False)

    def _kept(self, incoming: Iterable[tuple[Entry, Iterable[bytes]]], workers: int) -> Iterator[tuple[Entry, Put]]:
        """Give content to the backend, and files with what became of them, in order."""
        if workers <= 1:
            for entry, pieces in incoming:
                check_entry(entry)
                yield entry, self.backend.put(pieces)
            return
        waiting: deque[tuple[Entry, Future[Put]]] = deque()
        with ThreadPoolExecutor(workers, "store") as pool:
            try:
                for entry, pieces in incoming:
                    check_entry(entry)
                    waiting.append((entry, pool.submit(self.backend.put, pieces)))
                    while len(waiting) >= 4 * workers:
                        first, put = waiting.popleft()
                        yield first, put.result()
                while waiting:
                    first, put = waiting.popleft()
                    yield first, put.result()
            finally:
                for _, put in waiting:
                    put.cancel()

    def _final(self, package_id: str, tenant: str | None) -> Package:
        """A finalised package whose bytes are there."""
        package = self.package(package_id, tenant)
        refuse_collected(package)
        if package.state != "finalized":
            raise StoreProblem("refused", f"package `{package_id}` is not finalised", FINALISE)
        return package

    def described(self, request: PackageRequest, package_id: str) -> dict[str, Any]:
        """What the event of a package's creation says."""
        retention_class = request.retention_class or self.config.default_class
        if retention_class not in self.config.retention_classes:
            known = ", ".join(sorted(self.config.retention_classes))
            raise StoreProblem(
                "malformed", f"there is no retention class `{retention_class[:60]}`", f"there are {known}"
            )
        package: dict[str, Any] = {"package_id": package_id}
        for name in ("tenant", "kind", "producer", "run_id", "subject", "repository", "commit"):
            value = getattr(request, name)
            if value is not None:
                package[name] = value
        for name in ("environment", "metadata"):
            if getattr(request, name):
                package[name] = dict(getattr(request, name))
        if request.metadata_schema is not None:
            from rsppc.store.metadata_schemas import check_metadata

            digest = check_metadata(self.log, request.tenant, request.metadata_schema, request.metadata)
            package["metadata_schema"] = {"schema_id": request.metadata_schema, "digest": digest}
        return {"package": package, "retention_class": retention_class, "provenance": dict(request.provenance)}

    def _compare(self, there: Package, data: Mapping[str, Any]) -> None:
        found = first_difference(self._request(there.package_id), dict(data))
        if found is not None:
            done = "begun" if there.state == "open" else "published"
            raise StoreProblem(
                "conflict",
                f"this run was {done} before as `{there.package_id}`, and said otherwise at `{found.pointer}`",
                f"it said {str(found.before)[:80]}; now it is {str(found.after)[:80]}: publish it as another run",
                pointer=found.pointer,
            )

    def _tell(self, package_id: str, batch: list[tuple[Entry, Put]], at: datetime, claim: Claim | None) -> list[File]:
        """Make a batch durable, and write its events, once the claim knows all that was told before."""
        self.backend.settle()
        while True:
            with self.log.writing():
                package = self.package(package_id)
                refuse_collected(package)
                if claim is None or claim.knows_all(package):
                    told = [self.tell_file(package, entry, put, at) for entry, put in batch]
                    if self.package(package_id).file_count > FILES_MAX:
                        raise StoreProblem("refused", f"a package has at most {FILES_MAX} files")
                    break
            claim.hold(self.files(package_id))  # which may take its time, so that others go on writing meanwhile
        if claim is not None:
            claim.told(told)
        return told

    def _twin_of(self, package_id: str, twin: str) -> File | None:
        rows = self._rows(f"SELECT {FILE_COLUMNS} FROM files WHERE package_id = ? AND twin = ?", (package_id, twin))
        return file_of(rows[0]) if rows else None

    def _refuse_collision(self, put: Put) -> None:
        """Equal SHA-256 and other BLAKE3, or the reverse, happens to nobody by chance."""
        rows = self._rows(
            "SELECT digest_primary, digest_sha256 FROM files WHERE digest_sha256 = ? OR digest_primary = ? LIMIT 1",
            (put.digests.sha256, put.digests.primary),
        )
        if rows and tuple(rows[0]) != (put.digests.primary, put.digests.sha256):
            raise StoreProblem("corrupt", f"content has one digest of {rows[0][0]} and not the other")


def init_store(folder: str, config: Config) -> None:
    """Make an empty store in a folder; a store that is there stays as it is, if it has this configuration."""
    refuse_unfit(folder, config)
    try:
        make_folder(folder)
        with collecting_content(folder):  # two may try at once
            _init(folder, config)
    except OSError as error:
        raise StoreProblem("environment", f"no store can be made in `{folder}`: {spoken(error)}") from None


def refuse_unfit(folder: str, config: Config) -> None:
    """Refuse a configuration that no store can have, or that the store in a folder has not."""
    fault = config_fault(config)
    if fault is not None:
        raise StoreProblem("malformed", f"no store can be made so: {fault}")
    if not os.path.exists(os.path.join(folder, CONFIG)):
        _refuse_shared(folder)
        return
    found = first_difference(*(msgspec.to_builtins(one) for one in (read_config(folder), config)))
    if found is not None:
        raise StoreProblem(
            "conflict",
            f"`{folder}` is a store already, with another configuration at `{found.pointer}`",
            f"it has {_said(found.before)}; asked for was {_said(found.after)}; to change it, edit `{CONFIG}` there",
            pointer=found.pointer,
        )


def _refuse_shared(folder: str) -> None:
    """Refuse a folder in which other things lie, such as a run that was meant to be put into a store. What a killed
    writer left of a store is none of them."""
    try:
        names = sorted(os.listdir(folder))
    except OSError:  # there is none yet, or nobody can use it, which is noticed soon
        return
    others = [name for name in names if _OF_A_STORE.match(name) is None]
    if others:
        raise StoreProblem(
            "refused",
            f"`{folder}` holds other things, such as `{others[0][:80]}`",
            "a store has a folder of its own: name one that is empty, or not there yet",
        )


_OF_A_STORE = re.compile(
    r"(store\.json|registry\.|content\.|backend\.json|rebuilding\."
    r"|(blobs|manifests|staging|tokens|rollouts|lost\+found)$)"
)


def _said(value: object) -> str:
    return "none" if value == ABSENT else msgspec.json.encode(value).decode()[:80]


def _init(folder: str, config: Config) -> None:
    refuse_unfit(folder, config)  # once more, since two may try at once
    has_registry = os.path.exists(os.path.join(folder, DATABASE))
    if os.path.exists(os.path.join(folder, CONFIG)) and has_registry:
        return
    if not has_registry:
        if os.path.exists(os.path.join(folder, HEAD)) or os.path.isdir(os.path.join(folder, "manifests")):
            raise StoreProblem(
                "corrupt",
                f"`{folder}` is a store whose registry is missing",
                "restore a copy of it, or make it anew from the manifests with `rsppc store rebuild`",
            )
        Log.create(folder)
    remove_fresh(folder, CONFIG)
    write_config(folder, config)


@contextmanager
def opened(folder: str, *, wait_s: float = 10.0, writable: bool = True) -> Iterator[Registry]:
    """The store in a folder."""
    registry = open_store(folder, wait_s=wait_s, writable=writable)
    try:
        yield registry
    finally:
        registry.close()


def open_store(folder: str, *, wait_s: float = 10.0, writable: bool = True) -> Registry:
    """The store in a folder; whoever opens it closes it."""
    config = read_config(folder)
    backend = backend_of(folder, config)
    return Registry(folder, config, Log.open(folder, wait_s=wait_s, writable=writable), backend)


def backend_of(folder: str, config: Config, settings: Mapping[str, str] = os.environ) -> Backend:
    """Where the content of a store lies. A service is reached by the settings that all clients of it know."""
    if config.backend == "local":
        return LocalBackend(folder)
    from rsppc.store.backends.s3 import open_backend

    return open_backend(config.backend, folder, settings)


def pieces_of(path: str) -> Iterator[bytes]:
    """The bytes of a file, a piece at a time."""
    try:
        with open(path, "rb") as file:
            while piece := file.read(CHUNK):
                yield piece
    except OSError as error:
        raise StoreProblem("environment", f"`{path}` cannot be read: {spoken(error)}") from None


def _expect(entry: Entry, put: Put) -> None:
    """Hold content against what its producer says of it."""
    if entry.size is not None and entry.size != put.digests.size:
        raise StoreProblem("corrupt", f"`{entry.path}` has {put.digests.size} bytes, not {entry.size}")
    if entry.expected is not None and entry.expected not in (put.digests.primary, put.digests.sha256):
        is_primary = entry.expected.startswith("blake3:")
        found = put.digests.primary if is_primary else put.digests.sha256
        raise StoreProblem("corrupt", f"`{entry.path}` has digest {found}, not {entry.expected[:80]}")


def _refuse_other(there: File, file: File) -> None:
    """One path, one content."""
    found = first_difference(msgspec.to_builtins(there), msgspec.to_builtins(file))
    if found is not None:
        raise StoreProblem(
            "conflict",
            f"`{file.path}` is in the package already, and differs at `{found.pointer}`",
            f"it has {str(found.before)[:100]}; now it is {str(found.after)[:100]}",
            pointer=found.pointer,
        )


def _as_finalized(package: Package, *, reused: bool) -> Finalized:
    assert package.manifest_digest is not None
    return Finalized(package=package, manifest_digest=package.manifest_digest, reused=reused)
