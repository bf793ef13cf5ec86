"""Judgement of conditions: what can be decided, what is said otherwise, and the examples that go with it."""

from __future__ import annotations

import time

import pytest
from rsppc.conditions import (
    TEXT_EVENT_FIELDS,
    Condition,
    always,
    check,
    covers,
    edge_environment,
    exclusive,
    holds_and_fails,
    rule_environment,
    witness,
)

EDGE = edge_environment({**TEXT_EVENT_FIELDS})
RULE = rule_environment(["stt-a"])
OTHER = edge_environment({"flag": "bool", "count": "int", "name": "string", "xs": "list<int>"})


def condition(text: str) -> Condition:
    for environment in (EDGE, RULE, OTHER):
        outcome = check(text, environment)
        if isinstance(outcome, Condition):
            return outcome
    raise AssertionError(outcome)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("true", "always"),
        ("false", "never"),
        ("event.confidence_milli >= 600", "sometimes"),
        ("event.confidence_milli >= 0", "always"),
        ("event.confidence_milli > 1000", "never"),
        ("turn.index < 0", "never"),
        ("event.count >= 0", "sometimes"),
        ('event.mode == "finale"', "never"),
        ('event.mode in ["partial", "final", "delta", "segment"]', "always"),
        ('event.text == "a" && event.text == "b"', "never"),
        ('event.text != "a" || event.text != "b"', "always"),
        ('session.language.startsWith("de") && session.language == "en"', "never"),
        ('session.language.startsWith("de") && !session.language.startsWith("d")', "never"),
        ('session.language.startsWith("de") && !session.language.startsWith("de-")', "sometimes"),
        ('event.text.startsWith("")', "always"),
        ("event.flag || !event.flag", "always"),
        ("event.flag == true && event.flag == false", "never"),
        ("event.flag ? event.count > 3 : event.count <= 3", "sometimes"),
        ("3 < event.count && event.count < 4", "never"),
        ("event.count in [1, 2] && !(event.count in [2, 1])", "never"),
        ("size(event.text) > 3 && size(event.text) < 3", "never"),
        ("event.count % 2 == 0 && event.count % 2 == 1", "never"),
        ("event.count % 2 == 0", "undecided"),
        ("10 / event.count == 1 || 10 / event.count != 1", "undecided"),
        ('event.text.contains("a")', "undecided"),
        ('event.text.contains("a") || !event.text.contains("a")', "always"),
        ('"a" in tenant.labels && tenant.labels["a"] == "x" && tenant.labels["a"] == "y"', "never"),
        ('"a" in tenant.labels && tenant.labels["a"] == "x"', "sometimes"),
        ('provider_state["stt-a"] == "ok"', "sometimes"),
        ("event.xs.all(x, x > 1)", "undecided"),
        ("event.count == -9223372036854775808 && event.count > 9223372036854775807", "never"),
        ('"de" == "de" && 2 > 1 && 3 in [1, 3]', "always"),
    ],
)
def test_a_condition_that_always_or_never_holds_is_recognised(text: str, verdict: str) -> None:
    assert always(condition(text)) == verdict


@pytest.mark.parametrize(
    ("first", "second", "answer"),
    [
        ("event.confidence_milli >= 600", "event.confidence_milli < 600", "exclusive"),
        ("event.confidence_milli >= 600", "event.confidence_milli <= 600", "overlap"),
        ('session.language.startsWith("de")', 'session.language.startsWith("en")', "exclusive"),
        ('session.language.startsWith("de")', 'session.language == "de-AT"', "overlap"),
        ('event.mode == "final"', 'event.mode != "final"', "exclusive"),
        ('event.text.contains("a")', '!event.text.contains("a")', "exclusive"),
        ('event.text.contains("a")', "turn.index > 3", "undecided"),
    ],
)
def test_overlap_of_two_conditions_is_decided(first: str, second: str, answer: str) -> None:
    """R-001-01: conditional routing, at most one way at a time."""
    assert exclusive(condition(first), condition(second)) == answer
    assert exclusive(condition(second), condition(first)) == answer


@pytest.mark.parametrize(
    ("texts", "answer"),
    [
        (["event.confidence_milli >= 600", "event.confidence_milli < 600"], "covers"),
        (["event.confidence_milli > 600", "event.confidence_milli < 600"], "gaps"),
        ([f'event.mode == "{mode}"' for mode in ("final", "partial", "delta", "segment")], "covers"),
        (['event.mode == "final"', 'event.mode == "partial"'], "gaps"),
        (['event.text.contains("a")'], "undecided"),
        ([], "gaps"),
    ],
)
def test_coverage_is_decided(texts: list[str], answer: str) -> None:
    assert covers([condition(text) for text in texts]) == answer


def test_an_example_names_values_that_make_the_point() -> None:
    high, low = condition("event.confidence_milli > 600"), condition("event.confidence_milli < 600")
    assert witness([], [high, low]) == "event.confidence_milli = 600"
    german = condition('session.language.startsWith("de") && session.language != "de"')
    assert witness([high, german]) == 'event.confidence_milli = 601, session.language = "dea"'
    assert witness([high, low]) is None
    assert witness([condition("event.flag && event.count != 0")]) == "event.count = -1, event.flag = true"


def test_an_example_says_which_keys_are_there() -> None:
    gold = condition('"tier" in tenant.labels && tenant.labels["tier"] == "gold"')
    assert witness([gold]) == '"tier" in tenant.labels, tenant.labels["tier"] = "gold"'
    assert witness([], [gold]) == '!("tier" in tenant.labels)'


def test_too_many_alternatives_are_undecided_and_quickly_so() -> None:
    chain = " && ".join(f'(event.text != "{at}" || session.id != "{at}")' for at in range(60))
    wide = condition(chain)
    started = time.perf_counter()
    assert always(wide) == "undecided"
    assert witness([wide]) is None
    assert time.perf_counter() - started < 5


def test_the_known_values_of_text_events_do_not_leak_into_records() -> None:
    record = edge_environment({"mode": "string", "confidence_milli": "int"})
    outcome = check('event.mode == "finale" && event.confidence_milli > 1000', record)
    assert isinstance(outcome, Condition)
    assert always(outcome) == "sometimes"


@pytest.mark.parametrize(
    "text",
    [
        'event.text.contains("agent") || event.text.contains("human")',
        'event.text.contains("ab") && !event.text.contains("abc")',
        'event.text.lowerAscii() == "yes"',
        'event.text.matches("^yes|no$")',
        "event.count % 2 == 0",
        "size(event.text) * 2 > 10",
        "event.xs.exists(x, x > 3)",
        '"tier" in tenant.labels && tenant.labels["tier"].endsWith("gold")',
        'provider_p95_ms["stt-a"] * 2 > 900',
    ],
)
def test_an_ordinary_condition_is_seen_to_hold_and_to_fail(text: str) -> None:
    assert always(condition(text)) == "undecided"
    assert holds_and_fails(condition(text))


@pytest.mark.parametrize(
    "text", ['event.text.matches("^[0-9]{4}$")', 'event.text.contains("")', "event.count - event.count == 0"]
)
def test_a_condition_that_no_trial_shows_both_ways_stays_undecided(text: str) -> None:
    assert always(condition(text)) == "undecided"
    assert not holds_and_fails(condition(text))
