"""`rsppc store events`: the log that everything else follows from."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from rsppc.cli.exits import INTEGRITY, OK
from rsppc.cli.storing import refusals, store_folder, store_here, store_option

if TYPE_CHECKING:
    from rsppc.store.registry import Registry


@click.group("events", epilog="Examples: `rsppc store events tail`, `rsppc store events verify`.")
def EVENTS_COMMAND() -> None:
    """Read the event log, and prove it."""


@EVENTS_COMMAND.command("tail", epilog="Examples: `rsppc store events tail --limit 3`.")
@click.option("--after", metavar="SEQ", type=click.IntRange(0), help="Begin after this event; else with the last ones.")
@click.option("--limit", metavar="N", type=click.IntRange(1), default=20, show_default=True, help="How many.")
@click.option("--follow", is_flag=True, help="Wait for further events until interrupted.")
@store_option
def tail(after: int | None, limit: int, follow: bool, store: str | None) -> int:
    """Print events, one a line, as the canonical JSON that is digested."""
    with store_here(store, writable=False) as registry:
        seq = after if after is not None else max(0, registry.log.head().seq - limit)
        seq = _printed(registry, seq, -1 if follow else limit)
        while follow:
            time.sleep(0.5)
            seq = _printed(registry, seq, -1)
    return OK


def _printed(registry: Registry, after: int, limit: int) -> int:
    """Print events; the number of the last one comes back."""
    for seq, body, _ in registry.log.events(after, limit):
        click.echo(body.decode("utf-8", "backslashreplace"))
        after = seq
    return after


@EVENTS_COMMAND.command("verify", epilog="Example: `rsppc store events verify`.")
@store_option
def verify(store: str | None) -> int:
    """Hold every event against the one before it, and the tables against all events replayed."""
    from rsppc.store.auditing import audit
    from rsppc.store.log import Log

    with refusals():
        log = Log.open(store_folder(store), writable=False, checked=False)
        try:
            found = audit(log)
        finally:
            log.close()
    for fault in found.faults:
        click.echo(f"log: {fault}")
    if found.faults:
        return INTEGRITY
    click.echo(f"{found.head.seq} events, the last is {found.head.digest}; the tables follow from them")
    return OK


@EVENTS_COMMAND.command("replay", epilog="Example: `rsppc store events replay`.")
@store_option
def replay(store: str | None) -> int:
    """Make the tables anew from the events."""
    from rsppc.store.auditing import replay as replayed

    with store_here(store) as registry:
        head = replayed(registry.log)
    click.echo(f"the tables were made anew from {head.seq} events")
    return OK
