"""The text that people see: every test gives a file and a finding, and expects the whole text."""

from __future__ import annotations

import re

from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, Edit, Fix, Related, Side
from rsppc.diagnostics.renderers.text import render, shell_quoted
from rsppc.diagnostics.report import Report, report_of


class FakeEdgeFormat(Diagnostic):
    code = "RSP3104"
    name = "edge-format"
    headline = "`{source}` and `{target}` do not share an audio format"

    source: str
    target: str


class FakeOddName(Diagnostic):
    code = "RSP1999"
    name = "odd-name"
    severity = "warning"
    headline = "`{written}` is an odd name"
    hint = "call it `{better}`"

    written: str
    better: str = "mic"


def source_of(text: str, path: str = "a.yaml") -> Source:
    return Source(path, text, text.encode("utf-8", "replace"))


def span_of(source: Source, words: str, start: int = 0) -> Span:
    found = source.text.index(words, start)
    return Span(source=source, start=found, end=found + len(words))


def check(expected: str, *found: Diagnostic, strict: bool = False, files: tuple[str, ...] = ("a.yaml",)) -> None:
    """Compare the whole text; the expected one begins with a line break, for the eye."""
    shown = render(report_of(found, strict=strict, files=files, version="0.1.0"))
    assert shown == expected.removeprefix("\n")


def odd(source: Source, words: str, **more: object) -> FakeOddName:
    return FakeOddName(at=span_of(source, words), written=words, **more)  # type: ignore[arg-type]


SPEC = "".join(f"# {number}\n" for number in range(1, 41)) + "  - {from: mic.audio, to: vad.audio}\n"


def test_an_edge_between_two_formats_reads_as_the_language_document_shows_it() -> None:
    """F-001: an error carries file, line and field path."""
    source = source_of(SPEC, "pipelines/specs/support_v1.yaml")
    finding = FakeEdgeFormat(
        at=span_of(source, "{from: mic.audio, to: vad.audio}"),
        source="mic.audio",
        target="vad.audio",
        subject="support/v1 edges.mic.audio->vad.audio.type",
        sides=(
            Side(role="produces", at=span_of(source, "mic.audio"), type="pcm_s16le  48000 Hz  2 ch"),
            Side(role="accepts", at=span_of(source, "vad.audio"), type="pcm_s16le  8000|16000 Hz  1 ch"),
        ),
        notes=(
            "differs in rate_hz and channels; codec agrees",
            "rate_hz 48000 set in pipelines/policies/kiosk_audio_v1.yaml:7:14, overriding 16000 from rspp_std/v1",
        ),
        fixes=(
            Fix(
                title="insert `audio.mixdown` and `audio.resample` on this edge, +4 ms of 250 ms budget",
                verified=True,
            ),
        ),
    )
    check(
        """
error[RSP3104 edge-format]: `mic.audio` and `vad.audio` do not share an audio format
  pipelines/specs/support_v1.yaml:41:5
   |
41 |   - {from: mic.audio, to: vad.audio}
   |            ^^^^^^^^^      ^^^^^^^^^ accepts   pcm_s16le  8000|16000 Hz  1 ch
   |            |
   |            produces  pcm_s16le  48000 Hz  2 ch
   = differs in rate_hz and channels; codec agrees
   = rate_hz 48000 set in pipelines/policies/kiosk_audio_v1.yaml:7:14, overriding 16000 from rspp_std/v1
fix 1 (verified, changes the plan): insert `audio.mixdown` and `audio.resample` on this edge, +4 ms of 250 ms budget
   = rsppc explain RSP3104   |   rsppc why support/v1 'edges.mic.audio->vad.audio.type'

1 error in 1 file
""",
        finding,
        files=("pipelines/specs/support_v1.yaml",),
    )


