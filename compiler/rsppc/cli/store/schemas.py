"""`rsppc store schema`: what the metadata of packages must look like, registered once under a name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click
import msgspec

from rsppc.cli.distributing import read_input
from rsppc.cli.exits import OK
from rsppc.cli.storing import api_option, refusals, served_store, store_folder, store_here, store_option, tenant_option

if TYPE_CHECKING:
    from rsppc.store.metadata_schemas import Registered, Schema

SHIPPED = ("guide-board.run.v1.json",)
"""Files in `schemas/` that `bootstrap` registers."""


@click.group("schema", epilog="Examples: `rsppc store schema bootstrap`, `rsppc store schema list`.")
def SCHEMA_COMMAND() -> None:
    """Register schemas that metadata of packages must keep."""


@SCHEMA_COMMAND.command("register", epilog="Examples: `rsppc store schema register run.v1.json`.")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@api_option
@tenant_option
@store_option
def register(files: tuple[str, ...], api: str | None, tenant: str, store: str | None) -> int:
    """Register each FILE, a JSON Schema of draft 2020-12, under its `$id`.

    What is registered never changes: the same schema again does nothing, another one of that name is refused. All files
    are read before the first is registered.
    """
    from rsppc.store.metadata_schemas import read_schema

    with refusals():
        schemas = [read_schema(read_input(file), name=f"`{file}`") for file in files]
    return _register(schemas, api=api, tenant=tenant, store=store)


@SCHEMA_COMMAND.command(
    "bootstrap",
    epilog="Examples: `rsppc store schema bootstrap`, `rsppc store schema bootstrap --api http://127.0.0.1:8765`.",
)
@api_option
@tenant_option
@store_option
def bootstrap(api: str | None, tenant: str, store: str | None) -> int:
    """Register the schemas that come with rsppc, so that its pilots can publish."""
    from rsppc.resources import read_text
    from rsppc.store.metadata_schemas import read_schema

    schemas = [read_schema(read_text("schemas", name).encode(), name=f"`{name}`") for name in SHIPPED]
    return _register(schemas, api=api, tenant=tenant, store=store)


@SCHEMA_COMMAND.command("list", epilog="Examples: `rsppc store schema list`.")
@tenant_option
@store_option
def list_schemas(tenant: str, store: str | None) -> int:
    """List the schemas that are registered, with their digests."""
    from rsppc.store.metadata_schemas import registered_schemas

    with store_here(store, writable=False) as registry:
        for schema in registered_schemas(registry.log, tenant):
            click.echo(f"{schema.digest}  {schema.schema_id}")
    return OK


@SCHEMA_COMMAND.command("show", epilog="Examples: `rsppc store schema show guide-board.run.v1`.")
@click.argument("schema_id", metavar="ID")
@tenant_option
@store_option
def show(schema_id: str, tenant: str, store: str | None) -> int:
    """Print a schema that is registered."""
    from rsppc.store.metadata_schemas import registered_schema

    with store_here(store, writable=False) as registry:
        body = registered_schema(registry.log, tenant, schema_id).body
    click.echo(msgspec.json.format(body, indent=2).decode())
    return OK


def _register(schemas: Sequence[Schema], *, api: str | None, tenant: str, store: str | None) -> int:
    if api is not None:
        client = served_store(api, store=store, tenant=tenant)
        with refusals():
            _tell(schemas, client.register_schema)
        return OK
    from rsppc.store.metadata_schemas import register_schema

    _make_store(store_folder(store))
    with store_here(store) as registry:
        _tell(schemas, lambda schema: register_schema(registry.log, tenant, schema))
    return OK


def _make_store(folder: str) -> None:
    """A store with what every store has, where there is none: whoever registers a schema means to publish."""
    from rsppc.store.config import CONFIG, Config
    from rsppc.store.registry import init_store

    if not os.path.exists(os.path.join(folder, CONFIG)):
        with refusals():
            init_store(folder, Config())


def _tell(schemas: Sequence[Schema], register_one: Callable[[Schema], Registered]) -> None:
    for schema in schemas:
        made = register_one(schema)
        said = "registered" if made.fresh else "was registered before"
        click.echo(f"{schema.schema_id} {schema.digest} {said}")
