"""SARIF 2.1.0, for code hosts and the tools that read scan results.

One run. Paths are relative to the workspace and stay so (`uriBaseId`). Columns are counted in UTF-16 code units, which
every reader of SARIF must support; ends are excluded there as here. The fingerprint of a finding does not depend on
line numbers, so that a line added above it does not make it a new one.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import Any
from urllib.parse import quote

from rsppc.base.canonical_json import canonical, digest_value, readable
from rsppc.base.source import Source, Span
from rsppc.diagnostics import pages
from rsppc.diagnostics.diagnostic import Diagnostic, Edit, Fix
from rsppc.diagnostics.places import offsets
from rsppc.diagnostics.prose import details
from rsppc.diagnostics.renderers import Renderer
from rsppc.diagnostics.report import Report
from rsppc.diagnostics.visible import encodable, visible

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
WORKSPACE = "WORKSPACE"
FINGERPRINT = "finding/v1"
"""Name of the fingerprint; another way to compute it gets another name."""

_BEYOND_16_BITS = re.compile("[\U00010000-\U0010ffff]")


def render(report: Report) -> bytes:
    """The whole report as one log."""
    kinds = _kinds(report)
    rule_index = {key: index for index, key in enumerate(kinds)}
    columns = _Columns()
    fingerprints = _Fingerprints()
    results = [
        {
            **_result(found, columns),
            "level": report.severity(found),
            "ruleIndex": rule_index[found.code, found.name],
            "partialFingerprints": {FINGERPRINT: fingerprints.of(found)},
        }
        for found in report.diagnostics
    ]
    driver = {"name": "rsppc", "rules": [_rule(kind) for kind in kinds.values()]}
    if report.version:
        driver["version"] = encodable(report.version)
    run = {
        "tool": {"driver": driver},
        "columnKind": "utf16CodeUnits",
        "originalUriBaseIds": {WORKSPACE: {"description": {"text": "The folder in which rsppc ran."}}},
        "artifacts": _once([{"location": _artifact(file)} for file in report.all_files()]),
        "results": results,
    }
    return readable({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _kinds(report: Report) -> dict[tuple[str, str], type[Diagnostic]]:
    found = {(diagnostic.code, diagnostic.name): type(diagnostic) for diagnostic in report.diagnostics}
    return {key: found[key] for key in sorted(found)}


def _rule(kind: type[Diagnostic]) -> dict[str, Any]:
    headline = pages.readable(kind.headline)
    reason = pages.why(kind) or headline
    help_text = "\n\n".join(part for part in (reason, pages.readable(kind.hint)) if part)
    return {
        "id": kind.code,
        "name": kind.name,
        "shortDescription": {"text": headline},
        "fullDescription": {"text": reason},
        "help": {"text": help_text, "markdown": help_text},
        "defaultConfiguration": {"level": kind.severity},
    }


def _result(diagnostic: Diagnostic, columns: _Columns) -> dict[str, Any]:
    # Readers show the first line where they have room for one.
    message = "\n".join([visible(diagnostic.message()), *details(diagnostic)])
    result = {
        "ruleId": diagnostic.code,
        "message": {"text": message},
        "locations": [{"physicalLocation": _place(diagnostic.at, columns)}],
    }
    others = [(side.at, f"{side.role} {side.type}") for side in diagnostic.sides]
    others.extend((related.at, related.text) for related in diagnostic.related)
    if others:
        result["relatedLocations"] = [
            {"id": number, "physicalLocation": _place(at, columns), "message": {"text": visible(text)}}
            for number, (at, text) in enumerate(others)
        ]
    # A fix without edits is advice; SARIF has fixes that change files only.
    if fixes := _once([_fix(fix, columns) for fix in diagnostic.fixes if fix.edits]):
        result["fixes"] = fixes
    if diagnostic.subject:
        result["properties"] = {"subject": encodable(diagnostic.subject)}
    return result


def _fix(fix: Fix, columns: _Columns) -> dict[str, Any]:
    by_uri: dict[str, list[Edit]] = {}
    for edit in fix.edits:
        by_uri.setdefault(_uri(edit.at.source.path), []).append(edit)
    return {
        "description": {"text": visible(fix.title)},
        "artifactChanges": [
            {
                "artifactLocation": {"uri": uri, "uriBaseId": WORKSPACE},
                "replacements": _once([_replacement(edit, columns) for edit in edits]),
            }
            for uri, edits in sorted(by_uri.items())
        ],
        "properties": {"verified": fix.verified, "planChanges": fix.plan_changes},
    }


def _replacement(edit: Edit, columns: _Columns) -> dict[str, Any]:
    replacement: dict[str, Any] = {"deletedRegion": columns.region(edit.at)}
    if edit.text:
        replacement["insertedContent"] = {"text": encodable(edit.text)}
    return replacement


def _place(span: Span, columns: _Columns) -> dict[str, Any]:
    return {"artifactLocation": _artifact(span.source.path), "region": columns.region(span)}


def _artifact(path: str) -> dict[str, str]:
    return {"uri": _uri(path), "uriBaseId": WORKSPACE}


def _uri(path: str) -> str:
    return quote(encodable(path).lstrip("/"))


def _once(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The items without those equal to an earlier one: SARIF wants most of its lists so."""
    return list({canonical(item): item for item in items}.values())


class _Columns:
    """Regions of spans, with the places of each source's long characters looked up once."""

    def __init__(self) -> None:
        self._long: dict[Source, list[int]] = {}

    def region(self, span: Span) -> dict[str, int]:
        start, end = offsets(span)
        start_line, start_column = self._location(span.source, start)
        end_line, end_column = self._location(span.source, end)
        return {"startLine": start_line, "startColumn": start_column, "endLine": end_line, "endColumn": end_column}

    def _location(self, source: Source, offset: int) -> tuple[int, int]:
        line, column = source.location(offset)
        if source.text.isascii():
            return line, column
        if source not in self._long:
            self._long[source] = [found.start() for found in _BEYOND_16_BITS.finditer(source.text)]
        long = self._long[source]
        line_start = offset - column + 1
        return line, column + bisect_left(long, offset) - bisect_left(long, line_start)


class _Fingerprints:
    """Identities of findings that survive edits elsewhere; equal findings are told apart by their order."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def of(self, diagnostic: Diagnostic) -> str:
        parts = [diagnostic.code, diagnostic.at.source.path, diagnostic.subject, _surroundings(diagnostic.at)]
        identity = digest_value([encodable(part) for part in parts])
        number = self._seen[identity] = self._seen.get(identity, 0) + 1
        return f"{identity.removeprefix('sha256:')}:{number}"


def _surroundings(span: Span) -> str:
    """The words of the span's first line, up to a hundred characters on either side of its start."""
    source = span.source
    start, _ = offsets(span)
    _, column = source.location(start)
    line_break = source.text.find("\n", start, start + 100)
    end = start + 100 if line_break < 0 else line_break
    return source.text[max(start - column + 1, start - 100) : end].strip()


RENDERER = Renderer(name="sarif", render=render)
