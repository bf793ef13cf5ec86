"""How sources are formatted: what stays, what moves, and that nothing is lost on the way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from golden_harness import ROOT as GOLDEN
from rsppc.base.canonical_json import digest_value
from rsppc.diagnostics import DiagnosticSink
from rsppc.formatting.format import formatted
from rsppc.lowering.artifacts import meaning
from rsppc.syntax.reader import SUFFIXES, read

REPOSITORY = GOLDEN.parent
REFERENCE = (
    "pipelines/examples/simple_livekit_voice_v1/pipelines/specs/quickstart_v1.rspp",
    "pipelines/specs/simple_v1.yaml",
    "pipelines/bundles/voice_assistant_bundle_v1.json",
)


def check(before: str, after: str, path: str = "a.yaml") -> None:
    """A text, what it becomes, and that this is the last word."""
    made = formatted(path, before.encode(), DiagnosticSink())
    assert (made.why, made.text) == ("laid out", after)
    assert formatted(path, after.encode(), DiagnosticSink()).text == after


def sources(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in SUFFIXES and path.is_file())


# ---- everything there is


@pytest.mark.parametrize(
    "path", [path.relative_to(REPOSITORY).as_posix() for path in sources(REPOSITORY / "pipelines")]
)
def test_what_ships_is_formatted(path: str) -> None:
    data = (REPOSITORY / path).read_bytes()
    assert formatted(path, data, DiagnosticSink()).text.encode() == data


def test_every_input_of_a_golden_case_keeps_its_meaning_and_is_formatted_once_and_for_all() -> None:
    seen: set[bytes] = set()
    for path in sources(GOLDEN):
        data = path.read_bytes()
        if "input" not in path.parts or data in seen:
            continue
        seen.add(data)
        sink = DiagnosticSink()
        document = read(path.name, data, sink)
        made = formatted(path.name, data, DiagnosticSink())
        if len(sink) or document is None or document.root is None:
            assert made.why == "unreadable", path
            continue
        assert made.why == "laid out", path
        again = read(path.name, made.text.encode(), DiagnosticSink())
        assert again is not None and again.root is not None
        if not any(key in document.root and not isinstance(document.root[key], list) for key in ("nodes", "edges")):
            try:
                digest = digest_value(meaning(document.root))
            except (AttributeError, TypeError):  # items that are no mappings
                continue
            assert digest_value(meaning(again.root)) == digest, path
        assert formatted(path.name, made.text.encode(), DiagnosticSink()).text == made.text, path
    assert len(seen) > 300


@pytest.mark.parametrize("path", REFERENCE)
def test_half_typed_text_never_fails(path: str) -> None:
    text = (REPOSITORY / path).read_text("utf-8")
    for end in range(0, len(text), 3):
        made = formatted(path, text[:end].encode(), DiagnosticSink())
        assert made.why in ("laid out", "unreadable"), text[:end]


# ---- YAML


def test_line_ends_blank_lines_and_the_mark_before_the_text() -> None:
    check("\ufeff\r\n\r\na: 1 \t\r\n\r\n\r\n\r\nb: 2", "a: 1\n\nb: 2\n")


def test_brackets_are_put_on_one_line_where_they_fit() -> None:
    check("a: [ b,c ,\n d  ]\ne: {f:   1 , 'g' : [],}\n", "a: [b, c, d]\ne: {f: 1, 'g': []}\n")


def test_brackets_that_do_not_fit_become_a_block() -> None:
    words = [f"word_{number}" * 3 for number in range(8)]
    check(f"a: [\n {', '.join(words)}]\nb: 1\n", "a:\n" + "".join(f"  - {one}\n" for one in words) + "b: 1\n")


def test_brackets_that_are_too_wide_become_a_block_unless_they_are_a_row_of_a_table() -> None:
    wide = ", ".join(f"key_{number}: value_{number}" for number in range(9))
    block = "".join(f"  key_{number}: value_{number}\n" for number in range(9))
    check(f"a: {{{wide}}}\nb: 1\n", f"a:\n{block}b: 1\n")
    check(f"a: {{{wide}}}\nb: {{c: 1}}\n", f"a: {{{wide}}}\nb: {{c: 1}}\n")


def test_columns_stay_and_stray_spaces_go() -> None:
    check("a:   1\nb:\n  cc:   {}\n  d:    {}\ne:  2\n", "a: 1\nb:\n  cc: {}\n  d:  {}\ne: 2\n")


def test_comments_behind_values_stay_behind_them_and_in_their_columns() -> None:
    check("a: 1 # b\nc: [1,2]   # d\ne: 1       # f\n", "a: 1  # b\nc: [1, 2]   # d\ne: 1        # f\n")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: # b\n  c: 1\n", "a:  # b\n  c: 1\n"),
        ("a: # b\n  1\n", "# b\na: 1\n"),
        ("a:\n- # b\n  c: 1\n", "a:\n  # b\n  - c: 1\n"),
        ("a: [   # b\n  c, # d\n  # e\n  f]\n", "a:   # b\n  - c  # d\n  # e\n  - f\n"),
        ("a: [c\n  # end\n ]\nb: 1\n", "a:\n  - c\n  # end\nb: 1\n"),
        (
            "a:\n    b: 1\n    # of a\n  # of a, too\n# of c\nc: 1\n",
            "a:\n  b: 1\n  # of a\n# of a, too\n# of c\nc: 1\n",
        ),
        ("a:\n- 1\n# of b\nb: 1\n# end\n", "a:\n  - 1\n# of b\nb: 1\n# end\n"),
        ("a: | # b\n  c\n # d\ne: 1\n", "a: |  # b\n  c\n# d\ne: 1\n"),
        ("# a\n--- # b\n# c\nd: 1\n... # e\n# f\n", "# a\n---  # b\n# c\nd: 1\n# e\n# f\n"),
        ("{ # a\n  b: 1 # c\n} # d\n", "# a\nb: 1  # c\n# d\n"),
        ("a: [b, # c\n  # d\n ] # e\n# f\n", "a:\n  - b  # c\n  # d\n# e\n# f\n"),
        ("a: &x # b\n  c: 1\nd: *x\n", "a: &x  # b\n  c: 1\nd: *x\n"),
    ],
)
def test_comments_are_kept_wherever_they_stand(before: str, after: str) -> None:
    check(before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a: |\n    b\n      c \n\n    d\n\n\ne: 1\n", "a: |\n  b\n    c \n\n  d\n\ne: 1\n"),
        ("a:\n    b: |+\n           c\n\n\nd: 1\n", "a:\n  b: |+\n    c\n\n\nd: 1\n"),
        ("- a\n", ""),
        ("a:\n   b: |3\n       c\n", "a:\n  b: |2\n     c\n"),
        ("a: 'b\n\n   c'\nd: e\n     f\n", "a: 'b\n\n  c'\nd: e\n  f\n"),
        ('a: "b \\\n     c\\\n     \\ d"\n', 'a: "b \\\n  c\\\n  \\ d"\n'),
    ],
)
def test_texts_of_several_lines_keep_what_they_say(before: str, after: str) -> None:
    if after:
        check(before, after)
    else:
        assert formatted("a.yaml", before.encode(), DiagnosticSink()).why == "unreadable"


def test_anchors_and_keys_of_all_kinds_stay() -> None:
    check(
        "? a\n:  &x\n   b: 1\nc:\n- &y d\n- &z\n  e: *y\n- [*z, &w f,\n   g: h, i: ]\n&k j: *k\n",
        "a: &x\n  b: 1\nc:\n  - &y d\n  - &z\n    e: *y\n  - [*z, &w f, g: h, {i}]\n&k j: *k\n",
    )


def test_a_key_of_several_lines_leaves_the_file_as_it_is() -> None:
    text = '? "a\n  b"\n:   c\n'
    made = formatted("a.yaml", text.encode(), DiagnosticSink())
    assert (made.why, made.text) == ("no layout", text)


# ---- JSON and the text form


def test_json_keeps_the_lines_of_its_author() -> None:
    check(
        '{"a":{"b":1},\n\n\n"c":[\n1,2],"d":[ ]}',
        '{\n  "a": {"b": 1},\n\n  "c": [\n    1,\n    2\n  ],\n  "d": []\n}\n',
        "a.json",
    )


def test_attributes_get_lines_where_a_statement_does_not_fit() -> None:
    config = "prompt = " + '"' + "x" * 60 + '"'
    check(
        f"pipeline a v1 {{ node b:c.d {{ {config} }} provider some-provider budget 600ms lifecycle start 2s stop 1s }}",
        f"pipeline a v1 {{\n  node b : c.d {{ {config} }}\n    provider some-provider\n    budget 600ms\n"
        "    lifecycle start 2s stop 1s\n}\n",
        "a.rspp",
    )


def test_names_stand_in_columns_from_one_blank_line_to_the_next() -> None:
    check(
        "pipeline a v1 {\nnode b : c.d\n# of dd\nnode dd : c.d\n\nnode eee : c.d\nuse x=y/v1\nuse zz=y/v1\n}",
        "pipeline a v1 {\n  node b  : c.d\n  # of dd\n  node dd : c.d\n\n  node eee : c.d\n  use x  = y/v1\n"
        "  use zz = y/v1\n}\n",
        "a.rspp",
    )


def test_the_page_shows_what_happens() -> None:
    page = (REPOSITORY / "docs" / "formatting.md").read_text("utf-8")
    before, after = re.findall(r"```yaml\n# file: [^\n]*\n(.*?)```", page, re.DOTALL)
    check(before.replace("as_written", "formatted"), after)


def test_lines_that_happen_to_end_alike_are_no_column() -> None:
    """Only where one of them stands further right than it need."""
    check("a:\n    b: 1\nccccc: 2\nd:   3\n", "a:\n  b: 1\nccccc: 2\nd: 3\n")


def test_a_comment_belongs_to_nothing_that_ended_further_above() -> None:
    check("a:\n  b: 1\nc: 2\n  # d\ne: 3\n", "a:\n  b: 1\nc: 2\n# d\ne: 3\n")
    check("a:\n  b: |\n    x\nc: 2\n  # d\ne: 3\n", "a:\n  b: |\n    x\nc: 2\n# d\ne: 3\n")
