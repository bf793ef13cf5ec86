"""What commands about the store have in common: which store is meant, and what becomes of its refusals.

The store refuses by exception (`store/problems.py`); here, and nowhere else on the command line, a refusal becomes a
message and an exit code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from rsppc.cli.exits import ENVIRONMENT, FINDINGS, INTEGRITY
from rsppc.cli.session import usage
from rsppc.diagnostics import DiagnosticSink
from rsppc.diagnostics.visible import visible
from rsppc.store.problems import Kind, StoreProblem
from rsppc.workspace import find_workspace

if TYPE_CHECKING:
    from rsppc.store.client import Client
    from rsppc.store.registry import Registry

DEFAULT_TENANT = "default"
_Command = TypeVar("_Command", bound=Callable[..., Any])

TOKEN = "RSPPC_STORE_TOKEN"

EXITS: dict[Kind, int] = {
    "malformed": FINDINGS,
    "missing": FINDINGS,
    "refused": FINDINGS,
    "conflict": INTEGRITY,
    "corrupt": INTEGRITY,
    "busy": ENVIRONMENT,
    "environment": ENVIRONMENT,
}
"""The exit code of each kind of refusal."""


def store_option(command: _Command) -> _Command:
    """Give a command `--store`."""
    return click.option("--store", metavar="DIR", help="The store; `store` below the workspace where left out.")(
        command
    )


def api_option(command: _Command) -> _Command:
    """Give a command `--api`."""
    text = f"The address of a served store; its token is in {TOKEN}."
    return click.option("--api", metavar="URL", help=text)(command)


def served_store(url: str, *, store: str | None, tenant: str) -> Client:
    """The store that is served at an address."""
    from rsppc.store.client import Client

    if store is not None or tenant != DEFAULT_TENANT:
        usage("`--api` says which store is meant, and its token which tenant", "leave out `--store` and `--tenant`")
    with refusals():
        return Client(url, os.environ.get(TOKEN))


def tenant_option(command: _Command) -> _Command:
    """Give a command `--tenant`."""
    text = "Whose packages; `default` in a store that one team has to itself."
    return click.option("--tenant", metavar="NAME", default=DEFAULT_TENANT, show_default=True, help=text)(command)


def refuse_tenant(tenant: str) -> None:
    """End the command where a tenant is named, and no store."""
    if tenant != DEFAULT_TENANT:
        usage("`--tenant` says whose package of a store it is", "name the store with `--store`")


def default_store() -> str:
    """The store that serves where none is named: `store` below the workspace."""
    workspace = find_workspace(os.getcwd(), DiagnosticSink())
    return os.path.relpath(os.path.join(workspace.root, "store")) if workspace is not None else "store"


def store_folder(given: str | None) -> str:
    """The folder of the store that a command means."""
    return given if given is not None else default_store()


def counted(number: int, noun: str) -> str:
    """A number of things, in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


@contextmanager
def refusals() -> Iterator[None]:
    """Say what the store refused, and end with its exit code."""
    try:
        yield
    except StoreProblem as problem:
        refuse(problem)


def refuse(problem: StoreProblem) -> NoReturn:
    """Say why the store did not do what it was asked, and end with the exit code of that. Names in it may be those of
    strangers, and are to drive no terminal."""
    click.echo(f"rsppc: [store-{problem.kind}] {visible(problem.what)}", err=True)
    if problem.advice:
        click.echo(f"  {visible(problem.advice)}", err=True)
    raise click.exceptions.Exit(EXITS[problem.kind])


@contextmanager
def store_here(given: str | None, *, writable: bool = True) -> Iterator[Registry]:
    """The store that a command means, opened; refusals end the command."""
    from rsppc.store.registry import opened

    with refusals(), opened(store_folder(given), writable=writable) as registry:
        yield registry
