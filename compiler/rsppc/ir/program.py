"""Program: what a bundle means.

Lowering makes one from the documents of a bundle; each pass returns a new one that knows more. A field whose doc begins
with "Given by" is empty until that pass has run. Ids are unique; nodes and edges stand in the order written, and no
result may depend on that order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.base.source import Place, TextPlace
from rsppc.ir.catalog import Catalog, Lane, NodeType, Provider, Scope
from rsppc.ir.network import Solution
from rsppc.ir.setting import Setting
from rsppc.ir.setting_path import Steps
from rsppc.ir.types import PortType


class Fallback(Record):
    """Which node takes over, and when."""

    to: str
    on: tuple[str, ...]
    place: Place


class Node(Record):
    """A processing step. Names of nodes inside modules carry the module's name: `transcribe/stt`."""

    id: str
    type_name: str
    place: Place
    config: dict[str, Setting]
    """As written; complete with defaults after `apply_settings`."""
    setting: Setting
    """The node type's name, with whoever put the node into the graph as origin."""
    type: NodeType | None = None
    """Given by `resolve_node_types`; None where the type is unknown, which has been reported then."""
    provider: Setting | None = None
    """Provider named on the node; value None where the author wrote null."""
    budget_ms: Setting | None = None
    """Budget of the node alone; value None where the author wrote null: no budget of its own."""
    fallback: Fallback | None = None
    lifecycle: dict[str, Setting] = {}
    module: str | None = None
    """Reference of the module that the node came from."""


class End(Record):
    """One end of an edge. `port` is None while it is left out, and after a failure to choose one."""

    node: str
    port: str | None
    place: Place

    def __str__(self) -> str:
        return f"{self.node}.{self.port}" if self.port else self.node


class Condition(Record):
    """A condition as written, and what checking made of it."""

    text: str
    place: TextPlace
    checked: Any = None
    """Given by `check_conditions`: a `conditions.Condition`; None where the text was refused."""


class Edge(Record):
    """A connection from an output to an input."""

    source: End
    target: End
    origin: Setting
    """Value `FROM->TO` as written, with whoever put the edge into the graph as origin."""
    settings: dict[str, Setting] = {}
    """`delivery`, `at_most_once`, `pre_roll_ms`, `priority`, `otherwise`, `feedback`, `max_rounds`, `when`, as written;
    complete after `apply_buffers`."""
    buffer: dict[str, Setting] = {}
    """Fields of the queue as written; complete after `apply_buffers`."""
    when: Condition | None = None
    otherwise: Literal["drop", True] | None = None
    priority: int | None = None
    feedback: bool = False
    max_rounds: int | None = None
    stated_type: Setting | None = None
    """Text of the type that the author states for the edge."""
    inferred_ports: tuple[str, ...] = ()
    """`source`, `target`: ports that the author left out and `complete_ports` chose."""
    aliases: tuple[str, ...] = ()
    """Other ways to address the edge in a setting path, as it was written through module ports."""

    @property
    def id(self) -> str:
        """`FROM->TO`, the name of the edge in paths and artifacts."""
        source, target = self.source, self.target
        if source.port and target.port:  # every pass asks for every id; `End.__str__` would take three times as long
            return f"{source.node}.{source.port}->{target.node}.{target.port}"
        return f"{source}->{target}"


class CancelPlace(Record):
    """A control output at which a cancel of the turn is accepted."""

    source: End
    kind: Literal["barge_in", "cancel_from"]
    when: Condition | None
    min_speech_ms: Setting | None
    unless: tuple[tuple[str, Place], ...]


class Turns(Record):
    """Who opens and commits turns, and what cancels them."""

    owner: End | None
    cancels: tuple[CancelPlace, ...]
    place: Place
    partial: bool = False
    """Whether something that is written here leads nowhere, which has been reported then."""


class Subgraph(Record):
    """A module in use, before `expand_modules` puts its nodes into the graph."""

    name: str
    module: Module | None
    """None where the reference led nowhere, which has been reported then."""
    place: Place
    settings: dict[str, Setting]
    min_version: str | None = None


