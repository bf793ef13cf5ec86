"""Workflow commands: exact lines."""

from __future__ import annotations

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, Side
from rsppc.diagnostics.renderers.github import escape_data, escape_property, render
from rsppc.diagnostics.report import Report


class FakeAnnotation(Diagnostic):
    code = "RSP3104"
    name = "edge-format"
    severity = "warning"
    headline = "`{written}` is 100% odd: a, b"
    hint = "change it"

    written: str


class FakeRemark(Diagnostic):
    code = "RSP3105"
    name = "remark"
    severity = "note"
    headline = "remark"


SOURCE = Source("a,b:c.yaml", "one: 1\ntwo: 2\n", b"")
AT = Span(source=SOURCE, start=7, end=10)


def test_a_finding_becomes_one_escaped_command() -> None:
    finding = FakeAnnotation(
        at=AT, written="x\ny", notes=("first\nsecond",), sides=(Side(role="gives", at=AT, type="int"),)
    )
    assert render(Report(diagnostics=(finding,))) == (
        "::warning file=a%2Cb%3Ac.yaml,line=2,col=1,endLine=2,endColumn=4,title=RSP3104 edge-format"
        "::`x<U+000A>y` is 100%25 odd: a, b%0Aa,b:c.yaml:2:1 gives int%0Afirst%0Asecond%0Ahelp: change it\n"
    )


def test_the_command_follows_the_severity_of_the_run() -> None:
    found = (FakeAnnotation(at=AT, written="x"), FakeRemark(at=AT))
    lines = render(Report(diagnostics=found, strict=True)).split("\n")
    assert [line.split(" ")[0] for line in lines] == ["::error", "::notice", ""]


def test_columns_are_left_out_where_a_span_has_several_lines() -> None:
    finding = FakeRemark(at=Span(source=SOURCE, start=0, end=10))
    assert render(Report(diagnostics=(finding,))) == (
        "::notice file=a%2Cb%3Ac.yaml,line=1,endLine=2,title=RSP3105 remark::remark\n"
    )


def test_everything_that_ends_a_command_or_a_property_is_escaped() -> None:
    assert escape_data("a%0A\r\n:,") == "a%250A%0D%0A:,"
    assert escape_property("a%0A\r\n:,") == "a%250A%0D%0A%3A%2C"
