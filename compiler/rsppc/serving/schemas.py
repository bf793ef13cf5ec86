"""Metadata schemas of a tenant."""

from __future__ import annotations

from urllib.parse import quote

from starlette.responses import Response

from rsppc.serving import bodies, messages
from rsppc.serving.answers import answer
from rsppc.serving.call import Call, Handler
from rsppc.store.metadata_schemas import (
    Registered,
    Schema,
    read_schema,
    register_schema,
    registered_schema,
    registered_schemas,
)
from rsppc.store.registry import Registry


async def register(call: Call) -> Response:
    data = await bodies.whole(call, call.service.limits.json_size_max)
    schema = await call.service.threads.run(lambda: read_schema(data))

    def registered(registry: Registry) -> Registered:
        return register_schema(registry.log, call.tenant, schema)

    made = await call.service.threads.write(registered)
    place = f"/metadata-schemas/{quote(schema.schema_id, safe='')}"
    return answer(_entry(made.schema), 201 if made.fresh else 200, {"Location": place})


async def list_schemas(call: Call) -> Response:
    found = await call.service.threads.read(lambda registry: registered_schemas(registry.log, call.tenant))
    return answer(messages.SchemaList(metadata_schemas=[_entry(schema) for schema in found]))


async def show_schema(call: Call) -> Response:
    name = call.ids["schema_id"]
    schema = await call.service.threads.read(lambda registry: registered_schema(registry.log, call.tenant, name))
    return Response(schema.body, 200, media_type="application/schema+json")


def _entry(schema: Schema) -> messages.SchemaEntry:
    return messages.SchemaEntry(schema_id=schema.schema_id, digest=schema.digest)


HANDLERS: dict[str, Handler] = {"register_schema": register, "list_schemas": list_schemas, "show_schema": show_schema}
