"""The one clock of the command line, which callers can set: `--now` first, then `SOURCE_DATE_EPOCH`, then the time.

Whatever is written with it is the same, byte for byte, where the time is given.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from rsppc.cli.session import usage
from rsppc.evidence.moment import read_moment

_Command = TypeVar("_Command", bound=Callable[..., Any])


def now_option(command: _Command) -> _Command:
    """Give a command `--now`."""
    text = "The time that it is, as in `2026-01-01T00:00:00Z`; else SOURCE_DATE_EPOCH, else the clock."
    return click.option("--now", metavar="TIME", help=text)(command)


def time_given(now: str | None) -> datetime:
    """The time that a command goes by."""
    if now is not None:
        moment = read_moment(now)
        if moment is None:
            usage(f"`--now {now}` is no point in time", "write it as in `2026-01-01T00:00:00Z`")
        return moment
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.fromtimestamp(int(time.time()), UTC)
    if not (epoch.isascii() and epoch.isdigit() and len(epoch) <= 11):
        usage(f"`SOURCE_DATE_EPOCH={epoch[:40]}` is no number of seconds")
    return datetime.fromtimestamp(int(epoch), UTC)
