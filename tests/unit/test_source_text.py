"""From bytes to text: what is refused, where, and what is still read."""

from __future__ import annotations

import pytest
from rsppc.base.source import Source
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.syntax.reader import read
from rsppc.syntax.source_text import SOURCE_BYTES_MAX, read_source


def check(data: bytes) -> tuple[Source | None, tuple[Diagnostic, ...]]:
    sink = DiagnosticSink()
    source = read_source("specs/a_v1.yaml", data, sink)
    return source, sink.sorted()


def only(data: bytes) -> tuple[str, str, str]:
    """Code, place and message of the one finding."""
    _, (found,) = check(data)
    return found.code, str(found.at), found.message()


def test_plain_text_is_handed_on_unchanged() -> None:
    source, found = check("a: é😀\r\nb: 1\n".encode())
    assert source is not None and source.text == "a: é😀\r\nb: 1\n"
    assert found == ()


def test_a_leading_byte_order_mark_is_accepted_and_is_not_part_of_the_text() -> None:
    source, found = check(b"\xef\xbb\xbfa: 1\n")
    assert source is not None and source.text == "a: 1\n"
    assert found == ()


def test_a_byte_order_mark_inside_is_refused_with_its_byte_offset() -> None:
    code, place, message = only("é: 1\nb\ufeff: 2\n".encode())
    assert (code, place) == ("RSP0105", "specs/a_v1.yaml:2:2")
    assert "byte offset 7" in message


def test_a_file_over_the_limit_is_refused_by_its_size_alone() -> None:
    code, _, message = only(b"\xff" * (SOURCE_BYTES_MAX + 1))
    assert code == "RSP0101" and "8388609 bytes" in message


def test_a_file_of_exactly_the_limit_is_read() -> None:
    assert check(b"a" * SOURCE_BYTES_MAX)[0] is not None


def test_invalid_utf8_names_the_byte_its_offset_and_its_line() -> None:
    code, place, message = only("é: 1\nb: ".encode() + b"\xe9\n")
    assert (code, place) == ("RSP0102", "specs/a_v1.yaml:2:4")
    assert "0xE9 at offset 9" in message


def test_an_encoded_surrogate_is_not_utf8() -> None:
    assert only(b"a: \xed\xa0\x80\n")[0] == "RSP0102"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_recognised_and_said(encoding: str) -> None:
    code, _, message = only("a: 1\n".encode(encoding))
    assert code == "RSP0103" and "UTF-16" in message


def test_utf32_is_recognised_and_said() -> None:
    code, _, message = only("a: 1\n".encode("utf-32"))
    assert code == "RSP0103" and "UTF-32" in message


def test_a_nul_byte_makes_a_file_binary() -> None:
    code, place, message = only(b"ab: \x00\n")
    assert (code, place) == ("RSP0104", "specs/a_v1.yaml:1:5")
    assert "offset 4" in message


@pytest.mark.parametrize(
    ("character", "shown"),
    [("\u2028", "U+2028"), ("\u0085", "U+0085"), ("\x1b", "U+001B"), ("\x7f", "U+007F"), ("\ufffe", "U+FFFE")],
)
def test_a_control_character_is_refused_and_shown_by_its_number(character: str, shown: str) -> None:
    code, _, message = only(f"a: x{character}y\n".encode())
    assert code == "RSP0106" and shown in message


def test_a_lone_carriage_return_is_refused_and_counted_as_a_line_end() -> None:
    source, (found,) = check(b"a: 1\rb: 2\n")
    assert found.code == "RSP0106"
    assert source is not None and source.line_count() == 3


@pytest.mark.parametrize(
    "character",
    ["\u202e", "\u2066", "\u200b", "\u200d", "\u2060", "\u00ad", "\u061c", "\u115f", "\u180e", "\U000e0041", "\ufe01"],
)
@pytest.mark.parametrize("text", ["a{}b: 1\n", 'a: "x{}"\n', "a: 1 # x{}\n"])
def test_an_invisible_character_is_refused_in_keys_texts_and_comments(character: str, text: str) -> None:
    source, (found,) = check(text.format(character).encode())
    assert found.code == "RSP0107"
    assert f"U+{ord(character):04X}" in found.message()
    assert source is not None and character not in source.text
    assert source.text[found.at.start] == "\ufffd"


def test_an_emoji_may_ask_for_its_coloured_form_and_nothing_else_may() -> None:
    assert check("a: ⚠️\n".encode())[1] == ()
    assert only("a: x\ufe0f\n".encode())[0] == "RSP0107"


def test_at_most_twenty_refused_characters_are_reported() -> None:
    assert len(check(("\u200b" * 500).encode())[1]) == 20


def test_a_refused_character_does_not_hide_the_rest_of_the_file() -> None:
    sink = DiagnosticSink()
    document = read("a_v1.yaml", "a: \u202ex\nb: 2\n".encode(), sink)
    assert document is not None and document.root == {"a": "\ufffdx", "b": 2}
    assert [found.code for found in sink.sorted()] == ["RSP0107"]


def test_an_escape_in_quotes_may_state_an_invisible_character() -> None:
    sink = DiagnosticSink()
    document = read("a_v1.yaml", b'a: "\\u200b"\n', sink)
    assert document is not None and document.root == {"a": "\u200b"} and len(sink) == 0


def test_the_ending_of_a_file_decides_how_it_is_read() -> None:
    sink = DiagnosticSink()
    as_json = read("a_v1.json", b'{"a": 1}', sink)
    as_yaml = read("a_v1.yaml", b"a: 1", sink)
    assert as_json is not None and as_yaml is not None and as_json.root == as_yaml.root == {"a": 1}
    assert len(sink) == 0
    unknown = read("a_v1.toml", b"a = 1", sink)
    assert unknown is not None and unknown.root is None
    assert [found.code for found in sink.sorted()] == ["RSP0110"]
