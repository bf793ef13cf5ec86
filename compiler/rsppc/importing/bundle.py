"""The earlier bundle: paths to its parts, without digests. It becomes references with id and version."""

from __future__ import annotations

from typing import Any

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became, KeptAsLabel, PipelineVersionDiffers, TurnedRound
from rsppc.importing.linking import EarlierSet, followed, followed_if_there
from rsppc.importing.profile import PROFILE_REF, layer_ref
from rsppc.model.governing import PIPELINE_BUNDLE
from rsppc.model.shape import Shape, Text, field

_PATH = Text(length_max=1000)

BUNDLE = EarlierKind(
    name="bundle",
    schema_version="rspp.pipeline.bundle.v1",
    id_key="bundle_id",
    shape=Shape(
        name="bundle",
        doc="What was released together.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("bundle_id", TEXT, "Name and version of the bundle.", required=True),
            field("pipeline_version", TEXT, "The release.", required=True),
            field("spec_ref", _PATH, "Path of the spec.", required=True),
            field("profile_ref", _PATH, "Path of the profile.", required=True),
            field("rollout_ref", _PATH, "Path of the rollout."),
            field("policy_ref", _PATH, "Path of the policy.", required=True),
            field("compat_ref", _PATH, "Path of the compatibility statement."),
            field("extensions_ref", _PATH, "Path of the extensions."),
            field("replay_manifest_ref", _PATH, "Path of the replay manifest."),
        ),
    ),
)


def translate_bundle(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """The bundle with references of today."""
    spec = followed(earlier, "spec_ref", "spec", all_, sink)
    profile = followed(earlier, "profile_ref", "profile", all_, sink)
    policy = followed(earlier, "policy_ref", "policy", all_, sink)
    window = _compat_window(earlier, all_, sink)
    _report_what_points_here(earlier, all_, sink)
    if spec is None or profile is None or policy is None or not _same_release(earlier, spec, sink):
        return []
    layer = layer_ref(profile)
    for key, outcome in (
        ("spec_ref", f"becomes `{spec.ref}`"),
        ("profile_ref", f"becomes `{PROFILE_REF}`" + (f" with the layer `{layer}`" if layer else "")),
        ("policy_ref", f"becomes `{policy.ref}` in `policy_refs`"),
    ):
        sink.report(Became(at=earlier.root.value_span(key), subject=key, outcome=outcome))
    at, key = earlier.root.value_span("pipeline_version"), "pipeline_version"
    reason = f"today it is the bundle's id and version, `{earlier.ref}`"
    sink.report(KeptAsLabel(at=at, subject=key, label=f"earlier_{key}", reason=reason))
    content = {
        "spec_ref": spec.ref,
        "profile_ref": PROFILE_REF,
        "policy_refs": [policy.ref],
        "layer_refs": [layer] if layer else [],
        **({"compat_window": {"runtime": window}} if window else {}),
    }
    return [target(earlier, PIPELINE_BUNDLE, content, labels=(key,))]


def _same_release(earlier: Earlier, spec: Earlier, sink: DiagnosticSink) -> bool:
    written, expected = earlier.root["pipeline_version"], spec.root.get("pipeline_version", "")
    if not spec.sound or written == expected:
        return True
    at, other = earlier.root.value_span("pipeline_version"), f"the spec `{spec.file_name}`"
    sink.report(
        PipelineVersionDiffers(at=at, subject="pipeline_version", written=written, other=other, expected=expected)
    )
    return False


def _compat_window(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> dict[str, Any]:
    compat = followed_if_there(earlier, "compat_ref", "compatibility", all_, sink)
    if compat is None or not compat.sound:
        return {}
    at = earlier.root.value_span("compat_ref")
    outcome = f"becomes `compat_window`, with the runtime versions of `{compat.file_name}`"
    sink.report(Became(at=at, subject="compat_ref", outcome=outcome))
    return {"min": compat.root["min_runtime_version"], "max": compat.root["max_runtime_version"]}


def _report_what_points_here(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> None:
    """References that today go the other way, or need not be written."""
    rollout = followed_if_there(earlier, "rollout_ref", "rollout", all_, sink)
    if rollout is not None:
        at = earlier.root.value_span("rollout_ref")
        sink.report(TurnedRound(at=at, subject="rollout_ref", rollout=rollout.ref, bundle=earlier.ref))
    if followed_if_there(earlier, "extensions_ref", "extensions", all_, sink) is not None:
        at = earlier.root.value_span("extensions_ref")
        outcome = "needs no reference today: node types and providers are found by their names"
        sink.report(Became(at=at, subject="extensions_ref", outcome=outcome))
    replay = followed_if_there(earlier, "replay_manifest_ref", "replay", all_, sink)
    if replay is not None:
        at = earlier.root.value_span("replay_manifest_ref")
        outcome = f"is turned round: `{replay.ref}` names the bundle"
        sink.report(Became(at=at, subject="replay_manifest_ref", outcome=outcome))
