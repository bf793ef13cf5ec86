"""What a YAML file means, where its parts stand, what is refused, and what is kept beside a mistake."""

from __future__ import annotations

import time
from typing import Any

import pytest
from rsppc.base.source import Source
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.syntax.comments import comments
from rsppc.syntax.document import Document, Mapping, Sequence
from rsppc.syntax.yaml_reader import read_yaml


def check(text: str) -> tuple[Document, tuple[Diagnostic, ...]]:
    sink = DiagnosticSink()
    return read_yaml(Source("a_v1.yaml", text, text.encode()), sink), sink.sorted()


def value_of(text: str) -> Any:
    """The root of a text in which nothing is wrong."""
    document, found = check(text)
    assert found == (), [each.message() for each in found]
    return document.root


def places(text: str) -> list[tuple[str, str]]:
    """Code and line:column of each finding."""
    return [(each.code, "{}:{}".format(*each.at.location()[1:])) for each in check(text)[1]]


# Values


@pytest.mark.parametrize(
    "word", ["no", "on", "yes", "off", "y", "1_000", "22:22", "22:22:22", "2026-11-21", "0b1", "v1.2"]
)
def test_what_yaml_1_1_would_turn_into_something_else_is_text(word: str) -> None:
    assert value_of(f"a: {word}\n") == {"a": word}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        *[(word, None) for word in ("null", "Null", "NULL", "")],
        *[(word, True) for word in ("true", "True", "TRUE")],
        *[(word, False) for word in ("false", "False", "FALSE")],
        *[("0", 0), ("-7", -7), ("9007199254740991", 2**53 - 1), ("-9007199254740991", 1 - 2**53)],
        *[("tRUE", "tRUE"), ("nULL", "nULL"), ("'12'", "12"), ('"true"', "true"), ('"\\u0041"', "A")],
    ],
)
def test_a_plain_value_means_what_the_core_schema_says(written: str, value: object) -> None:
    root = value_of(f"a: {written}\n")
    assert root == {"a": value} and type(root["a"]) is type(value)


@pytest.mark.parametrize(
    "written",
    ["010", "-01", "00", "0o17", "0x1F", "1e3", "1.5", ".5", "1.", "-1e400", "+5", "-0", ".inf", "-.Inf", ".nan"],
)
def test_a_number_that_readers_disagree_about_is_refused_with_what_to_write(written: str) -> None:
    document, (found,) = check(f"a: {written}\nb: 1\n")
    assert (found.code, found.at.text) == ("RSP0213", written)
    assert "quote it or write the decimal number" in found.next_step()
    assert document.root == {"b": 1}


def test_the_decimal_form_of_a_refused_number_is_suggested() -> None:
    assert [found.next_step()[-4:] for found in check("a: 010\nb: 0x1F\n")[1]] == ["`10`", "`31`"]


def test_a_tilde_is_refused_as_null() -> None:
    assert places("a: ~\n") == [("RSP0214", "1:4")]


@pytest.mark.parametrize("written", ["9007199254740992", "-9007199254740992", "9" * 10_000])
def test_an_integer_beyond_the_safe_range_is_refused_with_the_limit(written: str) -> None:
    _, (found,) = check(f"a: {written}\n")
    assert found.code == "RSP0116" and "9007199254740991" in found.message()


def test_a_refused_value_of_a_list_leaves_the_others_in_their_places() -> None:
    document, _ = check("a: [1, 1.5, x]\n")
    assert document.root is not None
    items = document.root["a"]
    assert items == [1, "x"]
    assert [items.value_span(index).text for index in range(2)] == ["1", "x"]


# Places


def test_keys_and_values_know_where_they_stand_beside_wide_characters_and_carriage_returns() -> None:
    text = 'é😀: \'x😀\'\r\n"k": [a, {b: "\\u00e9"}]\r\nlast: |\r\n  t\r\n\r\n# end\r\n'
    root = value_of(text)
    assert [root.key_span(key).text for key in root] == ["é😀", '"k"', "last"]
    assert root.value_span("é😀").text == "'x😀'"
    assert root.value_span("k").text == '[a, {b: "\\u00e9"}]'
    assert root["k"].value_span(1).text == '{b: "\\u00e9"}'
    assert root["k"][1].value_span("b").text == '"\\u00e9"'
    assert root.value_span("last").text == "|\r\n  t"
    assert str(root.key_span("last")) == "a_v1.yaml:3:1"


def test_a_block_collection_ends_with_its_last_value() -> None:
    root = value_of("a:\n  - b\n  - c: d\n\n# comment\n\ne:\n")
    assert root.value_span("a").text == "- b\n  - c: d"
    assert root["a"].span().text == "- b\n  - c: d"
    assert root.value_span("e").text == ""


