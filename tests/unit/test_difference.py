"""The first place at which two values differ is found, named, and found quickly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import digest_value
from rsppc.base.difference import ABSENT, first_difference

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=2)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=2), inner, max_size=3)),
    max_leaves=8,
)


@settings(deadline=None, max_examples=150)
@given(before=json_values, after=json_values)
def test_values_differ_at_a_pointer_exactly_when_their_bytes_do(before: Any, after: Any) -> None:
    assert (first_difference(before, after) is None) == (digest_value(before) == digest_value(after))


@pytest.mark.parametrize(
    ("before", "after", "pointer"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, "/b"),
        ({"a": [1, 2]}, {"a": [1]}, "/a/1"),
        ({"a": 1}, {"a": True}, "/a"),
        ({"a": None}, {}, "/a"),
        ({"b": 1, "a": {"~/": 1}}, {"b": 2, "a": {"~/": 2}}, "/a/~0~1"),
        ([], {}, ""),
    ],
)
def test_the_first_difference_is_the_first_in_canonical_order(before: Any, after: Any, pointer: str) -> None:
    found = first_difference(before, after)
    assert found is not None
    assert found.pointer == pointer


def test_deep_values_are_compared_without_recursion() -> None:
    before: Any = 1
    after: Any = 2
    for _ in range(20_000):
        before, after = [before], [after]
    found = first_difference(before, after)
    assert found is not None
    assert found.pointer == "/0" * 20_000


def test_what_only_one_side_has_is_said_to_be_absent() -> None:
    found = first_difference({"a": 1}, {"a": 1, "b": 2})
    assert found is not None
    assert (found.pointer, found.before, found.after) == ("/b", ABSENT, 2)
