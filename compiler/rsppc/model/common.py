"""Declarations that several kinds of artifacts share: units, names, budgets, buffers."""

from __future__ import annotations

from rsppc.model.shape import (
    Anything,
    Choice,
    Field,
    Flag,
    Identifier,
    Integer,
    Listing,
    Nested,
    Shape,
    Table,
    Text,
    field,
)

ID = Identifier(form="id")
NODE_ID = Identifier(form="node")
PORT = Identifier(form="port")
DOTTED = Identifier(form="dotted")
PROVIDER = Identifier(form="provider")
VERSION = Identifier(form="version")
DIGEST = Identifier(form="digest")
MS = Integer(unit="ms", minimum=0, maximum=86_400_000)
MS_FROM_1 = Integer(unit="ms", minimum=1, maximum=86_400_000)
ITEMS = Integer(unit="items", minimum=1, maximum=1_000_000)
BYTES = Integer(unit="bytes", minimum=1, maximum=2**40)
PERMILLE = Integer(unit="permille", minimum=0, maximum=1000)
COUNT = Integer(unit="", minimum=0, maximum=2**31 - 1)

LANES = ("ControlLane", "DataLane", "TelemetryLane")
LANE = Choice(values=LANES)
LANE_OR_INHERIT = Choice(values=(*LANES, "inherit"))
STRATEGY = Choice(values=("block", "drop_newest", "drop_oldest", "merge", "coalesce", "sample", "latest_only"))
ACTIONS = ("retry", "provider_switch", "degrade", "fallback")
REPLAY_MODE = Choice(
    values=(
        "re_simulate_nodes",
        "playback_recorded_provider_outputs",
        "replay_decisions",
        "recompute_decisions",
    )
)
RECORDING_LEVEL = Choice(values=("L0", "L1", "L2"))

METADATA = Shape(
    name="metadata",
    doc="What people want to know about an artifact. It never changes meaning and is no part of a digest of meaning.",
    fields=(
        field("title", Text(), "A title for people."),
        field("owner", Text(), "Who answers for the artifact."),
        field("validation_owner", Text(), "Who reviews that the artifact is valid."),
        field("description", Text(block=True), "What it is for."),
        field("labels", Table(value=Text()), "Free labels."),
        field("features", Listing(item=Text()), "Ids of the features that the artifact serves."),
    ),
)

WATERMARKS = Shape(
    name="watermarks",
    doc="Filling of a queue, in permille of its bound, at which its state changes.",
    fields=(
        field("high_milli", PERMILLE, "From here on the queue counts as full.", required=True),
        field("low_milli", PERMILLE, "Below this the queue counts as relaxed again.", required=True),
    ),
)

SYNC_DROP = Shape(
    name="sync_drop_policy",
    doc="What is dropped together when something is dropped.",
    fields=(
        field(
            "policy",
            Choice(values=("atomic_drop", "drop_with_discontinuity", "no_sync")),
            "Whether a group falls whole, or leaves a discontinuity marker.",
            required=True,
        ),
        field("scope", Choice(values=("edge_local", "plan_wide")), "How far the group reaches.", required=True),
        field(
            "group_by",
            Choice(values=("sync_id", "event_id", "custom")),
            "What makes events a group; needed unless the policy is `no_sync`.",
        ),
        field(
            "sync_domain",
            Text(length_max=200, length_min=1),
            "The domain whose discontinuity is announced; needed by `drop_with_discontinuity`.",
        ),
    ),
)

LANE_HANDLING = Shape(
    name="lane_handling",
    doc="How events of each lane are treated when the edge is full.",
    fields=(
        field(
            "DataLane",
            Choice(values=("block", "drop", "merge", "sample", "latest_only")),
            "Treatment of data events.",
        ),
        field("ControlLane", Choice(values=("non_blocking_priority",)), "Treatment of control events."),
        field("TelemetryLane", Choice(values=("drop", "sample", "best_effort_drop")), "Treatment of telemetry events."),
    ),
)

