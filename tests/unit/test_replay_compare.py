"""Two recordings: in what they differ, in which class, where, and how that is judged.

R-001-39, F-151, F-152: authority always fails, plan, outcome and provider fail unless expected, order needs approval.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from recorded import changed, differences, is_other_session, lines_of, recorded, written
from rsppc.diagnostics import DiagnosticSink
from rsppc.replay.divergence import Divergence
from rsppc.replay.expectations import read_expectations
from rsppc.replay.judge import Expectations, Expected, Judge
from rsppc.replay.manifest import CLASSES, MILDEST

Lines = list[dict[str, Any]]
GOOD = recorded()


def record_of(lines: Lines, turn: str = "turn-1") -> dict[str, Any]:
    found: dict[str, Any] = next(line["or02"] for line in lines if line.get("or02", {}).get("turn_id") == turn)
    return found


def line(lines: Lines, **wanted: Any) -> dict[str, Any]:
    return next(one for one in lines if all(one.get(key) == value for key, value in wanted.items()))


def edited(edit: Callable[[Lines], object], good: bytes = GOOD) -> list[Divergence]:
    lines = copy.deepcopy(lines_of(good))
    edit(lines)
    return differences(good, written(lines))


def test_equal_recordings_do_not_differ() -> None:
    assert differences(GOOD, GOOD) == []


EDITS: dict[str, tuple[Callable[[Lines], object], str, str]] = {
    "plan": (lambda lines: record_of(lines).update(plan_hash="0" * 64), "PLAN", "plan_hash"),
    "spec": (lambda lines: lines[0].update(resolved_spec_id="rs-1"), "PLAN", "resolved_spec_id"),
    "snapshot": (
        lambda lines: record_of(lines)["snapshot_provenance"].update(routing_view_snapshot="x"),
        "PLAN",
        "snapshot_provenance.routing_view_snapshot",
    ),
    "outcome": (lambda lines: record_of(lines).update(terminal_outcome="commit"), "OUTCOME", "terminal_outcome"),
    "reason": (lambda lines: record_of(lines).update(terminal_reason="budget"), "OUTCOME", "terminal_reason"),
    "decision": (
        lambda lines: line(lines, line="outcome")["outcome"].update(reason="x"),
        "OUTCOME",
        "decision_outcomes[0]",
    ),
    "authority": (
        lambda lines: record_of(lines).update(lease_epoch_at_terminal=2),
        "AUTHORITY",
        "lease_epoch_at_terminal",
    ),
    "lost authority": (
        lambda lines: record_of(lines).update(terminal_reason="authority_loss"),
        "AUTHORITY",
        "terminal_reason",
    ),
    "epoch": (
        lambda lines: line(lines, signal="turn_open").update(authority_epoch=2),
        "AUTHORITY",
        "turn_open authority_epoch",
    ),
    "provider": (
        lambda lines: record_of(lines)["provider_invocations"][0].update(provider_id="x"),
        "PROVIDER_CHOICE",
        "provider_invocations[0].provider_id",
    ),
    "call": (
        lambda lines: record_of(lines)["provider_invocations"].pop(),
        "PROVIDER_CHOICE",
        "provider_invocations",
    ),
    "marker": (lambda lines: record_of(lines).update(ordering_markers=["x"]), "ORDERING", "ordering_markers"),
    "digest": (
        lambda lines: line(lines, line="totals").update(events_digest="0" * 64),
        "ORDERING",
        "totals.events_digest",
    ),
    "time": (lambda lines: line(lines, signal="output_accepted").update(at_us=1), "TIMING", "output_accepted"),
    "latency": (
        lambda lines: record_of(lines)["provider_invocations"][0].update(latency_us=1),
        "TIMING",
        "provider_invocations[0].latency_us",
    ),
    "pressure": (
        lambda lines: line(lines, line="inputs").update(data_lane_milli=900),
        "PLAN",
        "inputs.data_lane_milli",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_each_difference_has_its_class_and_its_field(name: str) -> None:
    edit, kind, field = EDITS[name]
    assert [one for one in edited(edit) if one.kind == kind and one.field.startswith(field)]


def test_every_class_occurs_above() -> None:
    assert {kind for _, kind, _ in EDITS.values()} == set(CLASSES)


def test_a_difference_has_both_values_and_both_places() -> None:
    lines = lines_of(GOOD)
    number = next(index for index, one in enumerate(lines) if one["line"] == "evidence")
    (found,) = differences(GOOD, changed(lines, number, ("or02", "plan_hash"), "0" * 64))
    assert (found.turn_id, found.recorded, found.replayed) == ("turn-1", lines[number]["or02"]["plan_hash"], "0" * 64)
    for at, path in ((found.recorded_at, "a"), (found.replayed_at, "b")):
        assert at is not None and (at.file, at.line) == (path, number + 1)
        text = GOOD.splitlines()[number].decode()
        assert text[at.column - 1 :].startswith(f'"{found.recorded}"') or path == "b"


def test_times_are_compared_within_a_turn_and_up_to_the_tolerance() -> None:
    lines = lines_of(GOOD)
    first = next(index for index, one in enumerate(lines) if one.get("turn_id") == "turn-2")
    later = [{**one, "at_us": one["at_us"] + (7_000_000 if index >= first else 0)} for index, one in enumerate(lines)]
    assert differences(GOOD, written(later)) == [], "a turn that begins later is not late"
    output = line(lines, signal="output_accepted", turn_id="turn-2")
    late = [{**one, "at_us": one["at_us"] + 20_000} if one is output else one for one in lines]
    assert {one.kind for one in differences(GOOD, written(late), tolerance_ms=19)} == {"TIMING"}
    assert differences(GOOD, written(late), tolerance_ms=20) == []


def test_events_in_another_order_are_one_difference_in_order() -> None:
    lines = lines_of(recorded("calm"))
    number = lines.index(line(lines, signal="flow_xoff"))
    swapped = [*lines[: number - 1], lines[number], lines[number - 1], *lines[number + 1 :]]
    assert {one.kind for one in differences(recorded("calm"), written(swapped))} == {"ORDERING"}


def test_a_signal_that_one_side_lacks_is_told_once_with_how_often_it_was() -> None:
    lines = lines_of(recorded("provider_outage"))
    without = [one for one in lines if one.get("signal") != "provider_switch"]
    found = [one for one in differences(recorded("provider_outage"), written(without)) if "switch" in one.field]
    assert found and all((one.kind, one.replayed) == ("PROVIDER_CHOICE", 0) for one in found)


def test_turns_that_only_one_side_has_are_found_and_the_others_stay_paired() -> None:
    lines = lines_of(recorded("calm", 5))

    def turn_of(one: dict[str, Any]) -> Any:
        return one.get("turn_id") or one.get("or02", {}).get("turn_id")

    fewer = written([one for one in lines if turn_of(one) != "turn-3"])
    (found,) = [one for one in differences(recorded("calm", 5), fewer) if one.field == "turn"]
    assert (found.turn_id, found.recorded, found.replayed) == ("turn-3", "there", None)
    (found,) = [one for one in differences(fewer, recorded("calm", 5)) if one.field == "turn"]
    assert (found.turn_id, found.recorded, found.replayed) == ("turn-3", None, "there")


@pytest.mark.parametrize("key", ["seed", "scenario", "session_id", "language"])
def test_recordings_of_two_sessions_are_not_compared(key: str) -> None:
    new = 99 if key == "seed" else "other"
    assert is_other_session(GOOD, changed(lines_of(GOOD), 0, (key,), new))
    assert not is_other_session(GOOD, GOOD)


# --- Judgement -------------------------------------------------------------------------------------------------------


def difference(kind: str, field: str = "f", turn: str = "turn-1") -> Divergence:
    return Divergence(kind=kind, turn_id=turn, field=field, recorded=1, replayed=2)


def expected(kind: str, turn: str = "turn-1", field: str | None = None, by: str | None = None) -> Expected:
    return Expected(turn_id=turn, kind=kind, field=field, approved_by=by)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_class_fails_when_nobody_expected_or_approved_it(kind: str) -> None:
    judge = Judge()
    assert judge.judge(difference(kind)).verdict == "fail" and judge.failing_count == 1


@pytest.mark.parametrize(
    ("kind", "verdict"),
    [
        *(("PLAN", "expected"), ("OUTCOME", "expected"), ("PROVIDER_CHOICE", "expected")),
        *(("ORDERING", "fail"), ("TIMING", "fail"), ("AUTHORITY", "fail")),
    ],
)
def test_what_may_be_expected(kind: str, verdict: str) -> None:
    judge = Judge(expectations=Expectations(expected=(expected(kind),)))
    assert judge.judge(difference(kind)).verdict == verdict
    assert judge.missing() == ()


@pytest.mark.parametrize("kind", CLASSES)
def test_what_may_be_approved(kind: str) -> None:
    judge = Judge(expectations=Expectations(approvals=(expected(kind, by="somebody"),)))
    judged = judge.judge(difference(kind))
    assert (judged.verdict == "approved") == (kind == "ORDERING")


def test_authority_fails_whatever_the_policy_and_whatever_was_expected() -> None:
    everything = (expected("AUTHORITY", "*", by="the boss"),)
    judge = Judge({"AUTHORITY": "tolerate"}, Expectations(expected=everything, approvals=everything))
    assert judge.judge(difference("AUTHORITY")).verdict == "fail"


def test_an_expected_difference_that_does_not_occur_fails() -> None:
    judge = Judge(expectations=Expectations(expected=(expected("PLAN", field="plan_hash"), expected("OUTCOME", "*"))))
    judge.judge(difference("PLAN", "other"))
    assert judge.failing == 1 and len(judge.missing()) == 2 and judge.failing_count == 3
    judge.judge(difference("OUTCOME", turn="turn-9"))
    assert [one.kind for one in judge.missing()] == ["PLAN"]


def test_a_policy_may_tolerate_a_class() -> None:
    assert Judge({**MILDEST, "ORDERING": "tolerate"}).judge(difference("ORDERING")).verdict == "tolerated"


EXPECTATIONS = """\
schema_version: rspp.replay.expectations.v1
expected:
  - {turn: "*", class: PLAN, field: plan_hash, reason: another timeout}
approvals:
  - {turn: turn-1, class: ORDERING, approved_by: somebody}
"""


def read_text(text: str) -> tuple[Expectations | None, list[str]]:
    sink = DiagnosticSink()
    found = read_expectations("e.yaml", text.encode(), sink)
    return found, [one.name for one in sink.sorted()]


def test_a_file_of_expectations_is_read() -> None:
    found, problems = read_text(EXPECTATIONS)
    assert problems == [] and found is not None
    assert found.expected == (expected("PLAN", "*", "plan_hash"),)
    assert found.approvals == (expected("ORDERING", by="somebody"),)


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("class: PLAN", "class: AUTHORITY", "not-a-choice"),
        (", approved_by: somebody", "", "missing-key"),
        ("expected:", "expects:", "unknown-key"),
        ('turn: "*"', "turn: ''", "blank-text"),
        ("expectations.v1", "expectations.v2", "not-a-choice"),
    ],
)
def test_expectations_that_cannot_be_relied_on_are_refused(before: str, after: str, problem: str) -> None:
    found, problems = read_text(EXPECTATIONS.replace(before, after))
    assert found is None and problem in problems
