"""The text of a file as the formatter lays it out."""

from __future__ import annotations

from rsppc.base.source import Span
from rsppc.diagnostics import DiagnosticSink, Edit
from rsppc.formatting.format import formatted
from rsppc.ide.project import Project


def FEATURE(project: Project, path: str) -> list[Edit]:  # the module's one member, found by this name
    source = project.source(path)
    if source is None:
        return []
    done = formatted(path, source.data, DiagnosticSink())
    if done.why != "laid out" or done.text == source.text:
        return []
    return [_smallest(source.text, done.text, Span(source=source, start=0, end=len(source.text)))]


def _smallest(before: str, after: str, whole: Span) -> Edit:
    """One edit without the lines that stay at the beginning and at the end, so that the cursor stays as well."""
    first = 0
    for ours, theirs in zip(before.splitlines(keepends=True), after.splitlines(keepends=True), strict=False):
        if ours != theirs:
            break
        first += len(ours)
    most = min(len(before), len(after)) - first
    last = 0
    while last < most and before[len(before) - last - 1] == after[len(after) - last - 1]:
        last += 1
    at = Span(source=whole.source, start=first, end=len(before) - last)
    return Edit(at=at, text=after[first : len(after) - last])
