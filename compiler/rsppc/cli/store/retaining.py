"""`rsppc store retention`: what may be decided of a package after it was finalised. None of it touches a byte."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from rsppc.cli.clock import now_option, time_given
from rsppc.cli.exits import OK
from rsppc.cli.session import usage
from rsppc.cli.storing import store_here, store_option, tenant_option
from rsppc.evidence.moment import read_moment

if TYPE_CHECKING:
    from rsppc.store.registry import Package


@click.group(
    "retention",
    epilog="Examples: `rsppc store retention extend PACKAGE --until 2030-01-01 --by ada --reason audit`, "
    "`rsppc store retention hold PACKAGE --by ada --reason 'case 17'`.",
)
def RETENTION_COMMAND() -> None:
    """Keep a package longer, or hold it whatever its date says. Nothing shortens what was promised."""


def _decision(command: Any) -> Any:
    for option in (
        store_option,
        tenant_option,
        now_option,
        click.option("--reason", metavar="TEXT", required=True, help="Why; it stands in the log for good."),
        click.option("--by", metavar="NAME", required=True, help="Who decided."),
        click.argument("package", metavar="PACKAGE"),
    ):
        command = option(command)
    return command


@RETENTION_COMMAND.command(
    "extend",
    epilog="Examples: `rsppc store retention extend PACKAGE --until 2030-01-01 --by ada --reason audit`, "
    "`rsppc store retention extend PACKAGE --until forever --by ada --reason deed`.",
)
@click.option(
    "--until", metavar="TIME", required=True, help="A date, a time, or `forever`; later than what was promised before."
)
@_decision
def extend(package: str, until: str, by: str, reason: str, now: str | None, tenant: str, store: str | None) -> int:
    """Keep PACKAGE longer."""
    moment, at = _until(until), time_given(now)
    with store_here(store) as registry:
        found = registry.find(package, tenant)
        _say(registry.extend_retention(found.package_id, moment, by=by, reason=reason, at=at))
    return OK


@RETENTION_COMMAND.command("hold", epilog="Example: `rsppc store retention hold PACKAGE --by ada --reason 'case 17'`.")
@_decision
def hold(package: str, by: str, reason: str, now: str | None, tenant: str, store: str | None) -> int:
    """Keep PACKAGE, whatever its retention says, until the hold is released."""
    at = time_given(now)
    with store_here(store) as registry:
        _say(registry.set_hold(registry.find(package, tenant).package_id, by=by, reason=reason, at=at))
    return OK


@RETENTION_COMMAND.command(
    "release", epilog="Example: `rsppc store retention release PACKAGE --by ada --reason 'case 17 is closed'`."
)
@_decision
def release(package: str, by: str, reason: str, now: str | None, tenant: str, store: str | None) -> int:
    """Release the hold on PACKAGE: its retention counts again."""
    at = time_given(now)
    with store_here(store) as registry:
        _say(registry.release_hold(registry.find(package, tenant).package_id, by=by, reason=reason, at=at))
    return OK


def _until(text: str) -> datetime | None:
    if text == "forever":
        return None
    moment = read_moment(text if "T" in text else f"{text}T00:00:00Z")
    if moment is None:
        usage(f"`--until {text[:40]}` is no time", "write it as in `2030-01-01`, or `forever`")
    return moment.astimezone(UTC)


def _say(package: Package) -> None:
    kept = "for ever" if package.permanent else f"until {package.expires_at}" if package.expires_at else "open"
    held = f", held: {package.hold}" if package.hold is not None else ""
    click.echo(f"{package.package_id}  {package.retention_class}, {kept}{held}")
