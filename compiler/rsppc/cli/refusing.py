"""How commands say that something is not believed: each reason with its code, and exit code 3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from rsppc.base.canonical_json import canonical
from rsppc.cli.exits import INTEGRITY
from rsppc.diagnostics.visible import visible
from rsppc.signing.refusals import Refusal, Refused


@contextmanager
def refusals(format: str = "text") -> Iterator[None]:
    """Say what was refused, and end the command."""
    try:
        yield
    except Refused as refused:
        refuse(refused.refusals, format)


def refuse(reasons: Sequence[Refusal], format: str = "text") -> NoReturn:
    """Say why something is not believed, and end the command. Names in it are those of strangers."""
    if format == "json":
        say({"verified": False, "refusals": [{"code": r.code, "what": r.what, "advice": r.advice} for r in reasons]})
    else:
        for one in reasons:
            click.echo(f"rsppc: [{one.code}] {visible(one.what)}", err=True)
            if one.advice:
                click.echo(f"  {visible(one.advice)}", err=True)
    raise click.exceptions.Exit(INTEGRITY)


def say(value: Any) -> None:
    """One line of JSON."""
    click.echo(canonical(value).decode())
