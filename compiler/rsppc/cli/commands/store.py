"""`rsppc store`: keep packages for good, and prove what was kept. The commands themselves are in `cli/store/`."""

from __future__ import annotations

from importlib import import_module

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("making", "Make an empty store."),
    "ingest": ("ingesting", "Put a folder into the store as one package."),
    "list": ("looking", "List packages."),
    "get": ("looking", "Show a package, or write its files."),
    "verify": ("verifying", "Hold everything kept against its digests."),
    "retention": ("retaining", "Keep a package longer, or hold it."),
    "gc": ("collecting", "Free what no retention protects."),
    "events": ("events", "Read the event log, and prove it."),
    "export": ("moving", "Write a package into one file."),
    "import": ("moving", "Take in a package from a file."),
    "rebuild": ("making", "Make a lost registry anew from the manifests."),
    "schema": ("schemas", "Register schemas that metadata must keep."),
    "workplan": ("workplans", "Read workplans."),
    "serve": ("serving", "Serve the store by HTTP."),
    "token": ("tokens", "Make and revoke tokens for a served store."),
}
"""Command → the module in `cli/store/` that has it, as `NAME_COMMAND` in capitals, and its summary."""


class _Lazy(click.Group):
    """Imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"rsppc.cli.store.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, f"{cmd_name.upper()}_COMMAND")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names with their summaries, without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(
    "store",
    cls=_Lazy,
    epilog="Examples: `rsppc store init`, `rsppc store list`, `rsppc store verify`.",
)
def COMMAND() -> None:
    """Keep bundles, evidence and runs for good, each as a package that never changes, and prove what was kept."""
