"""`rsppc store token`: who is let in where a store is served."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import OK
from rsppc.cli.session import usage
from rsppc.cli.storing import refusals, store_folder, store_here, store_option, tenant_option
from rsppc.evidence.moment import read_moment


@click.group("token", epilog="Examples: `rsppc store token add --role publisher --name ci`, `rsppc store token list`.")
def TOKEN_COMMAND() -> None:
    """Make and revoke the tokens by which a served store lets callers in. Every token is of one tenant."""


@TOKEN_COMMAND.command(
    "add",
    epilog="Examples: `rsppc store token add --role publisher --name ci`, "
    "`rsppc store token add --role retention-officer --tenant acme --name ada --until 2027-01-01`.",
)
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice(["reader", "publisher", "retention-officer"]),
    help="What the token may do besides reading; several times for several roles.",
)
@click.option("--name", metavar="NAME", help="Who has it; their decisions stand in the log under this name.")
@click.option("--until", metavar="TIME", help="When it ends; never where left out.")
@now_option
@tenant_option
@store_option
def add(
    roles: tuple[str, ...], name: str | None, until: str | None, now: str | None, tenant: str, store: str | None
) -> int:
    """Make a token, and print it. The store keeps its digest only, so that it is not shown again."""
    from rsppc.serving.tokens import keep_token, new_token

    at, expires = time_given(now), _moment(until)
    if expires is not None and expires <= at:
        usage("the token would have ended already", "choose a later `--until`")
    with store_here(store, writable=False) as registry:
        token, text = new_token(tenant=tenant, roles=roles, at=at, name=name, expires=expires)
        keep_token(registry.folder, token)
    click.echo(text)
    click.echo(f"token {token.token_id} of tenant {tenant}; it is not shown again", err=True)
    return OK


@TOKEN_COMMAND.command("list", epilog="Example: `rsppc store token list`.")
@store_option
def list_tokens(store: str | None) -> int:
    """List tokens with what they may do, of all tenants."""
    from rsppc.serving.tokens import tokens

    with refusals():
        for token in tokens(store_folder(store)):
            until = f", until {token.expires_at}" if token.expires_at is not None else ""
            click.echo(f"{token.token_id}  {token.tenant}  {', '.join(token.roles)}: {token.name}{until}")
    return OK


@TOKEN_COMMAND.command("revoke", epilog="Example: `rsppc store token revoke 0123456789ab`.")
@click.argument("token_id", metavar="ID")
@store_option
def revoke(token_id: str, store: str | None) -> int:
    """Let a token in no more, from the next request on."""
    from rsppc.serving.tokens import revoke_token

    with refusals():
        revoke_token(store_folder(store), token_id)
    click.echo(f"{token_id} is revoked")
    return OK


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = read_moment(text if "T" in text else f"{text}T00:00:00Z")
    if moment is None:
        usage(f"`--until {text[:40]}` is no time", "write it as in `2027-01-01`")
    return moment.astimezone(UTC)
