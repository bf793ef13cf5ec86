"""PipelineSpec and GraphModule: what runs."""

from __future__ import annotations

from rsppc.model.common import (
    ANY_CONFIG,
    BUFFER,
    EDGE_DEFAULT_FIELDS,
    ID,
    METADATA_FIELD,
    MS,
    MS_FROM_1,
    NODE_ID,
    PORT,
    PROVIDER,
    header,
)
from rsppc.model.shape import (
    ArtifactKind,
    Choice,
    Expression,
    Flag,
    Identifier,
    Integer,
    Listing,
    Nested,
    Reference,
    SettingPath,
    Shape,
    TypeText,
    field,
)

EDGE_CONDITION = Expression(environment="edge")

FALLBACK = Shape(
    name="fallback",
    doc="Which node takes over when this one fails.",
    fields=(
        field("to", NODE_ID, "The node that takes over all edges.", required=True),
        field(
            "on",
            Listing(item=Choice(values=("timeout", "error", "budget")), length_min=1, unique=True),
            "What makes it take over.",
            required=True,
        ),
    ),
)

LIFECYCLE = Shape(
    name="lifecycle",
    doc="How long a node may take to start and to stop.",
    fields=(
        field("start_timeout_ms", MS_FROM_1, "Longest time to start."),
        field("stop_timeout_ms", MS_FROM_1, "Longest time to stop."),
    ),
)

NODE = Shape(
    name="node",
    doc="One processing step.",
    fields=(
        field("node_id", ID, "Name of the node in its pipeline.", required=True),
        field("node_type", Identifier(form="dotted"), "What the node is, as in `speech.stt`.", required=True),
        field("config", ANY_CONFIG, "Values for the config fields that the node type declares."),
        field(
            "provider",
            PROVIDER,
            "Provider that serves the node; rules for its modality do not replace it.",
            nullable=True,
        ),
        field("budget_ms", MS_FROM_1, "Most time of this node at p95.", nullable=True),
        field("fallback", Nested(shape=FALLBACK), FALLBACK.doc, nullable=True),
        field("lifecycle", Nested(shape=LIFECYCLE), LIFECYCLE.doc),
    ),
)

EDGE = Shape(
    name="edge",
    doc="A connection from an output port to an input port.",
    fields=(
        field("from", PORT, "Producer, `node.port`, or `node` where one pair of ports fits.", required=True),
        field("to", PORT, "Consumer, `node.port`, or `node` where one pair of ports fits.", required=True),
        field("when", EDGE_CONDITION, "The edge carries only events for which this holds."),
        field("otherwise", Choice(values=("drop", True)), "Where events go for which no condition holds."),
        field(
            "priority", Integer(minimum=0, maximum=1000), "Order of conditional edges that may overlap; higher first."
        ),
        field("feedback", Flag(), "Marks the one edge that closes a loop."),
        field("max_rounds", Integer(unit="rounds", minimum=1, maximum=8), "Most rounds through the loop in one turn."),
        field("type", TypeText(), "States the type of the edge; both ends must fit it."),
        field("buffer", Nested(shape=BUFFER), BUFFER.doc),
        *EDGE_DEFAULT_FIELDS,
    ),
)

CANCEL_PLACE = Shape(
    name="cancel_place",
    doc="A control output at which a cancel of the turn is accepted.",
    fields=(
        field("from", PORT, "The control output.", required=True),
        field("when", EDGE_CONDITION, "Accept only when this holds."),
        field("min_speech_ms", MS, "Speech needed before the cancel counts."),
        field("unless", Listing(item=NODE_ID, unique=True), "Nodes whose playback may not be interrupted."),
    ),
)

TURNS = Shape(
    name="turns",
    doc="Who opens and commits turns, and what cancels them.",
    fields=(
        field("owner", PORT, "The one `control<turn>` output that opens and commits turns."),
        field("barge_in", Listing(item=Nested(shape=CANCEL_PLACE)), "Outputs at which speech of the user cancels."),
        field("cancel_from", Listing(item=Nested(shape=CANCEL_PLACE)), "Other outputs at which a cancel is accepted."),
    ),
)

SUBGRAPH = Shape(
    name="subgraph_ref",
    doc="A module used under a name of its own.",
    fields=(
        field("name", ID, "Prefix of the module's nodes: `name/node`.", required=True),
        field("module", Reference(kind="module"), "The module.", required=True),
        field("settings", ANY_CONFIG, "Values for the settings that the module exposes."),
        field(
            "requires",
            Nested(
                shape=Shape(
                    name="module_requirement",
                    doc="What the parent needs of the module's version.",
                    fields=(
                        field("min_version", Identifier(form="version"), "Oldest version that serves.", required=True),
                    ),
                )
            ),
            "What the parent needs of the module's version.",
        ),
    ),
)

GRAPH_FIELDS = (
    field("subgraph_refs", Listing(item=Nested(shape=SUBGRAPH)), "Modules in use."),
    field("nodes", Listing(item=Nested(shape=NODE)), "The processing steps.", required=True),
    field("edges", Listing(item=Nested(shape=EDGE)), "The connections.", required=True),
)

PIPELINE_SPEC = ArtifactKind(
    name="pipeline",
    schema_version="rspp.pipeline.spec.v1",
    id_field="pipeline_id",
    folder="specs",
    title="PipelineSpec",
    shape=Shape(
        name="PipelineSpec",
        doc="What runs: nodes, edges, turns.",
        fields=(
            *header("rspp.pipeline.spec.v1", "pipeline_id"),
            field("profile", Reference(kind="profile"), "Profile that serves when no bundle names one."),
            METADATA_FIELD,
            field("unknown_events", Choice(values=("drop", "pass_through")), "What happens to events nobody knows."),
            *GRAPH_FIELDS,
            field("turns", Nested(shape=TURNS), TURNS.doc),
        ),
    ),
)

EXPOSED_PORT = Shape(
    name="exposed_port",
    doc="A port of a node inside that the parent may connect.",
    fields=(
        field("name", ID, "Name for the parent.", required=True),
        field("port", PORT, "The port inside, `node.port`.", required=True),
    ),
)

EXPOSED_SETTING = Shape(
    name="exposed_setting",
    doc="A setting inside that the parent may set.",
    fields=(
        field("name", ID, "Name for the parent.", required=True),
        field("sets", SettingPath(), "Path of the setting inside.", required=True),
    ),
)

EXPOSES = Shape(
    name="exposes",
    doc="The signature of a module: all that a parent may touch.",
    fields=(
        field("inputs", Listing(item=Nested(shape=EXPOSED_PORT)), "Input ports."),
        field("outputs", Listing(item=Nested(shape=EXPOSED_PORT)), "Output ports."),
        field("settings", Listing(item=Nested(shape=EXPOSED_SETTING)), "Settings."),
    ),
)

GRAPH_MODULE = ArtifactKind(
    name="module",
    schema_version="rspp.graph.module.v1",
    id_field="module_id",
    folder="modules",
    title="GraphModule",
    shape=Shape(
        name="GraphModule",
        doc="A part of a graph that several pipelines use.",
        fields=(
            *header("rspp.graph.module.v1", "module_id"),
            METADATA_FIELD,
            field("exposes", Nested(shape=EXPOSES), EXPOSES.doc, required=True),
            *GRAPH_FIELDS,
        ),
    ),
)
