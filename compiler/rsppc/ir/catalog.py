"""What nodes there are: node types, providers and records, as extension manifests declare them.

Built-in node types have no privilege: they come from the manifest `rspp_std/v1` like everybody else's.
"""

from __future__ import annotations

from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.base.source import Place
from rsppc.ir.network import Template
from rsppc.ir.setting import Setting
from rsppc.ir.types import PortType

Lane = Literal["ControlLane", "DataLane", "TelemetryLane"]
Scope = Literal["session", "turn"]


class Port(Record):
    """A port as a node type declares it."""

    name: str
    direction: Literal["in", "out"]
    type: PortType
    lane: Lane | Literal["inherit"]
    required: bool
    place: Place
    named_by: str | None = None
    """The config field that names the ports which `*` stands for."""


class ConfigType(Record):
    """The type of a config field: `int`, `list<string>`, `map<string,int>`, `record<rspp.tool.v1>`, …"""

    name: str
    item: ConfigType | None = None
    schema_id: str | None = None


class ConfigField(Record):
    """A config field of a node type."""

    name: str
    type: ConfigType
    required: bool
    place: Place
    doc: str = ""
    minimum: int | None = None
    maximum: int | None = None
    values: tuple[str, ...] = ()


class Latency(Record):
    """Time from the triggering event to the first event of an output; None where it is not known."""

    p50_ms: int | None
    p95_ms: int | None
    place: Place
    plus: tuple[str, ...] = ()
    """Config fields whose milliseconds are added."""
    at_least: tuple[str, ...] = ()
    """Config fields whose milliseconds are a lower bound."""


class Cancel(Record):
    """How a node stops. `latency_ms` is None where it is not known; a preemptible node counts 0."""

    mode: Literal["cooperative", "preemptible"]
    style: Literal["soft", "hard"]
    latency_ms: int | None
    place: Place


class Limits(Record):
    """Ceilings of resources; None where none is stated."""

    cpu_milli: int | None = None
    memory_bytes: int | None = None
    max_concurrency: int | None = None


class NodeType(Record):
    """A kind of node."""

    name: str
    manifest: str
    """Reference of the manifest that declares it."""
    role: Literal["ingress", "egress", "source", "processor", "sink"]
    execution_mode: Literal["in_process", "external", "sandbox"]
    impl_ref: str
    digest: str | None
    inputs: dict[str, Port]
    outputs: dict[str, Port]
    config: dict[str, ConfigField]
    defaults: dict[str, Setting]
    """One setting per config field that has a default; shared by all nodes of the type."""
    state: Literal["none", "turn_ephemeral", "session_hot", "session_durable"]
    scope: Literal["session", "turn", "inherit"]
    place: Place
    latency: dict[str, Latency]
    """Per output; `*` speaks for every output that is not named."""
    cancel: Cancel | None = None
    turn_cancel: Literal["flush", "stop", "end_response", "none"] = "none"
    timeout_ms: int | None = None
    limits: Limits = Limits()
    trust_level: Literal["trusted", "untrusted"] | None = None
    modality: str | None = None
    sbom_ref: str | None = None
    attestation_ref: str | None = None
    streaming: Literal["none", "input", "output", "bidirectional"] | None = None
    """Which sides take or give a stream piece by piece; None where that follows from the ports."""
    template: Template | None = None
    """Its ports as the type solver wants them; None where the config of a node names its ports."""


class Provider(Record):
    """What a provider can do; None means unknown."""

    id: str
    modality: str
    manifest: str
    place: Place
    refines: dict[str, tuple[PortType, Place]]
    latency: dict[str, Latency]
    modes: tuple[str, ...] | None = None
    languages: tuple[str, ...] | None = None
    confidence: bool | None = None
    """Whether its text events carry a confidence; None where that is not known."""
    cancel: Cancel | None = None
    cost_unit: str | None = None
    cost_micro_usd: int | None = None
    failure_domain: str | None = None


class Catalog(Record):
    """Everything that the manifests in sight declare."""

    node_types: dict[str, NodeType]
    providers: dict[str, Provider]
    records: dict[str, dict[str, Any]]
    """JSON Schema per record."""
