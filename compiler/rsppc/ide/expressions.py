"""Conditions under the cursor: which names they may read, and the word at an offset."""

from __future__ import annotations

import re

from rsppc.base.source import Span
from rsppc.conditions.environment import Environment, edge_environment, rule_environment
from rsppc.ide.project import Project
from rsppc.ide.spots import Step
from rsppc.ide.views import View
from rsppc.model import shape as m
from rsppc.passes.check_conditions import environment_at

WORD = re.compile(r"[A-Za-z_][\w.]*")
_ALL_EVENTS = {
    "text": "string",
    "language": "string",
    "mode": "string",
    "confidence_milli": "int",
    "duration_ms": "int",
}


def environment_of(project: Project, view: View | None, step: Step) -> Environment:
    """What the condition under a key may read."""
    if isinstance(step.type, m.Expression) and step.type.environment == "rule":
        return rule_environment(sorted(project.catalog().providers))
    source = step.container.get("from") if isinstance(step.container, dict) else None
    if view is not None and isinstance(source, str):
        edge = view.edge_at(step.container)
        node, _, port = source.partition(".")
        node, port = (edge.source.node, edge.source.port or "") if edge is not None else (node, port)
        return environment_at(node, port, view.program)
    return edge_environment(_ALL_EVENTS)  # type: ignore[arg-type]


def word_at(span: Span, offset: int) -> Span | None:
    """The dotted word at an offset in a text, up to the end of the part that the offset is in."""
    text, base = span.source.text, span.start
    for found in WORD.finditer(text, base, span.end):
        if found.start() <= offset <= found.end():
            return Span(source=span.source, start=found.start(), end=found.end())
    return None
