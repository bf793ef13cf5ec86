"""`rsppc gate`: figures held against limits, and the whole chain of a release."""

from __future__ import annotations

from typing import Any

import click

from rsppc.cli.chain import evidence_inputs, lines_of, run_chain
from rsppc.cli.clock import now_option, time_given
from rsppc.cli.distributing import read_input
from rsppc.cli.evidencing import evidence_options, release_named, write_evidence
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.governing import artifacts_here, sound_artifact
from rsppc.cli.naming import options_of_text
from rsppc.cli.session import exit_code, report, usage
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.envelope import sealed, together
from rsppc.evidence.moment import moment_text
from rsppc.gates.baselines import read_baseline
from rsppc.gates.checks.slo_gates import judged

MANIFEST = "mvp_gates_manifest/v1"


@click.group(
    "gate", epilog="Examples: `rsppc gate slo calm.json barge_in.json`, `rsppc gate run mvp_gates_manifest/v1`."
)
def COMMAND() -> None:
    """Hold figures against limits, and run the chain of a release."""


@COMMAND.command(
    "slo",
    epilog="Examples: `rsppc gate slo calm.json barge_in.json --bundle build/demo_bundle/v1 --evidence slo.json`.",
)
@click.argument("baselines", nargs=-1, required=True, metavar="BASELINE...")
@click.option(
    "--manifest", default=MANIFEST, metavar="REF", show_default=True, help="The gates: a reference or a file."
)
@evidence_options
def slo(baselines: tuple[str, ...], manifest: str, evidence: str | None, bundle: str | None, now: str | None) -> int:
    """Hold the turns of BASELINEs, all together, against the gates of a manifest.

    Baselines come from `rsppc simulate --baseline`, or from the recorder of a runtime that writes the same form. With
    `--bundle` they must be of that bundle.
    """
    release = release_named(bundle) if bundle is not None or evidence is not None else None
    moment = time_given(now)
    sink = DiagnosticSink()
    gates = sound_artifact(artifacts_here(sink), "gate", manifest, sink)
    read = [read_baseline(path, read_input(path), release, sink) for path in baselines]
    found = [one for one in read if one is not None]
    if len({one.release for one in found}) > 1:
        usage("the baselines are of several bundles", "judge those of one bundle at a time, named with `--bundle`")
    for index, one in enumerate(found):
        same = next((other for other in found[:index] if other.digest == one.digest), None)
        if same is not None:  # a good run that counts twice hides a bad one
            usage(f"`{same.path}` and `{one.path}` hold the same run", "name each run once")
    if sink.has_errors or gates is None:
        return exit_code(report(sink.sorted(), baselines, options_of_text()))
    outcome = judged(gates.root["gates"], gates.meaning_digest, found)
    for line in lines_of(outcome.checks):
        click.echo(line)
    if outcome.figures["assumed_latencies"]:
        click.echo(f"  assumed: nobody states a latency for {', '.join(outcome.figures['assumed_latencies'])}")
    if evidence is not None and release is not None:
        made = sealed(
            "slo_gates",
            release,
            made_at=moment_text(moment),
            checks=outcome.checks,
            inputs=outcome.inputs,
            figures=outcome.figures,
        )
        write_evidence(evidence, made)
    return OK if together(one.status for one in outcome.checks) == "pass" else FINDINGS


@COMMAND.command(
    "run",
    epilog="Examples: `rsppc gate run mvp_gates_manifest/v1 --bundle build/demo_bundle/v1 --rollout demo/v1 "
    "--output evidence --store store`.",
)
@click.argument("manifest", metavar="MANIFEST")
@click.option("--bundle", required=True, metavar="BUNDLE", help="The built bundle that is to be published.")
@click.option("--rollout", required=True, metavar="REF", help="The rollout that moves traffic to it.")
@click.option("--output", required=True, metavar="FOLDER", help="Where evidence, recordings and baselines are written.")
@click.option("--store", metavar="FOLDER", help="Publish into this store if everything passes; else nothing is.")
@evidence_inputs
@click.option(
    "--snapshot", default="local/v1", metavar="REF", show_default=True, help="ControlPlaneSnapshot to play with."
)
@now_option
def run(manifest: str, **given: Any) -> int:
    """Run the whole chain of a release in its one order, and publish what passes.

    Contracts, compatibility, the compiler's proofs, replay, simulated runs, figures; then the gates of MANIFEST, each
    from the checks that it names. What cannot be checked was not run, and opens no gate. The evidence of every step is
    written to the output folder, whatever became of it.
    """
    return run_chain(manifest, **given)
