"""JSON lines: exact lines for programs."""

from __future__ import annotations

import json
from typing import Any

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, Edit, Fix, Related, Side
from rsppc.diagnostics.renderers.json import render
from rsppc.diagnostics.report import Report


class FakeLineFinding(Diagnostic):
    code = "RSP3104"
    name = "edge-format"
    severity = "warning"
    headline = "`{written}` does not fit"
    hint = "try `{written}2`"

    written: str


def span_of(source: Source, words: str) -> Span:
    start = source.text.index(words)
    return Span(source=source, start=start, end=start + len(words))


def lines_of(*found: Diagnostic, strict: bool = False) -> list[dict[str, Any]]:
    rendered = render(Report(diagnostics=found, strict=strict))
    return [json.loads(line) for line in rendered.splitlines()]


SOURCE = Source("a.yaml", "one: 1\n😀日: two\n", b"")


def test_a_finding_is_one_canonical_line() -> None:
    """F-001: an error carries file, line and field path."""
    finding = FakeLineFinding(
        at=span_of(SOURCE, "two"),
        written="two",
        subject="a/v1 nodes.one",
        sides=(Side(role="gives", at=span_of(SOURCE, "1"), type="int"),),
        related=(Related(at=span_of(SOURCE, "one"), text="here"),),
        notes=("a note",),
        fixes=(Fix(title="fix it", edits=(Edit(at=span_of(SOURCE, "two\n"), text="2"),), verified=True),),
    )
    assert render(Report(diagnostics=(finding,))).decode() == (
        '{"code":"RSP3104","fixes":[{"class":"verified",'
        '"edits":[{"end":[3,1],"file":"a.yaml","start":[2,5],"text":"2"}],"plan_changes":true,"title":"fix it"}],'
        '"headline":"`two` does not fit","help":"try `two2`","name":"edge-format","notes":["a note"],'
        '"primary":{"end":[2,8],"file":"a.yaml","start":[2,5]},'
        '"related":[{"at":{"end":[1,4],"file":"a.yaml","start":[1,1]},"text":"here"}],"severity":"warning",'
        '"sides":[{"at":{"end":[1,7],"file":"a.yaml","start":[1,6]},"role":"gives","type":"int"}],'
        '"subject":"a/v1 nodes.one","v":1}\n'
    )


def test_columns_count_code_points() -> None:
    (line,) = lines_of(FakeLineFinding(at=span_of(SOURCE, "日"), written="x"))
    assert line["primary"] == {"file": "a.yaml", "start": [2, 2], "end": [2, 3]}


def test_severity_is_that_of_the_run() -> None:
    (line,) = lines_of(FakeLineFinding(at=span_of(SOURCE, "one"), written="x"), strict=True)
    assert line["severity"] == "error"


def test_every_line_break_within_a_finding_is_escaped() -> None:
    finding = FakeLineFinding(at=span_of(SOURCE, "one"), written="x\ny\u2028\x00", notes=("a\r\nb",))
    assert render(Report(diagnostics=(finding, finding))).count(b"\n") == 2
    assert lines_of(finding)[0]["notes"] == ["a\r\nb"]


def test_lone_surrogates_are_replaced() -> None:
    (line,) = lines_of(FakeLineFinding(at=span_of(SOURCE, "one"), written="x\ud800y"))
    assert line["headline"] == "`x\ufffdy` does not fit"


def test_a_span_outside_its_source_is_clamped() -> None:
    (line,) = lines_of(FakeLineFinding(at=Span(source=SOURCE, start=900, end=-4), written="x"))
    assert line["primary"] == {"file": "a.yaml", "start": [3, 1], "end": [3, 1]}


def test_no_findings_are_no_lines() -> None:
    assert render(Report(diagnostics=(), files=("a.yaml",))) == b""
