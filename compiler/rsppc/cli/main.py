"""The entry point of the command line.

Commands live in `commands/`, one file each, and are imported when they are called: importing all of them would cost
more than checking a spec does.
"""

from __future__ import annotations

import contextlib
import sys
from importlib import import_module
from typing import Any

import click

from rsppc.batch import ExecutorFault, WorkerLost
from rsppc.cli.exits import BUG, ENVIRONMENT, INTERRUPTED, OK

COMMANDS = {
    "build": "Compile bundles and write their artifacts.",
    "check": "Report every problem, write nothing.",
    "why": "Say where a value came from.",
    "explain": "Explain a diagnostic code.",
    "fmt": "Lay sources out in the one style.",
    "fix": "Apply the repairs that are proved.",
    "diff": "Say what changed between two bundles, and why.",
    "breaking": "Find changes that break somebody.",
    "graph": "Draw the graph of a bundle.",
    "report": "Write everything about a bundle on one page.",
    "test": "Run the tests that stand in Markdown pages.",
    "docs": "Write the pages about everything here as a site.",
    "lsp": "Serve an editor.",
    "watch": "Check or build again whenever something changes.",
    "resolve": "Resolve one turn of a built bundle.",
    "simulate": "Run a built bundle on a virtual clock.",
    "pin": "Write digests into a bundle's references.",
    "distribution": "Make and check the file that the control plane serves.",
    "contracts": "Check objects of the runtime, and changes of their contract.",
    "compat": "Check which versions go together.",
    "extension": "Check and list extensions, and try a node type.",
    "replay": "Check recorded turns, and compare two recordings.",
    "gate": "Judge figures against gates, and run a gate manifest.",
    "release": "Publish a bundle with its evidence.",
    "publish": "Build a bundle and put it into the store, signed.",
    "rollout": "Move traffic to a bundle, and back.",
    "sign": "Say what a bundle was made of, and sign it.",
    "verify": "Check that something is what somebody trusted signed.",
    "store": "Keep bundles, evidence and runs for good, and prove it.",
    "push": "Bring a package to a registry.",
    "pull": "Take a package from a registry.",
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
    epilog="Examples: `rsppc init demo`, `rsppc check`, `rsppc build`, `rsppc why demo/v1 budgets.turn_budget_ms`.",
)
@click.option(
    "--version", is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Print the version."
)
def cli() -> None:
    """Compile realtime speech pipelines: formats, bounds and budgets are proved before the call."""


def main() -> None:
    """Run a command; whatever happens ends with a documented exit code and never with a traceback."""
    _prepare_streams()
    try:
        code = _outcome()
        sys.stdout.flush()
    except BrokenPipeError:
        code = OK
    except OSError as error:
        _tell(f"rsppc: {_reason(error)}; it is safe to try again")
        code = ENVIRONMENT
    _let_go_of_streams()
    sys.exit(code)


def _outcome() -> int:
    """The exit code of the command that the command line names."""
    stdout = sys.stdout
    try:
        status: Any = cli(standalone_mode=False, prog_name="rsppc")
        return status if isinstance(status, int) else OK
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except SystemExit:
        if sys.stdout is not stdout:  # how click takes a closed pipe: it shields the streams and ends
            raise BrokenPipeError from None
        raise
    except WorkerLost:
        _tell("rsppc: a worker process was killed; try fewer `--jobs`")
        return ENVIRONMENT
    except ExecutorFault as error:
        _tell(f"rsppc: {error.problem}\n  {error.advice}")
        return ENVIRONMENT
    except OSError:
        raise
    except Exception as error:
        from rsppc.cli.bug import report_bug

        report_bug(error)
        return BUG


def _reason(error: OSError) -> str:
    said = (error.strerror or "input/output error").lower()
    return f"`{error.filename}`: {said}" if error.filename is not None else f"cannot write what was found: {said}"


def _tell(line: str) -> None:
    """Say something where nobody may be listening."""
    with contextlib.suppress(OSError):
        click.echo(line, err=True)


def _prepare_streams() -> None:
    """Make whatever the caller gave us fit to be written to.

    Closed streams are replaced by some that lead nowhere, so that no file gets their numbers. What an encoding cannot
    express is escaped.
    """
    import os

    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_streams() -> None:
    """Keep the interpreter from complaining, when it ends, about a stream that takes nothing."""
    import os

    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
