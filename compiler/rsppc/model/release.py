"""RolloutManifest, ControlPlaneSnapshot, ReplayManifest, CompatPolicy, RuntimeCapability, GateManifest.

The compiler checks their shape and that their references resolve; what they mean is judged where they are used.
"""

from __future__ import annotations

from rsppc.model.common import (
    ACTIONS,
    COUNT,
    DOTTED,
    ID,
    METADATA_FIELD,
    MS,
    PERMILLE,
    PROVIDER,
    RECORDING_LEVEL,
    REPLAY_MODE,
    VERSION,
    header,
)
from rsppc.model.shape import (
    Anything,
    ArtifactKind,
    Choice,
    Field,
    Flag,
    Identifier,
    Integer,
    Listing,
    Nested,
    Reference,
    Shape,
    Table,
    Text,
    field,
)

PERCENT = Integer(unit="percent", minimum=0, maximum=100)
BUNDLE_REF = Reference(kind="bundle")
_TENANTS = Listing(item=Text(length_min=1, length_max=200), unique=True)

COHORT = Shape(
    name="cohort",
    doc="A part of the traffic: tenants, a share of the sessions, or regions.",
    fields=(
        field("name", ID, "Name of the cohort.", required=True),
        field("bundle_ref", BUNDLE_REF, "The bundle that the cohort gets: the one that is rolled out, or the other."),
        field("percentage", PERCENT, "Share of sessions."),
        field("tenant_allowlist", _TENANTS, "Tenants that belong to the cohort."),
        field(
            "regions",
            Listing(item=Text(length_min=1, length_max=100), unique=True),
            "Regions that the cohort is limited to; alone: all sessions of these regions.",
        ),
    ),
)

ADMISSION = Shape(
    name="admission",
    doc="What must hold before a session of the rollout is admitted.",
    fields=(
        field("session_rate_limit_per_min", COUNT, "Most new sessions a minute."),
        field("token_rate_limit_per_min", COUNT, "Most tokens a minute."),
        field("tenants_denied", _TENANTS, "Tenants that are kept out."),
    ),
)

APPROVAL = Shape(
    name="change_approval",
    doc="Who agreed to the change.",
    fields=(
        field("approved_by", Listing(item=Text(length_max=200), length_min=1), "Names or roles.", required=True),
        field("ticket", Text(length_max=200), "Where the decision is recorded."),
        field("reason", Text(block=True), "Why."),
    ),
)

ROLLOUT_MANIFEST = ArtifactKind(
    name="rollout",
    schema_version="rspp.rollout.manifest.v1",
    id_field="rollout_id",
    folder="rollouts",
    title="RolloutManifest",
    shape=Shape(
        name="RolloutManifest",
        doc="How traffic moves to a bundle; the only thing about traffic that changes.",
        fields=(
            *header("rspp.rollout.manifest.v1", "rollout_id"),
            METADATA_FIELD,
            field("bundle_ref", BUNDLE_REF, "The bundle that is rolled out.", required=True),
            field(
                "strategy",
                Choice(values=("immediate", "phased", "percentage", "canary", "tenant_allowlist")),
                "How it is rolled out.",
                required=True,
            ),
            field("cohorts", Listing(item=Nested(shape=COHORT)), "Who gets which bundle.", required=True),
            field(
                "phases",
                Listing(item=PERCENT, length_min=1),
                "Shares of sessions that the bundle goes through, ascending to 100; each step asks for evidence.",
            ),
            field("rollback_ref", BUNDLE_REF, "The bundle to return to.", required=True),
            field(
                "rollback_posture",
                Nested(
                    shape=Shape(
                        name="rollback_posture",
                        doc="Who decides to return.",
                        fields=(
                            field("mode", Choice(values=("automatic", "manual")), "Who decides.", required=True),
                            field("trigger", Text(length_max=500), "What makes it return.", required=True),
                        ),
                    )
                ),
                "Who decides to return.",
            ),
            field("admission_constraints", Nested(shape=ADMISSION), ADMISSION.doc),
            field("change_approval", Nested(shape=APPROVAL), APPROVAL.doc),
        ),
    ),
)

FRESHNESS: tuple[Field, ...] = (
    field("stale", Flag(), "Says that the section must not be used."),
    field("as_of_ms", Integer(unit="ms since 1970"), "When the section was taken."),
    field("max_age_ms", MS, "How long it may be used."),
)


def _text(name: str, doc: str, *, required: bool = False) -> Field:
    return field(name, Text(length_max=2000), doc, required=required)


