"""Two recordings of one session, turn by turn. Neither is kept in memory: turns are paired as they are read."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from rsppc.diagnostics import Diagnostic
from rsppc.replay.compare_turn import divergences_of, only_one
from rsppc.replay.divergence import SESSION, Divergence, where
from rsppc.replay.recording import Recording
from rsppc.replay.recording_turns import RecordedTurn

AHEAD = 64
"""How many turns are looked at to find one that the other recording has."""
_OF_THE_SESSION = ("session_id", "scenario", "seed", "language")


class OtherTurns(Diagnostic):
    """A manifest that speaks of one turn, or of the turns of one plan, is about that turn or plan. A recording without
    it proves nothing that the manifest asks for."""

    code = "RSP9241"
    name = "other-turns"
    headline = "no turn of this recording is one that `{subject}` speaks of"
    hint = "name a recording of {wanted}, or another manifest"
    wanted: str


class OtherBundle(Diagnostic):
    """A manifest names the bundle whose turns it speaks of. How it judges may well be meant for other bundles, too;
    that is for people to decide."""

    code = "RSP9242"
    name = "other-bundle"
    severity = "warning"
    headline = "`{subject}` speaks of turns of `{wanted}`, and these are of `{found}`"
    hint = "write a manifest of your own, with `turn_ref: bundle:{found}`"
    wanted: str
    found: str


class OtherSession(Diagnostic):
    """A replay is held against what was recorded of the same session: the same caller, the same chance. Two sessions
    differ in everything, and that says nothing."""

    code = "RSP9240"
    name = "other-session"
    headline = "`{subject}` is {replayed}, and the session that was recorded has {recorded}"
    hint = "compare recordings of one session"
    recorded: str
    replayed: str


def other_session(recorded: Recording, replayed: Recording) -> bool:
    """Whether two recordings are of different sessions, which is reported as a finding about the second."""
    if recorded.header is None or replayed.header is None:
        return False
    differing = [name for name in _OF_THE_SESSION if recorded.header.get(name) != replayed.header.get(name)]
    for name in differing:
        sides = tuple(f"`{side.get(name)}`" for side in (recorded.header, replayed.header))
        found = OtherSession(at=replayed.header.span(name), subject=name, recorded=sides[0], replayed=sides[1])
        replayed.findings.report(replayed.header, found)
    return bool(differing)


def compared(recorded: Recording, replayed: Recording, *, tolerance_ms: int) -> Iterator[Divergence]:
    """All differences, in the order of the recording; those of the session first."""
    yield from _of_the_session(recorded, replayed)
    for one, other in _paired(recorded.turns(), replayed.turns()):
        if one is not None and other is not None:
            yield from divergences_of(one, other, tolerance_ms=tolerance_ms)
        elif one is not None:
            yield only_one(one, is_recorded=True)
        elif other is not None:
            yield only_one(other, is_recorded=False)


def _of_the_session(recorded: Recording, replayed: Recording) -> Iterator[Divergence]:
    first, second = recorded.header, replayed.header
    if first is None or second is None or first.get("resolved_spec_id") == second.get("resolved_spec_id"):
        return
    name = "resolved_spec_id"
    yield Divergence(
        kind="PLAN",
        turn_id=SESSION,
        field=name,
        recorded=first.get(name),
        replayed=second.get(name),
        recorded_at=where(first, name),
        replayed_at=where(second, name),
    )


_Paired = tuple[RecordedTurn | None, RecordedTurn | None]


def _paired(recorded: Iterator[RecordedTurn], replayed: Iterator[RecordedTurn]) -> Iterator[_Paired]:
    """Turns of one name side by side; None where a side has none."""
    first, second = _Ahead(recorded), _Ahead(replayed)
    while True:
        one, other = first.peek(), second.peek()
        if one is None and other is None:
            return
        if one is None or (other is not None and one.turn_id != other.turn_id and second.sees(one.turn_id)):
            yield None, second.take()
        elif other is None or one.turn_id != other.turn_id:
            yield first.take(), None
        else:
            yield first.take(), second.take()


class _Ahead:
    """Turns with a look at some that follow."""

    def __init__(self, turns: Iterator[RecordedTurn]) -> None:
        self._turns = turns
        self._waiting: deque[RecordedTurn] = deque()

    def peek(self) -> RecordedTurn | None:
        self._fill(1)
        return self._waiting[0] if self._waiting else None

    def take(self) -> RecordedTurn:
        self._fill(1)
        return self._waiting.popleft()

    def sees(self, turn_id: str) -> bool:
        """Whether a turn comes soon."""
        self._fill(AHEAD)
        return any(turn.turn_id == turn_id for turn in self._waiting)

    def _fill(self, count: int) -> None:
        while len(self._waiting) < count:
            turn = next(self._turns, None)
            if turn is None:
                return
            self._waiting.append(turn)
