"""A release that was judged before: its evidence, and what that rests on, held against each other once more.

`rsppc release publish --output` and `rsppc gate run` leave the evidence of a release. What it rests on lies beside it;
from that the release must follow, value by value.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click
import msgspec

from rsppc.base.difference import first_difference
from rsppc.cli.distributing import read_input
from rsppc.cli.exits import INTEGRITY, OK
from rsppc.cli.governing import artifacts_here, sound_artifact
from rsppc.cli.naming import options_of_text
from rsppc.cli.publishing import Released
from rsppc.cli.session import exit_code, fault, report
from rsppc.diagnostics import DiagnosticSink
from rsppc.evidence.envelope import Evidence, Release
from rsppc.evidence.moment import read_moment
from rsppc.evidence.reading import Wanted, read_evidence
from rsppc.gates.release import REQUIRED, Candidate, release_evidence
from rsppc.workspace import FILE_SIZE_MAX

_BASELINE = "baseline."
_OF_WORKSPACE = ("rollout", "gate_manifest")


def released_before(
    path: str, release: Release, bundle: dict[str, Any], gates: str, moment: datetime
) -> tuple[Released | None, int]:
    """The release in a file, with what it rests on, and the exit code; None, with findings, where it does not stand."""
    data, sink = read_input(path), DiagnosticSink()
    found = read_evidence(path, data, Wanted(evidence="release", release=release, now=moment), sink)
    if found is None:
        return None, exit_code(report(sink.sorted(), (), options_of_text()))
    beside = dict(_sealed_files(os.path.dirname(path) or "."))
    candidate = _candidate(found, release, bundle, gates, beside, sink)
    made = release_evidence(candidate, sink) if candidate is not None else None
    if made is None:
        return None, exit_code(report(sink.sorted(), (), options_of_text()))
    value: dict[str, Any] = msgspec.json.decode(data)
    other = first_difference(_said(value), _said(made))
    if other is not None:
        click.echo(
            f"rsppc: `{path}` does not follow from the evidence beside it: they differ at `{other.pointer}`", err=True
        )
        click.echo("  judge the release again, with `rsppc gate run` or `rsppc release publish`", err=True)
        return None, INTEGRITY
    assert candidate is not None
    files = {f"{kind}.json": one for kind, (_, one) in candidate.evidence.items()}
    files |= {f"baseline.{index}.json": one for index, (_, one) in enumerate(candidate.baselines)}
    files |= {f"{name}.json": beside[digest][1] for name, digest in candidate.besides.items() if digest in beside}
    return Released(value=value, files=files), OK


def _candidate(
    found: Evidence,
    release: Release,
    bundle: dict[str, Any],
    gates: str,
    beside: Mapping[str, tuple[str, bytes]],
    sink: DiagnosticSink,
) -> Candidate | None:
    artifacts = artifacts_here(sink)
    rollout = sound_artifact(artifacts, "rollout", str(found.figures.get("rollout_ref")), sink)
    manifest = sound_artifact(artifacts, "gate", gates, sink)
    made_at = read_moment(found.made_at)
    if rollout is None or manifest is None or made_at is None:
        return None
    inputs = dict(found.inputs)
    runs = [digest for name, digest in inputs.items() if name.startswith(_BASELINE)]
    known = {*REQUIRED, *_OF_WORKSPACE}
    return Candidate(
        release=release,
        bundle=bundle,
        rollout=rollout,
        gate_manifest=manifest,
        evidence={kind: beside[inputs[kind]] for kind in REQUIRED if inputs.get(kind) in beside},
        baselines=[beside[digest] for digest in runs if digest in beside],
        besides={
            name: digest for name, digest in inputs.items() if name not in known and not name.startswith(_BASELINE)
        },
        now=made_at,
    )


def _sealed_files(folder: str) -> Iterator[tuple[str, tuple[str, bytes]]]:
    """Files of a folder that carry a digest of what they say, by it; whether it is true is judged where it counts."""
    try:
        names = sorted(one.name for one in os.scandir(folder) if one.is_file() and one.name.endswith(".json"))
    except OSError as error:
        fault(f"cannot read `{folder}`: {(error.strerror or 'input/output error').lower()}")
    for name in names:
        path = os.path.join(folder, name)
        data = read_input(path)
        if len(data) > FILE_SIZE_MAX:
            continue
        try:
            digest = msgspec.json.decode(data, type=_Sealed).digest
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        yield digest, (path, data)


class _Sealed(msgspec.Struct):
    digest: str


def _said(value: Mapping[str, Any]) -> dict[str, Any]:
    """What evidence says, whoever made it."""
    return {key: one for key, one in value.items() if key not in ("made_by", "digest")}
