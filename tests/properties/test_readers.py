"""Any text and any bytes are read or refused, never misread, and never raise."""

from __future__ import annotations

import json
from typing import Any

import yaml12
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.syntax.comments import comments
from rsppc.syntax.document import Document, Mapping
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.reader import read
from rsppc.syntax.scalar_offsets import offset_in_source
from rsppc.syntax.yaml_events import read_events
from rsppc.syntax.yaml_lines import read_lines
from rsppc.syntax.yaml_reader import read_yaml, readable

PIECES = [
    *["a", "b: ", "k: v", "- ", "- i", "1", "x y", "é", "😀", "'q'", '"r"', "[", "]", "{", "}", ",", ", ", "?", "? "],
    *[
        ":",
        ": ",
        "\n",
        "\n  ",
        "\n ",
        "\r\n",
        " ",
        "  ",
        "\t",
        "#",
        " # c\n",
        "'",
        '"',
        "|",
        "|\n",
        ">\n ",
        "|-",
        "|+\n",
    ],
    *["\\", "\\n", "%", "@", "---", "...", "\n---", "&x ", "!t ", "<<", "null", "true", "~", "0x1", "1.5", "-", "//"],
]
SPEC = """a:
  b: c
  d:
    - e
    - f: g
      h: "i j"
k: [l, m]
n: {o: p}
q: |
  text
  more
r: >-
  x

  y
"""

fragments = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)


