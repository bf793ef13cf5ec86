"""What canonical bytes must say to be the manifest of a package that this store could have made.

Whoever takes a manifest from elsewhere (import, pull, rebuild) reads it here, so that nothing enters the tables that
could not have been published: every name, path, id and digest is held against its rule.
"""

from __future__ import annotations

from typing import Any

import msgspec

from rsppc.base.record import Record
from rsppc.store import manifest
from rsppc.store.hashing import is_primary, is_sha256
from rsppc.store.paths import twin_key
from rsppc.store.problems import StoreProblem
from rsppc.store.reading import Attestation, File
from rsppc.store.request import FILES_MAX, NAME, Entry, PackageRequest, check_entry, check_request


class _SchemaRef(Record, forbid_unknown_fields=True):
    schema_id: str
    digest: str


class _Package(Record, forbid_unknown_fields=True):
    package_id: str
    tenant: str
    kind: str
    producer: str
    run_id: str
    subject: str
    repository: str | None = None
    commit: str | None = None
    environment: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    metadata_schema: _SchemaRef | None = None


class _File(File, forbid_unknown_fields=True):
    pass


class _Retention(Record, forbid_unknown_fields=True):
    retention_class: str


class _Manifest(Record, forbid_unknown_fields=True):
    manifest_version: int
    package: _Package
    files: list[_File]
    retention_summary: _Retention
    provenance: dict[str, Any]


class _Note(Attestation, forbid_unknown_fields=True):
    note_version: int
    package_id: str


class Described(Record):
    """A manifest that was read: what the event of creation says, and the files."""

    package_id: str
    tenant: str
    created: dict[str, Any]
    """`package`, `retention_class`, `provenance`."""
    files: tuple[File, ...]

    @property
    def byte_count(self) -> int:
        return sum(file.size for file in self.files)


def read_manifest(data: bytes) -> Described:
    """The package that a manifest describes; a `StoreProblem` where it is not one that could have been made."""
    value = manifest.decode(data)
    try:
        form = msgspec.convert(value, _Manifest, strict=True)
    except msgspec.ValidationError as error:
        raise StoreProblem("malformed", f"the manifest has another form: {str(error)[:300]}") from None
    one = form.package
    check_request(
        PackageRequest(
            producer=one.producer,
            run_id=one.run_id,
            subject=one.subject,
            kind=one.kind,
            tenant=one.tenant,
            repository=one.repository,
            commit=one.commit,
            environment=one.environment,
            metadata=one.metadata,
            provenance=form.provenance,
        )
    )
    if one.package_id != manifest.package_id_of(one.tenant, one.producer, one.run_id):
        raise StoreProblem("malformed", f"the manifest's package id is not that of run `{one.run_id}`")
    schema = one.metadata_schema
    if schema is not None and (NAME.fullmatch(schema.schema_id) is None or not is_primary(schema.digest)):
        raise StoreProblem("malformed", "the manifest names no metadata schema that could be registered")
    if NAME.fullmatch(form.retention_summary.retention_class) is None:
        raise StoreProblem("malformed", "the manifest names no retention class")
    _check_files(one.package_id, form.files)
    created = {
        "package": value["package"],
        "retention_class": form.retention_summary.retention_class,
        "provenance": form.provenance,
    }
    return Described(package_id=one.package_id, tenant=one.tenant, created=created, files=tuple(form.files))


def _check_files(package_id: str, files: list[_File]) -> None:
    if len(files) > FILES_MAX:
        raise StoreProblem("refused", f"a package has at most {FILES_MAX} files")
    twins: dict[str, str] = {}
    last = b""
    for file in files:
        check_entry(Entry(path=file.path, role=file.role, media_type=file.media_type))
        path = file.path.encode()
        if path <= last:
            raise StoreProblem("malformed", f"`{file.path}` stands in the manifest twice, or not in its order")
        last = path
        other = twins.setdefault(twin_key(file.path), file.path)
        if other != file.path:
            raise StoreProblem("malformed", f"`{file.path}` and `{other}` are one file where case does not count")
        if not is_primary(file.digest_primary) or not is_sha256(file.digest_sha256) or file.size < 0:
            raise StoreProblem("malformed", f"`{file.path}` has no sound digests or size in the manifest")
        if file.file_id != manifest.file_id_of(package_id, file.path):
            raise StoreProblem("malformed", f"`{file.path}` has the id of another file in the manifest")
        if file.location != manifest.location_of(file.digest_primary):
            raise StoreProblem("malformed", f"`{file.path}` lies elsewhere than its digest says, by the manifest")


def read_note(data: bytes) -> tuple[str, Attestation] | None:
    """The package and the attestation that a note speaks of; None where bytes are no note."""
    value = manifest.decode_note(data)
    if value is None:
        return None
    try:
        note = msgspec.convert(value, _Note, strict=True)
    except msgspec.ValidationError:
        return None
    fields = {name: getattr(note, name) for name in Attestation.__struct_fields__}
    return note.package_id, Attestation(**fields)
