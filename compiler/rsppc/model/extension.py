"""ExtensionManifest: node types, records, providers and plugins, which are data and not Python."""

from __future__ import annotations

from rsppc.model.common import (
    ACTIONS,
    DIGEST,
    DOTTED,
    ID,
    LANE_OR_INHERIT,
    METADATA_FIELD,
    MS,
    MS_FROM_1,
    PROVIDER,
    RESOURCE_LIMITS,
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
    OneOf,
    SettingPath,
    Shape,
    Table,
    Text,
    TypeText,
    field,
)

EXTENSION_TYPES = ("node", "external_node", "provider", "policy", "runtime_adapter")
EXECUTION_MODES = ("in_process", "external", "sandbox")
STREAMING_MODES = ("none", "input", "output", "bidirectional")
ADAPTER_PROMISES = ("lane_priority", "epoch_checks", "cancel_fencing", "turn_lifecycle", "replay_evidence")
"""What every bridge between a transport and the runtime keeps, whatever it carries."""

PORT_DECLARATION = Shape(
    name="port",
    doc="A place where events enter or leave a node.",
    fields=(
        field(
            "name",
            OneOf(options=(ID, Choice(values=("*",)))),
            "Name of the port; `*` where config names the ports.",
            required=True,
        ),
        field("direction", Choice(values=("in", "out")), "Whether events enter or leave here.", required=True),
        field("type", TypeText(), "What passes.", required=True),
        field("lane", LANE_OR_INHERIT, "The lane; `inherit` takes the lane of what is connected.", required=True),
        field("required", Flag(), "Whether an input must be fed, or an output consumed; true where left out."),
        field("named_by", SettingPath(config=True), "The config field that names the ports."),
        field("doc", Text(), "What passes here, in a sentence."),
    ),
)

CONFIG_FIELD = Shape(
    name="config_field",
    doc="A value that an author may set on a node of this type.",
    fields=(
        field("name", ID, "Name of the field.", required=True),
        field("type", Text(length_max=200), "Type of the value, as in `duration_ms` or `list<string>`.", required=True),
        field("default", Anything(), "Value where nobody sets one.", nullable=True),
        field("required", Flag(), "Whether somebody must set it."),
        field("min", Integer(minimum=-(2**53) + 1), "Smallest value."),
        field("max", Integer(minimum=-(2**53) + 1), "Largest value."),
        field("values", Listing(item=Text(), length_min=1, unique=True), "Values of an `enum`."),
        field("doc", Text(), "What the field does, in a sentence."),
    ),
)

CANCEL = Shape(
    name="cancel",
    doc="How a node stops when its turn is cancelled.",
    fields=(
        field(
            "mode", Choice(values=("cooperative", "preemptible")), "Whether the node checks by itself.", required=True
        ),
        field("cancel_latency_ms", MS, "Longest time until it has stopped, at p95."),
        field("style", Choice(values=("soft", "hard")), "Whether it finishes the event at hand.", required=True),
    ),
)

LATENCY_FIELDS: tuple[Field, ...] = (
    field("p50_ms", MS, "Half of all cases are faster."),
    field("p95_ms", MS, "All but one case in twenty are faster."),
    field("plus", Listing(item=SettingPath(config=True)), "Config fields whose milliseconds are added."),
    field("at_least", Listing(item=SettingPath(config=True)), "Config fields whose milliseconds are a lower bound."),
)

LATENCY = Shape(
    name="latency",
    doc="Time from the triggering event to the first event of an output.",
    fields=LATENCY_FIELDS,
)

IMPLEMENTATION_FIELDS: tuple[Field, ...] = (
    field("execution_mode", Choice(values=EXECUTION_MODES), "Where it runs.", required=True),
    field("impl_ref", Text(length_max=500), "Where its implementation is.", required=True),
    field("digest", DIGEST, "Digest of its implementation."),
    field("sbom_ref", Text(length_max=500), "Where its bill of materials is."),
    field("attestation_ref", Text(length_max=500), "Where the proof of its origin is."),
)

GUARD_FIELDS: tuple[Field, ...] = (
    field("timeout_ms", MS_FROM_1, "Longest time until it counts as failed."),
    field("resource_limits", Nested(shape=RESOURCE_LIMITS), RESOURCE_LIMITS.doc),
    field("trust_level", Choice(values=("trusted", "untrusted")), "Overrides the manifest's, downwards only."),
)

NODE_TYPE = Shape(
    name="node_type",
    doc="A kind of node: its ports, its config, how it stops, what it costs.",
    fields=(
        field("node_type", DOTTED, "Name of the node type.", required=True),
        field("doc", Text(block=True), "What it does."),
        field(
            "role", Choice(values=("ingress", "egress", "source", "processor", "sink")), "Where it stands in a graph."
        ),
        *IMPLEMENTATION_FIELDS,
        field("ports", Listing(item=Nested(shape=PORT_DECLARATION)), "Its ports.", required=True),
        field(
            "streaming",
            Choice(values=STREAMING_MODES),
            "Which of its sides take or give a stream piece by piece; follows from the ports where left out.",
        ),
        field("config", Listing(item=Nested(shape=CONFIG_FIELD)), "Its config fields."),
        field("cancel", Nested(shape=CANCEL), CANCEL.doc),
        field(
            "turn_cancel",
            Choice(values=("flush", "stop", "end_response", "none")),
            "What a cancel of the turn does to a session-scoped node.",
        ),
        field(
            "state",
            Choice(values=("none", "turn_ephemeral", "session_hot", "session_durable")),
            "What it remembers, and for how long.",
            required=True,
        ),
        field(
            "scope",
            Choice(values=("session", "turn", "inherit")),
            "Whether it lives for the call or for a turn.",
            required=True,
        ),
        field(
            "latency",
            OneOf(options=(Nested(shape=LATENCY), Table(value=Nested(shape=LATENCY), key=ID))),
            LATENCY.doc,
            nullable=True,
        ),
        *GUARD_FIELDS,
        field("modality", ID, "The modality of the providers that serve it.", nullable=True),
    ),
)

