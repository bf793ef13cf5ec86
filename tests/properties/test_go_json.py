"""The encoder that writes JSON as Go does: valid JSON of the same value, with Go's escapes and Go's order."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.contracts.go_json import GoField, encode, sorted_map, struct

texts = st.text(
    alphabet=st.one_of(
        st.sampled_from('<>&\u2028\u2029"\\\b\f\n\r\t\x00\x7fé😀'), st.characters(exclude_categories=["Cs"])
    )
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(texts, st.integers(-(2**63), 2**63 - 1), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(value=values)
def test_what_is_written_reads_back_as_the_same_value(value: Any) -> None:
    assert json.loads(encode(value)) == value


@settings(deadline=None, max_examples=150)
@given(text=texts)
def test_no_character_that_go_escapes_is_written_as_it_is(text: str) -> None:
    written = encode(text).decode()
    assert not set(written) & set("<>&\u2028\u2029")
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028")):
        assert (character in text) <= (escape in written)


@settings(deadline=None, max_examples=100)
@given(value=st.dictionaries(texts, st.integers(0, 9), max_size=6))
def test_a_map_is_written_in_the_order_of_the_bytes_of_its_keys(value: dict[str, int]) -> None:
    keys = list(json.loads(encode(sorted_map(value))))
    assert keys == sorted(keys, key=lambda key: key.encode("utf-8"))


def test_a_map_with_keys_beyond_the_basic_plane_is_not_sorted_by_utf16() -> None:
    assert list(sorted_map({"\U0001f600": 1, "\uffff": 2})) == ["\uffff", "\U0001f600"]


@settings(deadline=None, max_examples=100)
@given(value=st.dictionaries(st.sampled_from("abc"), st.integers(0, 2)))
def test_a_struct_keeps_its_own_order_and_leaves_out_optional_fields_that_are_empty(value: dict[str, int]) -> None:
    fields = (GoField("c"), GoField("b", omit_empty=True), GoField("a", json_name="A"))
    written = json.loads(encode(struct(value, fields)))
    assert list(written) == [
        name for name in ("c", "b", "A") if name.lower() in value and (name != "b" or value["b"] != 0)
    ]


def test_no_blanks_and_no_escape_of_letters_beyond_ascii() -> None:
    assert encode({"é": ["ü", 1, True, None]}) == '{"é":["ü",1,true,null]}'.encode()


def test_half_a_surrogate_pair_is_written_as_the_replacement_character() -> None:
    assert encode("a\ud800b") == '"a\ufffdb"'.encode()
