"""Properties of conditions: checking never raises, printing inverts checking, judging agrees with running."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.conditions import (
    TEXT_EVENT_FIELDS,
    Condition,
    always,
    check,
    covers,
    edge_environment,
    evaluate,
    example,
    exclusive,
    rule_environment,
)

EDGE = edge_environment(TEXT_EVENT_FIELDS)
RULE = rule_environment(["stt-a", "tts-b"])
SMALL = edge_environment({"n": "int", "s": "string", "b": "bool", "xs": "list<int>", "m": "map<string,string>"})

# --- any text -------------------------------------------------------------------------------------------------------

PIECES = (
    'event.text event. session.language turn.index tenant.labels ["k"] provider_state has( .all(x, .map(x, x == != < <='
    ' && || ! - + * / % ? : ( ) [ ] { } , . "a" \'b\' r"\\" """ 1 0x1 1u 1.5 true null in and é \u202e \n // `x` @'
    " matches( size( 99999999999999999999"
)
WORDS = st.sampled_from(PIECES.split(" "))
TEXTS = st.one_of(
    st.text(max_size=60),
    st.lists(WORDS, max_size=14).map("".join),
    st.lists(WORDS, max_size=14).map(" ".join),
)


@settings(deadline=None, max_examples=250)
@given(TEXTS)
def test_any_text_is_a_condition_or_has_complaints_inside_it(text: str) -> None:
    for environment in (EDGE, RULE):
        outcome = check(text, environment)
        if isinstance(outcome, Condition):
            assert check(outcome.text, environment) == outcome
            continue
        assert outcome
        for complaint in outcome:
            assert 0 <= complaint.start <= complaint.end <= len(text)
            assert complaint.message
        assert [each.start for each in outcome] == sorted(each.start for each in outcome)


# --- printing -------------------------------------------------------------------------------------------------------

LITERAL_TEXTS = st.sampled_from(['"a"', '"ab"', '"é\\n"', "'\"'", 'r"\\d"', '"\\u202e"'])


def _ints(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/%"), inner).map(lambda parts: "({} {} {})".format(*parts)),
        st.tuples(inner, st.sampled_from("+-*/%"), inner).map(lambda parts: "{}{}{}".format(*parts)),
        inner.map(lambda number: f"-{number}"),
        inner.map(lambda number: f"-({number})"),
        inner.map(lambda number: f"[{number}][0]"),
        inner.map(lambda number: f"(event.b ? {number} : {number})"),
    )


INTS = st.recursive(
    st.sampled_from(["event.n", "1", "-2", "0x3", "size(event.s)", "event.s.size()", "event.xs[1]"]),
    _ints,
    max_leaves=4,
)
STRINGS = st.one_of(
    LITERAL_TEXTS,
    st.sampled_from(["event.s", 'event.s.replace("a", "b")', '(event.s + "x").trim()', 'event.s.split(",").join()']),
)
ATOMS = st.one_of(
    st.sampled_from(["true", "event.b", "false"]),
    st.tuples(INTS, st.sampled_from(["==", "<", ">="]), INTS).map(" ".join),
    st.tuples(STRINGS, st.sampled_from(["==", "!="]), STRINGS).map(" ".join),
    st.tuples(STRINGS, LITERAL_TEXTS).map(lambda parts: "({}).startsWith({})".format(*parts)),
    INTS.map(lambda number: f"event.xs.exists(x, x == {number} || x > 1)"),
    INTS.map(lambda number: f"event.xs.map(x, x + {number}).all(y, y > 1 && y < 3)"),
    INTS.map(lambda number: f"{number} in [1, {number}]"),
    st.just('{"k": event.s}["k"] in event.m'),
)


def _bools(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(["&&", "||", "=="]), inner).map(lambda it: f"(({it[0]}) {it[1]} ({it[2]}))"),
        st.tuples(inner, st.sampled_from(["&&", "||"]), inner).map(" ".join),
        inner.map(lambda part: f"!({part})"),
        inner.map(lambda part: f"!!({part})"),
        st.tuples(inner, inner, inner).map(lambda it: f"({it[0]} ? {it[1]} : {it[2]})"),
    )


