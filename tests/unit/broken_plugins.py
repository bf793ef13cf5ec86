"""A node type with every promise that a trial can judge, a plugin that keeps them all, and plugins that break one."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from rsppc.extensions.events import Cancel, Emit, Event, NodeContext
from rsppc.extensions.manifest import Manifest, read_manifest

MANIFEST_TEXT = """\
schema_version: rspp.extension.manifest.v1
extension_id: house_nodes
version: v1
type: node
api_version: v1
trust_level: trusted
resource_limits: {cpu_milli: 1000, memory_bytes: 268435456, max_concurrency: 16}
node_types:
  - node_type: house.greeter
    execution_mode: in_process
    impl_ref: package:house-greeter==1.0.0
    ports:
      - {name: text, direction: in, type: "text<partial|final, lang=?l>", lane: DataLane}
      - {name: turn, direction: in, type: control<turn>, lane: ControlLane, required: false}
      - {name: text, direction: out, type: "text<final, lang=?l>", lane: DataLane}
      - {name: greeting, direction: out, type: record<house.greeting.v1>, lane: DataLane}
    config:
      - {name: tone, type: enum, values: [warm, cool], required: true}
    cancel: {mode: cooperative, cancel_latency_ms: 20, style: hard}
    state: turn_ephemeral
    scope: turn
    timeout_ms: 100
records:
  - schema_id: house.greeting.v1
    schema:
      type: object
      properties:
        words: {type: string, minLength: 1, maxLength: 200}
        count: {type: integer, minimum: 0, maximum: 100000}
      required: [words]
      additionalProperties: false