ROUTING_VIEW = Shape(
    name="routing_view",
    doc="Where sessions go.",
    fields=(
        *FRESHNESS,
        _text("routing_view_snapshot", "Name of this snapshot.", required=True),
        _text("admission_policy_snapshot", "Name of the admission policy that it was made with.", required=True),
        _text("abi_compatibility_snapshot", "Name of the compatibility table that it was made with.", required=True),
        _text("version_resolution_snapshot", "Name of the version resolution that it was made with."),
        _text("policy_resolution_snapshot", "Name of the policy resolution that it was made with."),
        _text("transport_kind", "Kind of transport, as in `livekit`.", required=True),
        _text("transport_endpoint", "Address of the transport.", required=True),
        _text("runtime_id", "The runtime that serves.", required=True),
    ),
)

PROVIDER_STATE = Shape(
    name="provider_state",
    doc="How a provider does at the moment.",
    fields=(
        field("state", Choice(values=("ok", "degraded", "down", "unknown")), "Whether it serves.", required=True),
        field("error_rate_milli", PERMILLE, "Share of failing calls."),
        field("calls", COUNT, "Calls that were counted."),
        field("p95_ms", MS, "Time of all but one call in twenty."),
        field("price_micro_usd", COUNT, "Price of one unit at the moment."),
    ),
)

PROVIDER_HEALTH = Shape(
    name="provider_health",
    doc="How the providers do at the moment.",
    fields=(
        *FRESHNESS,
        _text("provider_health_snapshot", "Name of this snapshot.", required=True),
        field("providers", Table(value=Nested(shape=PROVIDER_STATE), key=PROVIDER), "State of each provider."),
    ),
)

ADMISSION_VIEW = Shape(
    name="admission_view",
    doc="Whether sessions are admitted.",
    fields=(
        *FRESHNESS,
        _text("admission_policy_snapshot", "Name of this snapshot.", required=True),
        field(
            "outcome_kind", Choice(values=("admit", "reject", "defer")), "What happens to a new session.", required=True
        ),
        field("scope", Choice(values=("tenant", "session", "turn")), "Whom the outcome is for.", required=True),
        _text("reason", "Why.", required=True),
        field("session_rate_limit_per_min", COUNT, "Most new sessions a minute."),
        field("session_rate_observed_per_min", COUNT, "New sessions in the last minute."),
        field("token_rate_limit_per_min", COUNT, "Most tokens a minute."),
        field("token_rate_observed_per_min", COUNT, "Tokens in the last minute."),
    ),
)

LEASE = Shape(
    name="lease",
    doc="Which authority this runtime holds.",
    fields=(
        *FRESHNESS,
        _text("lease_resolution_snapshot", "Name of this snapshot.", required=True),
        field("authority_epoch", Integer(), "Epoch of the lease.", required=True),
        field("authority_epoch_valid", Flag(), "Whether the epoch is the current one.", required=True),
        field("authority_authorized", Flag(), "Whether this runtime may act.", required=True),
        _text("reason", "Why."),
        _text("lease_token_id", "Name of the lease's token."),
        _text("lease_expires_at_utc", "When the lease ends, as in `2099-01-01T00:00:00Z`."),
    ),
)

PRESSURE = Shape(
    name="pressure",
    doc="How full the lanes are.",
    fields=(
        *FRESHNESS,
        field("control_lane_milli", PERMILLE, "Filling of the ControlLane.", required=True),
        field("data_lane_milli", PERMILLE, "Filling of the DataLane.", required=True),
        field("telemetry_lane_milli", PERMILLE, "Filling of the TelemetryLane.", required=True),
    ),
)

CONTROL_PLANE_SNAPSHOT = ArtifactKind(
    name="snapshot",
    schema_version="rspp.controlplane.snapshot.v1",
    id_field="snapshot_id",
    folder="rollouts",
    title="ControlPlaneSnapshot",
    shape=Shape(
        name="ControlPlaneSnapshot",
        doc="What the control plane knows when a turn opens.",
        fields=(
            *header("rspp.controlplane.snapshot.v1", "snapshot_id"),
            METADATA_FIELD,
            field("routing_view", Nested(shape=ROUTING_VIEW), ROUTING_VIEW.doc, required=True),
            field("provider_health", Nested(shape=PROVIDER_HEALTH), PROVIDER_HEALTH.doc, required=True),
            field("admission", Nested(shape=ADMISSION_VIEW), ADMISSION_VIEW.doc, required=True),
            field("lease", Nested(shape=LEASE), LEASE.doc, required=True),
            field("pressure", Nested(shape=PRESSURE), PRESSURE.doc, required=True),
        ),
    ),
)

