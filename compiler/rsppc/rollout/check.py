"""What a RolloutManifest says that cannot be meant, judged from sources alone.

Whether the bundles that it points to were published is for `targets.py`, which asks a store.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.rollout.check_cohorts import check_cohorts
from rsppc.rollout.check_steps import check_phase_order, check_steps
from rsppc.rollout.plan import same_version, target
from rsppc.syntax.document import Mapping


class CohortOfAnotherBundle(Diagnostic):
    """A rollout moves traffic from one bundle to another. A third one would have neither evidence nor a way back."""

    code = "RSP7601"
    name = "cohort-of-another-bundle"
    headline = "cohort `{subject}` gets `{found}`, which this rollout neither brings nor returns to"
    hint = "write `{bundle}` or `{rollback}`, or move it in a rollout of its own"
    found: str
    bundle: str
    rollback: str


class ReturnToItself(Diagnostic):
    """When calls go wrong, traffic must have somewhere to go. A rollout that returns to its own bundle has no way
    back."""

    code = "RSP7602"
    name = "return-to-itself"
    severity = "warning"
    headline = "the rollout of `{subject}` returns to `{subject}` itself"
    hint = "name the bundle that served before in `rollback_ref`"


class TwoDigests(Diagnostic):
    """One version of a bundle is one build of it. Two digests under one name mean that two people reviewed two
    things."""

    code = "RSP7603"
    name = "two-digests"
    headline = "`{subject}` is pinned to two digests in one rollout"
    hint = "remove both, and run `rsppc pin {rollout}`"
    rollout: str


class OtherBuildPinned(Diagnostic):
    """The bundle's source says which artifact its build makes, and the rollout is pinned to another one, which nobody
    can build from these sources."""

    code = "RSP7604"
    name = "other-build-pinned"
    headline = "`{subject}` is pinned to a build that its source does not make"
    hint = "build the bundle, and run `rsppc pin {rollout} --accept` if its present build is meant"
    rollout: str


def check_artifact(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    """Report what is wrong with a manifest whose form is sound."""
    if any(found.severity == "error" for found in artifact.diagnostics):
        check_phase_order(artifact.root, sink)
        return  # what was refused is missing here, and would seem forgotten
    root = artifact.root
    _check_bundles(root, sink)
    _check_pins(artifacts, artifact, sink)
    check_cohorts(root, sink)
    check_steps(root, sink)


def _check_bundles(root: Mapping, sink: DiagnosticSink) -> None:
    bundle, rollback = root["bundle_ref"], root["rollback_ref"]
    if same_version(bundle, rollback):
        sink.report(ReturnToItself(at=root.value_span("rollback_ref"), subject=target(bundle).name))
    for cohort in root["cohorts"]:
        found = cohort.get("bundle_ref", bundle)
        if not same_version(found, bundle) and not same_version(found, rollback):
            sink.report(
                CohortOfAnotherBundle(
                    at=cohort.value_span("bundle_ref"),
                    subject=cohort["name"],
                    found=target(found).name,
                    bundle=target(bundle).name,
                    rollback=target(rollback).name,
                )
            )


def bundle_references(root: Mapping) -> Iterator[tuple[str, Span]]:
    """Every reference to a bundle that a manifest holds, with its place."""
    for key in ("bundle_ref", "rollback_ref"):
        yield root[key], root.value_span(key)
    for cohort in root["cohorts"]:
        if "bundle_ref" in cohort:
            yield cohort["bundle_ref"], cohort.value_span("bundle_ref")


def _check_pins(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> None:
    first: list[tuple[str, str, Span]] = []
    for text, at in bundle_references(artifact.root):
        pinned = target(text)
        if pinned.digest is None:
            continue
        before = next((one for one in first if same_version(one[0], pinned.name)), None)
        if before is None:
            first.append((pinned.name, pinned.digest, at))
            _check_build(artifacts, artifact, text, at, sink)
        elif before[1] != pinned.digest:
            related = (Related(at=before[2], text="the other digest"),)
            sink.report(TwoDigests(at=at, subject=pinned.name, rollout=artifact.ref, related=related))


def _check_build(artifacts: Artifacts, artifact: Artifact, text: str, at: Span, sink: DiagnosticSink) -> None:
    bundle = artifacts.resolve("bundle", text, at, DiagnosticSink())  # one that leads nowhere has been reported
    made = bundle.root.get("bundle_digest") if bundle is not None else None
    if bundle is not None and same_version(bundle.ref, text) and made not in (None, target(text).digest):
        related = (Related(at=bundle.root.value_span("bundle_digest"), text="what its build makes"),)
        sink.report(OtherBuildPinned(at=at, subject=target(text).name, rollout=artifact.ref, related=related))
