"""`rsppc distribution`: the file that the control plane serves, made of built bundles, and checked."""

from __future__ import annotations

from collections.abc import Collection

import click

from rsppc.base.canonical_json import readable
from rsppc.cli.distributing import read_bundles, read_input, replace_file
from rsppc.cli.exits import OK
from rsppc.cli.rolling import merged_rollout
from rsppc.cli.session import Options, exit_code, finding_options, report, usage
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.distribution.check import check_distribution
from rsppc.distribution.check_validity import point_in_time
from rsppc.distribution.merge import Canary, Merged, merge

_PLAIN = Options(format="text", reports=(), strict=False, color=None)


@click.group(
    "distribution",
    epilog="Examples: `rsppc distribution emit build/demo_bundle/v1`, `rsppc distribution check distribution.json`.",
)
def COMMAND() -> None:
    """Make and check the file from which the runtime opens its turns."""


@COMMAND.command(
    "emit",
    epilog="Examples: `rsppc distribution emit build/demo_bundle/v1 --output distribution.json`, "
    "`rsppc distribution emit build/demo_bundle/v1 build/demo_bundle/v2 --default demo_bundle/v1 "
    "--canary demo_bundle/v2 --percentage 5 --tenant acme`.",
)
@click.argument("folders", nargs=-1, required=True, metavar="BUNDLE_DIR...")
@click.option("--default", metavar="REF", help="The version that sessions get; must be given where there are several.")
@click.option("--canary", metavar="REF", help="A version that some sessions get.")
@click.option("--percentage", type=click.IntRange(0, 100), metavar="N", help="Share of sessions that get the canary.")
@click.option("--tenant", "tenants", multiple=True, metavar="ID", help="A tenant that gets the canary always.")
@click.option(
    "--requested", multiple=True, metavar="NAME=REF", help="The version of sessions that ask for one by this name."
)
@click.option("--rollout", metavar="REF", help="Who gets which version as this rollout and its journal say.")
@click.option("--store", metavar="DIR", help="Where the rollout's journal is; `store` below the workspace.")
@click.option("--output", metavar="FILE", help="Where to write; the default, and `-`, is standard output.")
def emit(
    folders: tuple[str, ...],
    default: str | None,
    canary: str | None,
    percentage: int | None,
    tenants: tuple[str, ...],
    requested: tuple[str, ...],
    rollout: str | None,
    store: str | None,
    output: str | None,
) -> int:
    """Merge built bundles, each in the folder that a build wrote, into one distribution.

    What the file cannot say of them is told in notes. Nothing is written that `rsppc distribution check` refuses.
    """
    sink = DiagnosticSink()
    bundles = read_bundles(folders, sink)
    if sink.has_errors:
        return exit_code(report(sink.sorted(), (), _PLAIN))
    if rollout is not None:
        if canary or requested or tenants or default is not None or percentage is not None:
            usage("`--rollout` says who gets which version", "leave out the other options that do")
        return _written(merged_rollout(rollout, store, bundles), output)
    if store is not None:
        usage("`--store` is where the journal of a rollout is", "name the rollout with `--rollout`")
    if default is None and len(bundles) > 1:
        usage("there are several versions; say with `--default` which one sessions get", _known(bundles))
    chosen = next(iter(bundles)) if default is None else _version("--default", default, bundles)
    merged = merge(
        {version: built.value for version, built in bundles.items()},
        chosen,
        canary=_canary(canary, percentage, tenants, bundles, chosen),
        requested=_requested(requested, bundles),
    )
    return _written(merged, output)


def _known(bundles: Collection[str]) -> str:
    return f"versions are {', '.join(f'`{version}`' for version in sorted(bundles))}"


def _version(option: str, ref: str, bundles: Collection[str]) -> str:
    if ref not in bundles:
        usage(f"`{option} {ref}` names none of the bundles", _known(bundles))
    return ref


