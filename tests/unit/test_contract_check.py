"""Objects of a runtime held against their contracts: one slip of the pen is one finding, with its place."""

from __future__ import annotations

import json
from typing import Any

import contract_fixtures as made
import pytest
from rsppc.conformance.against_bundle import check_plan
from rsppc.conformance.check import check_object, rule_of
from rsppc.conformance.stream import check_stream
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.model.contracts import BY_NAME


def findings(kind: str, value: Any) -> tuple[Diagnostic, ...]:
    sink = DiagnosticSink()
    text = value if isinstance(value, str) else json.dumps(value, indent=2)
    check_object(BY_NAME[kind], "one.json", text.encode(), sink)
    return sink.sorted()


def said(kind: str, value: Any) -> list[tuple[str, str]]:
    """Rules that are broken, with what stands where they point."""
    return [(rule_of(one), one.at.text) for one in findings(kind, value)]


def test_a_rule_points_at_the_value_that_it_refuses() -> None:
    (found,) = findings("control_signal", {**made.MINIMAL["control_signal"], "emitted_by": "RK-03"})
    assert found.at.text == '"RK-03"'
    assert found.message() == "`emitted_by` cannot be `RK-03` where `signal` is `connected` (signal-connected)"
    assert found.next_step() == "it must be `RK-23`"


def test_what_is_missing_is_shown_at_the_object_that_lacks_it() -> None:
    wrong = made.without(made.TURN_EVENT, "turn_id")
    assert said("event_record", wrong) == [("turn-scope-names-turn", "{")]


def test_a_value_that_its_shape_refuses_breaks_no_rule_beside() -> None:
    signal = {**made.MINIMAL["control_signal"], "signal": "abort", "emitted_by": "RK-99", "reason": " "}
    assert said("control_signal", {**signal, "event_scope": "turn", "turn_id": "turn-1"}) == [
        ("not-a-choice", '"RK-99"'),
        ("blank-text", '" "'),
    ]


def test_a_key_that_was_refused_is_not_missing_as_well() -> None:
    audio = made.changed(made.AUDIO, "media_time", {"pts_ms": -1})
    assert said("event_record", audio) == [("out-of-bounds", "-1")]
    turn = json.dumps(made.TURN_EVENT).replace('"authority_epoch": 3', '"authority_epoch": 3.0')
    assert said("event_record", turn) == [("not-an-integer", "3.0")]


def test_all_problems_are_told_at_once() -> None:
    wrong = {**made.AUDIO, "schema_version": "1", "session_id": "", "lane": "ControlLane", "media_time": {}, "x": 1}
    assert {rule for rule, _ in said("event_record", wrong)} == {
        "schema-version-form",
        "blank-text",
        "event-off-control-lane",
        "one-media-time",
        "unknown-key",
    }


def test_a_breach_in_a_list_points_into_it_though_other_items_are_unsound() -> None:
    result = {**made.RESULT, "divergences": ["no", made.without(made.TIMING, "diff_ms")]}
    first, second = findings("replay_result", result)
    assert (rule_of(first), rule_of(second)) == ("wrong-type", "timing-has-difference")
    assert second.at.source.location(second.at.start)[0] == 6


@pytest.mark.parametrize("text", ["", "[1]", "3", '"text"', "null"])
def test_what_is_no_object_is_refused_in_words_of_the_contract(text: str) -> None:
    (found,) = findings("event_record", text)
    assert found.message() == "this is no JSON object, and so no `event_record`"


def test_a_seed_may_have_all_64_bits_and_no_more() -> None:
    """R-001-55: the plan that a turn keeps carries the seed as the runtime computed it."""
    assert findings("resolved_turn_plan", made.changed(made.PLAN, "determinism/seed", 2**63 - 1)) == ()
    (found,) = findings("resolved_turn_plan", made.changed(made.PLAN, "determinism/seed", 2**63))
    assert "must lie between -9223372036854775807 and 9223372036854775807" in found.message()


# --- Streams ----------------------------------------------------------------------------------------------------------