"""


def manifest(*changes: tuple[str, str]) -> Manifest:
    """The manifest with some of its text replaced."""
    text = MANIFEST_TEXT
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    found = read_manifest("house_nodes_v1.yaml", text.encode())
    assert isinstance(found, Manifest), found
    return found


class Greeter:
    """Keeps every promise."""

    manifest = "house_nodes/v1"
    node_type = "house.greeter"

    def open(self, context: NodeContext) -> None:
        self.context = context
        self.count = 0
        self.stopped = False

    def on_event(self, event: Event, emit: Emit) -> None:
        if self.stopped or event.kind != "text":
            return
        self.count += 1
        if event.payload["mode"] == "final":
            self.give_text(event, emit)
            self.give_greeting(event, emit)

    def give_text(self, event: Event, emit: Emit) -> None:
        emit(event.reply("text", "text", event.payload))

    def give_greeting(self, event: Event, emit: Emit) -> None:
        emit(event.reply("greeting", "record", greeting(self.count)))

    def on_cancel(self, cancel: Cancel) -> None:
        self.stopped = True

    def close(self) -> None:
        self.count = 0


def greeting(count: int, words: str = "hello") -> dict[str, Any]:
    return {"schema": "house.greeting.v1", "value": {"words": words, "count": count}}


def changed(event: Event, **values: Any) -> Event:
    from msgspec.structs import replace

    return replace(event, **values)


class Raises(Greeter):
    def on_event(self, event: Event, emit: Emit) -> None:
        raise ValueError("no greeting today")


class Slow(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        self.context.clock.wait_ms(101)
        super().give_text(event, emit)


class SlowToOpen(Greeter):
    def open(self, context: NodeContext) -> None:
        super().open(context)
        context.clock.wait_ms(101)


class ElsewhereToo(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        super().give_text(event, emit)
        emit(event.reply("diary", "text", event.payload))


class WrongKind(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        emit(event.reply("text", "audio", {"data": b""}))


class PartialAsFinal(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        emit(event.reply("text", "text", {**event.payload, "mode": "partial"}))


class OtherLanguage(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        emit(event.reply("text", "text", {**event.payload, "lang": "fi"}))


class WrongRecord(Greeter):
    def give_greeting(self, event: Event, emit: Emit) -> None:
        emit(event.reply("greeting", "record", greeting(self.count, words="")))


class WrongLane(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        emit(event.reply("text", "text", event.payload, lane="ControlLane"))


class NoEvent(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        super().give_text(event, emit)
        emit({"text": "hello"})  # type: ignore[arg-type]


class ForgetsTheSession(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        emit(changed(event.reply("text", "text", event.payload), session_id="other"))


class ForgetsTheCause(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        emit(changed(event.reply("text", "text", event.payload), causal_parent_id=None))


class RepeatsIds(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        emit(changed(event.reply("text", "text", event.payload), event_id="the-event"))


class OldEpoch(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        emit(changed(event.reply("text", "text", event.payload), authority_epoch=event.authority_epoch - 1))


class Reorders(Greeter):
    """Keeps each second text back until the one after it is out."""

    def open(self, context: NodeContext) -> None:
        super().open(context)
        self.waiting: list[Event] = []

    def give_text(self, event: Event, emit: Emit) -> None:
        self.waiting.append(event)
        if len(self.waiting) == 2:
            for one in reversed(self.waiting):
                super().give_text(one, emit)
            self.waiting = []


class RunsAway(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        number = 0
        while True:
            emit(event.reply("text", "text", event.payload, number=number))
            number += 1


class RunsAwayAndCatches(Greeter):
    def give_text(self, event: Event, emit: Emit) -> None:
        for number in range(100_000):
            try:
                emit(event.reply("text", "text", event.payload, number=number))
            except Exception:
                return


class SlowToStop(Greeter):
    def on_cancel(self, cancel: Cancel) -> None:
        self.context.clock.wait_ms(21)
        super().on_cancel(cancel)


class NeverStops(Greeter):
    def on_cancel(self, cancel: Cancel) -> None:
        pass

    def on_event(self, event: Event, emit: Emit) -> None:
        if event.kind == "text":
            self.give_text(event, emit)

    def give_text(self, event: Event, emit: Emit) -> None:
        emit(event.reply("text", "text", {**event.payload, "mode": "final"}))


class SpeaksWhenCancelled(Greeter):
    def on_event(self, event: Event, emit: Emit) -> None:
        super().on_event(event, emit)
        self.last, self.emit = event, emit

    def on_cancel(self, cancel: Cancel) -> None:
        super().on_cancel(cancel)
        self.emit(self.last.reply("greeting", "record", greeting(1), number=99))


class SpeaksWhenClosed(Greeter):
    def on_event(self, event: Event, emit: Emit) -> None:
        super().on_event(event, emit)
        self.last, self.emit = event, emit

    def close(self) -> None:
        if self.stopped:
            self.emit(self.last.reply("greeting", "record", greeting(1), number=99))


class Dice(Greeter):
    def give_greeting(self, event: Event, emit: Emit) -> None:
        emit(event.reply("greeting", "record", greeting(random.SystemRandom().randrange(100_000))))


class Remembers(Greeter):
    """Its count goes on from turn to turn."""

    def __init__(self) -> None:
        self.count = 0

    def open(self, context: NodeContext) -> None:
        self.context, self.stopped = context, False

    def close(self) -> None:
        pass


class SharesASession(Greeter):
    """All instances take the session of the one that was opened last."""

    current = ""

    def open(self, context: NodeContext) -> None:
        super().open(context)
        type(self).current = context.session_id

    def give_text(self, event: Event, emit: Emit) -> None:
        emit(changed(event.reply("text", "text", event.payload), session_id=self.current))


BROKEN: list[tuple[Callable[[], Any], str]] = [
    (Raises, "runs"),
    (Slow, "time"),
    (SlowToOpen, "time"),
    (ElsewhereToo, "ports"),
    (WrongKind, "types"),
    (PartialAsFinal, "types"),
    (OtherLanguage, "types"),
    (WrongRecord, "types"),
    (WrongLane, "types"),
    (NoEvent, "types"),
    (ForgetsTheSession, "correlation"),
    (ForgetsTheCause, "correlation"),
    (RepeatsIds, "correlation"),
    (OldEpoch, "correlation"),
    (Reorders, "order"),
    (RunsAway, "limits"),
    (RunsAwayAndCatches, "limits"),
    (SlowToStop, "cancel"),
    (NeverStops, "silence"),
    (SpeaksWhenCancelled, "silence"),
    (SpeaksWhenClosed, "silence"),
    (Dice, "determinism"),
    (Remembers, "state"),
    (SharesASession, "concurrency"),
]
"""Plugins, each with the one check that catches it."""
