"""The options of who does the work: processes of this machine, or the workers of a scheduler."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from rsppc.batch import Executor, LocalProcesses
from rsppc.cli.session import usage

_Command = TypeVar("_Command", bound=Callable[..., Any])

_ADDRESS = re.compile(r"dask://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def executor_options(command: _Command) -> _Command:
    """Give a command `--jobs` and `--executor`."""
    for option in (
        click.option(
            "--executor",
            metavar="dask://HOST:PORT",
            help="Let the workers of a Dask scheduler compile; the default are processes of this machine.",
        ),
        click.option("--jobs", default=1, type=click.IntRange(1, 256), show_default=True, help="Processors to use."),
    ):
        command = option(command)
    return command


def executor_named(name: str | None, *, jobs: int) -> Executor:
    """Who does the work; ends the command where nobody has this name."""
    if name is None:
        return LocalProcesses(jobs=jobs)
    found = _ADDRESS.fullmatch(name)
    if found is None:
        usage(f"`{name[:100]}` names no executor", "write `dask://HOST:PORT`")
    if jobs > 1:
        usage("`--jobs` is for processes of this machine, and `--executor` for others", "leave one of them out")
    try:
        from rsppc.over_dask import DaskWorkers  # only where many machines share the work
    except ImportError:
        usage(f"`{name}` cannot be used: the package `distributed` is not installed", "run `pip install 'rsppc[dask]'`")
    return DaskWorkers(address=f"tcp://{found['host']}:{found['port']}", name=name)
