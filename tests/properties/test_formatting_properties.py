"""The formatter: whatever reads without a finding is laid out without loss, once and for all."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import digest_value
from rsppc.diagnostics import DiagnosticSink
from rsppc.formatting.format import Formatted, formatted
from rsppc.formatting.lines import WIDTH
from rsppc.formatting.plain_sense import sense_of_plain
from rsppc.formatting.yaml_plain import layout_of_plain
from rsppc.formatting.yaml_style import layout_of_yaml
from rsppc.lowering.artifacts import meaning
from rsppc.model.kinds import BY_NAME
from rsppc.syntax.comments import comments
from rsppc.syntax.document import Document
from rsppc.syntax.reader import read
from rsppc.syntax.rspp_printer import print_rspp
from rsppc.syntax.rspp_reader import rspp_comments
from rsppc.syntax.yaml_printer import print_yaml
from test_readers import SPEC, damaged, json_values, lined
from test_rspp import BITS, OTHER_KINDS, SOUND, TEXT_KINDS, _artifacts

YAML_LINES = [
    *[
        "a: 1",
        "b:",
        "c:   2",
        "- d",
        "-",
        "-   e: 1",
        "- - f",
        "-  - g: h",
        "i: [j,k ,  l]",
        "m: {n: 1,o:  2 }",
        "p: {",
    ],
    *[
        "q: [",
        "r: 1}",
        "s]",
        "]",
        "}",
        "t: 'u",
        "  v'",
        'w: "x',
        "  y\\",
        '  z"',
        "A: |",
        "B: >-",
        "C: |+",
        "D: |2",
        "  text",
    ],
    *[
        "    deeper",
        "# c",
        "   # d",
        "E: f # g",
        "G:  # h",
        "- # i",
        "? J",
        ": k",
        "'l': m",
        '"n"  : o',
        "P: &q r",
        "S: *q",
    ],
    *[
        "T: &u",
        "- &v w",
        "&x Y: z",
        "? &k2 aa",
        "---",
        "...",
        "%YAML 1.2",
        "bb: [cc: dd, {ee}, [ff: ]]",
        "gg: {hh, ii: }",
    ],
    *["jj: [ll, # mm", "nn] # oo", "pp: [&rr ss, *rr]", "tt:\tuu", "vv: ww\t# xx", "yy: [{zz: 1}, {z1: 2}]", "", ""],
    *["k1: {" + ", ".join(f"key_{number}: value_{number}" for number in range(9)) + "}", "long: " + "word " * 30],
]


@st.composite
def scribbled(draw: st.DrawFn) -> str:
    """Lines of all that the formatter knows, each indented a little more, less or as much as the one above."""
    text, indent = "", 0
    for line in draw(st.lists(st.sampled_from(YAML_LINES), min_size=1, max_size=10)):
        end = draw(st.sampled_from(["\n", "\n", "\n", "\n", "  \n", "\n\n", "\n\n\n", "\r\n", " # c\n", "      # c\n"]))
        text += " " * indent + line + end
        indent = max(0, indent + draw(st.sampled_from([0, 0, 0, 2, 2, 4, -2, -4, 1, 3])))
    return text


def laid_out(path: str, text: str) -> Formatted:
    """What becomes of a text, held against all that is promised."""
    data = text.encode("utf-8", "surrogatepass")
    before = DiagnosticSink()
    document = read(path, data, before)
    found = DiagnosticSink()
    made = formatted(path, data, found)
    assert made.why != "not the same", text
    assert [one.message() for one in found.sorted()] == [one.message() for one in before.sorted()]
    if len(before) or document is None or document.root is None:
        assert made.why == "unreadable"
        return made
    if made.why == "no layout":
        assert made.text == document.source.text
        return made
    if path.endswith(".yaml"):
        for one in (document, read(path, made.text.encode(), DiagnosticSink())):
            assert one is not None and one.root is not None
            assert layout_of_plain(one.source.text) in (None, layout_of_yaml(one.root))
    again = read(path, made.text.encode(), DiagnosticSink())
    assert again is not None and repr(again.root) == repr(document.root)
    assert notes(again) == notes(document)
    twice = formatted(path, made.text.encode(), DiagnosticSink())
    assert twice.text == made.text
    assert made.text.endswith("\n") and "\r" not in made.text
    return made


def notes(document: Document) -> list[str]:
    found: Any = ()
    if document.path.endswith(".rspp"):
        found = rspp_comments(document.source)
    elif document.path.endswith(".yaml"):
        found = comments(document.source)
    return sorted(comment.text.strip() for comment in found)


@settings(deadline=None, max_examples=300)
@given(st.one_of(scribbled(), lined(), damaged(), damaged(SPEC.replace("a:\n", "a: # c\n  # d\n", 1))))
@example("a: |+\n  b\n\n\n# c\nd: e\n")
@example("- a\n")
@example("a: [b, # c\n  d]\n")
@example("? a\n: b\n")
@example("&x Y: z\n    v'\n")
@example("a: 1\r\n")
def test_yaml_is_laid_out_without_loss(text: str) -> None:
    laid_out("a.yaml", text)


@st.composite
def nudged(draw: st.DrawFn) -> tuple[str, str]:
    """A text, and the same with some lines moved, spaced or worded otherwise."""
    text = draw(st.one_of(scribbled(), st.just(SPEC), lined()))
    lines = text.split("\n")
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, max(len(lines) - 1, 0)))
        line = lines[number] if lines else ""
        lines[number : number + 1] = draw(
            st.sampled_from(
                [
                    ["  " + line],
                    [line.removeprefix("  ")],
                    [line.replace(": ", ":  ")],
                    [line.replace("1", "true")],
                    [line + "  # e"],
                    [line.replace("# c", "# f")],
                    [line, line],
                    [],
                    ["- " + line.lstrip()],
                ]
            )
        )
    indented = draw(st.booleans())
    return text, "".join(f"{' ' * (len(one) - len(one.lstrip()))}{one}\n" if indented else f"{one}\n" for one in lines)


@settings(deadline=None, max_examples=500)
@given(nudged())
@example(("a:\n  b: 1\nc: 1\n", "a:\n  b: 1\n  c: 1\n"))
@example(("a:\n- b: 1\n- c: 1\n", "a:\n- b: 1\n  c: 1\n"))
@example(("a: 1\n", "a: true\n"))
@example(("a: [1]\n", "a: [true]\n"))
@example(("a: '1'\n", "a: 1\n"))
@example(("a: b  # c\n", "a: b\n"))
@example(("a:\n  b:\n    c: 1\n", "a:\n    b:\n     c: 1\n"))
def test_lines_that_say_the_same_are_read_as_the_same(texts: tuple[str, str]) -> None:
    """The quick proof holds only where the long one does."""
    sink = DiagnosticSink()
    documents = [read("a.yaml", text.encode(), sink) for text in texts]
    if len(sink) or any(one is None or one.root is None for one in documents):
        return
    before, after = documents
    assert before is not None and after is not None
    senses = [sense_of_plain(text) for text in texts]
    is_same = repr(before.root) == repr(after.root) and notes(before) == notes(after)
    assert None in senses or (senses[0] == senses[1]) is is_same


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(SOUND)), st.integers(0, 3), st.sampled_from(["", "\n", "  ", "# c\n", ",", *BITS])
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_text_form_is_laid_out_without_loss(edits: list[tuple[int, int, str]]) -> None:
    text = SOUND
    for place, removed, added in edits:
        text = text[:place] + added + text[place + removed :]
    laid_out("a.rspp", text)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.text(max_size=5), json_values, max_size=6), st.sampled_from([None, 1, 2, 8]), st.data())
def test_json_is_laid_out_without_loss(value: dict[str, Any], indent: int | None, data: st.DataObject) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=data.draw(st.booleans()))
    made = laid_out("a.json", text)
    assert made.why == "unreadable" or json.loads(made.text) == value


@settings(deadline=None, max_examples=200)
@given(st.text(), st.sampled_from(["a.yaml", "a.json", "a.rspp"]))
def test_any_text_is_laid_out_or_left_alone(text: str, path: str) -> None:
    laid_out(path, text)


@pytest.mark.parametrize("kind", (*TEXT_KINDS, *OTHER_KINDS))
def test_what_rsppc_writes_is_laid_out_already(kind: str) -> None:
    @settings(deadline=None, max_examples=8)
    @given(_artifacts(BY_NAME[kind]))
    def check(artifact: dict[str, Any]) -> None:
        written = {"a.yaml": print_yaml(artifact)}
        if kind in TEXT_KINDS:
            written["a.rspp"] = print_rspp(artifact)
        for path, text in written.items():
            made = laid_out(path, text)
            # The printer writes some long values on one line, whatever their length.
            assert made.text == text or max(map(len, text.split("\n"))) > WIDTH
            digests = [digest_of(path, one) for one in (text, made.text)]
            assert digests[0] == digests[1]

    check()


def digest_of(path: str, text: str) -> str:
    """The digest of what an artifact means."""
    document = read(path, text.encode(), DiagnosticSink())
    assert document is not None and document.root is not None
    return digest_value(meaning(document.root))
