"""ExecutionProfile, PolicyOverlay, ConfigLayer, PipelineBundle: defaults, governance, and what is pinned together."""

from __future__ import annotations

from rsppc.model.common import (
    ACTIONS,
    BUDGET_FIELDS,
    BUFFER,
    COMPAT_WINDOW,
    COUNT,
    DIGEST,
    EDGE_DEFAULT_FIELDS,
    ID,
    METADATA_FIELD,
    MS,
    MS_FROM_1,
    NODE_ID,
    PERMILLE,
    PORT,
    PROVIDER,
    RECORDING_LEVEL,
    REPLAY_MODE,
    header,
)
from rsppc.model.graph import NODE
from rsppc.model.shape import (
    Anything,
    ArtifactKind,
    Choice,
    Expression,
    Flag,
    Integer,
    Listing,
    Nested,
    Reference,
    SettingPath,
    Shape,
    Table,
    field,
)

RULE_CONDITION = Expression(environment="rule")
SET = Table(value=Anything(), key=SettingPath(), length_min=1)
PATTERNS = Listing(item=SettingPath(pattern=True))

RECORDING = Shape(
    name="recording",
    doc="What is recorded of every turn, and how it may be replayed.",
    fields=(
        field("recording_level", RECORDING_LEVEL, "L0 is the evidence that every turn leaves.", required=True),
        field(
            "allowed_replay_modes",
            Listing(item=REPLAY_MODE, length_min=1, unique=True),
            "Ways to replay.",
            required=True,
        ),
    ),
)

LANE_WATERMARKS = Shape(
    name="lane_watermarks",
    doc="Absolute fill levels of a lane.",
    fields=(
        field("high", Integer(unit="items", minimum=1), "From here on the lane counts as full.", required=True),
        field("low", Integer(unit="items", minimum=0), "Below this the lane counts as relaxed.", required=True),
    ),
)


def _lane_default(lane: str, shedding: tuple[str, ...], handling: tuple[str, ...]) -> Shape:
    return Shape(
        name=f"{lane}_default",
        doc=f"How the {lane} is controlled.",
        fields=(
            field(
                "flow_control", Choice(values=("signal", "credit", "hybrid")), "Kind of flow control.", required=True
            ),
            field("shedding", Choice(values=shedding), "What gives way under pressure.", required=True),
            field("lane_handling", Choice(values=handling), "Treatment of the lane at a full edge.", required=True),
            field("watermarks", Nested(shape=LANE_WATERMARKS), LANE_WATERMARKS.doc, required=True),
        ),
    )


LANE_DEFAULTS = Shape(
    name="lane_defaults",
    doc="How each lane is controlled.",
    fields=(
        field(
            "DataLane",
            Nested(
                shape=_lane_default(
                    "DataLane",
                    ("drop", "merge", "latest_only", "degrade", "fallback"),
                    ("block", "drop", "merge", "sample", "latest_only"),
                )
            ),
            "Audio, text and records.",
            required=True,
        ),
        field(
            "ControlLane",
            Nested(shape=_lane_default("ControlLane", ("none",), ("non_blocking_priority",))),
            "Turns, cancels and other signals; never dropped.",
            required=True,
        ),
        field(
            "TelemetryLane",
            Nested(shape=_lane_default("TelemetryLane", ("drop", "sample"), ("drop", "sample", "best_effort_drop"))),
            "Metrics and debug output.",
            required=True,
        ),
    ),
)

BUFFER_DEFAULTS = Shape(
    name="buffer_defaults",
    doc="Bounds of queues where an edge says nothing.",
    fields=(
        field(
            "DataLane",
            Nested(
                shape=Shape(
                    name="data_lane_buffers",
                    doc="Bounds on the DataLane, by whether losing an event is harmless.",
                    fields=(
                        field("additive", Nested(shape=BUFFER), "For data of which every piece counts.", required=True),
                        field(
                            "replaceable", Nested(shape=BUFFER), "For data that the next event replaces.", required=True
                        ),
                    ),
                )
            ),
            "Audio, text and records.",
            required=True,
        ),
        field("ControlLane", Nested(shape=BUFFER), "Signals.", required=True),
        field("TelemetryLane", Nested(shape=BUFFER), "Metrics and debug output.", required=True),
    ),
)

