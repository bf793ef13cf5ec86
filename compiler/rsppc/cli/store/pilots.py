"""`rsppc store ingest PILOT DIR`: folders that a known producer wrote, read as it means them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

PILOTS = {"guide-board": "guide_board"}
"""Producer → the module in `cli/store/` with its command, `COMMAND`."""


class WithPilots(click.Command):
    """A command that takes a folder, or the name of a pilot with arguments of its own. A folder that has the name of a
    pilot is written as `./guide-board`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args and args[0] in PILOTS:
            command: click.Command = import_module(f"rsppc.cli.store.{PILOTS[args[0]]}").COMMAND
            return command.make_context(f"{info_name} {args[0]}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Pilots"):
            formatter.write_text(f"{', '.join(PILOTS)}: see `rsppc store ingest PILOT --help`.")
        super().format_epilog(ctx, formatter)
