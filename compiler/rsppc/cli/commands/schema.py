"""`rsppc schema`: print the JSON Schema of a kind of artifact, or of an object of the runtime."""

from __future__ import annotations

import click

from rsppc.base.names import near_miss
from rsppc.cli.session import usage
from rsppc.diagnostics.visible import visible
from rsppc.model.contract import VERSION
from rsppc.model.contracts import CONTRACTS, contract_named
from rsppc.model.documents import DOCUMENTS
from rsppc.model.json_schema import contract_file_name, document_file_name, file_name
from rsppc.model.kinds import KINDS
from rsppc.resources import read_text


@click.command(
    "schema",
    epilog="Examples: `rsppc schema pipeline`, `rsppc schema rspp.policy.overlay.v1`, `rsppc schema event_record`, "
    "`rsppc schema --list`.",
)
@click.argument("kind", required=False)
@click.option("--list", "only_list", is_flag=True, help="List the kinds of artifacts, documents, and contracts.")
def COMMAND(kind: str | None, only_list: bool) -> None:  # the module's one member, found by this name
    """Print the JSON Schema of a KIND of artifact, of a document that tools exchange, or of a contract.

    A kind is called by its short name, by its title, or by its `schema_version`; a contract by its name. Without KIND
    all of them are listed.
    """
    if kind is None or only_list:
        rows = [(known.name, known.schema_version, f"{known.title}: {known.shape.doc}") for known in KINDS]
        rows += [(document.name, document.schema_version, document.shape.doc) for document in DOCUMENTS]
        rows += [(contract.name, VERSION, contract.shape.doc) for contract in CONTRACTS]
        for name, version, doc in rows:
            click.echo(f"{name:<18} {version:<30} {doc}")
        return
    click.echo(read_text("schemas", _file(kind)), nl=False)


def _file(written: str) -> str:
    names = {name.lower(): kind for kind in KINDS for name in (kind.name, kind.title, kind.schema_version)}
    documents = {name: one for one in DOCUMENTS for name in (one.name, one.schema_version)}
    found, contract = names.get(written.lower()), contract_named(written)
    if found is not None:
        return file_name(found)
    if contract is not None:
        return contract_file_name(contract)
    if written.lower() in documents:
        return document_file_name(documents[written.lower()])
    contracts = [contract.name for contract in CONTRACTS]
    guess = near_miss(written.lower(), (*names, *documents, *contracts))
    usage(
        f"there is no kind of artifact and no contract `{visible(written[:100])}`",
        f"did you mean `{guess}`?"
        if guess
        else f"there are {', '.join(kind.name for kind in KINDS)}; contracts are {', '.join(contracts)}",
    )