def test_findings_stand_in_source_order_and_are_counted_by_severity() -> None:
    source, other = source_of("one: 1\ntwo: 2\n"), source_of("three: 3\n", "b.yaml")
    check(
        """
warning[RSP1999 odd-name]: `one` is an odd name
  a.yaml:1:1
  |
1 | one: 1
  | ^^^
  = help: call it `mic`
  = rsppc explain RSP1999

error[RSP3104 edge-format]: `x` and `y` do not share an audio format
  a.yaml:2:6
  |
2 | two: 2
  |      ^
  = rsppc explain RSP3104

warning[RSP1999 odd-name]: `three` is an odd name
  b.yaml:1:1
  |
1 | three: 3
  | ^^^^^
  = help: call it `mic`
  = rsppc explain RSP1999

1 error, 2 warnings in 3 files
""",
        odd(other, "three"),
        FakeEdgeFormat(at=span_of(source, "2"), source="x", target="y"),
        odd(source, "one"),
        files=("a.yaml", "b.yaml", "c.yaml"),
    )


def test_a_strict_run_calls_a_warning_an_error() -> None:
    finding = odd(source_of("one: 1\n"), "one")
    shown = render(Report(diagnostics=(finding,), strict=True, files=("a.yaml",)))
    assert shown.startswith("error[RSP1999 odd-name]")
    assert shown.endswith("\n1 error in 1 file\n")


def test_a_run_without_findings_says_so() -> None:
    check("no findings in 2 files\n", files=("a.yaml", "b.yaml"))


def test_three_labels_on_one_line_hang_from_right_to_left() -> None:
    source = source_of("aaa bbb ccc ddd\n")
    sides = tuple(Side(role=word[0], at=span_of(source, word), type=f"is {word}") for word in ("aaa", "bbb", "ddd"))
    check(
        """
warning[RSP1999 odd-name]: `aaa bbb ccc ddd` is an odd name
  a.yaml:1:1
  |
1 | aaa bbb ccc ddd
  | ^^^ ^^^     ^^^ d  is ddd
  | |   |
  | |   b  is bbb
  | a  is aaa
  = help: call it `mic`
  = rsppc explain RSP1999

1 warning in 1 file
""",
        odd(source, "aaa bbb ccc ddd", sides=sides),
    )


def test_a_label_hangs_where_a_longer_mark_ends_behind_it() -> None:
    source = source_of("aaa bbb ccc\n")
    check(
        """
warning[RSP1999 odd-name]: `aaa bbb ccc` is an odd name
  a.yaml:1:1
  |
1 | aaa bbb ccc
  | ^^^^^^^^^^^
  |     |
  |     seen here
  = help: call it `mic`
  = rsppc explain RSP1999

1 warning in 1 file
""",
        odd(source, "aaa bbb ccc", related=(Related(at=span_of(source, "bbb"), text="seen here"),)),
    )


def test_sides_elsewhere_and_related_places_have_their_own_excerpts() -> None:
    spec = source_of("edges:\n  - mic to vad\n")
    types = source_of("\n" * 11 + "audio: pcm\nvideo: h264\n", "types.yaml")
    check(
        """
error[RSP3104 edge-format]: `mic` and `vad` do not share an audio format
  a.yaml:2:5
   |
 2 |   - mic to vad
   |     ^^^^^^^^^^
  types.yaml:12:8
   |
12 | audio: pcm
   |        ^^^ produces  pcm
  types.yaml:13:8
   |
13 | video: h264
   |        ^^^^ accepts   h264
  types.yaml:1:1: declared in this file
  a.yaml:1:1
   |
 1 | edges:
   | ----- all edges
   = rsppc explain RSP3104

1 error in 1 file
""",
        FakeEdgeFormat(
            at=span_of(spec, "mic to vad"),
            source="mic",
            target="vad",
            sides=(
                Side(role="produces", at=span_of(types, "pcm"), type="pcm"),
                Side(role="accepts", at=span_of(types, "h264"), type="h264"),
            ),
            related=(
                Related(at=file_span(types), text="declared in this file"),
                Related(at=span_of(spec, "edges"), text="all edges"),
            ),
        ),
    )


