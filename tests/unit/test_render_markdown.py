"""Markdown: a table for a comment."""

from __future__ import annotations

import html
import re

import pytest
from markdown_it import MarkdownIt
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic
from rsppc.diagnostics.renderers.markdown import code, prose, render, row
from rsppc.diagnostics.report import Report
from rsppc.diagnostics.visible import visible


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
        "| error RSP3104 edge-format | `x\\|<b>` is odd | `a\\|b.yaml:2:1` |\n"
        "| note RSP3105 remark | remark | `a\\|b.yaml:2:1` |\n"
        "\n"
        "<details><summary>what to do</summary>\n"
        "\n"
        "- RSP3104 at `a|b.yaml:2:1`\n"
        "  - first\n"
        "  - help: change it\n"
        "\n"
        "</details>\n"
    )


def test_without_findings_it_says_so() -> None:
    assert render(Report(diagnostics=())) == "No findings.\n"


@pytest.mark.parametrize(
    "text",
    [
        "a | b <script>alert(1)</script>",
        "text<final> of `text<partial|final>`",
        "nodes.*.config.* and **loud** _soft_ ~~gone~~ a_b_c",
        "[here](https://example.org) ![x](y) <https://example.org> &lt; &#60;",
        "a `code` and a ` alone",
        "``two`` and `` `",
        "\\| \\` `a\\|b`",
        "a\nb\x1b[1m",
    ],
)
def test_text_reads_as_it_stands_and_does_nothing(text: str) -> None:
    """The comment of a pull request is rendered by others, with everything that an author wrote."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    made = reader.render("| a | b |\n|---|---|\n" + row(prose(text), code(text)) + "\n")
    found = re.findall(r"<td>(.*?)</td>", made.replace("<!-- -->", ""), re.DOTALL)
    assert len(found) == 2
    shown = " ".join(visible(" ".join(text.split())).split())
    assert set(re.findall(r"<(/?\w+)", "".join(found))) <= {"code", "/code"}
    assert html.unescape(re.sub("</?code>", "", found[1])) == shown
    assert html.unescape(re.sub("</?code>", "", found[0])).replace("`", "") == shown.replace("`", "")


def test_names_of_people_and_issues_call_nobody() -> None:
    assert prose("by @team of #12, v1@sha256") == "by @<!-- -->team of #<!-- -->12, v1@sha256"
    assert code("plain") == "`plain`"
    assert code("a `` b") == "``` a `` b ```"
