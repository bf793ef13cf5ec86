"""Step through the events of a recording in a stable order, and go on later at the same place.

The order is that of the manifest's keys. It follows the time, so that only events of one moment are ever held to be put
in order. A token names a place in one recording under one order: of another recording, or of a changed one, it is worth
nothing, and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from rsppc.base.record import Record
from rsppc.replay.recording import Recording
from rsppc.replay.recording_lines import Line

_TOKEN = re.compile(r"rc1\.(?P<place>0|[1-9][0-9]{0,15})\.(?P<seal>[0-9a-f]{32})")


class Event(Record):
    """One event of a session, as a cursor gives it."""

    runtime_timestamp_ms: int
    runtime_sequence: int
    event_id: str
    turn_id: str | None
    kind: str
    what: str

    def value(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__struct_fields__}


class Place(Record):
    """Where to go on: behind how many events."""

    behind: int
    digest: str
    keys: tuple[str, ...]

    def token(self) -> str:
        """The place as a text that can be kept."""
        return f"rc1.{self.behind}.{_seal(self.behind, self.digest, self.keys)}"


def place_of(token: str, digest: str, keys: Sequence[str]) -> Place | None:
    """The place that a token names in a recording under an order; None where it names none there."""
    found = _TOKEN.fullmatch(token)
    if found is None or found["seal"] != _seal(int(found["place"]), digest, keys):
        return None
    return Place(behind=int(found["place"]), digest=digest, keys=tuple(keys))


def _seal(behind: int, digest: str, keys: Sequence[str]) -> str:
    return sha256(f"{behind}|{digest}|{','.join(keys)}".encode()).hexdigest()[:32]


def events(recording: Recording, keys: Sequence[str]) -> Iterator[Event]:
    """All events of a recording in the order of some keys, of which the first follows the time."""
    assert keys, "a cursor has an order"
    order: Callable[[Event], tuple[Any, ...]] = lambda event: tuple(getattr(event, key) for key in keys)  # noqa: E731
    moment: list[Event] = []
    for line in _lines(recording):
        event = _event(line, recording)
        if moment and getattr(moment[0], keys[0]) != getattr(event, keys[0]):
            yield from sorted(moment, key=order)
            moment = []
        moment.append(event)
    yield from sorted(moment, key=order)


def _lines(recording: Recording) -> Iterator[Line]:
    if recording.header is not None:
        yield recording.header
    for turn in recording.turns():
        yield from (line for line in (*turn.before, *turn.lines) if line.value)


def _event(line: Line, recording: Recording) -> Event:
    assert recording.header is not None
    value = line.value
    decision = value.get("outcome") or {}
    said = value.get("signal") or value.get("trigger") or decision.get("outcome_kind") or ""
    turn_id = value["or02"]["turn_id"] if line.kind == "evidence" else value.get("turn_id")
    session = recording.header.value["session_id"]
    return Event(
        runtime_timestamp_ms=line.at_us // 1000,
        runtime_sequence=value["runtime_sequence"],
        event_id=decision.get("event_id") or f"{session}/{value['runtime_sequence']}",
        turn_id=turn_id,
        kind=line.kind,
        what=said,
    )
