"""The entry point of the command line.

Commands live in `commands/`, one file each, and are imported when they are called: importing all of them would cost
more than checking a spec does.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from rsppc.cli.exits import BUG, INTERRUPTED, OK

COMMANDS = {
    "build": "Compile bundles and write their artifacts.",
    "check": "Report every problem, write nothing.",
    "why": "Say where a value came from.",
    "explain": "Explain a diagnostic code.",
    "pin": "Write digests into a bundle's references.",
    "dump": "Print the program after a pass.",
    "convert": "Translate a source between YAML, JSON and the text form.",
    "import": "Translate earlier JSON artifacts.",
    "schema": "Print the JSON Schema of a kind of artifact.",
    "init": "Make a workspace that builds.",
}


class _Lazy(click.Group):
    """Finds commands by the name of their module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"rsppc.cli.commands.{cmd_name if cmd_name != 'import' else 'import_'}")
        command: click.Command = module.COMMAND
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names with their summaries, without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: bool) -> None:
    if wanted:
        from rsppc.version import VERSION

        click.echo(f"rsppc {VERSION}")
        ctx.exit(0)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Examples: `rsppc init demo`, `rsppc check`, `rsppc build`, `rsppc why simple/v1 budgets.turn_budget_ms`.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print the version."
)
def cli() -> None:
    """Compile realtime speech pipelines: formats, bounds and budgets are proved before the call."""


def main() -> None:
    """Run a command; whatever happens ends with a documented exit code and never with a traceback."""
    try:
        status: Any = cli(standalone_mode=False, prog_name="rsppc")
        sys.stdout.flush()
        code = status if isinstance(status, int) else OK
    except click.exceptions.Exit as exit_:
        code = exit_.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        code = OK
    except Exception as error:
        from rsppc.cli.bug import report_bug

        report_bug(error)
        code = BUG
    sys.exit(code)


def _forget_stdout() -> None:
    """Keep the interpreter from complaining about a closed pipe when it ends."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
