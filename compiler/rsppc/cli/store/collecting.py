"""`rsppc store gc`: free what no retention protects."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import OK
from rsppc.cli.session import usage
from rsppc.cli.storing import counted, store_here, store_option
from rsppc.evidence.moment import read_moment


@click.command("gc", epilog="Examples: `rsppc store gc`, `rsppc store gc --delete`.")
@click.option("--delete", is_flag=True, help="Do it; without this, only say what would be done.")
@click.option("--unfinished-before", metavar="TIME", help="Also packages that were begun before and never finished.")
@now_option
@store_option
def GC_COMMAND(delete: bool, unfinished_before: str | None, now: str | None, store: str | None) -> int:
    """Collect packages whose retention has ended, and content that no package needs.

    A hold stops it, permanent packages are never collected, and content that another package needs stays. The log keeps
    what a collected package was.
    """
    from rsppc.store.gc import collect

    at, limit = time_given(now), _moment(unfinished_before)
    with store_here(store, writable=delete) as registry:
        found = collect(registry, at, delete=delete, unfinished_before=limit)
    for one in found.packages:
        click.echo(f"{one.package.package_id}  {one.package.kind} {one.package.run_id}: {one.why}")
    verb = "collected" if delete else "would be collected"
    what = f"{counted(len(found.packages), 'package')} and {counted(found.contents, 'content')}"
    click.echo(f"{what} of {counted(found.bytes, 'byte')} {verb}")
    if found.leftovers:
        click.echo(f"{counted(found.leftovers, 'file')} of killed writers removed")
    if not delete:
        click.echo("nothing was deleted; `--delete` does it")
    return OK


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = read_moment(text if "T" in text else f"{text}T00:00:00Z")
    if moment is None:
        usage(f"`--unfinished-before {text[:40]}` is no time", "write it as in `2026-01-01`")
    return moment.astimezone(UTC)
