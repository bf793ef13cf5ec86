"""Schemas of the metadata of packages: registered once under a name, and the same for ever after.

A package that names a schema is created only if its metadata keep it, and its creation event names the schema with its
digest. Registering is no event: nothing that the store tells of packages follows from a schema that none of them names,
and a schema can be brought back from its file, which its digest proves to be the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.store import schema_engine
from rsppc.store.hashing import blake3_of
from rsppc.store.json_text import object_of
from rsppc.store.log import Log
from rsppc.store.manifest import value_fault
from rsppc.store.problems import StoreProblem
from rsppc.store.request import NAME
from rsppc.store.schema_rules import rule_violations
from rsppc.store.violations import Violation, Violations

SCHEMA_SIZE_MAX = 2**20
METADATA_SIZE_MAX = 2**20


class Schema(Record):
    """A registered schema: its `$id`, BLAKE3 of its canonical JSON, and that JSON."""

    schema_id: str
    digest: str
    body: bytes


class Registered(Record):
    """A schema that the store knows now. `fresh` is False where it knew this very one before."""

    schema: Schema
    fresh: bool


def read_schema(data: bytes, *, name: str = "the schema") -> Schema:
    """The schema in the bytes of a file; `Violations` where they hold none that can be registered."""
    value = object_of(name, data, size_max=SCHEMA_SIZE_MAX)
    found = rule_violations(value)
    found += [one for one in schema_engine.meta_violations(value) if one.pointer not in {two.pointer for two in found}]
    if not found:
        built = schema_engine.build_violation(value)
        found = [built] if built is not None else []
    if found:
        raise Violations(f"{name} cannot be registered", found)
    body = canonical(value)
    return Schema(schema_id=value["$id"], digest=blake3_of(body), body=body)


def register_schema(log: Log, tenant: str, schema: Schema) -> Registered:
    """Make a schema known to a tenant, once and for good."""
    if NAME.fullmatch(tenant) is None:
        raise StoreProblem("malformed", f"there can be no tenant {tenant[:60]!a}")
    with log.writing():
        there = _found(log, tenant, schema.schema_id)
        if there is None:
            _refuse_named_otherwise(log, tenant, schema)
            row = (tenant, schema.schema_id, schema.digest, schema.body)
            log.database.execute("INSERT INTO metadata_schemas VALUES(?, ?, ?, ?)", row)
    if there is not None and there.digest != schema.digest:
        raise StoreProblem(
            "conflict",
            f"`{schema.schema_id}` is registered with other content: it has the digest {there.digest}, "
            f"and this one has {schema.digest}",
            "a schema never changes; register this one under another `$id`, as in `….v2`",
        )
    return Registered(schema=schema, fresh=there is None)


def registered_schema(log: Log, tenant: str, schema_id: str) -> Schema:
    """A schema that a tenant has registered."""
    with log.spoken():
        found = _found(log, tenant, schema_id)
    if found is None:
        raise StoreProblem(
            "missing",
            f"there is no metadata schema `{schema_id[:80]}`",
            "register it with `rsppc store schema register FILE`; "
            "`rsppc store schema bootstrap` registers those that come with rsppc",
        )
    return found


def registered_schemas(log: Log, tenant: str) -> list[Schema]:
    """All schemas of a tenant, by name."""
    with log.spoken():
        rows = log.database.execute(
            "SELECT schema_id, digest, body FROM metadata_schemas WHERE tenant = ? ORDER BY schema_id", (tenant,)
        ).fetchall()
    return [Schema(schema_id=row[0], digest=row[1], body=row[2]) for row in rows]


def check_metadata(log: Log, tenant: str, schema_id: str, metadata: Mapping[str, Any]) -> str:
    """The digest of the schema that metadata keep; `Violations` with all that is wrong where they do not."""
    schema = registered_schema(log, tenant, schema_id)
    what = f"the metadata do not keep the schema `{schema_id}`"
    fault = value_fault(dict(metadata))
    if fault is not None:
        raise Violations(what, [Violation(pointer="", problem=fault)])
    if len(canonical(metadata)) > METADATA_SIZE_MAX:
        raise Violations(what, [Violation(pointer="", problem=f"they have more than {METADATA_SIZE_MAX} bytes")])
    if blake3_of(schema.body) != schema.digest:
        raise StoreProblem(
            "corrupt", f"the schema `{schema_id}` is not what its digest says", "restore a copy of the store"
        )
    found = schema_engine.bounded_violations(schema.body, metadata)
    if found:
        raise Violations(what, found)
    return schema.digest


def check_brought(log: Log, package: Mapping[str, Any]) -> None:
    """Refuse a package from elsewhere whose metadata do not keep the schema that it names, as this store knows it. One
    that is not registered here says nothing."""
    tenant, named = package["tenant"], package["metadata_schema"]
    with log.spoken():
        there = _found(log, tenant, named["schema_id"])
    if there is None:
        return
    if there.digest != named["digest"]:
        raise StoreProblem(
            "conflict",
            f"the package names another schema `{there.schema_id}` than the one that is registered: it says "
            f"{named['digest']}, and here it is {there.digest}",
            "take it into another store, or for another tenant",
            pointer="/package/metadata_schema/digest",
        )
    check_metadata(log, tenant, there.schema_id, package.get("metadata", {}))


def schema_faults(log: Log) -> tuple[str, ...]:
    """What is wrong with registered schemas: their bytes, and that packages name another one of the same name.

    No event speaks of a schema, so that the chain of events does not protect it; the packages that name it do.
    """
    faults = []
    with log.spoken():
        for tenant, schema_id, digest, body in log.database.execute("SELECT * FROM metadata_schemas ORDER BY 1, 2"):
            if blake3_of(body) != digest:
                faults.append(f"the schema `{schema_id}` of `{tenant}` is not what its digest says")
        rows = log.database.execute(_NAMED_OTHERWISE).fetchall()
    faults += [f"`{schema_id}` of `{tenant}` is not the schema that its packages name" for tenant, schema_id in rows]
    return tuple(faults)


_NAMED_OTHERWISE = """
SELECT DISTINCT s.tenant, s.schema_id FROM metadata_schemas AS s JOIN (
  SELECT DISTINCT json_extract(request, '$.package.tenant') AS tenant,
    json_extract(request, '$.package.metadata_schema.schema_id') AS id,
    json_extract(request, '$.package.metadata_schema.digest') AS digest
  FROM requests WHERE instr(request, '"metadata_schema"') > 0 AND json_valid(request)
) AS p ON p.tenant = s.tenant AND p.id = s.schema_id WHERE p.digest <> s.digest ORDER BY 1, 2
"""


_NAMED_BY_PACKAGES = """
SELECT DISTINCT json_extract(request, '$.package.metadata_schema.digest') AS digest FROM requests
WHERE instr(request, '"metadata_schema"') > 0 AND json_valid(request)
  AND json_extract(request, '$.package.tenant') = ? AND json_extract(request, '$.package.metadata_schema.schema_id') = ?
"""


def _refuse_named_otherwise(log: Log, tenant: str, schema: Schema) -> None:
    """Packages may have come before the schema that they name, by import or by a rebuilt registry."""
    rows = log.database.execute(_NAMED_BY_PACKAGES, (tenant, schema.schema_id)).fetchall()
    others = sorted({str(digest) for (digest,) in rows} - {schema.digest})
    if others:
        raise StoreProblem(
            "conflict",
            f"packages of `{tenant}` name `{schema.schema_id}` with the digest {others[0]}, and this one has "
            f"{schema.digest}",
            "register the schema that they were made with, or this one under another `$id`, as in `….v2`",
        )


def _found(log: Log, tenant: str, schema_id: str) -> Schema | None:
    row = log.database.execute(
        "SELECT schema_id, digest, body FROM metadata_schemas WHERE tenant = ? AND schema_id = ?", (tenant, schema_id)
    ).fetchone()
    return Schema(schema_id=row[0], digest=row[1], body=row[2]) if row is not None else None
