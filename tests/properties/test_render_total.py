"""No renderer fails, whatever a finding holds, and what programs read parses back."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, Edit, Fix, Related, Side
from rsppc.diagnostics.renderers import names
from rsppc.diagnostics.renderers.text import WIDTH
from rsppc.diagnostics.report import Report, render_report
from rsppc.diagnostics.visible import cells


class FakeAnything(Diagnostic):
    code = "RSP3999"
    name = "anything"
    severity = "warning"
    headline = "`{fact}` of {number}"
    hint = "{fact}"

    fact: str
    number: int


ODD = st.sampled_from("\n\n\n\r\t\x00\x1b\x85\u2028\u202e\ufeff\ufffe\ud800\udc00日\u0301😀 {}%:,<&]>\"'x")
TEXT = st.text(st.one_of(st.characters(), ODD), max_size=40)
LONG = st.builds(lambda pieces, number: "".join(pieces * number), st.lists(TEXT, max_size=4), st.integers(1, 30))
OFFSET = st.integers(-3, 600)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    sources = [Source(path, draw(LONG), b"") for path in draw(st.lists(TEXT, min_size=1, max_size=2))]
    span = st.builds(Span, source=st.sampled_from(sources), start=OFFSET, end=OFFSET)
    edit = st.builds(Edit, at=span, text=TEXT)
    finding = st.builds(
        FakeAnything,
        fact=TEXT,
        number=st.integers(),
        at=span,
        subject=TEXT,
        sides=st.lists(st.builds(Side, role=TEXT, at=span, type=TEXT), max_size=3).map(tuple),
        related=st.lists(st.builds(Related, at=span, text=TEXT), max_size=3).map(tuple),
        notes=st.lists(TEXT, max_size=2).map(tuple),
        fixes=st.lists(
            st.builds(
                Fix,
                title=TEXT,
                edits=st.lists(edit, max_size=3).map(tuple),
                verified=st.booleans(),
                plan_changes=st.booleans(),
            ),
            max_size=2,
        ).map(tuple),
    )
    return Report(
        diagnostics=tuple(draw(st.lists(finding, max_size=3))),
        strict=draw(st.booleans()),
        files=tuple(draw(st.lists(TEXT, max_size=2))),
        version=draw(TEXT),
    )


@settings(deadline=None, max_examples=150)
@given(report=reports())
def test_every_renderer_renders_every_report_and_programs_can_read_it(report: Report) -> None:
    rendered = {name: render_report(report, name).decode() for name in names()}
    lines = [json.loads(line) for line in rendered["json"].split("\n")[:-1]]
    assert len(lines) == len(report.diagnostics)
    results = json.loads(rendered["sarif"])["runs"][0]["results"]
    assert len(results) == len(report.diagnostics)
    assert all(is_ordered(result["locations"][0]["physicalLocation"]["region"]) for result in results)
    assert len(ElementTree.fromstring(rendered["junit"])) == len(report.all_files())
    assert rendered["github"].count("\n") == len(report.diagnostics)
    assert all(char.isprintable() or char == "\n" for char in rendered["text"])
    assert sum(line.startswith(("error[", "warning[")) for line in rendered["text"].split("\n")) == len(lines)


def is_ordered(region: dict[str, Any]) -> bool:
    start, end = (region["startLine"], region["startColumn"]), (region["endLine"], region["endColumn"])
    return (1, 1) <= start <= end


@settings(deadline=None, max_examples=150)
@given(before=LONG, after=LONG)
def test_the_caret_stands_under_its_character(before: str, after: str) -> None:
    text = f"{before}§{after}"
    source = Source("a.yaml", text, b"")
    at = Span(source=source, start=len(before), end=len(before) + 1)
    # A second § may stand before or after; it is moved out of the way.
    if before.count("§") or after.count("§") or at.start == 0:
        return
    found = Report(diagnostics=(FakeAnything(at=at, fact="f", number=1),))
    line, carets = (row.partition("| ")[2] for row in render_report(found, "text").decode().split("\n")[3:5])
    assert carets.strip() == "^"
    shown = line[: line.index("§")]
    assert cells(shown)[1][-1] == carets.index("^")
    assert cells(line)[1][-1] <= WIDTH + 2
