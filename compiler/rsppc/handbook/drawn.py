"""What a compiled pipeline looks like: its graph, and the figures that decide about a call."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from rsppc.base.record import Record
from rsppc.pictures.graph import graph_of
from rsppc.pictures.resolved import Resolved, read
from rsppc.pictures.svg import description, graph_picture, is_too_large
from rsppc.pictures.words import bytes_text, figures

_WIDE = 900
"""From here on a picture is wider than the text, and is moved in its frame instead of being made small."""


class Drawn(Record):
    """A pipeline as a page shows it."""

    svg: Markup | None
    """None where the graph is too large for a picture."""
    is_wide: bool
    words: str
    figures: tuple[tuple[str, str, str], ...]
    """Names, values, limits."""


def drawn_of(resolved_spec: dict[str, Any]) -> Drawn:
    """The picture of a ResolvedSpec that was just compiled."""
    spec = read(resolved_spec, Resolved)
    graph = graph_of(spec)
    picture = None if is_too_large(graph) else graph_picture(graph, inline=True)
    return Drawn(
        svg=Markup(picture.text) if picture is not None else None,
        is_wide=picture is not None and picture.width > _WIDE,
        words=description(graph),
        figures=_figures(spec),
    )


def _figures(spec: Resolved) -> tuple[tuple[str, str, str], ...]:
    told: list[tuple[str, str, str]] = []
    for name, title in (("e2e", "End of speech to first output"), ("first_output", "Turn signal to first output")):
        path = spec.analysis.latency.get(name)
        if path is not None:
            limit = f"budget {path.budget_ms} ms" if path.budget_ms is not None else ""
            told.append((title, figures(path.p50_ms, path.p95_ms), f"p50 / p95; {limit}" if limit else "p50 / p95"))
    if spec.analysis.cancel_ms is not None:
        told.append(("Silence after a cancel", f"{spec.analysis.cancel_ms} ms", "p95"))
    told.append(("Queues of a session", bytes_text(spec.analysis.queue_bytes), "at most, worst case"))
    return tuple(told)
