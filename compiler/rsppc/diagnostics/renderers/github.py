"""Workflow commands of GitHub Actions: a finding becomes an annotation of the changed line.

A command is one line, so line breaks and the separators of its properties are percent-encoded. Columns are given only
where a span stays on its line: the code host refuses them otherwise.
"""

from __future__ import annotations

from rsppc.diagnostics.diagnostic import Diagnostic, Severity
from rsppc.diagnostics.places import extent
from rsppc.diagnostics.prose import details
from rsppc.diagnostics.renderers import Renderer
from rsppc.diagnostics.report import Report
from rsppc.diagnostics.visible import visible

_COMMANDS: dict[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


def render(report: Report) -> str:
    """All findings, a command each; nothing at all where there are none."""
    return "".join(_command(found, report.severity(found)) + "\n" for found in report.diagnostics)


def _command(diagnostic: Diagnostic, severity: Severity) -> str:
    message = "\n".join([visible(diagnostic.message()), *details(diagnostic)])
    properties = ",".join(f"{key}={escape_property(value)}" for key, value in _properties(diagnostic))
    return f"::{_COMMANDS[severity]} {properties}::{escape_data(message)}"


def _properties(diagnostic: Diagnostic) -> list[tuple[str, str]]:
    at = extent(diagnostic.at)
    (line, column), (end_line, end_column) = at.start, at.end
    one_line = line == end_line
    return [
        ("file", visible(at.file)),
        ("line", str(line)),
        *([("col", str(column))] if one_line else []),
        ("endLine", str(end_line)),
        *([("endColumn", str(end_column))] if one_line else []),
        ("title", visible(f"{diagnostic.code} {diagnostic.name}")),
    ]


def escape_data(text: str) -> str:
    """A message, such that it stays on its line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def escape_property(text: str) -> str:
    """A property's value, such that it also stays in its property."""
    return escape_data(text).replace(":", "%3A").replace(",", "%2C")


RENDERER = Renderer(name="github", render=render)
