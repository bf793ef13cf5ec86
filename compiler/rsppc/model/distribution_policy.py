"""How the distribution says how turns are run: budgets, providers, queues, flow control, recording."""

from __future__ import annotations

from collections.abc import Mapping

from rsppc.model.common import ACTIONS, LANES, RECORDING_LEVEL, REPLAY_MODE, SYNC_DROP
from rsppc.model.shape import Choice, Field, FieldType, Integer, Listing, Nested, Shape, Table, Text, field

WORD = Text(length_max=2000, length_min=1)
MS_FROM_1 = Integer(unit="ms", minimum=1)
_COUNT = Integer(minimum=1)


def name_field(name: str, doc: str, *, required: bool = True) -> Field:
    """A key whose text says something."""
    return field(name, WORD, doc, required=required)


def own_field(name: str, shape: Shape, doc: str, *, required: bool = True) -> Field:
    """A key under which a mapping of a shape stands."""
    return field(name, Nested(shape=shape), doc, required=required)


def _lanes(shape: str, doc: str, values: Mapping[str, FieldType]) -> Shape:
    fields = tuple(field(lane, type_, f"The {lane}.", required=True) for lane, type_ in values.items())
    return Shape(name=shape, doc=doc, fields=fields)


BUDGETS = Shape(
    name="set_of_budgets",
    doc="How long things may take. All four are written out, so that no value built into the runtime can apply.",
    fields=(
        field("turn_budget_ms", MS_FROM_1, "Most time of a turn.", required=True),
        field("node_budget_ms_default", MS_FROM_1, "Most time of a node.", required=True),
        field("path_budget_ms_default", MS_FROM_1, "Most time of a path.", required=True),
        field("edge_budget_ms_default", MS_FROM_1, "Most time of an edge.", required=True),
    ),
)

LEVELS = Shape(
    name="pair_of_levels",
    doc="Filling at which a state changes.",
    fields=(
        field("high", Integer(minimum=1), "From here on it counts as full.", required=True),
        field("low", Integer(), "Below this it counts as relaxed again.", required=True),
    ),
)

WATERMARKS = Shape(
    name="watermarks",
    doc="Filling of a queue at which its state changes, in items, in milliseconds, or in both.",
    fields=(
        own_field("queue_items", LEVELS, "In items.", required=False),
        own_field("queue_ms", LEVELS, "In milliseconds.", required=False),
    ),
)

STRATEGY = Choice(values=("block", "drop", "merge", "sample", "latest_only"))

EDGE_POLICY = Shape(
    name="edge_buffer_policy",
    doc="The queue of an edge; `default` is the one key that names no edge.",
    fields=(
        field("strategy", STRATEGY, "What happens when the queue is full.", required=True),
        field("max_queue_items", _COUNT, "Most events that may wait.", required=True),
        field("max_queue_ms", MS_FROM_1, "Longest stretch of time that may wait.", required=True),
        field("max_queue_bytes", _COUNT, "Most bytes that may wait.", required=True),
        field("max_latency_contribution_ms", MS_FROM_1, "Most delay that the queue may add.", required=True),
        field("max_block_time_ms", MS_FROM_1, "Longest time a producer may be held up; needed by `block`."),
        own_field("watermarks", WATERMARKS, WATERMARKS.doc),
        own_field(
            "lane_handling",
            _lanes(
                "lane_handling",
                "How events of each lane are treated when the edge is full.",
                {
                    "DataLane": STRATEGY,
                    "ControlLane": Choice(values=("non_blocking_priority",)),
                    "TelemetryLane": Choice(values=("drop", "sample", "best_effort_drop")),
                },
            ),
            "How events of each lane are treated when the edge is full.",
        ),
        field(
            "defaulting_source",
            Choice(values=("explicit_edge_config", "execution_profile_default")),
            "Where the values come from.",
            required=True,
        ),
        name_field("fairness_key", "Key by which waiting work is shared out fairly.", required=False),
        own_field("sync_drop_policy", SYNC_DROP, SYNC_DROP.doc, required=False),
    ),
)

NODE_POLICY = Shape(
    name="node_execution_policy",
    doc="How a node is run.",
    fields=(
        field("concurrency_limit", Integer(), "Most calls at once."),
        name_field("fairness_key", "Key by which waiting work is shared out fairly.", required=False),
    ),
)

FLOW_CONTROL = Shape(
    name="flow_control",
    doc="How each lane holds back its senders.",
    fields=tuple(
        own_field(name, _lanes(f"{name.removesuffix('_by_lane')}_by_lane", doc, values), doc)
        for name, doc, values in (
            (
                "mode_by_lane",
                "Kind of flow control.",
                dict.fromkeys(LANES, Choice(values=("signal", "credit", "hybrid"))),
            ),
            (
                "watermarks",
                "Filling at which senders are held back and let go.",
                dict.fromkeys(LANES, Nested(shape=LEVELS)),
            ),
            (
                "shedding_strategy_by_lane",
                "What gives way when holding back is not enough.",
                {
                    "ControlLane": Choice(values=("none",)),
                    "DataLane": Choice(values=("drop", "merge", "latest_only", "degrade", "fallback")),
                    "TelemetryLane": Choice(values=("drop", "sample")),
                },
            ),
        )
    ),
)

RECORDING = Shape(
    name="recording_policy",
    doc="What is recorded, and how it may be replayed.",
    fields=(
        field("recording_level", RECORDING_LEVEL, "Level of recording.", required=True),
        field(
            "allowed_replay_modes",
            Listing(item=REPLAY_MODE, length_min=1, unique=True),
            "Ways to replay.",
            required=True,
        ),
    ),
)

POLICY = Shape(
    name="policy_entry",
    doc="How turns are run.",
    fields=(
        name_field("policy_resolution_snapshot", "Name of this snapshot."),
        field(
            "allowed_adaptive_actions",
            Listing(item=Choice(values=ACTIONS), unique=True),
            "What the runtime may do on its own.",
            required=True,
        ),
        own_field("budgets", BUDGETS, BUDGETS.doc),
        field("provider_bindings", Table(value=WORD, key=WORD, length_min=1), "Providers by modality.", required=True),
        field(
            "edge_buffer_policies",
            Table(value=Nested(shape=EDGE_POLICY), key=WORD, length_min=1),
            "Queues by edge.",
            required=True,
        ),
        field("node_execution_policies", Table(value=Nested(shape=NODE_POLICY), key=WORD), "How nodes are run."),
        own_field("flow_control", FLOW_CONTROL, FLOW_CONTROL.doc),
        own_field("recording_policy", RECORDING, RECORDING.doc),
    ),
)