def test_the_primary_place_is_underlined_when_its_sides_stand_on_other_lines() -> None:
    source = source_of("node:\n  kind: a\n  port: b\n")
    at = Span(source=source, start=0, end=len(source.text))
    check(
        """
warning[RSP1999 odd-name]: `node` is an odd name
  a.yaml:1:1
  |
1 | node:
  | ^^^^^
  a.yaml:2:9
  |
2 |   kind: a
  |         ^ says  a
  = help: call it `mic`
  = rsppc explain RSP1999

1 warning in 1 file
""",
        FakeOddName(at=at, written="node", sides=(Side(role="says", at=span_of(source, "a\n"), type="a"),)),
    )


def test_a_finding_about_a_file_as_a_whole_names_the_file() -> None:
    check(
        """
warning[RSP1999 odd-name]: `a.yaml` is an odd name
  a.yaml:1:1
  = a note
    of two lines
  = help: call it `mic`
  = rsppc explain RSP1999

1 warning in 1 file
""",
        FakeOddName(at=file_span(source_of("x: 1\n")), written="a.yaml", notes=("a note\nof two lines",)),
    )


def test_the_first_line_is_shown_for_a_place_in_it_and_not_for_the_file_as_a_whole() -> None:
    source = source_of("x: 1\n")
    check(
        """
warning[RSP1999 odd-name]: `a.yaml` is an odd name
  a.yaml:1:1
  a.yaml:1:1
  |
1 | x: 1
  | - here
  = help: call it `mic`
  = rsppc explain RSP1999

1 warning in 1 file
""",
        FakeOddName(at=file_span(source), written="a.yaml", related=(Related(at=span_of(source, "x"), text="here"),)),
    )


def excerpt(source: Source, span: Span) -> list[str]:
    """The source line and its carets, as shown."""
    shown = render(Report(diagnostics=(FakeOddName(at=span, written="x"),)))
    return [line[4:] for line in shown.split("\n")[3:5]]


def test_carets_align_below_tabs() -> None:
    source = source_of("\tkey:\tvalue\n")
    assert excerpt(source, span_of(source, "value")) == [
        "    key:    value",
        "            ^^^^^",
    ]


def test_carets_align_below_wide_and_combining_characters() -> None:
    source = source_of("日本: cafe\u0301 名前\n")
    assert excerpt(source, span_of(source, "cafe\u0301")) == ["日本: cafe\u0301 名前", "      ^^^^"]
    assert excerpt(source, span_of(source, "名前")) == ["日本: cafe\u0301 名前", "           ^^^^"]
    korean = source_of("\u1100\u1161: key\n")
    assert excerpt(korean, span_of(korean, "key")) == ["\u1100\u1161: key", "    ^^^"]
    assert excerpt(source, span_of(source, "\u0301")) == ["日本: cafe\u0301 名前", "         ^"]


def test_hidden_characters_are_named_and_carets_stay_aligned() -> None:
    source = source_of("a\x1b[31m \u202eb\u00a0: value\n")
    assert excerpt(source, span_of(source, "value")) == [
        "a<U+001B>[31m <U+202E>b<U+00A0>: value",
        " " * 33 + "^^^^^",
    ]


def test_hidden_characters_of_facts_and_notes_are_named() -> None:
    finding = FakeOddName(
        at=file_span(source_of("", "b\x1b.yaml")), written="a\nb\ud800", notes=("c\x07",), subject="p \x1b'"
    )
    shown = render(Report(diagnostics=(finding,)))
    assert "`a<U+000A>b<U+D800>` is an odd name" in shown
    assert "  b<U+001B>.yaml:1:1\n" in shown
    assert "= c<U+0007>\n" in shown
    assert "rsppc why p ''\"'\"''" not in shown
    assert "rsppc why p '<U+001B>'\"'\"''" in shown
    shown.encode()


def test_carriage_returns_do_not_show() -> None:
    source = source_of("a: 1\r\nb: 2\r\n")
    assert excerpt(source, span_of(source, "1\r\n")) == ["a: 1", "   ^"]


def test_an_empty_span_at_the_end_of_a_line_gets_one_caret() -> None:
    source = source_of("a:\nb: 2\n")
    assert excerpt(source, Span(source=source, start=2, end=2)) == ["a:", "  ^"]