def test_an_anchor_is_not_part_of_the_value_it_names() -> None:
    root = value_of("a: &x 'v'\nb: &y\n  c: *x\n&k d: e\n")
    assert root == {"a": "v", "b": {"c": "v"}, "d": "e"}
    assert [root.value_span("a").text, root["b"].span().text, root.key_span("d").text] == ["'v'", "c: *x", "d"]


def test_an_omitted_value_is_null_and_an_omitted_key_is_absent() -> None:
    root = value_of("a:\nb: null\n")
    assert root == {"a": None, "b": None} and "c" not in root
    assert root.key_span("c").start == 0


def test_a_file_without_a_final_line_end_means_the_same() -> None:
    assert value_of("a: |\n  x") == value_of("a: |\n  x\n") == {"a": "x\n"}


# Keys


def test_a_duplicate_key_is_refused_with_both_places_however_it_is_quoted() -> None:
    document, found = check("a: 1\nb: 2\n\"a\": 3\n'b': 4\n")
    assert [(each.code, str(each.at), str(each.related[0].at)) for each in found] == [
        ("RSP0115", "a_v1.yaml:3:1", "a_v1.yaml:1:1"),
        ("RSP0115", "a_v1.yaml:4:1", "a_v1.yaml:2:1"),
    ]
    assert "line 1, column 1" in found[0].message()
    assert document.root == {"a": 1, "b": 2}


@pytest.mark.parametrize("key", ["1", "true", "null", "~", "1.5", "[a]", "{a: b}", "? [a]\n"])
def test_a_key_that_is_not_text_is_refused_and_its_neighbours_stay(key: str) -> None:
    document, found = check(f"x: 1\n{key}: {{c: d}}\ny: 2\n")
    assert [each.code for each in found] == ["RSP0212"]
    assert document.root == {"x": 1, "y": 2}
    assert [document.root.value_span(name).text for name in ("x", "y")] == ["1", "2"]


def test_merge_keys_are_refused_at_the_first_one() -> None:
    assert places("a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n") == [("RSP0210", "3:3")]
    assert value_of("'<<': 1\n") == {"<<": 1}


# Tags, anchors, aliases


@pytest.mark.parametrize(
    "tag", ["!!str", "!!python/object/apply:os.system", "!x", "!", "!<tag:yaml.org,2002:str>", "!!binary", "!!int"]
)
@pytest.mark.parametrize("value", ["v", "'v'", "[v]", "{v: w}", ""])
def test_every_tag_is_refused_where_it_stands(tag: str, value: str) -> None:
    _, found = check(f"a: {tag} {value}\n")
    assert [(each.code, each.at.text) for each in found] == [("RSP0211", tag)]


def test_a_tag_behind_an_anchor_is_seen() -> None:
    assert places("a: &x ! 12\nb: &y # c\n  !!map\n  k: v\n") == [("RSP0211", "1:7"), ("RSP0211", "3:3")]


def test_an_alias_stands_for_the_value_it_repeats_and_has_its_own_place() -> None:
    root = value_of("a: &x [1, true]\nb: *x\nc: [*x, 2]\n")
    assert root == {"a": [1, True], "b": [1, True], "c": [[1, True], 2]}
    assert root.value_span("b").text == "*x"
    assert root["c"].value_span(0).text == "*x"


def test_recursive_undefined_and_duplicate_anchors_are_refused_where_they_stand() -> None:
    text = "a: &x [*x]\nb: *nope\nc: &y 1\nd: &y 2\ne: *later\nf: &later 3\n"
    assert places(text) == [("RSP0216", "1:8"), ("RSP0215", "2:4"), ("RSP0217", "4:4"), ("RSP0215", "5:4")]


def test_an_alias_as_key_is_refused() -> None:
    assert places("a: &x k\n*x : 1\n") == [("RSP0212", "2:1")]


def test_nine_levels_of_aliases_are_stopped_at_an_alias_and_at_once() -> None:
    text = "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n"
    for level in range(1, 10):
        text += f"l{level}: &l{level} [" + ", ".join([f"*l{level - 1}"] * 10) + "]\n"
    started = time.perf_counter()
    _, (found,) = check(text)
    assert time.perf_counter() - started < 1
    assert found.code == "RSP0113" and found.at.text == "*"
    assert "too many expanded nodes" in found.message()


def test_a_merge_key_bomb_is_refused_at_its_first_merge_key() -> None:
    text = "m0: &m0 {a: 1}\n"
    for level in range(1, 12):
        text += f"m{level}: &m{level} {{<<: [" + ", ".join([f"*m{level - 1}"] * 9) + "]}\n"
    started = time.perf_counter()
    found = check(text)[1]
    assert time.perf_counter() - started < 2
    assert (found[0].code, found[0].at.location()[1:]) == ("RSP0210", (2, 10))