REPLAY_MANIFEST = ArtifactKind(
    name="replay",
    schema_version="rspp.replay.manifest.v1",
    id_field="replay_id",
    folder="replay",
    title="ReplayManifest",
    shape=Shape(
        name="ReplayManifest",
        doc="What evidence every turn leaves, and how differences between two runs are judged.",
        fields=(
            *header("rspp.replay.manifest.v1", "replay_id"),
            METADATA_FIELD,
            field(
                "turn_ref",
                Text(length_max=500),
                "What it speaks of: `bundle:ID/VERSION`, `turn:SESSION/TURN` or `plan:rtp-HASH`.",
                required=True,
            ),
            field("or02_evidence_schema_version", VERSION, "Version of the evidence schema.", required=True),
            field(
                "required_fields",
                Listing(item=Text(length_max=200), length_min=1, unique=True),
                "Fields without which evidence is incomplete.",
                required=True,
            ),
            field("recording_level", RECORDING_LEVEL, "Level of recording.", required=True),
            field("allowed_replay_modes", Listing(item=REPLAY_MODE, length_min=1, unique=True), "Ways to replay."),
            field("default_mode", REPLAY_MODE, "The way that is used when none is named."),
            field(
                "cursor",
                Nested(
                    shape=Shape(
                        name="cursor",
                        doc="How events are ordered when a replay steps through them.",
                        fields=(
                            field(
                                "stable_sort_keys",
                                Listing(item=Text(length_max=100), length_min=1, unique=True),
                                "Keys, strongest first.",
                                required=True,
                            ),
                        ),
                    )
                ),
                "How events are ordered.",
            ),
            field(
                "fixtures",
                Listing(item=Text(length_min=1, length_max=500), unique=True),
                "Recordings below `assets/`, as in `replay/calm.jsonl`; each may be pinned with `@sha256:…`.",
            ),
            field(
                "divergence_policy",
                Table(
                    value=Choice(values=("fail", "fail_unless_expected", "needs_approval", "tolerate")),
                    key=Choice(values=("PLAN", "OUTCOME", "ORDERING", "TIMING", "AUTHORITY", "PROVIDER_CHOICE")),
                ),
                "How each class of difference is judged.",
            ),
            field("timing_tolerance_ms", MS, "Largest difference in time that is tolerated."),
            field(
                "sampling_milli",
                PERMILLE,
                "Share of sessions that is recorded above L0; all of them where nothing is said.",
            ),
            field("retention_days", COUNT, "How long recordings are kept."),
        ),
    ),
)

SKEW_CELL = Shape(
    name="skew_cell",
    doc="One combination of versions.",
    fields=(
        field("runtime", VERSION, "Version of the runtime.", required=True),
        field("control_plane", VERSION, "Version of the control plane.", required=True),
        field("schema", VERSION, "Version of the schemas.", required=True),
    ),
)

SKEW_TEST = Shape(
    name="skew_test",
    doc="A combination with the answer that is expected.",
    fields=(*SKEW_CELL.fields, field("allowed", Flag(), "Whether it must be allowed.", required=True)),
)

APPLIES_TO = Shape(
    name="deprecated_use",
    doc="What a deprecation speaks of; exactly one of these.",
    fields=(
        field("artifact", Text(length_max=300), "References to this artifact, as in `profile:simple/v1`."),
        field("node_type", DOTTED, "Nodes of this type."),
        field("provider", PROVIDER, "Nodes and rules that name this provider."),
        field("key", Text(length_max=300), "This key of a kind of artifact, as in `pipeline.edges.at_most_once`."),
    ),
    one_of=(("artifact", "node_type", "provider", "key"),),
)

DEPRECATION = Shape(
    name="deprecation",
    doc="How something goes away: first a warning, then an error, then it is gone.",
    fields=(
        field("feature", Text(length_max=200), "What goes away.", required=True),
        field("applies_to", Nested(shape=APPLIES_TO), "What counts as a use; without it nothing is searched for."),
        field("warning", Identifier(form="date"), "From here on a warning.", required=True),
        field("enforce", Identifier(form="date"), "From here on an error.", required=True),
        field("remove", Identifier(form="date"), "From here on gone.", required=True),
        field("replacement", Text(length_max=500), "What to use in its place."),
    ),
)

