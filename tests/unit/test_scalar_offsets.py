"""From a place in a decoded text back to the place in the file."""

from __future__ import annotations

import pytest
from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.scalar_offsets import offset_in_source
from rsppc.syntax.yaml_reader import read_yaml


def check(text: str, mark: str = "MARK") -> None:
    """A word of the decoded value is found again where it is written."""
    source = Source("a", text, b"")
    sink = DiagnosticSink()
    document = read_json(source, sink) if text.startswith("{") else read_yaml(source, sink)
    assert len(sink) == 0 and document.root is not None
    at = document.root.value_span("when")
    index = document.root["when"].index(mark)
    assert offset_in_source(source, at.start, at.end, index) == text.index(mark)


@pytest.mark.parametrize(
    "value",
    [
        "event.text == MARK",
        "event.text\n  ==\n\n  MARK",
        "'it''s ''MARK'''",
        "'one\n\n\n  two MARK'",
        '"a \\"b\\" \\u00e9\\x41\\U0001F600 MARK"',
        '"one \\\n  two\\\n\n  three MARK"',
        '"one\r\n\r\n  two MARK"',
        "|\n  one\n    two MARK\n  three",
        "|-\r\n  one\r\n\r\n  MARK",
        "|2\n    one\n  MARK",
        "|+\n\n\n  one\n  MARK\n\n",
        ">\n  one\n  two\n\n  three MARK",
        ">\n  one\n    more\n      still\n  back\n\n\n    MARK",
        ">-\n  😀 é\n  MARK",
    ],
)
def test_a_word_is_found_in_every_style_of_value(value: str) -> None:
    check(f"when: {value}\nnext: 1\n")


def test_an_indentation_digit_counts_from_the_key_it_belongs_to() -> None:
    source = Source("a", "edges:\n  - when: |2\n        one\n      MARK\n", b"")
    document = read_yaml(source, DiagnosticSink())
    assert document.root is not None
    edge = document.root["edges"][0]
    at = edge.value_span("when")
    assert offset_in_source(source, at.start, at.end, edge["when"].index("MARK")) == source.text.index("MARK")


def test_a_word_is_found_in_a_json_string() -> None:
    check('{"when": "\\ud83d\\ude00 \\"q\\" \\/ \\u00e9 MARK"}')


def test_an_index_behind_the_text_gives_the_end_of_what_is_written() -> None:
    assert offset_in_source(Source("a", "when: 'ab'\n", b""), 6, 10, 99) == 9
    assert offset_in_source(Source("a", "when: ab\n", b""), 6, 8, 2) == 8