RECORD = Shape(
    name="record",
    doc="A structured event.",
    fields=(
        field("schema_id", DOTTED, "Name of the record.", required=True),
        field("schema", Table(value=Anything()), "JSON Schema of the record.", required=True),
    ),
)

COST = Shape(
    name="cost",
    doc="Price of a provider.",
    fields=(
        field(
            "unit",
            Choice(values=("audio_second", "token", "input_token", "output_token", "character", "request")),
            "What is counted.",
            required=True,
        ),
        field("micro_usd", Integer(unit="millionths of a US dollar"), "Price of one unit.", required=True),
    ),
)

SOURCE = Shape(
    name="source",
    doc="Where the figures come from.",
    fields=(
        field("url", Text(length_max=1000), "Where it is published.", required=True),
        field("as_of", Identifier(form="date"), "When it was read.", required=True),
    ),
)

PROVIDER_ENTRY = Shape(
    name="provider",
    doc="What a provider can do. What it does not state is unknown, never a wildcard.",
    fields=(
        field("provider_id", PROVIDER, "Name of the provider.", required=True),
        field("modality", ID, "The modality that it serves.", required=True),
        field("doc", Text(block=True), "What it is."),
        field("refines", Table(value=TypeText(), key=ID), "Narrows the port types of the nodes that it serves."),
        field(
            "modes",
            Listing(item=Choice(values=("partial", "final", "delta", "segment")), unique=True),
            "Text modes that it emits.",
        ),
        field("confidence", Flag(), "Whether its text events carry a confidence."),
        field("languages", Listing(item=Text(length_max=35), unique=True), "Languages, as BCP-47 tags."),
        field(
            "latency",
            OneOf(options=(Nested(shape=LATENCY), Table(value=Nested(shape=LATENCY), key=ID))),
            "Replaces the latency of the node type.",
        ),
        field("cancel", Nested(shape=CANCEL), "Replaces the cancel behaviour of the node type."),
        field("cost", Nested(shape=COST), COST.doc),
        field("failure_domain", Text(length_max=200), "What fails together with it."),
        field("source", Nested(shape=SOURCE), SOURCE.doc),
    ),
)

POLICY_PLUGIN = Shape(
    name="policy plugin",
    doc="Code that decides at the boundaries of turns: the same decision whenever it sees the same snapshot.",
    fields=(
        field("policy_plugin", DOTTED, "Name of the plugin.", required=True),
        field("doc", Text(block=True), "What it decides, and by what."),
        *IMPLEMENTATION_FIELDS,
        field(
            "decides",
            Listing(item=Choice(values=ACTIONS), length_min=1, unique=True),
            "The actions that it may decide on.",
            required=True,
        ),
        *GUARD_FIELDS,
    ),
)

RUNTIME_ADAPTER = Shape(
    name="runtime adapter",
    doc="A bridge between a transport and the runtime.",
    fields=(
        field("runtime_adapter", DOTTED, "Name of the adapter.", required=True),
        field("doc", Text(block=True), "What it bridges."),
        *IMPLEMENTATION_FIELDS,
        field("transports", Listing(item=ID, length_min=1, unique=True), "Kinds of transport.", required=True),
        field("event_abi", VERSION, "Version of the Event ABI that it speaks.", required=True),
        field(
            "preserves",
            Listing(item=Choice(values=ADAPTER_PROMISES), unique=True),
            "What of the runtime's order it keeps; an adapter that keeps less is refused.",
            required=True,
        ),
        field("capabilities", Listing(item=ID, unique=True), "What it can do beyond that."),
        *GUARD_FIELDS,
    ),
)

EXTENSION_MANIFEST = ArtifactKind(
    name="extension",
    schema_version="rspp.extension.manifest.v1",
    id_field="extension_id",
    folder="extensions",
    title="ExtensionManifest",
    shape=Shape(
        name="ExtensionManifest",
        doc="Node types, records, providers and plugins under one trust level and one ceiling of resources.",
        fields=(
            *header("rspp.extension.manifest.v1", "extension_id"),
            METADATA_FIELD,
            field(
                "type", Choice(values=EXTENSION_TYPES), "The strictest kind of extension that it holds.", required=True
            ),
            field("api_version", VERSION, "Version of the interface that it was written for.", required=True),
            field("trust_level", Choice(values=("trusted", "untrusted")), "Whether its code may run beside ours."),
            field("resource_limits", Nested(shape=RESOURCE_LIMITS), "Ceiling; a node type may only lower it."),
            field("node_types", Listing(item=Nested(shape=NODE_TYPE)), "Node types."),
            field("records", Listing(item=Nested(shape=RECORD)), "Records."),
            field("providers", Listing(item=Nested(shape=PROVIDER_ENTRY)), "Providers."),
            field("policy_plugins", Listing(item=Nested(shape=POLICY_PLUGIN)), "Policy plugins."),
            field("runtime_adapters", Listing(item=Nested(shape=RUNTIME_ADAPTER)), "Runtime adapters."),
        ),
    ),
)
