"""SARIF 2.1.0: the log as code hosts read it."""

from __future__ import annotations

import json
import re
from typing import Any

from rsppc.base.source import Source, Span, file_span
from rsppc.diagnostics import Diagnostic, Edit, Fix, Related, Side
from rsppc.diagnostics.renderers.sarif import render
from rsppc.diagnostics.report import Report


class FakeScanFinding(Diagnostic):
    """Ports that do not agree would fail in the call.

    So they fail here.
    """

    code = "RSP3104"
    name = "edge-format"
    severity = "warning"
    headline = "`{written}` does not fit"
    hint = "write `{other_word}`"

    written: str
    other_word: str = "2"


class FakeBareFinding(Diagnostic):
    code = "RSP1001"
    name = "bare"
    headline = "bare"


def span_of(source: Source, words: str) -> Span:
    start = source.text.index(words)
    return Span(source=source, start=start, end=start + len(words))


def run_of(report: Report) -> dict[str, Any]:
    log = json.loads(render(report))
    assert_structure(log)
    run: dict[str, Any] = log["runs"][0]
    return run


def results_of(*found: Diagnostic) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = run_of(Report(diagnostics=found))["results"]
    return results


# What the OASIS schema asks of the objects that we write: property names with their checks, `!` where required.
STRUCTURE: dict[str, dict[str, Any]] = {
    "log": {"$schema": "uri", "version!": "text", "runs!": ["run"]},
    "run": {
        "tool!": "tool",
        "columnKind": {"utf16CodeUnits", "unicodeCodePoints"},
        "originalUriBaseIds": "bases",
        "artifacts": ["artifact"],
        "results": ["result"],
    },
    "tool": {"driver!": "driver"},
    "driver": {"name!": "text", "version": "text", "rules": ["rule"]},
    "rule": {
        "id!": "text",
        "name": "text",
        "shortDescription": "message",
        "fullDescription": "message",
        "help": "message",
        "defaultConfiguration": "configuration",
    },
    "configuration": {"level": {"none", "note", "warning", "error"}},
    "message": {"text!": "text", "markdown": "text"},
    "artifact": {"location": "artifactLocation"},
    "artifactLocation": {"uri": "relative", "uriBaseId": {"WORKSPACE"}},
    "result": {
        "ruleId": "text",
        "ruleIndex": "index",
        "level": {"none", "note", "warning", "error"},
        "message!": "message",
        "locations": ["location"],
        "relatedLocations": ["location"],
        "fixes": ["fix"],
        "partialFingerprints": "texts",
        "properties": "anything",
    },
    "location": {"id": "index", "physicalLocation": "physicalLocation", "message": "message"},
    "physicalLocation": {"artifactLocation": "artifactLocation", "region": "region"},
    "region": {"startLine": "number", "startColumn": "number", "endLine": "number", "endColumn": "number"},
    "fix": {"description": "message", "artifactChanges!": ["change"], "properties": "anything"},
    "change": {"artifactLocation!": "artifactLocation", "replacements!": ["replacement"]},
    "replacement": {"deletedRegion!": "region", "insertedContent": "content"},
    "content": {"text": "text"},
}
NON_EMPTY = {"replacements", "artifactChanges"}
UNIQUE = {"artifacts", "artifactChanges", "fixes", "locations", "relatedLocations", "replacements", "rules"}


def assert_structure(log: Any) -> None:
    """Check a log against `STRUCTURE`."""
    waiting: list[tuple[str, Any]] = [("log", log)]
    while waiting:
        kind, value = waiting.pop()
        known = {name.removesuffix("!"): check for name, check in STRUCTURE[kind].items()}
        required = {name.removesuffix("!") for name in STRUCTURE[kind] if name.endswith("!")}
        assert required <= set(value) <= set(known), (kind, set(value))
        for name, inner in value.items():
            check = known[name]
            if isinstance(check, list):
                assert isinstance(inner, list)
                assert inner or name not in NON_EMPTY
                assert name not in UNIQUE or len({json.dumps(item) for item in inner}) == len(inner)
                waiting.extend((check[0], item) for item in inner)
            elif isinstance(check, set):
                assert inner in check
            elif check in STRUCTURE:
                waiting.append((check, inner))
            else:
                assert_leaf(check, inner)


def assert_leaf(check: str, value: Any) -> None:
    match check:
        case "text" | "uri":
            assert isinstance(value, str)
        case "relative":
            assert re.fullmatch(r"(?!/)(?:[A-Za-z0-9_.~/-]|%[0-9A-F]{2})*", value)
        case "number":
            assert isinstance(value, int) and value >= 1
        case "index":
            assert isinstance(value, int) and value >= 0
        case "texts":
            assert all(isinstance(inner, str) for inner in value.values())
        case "bases" | "anything":
            assert isinstance(value, dict)
        case _:
            raise AssertionError(check)


WHY = "Ports that do not agree would fail in the call.\n\nSo they fail here."
HELP = WHY + "\n\nwrite `OTHER_WORD`"
SOURCE = Source("a b/ü:1.yaml", "one: 1 # 😀\n😀日: two\n", b"")


