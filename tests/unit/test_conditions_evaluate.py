"""Evaluation: a truth value or the reason why there is none."""

from __future__ import annotations

import pytest
from rsppc.conditions import Condition, EvaluationError, check, edge_environment, evaluate, rule_environment

ENVIRONMENT = edge_environment(
    {"count": "int", "text": "string", "flag": "bool", "xs": "list<int>", "labels": "map<string,string>"}
)


def condition(text: str) -> Condition:
    outcome = check(text, ENVIRONMENT)
    assert isinstance(outcome, Condition), outcome
    return outcome


def test_a_condition_holds_or_does_not() -> None:
    both = condition('event.count > 3 && event.text.startsWith("é")')
    assert evaluate(both, {"event.count": 4, "event.text": "é😀", "other": object()}) is True
    assert evaluate(both, {"event.count": 3, "event.text": "é😀"}) is False


def test_lists_and_maps_are_values() -> None:
    both = condition('event.xs.exists(x, x == 2) && "a" in event.labels && event.labels["a"] == "b"')
    assert evaluate(both, {"event.xs": [1, 2], "event.labels": {"a": "b"}}) is True
    assert evaluate(both, {"event.xs": (1,), "event.labels": {}}) is False


def test_missing_names_are_all_named() -> None:
    outcome = evaluate(condition('event.count > 3 || event.text == "a" || event.flag'), {"event.flag": True})
    assert outcome == EvaluationError(
        kind="missing",
        message="There is no value for `event.count`, `event.text`.",
        names=("event.count", "event.text"),
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("event.count", True),
        ("event.count", 2**63),
        ("event.count", "4"),
        ("event.text", "\ud800"),
        ("event.text", None),
        ("event.flag", 1),
        ("event.xs", [1, "2"]),
        ("event.xs", {1: 2}),
        ("event.labels", {"a": 1}),
        ("event.labels", {1: "a"}),
    ],
)
def test_a_value_of_another_kind_is_an_error_not_an_exception(name: str, value: object) -> None:
    outcome = evaluate(condition(f"{name} == {name}"), {name: value})
    assert isinstance(outcome, EvaluationError)
    assert (outcome.kind, outcome.names) == ("wrong-value", (name,))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / event.count == 1", "A division by zero."),
        ("1 % event.count == 1", "A division by zero."),
        ("event.count - 9223372036854775807 - 2 == 1", "A number became larger than 64 bits hold."),
        ("event.xs[event.count] == 1", "A list is shorter than the place that was asked for."),
    ],
)
def test_a_failing_operation_is_neither_true_nor_false(text: str, message: str) -> None:
    outcome = evaluate(condition(text), {"event.count": 0, "event.xs": []})
    assert isinstance(outcome, EvaluationError)
    assert (outcome.kind, outcome.message) == ("failed", message)


def test_a_total_map_without_its_entry_is_an_error() -> None:
    outcome = check('provider_state["stt-a"] == "ok"', rule_environment(["stt-a"]))
    assert isinstance(outcome, Condition)
    assert evaluate(outcome, {"provider_state": {"stt-a": "ok"}}) is True
    failure = evaluate(outcome, {"provider_state": {}})
    assert isinstance(failure, EvaluationError)
    assert failure.message == "A map lacks the key that was asked for."
