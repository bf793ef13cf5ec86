"""Columns and edits as editors count them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types
from rsppc.base.source import Source, Span
from rsppc.lsp.desk import options_of
from rsppc.lsp.places import home_of, path_below, uri_of
from rsppc.lsp.positions import Unit, changed_text, offset_of, position_of, range_of, units_to_length, width

TEXTS = st.text(alphabet="ab\n🎧é\u2028\t", max_size=40)
UNITS = st.sampled_from(["utf-16", "utf-8", "utf-32"])


@given(TEXTS, UNITS, st.data())
def test_an_offset_comes_back_from_its_position(text: str, unit: Unit, data: st.DataObject) -> None:
    source = Source("a.yaml", text, text.encode())
    offset = data.draw(st.integers(0, len(text)))
    assert offset_of(source, position_of(source, offset, unit), unit) == offset


@given(TEXTS, UNITS, TEXTS, st.data())
def test_an_edit_changes_what_the_editor_meant(text: str, unit: Unit, new: str, data: st.DataObject) -> None:
    source = Source("a.yaml", text, text.encode())
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    at = range_of(Span(source=source, start=start, end=end), unit)
    assert changed_text(text, at, new, unit) == text[:start] + new + text[end:]


def test_positions_behind_the_end_are_the_end() -> None:
    source = Source("a.yaml", "ab\ncd", b"ab\ncd")
    assert offset_of(source, types.Position(line=0, character=99), "utf-16") == 2
    assert offset_of(source, types.Position(line=99, character=0), "utf-16") == 5
    start, end = types.Position(line=0, character=99), types.Position(line=99, character=9)
    assert changed_text("ab\ncd", types.Range(start=start, end=end), "x", "utf-16") == "abx"
    assert (
        changed_text("a\rb\r\nc", types.Range(start=types.Position(1, 0), end=types.Position(2, 0)), "", "utf-16")
        == "a\rc"
    )


def test_a_position_inside_a_character_is_that_of_the_character() -> None:
    assert units_to_length("🎧a", 1, "utf-16") == 0
    assert width("🎧a", "utf-16") == 3 and width("🎧a", "utf-8") == 5 and width("🎧a", "utf-32") == 2


def test_files_have_homes_and_other_documents_have_names() -> None:
    home = home_of("file:///tmp/a%20b/c_v1.yaml")
    assert (home.name, home.is_file) == ("c_v1.yaml", True)
    assert home_of("untitled:Untitled-1", "rspp").name == "<untitled:Untitled-1>.rspp"
    assert not home_of("https://elsewhere/a.yaml").is_file
    assert path_below("/a", "/a/b/c.yaml") == "b/c.yaml"
    assert path_below("/a/b", "/a/c.yaml") is None
    assert uri_of("/a", "b/ü.yaml") == "file:///a/b/%C3%BC.yaml"
    assert uri_of("/a", "rsppc:specs/simple_v1.yaml").endswith("/specs/simple_v1.yaml")


def test_options_that_are_not_understood_are_left_alone() -> None:
    assert options_of({"inlayHints": {"defaults": True, "ports": "no"}}).default_hints
    assert options_of({"inlayHints": {"ports": False}}).port_hints is False
    for odd in (None, 1, "x", [], {"inlayHints": 3}):
        assert options_of(odd).port_hints
