"""`rsppc diff`: what changed between two bundles, by cause."""

from __future__ import annotations

from contextlib import ExitStack

import click

from rsppc.base.canonical_json import readable
from rsppc.changes.compare import compared
from rsppc.changes.document import document_of
from rsppc.changes.markdown import markdown_of
from rsppc.changes.side import Side
from rsppc.changes.text import text_of
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.session import Options, usage
from rsppc.cli.sides import Named, Sources, bundles_of, compiled, counterpart, named, only_entry


@click.command(
    "diff",
    epilog="Examples: `rsppc diff main demo_bundle/v1`, `rsppc diff build/demo_bundle/v1 demo_bundle/v1 --all`, "
    "`rsppc diff HEAD~1 HEAD --format markdown > comment.md`.",
)
@click.argument("before", metavar="BEFORE")
@click.argument("after", metavar="AFTER")
@click.option(
    "--format",
    type=click.Choice(("text", "json", "markdown")),
    default="text",
    show_default=True,
    help="How the difference is printed.",
)
@click.option("--all", "everything", is_flag=True, help="Print every changed value, one a line.")
@click.option("--store", metavar="FOLDER", help="Where `store:` looks; the default is `store` in the workspace.")
def COMMAND(before: str, after: str, format: str, everything: bool, store: str | None) -> int:
    """Say what changed from BEFORE to AFTER, what caused it, and what it does to a live call.

    Each is a source file, a reference (`demo_bundle/v1`), a folder that `rsppc build` wrote, the folder of a workspace,
    a bundle of the store (`store:demo_bundle/v1`), or a git revision (`main`, `HEAD~1:demo_bundle/v1`, `git:REV` where
    a name could mean something else). A revision alone means the bundle of the other side. The exit code is 0 where
    nothing differs and 1 where something does.
    """
    with ExitStack() as stack:
        options = Options(format=format, reports=(), strict=False, color=None)
        sides = _both(named(before, store, stack), named(after, store, stack), options)
        found = compared(*sides)
    if format == "json":
        click.echo(readable(document_of(found)), nl=False)
    elif format == "markdown":
        click.echo(markdown_of(found), nl=False)
    else:
        click.echo(text_of(found, everything=everything), nl=False)
    return FINDINGS if found.groups else OK


def _both(before: Named, after: Named, options: Options) -> tuple[Side, Side]:
    """Both sides compiled; one that names no bundle takes that of the other."""
    if isinstance(before, Sources) and isinstance(after, Sources) and before.entry is None and after.entry is None:
        if len(bundles_of(before)) == 1 < len(bundles_of(after)):
            before = compiled(before, only_entry(before), options)
        else:
            after = compiled(after, only_entry(after), options)
    if _is_open(after):
        before, after = (side for side in reversed(_both(after, before, options)))
        return before, after
    assert not isinstance(after, Sources) or after.entry is not None
    right = compiled(after, after.entry, options) if isinstance(after, Sources) else after
    if isinstance(before, Side):
        return before, right
    entry = before.entry or counterpart(before, right.bundle["bundle_id"], right.bundle["version"])
    if entry is None:
        usage(f"`{before.name}` has no bundle `{right.bundle['bundle_id']}`", "name one, as in `main:demo_bundle/v1`")
    return compiled(before, entry, options), right


def _is_open(side: Named) -> bool:
    return isinstance(side, Sources) and side.entry is None
