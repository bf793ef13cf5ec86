"""Read a recorded session turn by turn, and report whatever is wrong with it.

A recording is sound when its lines are, when they are numbered without a gap and time never runs backwards, when each
turn lives as the contract says, and when the evidence of each accepted turn says what the lines say. It is whole when
it comes to its end. What is wrong is reported as it is read; a turn of which something could not be read is not judged
further, since what follows from that would hide what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.contracts.or02 import incomplete
from rsppc.diagnostics import Diagnostic
from rsppc.replay.excerpt import Findings
from rsppc.replay.recording_lines import Line, Lines
from rsppc.replay.recording_turns import RecordedTurn, check_signal_alone, check_turn

TURN_LINES_MAX = 20_000
"""More lines than any turn has. What goes on for longer was cut together wrongly, and would fill the memory."""


class NoRecording(Diagnostic):
    """The first line says of which session a recording is, from which bundle, and when it began. Without it the rest
    cannot be judged."""

    code = "RSP9223"
    name = "no-recording"
    headline = "`{subject}` does not begin with a line `run`"
    hint = "name a file that `rsppc simulate --timeline` or a recorder wrote"


class CutRecording(Diagnostic):
    """A file that ends in the middle of a line was cut: the recorder was stopped, the disk was full, or a copy broke
    off. What stands before the cut is good, what stood behind it is lost."""

    code = "RSP9224"
    name = "cut-recording"
    headline = "the recording is cut in the middle of line {number}, at byte {byte}"
    hint = "{usable}; record the rest again"
    number: int
    byte: int
    usable: str


class UnfinishedRecording(Diagnostic):
    """The last line of a recording is `end`, and says how many turns there were. A file without it may lack any number
    of turns, so that it never counts as whole."""

    code = "RSP9225"
    name = "unfinished-recording"
    headline = "{problem}"
    hint = "{usable}; record the session again to its end"
    problem: str
    usable: str


class SequenceGap(Diagnostic):
    """Lines are numbered from 1 without a gap, so that one that was lost or put in is noticed."""

    code = "RSP9226"
    name = "sequence-gap"
    headline = "`runtime_sequence` is {found}, and {expected} comes next"
    hint = "take the file as it was recorded; a line was lost, put in, or put elsewhere"
    found: int
    expected: int


class TimeRunsBackwards(Diagnostic):
    """Lines are written as things happen, so that no line is of an earlier time than the one before."""

    code = "RSP9227"
    name = "time-runs-backwards"
    headline = "`at_us` is {found}, and the line before is of {before}"
    hint = "take the file as it was recorded, and the time from one clock that is never set"
    found: int
    before: int


class LineOutOfPlace(Diagnostic):
    """A turn is proposed, lives, and is summed up; turns of a session come one after the other. A line that stands
    elsewhere belongs to another recording, or was moved."""

    code = "RSP9228"
    name = "line-out-of-place"
    headline = "{problem}"
    hint = "take the file as it was recorded"
    problem: str


class RecordedViolation(Diagnostic):
    """The runtime itself noticed that an invariant did not hold, and stopped there."""

    code = "RSP9229"
    name = "recorded-violation"
    headline = "the run was given up: `{invariant}` did not hold: {detail}"
    hint = "mend the runtime or the bundle, and record the session again"
    invariant: str
    detail: str


class Counts(Record):
    """What a recording holds."""

    lines: int
    turns: int
    accepted: int
    complete: int
    """Accepted turns whose evidence is there and lacks nothing."""
    sound: int
    """Turns about which nothing was found."""
    failovers: int
    """Accepted turns that lost their authority."""


class Recording:
    """One file, read once."""

    def __init__(self, path: str, readline: Callable[[int], bytes]) -> None:
        self.path = path
        self.findings = Findings(path)
        self.is_whole = False
        """Whether it came to its end; known when all turns have been read."""
        self._reader = Lines(path, readline, self.findings)
        self._lines = iter(self._reader)
        self._sequence = 0
        self._at_us = 0
        self._epoch: int | None = None
        self._turns = self._accepted = self._complete = self._sound = self._failovers = 0
        self._last: Line | None = None
        self._between: list[Line] = []
        self.header: Line | None = self._read_header()

    @property
    def digest(self) -> Digest:
        """Digest of the file; known when all turns have been read."""
        return self._reader.digest

    @property
    def counts(self) -> Counts:
        return Counts(
            lines=self._reader.count,
            turns=self._turns,
            accepted=self._accepted,
            complete=self._complete,
            sound=self._sound,
            failovers=self._failovers,
        )

    def _read_header(self) -> Line | None:
        first = next(self._lines, None)
        if first is not None and first.kind == "run":
            self._in_order(first)
            return first
        if not self.findings.count:
            line = first or self._reader.cut or Line(self.path, 1, 0, b"", {})
            self.findings.report(line, NoRecording(at=line.span(), subject=self.path))
        return None

    def turns(self) -> Iterator[RecordedTurn]:
        """The turns, each as soon as it was read and checked."""
        if self.header is None:
            return
        turn: RecordedTurn | None = None
        for line in self._lines:
            turn, done = self._take(line, turn)
            if done is not None:
                yield self._concluded(done)
            if line.kind in ("end", "violation"):
                break
        if turn is not None:
            turn.is_whole = False
            yield self._concluded(turn)
        self._finish(turn)

    # --- Line by line -----------------------------------------------------------------------------------------------

    def _take(self, line: Line, turn: RecordedTurn | None) -> tuple[RecordedTurn | None, RecordedTurn | None]:
        """The turn that goes on after a line, and the one that is over with it."""
        self._in_order(line)
        self._last = line
        if not line.value:
            if turn is not None:
                turn.is_tainted = True
            return turn, None
        turn_id = _turn_of(line)
        if line.kind in ("run", "end", "violation"):
            self._judge_framing(line, turn)
            return turn, None
        done = None
        if line.get("signal") == "turn_open_proposed" and (turn is None or turn.turn_id != turn_id):
            if turn is not None:
                turn.is_whole, done = False, turn
                self._misplaced(line, f"`{turn_id}` is proposed, and `{turn.turn_id}` is not summed up yet")
            turn = RecordedTurn(turn_id or "", self._turns, self._epoch, line, tuple(self._between))
            self._between.clear()
            self._turns += 1
        if turn is None or turn_id not in (None, turn.turn_id):
            if turn_id is not None:
                self._misplaced(line, f"a line `{line.kind}` of `{turn_id}` stands outside of that turn")
            self._between_turns(line)
            return turn, done
        self._keep(line, turn)
        if line.kind == "totals":
            return None, turn
        return turn, done

    def _keep(self, line: Line, turn: RecordedTurn) -> None:
        turn.lines.append(line)
        if len(turn.lines) == TURN_LINES_MAX:
            self._misplaced(line, f"`{turn.turn_id}` has more than {TURN_LINES_MAX} lines")
        if len(turn.lines) >= TURN_LINES_MAX:
            turn.is_tainted = True
            turn.lines.pop()

    def _between_turns(self, line: Line) -> None:
        if len(self._between) < TURN_LINES_MAX:
            self._between.append(line)
        if line.kind == "signal":
            check_signal_alone(line, self.findings)
        if line.get("signal") == "lease_rotated" and line.get("epoch") is not None:
            self._epoch = line.get("epoch")

    def _in_order(self, line: Line) -> None:
        self._sequence += 1
        sequence, at_us = line.get("runtime_sequence"), line.get("at_us")
        if sequence is None or at_us is None:
            return
        if sequence != self._sequence:
            at = line.span("runtime_sequence")
            self.findings.report(line, SequenceGap(at=at, found=sequence, expected=self._sequence))
        if at_us < self._at_us:
            at = line.span("at_us")
            self.findings.report(line, TimeRunsBackwards(at=at, found=at_us, before=self._at_us))
        self._sequence, self._at_us = sequence, at_us

    def _misplaced(self, line: Line, problem: str) -> None:
        self.findings.report(line, LineOutOfPlace(at=line.span("line"), problem=problem))

    def _judge_framing(self, line: Line, turn: RecordedTurn | None) -> None:
        if line.kind == "run":
            self._misplaced(line, "a second line `run` begins another recording")
        elif line.kind == "violation":
            at = line.span("invariant")
            said = {key: line.value[key] for key in ("invariant", "detail")}
            self.findings.report(line, RecordedViolation(at=at, **said))
        elif turn is None:
            self.is_whole = True
            for key, found in (("turns", self._turns), ("accepted", self._accepted)):
                if line.value[key] != found:
                    self.is_whole = False
                    problem = f"`{key}` is {line.value[key]}, and {found} are here"
                    at = line.span(key)
                    self.findings.report(line, UnfinishedRecording(at=at, problem=problem, usable=self._usable()))

    # --- At the end of a turn, and of the file ------------------------------------------------------------------------

    def _concluded(self, turn: RecordedTurn) -> RecordedTurn:
        """The turn, checked and counted."""
        assert self.header is not None
        before = self.findings.count
        if not turn.is_tainted:
            check_turn(turn, self.header, self.findings)
        self._epoch = turn.epoch_after
        self._accepted += turn.is_accepted
        evidence = turn.evidence
        is_complete = turn.is_whole and evidence is not None and not incomplete(evidence.value["or02"])
        self._complete += is_complete
        self._sound += turn.is_whole and not turn.is_tainted and self.findings.count == before
        if evidence is not None:
            self._failovers += evidence.value["or02"]["terminal_reason"] == "authority_loss"
        return turn

    def _finish(self, turn: RecordedTurn | None) -> None:
        """Say where the file breaks off."""
        cut, last = self._reader.cut, self._last or self.header
        assert last is not None
        lost = f"`{turn.turn_id}` is lost from there on; " if turn is not None else ""
        if cut is not None:
            self.is_whole = False
            usable = lost + self._usable()
            at = _end_of(cut)
            byte = cut.offset + len(cut.data)
            self.findings.report(cut, CutRecording(at=at, number=cut.number, byte=byte, usable=usable))
        elif next(self._lines, None) is not None:
            self.is_whole = False
            self._misplaced(last, f"a line stands behind the line `{last.kind}`, which is the last one")
        elif last.kind not in ("end", "violation") or turn is not None:
            self.is_whole = False
            within = f" in the middle of `{turn.turn_id}`" if turn is not None else ""
            problem = f"the recording breaks off behind line {last.number}{within}"
            found = UnfinishedRecording(at=_end_of(last), problem=problem, usable=lost + self._usable())
            self.findings.report(last, found)

    def _usable(self) -> str:
        whole = self._sound
        if not whole:
            return "no turn before it is whole"
        return f"{'the turn' if whole == 1 else f'{whole} turns'} before it can be used"


def _turn_of(line: Line) -> str | None:
    found = line.value["or02"]["turn_id"] if line.kind == "evidence" else line.get("turn_id")
    return None if found is None else str(found)


def _end_of(line: Line) -> Span:
    size = len(line.source.text)
    return Span(source=line.source, start=max(size - 1, 0), end=max(size, 1))
