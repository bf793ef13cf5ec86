"""`rsppc simulate`: run a built bundle on a virtual clock."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any

import click

from rsppc.base.canonical_json import canonical
from rsppc.cli.distributing import replace_file
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.session import fault
from rsppc.cli.turns import bundle_named, snapshot_named
from rsppc.simulate import SCENARIOS, Outcome, simulate
from rsppc.turnplan import LoadedBundle, Session


@click.command(
    "simulate",
    epilog="Examples: `rsppc simulate build/demo_bundle/v1`, "
    "`rsppc simulate build/demo_bundle/v1 --turns 100 --scenario barge_in --baseline baseline.json`.",
)
@click.argument("name", metavar="BUNDLE")
@click.option("--turns", default=10, type=click.IntRange(1, 1_000_000), show_default=True, help="Turns to propose.")
@click.option("--seed", default=0, type=click.IntRange(0, 2**63 - 1), show_default=True, help="Seed of all chance.")
@click.option(
    "--scenario", default="calm", type=click.Choice(list(SCENARIOS)), show_default=True, help="What goes wrong."
)
@click.option("--language", default="", metavar="TAG", help="Language of the session, as conditions read it.")
@click.option("--snapshot", default="local/v1", metavar="REF", help="ControlPlaneSnapshot: a reference or a file.")
@click.option("--timeline", metavar="FILE", help="Write what happened, as JSON lines.")
@click.option("--baseline", metavar="FILE", help="Write the figures that gates judge, as JSON.")
def COMMAND(
    name: str,
    turns: int,
    seed: int,
    scenario: str,
    language: str,
    snapshot: str,
    timeline: str | None,
    baseline: str | None,
) -> int:
    """Run a built bundle turn by turn on a virtual clock.

    BUNDLE is a folder that `rsppc build` wrote, or the reference of a bundle that was built in this workspace.

    The same bundle, snapshot, scenario and seed give the same bytes. Invariants of the runtime are checked at every
    event; the first violation ends the run.
    """
    bundle, plane = bundle_named(name), snapshot_named(snapshot)
    session = Session(session_id=f"sim-{seed}", language=language)
    started = time.perf_counter()
    with ExitStack() as files:
        write = None
        if timeline is not None:
            try:
                os.makedirs(os.path.dirname(timeline) or ".", exist_ok=True)
                write = files.enter_context(open(timeline, "wb")).write
            except OSError as error:
                fault(f"`{timeline}` cannot be written: {(error.strerror or 'input/output error').lower()}")
        outcome = simulate(bundle, plane, turns=turns, seed=seed, scenario=scenario, session=session, write=write)
    seconds = time.perf_counter() - started
    if baseline is not None:
        replace_file(baseline, canonical(outcome.baseline) + b"\n")
    for line in summary(bundle, outcome.baseline):
        click.echo(line)
    click.echo(f"{int(outcome.events / max(seconds, 1e-9))} events a second", err=True)
    return _conclude(outcome)


def summary(bundle: LoadedBundle, baseline: dict[str, Any]) -> list[str]:
    """What a person wants to know of a run. Nothing in it depends on how fast the run was."""
    totals, sheds = baseline["totals"], baseline["totals"]["sheds"]
    lines = [
        f"{bundle.pipeline_version}  {baseline['scenario']}, seed {baseline['seed']}",
        f"  turns       {totals['accepted']} of {totals['proposed']} accepted: {totals['committed']} committed, "
        f"{totals['cancelled']} cancelled, {totals['aborted']} aborted",
    ]
    names = {"turn_open": "turn open", "first_output": "output", "cancel_fence": "fence", "end_to_end": "end to end"}
    for name, title in names.items():
        found = baseline["percentiles"][name]
        if found["count"]:
            lines.append(f"  {title:<10}  p50 {_ms(found['p50_us'])}, p95 {_ms(found['p95_us'])}")
    lines.append("  sheds       " + ", ".join(f"{lane} {count}" for lane, count in sheds.items()))
    lines.append(f"  events      {totals['events']}, at least {totals['events_per_turn_min']} a turn")
    if baseline["assumed_latencies"]:
        lines.append(f"  assumed     no figures for {', '.join(baseline['assumed_latencies'])}")
    return lines


def _ms(us: int) -> str:
    return f"{-(-us // 1000)} ms"


def _conclude(outcome: Outcome) -> int:
    if outcome.violation is not None:
        click.echo(f"rsppc: {outcome.violation.sentence()}", err=True)
        return FINDINGS
    if outcome.gave_up:
        click.echo("rsppc: the pipeline opened no turn although the caller spoke again and again", err=True)
        return FINDINGS
    return OK
