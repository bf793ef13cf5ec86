"""`rsppc store init` and `rebuild`: a store begins, and begins again after its registry was lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import OK
from rsppc.cli.session import usage
from rsppc.cli.storing import counted, refusals, store_folder, store_option

if TYPE_CHECKING:
    from rsppc.objects.protocol import Guarantees
    from rsppc.store.config import RetentionClass


@click.command(
    "init",
    epilog="Examples: `rsppc store init`, `rsppc store init --store /srv/store --class audit=2555`, "
    "`rsppc store init --backend s3://packages/team`.",
)
@click.option("--backend", metavar="URL", default="local", show_default=True, help="Where content lies.")
@click.option(
    "--class",
    "classes",
    multiple=True,
    metavar="NAME=DAYS",
    help="A retention class of its own.",
)
@click.option("--default-class", metavar="NAME", default="standard", show_default=True, help="For whoever names none.")
@click.option("--take-over", is_flag=True, help="Claim content in a service whose store lost its folder.")
@store_option
def INIT_COMMAND(backend: str, classes: tuple[str, ...], default_class: str, take_over: bool, store: str | None) -> int:
    """Make an empty store. One that is there with the same configuration stays as it is.

    Every store has the classes `raw` (30 days), `standard` (365), `release` (3650) and `permanent`. DAYS may be
    `forever`.
    """
    from rsppc.store.beginning import begin_store
    from rsppc.store.config import DEFAULT_CLASSES, Config

    known = dict(DEFAULT_CLASSES)
    for text in classes:
        known.update([_class(text)])
    folder = store_folder(store)
    config = Config(backend=backend, default_class=default_class, retention_classes=known)
    with refusals():
        begun = begin_store(folder, config, os.environ, take_over=take_over)
    click.echo(f"the store is in {folder}")
    if begun.guarantees is not None:
        _tell_guarantees(backend, begun.guarantees)
    if begun.registry_missing:
        click.echo("  its registry has yet to be made: run `rsppc store rebuild`")
    return OK


def _tell_guarantees(url: str, found: Guarantees) -> None:
    """Say what a service was seen to keep, and what follows where it does not."""
    create = {"honoured": "yes", "ignored": "no: it is written over", "unsupported": "no: not known there"}[
        found.create
    ]
    click.echo(f"  what {url} was seen to do with a trial object:")
    click.echo("    what is written is read       yes")
    click.echo(f"    a second creator is refused   {create}")
    click.echo(f"    what is written is listed     {'yes' if found.list_after_write else 'no'}")
    click.echo(f"    what is deleted is gone       {'yes' if found.delete else 'no'}")
    if found.create != "honoured":
        click.echo("  a second creator would write the same bytes: content is named by its digest, and read back")
    if not found.list_after_write:
        click.echo("  `gc` and `rebuild` may miss what is not listed; `gc` never deletes what the log speaks of")
    if not found.delete:
        click.echo("  `gc` may free nothing there")


def _class(text: str) -> tuple[str, RetentionClass]:
    from rsppc.store.config import RetentionClass
    from rsppc.store.request import NAME

    name, _, days = text.partition("=")
    if NAME.fullmatch(name) is None or not (days == "forever" or (days.isascii() and days.isdigit() and len(days) < 6)):
        usage(f"`--class {text[:60]}` names no class and days", "write it as in `audit=2555` or `deeds=forever`")
    return name, RetentionClass(days=None if days == "forever" else int(days))


@click.command("rebuild", epilog="Example: `rsppc store rebuild`.")
@now_option
@store_option
def REBUILD_COMMAND(now: str | None, store: str | None) -> int:
    """Make a registry that is lost, damaged or of another format anew, from the manifests.

    Finalised packages come back, each with a hold: what was held or extended before is not known. Open and collected
    packages, registered schemas and earlier events do not. The old database is moved aside.
    """
    from rsppc.store.rebuilding import rebuild

    at, folder = time_given(now), store_folder(store)
    with refusals():
        made = rebuild(folder, at)
    for line in made.passed_over:
        click.echo(f"not used: {line}", err=True)
    if made.passed_over:
        click.echo(
            "  content that only this speaks of goes with the next `rsppc store gc --delete`; to save it, bring back"
            " what is damaged, move `registry.db` away, and rebuild again",
            err=True,
        )
    packages, attestations = counted(made.packages, "package"), counted(made.attestations, "attestation")
    click.echo(f"{packages} and {attestations}; every package is held")
    if made.aside is not None:
        click.echo(f"  the old database is in {made.aside}")
    click.echo("  `rsppc store verify` reads all content; `rsppc store retention release` lets retention count again")
    return OK