class ExposedPort(Record):
    """A port of a module."""

    name: str
    inside: End
    place: Place


class Module(Record):
    """A graph with a signature."""

    ref: str
    digest: Digest
    """Meaning digest of the module."""
    version: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    subgraphs: tuple[Subgraph, ...]
    inputs: dict[str, ExposedPort]
    outputs: dict[str, ExposedPort]
    settings: dict[str, tuple[Steps, Place]]
    place: Place


class Patch(Record):
    """One setting that a layer or a rule sets."""

    steps: Steps
    setting: Setting


class Layer(Record):
    """Settings for an environment, a tenant or a session."""

    ref: str
    scope: Literal["environment", "tenant", "session"]
    when: Condition | None
    patches: tuple[Patch, ...]
    place: Place


class ProviderRule(Record):
    """Which providers serve a modality or a node."""

    id: str
    policy: str
    place: Place
    modality: str | None
    node: str | None
    when: Condition | None
    use: tuple[tuple[str, Place], ...]
    retry: dict[str, int] | None
    circuit_breaker: dict[str, int] | None
    cost_cap: dict[str, int] | None
    node_place: Place | None = None
    """Where its node is named."""


class DegradeRule(Record):
    """Settings that change under pressure."""

    id: str
    policy: str
    place: Place
    when: Condition
    patches: tuple[Patch, ...]


class InsertRule(Record):
    """A node that governance puts on an edge."""

    id: str
    policy: str
    place: Place
    when: Condition | None
    node: Node
    source: End
    target: End


class Exposed(Record):
    """The ports of a module in use, each as the end inside to which it leads."""

    inputs: dict[str, End]
    outputs: dict[str, End]
    broken: frozenset[str] = frozenset()
    """Ports that lead nowhere inside, which has been reported then."""


class Policy(Record):
    """Governance of a bundle."""

    ref: str
    digest: Digest
    provider_rules: tuple[ProviderRule, ...]
    degrade_rules: tuple[DegradeRule, ...]
    insert_rules: tuple[InsertRule, ...]
    forbid: tuple[tuple[Steps, Place], ...]
    allowed_actions: tuple[str, ...] | None
    place: Place


class Pinned(Record):
    """A reference of the bundle with the meaning digest of what it led to."""

    kind: str
    ref: str
    digest: Digest
    place: Place


class Defaults(Record):
    """What the execution profile says, layers included after `apply_settings`."""

    ref: str
    name: str
    """`profile_id`, without its version."""
    budgets: dict[str, Setting]
    buffers: dict[str, dict[str, Setting]]
    """Per `DataLane.additive`, `DataLane.replaceable`, `ControlLane`, `TelemetryLane`."""
    edges: dict[str, Setting]
    """`delivery`, `at_most_once`, `pre_roll_ms`."""
    lanes: dict[str, dict[str, Setting]]
    """Per lane: `flow_control`, `shedding`, `lane_handling`, `watermarks`."""
    recording: dict[str, Setting]
    unknown_events: Setting
    low_latency: Setting
    overridable: tuple[Steps, ...]
    place: Place


class Bundle(Record):
    """What is released together."""

    id: str
    version: str
    implicit: bool
    """Whether the bundle stands for a spec that is used without one."""
    pinned: tuple[Pinned, ...]
    compat_window: Any
    place: Place


class Stated(Record):
    """What a runtime says that it can do of one sort of things."""

    names: tuple[str, ...]
    place: Place


class Runtime(Record):
    """The runtime that everything must run on. What it leaves out is unknown, and limits nothing."""

    ref: str
    version: str
    stated: dict[str, Stated]
    """By `execution_profiles`, `transports`, `node_types`, `providers`, `actions`, `schemas`."""
    limits: dict[str, tuple[int, Place]]
    served_schema: str
    """Schema version of the file that a build makes for runtimes."""
    profile_place: Place
    """Where the bundle or the spec names its profile."""
    window: tuple[str, str] | None
    """Oldest and newest version of the runtime that the bundle is released for; None where it does not say."""
    window_place: Place