def _canary(
    ref: str | None, percentage: int | None, tenants: tuple[str, ...], bundles: Collection[str], default: str
) -> Canary | None:
    if ref is None:
        if percentage is not None or tenants:
            usage("`--percentage` and `--tenant` say who gets a canary", "name it with `--canary`")
        return None
    if _version("--canary", ref, bundles) == default:
        usage(f"`{ref}` is the default version, and no canary", _known(bundles))
    if percentage is None and not tenants:
        usage(f"nobody gets the canary `{ref}`", "add `--percentage N` or `--tenant ID`")
    return Canary(version=ref, percentage=percentage or 0, tenants=tuple(_said("--tenant", one) for one in tenants))


def _requested(written: tuple[str, ...], bundles: Collection[str]) -> dict[str, str]:
    requested: dict[str, str] = {}
    for text in written:
        name, sign, ref = text.rpartition("=")
        if not sign:
            usage(f"`--requested {text}` is not `NAME=REF`", "as in `--requested next=demo_bundle/v2`")
        version = _version(f"--requested {_said('--requested', name)}=", ref, bundles)
        if requested.setdefault(name, version) != version:
            usage(f"`--requested` gives `{name}` two versions")
    return requested


def _said(option: str, text: str) -> str:
    """A text that can stand in the file."""
    if not text.strip() or any("\ud800" <= character <= "\udfff" for character in text):
        usage(f"what `{option}` names must be a text, and not blank")
    return text


def _written(merged: Merged, output: str | None) -> int:
    """Write what passes its own check, and say what the file does not."""
    data, sink = readable(merged.value), DiagnosticSink()
    to_stdout = output is None or output == "-"
    check_distribution("<stdout>" if output is None or to_stdout else output, data, sink)
    if sink.has_errors:
        return exit_code(report(sink.sorted(), (), _PLAIN))
    for found in sink.sorted():
        click.echo(f"{found.severity}: {found.message()}", err=True)
    for left_out in merged.left_out:
        click.echo(f"note: not carried: {left_out}", err=True)
    if output is None or to_stdout:
        click.echo(data, nl=False)  # UTF-8, whatever the terminal speaks
        return OK
    replace_file(output, data)
    click.echo(f"written {output}")
    return OK


@COMMAND.command(
    "check",
    epilog="Examples: `rsppc distribution check distribution.json`, "
    "`rsppc distribution check build/demo_bundle/v1/distribution.json --now 2026-01-01T00:00:00Z --format json`.",
)
@click.argument("files", nargs=-1, required=True)
@click.option("--now", metavar="TIME", help="Judge leases as of this time, as in `2099-01-01T00:00:00Z`.")
@finding_options
def check(
    files: tuple[str, ...], now: str | None, format: str, reports: tuple[str, ...], strict: bool, color: bool | None
) -> int:
    """Report whatever keeps the runtime from opening turns from FILES; `-` is standard input.

    Errors are what makes the runtime refuse a file or defer every turn, warnings what harms some turns only. Whether a
    lease has ended is judged only with `--now`: no clock is asked.
    """
    moment = point_in_time(now) if now is not None else None
    if now is not None and moment is None:
        usage(f"`--now {now}` is no point in time", "write it as in `2099-01-01T00:00:00Z`")
    if files.count("-") > 1:
        usage("`-` stands for standard input, once")
    found: list[Diagnostic] = []
    paths = tuple("<stdin>" if name == "-" else name for name in files)
    for name, path in zip(files, paths, strict=True):
        sink = DiagnosticSink()
        check_distribution(path, read_input(name), sink, now=moment)
        found.extend(sink.sorted())
    made = report(found, paths, Options(format=format, reports=reports, strict=strict, color=color))
    if format == "text" and not made.diagnostics:
        click.echo(f"checked {len(paths)} file{'s' if len(paths) != 1 else ''}: no findings")
    return exit_code(made)
