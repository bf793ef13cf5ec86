"""What pictures read of a ResolvedSpec, a bundle and its provenance, as records.

Pictures are also made of folders that somebody else may have written, so that nothing is taken to be there which was
not looked at: `read` gives records whose fields have their types, or the place of the first one that has not.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from rsppc.base.record import Record

_Read = TypeVar("_Read")


class Condition(Record):
    """A condition, as its author wrote it."""

    text: str


class FallbackTo(Record):
    """Which node takes over, and on what."""

    to: str
    on: tuple[str, ...] = ()


class Branch(Record):
    """A branch of a select node."""

    port: str
    when: Condition


class Node(Record):
    """A node of the graph."""

    node_type: str
    scope: str = "session"
    provider: str | None = None
    fallback: FallbackTo | None = None
    turn_cancel: str = "none"
    branches: tuple[Branch, ...] = ()
    inputs: dict[str, str] = {}
    outputs: dict[str, str] = {}
    budget_ms: int | None = None
    timeout_ms: int | None = None


class Buffer(Record):
    """The queue of an edge."""

    strategy: str = ""
    max_queue_items: int | None = None
    max_queue_ms: int | None = None
    max_queue_bytes: int | None = None
    max_latency_contribution_ms: int | None = None
    max_block_time_ms: int | None = None


class Edge(Record):
    """An edge of the graph."""

    source: str = msgspec.field(name="from")
    target: str = msgspec.field(name="to")
    lane: str = "DataLane"
    type: str = ""
    buffer: Buffer = Buffer()
    when: Condition | None = None
    otherwise: str | bool | None = None
    feedback: bool = False
    max_rounds: int | None = None
    filtered: tuple[str, ...] = ()
    delivery: str = ""

    @property
    def id(self) -> str:
        return f"{self.source}->{self.target}"


class Step(Record):
    """A contribution on a latency path; a figure that is not known is None."""

    subject: str
    p50_ms: int | None = None
    p95_ms: int | None = None


class Path(Record):
    """A latency path."""

    steps: tuple[Step, ...] = ()
    proved: bool = False
    p50_ms: int | None = None
    p95_ms: int | None = None
    budget_ms: int | None = None
    unknown: tuple[str, ...] = ()


class Analysis(Record):
    """What the compiler proved."""

    latency: dict[str, Path] = {}
    queue_bytes: int | None = None
    programs: int | None = None
    cancel_ms: int | None = None
    coverage: dict[str, int] = {}


class CancelPlace(Record):
    """An output at which a cancel of the turn is accepted."""

    source: str = msgspec.field(name="from")
    when: Condition | None = None
    min_speech_ms: int | None = None
    unless: tuple[str, ...] = ()


class Turns(Record):
    """Who opens turns and what cancels them."""

    owner: str = ""
    barge_in: tuple[CancelPlace, ...] = ()
    cancel_from: tuple[CancelPlace, ...] = ()


class Insert(Record):
    """A node that a rule puts on an edge."""

    policy: str
    rule: str
    node_id: str
    node: Node
    replaces: str
    into: Edge
    out_of: Edge
    when: Condition | None = None


class ProviderRule(Record):
    """Which providers serve."""

    policy: str
    rule: str
    modality: str | None = None
    node: str | None = None
    nodes: tuple[str, ...] = ()
    use: tuple[str, ...] = ()
    when: Condition | None = None
    retry: dict[str, int] = {}
    circuit_breaker: dict[str, int] = {}
    cost_cap: dict[str, int] = {}


class DegradeRule(Record):
    """Settings that change under pressure."""

    policy: str
    rule: str
    when: Condition | None = None
    settings: dict[str, Any] = msgspec.field(name="set", default_factory=dict)
    """By setting path."""
    patch: dict[str, Any] = {}
    """The same by JSON Pointer."""


class Rules(Record):
    """What can act when a turn opens."""

    provider: tuple[ProviderRule, ...] = ()
    insert: tuple[Insert, ...] = ()
    degrade: tuple[DegradeRule, ...] = ()


class Layer(Record):
    """Settings of an environment, a tenant or a session."""

    layer: str
    when: Condition | None = None
    settings: dict[str, Any] = msgspec.field(name="set", default_factory=dict)
    """By setting path."""
    patch: dict[str, Any] = {}
    """The same by JSON Pointer."""


class Resolved(Record):
    """What pictures read of a ResolvedSpec."""

    bundle_id: str
    version: str
    effective_nodes: dict[str, Node]
    effective_edges: dict[str, Edge]
    resolved_spec_id: str = ""
    execution_profile: str = ""
    budgets: dict[str, int | None] = {}
    unknown_events: str = ""
    recording: dict[str, Any] = {}
    allowed_adaptive_actions: tuple[str, ...] = ()
    analysis: Analysis = Analysis()
    turns: Turns = Turns()
    rules: Rules = Rules()
    layers: dict[str, tuple[Layer, ...]] = {}
    switches: dict[str, tuple[str, ...]] = {}
    graph_definition_refs: dict[str, str] = {}
    defaulting_sources: dict[str, str] = {}

    @property
    def ref(self) -> str:
        return f"{self.bundle_id}/{self.version}"


class Asset(Record):
    """A file that a bundle takes along."""

    path: str
    digest: str


class NodeDigest(Record):
    """A node type in use."""

    node_type: str
    impl_ref: str = ""
    digest: str = ""


class Window(Record):
    """Oldest and newest version that a bundle goes with."""

    min: str
    max: str


class Bundle(Record):
    """What pictures read of a PipelineBundle."""

    spec_ref: str
    profile_ref: str
    policy_refs: tuple[str, ...] = ()
    layer_refs: tuple[str, ...] = ()
    module_refs: tuple[str, ...] = ()
    node_digests: tuple[NodeDigest, ...] = ()
    assets: tuple[Asset, ...] = ()
    compat_window: dict[str, Window] = {}


class SourceFile(Record):
    """A source of the bundle."""

    source_digest: str


class Candidate(Record):
    """Who set a value, or would have: the label of the origin, and the place where there is one."""

    label: str = ""
    value: Any = msgspec.UNSET
    file: str = ""
    line: int = 0
    column: int = 0
    via: tuple[str, ...] = ()


class Origin(Record):
    """The story of a value."""

    winner: Candidate
    overridden: tuple[Candidate, ...] = ()


class Provenance(Record):
    """What pictures read of `provenance.json`."""

    origins: tuple[Origin, ...]
    leaves: Any
    sources: dict[str, SourceFile] = {}
    compiler: str = ""


class Unreadable(Exception):
    """A value that is not what it should be; the text names the place."""


def read(value: Any, kind: type[_Read]) -> _Read:
    """The value as a record of a kind; raises `Unreadable` where it cannot be one."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise Unreadable(str(error)) from None
