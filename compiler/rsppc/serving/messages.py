"""The bodies of requests and answers that are JSON. Answers show the store's own records where there is one."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from rsppc.base.record import Record
from rsppc.store.registry import Attestation, File, Package
from rsppc.store.request import NAME

Name = Annotated[str, Meta(pattern=f"^{NAME.pattern}$")]
Reason = Annotated[str, Meta(min_length=1, max_length=1000)]
Until = Annotated[str, Meta(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z|forever)$")]


class NewPackage(Record, forbid_unknown_fields=True):
    """A package that is asked for. Whose it is, the token says."""

    producer: Name
    run_id: Name
    subject: Name
    kind: Name = "run"
    repository: str | None = None
    commit: str | None = None
    environment: dict[str, str] = {}
    metadata: dict[str, Any] = {}
    metadata_schema: str | None = None
    """Id of a registered schema that the metadata keep."""
    retention_class: str | None = None
    """The store's default where it is left out."""
    provenance: dict[str, Any] = {}


class Extension(Record, forbid_unknown_fields=True):
    """Until when a package is kept from now on: `2030-01-01T00:00:00Z`, or `forever`; later than before."""

    new_expires_at: Until
    reason: Reason


class Decision(Record, forbid_unknown_fields=True):
    """Why it was decided; it stands in the log for good."""

    reason: Reason


class FinalPackage(Record):
    """A package that never changes again. `reused` where it was final before."""

    package: Package
    manifest_digest: str
    reused: bool


class PackagePage(Record):
    """Packages in the order of their creation. `next_after` is null at the end."""

    packages: list[Package]
    next_after: int | None


class FileOfPackage(Record):
    """A file, and the package that it is part of."""

    package_id: str
    file: File


class FilePage(Record):
    """Files in the order of their paths. `next_after` is null at the end."""

    files: list[File]
    next_after: str | None


class RetentionClasses(Record):
    """For how many days each retention class keeps packages, null for ever, and which class is the default."""

    default: str
    days: dict[str, int | None]


class SchemaEntry(Record):
    """A metadata schema that is registered: its `$id`, and BLAKE3 of its canonical JSON."""

    schema_id: str
    digest: str


class SchemaList(Record):
    """All metadata schemas of the tenant, by name."""

    metadata_schemas: list[SchemaEntry]


class AttestationList(Record):
    """What was said of a package, by name."""

    attestations: list[Attestation]


class TenantEvent(Record):
    """An event of the log. The digest by which events are chained is left out: another tenant's event could be guessed
    and confirmed by it."""

    seq: int
    type: str
    at: str
    package_id: str
    data: dict[str, Any]


class EventPage(Record):
    """Events of the tenant. `seq` counts the events of all tenants; `next_after` is that of the last one here."""

    events: list[TenantEvent]
    next_after: int


class Health(Record):
    """`ok`, or what is not."""

    status: str
