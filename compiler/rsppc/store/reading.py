"""What can be asked of a store, without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypedDict, TypeVar

import msgspec

from rsppc.base.record import Record
from rsppc.store import manifest
from rsppc.store.backends.protocol import Backend
from rsppc.store.config import Config
from rsppc.store.log import Log
from rsppc.store.problems import StoreProblem

FINALISE = "give the command that began it once more, or finalise it over HTTP"
REPLAY = "make the tables anew from the events with `rsppc store events replay`"


class Package(Record):
    """A package as the tables know it."""

    package_id: str
    tenant: str
    kind: str
    producer: str
    run_id: str
    subject: str
    state: str
    """`open`, `finalized`, or `collected`, when its bytes are gone by the rules of retention."""
    manifest_digest: str | None
    file_count: int
    byte_count: int
    retention_class: str
    expires_at: str | None
    permanent: bool
    hold: str | None
    created_seq: int
    finalized_seq: int | None
    finalized_at: str | None


PACKAGE_COLUMNS = ", ".join(Package.__struct_fields__)


class File(Record):
    """A file of a package, as its manifest shows it."""

    file_id: str
    path: str
    role: str
    media_type: str
    size: int
    digest_primary: str
    digest_sha256: str
    location: str


FILE_COLUMNS = "file_id, path, role, media_type, size, digest_primary, digest_sha256"


class Attestation(Record):
    """Something that was said of a finalised package, such as a signature: bytes beside it, under a name."""

    name: str
    media_type: str
    size: int
    digest_primary: str
    digest_sha256: str


_ATTESTATION = ", ".join(Attestation.__struct_fields__)


class Requested(TypedDict):
    """What the event of a package's creation said."""

    package: dict[str, Any]
    retention_class: str
    provenance: dict[str, Any]