@settings(deadline=None, max_examples=250)
@given(st.recursive(ATOMS, _bools, max_leaves=6))
def test_the_printed_text_checks_to_the_same_tree(text: str) -> None:
    condition = check(text, SMALL)
    assert isinstance(condition, Condition), condition
    again = check(condition.text, SMALL)
    assert isinstance(again, Condition), again
    assert again.tree == condition.tree
    assert again.text == condition.text
    assert len(condition.text) <= len(text) + 200


# --- judging --------------------------------------------------------------------------------------------------------

NUMBERS = range(-1, 5)
TEXT_VALUES = ("", "a", "ab", "abc", "b", "ba", "dea", "other")
DOMAIN = [
    {"event.n": number, "event.s": text, "event.b": truth, "event.m": map_}
    for number, text, truth, map_ in product(NUMBERS, TEXT_VALUES, (False, True), ({}, {"k": "a"}, {"k": "b"}))
]
JUDGED_ATOMS = st.one_of(
    st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.integers(0, 3)).map(
        lambda parts: f"event.n {parts[0]} {parts[1]}"
    ),
    st.lists(st.integers(0, 3), min_size=1, max_size=3).map(lambda items: f"event.n in {items}"),
    st.sampled_from(
        [
            "event.b",
            "2 >= event.n",
            'event.s == "a"',
            'event.s != "ab"',
            'event.s in ["a", "b"]',
            'event.s.startsWith("a")',
            'event.s.startsWith("ab")',
            '"k" in event.m',
            '"k" in event.m && event.m["k"] == "a"',
            '(!("k" in event.m) || event.m["k"] != "a")',
            "event.n % 2 == 0",
            "4 / event.n == 2",
            'event.s.contains("b")',
        ]
    ),
)
JUDGED = st.recursive(JUDGED_ATOMS, _bools, max_leaves=5)


def _condition(text: str) -> Condition:
    outcome = check(text, SMALL)
    assert isinstance(outcome, Condition), outcome
    return outcome


def _outcomes(conditions: list[Condition]) -> list[list[object]]:
    return [[evaluate(condition, values) for condition in conditions] for values in DOMAIN]


@settings(deadline=None, max_examples=60)
@given(st.lists(JUDGED, min_size=2, max_size=3))
def test_judgement_never_contradicts_evaluation(texts: list[str]) -> None:
    conditions = [_condition(text) for text in texts]
    outcomes = _outcomes(conditions)
    for index, condition in enumerate(conditions):
        mine = [row[index] for row in outcomes]
        verdict = always(condition)
        if verdict == "always":
            assert all(outcome is True for outcome in mine)
        if verdict == "never":
            assert True not in mine
        if verdict == "sometimes":
            _assert_example_holds([condition], [])
            _assert_example_holds([], [condition])
    first, second = conditions[:2]
    answer = exclusive(first, second)
    if answer == "exclusive":
        assert not any(row[0] is True and row[1] is True for row in outcomes)
    if answer == "overlap":
        _assert_example_holds([first, second], [])
    coverage = covers(conditions)
    if coverage == "covers":
        assert all(any(outcome is True for outcome in row) for row in outcomes)
    if coverage == "gaps":
        _assert_example_holds([], conditions)


def _assert_example_holds(holds: list[Condition], fails: list[Condition]) -> None:
    """The example, completed by arbitrary values, evaluates as it claims."""
    found = example(holds, fails)
    assert found is not None
    for rest in (DOMAIN[0], DOMAIN[-1]):
        values = dict(rest)
        labels = dict(rest["event.m"])  # type: ignore[call-overload]
        for assignment in found:
            if assignment.term == '"k" in event.m':
                labels = {"k": labels.get("k", "z")} if assignment.value else {}
            elif assignment.term == 'event.m["k"]':
                labels = {"k": assignment.value}
            else:
                values[assignment.term] = assignment.value
        values["event.m"] = labels
        assert all(evaluate(condition, values) is True for condition in holds), (found, values)
        assert all(evaluate(condition, values) is False for condition in fails), (found, values)
