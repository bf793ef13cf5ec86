"""`rsppc compat`: which versions go together, what is on its way out, what a runtime has passed."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import click

from rsppc.cli.clock import time_given
from rsppc.cli.compat_asking import asked_of
from rsppc.cli.compat_summary import check_lines, policies_lines
from rsppc.cli.evidencing import evidence_options, release_named, release_of, write_evidence
from rsppc.cli.session import Options, exit_code, finding_options, report, usage
from rsppc.cli.turns import bundle_named
from rsppc.compat.inspection import Inspected, inspect
from rsppc.compat.report import EVIDENCE
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.evidence.envelope import sealed
from rsppc.evidence.moment import moment_text
from rsppc.turnplan import LoadedBundle
from rsppc.workspace import Workspace, find_workspace


@click.group("compat", epilog="Examples: `rsppc compat check`, `rsppc compat check --now 2026-01-01T00:00:00Z`.")
def COMMAND() -> None:
    """Check which versions go together, and what is on its way out."""


@COMMAND.command(
    "check",
    epilog="Examples: `rsppc compat check`, `rsppc compat check --bundle build/demo_bundle/v1 --runtime rspp_go/v1 "
    "--control-plane v1.1 --schema v1 --conformance results.json --evidence governance.json`.",
)
@click.argument("refs", nargs=-1, metavar="[POLICY]...")
@click.option("--runtime", metavar="REF", help="The runtime, as a RuntimeCapability or as a version alone.")
@click.option("--control-plane", metavar="VERSION", help="Version of the control plane.")
@click.option("--schema", metavar="VERSION", help="Version of the schemas.")
@click.option("--conformance", metavar="FILE", help="What a conformance run of the runtime found.")
@evidence_options
@finding_options
def check(
    refs: tuple[str, ...],
    runtime: str | None,
    control_plane: str | None,
    schema: str | None,
    conformance: str | None,
    bundle: str | None,
    evidence: str | None,
    now: str | None,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Check CompatPolicies, the workspace against them, and a release where one is named.

    Without POLICY all that are in sight are checked: those of the workspace, and those that ship.
    """
    if evidence is not None and bundle is None:
        release_named(bundle)  # says what is missing
    if evidence is not None and refs:
        usage("evidence speaks of all policies in sight, not of some", "name no policy, or leave `--evidence` out")
    sink = DiagnosticSink()
    workspace = find_workspace(os.getcwd(), sink) or Workspace(root=os.getcwd(), scanned=False)
    artifacts = open_workspace(workspace, sink)
    loaded = bundle_named(bundle) if bundle is not None else None
    asked, inputs = asked_of(
        artifacts,
        sink,
        refs=refs,
        bundle=bundle,
        loaded=loaded,
        runtime=runtime,
        control_plane=control_plane,
        schema=schema,
        conformance=conformance,
        now=time_given(now),
    )
    inspected = inspect(artifacts, asked)
    options = Options(format=format, reports=reports, strict=strict or workspace.strict, color=color)
    if format == "text":
        click.echo("\n".join([*policies_lines(asked.policies, asked.now), *check_lines(inspected.checks)]))
    made = report([*sink.sorted(), *inspected.found], (), options)
    if evidence is not None and loaded is not None:
        write_evidence(evidence, _evidence(inspected, loaded, asked.now, inputs))
        if format == "text":
            click.echo(f"written {evidence}")
    return exit_code(made)


def _evidence(inspected: Inspected, bundle: LoadedBundle, now: datetime, inputs: dict[str, str]) -> dict[str, Any]:
    return sealed(
        EVIDENCE,
        release_of(bundle),
        made_at=moment_text(now),
        checks=inspected.checks,
        inputs=inputs,
        figures=inspected.figures,
    )