BUFFER_FIELDS: tuple[Field, ...] = (
    field("strategy", STRATEGY, "What happens when the queue is full."),
    field("max_queue_items", ITEMS, "Most events that may wait."),
    field("max_queue_ms", MS_FROM_1, "Longest stretch of time that may wait."),
    field("max_queue_bytes", BYTES, "Most bytes that may wait."),
    field("max_latency_contribution_ms", MS_FROM_1, "Most delay that this queue may add at p95."),
    field("max_block_time_ms", MS_FROM_1, "Longest time a producer may be held up; needed by `block`."),
    field("watermarks", Nested(shape=WATERMARKS), "Filling at which the queue counts as full and as relaxed."),
    field("lane_handling", Nested(shape=LANE_HANDLING), "Treatment of each lane when the edge is full."),
    field("fairness_key", Text(length_max=200, length_min=1), "Key by which waiting work is shared out fairly."),
    field("sync_drop_policy", Nested(shape=SYNC_DROP), "What is dropped together."),
    field("lossy", Flag(), "Says that losing data here is wanted, where the type says it is not harmless."),
)

BUFFER = Shape(name="buffer", doc="Bounds of the queue of an edge.", fields=BUFFER_FIELDS)

EDGE_DEFAULT_FIELDS: tuple[Field, ...] = (
    field("delivery", Choice(values=("ordered", "unordered")), "Whether events keep their order."),
    field("at_most_once", Flag(), "Whether an event may arrive at most once."),
    field(
        "pre_roll_ms",
        MS,
        "How much of what arrives while no turn is open waits for the next one, where data enters a turn.",
    ),
)

BUDGET_FIELDS: tuple[Field, ...] = (
    field("turn_budget_ms", MS_FROM_1, "Most time from the owner's turn signal to the first output."),
    field("node_budget_ms", MS_FROM_1, "Most time of one node at p95."),
    field("path_budget_ms", MS_FROM_1, "Most time from the end of user speech to the first output."),
    field("edge_budget_ms", MS_FROM_1, "Most time that one edge may add at p95."),
    field("provider_timeout_ms", MS_FROM_1, "Longest wait for a provider."),
    field("cancel_grace_ms", MS_FROM_1, "Longest time a node may take to stop after a cancel."),
)

RESOURCE_LIMITS = Shape(
    name="resource_limits",
    doc="What a node may use at most.",
    fields=(
        field("cpu_milli", Integer(unit="thousandths of a core", minimum=1), "Processor share."),
        field("memory_bytes", BYTES, "Memory."),
        field("max_concurrency", Integer(minimum=1, maximum=1_000_000), "Turns served at once."),
    ),
)

RUNTIME_RANGE = Shape(
    name="runtime_range",
    doc="Versions of a runtime, both ends included.",
    fields=(
        field("min", VERSION, "Oldest version.", required=True),
        field("max", VERSION, "Newest version.", required=True),
    ),
)

COMPAT_WINDOW = Shape(
    name="compat_window",
    doc="Which runtimes and control planes may load the artifact.",
    fields=(
        field("runtime", Nested(shape=RUNTIME_RANGE), "Runtime versions."),
        field("control_plane", Nested(shape=RUNTIME_RANGE), "Control plane versions."),
    ),
)

ANY_CONFIG = Table(value=Anything(), key=ID)


def header(schema_version: str, id_field: str) -> tuple[Field, ...]:
    """The three keys with which every artifact begins."""
    return (
        field("schema_version", Choice(values=(schema_version,)), "Announces the kind of artifact.", required=True),
        field(id_field, ID, "Name of the artifact.", required=True),
        field("version", VERSION, "Version of the artifact; what was published under it never changes.", required=True),
    )


METADATA_FIELD = field("metadata", Nested(shape=METADATA), METADATA.doc)