def test_a_span_of_several_lines_is_shown_by_its_first() -> None:
    source = source_of("x\nlist:\n  - 1\n  - 2\n")
    assert excerpt(source, Span(source=source, start=2, end=len(source.text))) == ["list:", "^^^^^"]


def test_a_long_line_is_cut_around_the_caret() -> None:
    source = source_of("0123456789" * 50 + "HERE" + "9876543210" * 50 + "\n")
    line, carets = excerpt(source, span_of(source, "HERE"))
    assert line == "…" + "0123456789" * 4 + "HERE" + ("9876543210" * 6)[:56] + "…"
    assert carets == " " * 41 + "^^^^"


def test_a_long_line_is_cut_on_one_side_when_the_caret_is_at_its_other_end() -> None:
    source = source_of("HEAD" + "." * 500 + "TAIL\n")
    assert excerpt(source, span_of(source, "HEAD")) == ["HEAD" + "." * 96 + "…", "^^^^"]
    assert excerpt(source, span_of(source, "TAIL")) == ["…" + "." * 96 + "TAIL", " " * 97 + "^^^^"]


def test_a_long_line_of_wide_characters_is_cut_by_cells() -> None:
    source = source_of("界" * 300 + "HERE" + "界" * 300 + "\n")
    line, carets = excerpt(source, span_of(source, "HERE"))
    assert line == "…" + "界" * 20 + "HERE" + "界" * 28 + "…"
    assert carets == " " * 41 + "^^^^"


def test_a_mark_longer_than_the_cut_line_ends_with_it() -> None:
    source = source_of("key: " + "x" * 300 + "\n")
    line, carets = excerpt(source, span_of(source, "x" * 300))
    assert line == "key: " + "x" * 95 + "…"
    assert carets == "     " + "^" * 95


def test_marks_far_apart_on_a_long_line_show_it_once_more() -> None:
    source = source_of("LEFT" + "." * 400 + "RIGHT\n")
    check(
        f"""
error[RSP3104 edge-format]: `l` and `r` do not share an audio format
  a.yaml:1:1
  |
1 | LEFT{"." * 96}…
  | ^^^^ gives  1
1 | …{"." * 95}RIGHT
  | {" " * 96}^^^^^ takes  2
  = rsppc explain RSP3104

1 error in 1 file
""",
        FakeEdgeFormat(
            at=Span(source=source, start=0, end=409),
            source="l",
            target="r",
            sides=(
                Side(role="gives", at=span_of(source, "LEFT"), type="1"),
                Side(role="takes", at=span_of(source, "RIGHT"), type="2"),
            ),
        ),
    )


def test_a_megabyte_on_one_line_is_shown_in_no_time_for_a_thousand_findings() -> None:
    """A finding looks at the part of its line that it shows; else this test would take minutes."""
    source = source_of("{" + "a: 1, " * 200_000 + "}")
    found = tuple(
        FakeOddName(at=Span(source=source, start=start, end=start + 1), written="a")
        for start in range(1, 1_000_001, 1000)
    )
    assert max(map(len, render(Report(diagnostics=found)).split("\n"))) < 120


def fixed(source: Source, *edits: Edit, verified: bool = False) -> list[str]:
    """What is shown of a fix."""
    finding = FakeOddName(
        at=file_span(source),
        written="x",
        fixes=(Fix(title="do it", edits=edits, verified=verified, plan_changes=False),),
    )
    shown = render(Report(diagnostics=(finding,))).split("\n")
    return shown[shown.index(f"fix 1 ({'verified' if verified else 'unverified'}): do it") + 1 : -5]


def test_a_fix_shows_the_line_before_and_after() -> None:
    source = source_of("a: 1\nbb: two\n")
    edit = Edit(at=span_of(source, "two"), text="2")
    assert fixed(source, edit, verified=True) == ["2 - bb: two", "2 + bb: 2"]


def test_a_fix_with_two_edits_on_a_line_shows_it_once() -> None:
    source = source_of("a: 1\nbb: two, cc: three\n")
    edits = (Edit(at=span_of(source, "three"), text="3"), Edit(at=span_of(source, "two"), text="2"))
    assert fixed(source, *edits) == ["2 - bb: two, cc: three", "2 + bb: 2, cc: 3"]


