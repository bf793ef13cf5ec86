"""Many sessions in one file: a line each, `session`, tenant, region and requested version, with tabs between.

What is left out at the end of a line is empty. Tabs, because names of tenants hold commas and blanks.
"""

from __future__ import annotations

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.rollout.assign import Asking
from rsppc.syntax.source_text import read_source

_PROBLEMS_MAX = 20
"""A file of another kind is wrong in every line; nobody wants to read that."""


class MalformedSession(Diagnostic):
    """A line that cannot be read as a session is no session; to guess would count it into some cohort."""

    code = "RSP7661"
    name = "malformed-session"
    headline = "{problem}"
    hint = "write session, tenant, region and requested version, with tabs between"
    problem: str


def read_sessions(path: str, data: bytes, sink: DiagnosticSink) -> list[Asking]:
    """The sessions in a file, in order. Problems go to the sink."""
    source = read_source(path, data, sink)
    sessions: list[Asking] = []
    problems = 0
    offset = 0
    for line in source.text.split("\n") if source is not None else ():
        text = line.removesuffix("\r")
        parts = text.split("\t")
        problem = _problem(parts)
        if problem is not None and source is not None:
            problems += 1
            sink.report(MalformedSession(at=_span(source, offset, text), problem=problem))
            if problems == _PROBLEMS_MAX:
                break
        elif text:
            sessions.append(_asking(parts))
        offset += len(line) + 1
    return sessions


def _problem(parts: list[str]) -> str | None:
    if len(parts) > 4:
        return f"the line has {len(parts)} columns, of four"
    if parts != [""] and not parts[0].strip():
        return "the line names no session"
    return None


def _asking(parts: list[str]) -> Asking:
    session, tenant, region, requested = (*parts, "", "", "")[:4]
    return Asking(session_id=session, tenant_id=tenant, region=region, requested=requested or None)


def _span(source: Source, offset: int, text: str) -> Span:
    return Span(source=source, start=offset, end=offset + len(text))