EXECUTION_PROFILE = ArtifactKind(
    name="profile",
    schema_version="rspp.execution.profile.v1",
    id_field="profile_id",
    folder="profiles",
    title="ExecutionProfile",
    shape=Shape(
        name="ExecutionProfile",
        doc="A named pack of defaults. The compiler holds none of its own.",
        fields=(
            *header("rspp.execution.profile.v1", "profile_id"),
            METADATA_FIELD,
            field("recording", Nested(shape=RECORDING), RECORDING.doc, required=True),
            field(
                "budget_defaults",
                Nested(
                    shape=Shape(
                        name="budget_defaults",
                        doc="Budgets where nothing else says one.",
                        fields=tuple(field(one.name, one.type, one.doc, required=True) for one in BUDGET_FIELDS),
                    )
                ),
                "Budgets where nothing else says one.",
                required=True,
            ),
            field("buffer_defaults", Nested(shape=BUFFER_DEFAULTS), BUFFER_DEFAULTS.doc, required=True),
            field("lane_defaults", Nested(shape=LANE_DEFAULTS), LANE_DEFAULTS.doc, required=True),
            field(
                "edge_defaults",
                Nested(
                    shape=Shape(
                        name="edge_defaults",
                        doc="Delivery of edges that say nothing.",
                        fields=tuple(field(one.name, one.type, one.doc, required=True) for one in EDGE_DEFAULT_FIELDS),
                    )
                ),
                "Delivery of edges that say nothing.",
                required=True,
            ),
            field(
                "unknown_events",
                Choice(values=("drop", "pass_through")),
                "What happens to events nobody knows.",
                required=True,
            ),
            field("low_latency", Flag(), "Whether no DataLane edge may block without end.", required=True),
            field("overridable", PATTERNS, "Settings that layers may set.", required=True),
        ),
    ),
)

RETRY = Shape(
    name="retry",
    doc="How a failed call to a provider is repeated.",
    fields=(
        field("max_attempts", Integer(unit="attempts", minimum=1, maximum=10), "Attempts in all.", required=True),
        field("attempt_timeout_ms", MS_FROM_1, "Longest wait for one attempt.", required=True),
        field("backoff_ms", MS, "Pause between two attempts.", required=True),
    ),
)

CIRCUIT_BREAKER = Shape(
    name="circuit_breaker",
    doc="When a provider that fails is left alone for a while.",
    fields=(
        field("error_rate_milli", PERMILLE, "Share of failing calls that opens the circuit.", required=True),
        field("window_ms", MS_FROM_1, "Time over which calls are counted.", required=True),
        field("min_calls", Integer(unit="calls", minimum=1), "Fewest calls that make a judgement.", required=True),
        field("cooldown_ms", MS_FROM_1, "Pause before the provider is tried again.", required=True),
    ),
)

COST_CAP = Shape(
    name="cost_cap",
    doc="Most that one turn may use of a provider.",
    fields=(
        field("audio_seconds_per_turn", COUNT, "Seconds of audio."),
        field("tokens_per_turn", COUNT, "Tokens."),
        field("characters_per_turn", COUNT, "Characters."),
        field("micro_usd_per_turn", COUNT, "Cost, in millionths of a US dollar."),
    ),
)

PROVIDER_RULE = Shape(
    name="provider_rule",
    doc="Which providers serve a modality or a node.",
    fields=(
        field("id", ID, "Name of the rule.", required=True),
        field("modality", ID, "The modality that the rule speaks of."),
        field("node", NODE_ID, "The node that the rule speaks of."),
        field("when", RULE_CONDITION, "The rule holds only when this does."),
        field(
            "use",
            Listing(item=PROVIDER, length_min=1, unique=True),
            "Providers in order; the first healthy one serves.",
            required=True,
        ),
        field("retry", Nested(shape=RETRY), RETRY.doc),
        field("circuit_breaker", Nested(shape=CIRCUIT_BREAKER), CIRCUIT_BREAKER.doc),
        field("cost_cap", Nested(shape=COST_CAP), COST_CAP.doc),
    ),
    one_of=(("modality", "node"),),
)