def test_a_log_holds_one_run_with_the_rules_that_spoke() -> None:
    found = (FakeBareFinding(at=span_of(SOURCE, "one")), FakeScanFinding(at=span_of(SOURCE, "two"), written="two"))
    run = run_of(Report(diagnostics=found, files=("b.yaml",), version="0.1.0"))
    assert run["tool"]["driver"] == {
        "name": "rsppc",
        "version": "0.1.0",
        "rules": [
            {
                "id": "RSP1001",
                "name": "bare",
                "shortDescription": {"text": "bare"},
                "fullDescription": {"text": "bare"},
                "help": {"text": "bare", "markdown": "bare"},
                "defaultConfiguration": {"level": "error"},
            },
            {
                "id": "RSP3104",
                "name": "edge-format",
                "shortDescription": {"text": "`WRITTEN` does not fit"},
                "fullDescription": {"text": WHY},
                "help": {
                    "text": HELP,
                    "markdown": HELP,
                },
                "defaultConfiguration": {"level": "warning"},
            },
        ],
    }
    assert [(result["ruleId"], result["ruleIndex"], result["level"]) for result in run["results"]] == [
        ("RSP1001", 0, "error"),
        ("RSP3104", 1, "warning"),
    ]
    assert [artifact["location"]["uri"] for artifact in run["artifacts"]] == ["a%20b/%C3%BC%3A1.yaml", "b.yaml"]


def test_columns_count_utf16_code_units() -> None:
    (result,) = results_of(FakeScanFinding(at=span_of(SOURCE, "two"), written="two"))
    assert result["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "a%20b/%C3%BC%3A1.yaml", "uriBaseId": "WORKSPACE"},
                "region": {"startLine": 2, "startColumn": 6, "endLine": 2, "endColumn": 9},
            }
        }
    ]
    assert run_of(Report(diagnostics=()))["columnKind"] == "utf16CodeUnits"


def test_sides_related_places_and_fixes_are_kept() -> None:
    other = Source("b.yaml", "x: 1\n", b"")
    (result,) = results_of(
        FakeScanFinding(
            at=span_of(SOURCE, "two"),
            written="two",
            subject="a/v1 nodes.one",
            sides=(Side(role="gives", at=span_of(SOURCE, "1"), type="int"),),
            related=(Related(at=file_span(other), text="set here"),),
            notes=("a note",),
            fixes=(
                Fix(title="only advice", plan_changes=False),
                Fix(
                    title="change it",
                    verified=True,
                    plan_changes=False,
                    edits=(
                        Edit(at=span_of(other, "1"), text="2"),
                        Edit(at=span_of(SOURCE, "one"), text=""),
                        Edit(at=span_of(other, "x"), text="y"),
                    ),
                ),
            ),
        )
    )
    assert result["message"]["text"].split("\n") == [
        "`two` does not fit",
        "a b/ü:1.yaml:1:6 gives int",
        "b.yaml:1:1 set here",
        "a note",
        "fix 1 (unverified): only advice",
        "fix 2 (verified): change it",
        "help: write `2`",
    ]
    assert [(at["id"], at["message"]["text"]) for at in result["relatedLocations"]] == [
        (0, "gives int"),
        (1, "set here"),
    ]
    assert result["properties"] == {"subject": "a/v1 nodes.one"}
    (fix,) = result["fixes"]
    assert fix["properties"] == {"verified": True, "planChanges": False}
    assert [change["artifactLocation"]["uri"] for change in fix["artifactChanges"]] == [
        "a%20b/%C3%BC%3A1.yaml",
        "b.yaml",
    ]
    assert fix["artifactChanges"][1]["replacements"][0] == {
        "deletedRegion": {"startLine": 1, "startColumn": 4, "endLine": 1, "endColumn": 5},
        "insertedContent": {"text": "2"},
    }
    assert "insertedContent" not in fix["artifactChanges"][0]["replacements"][0]


def test_a_fingerprint_survives_lines_added_above_and_tells_equal_findings_apart() -> None:
    moved = Source(SOURCE.path, "# above\n\n" + SOURCE.text, b"")

    def fingerprints(source: Source) -> list[str]:
        at = span_of(source, "two")
        found = (FakeScanFinding(at=at, written="two"), FakeScanFinding(at=at, written="two", notes=("again",)))
        return [result["partialFingerprints"]["finding/v1"] for result in results_of(*found)]

    assert fingerprints(SOURCE) == fingerprints(moved)
    assert len(set(fingerprints(SOURCE))) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}:[12]", fingerprint) for fingerprint in fingerprints(SOURCE))


def test_what_stands_twice_is_written_once() -> None:
    edit = Edit(at=span_of(SOURCE, "one"), text="1")
    fix = Fix(title="t", edits=(edit, edit))
    run = run_of(
        Report(diagnostics=(FakeBareFinding(at=span_of(SOURCE, "one"), fixes=(fix, fix)),), files=("b.yaml", "/b.yaml"))
    )
    (written,) = run["results"][0]["fixes"]
    assert len(written["artifactChanges"][0]["replacements"]) == 1
    assert [artifact["location"]["uri"] for artifact in run["artifacts"]] == ["b.yaml", "a%20b/%C3%BC%3A1.yaml"]


def test_no_path_of_a_log_is_absolute() -> None:
    source = Source("/etc/a.yaml", "x", b"")
    assert b'"/etc' not in render(Report(diagnostics=(FakeBareFinding(at=file_span(source)),)))


def test_the_same_report_gives_the_same_bytes() -> None:
    report = Report(diagnostics=(FakeBareFinding(at=span_of(SOURCE, "one")),), files=("c.yaml", "b.yaml"))
    assert render(report) == render(report)
    assert render(report).endswith(b"}\n")