class Choice(Record):
    """Something that is decided when a turn opens: one of `options`, the first where nothing else holds."""

    kind: Literal["provider", "layer", "degrade", "insert"]
    subject: str
    """A node, a scope, or a rule `POLICY_REF/RULE`."""
    options: tuple[str, ...]


class Program(Record):
    """What a bundle means."""

    bundle: Bundle
    pipeline: str
    """Reference of the spec."""
    place: Place
    catalog: Catalog
    nodes: dict[str, Node]
    edges: tuple[Edge, ...]
    subgraphs: tuple[Subgraph, ...]
    turns: Turns
    defaults: Defaults
    policies: tuple[Policy, ...]
    layers: tuple[Layer, ...]
    unknown_events: Setting | None
    metadata: Any
    asset_digest: Callable[[str], Digest | None]
    """Digest of a file under `assets/`; None where there is none. The workspace answers."""
    partial: bool = False
    """Whether some of the graph could not be read, so that nothing may be concluded from what is missing."""
    runtime: Runtime | None = None
    """The runtime that is named for the run; it decides what is refused, and never what is emitted."""
    purpose: Literal["check", "build"] = "check"
    """What is only a warning while an author is at work may not be built."""

    stated_types: dict[str, PortType] = {}
    """The types that are stated for edges, by the text that states them."""
    exposed: dict[str, Exposed] = {}
    """Given by `expand_modules`: per name of a module in use."""
    dropped: tuple[Edge, ...] = ()
    """Given by `complete_ports`: edges that lead nowhere, which has been reported. They are no part of the program, but
    what they were to feed is not called unfed."""
    lanes: dict[str, Lane] = {}
    """Given by `infer_lanes`: per edge id."""
    scopes: dict[str, Scope] = {}
    """Given by `infer_scopes`: per node id."""
    order: tuple[str, ...] = ()
    """Given by `check_graph`: node ids in topological order, ties by id, feedback edges left out."""
    switches: dict[str, tuple[str, ...]] = {}
    """Given by `check_conditions`: per output `node.port` the ids of its conditional edges, first to be tried first."""
    selects: dict[str, tuple[tuple[str, Condition], ...]] = {}
    """Given by `check_conditions`: per select node its branches, port and condition, first to be tried first."""
    frames: dict[str, str] = {}
    """Given by `apply_buffers`: per edge id the table of the profile on which it rests, as in `DataLane.additive`."""
    solution: Solution | None = None
    """Given by `infer_types`."""
    providers: dict[str, tuple[Provider, ...]] = {}
    """Given by `bind_providers`: per node of a modality, every provider that can come to serve it, the one of the first
    rule that always holds first."""
    bindings: dict[str, Setting] = {}
    """Given by `bind_providers`: per node of a modality the provider that serves where no condition holds."""
    choices: tuple[Choice, ...] = ()
    """Given by `plan_variants`."""
    assets: dict[str, Digest] = {}
    """Given by `check_config`: digests of the assets in use."""
    proofs: Proofs | None = None
    """Given by the passes of proofs, one after the other."""


class LatencyStep(Record, kw_only=False):
    """One contribution on a latency path; there is at least one per node."""

    subject: str
    """`node.port` or an edge id."""
    p50_ms: int | None
    p95_ms: int | None
    place: Place | None


class LatencyPath(Record, kw_only=False):
    """The slowest way between two anchors. A sum is None where a figure on the way is not known: unproved."""

    name: str
    """`e2e`, `first_output`, `node/ID`, …"""
    steps: tuple[LatencyStep, ...]
    p50_ms: int | None
    p95_ms: int | None
    budget_ms: int | None
    unknown: tuple[str, ...] = ()
    """Subjects whose figures are not known."""


class Proofs(Record):
    """What was proved of the program, and what could not be."""

    edges: int
    """Edges in all."""
    edges_checked: int
    """Edges whose types were checked at both ends."""
    queue_bytes: int
    """Most bytes that can wait in the queues of one session."""
    paths: tuple[LatencyPath, ...] = ()
    cancel_ms: int | None = None
    """Longest time from an accepted cancel to silence at p95; None where it is unproved or nothing cancels."""
    programs: int = 1
    """Programs that rules and layers can result in, and that were checked."""
