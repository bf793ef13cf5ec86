"""The options of the cache: whether there is one, and where it is shared."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rsppc.base.record import Record
from rsppc.cli.session import usage

if TYPE_CHECKING:
    from rsppc.objects.protocol import ObjectFault, ObjectStore

CACHE = ".rsppc-cache"
"""The folder of the cache, beside `rsppc.toml`. Where it is there, it is used: a first run with it takes up to a tenth
longer, which is for the owner of a workspace to spend."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


class CacheUse(Record):
    """What the command line says of the cache."""

    wanted: bool | None
    """None leaves it to whether the workspace has one."""
    explained: bool
    store: ObjectStore | None = None
    """Where it is shared, besides the folder."""


class CachedCommand(click.Command):
    """A command with `--cache`, which takes a place where one follows, and never a file of the workspace."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _with_places(args))


def _with_places(words: Sequence[str]) -> list[str]:
    made: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*made, word, *rest]
        if "://" in word and made and made[-1] == f"--cache={CACHE}":
            made[-1] = f"--cache={word}"
        else:
            made.append(f"--cache={CACHE}" if word == "--cache" else word)
    return made


def cache_options(command: _Command) -> _Command:
    """Give a command `--cache`, `--no-cache` and `--explain-cache`; it must be a `CachedCommand`."""
    for option in (
        click.option("--explain-cache", is_flag=True, help="Say on standard error what was not in the cache, and why."),
        click.option("--no-cache", is_flag=True, help="Do without a cache."),
        click.option(
            "--cache",
            metavar="[s3://BUCKET/PREFIX]",
            help=f"Use `{CACHE}/`, and make it; the default is to use it where it is. With a place, share it there.",
        ),
    ):
        command = option(command)
    return command


def cache_use(cache: str | None, *, no_cache: bool, explained: bool) -> CacheUse:
    """What the options say; ends the command where they name no place."""
    if no_cache or cache is None:
        return CacheUse(wanted=False if no_cache else None, explained=explained)
    return CacheUse(wanted=True, explained=explained, store=None if cache == CACHE else _store_at(cache))


def _store_at(url: str) -> ObjectStore:
    from rsppc.objects.place import BadPlace, place_of  # only where it is shared
    from rsppc.objects.protocol import ObjectFault
    from rsppc.objects.s3 import Limits, open_objects

    place = place_of(url, os.environ)
    if isinstance(place, BadPlace):
        usage(place.problem, place.advice)
    store = open_objects(place, Limits(request_ms=10_000, operation_ms=20_000))
    if isinstance(store, ObjectFault):
        usage(f"`{place.url}` cannot be used: {store.reason}", "run `pip install 'rsppc[s3]'`")
    return store


_NEXT_STEPS = {
    "missing": "make the bucket, or name another one",
    "denied": "check `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, and that they may list, read, write and delete",
    "unreachable": "check `AWS_ENDPOINT_URL` and the network, or leave the place out",
    "corrupt": "check the service with another client: it changes what is written",
}


def tell_of(fault: ObjectFault, url: str) -> None:
    """Warn of a service that was done without."""
    click.echo(f"rsppc: warning: the cache at {url} was not used further: {fault.reason}", err=True)
    step = _NEXT_STEPS.get(fault.kind, "use another service, or leave the place out")
    click.echo(f"  nothing is lost but time; {step}", err=True)
