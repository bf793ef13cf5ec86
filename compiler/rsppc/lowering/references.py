"""Follow the references of artifacts that are not compiled: rollouts, compatibility policies and the like.

Which keys hold references is declared in `model/`, so that a new kind of artifact is followed without a line here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.source import Span
from rsppc.diagnostics import DiagnosticSink
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.lower import check_pin
from rsppc.model import shape as m


def check_references(artifact: Artifact, artifacts: Artifacts, sink: DiagnosticSink) -> None:
    """Report references of an artifact that lead nowhere, or not to what they pin."""
    for kind, text, at in references_of(artifact):
        found = artifacts.resolve(kind, text, at, sink)
        if found is not None and kind != "bundle":  # a bundle is pinned by what its build makes, not by what it says
            check_pin(text, found, artifacts, at, sink)


def references_of(artifact: Artifact) -> Iterator[tuple[str, str, Span]]:
    """Kind, text and place of each reference of an artifact."""
    return _references(artifact.root, m.Nested(shape=artifact.kind.shape), artifact.root.span())


def _references(value: Any, type_: m.FieldType, at: Span) -> Iterator[tuple[str, str, Span]]:
    """Kind, text and place of each reference below a sound value."""
    match type_:
        case m.Reference(kind=kind):
            yield kind, value, at
        case m.Nested(shape=shape) if isinstance(value, dict):
            for field in shape.fields:
                if field.name in value and value[field.name] is not None:
                    yield from _references(value[field.name], field.type, value.value_span(field.name))  # type: ignore[attr-defined]
        case m.Listing(item=item) if isinstance(value, list):
            for index, one in enumerate(value):
                yield from _references(one, item, value.value_span(index))  # type: ignore[attr-defined]
        case m.Table(value=inner) if isinstance(value, dict) and not isinstance(inner, m.Anything):
            for key, one in value.items():
                if one is not None:
                    yield from _references(one, inner, value.value_span(key))  # type: ignore[attr-defined]
