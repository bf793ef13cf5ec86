"""Compatibility: the matrix answers what is declared and nothing else, and what goes away never comes back.

R-001-66, R-002-29, F-162, NF-032: bad combinations are refused; F-163: the life of a deprecation.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st
from rsppc.base.names import in_range, version_key
from rsppc.compat.deprecation import STATES, Window, next_step, state_at
from rsppc.compat.matrix import PARTS, answer, cell_of, matrix_of, shown

numbers = st.lists(st.integers(0, 3), min_size=1, max_size=3)
versions = numbers.map(lambda found: "v" + ".".join(map(str, found)))
cells = st.fixed_dictionaries(dict.fromkeys(PARTS, versions))
tests = st.fixed_dictionaries({**dict.fromkeys(PARTS, versions), "allowed": st.booleans()})
policies = st.fixed_dictionaries({}, optional={"allowed_cells": st.lists(cells), "matrix_tests": st.lists(tests)})
days = st.dates(date(2020, 1, 1), date(2030, 12, 31))
windows = st.lists(days, min_size=3, max_size=3, unique=True).map(
    lambda found: Window(**dict(zip(("warning", "enforce", "remove"), sorted(found), strict=True)))
)
moments = st.datetimes(datetime(2019, 1, 1), datetime(2032, 1, 1)).map(lambda moment: moment.replace(tzinfo=UTC))


@given(policies, cells)
def test_a_combination_is_allowed_exactly_where_a_cell_declares_it(
    policy: dict[str, list[dict[str, str]]], asked: dict[str, str]
) -> None:
    declared = [tuple(version_key(one[part]) for part in PARTS) for one in policy.get("allowed_cells", ())]
    found = answer(matrix_of(policy), cell_of(asked))
    assert found.allowed == (tuple(version_key(asked[part]) for part in PARTS) in declared)
    assert found.allowed == (found.state == "allowed") and found.reason


@given(cells)
def test_nothing_is_allowed_where_nothing_is_declared(asked: dict[str, str]) -> None:
    assert answer(matrix_of({}), cell_of(asked)).state == "undeclared"


@given(versions)
def test_a_version_in_its_shortest_form_is_the_same_version(version: str) -> None:
    assert version_key(shown(version_key(version))) == version_key(version)


@given(versions, versions, versions)
def test_a_range_holds_both_ends_and_what_lies_between(one: str, two: str, three: str) -> None:
    oldest, version, newest = sorted((one, two, three), key=version_key)
    assert in_range(version, oldest, newest) and in_range(oldest, oldest, newest) and in_range(newest, oldest, newest)
    assert version_key(version) >= version_key(newest) or not in_range(version, newest, newest)


@given(windows, moments, moments)
def test_what_goes_away_never_comes_back(window: Window, one: datetime, two: datetime) -> None:
    earlier, later = sorted((one, two))
    assert STATES.index(state_at(window, earlier)) <= STATES.index(state_at(window, later))


@given(windows)
def test_each_step_takes_effect_as_its_day_begins(window: Window) -> None:
    assert state_at(window, datetime.min.replace(tzinfo=UTC)) == "upcoming"
    for state, day in zip(STATES[1:], (window.warning, window.enforce, window.remove), strict=True):
        begin = datetime.combine(day, time(), UTC)
        assert state_at(window, begin) == state
        assert state_at(window, begin - timedelta(seconds=1)) == STATES[STATES.index(state) - 1]


@given(windows, moments)
def test_the_next_step_changes_the_state_on_its_day_and_not_before(window: Window, now: datetime) -> None:
    coming, state = next_step(window, now), state_at(window, now)
    if coming is None:
        assert state == "removed"
        return
    begin = datetime.combine(now.date(), time(), UTC)
    assert coming.days_left > 0 and coming.day == now.date() + timedelta(days=coming.days_left)
    assert state_at(window, begin + timedelta(days=coming.days_left)) == STATES[STATES.index(state) + 1]
    assert state_at(window, begin + timedelta(days=coming.days_left, seconds=-1)) == state