def test_levels_are_counted_through_aliases() -> None:
    text = "a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 30 + "*a" + "]" * 30 + "\n"
    assert places(text) == [("RSP0111", "2:34")]


# Limits


def test_sixty_four_levels_are_read_and_the_next_is_refused_where_it_opens() -> None:
    assert value_of("{a: " * 64 + "1" + "}" * 64) is not None
    assert places("[" * 100_000) == [("RSP0111", "1:65")]


def test_a_thousand_nested_block_mappings_are_refused_at_the_sixty_fifth() -> None:
    text = "".join(f"{' ' * level}a:\n" for level in range(1000))
    started = time.perf_counter()
    found = places(text)
    assert time.perf_counter() - started < 2
    assert found == [("RSP0111", "65:65")]


def test_too_many_keys_too_many_nodes_and_a_huge_scalar_are_refused_in_time() -> None:
    started = time.perf_counter()
    assert [code for code, _ in places("".join(f"k{n}: 1\n" for n in range(50_001)))] == ["RSP0112"]
    assert [code for code, _ in places("a: [" + "1," * 1_000_000 + "]\n")] == ["RSP0113"]
    assert places("a: " + "x" * (1024 * 1024 + 1) + "\nb: 1\n") == [("RSP0114", "1:4")]
    assert time.perf_counter() - started < 20


def test_fifty_thousand_keys_are_read() -> None:
    assert len(value_of("".join(f"k{n}: 1\n" for n in range(50_000)))) == 50_000


def test_a_flood_of_mistakes_is_cut_off_and_costs_no_more_than_reading() -> None:
    started = time.perf_counter()
    text = "".join(f"k{n}: 1\n" for n in range(16_000)) * 3
    assert len(check(text)[1]) == 200
    assert time.perf_counter() - started < 10


# Whole files


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("", "RSP0117", "is empty"),
        ("\n \n", "RSP0117", "is empty"),
        ("# only\n# comments\n", "RSP0117", "holds only comments"),
        ("---\n...\n", "RSP0117", "holds only comments"),
        ("- a\n- b\n", "RSP0118", "holds a list"),
        ("text\n", "RSP0118", "holds a single value"),
        ("null\n", "RSP0118", "holds a single value"),
    ],
)
def test_a_file_that_holds_no_artifact_is_told_what_it_holds(text: str, code: str, words: str) -> None:
    document, (found,) = check(text)
    assert document.root is None
    assert found.code == code and words in found.message()


def test_a_second_document_is_refused_where_it_begins() -> None:
    document, _ = check("a: 1\n---\nb: 2\n")
    assert document.root == {"a": 1}
    assert places("a: 1\n---\nb: 2\n") == [("RSP0218", "2:1")]
    assert places("---\na: 1\n...\n---\n") == [("RSP0218", "4:1")]
    assert value_of("--- # start\na: 1\n...\n") == {"a": 1}


def test_directives_other_than_yaml_1_2_are_refused() -> None:
    assert value_of("%YAML 1.2\n---\na: 1\n") == {"a": 1}
    assert places("%YAML 1.1\n---\na: 1\n") == [("RSP0219", "1:1")]
    assert places("%TAG ! tag:x,2000:\n---\na: 1\n") == [("RSP0219", "1:1")]
    assert [code for code, _ in places("%FOO bar\n---\na: 1\n")] == ["RSP0201"]


# What libyaml would take


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 'x'#c\nb: 1\n", ("RSP0205", "1:7")),
        ("a: [x, y]#c\nb: 1\n", ("RSP0205", "1:10")),
        ("a: |#c\n  x\nb: 1\n", ("RSP0205", "1:5")),
        ("a: [?x, y]\nb: 1\n", ("RSP0206", "1:5")),
        ("a: [-]\nb: 1\n", ("RSP0206", "1:5")),
        ("a: 'x\ny'\nb: 1\n", ("RSP0207", "2:1")),
        ("a: [x,\ny]\nb: 1\n", ("RSP0207", "2:1")),
        ("a:\n  - c: [\n    x,\n  ]\nb: 1\n", ("RSP0207", "3:5")),
        ("a:\t1\nb: 1\n", ("RSP0204", "1:3")),
        ("a:\n\tx: 1\nb: 1\n", ("RSP0204", "2:1")),
        ("a:\n|\n x\nb: 1\n", ("RSP0201", "2:1")),
        ("a: |\n    \n  # x\nb: 1\n", ("RSP0201", "1:4")),
        ("a: &x:y z\nb: 1\n", ("RSP0201", "1:4")),
    ],
)
def test_what_yaml_1_2_reads_differently_is_refused_and_the_rest_kept(text: str, place: tuple[str, str]) -> None:
    document, _ = check(text)
    assert places(text)[0] == place
    assert document.root is not None and document.root["b"] == 1


