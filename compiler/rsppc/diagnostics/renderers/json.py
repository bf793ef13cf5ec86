"""JSON lines: one finding a line, for programs.

Each line is canonical JSON. Lines and columns count from 1, columns in code points, ends are excluded. `v` changes when
a field changes its meaning or goes away; a new field does not change it.
"""

from __future__ import annotations

from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.base.source import Span
from rsppc.diagnostics.diagnostic import Diagnostic, Edit, Fix, Severity
from rsppc.diagnostics.places import extent
from rsppc.diagnostics.renderers import Renderer
from rsppc.diagnostics.report import Report
from rsppc.diagnostics.visible import encodable

VERSION = 1


def render(report: Report) -> bytes:
    """All findings, a line each; nothing at all where there are none."""
    return b"".join(canonical(finding(found, report.severity(found))) + b"\n" for found in report.diagnostics)


def finding(diagnostic: Diagnostic, severity: Severity) -> dict[str, Any]:
    """One finding as plain values."""
    return {
        "v": VERSION,
        "code": diagnostic.code,
        "name": diagnostic.name,
        "severity": severity,
        "headline": encodable(diagnostic.message()),
        "subject": encodable(diagnostic.subject),
        "primary": _place(diagnostic.at),
        "sides": [
            {"role": encodable(side.role), "at": _place(side.at), "type": encodable(side.type)}
            for side in diagnostic.sides
        ],
        "related": [{"at": _place(related.at), "text": encodable(related.text)} for related in diagnostic.related],
        "notes": [encodable(note) for note in diagnostic.notes],
        "help": encodable(diagnostic.next_step()),
        "fixes": [_fix(fix) for fix in diagnostic.fixes],
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "title": encodable(fix.title),
        "class": "verified" if fix.verified else "unverified",
        "edits": [_edit(edit) for edit in fix.edits],
        "plan_changes": fix.plan_changes,
    }


def _edit(edit: Edit) -> dict[str, Any]:
    return {**_place(edit.at), "text": encodable(edit.text)}


def _place(span: Span) -> dict[str, Any]:
    at = extent(span)
    return {"file": encodable(at.file), "start": list(at.start), "end": list(at.end)}


RENDERER = Renderer(name="json", render=render)