def test_a_stream_is_checked_line_by_line_with_the_lines_of_the_file() -> None:
    wrong = json.dumps({**made.EVENT, "runtime_sequence": -4}).encode()
    twice = json.dumps(made.EVENT).replace("{", '{"lane": "DataLane", ', 1).encode()
    lines = [json.dumps(made.EVENT).encode() + b"\n", b"\n", wrong + b"\r\n", b"\xff\n", twice]
    sink = DiagnosticSink()
    assert check_stream(BY_NAME["event_record"], "events.jsonl", lines, sink) == 4
    found = [(one.name, one.at.location()[1:], one.at.text) for one in sink.sorted()]
    column = wrong.index(b"-4") + 1
    assert found[0] == ("out-of-bounds", (3, column), "-4")
    assert [(name, line) for name, (line, _), _ in found[1:]] == [("not-utf8", 4), ("duplicate-key", 5)]
    assert sink.sorted()[2].related[0].at.location()[1] == 5


def test_findings_of_a_stream_come_in_the_order_of_its_lines() -> None:
    late = json.dumps({"padding": "x" * 500, **made.EVENT, "runtime_sequence": -1}).encode()
    early = json.dumps({"runtime_sequence": -1, **made.without(made.EVENT, "runtime_sequence")}).encode()
    sink = DiagnosticSink()
    check_stream(BY_NAME["event_record"], "events.jsonl", [late, early] * 3, sink)
    assert [one.at.location()[1] for one in sink.sorted()] == [1, 1, 2, 3, 3, 4, 5, 5, 6]


def test_where_all_is_wrong_the_first_objects_are_told_and_the_others_counted() -> None:
    sink = DiagnosticSink()
    assert check_stream(BY_NAME["replay_cursor"], "cursors.jsonl", [b"[]\n"] * 1000, sink) == 1000
    (first, *shown) = sink.sorted()
    assert first.message() == "700 more objects in `cursors.jsonl` are wrong, behind those that are shown"
    assert [one.at.location()[1] for one in shown] == list(range(1, 301))


def test_a_stream_without_objects_is_no_pass() -> None:
    sink = DiagnosticSink()
    assert check_stream(BY_NAME["event_record"], "events.jsonl", [b"\n", b"  \n"], sink) == 0
    assert [one.name for one in sink.sorted()] == ["empty-stream"]


# --- Plans and bundles ------------------------------------------------------------------------------------------------

SPEC: dict[str, Any] = {
    "effective_edges": {"a.out->b.in": {}},
    "effective_nodes": {"a": {}, "b": {}},
    "rules": {
        "insert": [
            {
                "replaces": "a.out->b.in",
                "node_id": name,
                "into": {"from": "a.out", "to": f"{name}.in"},
                "out_of": {"from": f"{name}.out", "to": "b.in"},
            }
            for name in ("n", "m")
        ]
    },
}


def against(plan: Any) -> list[str]:
    sink = DiagnosticSink()
    root = check_object(BY_NAME["resolved_turn_plan"], "plan.json", json.dumps(plan).encode(), sink)
    assert root is not None
    check_plan(root, "parrot_bundle/v1", SPEC, sink)
    return [f"{one.subject}: {one.next_step()}" for one in sink.sorted()]


def test_a_plan_names_edges_and_nodes_of_its_bundle() -> None:
    queues = dict.fromkeys(("default", "a.out->b.in", "a.out->n.in", "n.out->m.in", "m.out->b.in"), made.QUEUE)
    nodes = {"a": {"concurrency_limit": 1}, "m": {"concurrency_limit": 2}}
    assert against({**made.PLAN, "edge_buffer_policies": queues, "node_execution_policies": nodes}) == []


def test_a_name_that_the_bundle_has_not_is_refused_with_the_one_that_was_meant() -> None:
    queues = {"a.out->b.im": made.QUEUE}
    nodes = {"speaker": {"concurrency_limit": 1}}
    plan = {**made.PLAN, "edge_buffer_policies": queues, "node_execution_policies": nodes}
    assert against({**plan, "pipeline_version": "other/v1"}) == [
        "other/v1: name the bundle that the plan was made from",
        "a.out->b.im: did you mean `a.out->b.in`?",
        "speaker: there are 4; `rsppc why` shows them",
    ]
