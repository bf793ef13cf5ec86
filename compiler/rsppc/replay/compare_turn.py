"""How one turn differs from the same turn in another recording, each difference in one of six classes.

Times are compared from the proposal of the turn on, so that a turn that took longer does not make all later ones late.
What depends on single microseconds, such as how many frames were put out, is compared only where all times are alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from rsppc.model.contract_observability import TERMINALS
from rsppc.replay.divergence import Divergence, Where, where
from rsppc.replay.recording_lines import Line
from rsppc.replay.recording_turns import RecordedTurn

_PLAN_FIELDS = ("pipeline_version", "plan_hash", "execution_profile_version", "or02_evidence_schema_version")
_OF_THE_HASH = ("resolved_turn_plan_id", "determinism_seed", "nondeterministic_inputs")
"""What follows from the hash of a plan and is told only where that does not differ."""
_FIELDS = {
    **dict.fromkeys((*_PLAN_FIELDS, "merge_rule_id", "merge_rule_version"), "PLAN"),
    "ordering_markers": "ORDERING",
    "lease_epoch_at_turn_open": "AUTHORITY",
    "lease_epoch_at_terminal": "AUTHORITY",
    "terminal_outcome": "OUTCOME",
    "cancel_scope": "OUTCOME",
    "redaction_decisions": "OUTCOME",
}
"""Fields of the evidence that are compared as they are."""

_AUTHORITY = ("stale_epoch_reject", "deauthorized_drain")
_SIGNALS = {
    **dict.fromkeys(("provider_error", "provider_switch", "circuit_event", "fallback"), "PROVIDER_CHOICE"),
    **dict.fromkeys(("lease_issued", "lease_rotated", "migration_start", "migration_finish"), "AUTHORITY"),
    **dict.fromkeys((*_AUTHORITY, "session_handoff"), "AUTHORITY"),
    **dict.fromkeys(
        ("barge_in", "stop", "cancel", "budget_exhausted", "degrade", "shed", "output_accepted"), "OUTCOME"
    ),
    **dict.fromkeys(("turn_open_proposed", "turn_open", "commit", "abort", "close", "reject", "defer"), "OUTCOME"),
}
"""Class of a signal that one side has and the other has not; of the others, the order of events differs."""
_TOLD_BY_EVIDENCE = ("turn_open", *TERMINALS, "close")
_FACTS = (
    "emitted_by",
    "node_id",
    "edge_id",
    "target_lane",
    "reason",
    "scope",
    "provider",
    "rule",
    "to",
    "trigger",
    "sync_domain",
)

_Key = tuple[Any, ...]


class _Pair:
    """The two sides of a turn."""

    def __init__(self, recorded: RecordedTurn, replayed: RecordedTurn, tolerance_us: int) -> None:
        self.recorded, self.replayed, self.tolerance_us = recorded, replayed, tolerance_us
        self.turn_id = recorded.turn_id
        self.is_exact = True
        """Whether all times and all events are alike."""

    def differ(
        self,
        kind: str,
        field: str,
        values: tuple[Any, Any],
        places: tuple[Where | None, Where | None],
        diff_us: int | None = None,
    ) -> Divergence:
        return Divergence(
            kind=kind,
            turn_id=self.turn_id,
            field=field,
            recorded=values[0],
            replayed=values[1],
            recorded_at=places[0],
            replayed_at=places[1],
            diff_us=diff_us,
        )


def divergences_of(recorded: RecordedTurn, replayed: RecordedTurn, *, tolerance_ms: int) -> list[Divergence]:
    """All differences of two turns of one name."""
    pair = _Pair(recorded, replayed, tolerance_ms * 1000)
    found = [*_decided(pair), *_events(pair), *_known(pair)]
    first, second = recorded.evidence, replayed.evidence
    if first is not None and second is not None:
        found += [*_plan(pair, first, second), *_evidence(pair, first, second), *_providers(pair, first, second)]
        found += _rejections(pair, first, second)
    if pair.is_exact:
        found += _totals(pair)
    return found


def only_one(turn: RecordedTurn, *, is_recorded: bool) -> Divergence:
    """A turn that only one of the recordings has."""
    at = where(turn.proposal, "turn_id")
    return Divergence(
        kind="OUTCOME",
        turn_id=turn.turn_id,
        field="turn",
        recorded="there" if is_recorded else None,
        replayed=None if is_recorded else "there",
        recorded_at=at if is_recorded else None,
        replayed_at=None if is_recorded else at,
    )


# --- What was decided ------------------------------------------------------------------------------------------------


def _decided(pair: _Pair) -> Iterator[Divergence]:
    """Decisions in order: what they were, and why. Those about authority are compared apart from the others."""
    for kind in ("AUTHORITY", "OUTCOME"):
        first, second = (
            [line for line in turn.outcomes() if (_decision(line)[0] in _AUTHORITY) == (kind == "AUTHORITY")]
            for turn in (pair.recorded, pair.replayed)
        )
        for index in range(max(len(first), len(second))):
            one = first[index] if index < len(first) else None
            other = second[index] if index < len(second) else None
            if _decision(one) != _decision(other):
                values = _decided_in_words(one), _decided_in_words(other)
                places = where(one, "outcome", "outcome_kind"), where(other, "outcome", "outcome_kind")
                yield pair.differ(kind, f"decision_outcomes[{index}]", values, places)
                break


_SAID_BY_DECISIONS = ("outcome_kind", "reason", "phase", "scope", "emitted_by", "authority_epoch")


def _decision(line: Line | None) -> tuple[Any, ...]:
    return () if line is None else tuple(line.value["outcome"].get(name) for name in _SAID_BY_DECISIONS)


def _decided_in_words(line: Line | None) -> str | None:
    return None if line is None else " ".join(str(word) for word in _decision(line) if word is not None)


def _known(pair: _Pair) -> Iterator[Divergence]:
    """What was known when the turn was decided on."""
    first, second = pair.recorded.of_kind("inputs"), pair.replayed.of_kind("inputs")
    kinds = {
        "authority_epoch": "AUTHORITY",
        "providers_down": "PROVIDER_CHOICE",
        **dict.fromkeys(("control_lane_milli", "data_lane_milli", "telemetry_lane_milli"), "PLAN"),
    }
    for name, kind in kinds.items():
        values = tuple(None if line is None else line.get(name) for line in (first, second))
        if values[0] != values[1]:
            places = where(first, name), where(second, name)
            yield pair.differ(kind, f"inputs.{name}", (values[0], values[1]), places)


# --- What happened, and when -----------------------------------------------------------------------------------------


def _events(pair: _Pair) -> Iterator[Divergence]:
    first, second = ([*turn.before, *turn.lines] for turn in (pair.recorded, pair.replayed))
    keys, others = [_key(line) for line in first], [_key(line) for line in second]
    if keys != others:
        pair.is_exact = False
        common = Counter(keys) & Counter(others)
        yield from _unpaired(pair, first, second)
        first, second = _kept(first, common), _kept(second, common)
        keys, others = [_key(line) for line in first], [_key(line) for line in second]
        if keys != others:
            index = next(number for number, (one, other) in enumerate(zip(keys, others, strict=True)) if one != other)
            one, other = first[index], second[index]
            values, places = (_named(one), _named(other)), (where(one, "line"), where(other, "line"))
            yield pair.differ("ORDERING", f"events[{index}]", values, places)
            return
    yield from _paired(pair, first, second)


def _key(line: Line) -> _Key:
    """What makes two lines the same event."""
    value = line.value
    what = value.get("signal") or (value["outcome"]["outcome_kind"] if line.kind == "outcome" else "")
    return (line.kind, what, *(value.get(name) for name in _FACTS))


def _named(line: Line) -> str:
    words = (*_key(line)[1:2], *(line.get(name) for name in ("node_id", "edge_id", "provider", "reason", "trigger")))
    return " ".join(str(word) for word in words if word) or line.kind


def _kept(lines: list[Line], common: Counter[_Key]) -> list[Line]:
    left = Counter(common)
    kept = []
    for line in lines:
        key = _key(line)
        if left[key]:
            left[key] -= 1
            kept.append(line)
    return kept


def _unpaired(pair: _Pair, first: list[Line], second: list[Line]) -> Iterator[Divergence]:
    """Signals that one side gave more often; steps and records are told by what they say."""
    sides = tuple(_by_key(lines) for lines in (first, second))
    has_evidence = pair.recorded.evidence is not None and pair.replayed.evidence is not None
    for key in dict.fromkeys((*sides[0], *sides[1])):
        one, other = sides[0].get(key, []), sides[1].get(key, [])
        if key[0] != "signal" or len(one) == len(other) or (has_evidence and key[1] in _TOLD_BY_EVIDENCE):
            continue
        places = where(one[-1], "signal") if one else None, where(other[-1], "signal") if other else None
        kind = _SIGNALS.get(key[1], "ORDERING")
        yield pair.differ(kind, f"signal {_named((one or other)[0])}", (len(one), len(other)), places)


def _by_key(lines: list[Line]) -> dict[_Key, list[Line]]:
    found: dict[_Key, list[Line]] = {}
    for line in lines:
        found.setdefault(_key(line), []).append(line)
    return found


def _paired(pair: _Pair, first: list[Line], second: list[Line]) -> Iterator[Divergence]:
    """The same events on both sides: when they were, and of which epoch."""
    origins, before = (pair.recorded.proposal.at_us, pair.replayed.proposal.at_us), 0
    for one, other in zip(first, second, strict=True):
        times = one.at_us - origins[0], other.at_us - origins[1]
        places = where(one, "at_us"), where(other, "at_us")
        drift = times[1] - times[0]
        pair.is_exact &= not drift
        if (
            abs(drift) > pair.tolerance_us and drift != before
        ):  # what is late by as much as what went before is not news
            yield pair.differ("TIMING", f"{_named(one)} at_us", times, places, abs(drift))
        before = drift
        for name in ("authority_epoch", "epoch"):
            if one.kind == "signal" and one.get(name) != other.get(name):
                places = where(one, name), where(other, name)
                yield pair.differ("AUTHORITY", f"{_named(one)} {name}", (one.get(name), other.get(name)), places)
        for name in ("count", "seq_range", "amount", "discontinuity_id") if pair.is_exact else ():
            if one.get(name) != other.get(name):
                places = where(one, name), where(other, name)
                yield pair.differ("ORDERING", f"{_named(one)} {name}", (one.get(name), other.get(name)), places)


def _totals(pair: _Pair) -> Iterator[Divergence]:
    """Sums that are alike where everything else is."""
    first, second = pair.recorded.of_kind("totals"), pair.replayed.of_kind("totals")
    if first is None or second is None:
        return
    for name in ("events", "outputs", "edges", "events_digest"):
        one, other = first.value[name], second.value[name]
        if one != other:
            places = where(first, name), where(second, name)
            yield pair.differ("ORDERING", f"totals.{name}", (one, other), places)


# --- What the evidence says ------------------------------------------------------------------------------------------


def _plan(pair: _Pair, first: Line, second: Line) -> Iterator[Divergence]:
    one, other = first.value["or02"], second.value["or02"]
    if one["plan_hash"] == other["plan_hash"]:
        for name in _OF_THE_HASH:
            if one[name] != other[name]:
                places = where(first, "or02", name), where(second, "or02", name)
                yield pair.differ("PLAN", name, (one[name], other[name]), places)
    for name, snapshot in one["snapshot_provenance"].items():
        found = other["snapshot_provenance"][name]
        if snapshot != found:
            route = ("or02", "snapshot_provenance", name)
            places = where(first, *route), where(second, *route)
            yield pair.differ("PLAN", f"snapshot_provenance.{name}", (snapshot, found), places)


def _evidence(pair: _Pair, first: Line, second: Line) -> Iterator[Divergence]:
    one, other = first.value["or02"], second.value["or02"]
    lost = "authority_loss" in (one["terminal_reason"], other["terminal_reason"])
    fields = {**_FIELDS, "terminal_reason": "AUTHORITY" if lost else "OUTCOME"}
    for name, kind in fields.items():
        if one.get(name) != other.get(name):
            places = where(first, "or02", name), where(second, "or02", name)
            yield pair.differ(kind, name, (one.get(name), other.get(name)), places)
    spans = tuple(_fence_ms(record) for record in (one, other))
    if spans[0] is not None and spans[1] is not None:
        drift = abs(spans[0] - spans[1]) * 1000
        if drift > pair.tolerance_us:
            name = "cancel_fence_timestamp_ms"
            places = where(first, "or02", name), where(second, "or02", name)
            yield pair.differ("TIMING", name, (spans[0], spans[1]), places, drift)


def _fence_ms(record: dict[str, Any]) -> int | None:
    """How long a cancel took to hold."""
    fence, accepted = record.get("cancel_fence_timestamp_ms"), record.get("cancel_accepted_timestamp_ms")
    return None if fence is None or accepted is None else fence - accepted


_SAID_OF_CALLS = ("node_id", "modality", "provider_id", "attempts", "outcome")


def _providers(pair: _Pair, first: Line, second: Line) -> Iterator[Divergence]:
    calls, others = (line.value["or02"]["provider_invocations"] for line in (first, second))
    if len(calls) != len(others):
        route = ("or02", "provider_invocations")
        places = where(first, *route), where(second, *route)
        yield pair.differ("PROVIDER_CHOICE", "provider_invocations", (len(calls), len(others)), places)
    for index, (one, other) in enumerate(zip(calls, others, strict=False)):
        for name in (*_SAID_OF_CALLS, "latency_us"):
            is_time = name == "latency_us"
            if one[name] == other[name] or (is_time and abs(one[name] - other[name]) <= pair.tolerance_us):
                continue
            call = ("or02", "provider_invocations", index, name)
            places = where(first, *call), where(second, *call)
            kind, drift = ("TIMING", abs(one[name] - other[name])) if is_time else ("PROVIDER_CHOICE", None)
            field = f"provider_invocations[{index}].{name}"
            yield pair.differ(kind, field, (one[name], other[name]), places, drift)


def _rejections(pair: _Pair, first: Line, second: Line) -> Iterator[Divergence]:
    """What was not let out: that it was, and, where all times are alike, how much and when."""
    for name in ("rejections", "post_cancel_rejections"):
        one, other = (
            {marker["reason"]: marker for marker in line.value["or02"].get(name) or ()} for line in (first, second)
        )
        told: Callable[[Any], Any] = (lambda marker: marker) if pair.is_exact else bool
        for reason in dict.fromkeys((*one, *other)):
            values = told(one.get(reason)), told(other.get(reason))
            if values[0] != values[1] and (pair.is_exact or reason == "stale_epoch"):
                kind = "AUTHORITY" if reason == "stale_epoch" else "ORDERING"
                places = where(first, "or02", name), where(second, "or02", name)
                yield pair.differ(kind, f"{name} {reason}", values, places)
