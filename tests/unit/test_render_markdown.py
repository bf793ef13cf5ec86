"""Markdown: a table for a comment."""

from __future__ import annotations

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic
from rsppc.diagnostics.renderers.markdown import cell, code, render
from rsppc.diagnostics.report import Report


class FakeTable(Diagnostic):
    code = "RSP3104"
    name = "edge-format"
    headline = "`{written}` is odd"
    hint = "change it"

    written: str


class FakeNote(Diagnostic):
    code = "RSP3105"
    name = "remark"
    severity = "note"
    headline = "remark"


SOURCE = Source("a|b.yaml", "one: 1\ntwo: 2\n", b"")
AT = Span(source=SOURCE, start=7, end=10)


def test_findings_stand_in_a_table_the_gravest_first() -> None:
    found = (FakeNote(at=AT), FakeTable(at=AT, written="x|<b>", notes=("first",)))
    assert render(Report(diagnostics=found)) == (
        "| finding | what | where |\n"
        "|---|---|---|\n"
        "| error RSP3104 edge-format | `x\\|&lt;b&gt;` is odd | `a\\|b.yaml:2:1` |\n"
        "| note RSP3105 remark | remark | `a\\|b.yaml:2:1` |\n"
        "\n"
        "<details><summary>what to do</summary>\n"
        "\n"
        "- RSP3104 at `a\\|b.yaml:2:1`\n"
        "  - first\n"
        "  - help: change it\n"
        "\n"
        "</details>\n"
    )


def test_without_findings_it_says_so() -> None:
    assert render(Report(diagnostics=())) == "No findings.\n"


def test_nothing_ends_a_cell_or_hides() -> None:
    assert cell("a\n| b\x1b[1m <script>") == "a \\| b<U+001B>[1m <script>".replace("<", "&lt;").replace(">", "&gt;")
    assert code("plain") == "`plain`"
    assert code("a `` b") == "``` a `` b ```"