CONFORMANCE_CATEGORY = Choice(
    values=(
        "turn_lifecycle",
        "lane_priority",
        "bounded_buffers",
        "cancel_fence",
        "lease_authority",
        "admission",
        "plan_identity",
        "snapshot_freshness",
        "replay_determinism",
        "evidence_completeness",
        "schema_compatibility",
    )
)
"""What the behaviour of a runtime is tested for. The list is closed, so that a misspelt category is not one more that
nobody runs."""

CONFORMANCE = Shape(
    name="conformance_profile",
    doc="A set of categories that a runtime must pass.",
    fields=(
        field("profile_id", Text(length_max=200), "Name of the profile.", required=True),
        field("mandatory", Listing(item=CONFORMANCE_CATEGORY, length_min=1, unique=True), "Categories.", required=True),
    ),
)

COMPAT_RULE = Shape(
    name="compat_rule",
    doc="One rule of compatibility.",
    fields=(
        field("id", ID, "Name of the rule.", required=True),
        field(
            "kind",
            Choice(values=("schema", "skew", "deprecation", "conformance", "profile")),
            "What it rules.",
            required=True,
        ),
        field("statement", Text(block=True), "The rule in words.", required=True),
        field("profiles_allowed", Listing(item=Reference(kind="profile"), unique=True), "Profiles that may be used."),
    ),
)

COMPAT_POLICY = ArtifactKind(
    name="compat",
    schema_version="rspp.compat.policy.v1",
    id_field="compat_id",
    folder="compat",
    title="CompatPolicy",
    shape=Shape(
        name="CompatPolicy",
        doc="Which versions go together, what is deprecated, what conformance means.",
        fields=(
            *header("rspp.compat.policy.v1", "compat_id"),
            METADATA_FIELD,
            field("rules", Listing(item=Nested(shape=COMPAT_RULE), length_min=1), "The rules.", required=True),
            field("allowed_cells", Listing(item=Nested(shape=SKEW_CELL)), "Combinations that are allowed."),
            field("matrix_tests", Listing(item=Nested(shape=SKEW_TEST)), "Combinations with the expected answer."),
            field("deprecations", Listing(item=Nested(shape=DEPRECATION)), "What goes away, and when."),
            field("conformance_profiles", Listing(item=Nested(shape=CONFORMANCE)), "Conformance profiles."),
        ),
    ),
)

RUNTIME_CAPABILITY = ArtifactKind(
    name="runtime",
    schema_version="rspp.runtime.capability.v1",
    id_field="runtime_id",
    folder="compat",
    title="RuntimeCapability",
    shape=Shape(
        name="RuntimeCapability",
        doc="What a runtime can do.",
        fields=(
            *header("rspp.runtime.capability.v1", "runtime_id"),
            METADATA_FIELD,
            field("execution_profiles", Listing(item=Text(length_max=100), unique=True), "Profiles that it runs."),
            field("transports", Listing(item=Text(length_max=100), unique=True), "Transports that it speaks."),
            field("node_types", Listing(item=DOTTED, unique=True), "Node types that it has."),
            field("providers", Listing(item=PROVIDER, unique=True), "Providers that it can call."),
            field("actions", Listing(item=Choice(values=ACTIONS), unique=True), "What it may do on its own."),
            field("schemas", Listing(item=Text(length_max=100), unique=True), "Schema versions that it loads."),
            field(
                "limits",
                Table(value=COUNT, key=ID),
                "Its limits; builds are held against `nodes`, `edges` and `queue_bytes`, which are per session.",
            ),
        ),
    ),
)

GATE = Shape(
    name="gate",
    doc="A figure with a limit.",
    fields=(
        field("gate", ID, "Name of the gate.", required=True),
        field("feature", Text(length_max=100), "Id of the demand that it proves."),
        field("anchor_from", Text(length_max=200), "Where measuring begins."),
        field("anchor_to", Text(length_max=200), "Where measuring ends."),
        field("formula", Text(length_max=500), "How the figure is computed.", required=True),
        field("limit", Table(value=Anything()), "What it may be.", required=True),
        field("checks", Listing(item=Text(length_max=500)), "Checks that must have run."),
        field("doc", Text(block=True), "Why."),
    ),
)

GATE_MANIFEST = ArtifactKind(
    name="gate",
    schema_version="rspp.gate.manifest.v1",
    id_field="manifest_id",
    folder="tests",
    title="GateManifest",
    shape=Shape(
        name="GateManifest",
        doc="The figures that decide whether something is released.",
        fields=(
            *header("rspp.gate.manifest.v1", "manifest_id"),
            METADATA_FIELD,
            field("gates", Listing(item=Nested(shape=GATE), length_min=1), "The gates.", required=True),
        ),
    ),
)