DEGRADE_RULE = Shape(
    name="degrade_rule",
    doc="Settings that change under pressure.",
    fields=(
        field("id", ID, "Name of the rule.", required=True),
        field("when", RULE_CONDITION, "The rule holds only when this does.", required=True),
        field("set", SET, "Settings and their values.", required=True),
    ),
)

INSERT_RULE = Shape(
    name="insert_rule",
    doc="A node that governance puts on an edge.",
    fields=(
        field("id", ID, "Name of the rule.", required=True),
        field("when", RULE_CONDITION, "The rule holds only when this does."),
        field("insert", Nested(shape=NODE), "The node.", required=True),
        field(
            "between",
            Nested(
                shape=Shape(
                    name="between",
                    doc="The edge on which the node is put.",
                    fields=(
                        field("from", PORT, "Producer of the edge.", required=True),
                        field("to", PORT, "Consumer of the edge.", required=True),
                    ),
                )
            ),
            "The edge on which the node is put.",
            required=True,
        ),
    ),
)

POLICY_OVERLAY = ArtifactKind(
    name="policy",
    schema_version="rspp.policy.overlay.v1",
    id_field="policy_id",
    folder="policies",
    title="PolicyOverlay",
    shape=Shape(
        name="PolicyOverlay",
        doc="Governance: which providers serve, what degrades under pressure, what is inserted, what is forbidden.",
        fields=(
            *header("rspp.policy.overlay.v1", "policy_id"),
            METADATA_FIELD,
            field("provider_rules", Listing(item=Nested(shape=PROVIDER_RULE)), PROVIDER_RULE.doc),
            field("degrade_rules", Listing(item=Nested(shape=DEGRADE_RULE)), DEGRADE_RULE.doc),
            field("insert_rules", Listing(item=Nested(shape=INSERT_RULE)), INSERT_RULE.doc),
            field("forbid", PATTERNS, "Settings that specs, modules and layers may not write."),
            field(
                "allowed_actions",
                Listing(item=Choice(values=ACTIONS), unique=True),
                "Narrows what a runtime may do on its own.",
            ),
        ),
    ),
)

CONFIG_LAYER = ArtifactKind(
    name="layer",
    schema_version="rspp.config.layer.v1",
    id_field="layer_id",
    folder="policies",
    title="ConfigLayer",
    shape=Shape(
        name="ConfigLayer",
        doc="Settings for an environment, a tenant or a session.",
        fields=(
            *header("rspp.config.layer.v1", "layer_id"),
            METADATA_FIELD,
            field(
                "scope", Choice(values=("environment", "tenant", "session")), "Whom the layer is for.", required=True
            ),
            field("when", RULE_CONDITION, "The layer applies only when this holds; optional for an environment."),
            field("set", SET, "Settings and their values.", required=True),
        ),
    ),
)

PIPELINE_BUNDLE = ArtifactKind(
    name="bundle",
    schema_version="rspp.pipeline.bundle.v1",
    id_field="bundle_id",
    folder="bundles",
    title="PipelineBundle",
    shape=Shape(
        name="PipelineBundle",
        doc="What is released together: one spec, one profile, policies and layers.",
        fields=(
            *header("rspp.pipeline.bundle.v1", "bundle_id"),
            METADATA_FIELD,
            field("spec_ref", Reference(kind="pipeline"), "The spec.", required=True),
            field("profile_ref", Reference(kind="profile"), "The profile.", required=True),
            field(
                "policy_refs",
                Listing(item=Reference(kind="policy"), unique=True),
                "Policies, from weakest to strongest.",
            ),
            field(
                "layer_refs", Listing(item=Reference(kind="layer"), unique=True), "Layers, from weakest to strongest."
            ),
            field(
                "module_refs", Listing(item=Reference(kind="module"), unique=True), "Modules; written by `rsppc pin`."
            ),
            field(
                "bundle_digest", DIGEST, "Digest of the artifact that a locked build must make; written by `rsppc pin`."
            ),
            field("compat_window", Nested(shape=COMPAT_WINDOW), COMPAT_WINDOW.doc),
        ),
    ),
)
