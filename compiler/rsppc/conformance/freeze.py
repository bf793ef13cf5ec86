"""Two published surfaces of the contracts held against each other, with places in their files."""

from __future__ import annotations

from typing import Any

from rsppc.base.source import Span, file_span
from rsppc.conformance.check import INTEGER_MAX
from rsppc.contracts.surface import Change, changes, problem_of
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.syntax.document import Mapping
from rsppc.syntax.json_reader import read_json
from rsppc.syntax.source_text import read_source


class BreakingChange(Diagnostic):
    """Within a major version contracts only grow: optional keys and whole objects are added. Whatever else is changed
    makes one side refuse what the other writes, in the middle of calls, since the two are never upgraded at once. A new
    word for a key is such a change, too: who knows the old words only can do nothing with it."""

    code = "RSP7503"
    name = "breaking-change"
    headline = "{problem}"
    hint = "undo it, or publish it as the next major version, `{next_major}`"
    problem: str
    next_major: str


class NoSurface(Diagnostic):
    """Only a published surface of the contracts can be held against another one."""

    code = "RSP7504"
    name = "no-surface"
    headline = "this is no surface of contracts: {problem}"
    hint = "name a file like `schemas/contracts.v1.lock.json`"
    problem: str


def read_surface(path: str, data: bytes, sink: DiagnosticSink) -> Mapping | None:
    """The surface in a file; None, with findings, where there is none."""
    reading = DiagnosticSink()
    source = read_source(path, data, reading)
    root = read_json(source, reading, integer_max=INTEGER_MAX).root if source is not None else None
    for found in reading.sorted():
        sink.report(found)
    if source is None or root is None or reading.has_errors:
        return None
    problem = problem_of(root)
    if problem:
        sink.report(NoSurface(at=file_span(source), problem=problem))
        return None
    return root


def compare(old: Mapping, new: Mapping, sink: DiagnosticSink) -> tuple[Change, ...]:
    """What was only added; what breaks goes to the sink."""
    found = changes(old, new)
    next_major = f"v{int(old['version'][1:]) + 1}"
    for change in found:
        if change.breaks:
            at = _place(new, change) or _place(old, change)
            assert at is not None  # a change is one of two surfaces, and leads into one of them
            sink.report(BreakingChange(at=at, problem=change.message, next_major=next_major))
    return tuple(change for change in found if not change.breaks)


def _place(root: Mapping, change: Change) -> Span | None:
    """The key that a change is about, where a surface has it."""
    found: Any = root
    for step in change.path[:-1]:
        found = found.get(step) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or change.path[-1] not in found:
        return None
    return found.key_span(change.path[-1])