def test_tabs_are_fine_in_texts_and_comments_and_at_line_ends() -> None:
    text = 'a: "x\ty"\t\nb: |\n  y\n  \tx\n#\tc\nc: p\tq # \td\n'
    assert value_of(text) == {"a": "x\ty", "b": "y\n\tx\n", "c": "p\tq"}


def test_a_comment_below_a_block_text_is_a_comment_in_a_file_with_tabs() -> None:
    assert value_of("a: |\n  x\n# c\nb: 1 #\tc\n") == {"a": "x\n", "b": 1}


# Recovery


def test_three_mistakes_in_three_nodes_give_three_diagnostics_and_the_rest_is_kept() -> None:
    text = (
        "pipeline_id: p\n"
        "nodes:\n"
        "  - node_id: a\n"
        "    provider: [x, y\n"
        "    budget_ms: 1\n"
        "  - node_id: b\n"
        '    title: "open\n'
        "    budget_ms: 2\n"
        "  - node_id: c\n"
        "    note: one: two\n"
        "    budget_ms: 3\n"
        "version: v1\n"
    )
    document, found = check(text)
    assert [(each.code, each.at.location()[1]) for each in found] == [("RSP0203", 4), ("RSP0202", 7), ("RSP0201", 10)]
    assert document.root == {
        "pipeline_id": "p",
        "nodes": [
            {"node_id": "a", "budget_ms": 1},
            {"node_id": "b", "budget_ms": 2},
            {"node_id": "c", "budget_ms": 3},
        ],
        "version": "v1",
    }
    assert [text[start:end] for start, end in document.gaps] == ["provider: [x, y", 'title: "open', "note: one: two"]
    assert document.root.key_span("version").text == "version"


def test_a_quote_that_swallows_the_next_one_is_reported_where_it_opens() -> None:
    document, _ = check('a: "x\nb: 1\nc: "y"\n')
    assert places('a: "x\nb: 1\nc: "y"\n') == [("RSP0202", "1:4")]
    assert document.root == {"b": 1, "c": "y"}


def test_a_line_without_colon_is_reported_where_it_stands() -> None:
    document, (found,) = check("a: 1\nbudget\nb: 2\n")
    assert found.at.text == "budget" and "no `:` follows" in found.message()
    assert document.root == {"a": 1, "b": 2}


def test_a_value_that_begins_with_a_reserved_sign_is_told_to_be_quoted() -> None:
    document, found = check("a: @x\nb: `y`\nc: %z\nd: 1\n")
    assert [(each.at.location()[1:], each.next_step()) for each in found] == [
        ((line, 4), "quote the value") for line in (1, 2, 3)
    ]
    assert document.root == {"d": 1}


def test_a_bad_escape_costs_its_item_only() -> None:
    document, (found,) = check('a: "C:\\path"\nb: 1\n')
    assert "escape" in found.message()
    assert document.root == {"b": 1}


def test_a_broken_item_takes_the_lines_below_it_that_belong_to_it() -> None:
    document, found = check("a:\n  k: v: w\n    deeper: x\n  l: 1\nb: 2\n")
    assert len(found) == 1
    assert document.root == {"a": {"l": 1}, "b": 2}


def test_a_file_of_nothing_but_mistakes_is_given_up_in_time() -> None:
    started = time.perf_counter()
    document, found = check("]: [\n}{\n" * 20_000)
    assert time.perf_counter() - started < 10
    assert document.root is None and 1 <= len(found) <= 21


def test_no_message_speaks_the_language_of_the_parser() -> None:
    for text in (
        "a: b: c\n",
        "a: [b c: }\n",
        "a: {b\n",
        "a\nb: 1\n",
        " a: 1\nb: 2\n",
        "- a\nb: 1\n",
        "a: 'x' y\n",
        "a: *\n",
    ):
        for found in check(text)[1]:
            assert "did not find" not in found.message() and "token" not in found.message()
            assert found.next_step()


# Comments


def test_comments_are_found_outside_values_only() -> None:
    text = "# top\na: 1 # one\nb: 'x # y'\nc: | # head\n  # text\n# after\nd: http://x#y\ne: [a, # in\n  b]\n"
    found = comments(Source("a_v1.yaml", text, b""))
    assert [comment.text for comment in found] == [" top", " one", " head", " after", " in"]
    assert all(text[comment.start] == "#" for comment in found)


def test_containers_are_the_documents_own() -> None:
    root = value_of("a: [1]\n")
    assert type(root) is Mapping and type(root["a"]) is Sequence and root.source is root["a"].source
