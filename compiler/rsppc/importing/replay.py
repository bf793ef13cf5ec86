"""The earlier replay manifest: how much is recorded, how it is replayed, in which order events come."""

from __future__ import annotations

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Assumed, Became
from rsppc.importing.linking import EarlierSet, bundle_of
from rsppc.importing.policy import recorded_modes
from rsppc.importing.replay_mode import EARLIER_MODE, report_mapped_modes, todays_mode
from rsppc.model.common import RECORDING_LEVEL
from rsppc.model.release import REPLAY_MANIFEST
from rsppc.model.shape import Listing, Nested, Shape, field

REPLAY = EarlierKind(
    name="replay",
    schema_version="rspp.replay.manifest.v1",
    id_key="manifest_id",
    shape=Shape(
        name="replay manifest",
        doc="What is recorded and how it is replayed.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("manifest_id", TEXT, "Name and version of the manifest.", required=True),
            field("pipeline_version", TEXT, "The release.", required=True),
            field("recording_level", RECORDING_LEVEL, "How much is recorded.", required=True),
            field("default_mode", EARLIER_MODE, "The way that is used when none is named.", required=True),
            field(
                "cursor_policy",
                Nested(
                    shape=Shape(
                        name="cursor_policy",
                        doc="The order of events.",
                        fields=(
                            field(
                                "stable_sort_keys",
                                Listing(item=TEXT, length_min=1, unique=True),
                                "Keys, strongest first.",
                                required=True,
                            ),
                        ),
                    )
                ),
                "The order of events.",
                required=True,
            ),
        ),
    ),
)

EVIDENCE_VERSION = "v1"
EVIDENCE_FIELDS = (
    "session_id",
    "turn_id",
    "pipeline_version",
    "resolved_turn_plan_id",
    "plan_hash",
    "execution_profile_version",
    "lease_epoch_at_turn_open",
    "lease_epoch_at_terminal",
    "admission_outcome",
    "routing_view_snapshot",
    "admission_policy_snapshot",
    "abi_compatibility_snapshot",
    "version_resolution_snapshot",
    "policy_resolution_snapshot",
    "provider_health_snapshot",
    "determinism_seed",
    "merge_rule_id",
    "merge_rule_version",
    "ordering_markers",
    "nondeterministic_inputs",
    "turn_open_timestamp",
    "terminal_outcome",
    "terminal_reason",
    "turn_close_timestamp",
    "decision_outcomes",
    "provider_invocation_summary",
    "payload_redaction_decisions",
    "cancel_scope",
    "cancel_accepted_timestamp",
    "cancel_fence_timestamp",
    "post_cancel_rejection_markers",
    "or02_evidence_schema_version",
)
"""The evidence that every accepted turn leaves, as in `or02_baseline/v1`."""


def translate_replay(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """The manifest of the bundle's turns."""
    bundle = bundle_of(earlier, "replay_manifest_ref", "pipeline_version", all_, sink)
    if bundle is None:
        return []
    root = earlier.root
    outcome = f"becomes `turn_ref: bundle:{bundle.ref}`"
    sink.report(Became(at=root.value_span("pipeline_version"), subject="pipeline_version", outcome=outcome))
    report_mapped_modes(root, "default_mode", "default_mode", sink)
    sink.report(Became(at=root.key_span("cursor_policy"), subject="cursor_policy", outcome="becomes `cursor`"))
    sink.report(
        Assumed(
            at=earlier.start(),
            title=earlier.kind.shape.name,
            key="required_fields",
            value="the list of `or02_baseline/v1`",
            advice="remove the fields that your runtime does not record yet",
        )
    )
    default = todays_mode(root["default_mode"])
    content = {
        "turn_ref": f"bundle:{bundle.ref}",
        "or02_evidence_schema_version": EVIDENCE_VERSION,
        "required_fields": list(EVIDENCE_FIELDS),
        "recording_level": root["recording_level"],
        "allowed_replay_modes": list(dict.fromkeys((*_modes_of_policy(bundle, all_), default))),
        "default_mode": default,
        "cursor": {"stable_sort_keys": list(root["cursor_policy"]["stable_sort_keys"])},
    }
    return [target(earlier, REPLAY_MANIFEST, content, labels=("pipeline_version",))]


def _modes_of_policy(bundle: Earlier, all_: EarlierSet) -> list[str]:
    path = bundle.root.get("policy_ref")
    policies = all_.find(path) if isinstance(path, str) else ()
    return [mode for policy in policies if policy.kind.name == "policy" for mode in recorded_modes(policy)]
