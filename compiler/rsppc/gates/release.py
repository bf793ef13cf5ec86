"""Whether a bundle may be published: every piece of evidence there, whole, fresh, passed, and about this very bundle.

Nothing is taken on trust that can be computed again: the figures are, from the baselines. What comes of it is evidence
itself, of kind `release`, which rollouts ask for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from rsppc.base.record import Record
from rsppc.base.source import Source, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.evidence.envelope import Checked, Evidence, Release, sealed
from rsppc.evidence.moment import moment_text
from rsppc.evidence.reading import Wanted, read_evidence
from rsppc.gates.baselines import Baseline, read_baseline
from rsppc.gates.checks.slo_gates import judged
from rsppc.lowering.artifacts import Artifact
from rsppc.rollout.plan import target
from rsppc.rollout.targets import check_pinned

REQUIRED = ("contracts", "governance", "replay_regression", "slo_gates")
"""Kinds of evidence without which nothing is published, in the order in which they are made."""

_ANSWERS = {
    "contracts": ("fixtures",),
    "governance": ("policies", "skew", "windows", "deprecations", "conformance", "stewardship"),
    "replay_regression": ("fixture", "completeness"),
}
"""Questions that evidence must answer before a release rests on it: a report of a single file answers fewer. What
`slo_gates` must answer follows from the gate manifest."""


class MissingEvidence(Diagnostic):
    """A release rests on evidence of four kinds. What was not looked at has not passed."""

    code = "RSP9401"
    name = "missing-evidence"
    headline = "there is no evidence of `{subject}`"
    hint = "make it with `{command}`, and name the file with `--{option}`"
    command: str
    option: str


class RolloutOfAnotherBundle(Diagnostic):
    """The rollout decides who gets the bundle, so it must speak of the bundle that is published."""

    code = "RSP9402"
    name = "rollout-of-another-bundle"
    headline = "the rollout moves traffic to {found}, and {wanted} is published"
    hint = "name the rollout of this bundle, or pin its reference again with `rsppc pin`"
    found: str
    wanted: str


class OtherBaselines(Diagnostic):
    """The figures were judged on certain runs. With other ones, or with runs left out, they say something else."""

    code = "RSP9403"
    name = "other-baselines"
    headline = "the figures were judged on other runs than those given: {difference}"
    hint = "give the baselines from which `rsppc gate slo` made the evidence, all of them and in their order"
    difference: str


class OtherFigures(Diagnostic):
    """What the evidence says of a gate is computed once more from the baselines. It must come out the same."""

    code = "RSP9404"
    name = "other-figures"
    headline = "gate `{subject}` comes out as {computed}, and the evidence says {written}"
    hint = "make the evidence again with `rsppc gate slo`, with the gate manifest of this workspace"
    computed: str
    written: str


class NoCompatWindow(Diagnostic):
    """A published bundle says which runtimes and control planes may load it; without that, every one of them may."""

    code = "RSP9405"
    name = "no-compat-window"
    headline = "bundle `{subject}` says nothing of the runtimes and control planes that may load it"
    hint = "add `compat_window: {{runtime: {{min: …, max: …}}, control_plane: {{min: …, max: …}}}}` to the bundle"


_MADE_BY = {
    "contracts": "rsppc contracts check --evidence FILE",
    "governance": "rsppc compat check --evidence FILE",
    "replay_regression": "rsppc replay report MANIFEST --evidence FILE",
    "slo_gates": "rsppc gate slo BASELINE... --evidence FILE",
}
_OPTIONS = {"contracts": "contracts", "governance": "governance", "replay_regression": "replay", "slo_gates": "slo"}


class Candidate(Record):
    """What is to be published, and on what it rests. Files are pairs of a path and bytes."""

    release: Release
    bundle: dict[str, Any]
    """The content of `bundle.json`."""
    rollout: Artifact
    gate_manifest: Artifact
    evidence: Mapping[str, tuple[str, bytes]]
    """By kind; what is missing is missing."""
    baselines: Sequence[tuple[str, bytes]]
    now: datetime
    besides: Mapping[str, str] = {}
    """Name and digest of more evidence that lies beside the release, where the whole chain was run."""


def release_evidence(candidate: Candidate, sink: DiagnosticSink) -> dict[str, Any] | None:
    """The release as evidence; None, with findings, where the bundle may not be published."""
    checking = DiagnosticSink()
    _check_rollout(candidate, checking)
    if not candidate.bundle.get("compat_window"):
        at = file_span(Source("bundle.json", "", b""))
        checking.report(NoCompatWindow(at=at, subject=candidate.release.bundle_ref))
    found = {kind: _read(kind, candidate, checking) for kind in REQUIRED}
    baselines = _baselines(candidate, checking)
    figures = found["slo_gates"]
    if figures is not None and len(baselines) == len(candidate.baselines):
        _check_figures(figures, baselines, candidate, checking)
    for one in checking.sorted():
        sink.report(one)
    if checking.has_errors:
        return None
    evidence = {kind: one for kind, one in found.items() if one is not None}
    return _sealed(candidate, evidence, baselines)


def release_id(bundle: Mapping[str, Any], rollout: Mapping[str, Any], now: datetime) -> str:
    """`rel-<time>-<ten hex digits>`: the digits stand for spec, version, strategy and rollback posture."""
    posture = rollout.get("rollback_posture") or {}
    parts = (
        bundle["spec_ref"],
        f"{bundle['bundle_id']}/{bundle['version']}",
        rollout["strategy"],
        posture.get("mode", ""),
        posture.get("trigger", ""),
    )
    digits = sha256("|".join(parts).encode()).hexdigest()[:10]
    return f"rel-{moment_text(now).replace('-', '').replace(':', '')}-{digits}"


def _check_rollout(candidate: Candidate, sink: DiagnosticSink) -> None:
    root, release = candidate.rollout.root, candidate.release
    check_pinned(root, candidate.rollout.ref, sink)
    ref, at = target(root["bundle_ref"]), root.value_span("bundle_ref")
    for found, wanted in ((ref.name, release.bundle_ref), (ref.digest or release.bundle_digest, release.bundle_digest)):
        if found != wanted:
            sink.report(RolloutOfAnotherBundle(at=at, found=f"`{found}`", wanted=f"`{wanted}`"))
            return


def _read(kind: str, candidate: Candidate, sink: DiagnosticSink) -> Evidence | None:
    if kind not in candidate.evidence:
        at = candidate.rollout.root.value_span("bundle_ref")
        sink.report(MissingEvidence(at=at, subject=kind, command=_MADE_BY[kind], option=_OPTIONS[kind]))
        return None
    path, data = candidate.evidence[kind]
    wanted = Wanted(evidence=kind, release=candidate.release, now=candidate.now, checks=_ANSWERS.get(kind, ()))
    return read_evidence(path, data, wanted, sink)


def _baselines(candidate: Candidate, sink: DiagnosticSink) -> list[Baseline]:
    read = [read_baseline(path, data, candidate.release, sink) for path, data in candidate.baselines]
    return [one for one in read if one is not None]


def _check_figures(
    evidence: Evidence, baselines: Sequence[Baseline], candidate: Candidate, sink: DiagnosticSink
) -> None:
    """Compute the figures once more, and hold them against what the evidence says."""
    path = candidate.evidence["slo_gates"][0]
    at = file_span(Source(path, "", b""))
    manifest = candidate.gate_manifest
    computed = judged(manifest.root["gates"], manifest.meaning_digest, baselines)
    if dict(evidence.inputs) != dict(computed.inputs):
        sink.report(OtherBaselines(at=at, difference=_difference(dict(evidence.inputs), dict(computed.inputs))))
        return
    written = {one.subject: one for one in evidence.checks}
    for one in computed.checks:
        said = written.pop(one.subject, None)
        if said != one:
            told = "nothing of it" if said is None else f"`{said.status}`, {said.message}"
            sink.report(
                OtherFigures(at=at, subject=one.subject, computed=f"`{one.status}`, {one.message}", written=told)
            )
    for subject, said in written.items():
        sink.report(OtherFigures(at=at, subject=subject, computed="no gate", written=f"`{said.status}`"))
    if not written and evidence.figures != computed.figures:
        sink.report(OtherFigures(at=at, subject="figures", computed="other figures", written="those in the file"))


def _difference(written: Mapping[str, str], given: Mapping[str, str]) -> str:
    lacking, added = sorted(written.keys() - given.keys()), sorted(given.keys() - written.keys())
    if lacking:
        return f"`{lacking[0]}` is missing"
    if added:
        return f"`{added[0]}` was not judged"
    name = next(name for name in sorted(written) if written[name] != given[name])
    return f"`{name}` has another digest"


def _sealed(candidate: Candidate, evidence: Mapping[str, Evidence], baselines: Sequence[Baseline]) -> dict[str, Any]:
    release, rollout = candidate.release, candidate.rollout.root
    checks = [
        Checked(check="evidence", subject=kind, status="pass", message=f"made at {one.made_at}")
        for kind, one in evidence.items()
    ]
    checks.append(Checked(check="rollout", subject=candidate.rollout.ref, status="pass", message="pinned"))
    inputs = {kind: one.digest for kind, one in evidence.items()}
    inputs |= {f"baseline.{index}.{one.scenario}": one.digest for index, one in enumerate(baselines)}
    inputs |= dict(candidate.besides)
    inputs["rollout"] = candidate.rollout.meaning_digest
    inputs["gate_manifest"] = candidate.gate_manifest.meaning_digest
    return sealed(
        "release",
        release,
        made_at=moment_text(candidate.now),
        checks=checks,
        inputs=inputs,
        figures={
            "release_id": release_id(candidate.bundle, rollout, candidate.now),
            "pipeline_version": release.bundle_ref,
            "spec_ref": candidate.bundle["spec_ref"],
            "rollout_ref": candidate.rollout.ref,
            "strategy": rollout["strategy"],
            "rollback_ref": rollout["rollback_ref"],
            "rollback_posture": dict(rollout.get("rollback_posture") or {}),
        },
    )
