"""`rsppc lsp`: serve an editor."""

from __future__ import annotations

import os
import sys

import click

from rsppc.cli.exits import OK
from rsppc.cli.session import usage


@click.command(
    "lsp",
    epilog="Examples: `rsppc lsp`, as the command that an editor runs for files of a workspace.",
)
def COMMAND() -> int:  # the module's one member, found by this name
    """Serve an editor through the Language Server Protocol, on standard input and output."""
    try:
        from rsppc.lsp.server import make_server  # an extra, and its library takes its time
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith("rsppc"):
            raise
        usage("the language server is not installed", "run `pip install 'rsppc[lsp]'`")
    # Whatever else is printed must not get between the messages.
    stdout = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr
    make_server().start_io(stdout=stdout)
    return OK
