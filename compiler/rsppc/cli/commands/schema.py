"""`rsppc schema`: print the JSON Schema of a kind of artifact."""

from __future__ import annotations

import click

from rsppc.base.names import near_miss
from rsppc.cli.session import usage
from rsppc.diagnostics.visible import visible
from rsppc.model.kinds import KINDS
from rsppc.model.shape import ArtifactKind
from rsppc.resources import read_text


@click.command(
    "schema", epilog="Examples: `rsppc schema pipeline`, `rsppc schema rspp.policy.overlay.v1`, `rsppc schema --list`."
)
@click.argument("kind", required=False)
@click.option("--list", "only_list", is_flag=True, help="List the kinds of artifacts.")
def COMMAND(kind: str | None, only_list: bool) -> None:  # the module's one member, found by this name
    """Print the JSON Schema of a KIND of artifact, for an editor; without one, list the kinds.

    A kind is called by its short name, by its title, or by its `schema_version`.
    """
    if kind is None or only_list:
        for known in KINDS:
            click.echo(f"{known.name:<10} {known.schema_version:<30} {known.title}: {known.shape.doc}")
        return
    click.echo(read_text("schemas", f"{_kind(kind).schema_version}.schema.json"), nl=False)


def _kind(written: str) -> ArtifactKind:
    names = {name.lower(): kind for kind in KINDS for name in (kind.name, kind.title, kind.schema_version)}
    found = names.get(written.lower())
    if found is None:
        guess = near_miss(written.lower(), names)
        usage(
            f"there is no kind of artifact `{visible(written[:100])}`",
            f"did you mean `{guess}`?" if guess else f"there are {', '.join(kind.name for kind in KINDS)}",
        )
    return found