def test_a_fix_that_inserts_or_removes_lines_shows_only_those() -> None:
    source = source_of("a: 1\nb: 2\nc: 3\n")
    assert fixed(source, Edit(at=Span(source=source, start=5, end=5), text="x: 0\ny: 0\n")) == [
        "2 + x: 0",
        "3 + y: 0",
    ]
    assert fixed(source, Edit(at=span_of(source, "b: 2\n"), text="")) == ["2 - b: 2"]


def test_a_fix_in_another_file_names_it() -> None:
    source, other = source_of("a: 1\n"), source_of("b: 2\n", "b.yaml")
    assert fixed(source, Edit(at=span_of(other, "2"), text="3")) == ["  b.yaml:1:4", "1 - b: 2", "1 + b: 3"]
    far = source_of("\n" * 11 + "a: 1\nx:\nb: 2\n", "b.yaml")
    edits = (Edit(at=span_of(far, "1"), text="3"), Edit(at=span_of(far, "2"), text="4"))
    assert fixed(source, *edits) == ["  b.yaml:12:4", "12 - a: 1", "12 + a: 3", "14 - b: 2", "14 + b: 4"]


def test_line_numbers_of_excerpts_and_fixes_share_one_column() -> None:
    source = source_of("a: 1\n" + "\n" * 10 + "b: 2\n")
    fix = Fix(title="do it", edits=(Edit(at=span_of(source, "2"), text="3"),), plan_changes=False)
    check(
        """
warning[RSP1999 odd-name]: `a` is an odd name
  a.yaml:1:1
   |
 1 | a: 1
   | ^
fix 1 (unverified): do it
12 - b: 2
12 + b: 3
   = help: call it `mic`
   = rsppc explain RSP1999

1 warning in 1 file
""",
        odd(source, "a", fixes=(fix,)),
    )


def test_a_long_fix_shows_its_beginning() -> None:
    source = source_of("a: 1\n")
    text = "".join(f"- {number}\n" for number in range(20))
    assert fixed(source, Edit(at=Span(source=source, start=0, end=0), text=text)) == [
        *(f"{number + 1} + - {number}" for number in range(6)),
        "7 + …",
    ]


def test_a_fix_in_a_long_line_is_cut_around_the_edit() -> None:
    source = source_of("a" * 300 + "HERE" + "b" * 300 + "\n")
    removed, added = fixed(source, Edit(at=span_of(source, "HERE"), text="THERE"))
    assert removed == "1 - …" + "a" * 40 + "HERE" + "b" * 55 + "…"
    assert added == "1 + …" + "a" * 40 + "THERE" + "b" * 54 + "…"


def test_overlapping_edits_are_shown_without_failing() -> None:
    source = source_of("abcdef\n")
    edits = (
        Edit(at=Span(source=source, start=0, end=4), text="X"),
        Edit(at=Span(source=source, start=2, end=3), text="Y"),
    )
    assert fixed(source, *edits) == ["1 - abcdef", "1 + XYef"]


def test_colour_is_there_only_when_asked_for() -> None:
    source = source_of("one: 1\n")
    report = Report(
        diagnostics=(odd(source, "one", fixes=(Fix(title="t", edits=(Edit(at=span_of(source, "1"), text="2"),)),)),)
    )
    plain, colored = render(report), render(report, color=True)
    assert "\x1b" not in plain
    assert colored.startswith("\x1b[1;33mwarning[RSP1999 odd-name]\x1b[0m\x1b[1m: `one` is an odd name\x1b[0m\n")
    assert "\x1b[1;33m^^^\x1b[0m" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


def test_commands_are_quoted_for_a_posix_shell() -> None:
    assert shell_quoted("support/v1") == "support/v1"
    assert shell_quoted("a->b") == "'a->b'"
    assert shell_quoted("it's") == "'it'\"'\"'s'"
    assert shell_quoted("") == "''"
