"""OR-02 is declared once: the record, its completeness, the manifest's list, and what the simulator writes.

R-001-08, R-001-34, R-001-65, R-002-07, R-002-32, F-149, F-153.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from recorded import lines_of, recorded
from rsppc.contracts.or02 import incomplete
from rsppc.model.contract_controlplane import RESOLVED_TURN_PLAN
from rsppc.model.contract_observability import FIELDS, KNOWN, MANDATORY, WHEN_CANCELLED
from rsppc.simulate import SCENARIOS


def records(scenario: str) -> list[dict[str, Any]]:
    return [line["or02"] for line in lines_of(recorded(scenario, 6)) if line["line"] == "evidence"]


CANCELLED = records("barge_in")[0]
COMMITTED = records("calm")[0]
DRAINED = records("lease_rotation")[1]


def gaps(record: dict[str, Any], **changes: Any) -> list[str]:
    changed = copy.deepcopy(record)
    for name, value in changes.items():
        if value is KeyError:
            changed.pop(name, None)
        else:
            changed[name] = value
    return [gap.field for gap in incomplete(changed)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_what_the_simulator_records_is_complete(scenario: str) -> None:
    for record in records(scenario):
        assert incomplete(record) == [] and set(FIELDS) <= record.keys() <= set(KNOWN)


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("missing", [KeyError, None])
def test_each_field_is_mandatory(field: str, missing: Any) -> None:
    assert field in gaps(COMMITTED, **{field: missing})


@pytest.mark.parametrize("field", WHEN_CANCELLED)
def test_a_cancelled_turn_says_all_about_its_cancel(field: str) -> None:
    assert field in gaps(CANCELLED, **{field: KeyError})


def test_what_belongs_to_the_plan_has_the_names_that_the_plan_has() -> None:
    """F-149: plan hash and provenance are recorded under the names of the runtime's contract."""
    plan = {field.name for field in RESOLVED_TURN_PLAN.shape.fields}
    assert {"plan_hash", "snapshot_provenance", "pipeline_version", "turn_id"} <= plan & set(MANDATORY)


DECISIONS = COMMITTED["decision_outcomes"]
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a hash in capitals": (COMMITTED, {"plan_hash": "A" * 64}, "plan_hash"),
    "a hash with a line break": (COMMITTED, {"plan_hash": COMMITTED["plan_hash"] + "\n"}, "plan_hash"),
    "the plan of another hash": (COMMITTED, {"resolved_turn_plan_id": "rtp-" + "0" * 64}, "resolved_turn_plan_id"),
    "another version": (COMMITTED, {"or02_evidence_schema_version": "v2"}, "or02_evidence_schema_version"),
    "a marker twice": (COMMITTED, {"ordering_markers": ["a", "a"]}, "ordering_markers"),
    "no marker": (COMMITTED, {"ordering_markers": []}, "ordering_markers"),
    "no decision": (COMMITTED, {"decision_outcomes": []}, "decision_outcomes"),
    "a decision twice": (COMMITTED, {"decision_outcomes": DECISIONS * 2}, "decision_outcomes"),
    "a class undecided": (COMMITTED, {"redaction_decisions": {"PII": "drop"}}, "redaction_decisions"),
    "a class twice decided": (COMMITTED, {"redaction_decisions": {"PII": ["drop", "allow"]}}, "redaction_decisions"),
    "five snapshots": (
        COMMITTED,
        {"snapshot_provenance": {k: v for k, v in COMMITTED["snapshot_provenance"].items() if "health" not in k}},
        "snapshot_provenance",
    ),
    "an end before the opening": (COMMITTED, {"terminal_timestamp_ms": 1}, "terminal_timestamp_ms"),
    "a close before the end": (COMMITTED, {"turn_close_timestamp_ms": 1}, "turn_close_timestamp_ms"),
    "a fence before the cancel": (CANCELLED, {"cancel_fence_timestamp_ms": 1}, "cancel_fence_timestamp_ms"),
    "a fence after the end": (CANCELLED, {"cancel_fence_timestamp_ms": 2**50}, "terminal_timestamp_ms"),
    "a cancel before the opening": (CANCELLED, {"cancel_accepted_timestamp_ms": 1}, "cancel_accepted_timestamp_ms"),
    "two lists of rejections": (CANCELLED, {"rejections": []}, "rejections"),
    "two terminals": (COMMITTED, {"terminal_outcome": ["commit", "abort"]}, "terminal_outcome"),
    "a commit with a reason": (COMMITTED, {"terminal_reason": "cancel"}, "terminal_reason"),
    "an unknown reason": (CANCELLED, {"terminal_reason": "whim"}, "terminal_reason"),
    "a turn that was not admitted": (COMMITTED, {"admission_outcome": "reject"}, "admission_outcome"),
    "an epoch that goes back": (COMMITTED, {"lease_epoch_at_terminal": 0}, "lease_epoch_at_terminal"),
    "a lost lease that nobody noticed": (COMMITTED, {"lease_epoch_at_terminal": 9}, "terminal_reason"),
    "a lost lease without a drain": (DRAINED, {"decision_outcomes": DECISIONS}, "decision_outcomes"),
    "an unknown field": (COMMITTED, {"mood": "good"}, "mood"),
    "an empty optional field": (COMMITTED, {"rejections": None}, "rejections"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_record_that_contradicts_itself_is_incomplete(name: str) -> None:
    record, change, field = WRONG[name]
    assert field in gaps(record, **change)


@pytest.mark.parametrize("value", [None, 7, [], "x", {}, {"plan_hash": 1, "turn_id": []}, {1: 2}])
def test_anything_may_be_asked_about(value: Any) -> None:
    assert incomplete(value)