@st.composite
def damaged(draw: st.DrawFn, text: str = SPEC) -> str:
    """A sound text with a few pieces put in and a few characters taken out."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        taken = draw(st.integers(0, 4))
        text = text[:place] + draw(st.sampled_from(["", *PIECES])) + text[place + taken :]
    return text


def read_text(text: str) -> tuple[Document, DiagnosticSink]:
    sink = DiagnosticSink()
    return read_yaml(Source("a.yaml", text, b""), sink), sink


def report(sink: DiagnosticSink) -> None:
    """Every finding can be said and lies inside its text."""
    for found in sink.sorted():
        assert found.message() and found.code and str(found.at)
        assert 0 <= found.at.start <= found.at.end <= max(len(found.at.source.text), found.at.start)
        assert found.next_step()


@given(st.one_of(st.text(), fragments, damaged()))
@example("\ud800")
@example("a: |")
@example("a: \n ")
@settings(deadline=None, max_examples=300)
def test_any_text_is_read_or_refused_by_every_reader(text: str) -> None:
    document, sink = read_text(text)
    report(sink)
    assert document.root is not None or len(sink) > 0
    comments(document.source)
    sink = DiagnosticSink()
    document = read_json(Source("a.json", text, b""), sink)
    report(sink)
    assert document.root is not None or len(sink) > 0


@given(
    st.one_of(st.binary(), st.text().map(str.encode), fragments.map(str.encode)), st.sampled_from([".yaml", ".json"])
)
@settings(deadline=None, max_examples=200)
def test_any_bytes_are_read_or_refused(data: bytes, suffix: str) -> None:
    sink = DiagnosticSink()
    document = read("a" + suffix, data, sink)
    report(sink)
    assert document is not None or len(sink) > 0


@given(st.one_of(fragments.map(lambda text: "a: " + text), fragments, damaged()))
@settings(deadline=None, max_examples=600)
def test_what_is_accepted_has_the_value_that_yaml_1_2_gives_it(text: str) -> None:
    document, sink = read_text(text)
    if len(sink) or "*" in text or "\r" in text.replace("\r\n", ""):
        return
    # The oracle adds a line end to a block text that has no lines, against the specification.
    if text.rstrip(" \n\r").endswith(("|", ">", "|+", ">+")) or "\n|" in text or "\n>" in text:
        return
    expected = yaml12.parse_yaml(text)
    assert plain(document.root) == expected
    assert repr(plain(document.root)) == repr(expected)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(1 - 2**53, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=5), st.booleans(), st.sampled_from([None, 2]))
@settings(deadline=None, max_examples=150)
def test_json_means_what_the_standard_library_reads(
    value: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    sink = DiagnosticSink()
    document = read_json(Source("a.json", text, b""), sink)
    assert len(sink) == 0 and plain(document.root) == value
    assert_keys_stand_where_they_are_written(document.root)


@given(st.lists(st.sampled_from([*'{}[],:"', '"a"', '"b"', "1", "true", "null", " ", "\n", "1.5", "x"]), max_size=14))
@settings(deadline=None, max_examples=300)
def test_json_that_is_accepted_is_accepted_by_the_standard_library_with_the_same_value(pieces: list[str]) -> None:
    text = '{"k":' + "".join(pieces) + "}"
    sink = DiagnosticSink()
    document = read_json(Source("a.json", text, b""), sink)
    if len(sink) == 0:
        assert plain(document.root) == json.loads(text)


@given(st.one_of(fragments.map(lambda text: "a: " + text), damaged()))
@settings(deadline=None, max_examples=300)
def test_places_of_keys_and_values_hold_what_is_written_there(text: str) -> None:
    document, _ = read_text(text)
    if not document.gaps:  # a value of several lines may have a gap inside
        assert_keys_stand_where_they_are_written(document.root)


words = st.sampled_from(
    ["x", "y z", " ", "  ", "é😀", "# c", "- a", "''", '\\"', "\\n", "\\x41", "k: v", "\n     ", "\n\n     "]
)


@given(st.sampled_from(["|\n     ", ">\n     ", "|-\n     ", ">+\n     ", '"', "'", "x"]), st.lists(words, max_size=8))
@settings(deadline=None, max_examples=300)
def test_each_character_of_a_value_is_found_where_it_is_written(opening: str, pieces: list[str]) -> None:
    closing = opening if opening in "\"'" else "."
    text = "k: " + opening + "".join(pieces) + closing + "\nz: 1\n"
    document, sink = read_text(text)
    if document.root is None or len(sink) or type(document.root.get("k")) is not str:
        return
    at = document.root.value_span("k")
    last = -1
    for index, character in enumerate(document.root["k"].rstrip()):
        place = offset_in_source(document.source, at.start, at.end, index)
        written = text[place]
        assert place > last and (written == character or written == "\\" or (character == " " and written in " \n"))
        last = place


def assert_keys_stand_where_they_are_written(value: Any) -> None:
    waiting = [value]
    while waiting:
        container = waiting.pop()
        if isinstance(container, Mapping):
            assert len(container.at) == 4 * len(container)
            for key, inner in container.items():
                written = container.key_span(key).text
                if written[:1] in ("'", '"'):
                    assert written[-1:] == written[:1] and len(written) > 1
                elif written[:1] not in ("|", ">"):
                    assert " ".join(written.split()) == " ".join(key.split())
                waiting.append(inner)
                assert_scalar(container.value_span(key).text, inner)
        elif isinstance(container, list):
            assert len(container.at) == 2 * len(container)
            for index, inner in enumerate(container):
                waiting.append(inner)
                assert_scalar(container.value_span(index).text, inner)


def assert_scalar(written: str, value: Any) -> None:
    if type(value) is int:
        assert written == str(value) or written.startswith("*")
    elif value is True or value is False:
        assert written.lower() == str(value).lower() or written.startswith("*")


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


LINES = [
    *["a:", "b: 1", "c: x y", "- d", "- e: f", "- - g", "-   h:", "- i: [j, {k: l}]", "m: {n: 'o', p: [], q: {}}"],
    *[
        "# c",
        "",
        "r: # s",
        't: "u v" # w',
        "x: -1",
        "y: a:b",
        "z: it's",
        "null: 1",
        "A: null",
        "B: ~",
        "C: 0x1",
        "- -2",
    ],
    *[
        "D: what?",
        "E: [f, ]",
        "G: {h}",
        "I: [j: k]",
        "l:m",
        "- ",
        "-",
        "N: |",
        "'o': p",
        "Q: &r s",
        "- - t: u",
        "V: a - b",
    ],
    *["W: x, y", "X: {a: b c, d: 'e'}", "Y: [", "b: 2", "Z: a #b", "é: é", "f: é", "- # g", "h: [i]  # j", "k: [l] m"],
]


@st.composite
def lined(draw: st.DrawFn) -> str:
    """Lines of a kind that specs are made of, most of them indented as the line above or a step beside it."""
    text, indent = draw(st.sampled_from(["", "", "", "---\n", "# c\n"])), 0
    for line in draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=14)):
        text += " " * indent + line + draw(st.sampled_from(["\n", "\n", "\n", "\n", " \n", "\n\n", "  # c\n"]))
        indent = max(0, indent + draw(st.sampled_from([0, 0, 2, 2, -2, -4, 1, 4])))
    return text


@settings(deadline=None, max_examples=1000)
@given(text=st.one_of(lined(), damaged(), st.lists(st.sampled_from(PIECES), max_size=25).map("".join), st.text()))
@example(text=SPEC)
@example(text="a: 1\nb: [2, {c: 'd'}]\n")
@example(text="a:\n- b\n- c: d\n  e:\n  - f\ng:\n")
def test_the_quick_way_reads_what_the_careful_one_reads(text: str) -> None:
    """Ordinary texts take a quick way through the reader; it must not be another way of understanding them."""
    source = Source("a.yaml", text.replace("\ufeff", ""), text.encode("utf-8", "surrogatepass"))
    quick = read_lines(source, readable(source.text))
    if quick is not None:
        sink = DiagnosticSink()
        assert _placed(quick) == _placed(read_events(source, readable(source.text), sink).root)
        assert len(sink) == 0


def _placed(value: Any) -> Any:
    """A value with all of its places."""
    if isinstance(value, Mapping):
        return [value.start, value.end, value.at, [(key, _placed(one)) for key, one in value.items()]]
    if isinstance(value, list):
        return [value.start, value.end, value.at, [_placed(one) for one in value]]  # type: ignore[attr-defined]
    return (type(value).__name__, value)
