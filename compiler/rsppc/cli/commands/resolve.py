"""`rsppc resolve`: resolve one turn of a built bundle, as a runtime would."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.session import usage
from rsppc.cli.turns import bundle_named, snapshot_named
from rsppc.turnplan import (
    Capabilities,
    ControlPlane,
    DecisionOutcome,
    LoadedBundle,
    ResolvedTurnPlan,
    Session,
    Turn,
    TurnPlanResolver,
)


@click.command(
    "resolve",
    epilog="Examples: `rsppc resolve build/demo/v1 --session s1 --turn t1`, "
    "`rsppc resolve demo/v1 --session s1 --turn t1 --tenant acme --language de --why provider_bindings`.",
)
@click.argument("bundle")
@click.option("--snapshot", default="local/v1", metavar="REF", help="ControlPlaneSnapshot: a reference or a file.")
@click.option("--session", "session_id", required=True, metavar="ID", help="The call.")
@click.option("--turn", "turn_id", required=True, metavar="ID", help="The turn that is to open.")
@click.option("--turn-index", default=0, type=click.IntRange(min=0), help="Which turn of the call it is, from 0.")
@click.option("--tenant", default="", metavar="ID", help="Whose call it is.")
@click.option("--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label of the tenant.")
@click.option("--environment", default="", help="Where the runtime runs, as in `production`.")
@click.option("--language", default="", help="The caller's language, as in `de-AT`.")
@click.option("--region", default="", help="The caller's region.")
@click.option("--channel", default="", help="How the caller comes in, as in `phone`.")
@click.option("--epoch", type=int, help="Authority epoch that the session acts under.")
@click.option("--runtime", metavar="VERSION", help="Version of the runtime, held against the bundle's window.")
@click.option("--now", "now_ms", default=0, type=click.IntRange(min=0), metavar="MS", help="The time, ms since 1970.")
@click.option("--digest", metavar="SHA256", help="Digest that the bundle must have.")
@click.option("--why", metavar="PATH", help="Say who decided the values at a path of the plan.")
def COMMAND(bundle: str, snapshot: str, digest: str | None, why: str | None, **given: Any) -> int:
    """Print the plan of a turn of BUNDLE, canonical, or the outcome in its place.

    BUNDLE is a folder that `rsppc build` wrote, or the reference of a bundle that was built in this workspace.
    """
    loaded, plane = bundle_named(bundle, digest=digest), snapshot_named(snapshot)
    session, turn, capabilities = _moment(given)
    plan = TurnPlanResolver(loaded).resolve(session, turn, plane, capabilities)
    if isinstance(plan, DecisionOutcome):
        click.echo(plan.encode())
        if plan.detail:
            click.echo(f"rsppc: {plan.reason}: {plan.detail}", err=True)
        if plan.reason.startswith("snapshot_stale:") and turn.now_ms == 0:
            click.echo("rsppc: without `--now` it is 1970, and the snapshot was taken later", err=True)
        return FINDINGS
    if why is None:
        click.echo(plan.encode())
        return OK
    return _print_decisions(loaded, plan, plane, why)


def _moment(given: dict[str, Any]) -> tuple[Session, Turn, Capabilities]:
    labels: dict[str, str] = {}
    for label in given["labels"]:
        key, equals, value = label.partition("=")
        if not equals:
            usage(f"`--label {label}` is not of the form KEY=VALUE")
        labels[key] = value
    session = Session(
        session_id=given["session_id"],
        tenant_id=given["tenant"],
        tenant_labels=labels,
        environment=given["environment"],
        language=given["language"],
        region=given["region"],
        channel=given["channel"],
    )
    turn = Turn(
        turn_id=given["turn_id"], index=given["turn_index"], now_ms=given["now_ms"], authority_epoch=given["epoch"]
    )
    return session, turn, Capabilities(runtime_version=given["runtime"])


def _print_decisions(bundle: LoadedBundle, plan: ResolvedTurnPlan, plane: ControlPlane, path: str) -> int:
    from rsppc.turnplan.explain import decisions

    found = decisions(bundle, plan, plane, path)
    if not found:
        usage(f"the plan has nothing at `{path}`", "paths look like `budgets.turn_budget_ms` or `provider_bindings`")
    for one in found:
        click.echo(f"{one.path} = {msgspec.json.encode(one.value).decode()}")
        click.echo(f"  {one.label}")
        if one.condition:
            click.echo(f"  because {one.condition}")
    return OK
