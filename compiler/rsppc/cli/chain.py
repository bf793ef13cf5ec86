"""`rsppc gate run`: the chain of a release, from the command line's names to files and a store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar

import click

from rsppc.base.canonical_json import canonical
from rsppc.cli.clock import time_given
from rsppc.cli.compat_asking import asked_of
from rsppc.cli.conforming import fixtures_in, shipped_fixtures
from rsppc.cli.distributing import replace_file
from rsppc.cli.evidencing import release_of
from rsppc.cli.exits import FINDINGS, OK
from rsppc.cli.governing import artifacts_here, sound_artifact
from rsppc.cli.naming import options_of_text
from rsppc.cli.publishing import Released, bundle_value, publish_release
from rsppc.cli.replaying import manifest_named, replay_of
from rsppc.cli.session import exit_code, fault, report
from rsppc.cli.turns import bundle_named, snapshot_named
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.envelope import Checked
from rsppc.evidence.moment import moment_text
from rsppc.evidence.reading import NotPassed
from rsppc.gates.context import Context
from rsppc.gates.engine import gates_evidence, run_checks
from rsppc.gates.release import REQUIRED, Candidate, release_evidence
from rsppc.gates.replays import Prepared
from rsppc.turnplan import ControlPlane, LoadedBundle

_Command = TypeVar("_Command", bound=Callable[..., Any])


def evidence_inputs(command: _Command) -> _Command:
    """Give a command the options that say what the chain looks at."""
    for option in (
        click.option(
            "--seed", default=0, type=click.IntRange(0, 2**63 - 1), show_default=True, help="Seed of all chance."
        ),
        click.option(
            "--turns", default=20, type=click.IntRange(1, 100_000), show_default=True, help="Turns of each run."
        ),
        click.option("--language", default="", metavar="TAG", help="Language of the sessions that are played."),
        click.option("--conformance", metavar="FILE", help="Results of the runtime's conformance run."),
        click.option("--schema", metavar="VERSION", help="Version of the schemas."),
        click.option("--control-plane", metavar="VERSION", help="Version of the control plane."),
        click.option("--runtime", metavar="REF", help="The runtime, as a RuntimeCapability or as a version alone."),
        click.option("--fixtures", metavar="FOLDER", help="Objects of your runtime to hold against the contracts."),
        click.option("--expected", metavar="FILE", help="Differences of the replay that are expected or approved."),
        click.option("--replay", metavar="REF", help="ReplayManifest with the recordings to replay."),
    ):
        command = option(command)
    return command


def run_chain(manifest: str, *, bundle: str, store: str | None, now: str | None, **given: Any) -> int:
    """Run every check, write what they found, and publish where all of it passed."""
    moment = time_given(now)
    made, code = judged_chain(manifest, bundle=bundle, moment=moment, **given)
    if made is None:
        return code
    if store is None:
        click.echo("may be published; name a store with `--store`")
        return code
    return max(code, publish_release(made, bundle, store, moment, None))


def judged_chain(
    manifest: str,
    *,
    bundle: str,
    rollout: str,
    output: str,
    replay: str | None,
    expected: str | None,
    fixtures: str | None,
    runtime: str | None,
    control_plane: str | None,
    schema: str | None,
    conformance: str | None,
    snapshot: str,
    language: str,
    turns: int,
    seed: int,
    moment: datetime,
) -> tuple[Released | None, int]:
    """Run every check and write what they found; the release where all of it passed, and the exit code."""
    loaded, plane, sink = bundle_named(bundle), snapshot_named(snapshot), DiagnosticSink()
    artifacts = artifacts_here(sink)
    gates = sound_artifact(artifacts, "gate", manifest, sink)
    target = sound_artifact(artifacts, "rollout", rollout, sink)
    asked, inputs = asked_of(
        artifacts,
        sink,
        refs=(),
        bundle=bundle,
        loaded=loaded,
        runtime=runtime,
        control_plane=control_plane,
        schema=schema,
        conformance=conformance,
        now=moment,
    )
    if sink.has_errors or gates is None or target is None:
        return None, exit_code(report(sink.sorted(), (), options_of_text()))
    context = Context(
        bundle=loaded,
        artifacts=artifacts,
        plane=plane,
        gate_manifest=gates,
        replay=_replay(replay, loaded, plane, expected),
        fixtures=shipped_fixtures() if fixtures is None else fixtures_in(fixtures, sink),
        asked=asked,
        asked_inputs=inputs,
        made_at=moment_text(moment),
        turns=turns,
        seed=seed,
        language=language,
    )
    found = run_checks(context)
    found["gates"] = gates_evidence(context, found, release_of(loaded))
    files = {f"{name}.json": canonical(evidence) + b"\n" for name, evidence in found.items()} | context.files
    _forget_release(output)
    _write(output, files)
    click.echo("\n".join(_told(found)))
    candidate = Candidate(
        release=release_of(loaded),
        bundle=bundle_value(bundle),
        rollout=target,
        gate_manifest=gates,
        evidence={kind: (f"{output}/{kind}.json", files[f"{kind}.json"]) for kind in REQUIRED},
        besides={name: evidence["digest"] for name, evidence in found.items() if name not in REQUIRED},
        baselines=[(f"{output}/{one.path}", files[one.path]) for one in context.baselines],
        now=moment,
    )
    made = release_evidence(candidate, sink)
    found_besides = [one for one in sink.sorted() if not isinstance(one, NotPassed)]  # what did not pass is told above
    code = exit_code(report(found_besides, (), options_of_text())) if found_besides else OK
    if made is None or found["gates"]["status"] != "pass":
        click.echo("not published: a gate that is not passed stays closed")
        return None, max(code, FINDINGS)
    _write(output, {"release.json": canonical(made) + b"\n"})
    return Released(value=made, files=files), code


def _replay(name: str | None, bundle: LoadedBundle, plane: ControlPlane, expected: str | None) -> Prepared | None:
    if name is None:
        return None
    asked = manifest_named(name)
    return replay_of(asked, bundle, plane, mode=asked.manifest.default_mode, expected=expected)


def lines_of(checks: Iterable[Checked]) -> list[str]:
    """Checks for people: one line each, with what was found."""
    return _lines([(one.status, one.subject, one.message) for one in checks])


def _told(found: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """The chain for people: each step with its status, and the gates in full."""
    for name, evidence in found.items():
        if name != "gates":
            yield f"{evidence['status']:<8} {name}"
            lines = [one for one in evidence["checks"] if one["status"] != "pass"]
            yield from (f"           {line}" for line in _lines([_row(one) for one in lines]))
    yield ""
    yield from _lines([_row(one) for one in found["gates"]["checks"]])
    yield ""


def _row(checked: Mapping[str, str]) -> tuple[str, str, str]:
    return checked["status"], checked["subject"], checked["message"]


def _lines(rows: list[tuple[str, str, str]]) -> list[str]:
    width = max((len(subject) for _, subject, _ in rows), default=0)
    return [f"{status:<8} {subject:<{width}}  {message}".rstrip() for status, subject, message in rows]


def _forget_release(folder: str) -> None:
    """What an earlier run of the chain released says nothing about this one."""
    try:
        os.unlink(os.path.join(folder, "release.json"))
    except FileNotFoundError:
        return
    except OSError as error:
        fault(f"cannot write to `{folder}`: {(error.strerror or 'input/output error').lower()}")


def _write(folder: str, files: Mapping[str, bytes]) -> None:
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        fault(f"cannot write to `{folder}`: {(error.strerror or 'input/output error').lower()}")
    for name, data in files.items():
        replace_file(os.path.join(folder, name), data)
