"""What plugins and runtimes hand each other: events, cancels, and what a node is opened with.

Names are those of the runtime's event record, so that a plugin's events say the same in logs, traces and evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from rsppc.base.record import Record

Lane = Literal["ControlLane", "DataLane", "TelemetryLane"]
LANES: tuple[Lane, ...] = ("ControlLane", "DataLane", "TelemetryLane")
"""In order of priority."""


class Event(Record):
    """One event at a port. What identifies it goes with it from end to end."""

    event_id: str
    session_id: str
    turn_id: str | None
    """None for what belongs to no turn."""
    authority_epoch: int
    port: str
    lane: Lane
    kind: str
    """Kind of port type: `audio`, `text`, `record`, `control`, …"""
    payload: Mapping[str, Any]
    runtime_sequence: int
    pts_ms: int = 0
    """Where it stands in the stream of the caller's media."""
    causal_parent_id: str | None = None
    """The event because of which there is this one."""

    def reply(
        self, port: str, kind: str, payload: Mapping[str, Any], *, lane: Lane | None = None, number: int = 0
    ) -> Event:
        """An event because of this one, with its correlation: session, turn, epoch, and this one as its cause.

        `number` tells several replies at one port apart.
        """
        return Event(
            event_id=f"{self.event_id}/{port}.{number}",
            session_id=self.session_id,
            turn_id=self.turn_id,
            authority_epoch=self.authority_epoch,
            port=port,
            lane=lane if lane is not None else self.lane,
            kind=kind,
            payload=payload,
            runtime_sequence=self.runtime_sequence,
            pts_ms=self.pts_ms,
            causal_parent_id=self.event_id,
        )


Emit = Callable[[Event], None]


class Cancel(Record):
    """An order to stop. A node has acknowledged it when `on_cancel` returns, and emits nothing from then on."""

    scope: Literal["session", "turn"]
    session_id: str
    turn_id: str | None
    reason: str
    deadline_ms: int
    """When it must have been acknowledged, on the clock of the context."""


class Clock(Protocol):
    """The only clock of a plugin. A runtime's runs by itself; that of a trial runs when the plugin waits."""

    def now_ms(self) -> int: ...

    def wait_ms(self, duration: int) -> None: ...


class NodeContext(Record):
    """What a node is opened with."""

    node_id: str
    node_type: str
    session_id: str
    turn_id: str | None
    config: Mapping[str, Any]
    """Every config field that is set, defaults included."""
    seed: int
    """For whatever the node draws by chance; the same seed and the same events give the same output."""
    clock: Clock


class TurnSnapshot(Record):
    """All that a policy plugin may know: what was frozen when the turn was opened."""

    session_id: str
    turn_id: str
    tenant: Mapping[str, Any] = {}
    provider_health: Mapping[str, Any] = {}
    pressure: Mapping[str, Any] = {}
    bindings: Mapping[str, str] = {}
    """Modality and the provider that serves it."""
    seed: int = 0


class Decision(Record):
    """What a policy plugin decides for one turn."""

    action: Literal["none", "retry", "provider_switch", "degrade", "fallback"]
    reason: str
    target: str | None = None
    """The provider or node that it is about."""
