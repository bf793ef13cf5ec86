"""`rsppc gate run`: the chain of a release, from the command line's names to files and a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

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
from rsppc.cli.publishing import bundle_value, published
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


def run_chain(
    manifest: str,
    *,
    bundle: str,
    rollout: str,
    output: str,
    store: str | None,
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
    now: str | None,
) -> int:
    """Run every check, write what they found, and publish where all of it passed."""
    loaded, plane, moment, sink = bundle_named(bundle), snapshot_named(snapshot), time_given(now), DiagnosticSink()
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
        return exit_code(report(sink.sorted(), (), options_of_text()))
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
        return max(code, FINDINGS)
    _write(output, {"release.json": canonical(made) + b"\n"})
    if store is None:
        click.echo("may be published; name a store with `--store`")
        return code
    return max(code, published(made, files, bundle_value(bundle), store, None))


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