class Reading:
    """The store in a folder, for one thread. Methods raise `StoreProblem`."""

    def __init__(self, folder: str, config: Config, log: Log, backend: Backend) -> None:
        self.folder = folder
        self.config = config
        self.log = log
        self.backend = backend

    def close(self) -> None:
        self.log.close()

    def retention_days(self) -> dict[str, int | None]:
        """For how many days each retention class keeps packages; None is for ever."""
        return {name: one.days for name, one in sorted(self.config.retention_classes.items())}

    def package(self, package_id: str, tenant: str | None = None) -> Package:
        """A package; of another tenant it is not there."""
        found = self._package(package_id)
        if found is None or (tenant is not None and found.tenant != tenant):
            raise StoreProblem("missing", f"the store has no package `{package_id[:60]}`")
        return found

    def found(self, package_id: str) -> Package | None:
        """A package by its id; None where there is none."""
        return self._package(package_id)

    def packages(
        self,
        tenant: str = "default",
        *,
        after: int = 0,
        limit: int = 100,
        kind: str | None = None,
        subject: str | None = None,
        state: str | None = None,
    ) -> list[Package]:
        """Packages of a tenant in the order of their creation; `after` is the last `created_seq` that was seen."""
        where, values = ["tenant = ?", "created_seq > ?"], [tenant, after]
        given = [(name, value) for name, value in (("subject", subject), ("kind", kind), ("state", state)) if value]
        for index, (column, value) in enumerate(given):
            # Only the first, the narrowest, is looked up; SQLite may not choose another one's index.
            where.append(f"{'+' if index else ''}{column} = ?")
            values.append(value)
        rows = self._rows(
            f"SELECT {PACKAGE_COLUMNS} FROM packages WHERE {' AND '.join(where)} ORDER BY created_seq LIMIT ?",
            (*values, limit),
        )
        return [package_of(row) for row in rows]

    def bytes_kept(self) -> int:
        """Bytes of all packages that are not collected."""
        rows = self._rows("SELECT sum(byte_count) FROM packages WHERE state != 'collected'")
        return int(rows[0][0] or 0)

    def files(self, package_id: str, *, after: str = "", limit: int = -1) -> list[File]:
        """The files of a package in order of their paths; `after` is the last path that was seen."""
        rows = self._rows(
            f"SELECT {FILE_COLUMNS} FROM files WHERE package_id = ? AND path > ? ORDER BY path LIMIT ?",
            (package_id, after, limit),
        )
        return [file_of(row) for row in rows]

    def file(self, file_id: str, tenant: str | None = None) -> tuple[Package, File]:
        """A file by its id, and its package."""
        rows = self._rows(
            f"SELECT {FILE_COLUMNS}, package_id FROM files WHERE file_id = ?",
            (file_id,),
        )
        package = self.package(rows[0][7]) if rows else None
        if package is None or (tenant is not None and package.tenant != tenant):  # said alike, whichever it is
            raise StoreProblem("missing", f"the store has no file `{file_id[:60]}`")
        return package, file_of(rows[0][:7])

    def file_at(self, package_id: str, path: str) -> File:
        """A file of a package by its path."""
        rows = self._rows(f"SELECT {FILE_COLUMNS} FROM files WHERE package_id = ? AND path = ?", (package_id, path))
        if not rows:
            raise StoreProblem("missing", f"the package has no file `{path[:200]}`")
        return file_of(rows[0])

    def content(self, file: File, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a file, or a range of them; whole content is held against its digest."""
        return self.backend.read(file.digest_primary, offset=offset, length=length)

    def manifest_bytes(self, package_id: str) -> bytes:
        """The manifest of a finalised package, checked."""
        package = self.package(package_id)
        refuse_collected(package)
        if package.manifest_digest is None:
            raise StoreProblem("missing", f"package `{package_id}` is not finalised", FINALISE)
        return b"".join(self.backend.read(package.manifest_digest, "manifests"))

    def manifest_value(self, package_id: str, files: Sequence[File] | None = None) -> dict[str, Any]:
        """The manifest as the tables tell it, also of a package that is not final."""
        data = self._request(package_id)
        told = [msgspec.to_builtins(file) for file in (self.files(package_id) if files is None else files)]
        return manifest.manifest_of(data["package"], told, data["retention_class"], data["provenance"])

    def find(self, name: str, tenant: str | None = None) -> Package:
        """A package by its id, or by the digest of its manifest."""
        if not name.startswith("blake3:"):
            return self.package(name, tenant)
        rows = self._rows(
            f"SELECT {PACKAGE_COLUMNS} FROM packages WHERE manifest_digest = ? ORDER BY created_seq", (name,)
        )
        found = [package for package in map(package_of, rows) if tenant is None or package.tenant == tenant]
        if not found:
            raise StoreProblem("missing", f"the store has no package with manifest `{name[:80]}`")
        return found[0]

    def attestations(self, package_id: str) -> list[Attestation]:
        """What was said of a package, in order of names."""
        rows = self._rows(f"SELECT {_ATTESTATION} FROM attestations WHERE package_id = ? ORDER BY name", (package_id,))
        return [_sound(dict(zip(Attestation.__struct_fields__, row, strict=True)), Attestation) for row in rows]

    def attestation_bytes(self, package_id: str, name: str) -> bytes:
        """The bytes of an attestation, checked."""
        for one in self.attestations(package_id):
            if one.name == name:
                return b"".join(self.backend.read(one.digest_primary))
        raise StoreProblem("missing", f"nothing is attested of `{package_id[:60]}` as `{name[:100]}`")

    # Inside

    def _package(self, package_id: str) -> Package | None:
        rows = self._rows(f"SELECT {PACKAGE_COLUMNS} FROM packages WHERE package_id = ?", (package_id,))
        return package_of(rows[0]) if rows else None

    def _request(self, package_id: str) -> Requested:
        rows = self._rows("SELECT request FROM requests WHERE package_id = ?", (package_id,))
        if not rows:
            raise StoreProblem("missing", f"the store has no package `{package_id[:60]}`")
        try:
            return msgspec.json.decode(rows[0][0], type=Requested)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
            raise StoreProblem(
                "corrupt", f"what the tables say of package `{package_id[:60]}` cannot be read", REPLAY
            ) from None

    def _rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:
        with self.log.spoken():
            return self.log.database.execute(statement, values).fetchall()


def package_of(row: Any) -> Package:
    values = dict(zip(Package.__struct_fields__, row, strict=True))
    values["permanent"] = bool(values["permanent"])
    return _sound(values, Package)


def file_of(row: Any) -> File:
    """A file from a row of `FILE_COLUMNS`."""
    values = dict(zip(File.__struct_fields__, (*row, manifest.location_of(str(row[5]))), strict=True))
    return _sound(values, File)


_Row = TypeVar("_Row", bound=Record)


def _sound(values: dict[str, Any], kind: type[_Row]) -> _Row:
    """A record from a row. What was damaged on the disk may be of any type."""
    try:
        return msgspec.convert(values, kind, strict=True)
    except msgspec.ValidationError as error:
        raise StoreProblem("corrupt", f"a row of the tables is damaged: {error}", REPLAY) from None


def refuse_collected(package: Package) -> None:
    """Of a collected package there is only what the log says."""
    if package.state == "collected":
        raise StoreProblem(
            "refused",
            f"package `{package.package_id}` was collected "
            + ("when its retention had ended" if package.manifest_digest is not None else "before it was finished"),
            "its record stays, and its run cannot be published again",
        )
