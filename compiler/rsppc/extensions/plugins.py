"""The four classes of plugins, as protocols: what the runtime calls, when, and within what time.

A node plugin is opened, gets events one after the other, may be cancelled, and is closed; no two calls of one instance
overlap. `open`, `on_event` and `close` each return within the `timeout_ms` of the node type, `on_cancel` within its
`cancel_latency_ms`. A plugin keeps no state outside of its instance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from rsppc.base.record import Record
from rsppc.extensions.adapter_contract import AdapterContract, EventABIContract, TransportContract
from rsppc.extensions.events import Cancel, Decision, Emit, Event, NodeContext, TurnSnapshot
from rsppc.ir.catalog import Limits


class NodePlugin(Protocol):
    """A node in the runtime's own process."""

    manifest: str
    """Reference of the manifest that declares its node type, as in `custom_sentiment_node/v1`."""
    node_type: str

    def open(self, context: NodeContext) -> None:
        """Begin a turn, or a session where the node type has session scope. What came before is forgotten where the
        manifest says `state: turn_ephemeral` or `none`."""
        ...

    def on_event(self, event: Event, emit: Emit) -> None:
        """Take one event and give any number of others, each made with `Event.reply` so that it names its cause."""
        ...

    def on_cancel(self, cancel: Cancel) -> None:
        """Stop. To return is to acknowledge: from then on nothing may be emitted."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Isolation(Record):
    """What holds an external node apart."""

    kind: Literal["process", "sandbox", "container"]
    network: tuple[str, ...] = ()
    """Hosts that it may reach; none where left out."""
    writes_files: bool = False


class ExternalNodeBoundary(Record):
    """The border to a node in another process: data, so that none of its code is loaded to admit it."""

    manifest: str
    node_type: str
    digest: str | None
    """Of the implementation that stands behind the border."""
    cancel_ms: int | None
    """How long it may take to acknowledge a cancel before it is cut off."""
    timeout_ms: int | None
    limits: Limits
    isolation: Isolation | None
    injects: tuple[str, ...]
    """What is handed over with every call, so that logs and traces of the other side can be joined with ours."""


class ExternalNodePlugin(Protocol):
    """How the runtime talks to a node in another process. It is part of the runtime; the node is behind it."""

    boundary: ExternalNodeBoundary

    def start(self, context: NodeContext) -> None: ...

    def send(self, event: Event, correlation: Mapping[str, str]) -> None:
        """Hand an event over, together with everything that `boundary.injects` names."""
        ...

    def receive(self, emit: Emit) -> None:
        """Take what the node has given, within `boundary.timeout_ms`."""
        ...

    def cancel(self, cancel: Cancel) -> None:
        """Have the node stop; it is cut off after `boundary.cancel_ms`."""
        ...

    def stop(self) -> None: ...


class PolicyPlugin(Protocol):
    """Decides at the boundaries of turns, from a frozen snapshot alone: no clock, no chance, no memory."""

    manifest: str
    policy_plugin: str

    def decide(self, snapshot: TurnSnapshot) -> Decision:
        """The same decision whenever it gets the same snapshot."""
        ...


class RuntimeAdapter(Protocol):
    """A bridge between one transport and the runtime."""

    def ingress(self, message: Mapping[str, Any]) -> Event | None:
        """The event that a message of the transport is; None where it is refused."""
        ...

    def egress(self, events: list[Event]) -> list[Mapping[str, Any]]:
        """What waits to go out, as messages in the order in which they leave."""
        ...


class RuntimeAdapterPlugin(Protocol):
    """Makes bridges of one kind."""

    manifest: str
    contract: AdapterContract
    """What its bridges keep; held against the manifest and against the Event ABI."""

    @property
    def id(self) -> str: ...

    def validate_contract(self, transport: TransportContract, event_abi: EventABIContract) -> tuple[str, ...]:
        """Why its bridges cannot serve this transport under this Event ABI; empty where they can."""
        ...

    def build_adapter(self, config: Mapping[str, Any]) -> RuntimeAdapter: ...


class Offer(Record):
    """A plugin that wants to be registered, with the way to get it. Nothing is loaded before its papers are read."""

    manifest: str
    name: str
    """Node type, policy plugin or runtime adapter."""
    load: Callable[[], object]
    """Gives the plugin, or a class whose call without arguments gives it."""
    digest: str | None = None
    """Of the implementation at hand; None where nobody has computed it."""
    installed_manifest: str | None = None
    """Digest of the manifest that came with it; None where none did."""
