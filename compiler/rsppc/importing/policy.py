"""The earlier policy: one provider for each modality, allowed actions, and what is recorded."""

from __future__ import annotations

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became, EarlierUnknownField, KeptAsLabel, NotCarried
from rsppc.importing.linking import EarlierSet
from rsppc.importing.profile import ADAPTIVE_ACTIONS, PROFILE_REF
from rsppc.importing.replay_mode import EARLIER_MODE, report_mapped_modes, todays_mode
from rsppc.importing.spec import MODALITIES
from rsppc.model.common import PROVIDER, RECORDING_LEVEL
from rsppc.model.governing import POLICY_OVERLAY
from rsppc.model.shape import Listing, Nested, Shape, Table, field

SIMPLE_RECORDING = ("L0", ("replay_decisions",))
"""What a plan under `simple/v1` records."""

POLICY = EarlierKind(
    name="policy",
    schema_version="rspp.policy.bundle.v1",
    shape=Shape(
        name="policy",
        doc="Providers, actions, recording.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("policy_resolution_snapshot", TEXT, "Name of the snapshot.", required=True),
            field("allowed_adaptive_actions", ADAPTIVE_ACTIONS, "What the runtime may do on its own.", required=True),
            field("provider_bindings", Table(value=PROVIDER), "The provider of each modality.", required=True),
            field(
                "recording_policy",
                Nested(
                    shape=Shape(
                        name="recording_policy",
                        doc="What is recorded.",
                        fields=(
                            field("recording_level", RECORDING_LEVEL, "How much is recorded.", required=True),
                            field(
                                "allowed_replay_modes",
                                Listing(item=EARLIER_MODE, length_min=1, unique=True),
                                "Ways to replay.",
                                required=True,
                            ),
                        ),
                    )
                ),
                "What is recorded.",
                required=True,
            ),
        ),
    ),
)


def translate_policy(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """The overlay with a rule for each modality."""
    root = earlier.root
    bindings = root["provider_bindings"]
    unknown = [key for key in bindings if key not in MODALITIES]
    for key in unknown:
        advice = "modalities are " + ", ".join(f"`{one}`" for one in MODALITIES)
        at, path = bindings.key_span(key), f"provider_bindings.{key[:60]}"
        sink.report(EarlierUnknownField(at=at, subject=path, title=earlier.kind.shape.name, advice=advice))
    if unknown:
        return []
    rules = []
    for modality, provider in bindings.items():
        rules.append({"id": f"any_{modality}", "modality": modality, "use": [provider]})
        outcome = f"becomes the rule `any_{modality}`"
        at = bindings.value_span(modality)
        sink.report(Became(at=at, subject=f"provider_bindings.{modality}", outcome=outcome))
    _report_recording(earlier, all_, sink)
    at, key = root.value_span("policy_resolution_snapshot"), "policy_resolution_snapshot"
    reason = "today a control-plane snapshot names it"
    sink.report(KeptAsLabel(at=at, subject=key, label=f"earlier_{key}", reason=reason))
    content = {"provider_rules": rules, "allowed_actions": _actions(earlier, all_, sink)}
    return [target(earlier, POLICY_OVERLAY, content, labels=(key,))]


def _actions(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[str]:
    """The actions that the policy allows, and every profile that is bundled with it."""
    written = earlier.root["allowed_adaptive_actions"]
    allowed = list(written)
    for bundle in all_.bundles_naming("policy_ref", earlier):
        path = bundle.root.get("profile_ref")
        for profile in all_.find(path) if isinstance(path, str) else ():
            if profile.kind.name == "profile" and profile.sound:
                allowed = [one for one in allowed if one in profile.root["allowed_adaptive_actions"]]
    for index, action in enumerate(written):
        if action not in allowed:
            at, path = written.value_span(index), f"allowed_adaptive_actions[{index}]"
            sink.report(NotCarried(at=at, subject=path, reason=f"the profile of a bundle does not allow `{action}`"))
    return allowed


def _report_recording(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> None:
    recording = earlier.root["recording_policy"]
    report_mapped_modes(recording, "allowed_replay_modes", "recording_policy.allowed_replay_modes", sink)
    at = earlier.root.key_span("recording_policy")
    if (recording["recording_level"], recorded_modes(earlier)) == SIMPLE_RECORDING:
        outcome = f"is what `{PROFILE_REF}` says; a policy need not"
        sink.report(Became(at=at, subject="recording_policy", outcome=outcome))
        return
    level, modes = SIMPLE_RECORDING
    said = f"{level} and {', '.join(f'`{one}`' for one in modes)}"
    reason = f"what a plan records is said by its profile, and `{PROFILE_REF}` says {said}"
    manifests = sorted(set(_manifests(earlier, all_)))
    if manifests:
        reason += "; the modes stand in " + ", ".join(f"`{one}`" for one in manifests)
    sink.report(NotCarried(at=at, subject="recording_policy", reason=reason))


def recorded_modes(policy: Earlier) -> tuple[str, ...]:
    """The modes of replay that a policy allows, under today's names, each once."""
    modes = policy.root["recording_policy"]["allowed_replay_modes"] if policy.sound else ()
    return tuple(dict.fromkeys(todays_mode(one) for one in modes))


def _manifests(earlier: Earlier, all_: EarlierSet) -> list[str]:
    paths = [bundle.root.get("replay_manifest_ref") for bundle in all_.bundles_naming("policy_ref", earlier)]
    return [found.ref for path in paths if isinstance(path, str) for found in all_.find(path) if found.id]
