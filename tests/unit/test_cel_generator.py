"""The generator of the differential test of conditions: what it makes is what that test needs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rsppc.conditions import Condition, Environment, EvaluationError, check, edge_environment, evaluate

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "all"))  # where the heavier checks are

from checks.cel_conformance import Outside, Task, task_of
from checks.cel_differential import DEPARTURES
from checks.cel_generator import ENVIRONMENTS, PROVIDERS, pairs_of, quoted_letter


def test_the_same_seed_gives_the_same_pairs_and_another_seed_gives_others() -> None:
    assert pairs_of(7, 40, 2) == pairs_of(7, 40, 2)
    assert pairs_of(7, 40, 2).pairs != pairs_of(8, 40, 2).pairs


def test_pairs_are_different_conditions_with_a_value_for_each_name() -> None:
    made = pairs_of(1, 200, 3)
    assert (made.accepted, len(made.pairs)) == (200, 600)
    assert len({(pair.condition.environment, pair.condition.text) for pair in made.pairs}) == 200
    assert made.refused < made.accepted
    for pair in made.pairs:
        assert pair.condition == check(pair.written, pair.condition.environment)
        assert tuple(sorted(pair.values)) == pair.condition.names
        seen = evaluate(pair.condition, pair.values)
        assert not (isinstance(seen, EvaluationError) and seen.kind != "failed")


def test_all_answers_and_all_environments_are_met() -> None:
    made = pairs_of(2, 300, 3)
    answers = [evaluate(pair.condition, pair.values) for pair in made.pairs]
    kinds = [seen if isinstance(seen, bool) else "error" for seen in answers]
    assert all(kinds.count(kind) > len(kinds) / 10 for kind in (True, False, "error"))
    assert {pair.condition.environment for pair in made.pairs} == set(ENVIRONMENTS)


def test_maps_over_providers_have_exactly_the_declared_keys() -> None:
    maps = [
        value
        for pair in pairs_of(3, 300, 2).pairs
        for name, value in pair.values.items()
        if name.startswith("provider_")
    ]
    assert maps
    assert all(isinstance(value, dict) and tuple(value) == PROVIDERS for value in maps)


def test_nothing_counts_places_in_texts_with_characters_beyond_the_first_plane() -> None:
    places = ("charAt", "indexOf", "lastIndexOf", "substring")
    astral = [pair for pair in pairs_of(4, 300, 2).pairs if max(f"{pair.condition.text}{pair.values}") > "\uffff"]
    assert astral
    assert not [pair for pair in astral if any(f".{place}(" in pair.condition.text for place in places)]


@pytest.mark.parametrize("text", ["", "a\"b'c", "\\", "\t\n", "ä日😀", "\ufeff\u200d"])
@pytest.mark.parametrize("seldom", [True, False])
@pytest.mark.parametrize("mark", ["'", '"'])
def test_a_quoted_text_is_read_as_that_text(text: str, seldom: bool, mark: str) -> None:
    literal = mark + "".join(quoted_letter(letter, mark, seldom=seldom) for letter in text) + mark
    condition = check(f"event.text == {literal}", edge_environment({"text": "string"}))
    assert isinstance(condition, Condition)
    assert evaluate(condition, {"event.text": text}) is True


def test_conformance_cases_become_conditions_or_say_why_not() -> None:
    number = [{"name": "x.y", "ident": {"type": {"primitive": "INT64"}}}]
    held = task_of(
        {
            "expr": "x.y + 1 // the next",
            "typeEnv": number,
            "bindings": {"x.y": {"value": {"int64Value": "6"}}},
            "value": {"int64Value": "7"},
        }
    )
    assert isinstance(held, Task) and not held.fails
    assert (held.condition.text, held.values) == ("x.y + 1 == 7", {"x.y": 6})
    failing = task_of({"expr": "1 / 0", "evalError": {}})
    assert isinstance(failing, Task) and failing.fails
    assert isinstance(evaluate(failing.condition, {}), EvaluationError)
    assert task_of({"expr": "1.0", "value": {"doubleValue": 1}}) == Outside("a value that is a double")
    assert task_of({"expr": "1.5 == 1.5", "value": {"boolValue": True}}) == Outside("not-portable")
    assert task_of({"expr": "y", "typeEnv": number, "container": "x"}) == Outside("names in a container")


def test_departures_are_conditions_that_the_profile_allows() -> None:
    """The two runtimes differ on them: what is refused here meanwhile can leave the list."""
    for departure in DEPARTURES:
        found = check(departure.written, Environment(place="edge", declarations=()))
        assert isinstance(found, Condition) or all(each.kind != "syntax" for each in found), departure.what
