"""The earlier replay manifest: how much is recorded, how it is replayed, in which order events come."""

from __future__ import annotations

from typing import Any

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Assumed, Became
from rsppc.importing.linking import EarlierSet, bundle_of
from rsppc.importing.policy import recorded_modes
from rsppc.importing.replay_mode import EARLIER_MODE, report_mapped_modes, todays_mode
from rsppc.model.common import RECORDING_LEVEL
from rsppc.model.contract_observability import MANDATORY
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
"""Version of the list of fields in `or02_baseline/v1`, which is written into what is translated."""

RETENTION_DAYS = 30
"""How long recordings above L0 are kept, where nobody said it: the longest time that is allowed."""


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
    content: dict[str, Any] = {
        "turn_ref": f"bundle:{bundle.ref}",
        "or02_evidence_schema_version": EVIDENCE_VERSION,
        "required_fields": list(MANDATORY),
        "recording_level": root["recording_level"],
        "allowed_replay_modes": list(dict.fromkeys((*_modes_of_policy(bundle, all_), default))),
        "default_mode": default,
        "cursor": {"stable_sort_keys": list(root["cursor_policy"]["stable_sort_keys"])},
    }
    if root["recording_level"] != "L0":
        content["retention_days"] = RETENTION_DAYS
        advice = "write how long recordings may be kept; they hold what people said"
        sink.report(
            Assumed(
                at=earlier.start(),
                title=earlier.kind.shape.name,
                key="retention_days",
                value=f"`{RETENTION_DAYS}`",
                advice=advice,
            )
        )
    return [target(earlier, REPLAY_MANIFEST, content, labels=("pipeline_version",))]


def _modes_of_policy(bundle: Earlier, all_: EarlierSet) -> list[str]:
    path = bundle.root.get("policy_ref")
    policies = all_.find(path) if isinstance(path, str) else ()
    return [mode for policy in policies if policy.kind.name == "policy" for mode in recorded_modes(policy)]
