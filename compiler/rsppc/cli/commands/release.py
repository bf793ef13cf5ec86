"""`rsppc release`: publish a bundle with the evidence that it rests on."""

from __future__ import annotations

from typing import Any

import click

from rsppc.cli.clock import now_option, time_given
from rsppc.cli.distributing import read_input
from rsppc.cli.evidencing import release_of
from rsppc.cli.exits import OK
from rsppc.cli.governing import artifacts_here, sound_artifact
from rsppc.cli.naming import options_of_text
from rsppc.cli.publishing import Released, bundle_value, publish_release
from rsppc.cli.session import exit_code, report
from rsppc.cli.storing import store_folder
from rsppc.cli.turns import bundle_named
from rsppc.diagnostics import DiagnosticSink
from rsppc.gates.release import Candidate, release_evidence


@click.group("release", epilog="Examples: `rsppc release check build/demo_bundle/v1 demo/v1`.")
def COMMAND() -> None:
    """Publish a bundle with the evidence that it rests on."""


def _evidence_files(command: Any) -> Any:
    for option in (
        now_option,
        click.option("--gates", default="mvp_gates_manifest/v1", metavar="REF", show_default=True, help="The gates."),
        click.option(
            "--baseline", "baselines", multiple=True, metavar="FILE", help="A run on which the figures were judged."
        ),
        click.option("--slo", metavar="FILE", help="Evidence of the figures."),
        click.option("--replay", metavar="FILE", help="Evidence of replayed recordings."),
        click.option("--governance", metavar="FILE", help="Evidence of compatibility."),
        click.option("--contracts", metavar="FILE", help="Evidence of the contracts."),
    ):
        command = option(command)
    return command


@COMMAND.command(
    "check",
    epilog="Examples: `rsppc release check build/demo_bundle/v1 demo/v1 --contracts contracts.json "
    "--governance governance.json --replay replay.json --slo slo.json --baseline calm.json`.",
)
@click.argument("bundle", metavar="BUNDLE")
@click.argument("rollout", metavar="ROLLOUT")
@_evidence_files
def check(bundle: str, rollout: str, **given: Any) -> int:
    """Say what keeps BUNDLE from being published for ROLLOUT, and publish nothing."""
    made, files, code = _judged(bundle, rollout, **given)
    if made is not None:
        click.echo(f"{made['release']['bundle_ref']} may be published: {len(files)} pieces of evidence, all passed")
    return code


@COMMAND.command(
    "publish",
    epilog="Examples: `rsppc release publish build/demo_bundle/v1 demo/v1 --contracts contracts.json "
    "--governance governance.json --replay replay.json --slo slo.json --baseline calm.json --store store`.",
)
@click.argument("bundle", metavar="BUNDLE")
@click.argument("rollout", metavar="ROLLOUT")
@click.option("--store", metavar="FOLDER", help="Where releases are kept; `store` in the workspace where left out.")
@click.option("--output", metavar="FILE", help="Write the evidence of the release to a file as well.")
@_evidence_files
def publish(bundle: str, rollout: str, store: str | None, output: str | None, **given: Any) -> int:
    """Publish BUNDLE, whose traffic ROLLOUT moves, once every piece of evidence has passed.

    The bundle goes into the store for good, as one package, and the release as another one, with everything that it
    rests on. The same files at the same `--now` give the same bytes, and publishing twice changes nothing.
    """
    made, files, code = _judged(bundle, rollout, **given)
    if made is None:
        return code
    moment = time_given(given["now"])
    return publish_release(Released(value=made, files=files), bundle, store_folder(store), moment, output)


def _judged(
    bundle: str,
    rollout: str,
    *,
    contracts: str | None,
    governance: str | None,
    replay: str | None,
    slo: str | None,
    baselines: tuple[str, ...],
    gates: str,
    now: str | None,
) -> tuple[dict[str, Any] | None, dict[str, bytes], int]:
    """The evidence of the release or None, the files that it rests on, and the exit code."""
    loaded, moment, sink = bundle_named(bundle), time_given(now), DiagnosticSink()
    artifacts = artifacts_here(sink)
    manifest = sound_artifact(artifacts, "rollout", rollout, sink)
    gate_manifest = sound_artifact(artifacts, "gate", gates, sink)
    named = {"contracts": contracts, "governance": governance, "replay_regression": replay, "slo_gates": slo}
    evidence = {kind: (path, read_input(path)) for kind, path in named.items() if path is not None}
    runs = [(path, read_input(path)) for path in baselines]
    made = None
    if manifest is not None and gate_manifest is not None:
        candidate = Candidate(
            release=release_of(loaded),
            bundle=bundle_value(bundle),
            rollout=manifest,
            gate_manifest=gate_manifest,
            evidence=evidence,
            baselines=runs,
            now=moment,
        )
        made = release_evidence(candidate, sink)
    files = {f"{kind}.json": data for kind, (_, data) in evidence.items()}
    files |= {f"baseline.{index}.json": data for index, (_, data) in enumerate(runs)}
    if sink.sorted():
        return made, files, exit_code(report(sink.sorted(), (), options_of_text()))
    return made, files, OK
