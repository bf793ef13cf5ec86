"""What must hold on every step of every run, kept apart from the model that it judges.

The checker keeps books of its own: it is told what happened, and never asks the model what it meant. A violation ends
the run. Tests break the model on purpose, once for every invariant here, and see it caught.
"""

from __future__ import annotations

from typing import NoReturn, Protocol

from rsppc.base.record import Record
from rsppc.contracts.turn_lifecycle import TRANSITIONS
from rsppc.simulate.clock import LANES, Event
from rsppc.simulate.queues import Queue

INVARIANTS = {
    "time_runs_forward": "no event happens before the one that went before it",
    "lane_priority": "control goes before data, and data before telemetry",
    "lifecycle_order": "a turn goes Idle, Opening, Active, Terminal, Closed, or from Opening back to Idle",
    "one_terminal": "an accepted turn ends with one commit or abort, and then one close",
    "no_stale_epoch_output": "nothing is output under an epoch that is not the one in force",
    "fence_after_cancel": "nothing of a turn is output after its fence",
    "bounded_queues": "no queue is above its bounds",
    "control_is_kept": "nothing on the ControlLane is shed",
    "complete_evidence": "an accepted turn leaves a complete OR-02 record",
}


class Violation(Record):
    """An invariant that did not hold: the event at which, and what was seen."""

    invariant: str
    event: int
    """Number of the event on the virtual clock."""
    at_us: int
    detail: str

    def sentence(self) -> str:
        rule = INVARIANTS[self.invariant]
        return f"`{self.invariant}` does not hold at event {self.event} ({self.at_us} us): {self.detail}; rule: {rule}"


class Broken(Exception):
    """Ends a run at the step that broke an invariant."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation.sentence())
        self.violation = violation


class QueueOfEdge(Protocol):
    """What the checker looks at when a node takes from an edge."""

    id: str
    rank: int
    queue: Queue


class Checker:
    """The books of one run."""

    __slots__ = ("_at", "_event", "_fenced", "_states", "_terminals", "epoch")

    def __init__(self, epoch: int) -> None:
        self._at = 0
        self._event = 0
        self._states: dict[str, str] = {}
        self._terminals: dict[str, list[str]] = {}
        self._fenced: dict[str, int] = {}
        self.epoch = epoch
        """The authority epoch in force."""

    def fail(self, invariant: str, detail: str) -> NoReturn:
        raise Broken(Violation(invariant=invariant, event=self._event, at_us=self._at, detail=detail))

    def step(self, event: Event, waiting: list[Event]) -> None:
        """An event is about to act; `waiting` is the heap of all others."""
        at, rank = event[0], event[1]
        if at < self._at:
            self.fail("time_runs_forward", f"event {event[2]} is of {at} us")
        self._at = at
        self._event = event[2]
        if waiting:
            first = waiting[0]
            if first[0] <= at and (first[0] < at or first[1] < rank):
                detail = f"it is of the {LANES[rank]}, and event {first[2]} of the {LANES[first[1]]} still waits"
                self.fail("lane_priority", detail)

    def transition(self, turn_id: str, trigger: str) -> None:
        """A turn was told to move."""
        state = self._states.get(turn_id, "Idle")
        target = TRANSITIONS.get((state, trigger))
        if trigger in ("commit", "abort", "close") and target is None:
            self.fail("one_terminal", f"`{trigger}` came to `{turn_id}` in state {state}")
        if target is None:
            self.fail("lifecycle_order", f"`{trigger}` came to `{turn_id}` in state {state}")
        self._states[turn_id] = target
        if trigger in ("commit", "abort", "close"):
            self._terminals.setdefault(turn_id, []).append(trigger)

    def fenced(self, turn_id: str) -> None:
        """A turn's output was fenced."""
        self._fenced.setdefault(turn_id, self._at)

    def output(self, turn_id: str, epoch: int) -> None:
        """Something of a turn was accepted as output."""
        if epoch != self.epoch:
            self.fail("no_stale_epoch_output", f"`{turn_id}` was output under epoch {epoch}, in force is {self.epoch}")
        if turn_id in self._fenced:
            self.fail("fence_after_cancel", f"`{turn_id}` was fenced at {self._fenced[turn_id]} us")
        if self._states.get(turn_id) != "Active":
            self.fail("lifecycle_order", f"`{turn_id}` was output in state {self._states.get(turn_id, 'Idle')}")

    def queue(self, queue: Queue, edge_id: str) -> None:
        """Something was put into a queue or taken out of it."""
        if len(queue.entries) > queue.max_items or queue.bytes > queue.max_bytes or queue.media_us > queue.max_us:
            held = f"{len(queue.entries)} items, {queue.bytes} bytes, {queue.media_us} us"
            bound = f"{queue.max_items} items, {queue.max_bytes} bytes, {queue.max_us} us"
            self.fail("bounded_queues", f"`{edge_id}` holds {held} of {bound}")

    def recount(self, queue: Queue, edge_id: str) -> None:
        """The sums of a queue are those of what is in it; asked at the end of turns, since it looks at every item."""
        size, media = 0, 0
        for _, item in queue.entries:
            size += item.size
            media += item.media_us
        if (size, media) != (queue.bytes, queue.media_us):
            self.fail("bounded_queues", f"`{edge_id}` holds {size} bytes and says {queue.bytes}")

    def served(self, taken: QueueOfEdge, others: tuple[QueueOfEdge, ...]) -> None:
        """A node with several inputs took from one of them."""
        for edge in others:
            if edge.rank < taken.rank and edge.queue.entries:
                self.fail("lane_priority", f"`{taken.id}` was served while `{edge.id}` of a higher lane waits")

    def shed(self, edge_id: str, rank: int, count: int) -> None:
        """Something was lost on an edge."""
        if rank == 0 and count:
            self.fail("control_is_kept", f"{count} control events were shed on `{edge_id}`")

    def closed(self, turn_id: str, missing: list[str]) -> None:
        """An accepted turn is over; `missing` are the OR-02 fields that its record lacks."""
        terminals = self._terminals.get(turn_id, [])
        if terminals not in (["commit", "close"], ["abort", "close"]):
            self.fail("one_terminal", f"`{turn_id}` ended with {', '.join(terminals) or 'nothing'}")
        if missing:
            self.fail("complete_evidence", f"the record of `{turn_id}` lacks {', '.join(missing)}")
        for books in (self._states, self._terminals, self._fenced):
            books.pop(turn_id, None)
        self._states[turn_id] = "Closed"
