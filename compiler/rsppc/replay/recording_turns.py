"""Whether one recorded turn lived as the contract says, and left evidence that says what its lines say.

The evidence is not believed: everything in it that follows from the lines is made of them again and compared. That is
what a replay of the recorded decisions is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.contracts.or02 import incomplete
from rsppc.contracts.plan_identity import determinism_of
from rsppc.contracts.rules import broken
from rsppc.contracts.turn_lifecycle import REFUSALS, TRANSITIONS
from rsppc.diagnostics import Diagnostic, Related
from rsppc.model.contract_controlplane import DECISION_OUTCOME
from rsppc.model.contract_eventabi import SIGNALS
from rsppc.model.contract_observability import COMPLETED, PRECEDENCE, TERMINALS
from rsppc.replay.excerpt import Findings
from rsppc.replay.recording_lines import Line

EMITTERS = {one.name: one.emitters for one in SIGNALS}
REQUIRES = {one.name: one.requires for one in SIGNALS}
CANCELS = ("barge_in", "stop", "cancel")
OUTPUTS = ("output_accepted", "playback_started", "playback_completed")
"""Signals that say that something was let out, or played to its end."""
_MOVES = tuple(dict.fromkeys(trigger for state, trigger in TRANSITIONS if state in ("Idle", "Active", "Terminal")))
_CAUSES = {"deauthorized_drain": "authority_loss", "budget_exhausted": "budget", **dict.fromkeys(CANCELS, "cancel")}
"""Signals after which a turn ends before its time, and the reason that they give."""


class IllegalTransition(Diagnostic):
    """A turn goes Idle, Opening, Active, Terminal, Closed, or from Opening back to Idle; each step is made by one
    signal. Anything else cannot have happened in a runtime that keeps its contract."""

    code = "RSP9230"
    name = "illegal-transition"
    headline = "{problem}"
    hint = "take the file as it was recorded; if it was recorded like this, the runtime breaks its contract"
    problem: str


class WrongTerminals(Diagnostic):
    """An accepted turn ends once, with `commit` or `abort`, and is then closed once."""

    code = "RSP9231"
    name = "wrong-terminals"
    headline = "`{subject}` ends with {found}; an accepted turn ends with one of `commit` and `abort`, then `close`"
    hint = "mend the runtime: whoever waits for the end of this turn waits for ever, or is told twice"
    found: str


class StaleAuthority(Diagnostic):
    """What a turn lets out, and that it ends well, counts only under the lease that is in force. Under an older one
    another runtime may be speaking to the same caller."""

    code = "RSP9232"
    name = "stale-authority"
    headline = "`{signal}` is of epoch {epoch}, and epoch {in_force} is in force"
    hint = "reject what comes under an old epoch, and drain the turn; see the gate `stale_authority`"
    signal: str
    epoch: int
    in_force: int


class OutputAfterFence(Diagnostic):
    """After the fence of a cancel nothing more of the turn is let out: the caller is speaking."""

    code = "RSP9233"
    name = "output-after-fence"
    headline = "`{signal}` comes after the fence of `{subject}`"
    hint = "mend the runtime: what comes late is rejected, and counted in `post_cancel_rejections`"
    signal: str


class NoEvidence(Diagnostic):
    """Every accepted turn leaves a record, whatever the level of recording. What left none cannot be answered for."""

    code = "RSP9234"
    name = "no-evidence"
    headline = "the accepted turn `{subject}` left no evidence"
    hint = "record one line `evidence` with its OR-02 record, after its close"


class IncompleteEvidence(Diagnostic):
    """The OR-02 record of a turn must say all that it has to say, and must not contradict itself."""

    code = "RSP9235"
    name = "incomplete-evidence"
    headline = "the evidence of `{subject}` is incomplete: {gap}"
    hint = "{advice}"
    gap: str
    advice: str


class EvidenceContradicts(Diagnostic):
    """What the record of a turn says follows from what was recorded while it ran. Where the two differ, one of them was
    made up or changed afterwards."""

    code = "RSP9236"
    name = "evidence-contradicts"
    headline = "`{field}` of `{subject}` is {said}, and the lines say {found}"
    hint = "take the file as it was recorded; if it was recorded like this, the recorder is wrong"
    field: str
    said: str
    found: str


class ContradictoryLine(Diagnostic):
    """Lines of one turn agree with each other: who may give a signal, under which epoch, when, and why."""

    code = "RSP9237"
    name = "contradictory-line"
    headline = "{problem}"
    hint = "take the file as it was recorded; if it was recorded like this, the runtime breaks its contract"
    problem: str


class RecordedTurn:
    """The lines of one turn, and what is known of it."""

    __slots__ = (
        "before",
        "epoch_after",
        "epoch_before",
        "index",
        "is_tainted",
        "is_whole",
        "lines",
        "proposal",
        "turn_id",
    )

    def __init__(
        self, turn_id: str, index: int, epoch: int | None, proposal: Line, before: tuple[Line, ...] = ()
    ) -> None:
        self.turn_id, self.index, self.proposal = turn_id, index, proposal
        self.before = before
        """What the session said since the turn before it."""
        self.lines: list[Line] = []
        self.is_whole = True
        """Whether it was recorded to its end."""
        self.is_tainted = False
        """Whether something in it could not be read."""
        self.epoch_before = epoch
        """The epoch in force before it; None where nobody said yet."""
        self.epoch_after = epoch if epoch is not None else proposal.get("authority_epoch")

    @property
    def evidence(self) -> Line | None:
        return next((one for one in self.lines if one.kind == "evidence"), None)

    @property
    def is_accepted(self) -> bool:
        return self.signal("turn_open") is not None

    @property
    def epoch(self) -> int:
        """The epoch that it was proposed under."""
        found: int = self.proposal.get("authority_epoch") or 0
        return found

    def signal(self, *names: str) -> Line | None:
        """The first signal of a name."""
        return next((one for one in self.lines if one.get("signal") in names and one.get("turn_id")), None)

    def signals(self) -> list[Line]:
        """All signals, in order."""
        return [one for one in self.lines if one.kind == "signal"]

    def outcomes(self) -> list[Line]:
        return [one for one in self.lines if one.kind == "outcome"]

    def of_kind(self, kind: str) -> Line | None:
        return next((one for one in self.lines if one.kind == kind), None)


class _Check:
    """One turn under judgement."""

    def __init__(self, turn: RecordedTurn, header: Line, findings: Findings) -> None:
        self.turn, self.header, self.findings = turn, header, findings
        self.start_ms: int = header.value["start_ms"]
        self.epoch = turn.epoch_before if turn.epoch_before is not None else turn.epoch
        self.epoch_at_terminal: int | None = None
        self.causes: list[str] = []
        self.state = "Idle"

    def wall_ms(self, line: Line) -> int:
        return self.start_ms + line.at_us // 1000

    def contradiction(self, line: Line, problem: str, *route: str | int) -> None:
        self.findings.report(line, ContradictoryLine(at=line.span(*route), problem=problem))

    def illegal(self, line: Line, problem: str) -> None:
        self.findings.report(line, IllegalTransition(at=line.span("line"), problem=problem))

    def report(self, line: Line, found: Diagnostic, *others: Line) -> None:
        self.findings.report(line, found, *others)

    def disagrees(self, line: Line, route: tuple[str, ...], said: Any, found: Any, because: Line | None) -> None:
        """The evidence says one thing, and a line another."""
        related = () if because is None else (Related(at=because.span(), text="this line says so"),)
        others = () if because is None else (because,)
        diagnostic = EvidenceContradicts(
            at=line.span("or02", *route),
            subject=self.turn.turn_id,
            field=".".join(route),
            said=_shown(said),
            found=_shown(found),
            related=related,
        )
        self.findings.report(line, diagnostic, *others)


def check_turn(turn: RecordedTurn, header: Line, findings: Findings) -> None:
    """Report whatever is wrong with a turn of which every line is sound; remembers the epoch in force behind it."""
    check = _Check(turn, header, findings)
    before: Line | None = None
    for line in turn.lines:
        _LINE_CHECKS[line.kind](check, line, before)
        before = line
    turn.epoch_after = check.epoch
    if not turn.is_whole:
        return
    if turn.is_accepted:
        _check_terminals(check)
        _check_reason(check)
    _check_evidence(check)
    _check_totals(check)


# --- Line by line ----------------------------------------------------------------------------------------------------


def check_signal_alone(line: Line, findings: Findings) -> None:
    """Whether a signal is given by whom it may be, and says what it must."""
    name, emitter = line.value["signal"], line.value["emitted_by"]
    found: list[tuple[str, str]] = []
    if emitter not in EMITTERS[name]:
        found.append(("emitted_by", f"`{name}` is given by {' or '.join(EMITTERS[name])}, not by {emitter}"))
    found += [("signal", f"`{name}` says no `{key}`, which it must") for key in REQUIRES[name] if line.get(key) is None]
    lost = line.get("seq_range")
    if lost is not None and lost["start"] > lost["end"]:
        found.append(("seq_range", "what was lost ends before it begins"))
    for key, problem in found:
        findings.report(line, ContradictoryLine(at=line.span(key), problem=problem))


def _check_signal(check: _Check, line: Line, _before: Line | None) -> None:
    name, turn = line.value["signal"], check.turn
    check_signal_alone(line, check.findings)
    if (line.get("turn_id") is None) != (line.get("authority_epoch") is None):
        check.contradiction(line, f"`{name}` names a turn and its epoch, or neither", "signal")
    elif line.get("turn_id") is not None and line.value["authority_epoch"] != turn.epoch:
        problem = f"`{turn.turn_id}` runs under epoch {turn.epoch}, not {line.value['authority_epoch']}"
        check.contradiction(line, problem, "authority_epoch")
    if name == "lease_rotated":
        _rotate(check, line)
    elif name == "turn_open_proposed" and turn.epoch != check.epoch:
        found = StaleAuthority(at=line.span("authority_epoch"), signal=name, epoch=turn.epoch, in_force=check.epoch)
        check.report(line, found)
    if check.state == "Active" and name in _CAUSES and (name != "budget_exhausted" or line.get("node_id") is None):
        check.causes.append(_CAUSES[name])
    if name in (*OUTPUTS, "commit"):
        if turn.epoch != check.epoch:
            found = StaleAuthority(at=line.span("signal"), signal=name, epoch=turn.epoch, in_force=check.epoch)
            check.report(line, found)
        elif name in OUTPUTS and check.state != "Active":
            check.illegal(line, f"`{name}` of `{turn.turn_id}` comes in state {check.state}")
    if name in TERMINALS:
        check.epoch_at_terminal = check.epoch
    if name in _MOVES and _moved_by(turn, line) is None:
        check.illegal(line, f"`{name}` of `{turn.turn_id}` moves nothing: no line `transition` follows it")


def _rotate(check: _Check, line: Line) -> None:
    epoch = line.get("epoch")
    if epoch is None or epoch <= check.epoch:
        check.contradiction(line, f"the lease is rotated to an epoch above {check.epoch}, not to {epoch}", "epoch")
    if epoch is not None:
        check.epoch = epoch


def _moved_by(turn: RecordedTurn, signal: Line) -> Line | None:
    """The transition that a signal makes, which is the next line."""
    index = turn.lines.index(signal) + 1
    following = turn.lines[index] if index < len(turn.lines) else None
    if following is None and not turn.is_whole:
        return signal  # whatever came next was lost
    is_its_own = following is not None and following.get("trigger") == signal.value["signal"]
    return following if is_its_own else None


def _check_transition(check: _Check, line: Line, before: Line | None) -> None:
    turn, trigger = check.turn, line.value["trigger"]
    if before is None or before.get("signal") != trigger:
        check.illegal(line, f"no signal `{trigger}` stands before this transition of `{turn.turn_id}`")
    elif before.at_us != line.at_us:
        check.contradiction(line, f"`{trigger}` was given at {before.at_us} us", "at_us")
    target = TRANSITIONS.get((check.state, trigger))
    if target is None:
        check.illegal(line, f"`{trigger}` comes to `{turn.turn_id}` in state {check.state}")
    elif (line.value["from"], line.value["to"]) != (check.state, target):
        check.illegal(line, f"`{trigger}` leads `{turn.turn_id}` from {check.state} to {target}")
    check.state = target or line.value["to"]


def _check_inputs(check: _Check, line: Line, _before: Line | None) -> None:
    if check.state != "Opening" or check.turn.of_kind("inputs") is not line:
        check.contradiction(line, f"`{check.turn.turn_id}` is decided on once, while it opens", "line")
    if line.value["authority_epoch"] not in (None, check.epoch):
        problem = f"epoch {check.epoch} is in force, not {line.value['authority_epoch']}"
        check.contradiction(line, problem, "authority_epoch")


def _check_outcome(check: _Check, line: Line, _before: Line | None) -> None:
    said, turn = line.value["outcome"], check.turn
    kind = said["outcome_kind"]
    for breach in broken(DECISION_OUTCOME, said):
        check.contradiction(line, f"{breach.message} (rule `{breach.rule}`)", "outcome", *breach.path)
    expected = {
        "session_id": check.header.value["session_id"],
        "runtime_timestamp_ms": line.at_us // 1000,
        "wall_clock_timestamp_ms": check.wall_ms(line),
        "turn_id": turn.turn_id if "turn_id" in said else None,
    }
    for key, value in expected.items():
        if said.get(key) != value:
            check.contradiction(
                line, f"`{key}` of the outcome is {_shown(said.get(key))}, not {_shown(value)}", "outcome", key
            )
    is_refusal = kind in REFUSALS and said["phase"] == "pre_turn"
    if (kind == "admit" or is_refusal) and (check.state != "Opening" or turn.outcomes()[0] is not line):
        check.contradiction(line, f"`{kind}` is decided once, while `{turn.turn_id}` opens", "outcome", "outcome_kind")
    if kind == "admit" and not turn.is_accepted and turn.is_whole:
        check.contradiction(line, f"`{turn.turn_id}` was admitted and did not open", "outcome", "outcome_kind")
    refused = next((one for one in turn.lines if one.get("trigger") in REFUSALS), None)
    if is_refusal and turn.is_whole and (refused is None or refused.value["trigger"] != kind):
        check.contradiction(line, f"`{turn.turn_id}` did not end with `{kind}`", "outcome", "outcome_kind")
    signal = turn.signal(*REFUSALS) if is_refusal else None
    if signal is not None and signal.get("reason") != said["reason"]:
        check.contradiction(signal, f"the reason of the decision is `{said['reason']}`", "reason")


def _check_evidence_line(check: _Check, line: Line, _before: Line | None) -> None:
    if check.state != "Closed" or check.turn.evidence is not line:
        check.contradiction(line, f"`{check.turn.turn_id}` leaves one record, after its close", "line")


def _check_totals_line(check: _Check, line: Line, _before: Line | None) -> None:
    if check.state not in ("Closed", "Idle"):
        check.illegal(line, f"`{check.turn.turn_id}` is summed up in state {check.state}")


_LINE_CHECKS = {
    "signal": _check_signal,
    "transition": _check_transition,
    "inputs": _check_inputs,
    "outcome": _check_outcome,
    "evidence": _check_evidence_line,
    "totals": _check_totals_line,
}


# --- The whole turn --------------------------------------------------------------------------------------------------


def _check_terminals(check: _Check) -> None:
    turn = check.turn
    ends = [one for one in turn.signals() if one.value["signal"] in (*TERMINALS, "close")]
    names = [one.value["signal"] for one in ends]
    if names not in (["commit", "close"], ["abort", "close"]):
        line = ends[-1] if ends else turn.lines[-1]
        found = ", ".join(f"`{name}`" for name in names) or "nothing"
        check.report(line, WrongTerminals(at=line.span("line"), subject=turn.turn_id, found=found))


def _check_reason(check: _Check) -> None:
    """An abort gives the strongest of the reasons that came up; a turn that something was to end is not committed."""
    turn, end = check.turn, check.turn.signal(*TERMINALS)
    if end is None:
        return
    strongest = min(check.causes, key=PRECEDENCE.index, default=None)
    reason = end.get("reason")
    if end.value["signal"] == "commit":
        if strongest is not None:
            check.contradiction(end, f"`{turn.turn_id}` is committed, and was to end with `{strongest}`", "signal")
    elif reason not in PRECEDENCE:
        check.contradiction(end, f"`{reason}` is no reason for an abort", "reason")
    elif strongest is not None and reason != strongest:
        check.contradiction(end, f"`{turn.turn_id}` ends with `{reason}`, and `{strongest}` goes before", "reason")
    elif strongest is None and PRECEDENCE.index(reason) < PRECEDENCE.index("error"):
        check.contradiction(end, f"nothing says why `{turn.turn_id}` ends with `{reason}`", "reason")


def _check_evidence(check: _Check) -> None:
    turn, line = check.turn, check.turn.evidence
    if line is None:
        if turn.is_accepted:
            last = turn.lines[-1]
            check.report(last, NoEvidence(at=last.span("line"), subject=turn.turn_id))
        return
    if not turn.is_accepted:
        check.contradiction(line, f"`{turn.turn_id}` was not accepted, and leaves no evidence", "line")
        return
    record = line.value["or02"]
    gaps = incomplete(record)
    for gap in gaps:
        at = line.span("or02", gap.field)
        found = IncompleteEvidence(at=at, subject=turn.turn_id, gap=gap.sentence(), advice=gap.advice)
        check.report(line, found)
    told = {gap.field for gap in gaps}
    for field, value, because in _follows(check, record):
        if field not in told and record.get(field) != value:
            check.disagrees(line, (field,), record.get(field), value, because)
    if not told:
        _check_fence(check, line, record)
        _check_rejections(check, line, record)


def _follows(check: _Check, record: dict[str, Any]) -> Iterator[tuple[str, Any, Line | None]]:
    """What the record must say: field, value, and the line that it follows from."""
    turn, header = check.turn, check.header
    opened, end, closed = turn.signal("turn_open"), turn.signal(*TERMINALS), turn.signal("close")
    outcomes = turn.outcomes()
    yield "session_id", header.value["session_id"], header
    yield "pipeline_version", header.value["bundle"], header
    yield "lease_epoch_at_turn_open", turn.epoch, turn.proposal
    if opened is not None:
        yield "turn_open_timestamp_ms", check.wall_ms(opened), opened
    if end is not None:
        name = end.value["signal"]
        yield "lease_epoch_at_terminal", check.epoch_at_terminal, end
        yield "terminal_outcome", name, end
        yield "terminal_reason", end.get("reason") if name == "abort" else COMPLETED, end
        yield "terminal_timestamp_ms", check.wall_ms(end), end
    if closed is not None:
        yield "turn_close_timestamp_ms", check.wall_ms(closed), closed
    if outcomes:
        yield "admission_outcome", outcomes[0].value["outcome"]["outcome_kind"], outcomes[0]
    yield "decision_outcomes", [one.value["outcome"] for one in outcomes], outcomes[-1] if outcomes else None
    cancel = turn.signal(*CANCELS)
    yield "cancel_accepted_timestamp_ms", None if cancel is None else check.wall_ms(cancel), cancel
    yield "cancel_scope", None if cancel is None else cancel.get("scope") or "turn", cancel
    determinism = determinism_of(record["plan_hash"], record["lease_epoch_at_turn_open"])
    determinism["determinism_seed"] = determinism.pop("seed")
    for field, value in determinism.items():
        yield field, value, None


def _check_fence(check: _Check, line: Line, record: dict[str, Any]) -> None:
    """When a cancel held, and that nothing was let out from then on."""
    fence_ms = record.get("cancel_fence_timestamp_ms")
    cancelled, accepted = check.turn.signal("playback_cancelled"), check.turn.signal(*CANCELS)
    if fence_ms is None or accepted is None:
        return
    if cancelled is not None:
        held = max(check.wall_ms(cancelled), check.wall_ms(accepted))
        if fence_ms != held:
            check.disagrees(line, ("cancel_fence_timestamp_ms",), fence_ms, held, cancelled)
    for one in check.turn.signals():
        if one.value["signal"] in OUTPUTS and check.wall_ms(one) > fence_ms:
            found = OutputAfterFence(at=one.span("signal"), subject=check.turn.turn_id, signal=one.value["signal"])
            check.report(one, found)


def _check_rejections(check: _Check, line: Line, record: dict[str, Any]) -> None:
    """What was rejected came after the fence, or under an epoch that was no longer in force, and before the close."""
    turn = check.turn
    key = "post_cancel_rejections" if "post_cancel_rejections" in record else "rejections"
    markers = record.get(key) or []
    if len({one["reason"] for one in markers}) != len(markers):
        check.disagrees(line, (key,), "one reason twice", "one marker for each reason", None)
    stale = next((one for one in markers if one["reason"] == "stale_epoch"), None)
    said = next((one for one in turn.signals() if one.value["signal"] == "stale_epoch_reject"), None)
    found = None if stale is None else stale["first_at_us"]
    wanted = None if said is None else said.at_us
    if found != wanted:
        check.disagrees(line, (key,), f"stale output at {found}", f"stale output at {wanted}", said)
    closed = turn.signal("close")
    for one in markers:
        if closed is not None and not turn.proposal.at_us <= one["first_at_us"] <= one["last_at_us"] <= closed.at_us:
            check.disagrees(line, (key,), f"{one['first_at_us']} to {one['last_at_us']}", "a time in the turn", closed)


def _check_totals(check: _Check) -> None:
    turn, line = check.turn, check.turn.of_kind("totals")
    if line is None:
        return
    first = turn.signal("output_accepted")
    if (line.value["outputs"] > 0) != (first is not None):
        problem = f"`outputs` is {line.value['outputs']}, and `output_accepted` was {'' if first else 'not '}given"
        check.contradiction(line, problem, "outputs")


def _shown(value: Any) -> str:
    """A value in a sentence."""
    if value is None:
        return "nothing"
    if isinstance(value, dict | list):
        return "other values" if value else "empty"
    text = str(value)
    return f"`{text if len(text) <= 80 else text[:77] + '…'}`"
