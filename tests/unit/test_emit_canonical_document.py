"""Documents that are never in one piece have the very bytes that they would have in one."""

from __future__ import annotations

from typing import Any

from emit_builder import LLM, MIC, STT, complete
from hypothesis import given, settings
from hypothesis import strategies as st
from program_builder import edge, node
from rsppc.base.canonical_json import canonical, digest_value, readable
from rsppc.emit.artifacts import artifacts
from rsppc.emit.canonical_document import array_of, document, document_of, entry, object_of

NAMES = st.text("abc_>-./", min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(NAMES, VALUES, min_size=1), st.dictionaries(NAMES, VALUES), st.lists(VALUES))
def test_a_document_of_parts_is_the_document_of_its_value(
    short: dict[str, Any], table: dict[str, Any], items: list[Any]
) -> None:
    members = {name: canonical(value) for name, value in short.items()}
    entries = object_of(entry(name, canonical(table[name])) for name in sorted(table))
    found = document({**members, "table": entries, "items": array_of(items)})
    value = {**short, "table": table, "items": items}
    assert b"".join(found.pieces()) == readable(value)
    assert found.digest == digest_value(value)
    assert found.member("table") == table and found.member("items") == items


def test_a_long_document_comes_in_short_pieces() -> None:
    table = {f"n{number:05}": {"text": "x" * 50, "list": [1, 2]} for number in range(5000)}
    items = [{"number": number, "text": "y" * 50} for number in range(5000)]
    entries = object_of(entry(name, canonical(table[name])) for name in sorted(table))
    found = document({"before": b"1", "items": array_of(items), "table": entries, "then": b"{}"})
    value = {"before": 1, "items": items, "table": table, "then": {}}
    pieces = list(found.pieces())
    assert b"".join(pieces) == readable(value)
    assert len(pieces) > 3 and max(map(len, pieces)) < 400_000
    assert found.digest == digest_value(value)


def test_keys_beyond_ascii_keep_the_order_of_canonical_json() -> None:
    value = {"a": {"\U0001f600": 1, "\ufb33": 2, "z": [{"\u20ac": None}]}}
    assert document_of(value).digest == digest_value(value)
    assert b"".join(document_of(value).pieces()) == readable(value)


def test_leaves_of_ids_that_begin_alike_stand_in_order() -> None:
    """`/` is escaped as `~1`, so that `a/b` comes before `a_b` as an id and behind it in a pointer."""
    ids = ("a", "a/b", "a_b", "ab")
    nodes = [node("mic", MIC), node("stt", STT), *(node(one, LLM) for one in ids)]
    edges = [edge("mic.audio -> stt.audio"), *(edge(f"stt.text -> {one}.prompt") for one in ids)]
    found = artifacts(complete(nodes, edges))
    assert found.resolved_spec_digest == digest_value(found.resolved_spec)
    assert list(found.resolved_spec["defaulting_sources"]) == sorted(found.resolved_spec["defaulting_sources"])
