"""JUnit XML: the whole document."""

from __future__ import annotations

from xml.etree import ElementTree

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic
from rsppc.diagnostics.renderers.junit import render
from rsppc.diagnostics.report import Report


class FakeFailure(Diagnostic):
    code = "RSP3104"
    name = "edge-format"
    headline = "`{written}` & <co>"

    written: str


class FakeSuspicion(Diagnostic):
    code = "RSP3105"
    name = "suspicion"
    severity = "warning"
    headline = "odd"
    hint = "look"


SOURCE = Source("a&b.yaml", "one: 1\ntwo: 2\n", b"")
ONE, TWO = Span(source=SOURCE, start=0, end=3), Span(source=SOURCE, start=7, end=10)


def test_a_file_is_a_suite_and_a_code_is_a_case() -> None:
    found = (FakeFailure(at=ONE, written='"1"'), FakeSuspicion(at=ONE), FakeFailure(at=TWO, written="2"))
    assert render(Report(diagnostics=found, files=("z.yaml", "a&b.yaml"))) == (
        """<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="rsppc" tests="3" failures="1" errors="0">
  <testsuite name="a&amp;b.yaml" tests="2" failures="1" errors="0" skipped="0">
    <testcase classname="a&amp;b.yaml" name="RSP3104 edge-format">
      <failure type="RSP3104" message="`&quot;1&quot;` &amp; &lt;co&gt; (and 1 more)">"""
        """a&amp;b.yaml:1:1 `&quot;1&quot;` &amp; &lt;co&gt;
a&amp;b.yaml:2:1 `2` &amp; &lt;co&gt;</failure>
    </testcase>
    <testcase classname="a&amp;b.yaml" name="RSP3105 suspicion">
      <system-out>a&amp;b.yaml:1:1 odd
  help: look</system-out>
    </testcase>
  </testsuite>
  <testsuite name="z.yaml" tests="1" failures="0" errors="0" skipped="0">
    <testcase classname="z.yaml" name="no findings"/>
  </testsuite>
</testsuites>
"""
    )


def test_warnings_fail_in_a_strict_run() -> None:
    document = ElementTree.fromstring(render(Report(diagnostics=(FakeSuspicion(at=ONE),), strict=True)))
    assert document.get("failures") == "1"
    assert document.find("testsuite/testcase/failure") is not None


def test_characters_that_xml_does_not_allow_are_named() -> None:
    finding = FakeFailure(at=ONE, written="a\x00\x0b\ud800\ufffe]]>", notes=("b\x1b",))
    failure = ElementTree.fromstring(render(Report(diagnostics=(finding,)))).find("testsuite/testcase/failure")
    assert failure is not None
    assert failure.get("message") == "`a<U+0000><U+000B><U+D800><U+FFFE>]]>` & <co>"
    assert (failure.text or "").endswith("\n  b<U+001B>")
