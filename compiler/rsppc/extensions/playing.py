"""One instance of a node plugin played through a turn on a virtual clock, and what it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.extensions.events import Cancel, Event, NodeContext
from rsppc.extensions.registry import said

EMITTED_MAX = 256
"""Most events because of one event; a node that gives more has run away."""
OPENING, CANCELLED, AFTER_CANCEL, CLOSING = -1, -2, -3, -4
"""When something was emitted, where it was not while an event was being handled."""


class VirtualClock:
    """Runs when the plugin waits, and at no other time."""

    def __init__(self) -> None:
        self._now = 0

    def now_ms(self) -> int:
        return self._now

    def wait_ms(self, duration: int) -> None:
        self._now += max(0, duration)


class Emitted(Record):
    """Something that came out of a plugin."""

    event: Any
    """An `Event`, if the plugin keeps to its interface."""
    during: int
    """Index of the event that was being handled, or one of the moments above."""


class Fault(Record):
    """What went wrong while a plugin was being called."""

    kind: Literal["raised", "slow", "slow_cancel", "too_many"]
    message: str


class Played(Record):
    """What one turn of one instance gave."""

    emitted: tuple[Emitted, ...]
    faults: tuple[Fault, ...]

    @property
    def finished(self) -> bool:
        return not any(fault.kind in ("raised", "too_many") for fault in self.faults)


class _RunAway(Exception):
    """The plugin emits without end."""


class Player:
    """Calls one instance as a runtime would, and writes down what it does."""

    def __init__(self, plugin: Any, *, timeout_ms: int | None) -> None:
        self.plugin = plugin
        self.timeout_ms = timeout_ms
        self.clock = VirtualClock()
        self.emitted: list[Emitted] = []
        self.faults: list[Fault] = []
        self._during = OPENING
        self._count = 0

    def open(self, node_type: str, config: Mapping[str, Any], *, session_id: str, turn_id: str, seed: int) -> None:
        context = NodeContext(
            node_id="trial",
            node_type=node_type,
            session_id=session_id,
            turn_id=turn_id,
            config=MappingProxyType(dict(config)),
            seed=seed,
            clock=self.clock,
        )
        self._call("open", OPENING, self.plugin.open, context)

    def feed(self, events: Sequence[Event]) -> None:
        """Hand events over one after the other; what fails ends it."""
        for index, event in enumerate(events):
            if not self.played().finished:
                return
            self.feed_one(index, event)

    def feed_one(self, index: int, event: Event) -> None:
        """Hand one event over, at the time at which it happens."""
        self.clock.wait_ms(event.pts_ms - self.clock.now_ms())
        self._call("on_event", index, self.plugin.on_event, event, self.emit)

    def cancel(self, cancel: Cancel, *, within_ms: int) -> None:
        """Cancel, and note when it was acknowledged."""
        began = self.clock.now_ms()
        self._call("on_cancel", CANCELLED, self.plugin.on_cancel, cancel, timed=False)
        took = self.clock.now_ms() - began
        if took > within_ms:
            message = f"a cancel was acknowledged after {took} ms; the manifest promises {within_ms} ms"
            self.faults.append(Fault(kind="slow_cancel", message=message))

    def late(self, event: Event) -> None:
        """Hand over an event that was on its way when the node was cancelled."""
        self._call("on_event", AFTER_CANCEL, self.plugin.on_event, event, self.emit)

    def close(self) -> None:
        self._call("close", CLOSING, self.plugin.close)

    def emit(self, event: Event) -> None:
        """What the plugin is given to emit with."""
        self._count += 1
        if self._count > EMITTED_MAX:
            raise _RunAway
        self.emitted.append(Emitted(event=event, during=self._during))

    def played(self) -> Played:
        return Played(emitted=tuple(self.emitted), faults=tuple(self.faults))

    def _call(self, hook: str, during: int, function: Any, *arguments: Any, timed: bool = True) -> None:
        self._during, self._count = during, 0
        began = self.clock.now_ms()
        try:
            function(*arguments)
        except _RunAway:
            pass
        except (Exception, SystemExit) as error:  # a plugin may do anything
            self.faults.append(Fault(kind="raised", message=f"`{hook}` raised {said(error)}"))
        if self._count > EMITTED_MAX:  # even if the plugin has caught what ended it
            message = f"`{hook}` emitted more than {EMITTED_MAX} events at once"
            self.faults.append(Fault(kind="too_many", message=message))
        took = self.clock.now_ms() - began
        if timed and self.timeout_ms is not None and took > self.timeout_ms:
            message = f"`{hook}` took {took} ms; the manifest's `timeout_ms` is {self.timeout_ms}"
            self.faults.append(Fault(kind="slow", message=message))
