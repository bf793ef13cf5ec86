"""Latency as bars: where each step of a path begins and ends at p50 and p95, against budgets and gates.

Figures that nobody states take a place of a fixed width, so that they are seen, and everything behind them is at least
where it is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rsppc.base.record import Record
from rsppc.pictures.graph import path_title
from rsppc.pictures.resolved import Path, Resolved, Step

SCALE = 1000
"""Width of every picture of bars."""
_UNKNOWN_PERMILLE, _UNKNOWN_PERMILLE_MAX = 60, 700
"""How wide an unknown figure is drawn, and how wide all of a path may be."""
_HEIGHT = 26


class Bar(Record):
    """A bar of one percentile, in thousandths of the scale."""

    start: int
    width: int
    known: bool


class Row(Record):
    """A step with its bars."""

    subject: str
    p50_ms: int | None
    p95_ms: int | None
    p50: Bar
    p95: Bar


class Limit(Record):
    """A line that the end must not cross."""

    name: str
    limit_ms: int
    at: int
    verdict: str
    """In words: kept, missed, or unproved."""


class Waterfall(Record):
    """A path, drawn."""

    name: str
    title: str
    path: Path
    rows: tuple[Row, ...]
    limits: tuple[Limit, ...]
    end_ms: int
    """What the right edge stands for."""
    unknown: tuple[str, ...]


def waterfall(name: str, path: Path, gates: Mapping[str, int]) -> Waterfall:
    """The bars of a path; `gates` are limits by the name of the percentile: `p50_ms`, `p95_ms`."""
    known = [sum(_figure(step, which) or 0 for step in path.steps) for which in ("p50", "p95")]
    stated = [*gates.values(), *([path.budget_ms] if path.budget_ms is not None else [])]
    blanks = max(sum(_figure(step, which) is None for step in path.steps) for which in ("p50", "p95"))
    # Room for what is not known, beside what is.
    blank_permille = min(_UNKNOWN_PERMILLE, _UNKNOWN_PERMILLE_MAX // max(1, blanks))
    share = 1000 - blanks * blank_permille
    end_ms = max(*stated, *(total * 1000 // share for total in known), 1) * 105 // 100 + 1
    blank = end_ms * blank_permille // 1000
    rows: list[Row] = []
    at = {"p50": 0, "p95": 0}
    for step in path.steps:
        bars: dict[str, Bar] = {}
        for which in ("p50", "p95"):
            figure = _figure(step, which)
            length = blank if figure is None else figure
            start = at[which] * SCALE // end_ms
            at[which] += length
            width = max(2, at[which] * SCALE // end_ms - start)
            bars[which] = Bar(start=start, width=width, known=figure is not None)
        rows.append(Row(subject=step.subject, p50_ms=step.p50_ms, p95_ms=step.p95_ms, p50=bars["p50"], p95=bars["p95"]))
    return Waterfall(
        name=name,
        title=path_title(name),
        path=path,
        rows=tuple(rows),
        limits=tuple(_limits(path, gates, end_ms)),
        end_ms=end_ms,
        unknown=path.unknown,
    )


def nodes_alone(spec: Resolved) -> list[Waterfall]:
    """Every node that has a budget of its own, as a waterfall of one step."""
    return [
        waterfall(name, path, {}) for name, path in sorted(spec.analysis.latency.items()) if name.startswith("node/")
    ]


def _figure(step: Step, which: str) -> int | None:
    return step.p50_ms if which == "p50" else step.p95_ms


def _limits(path: Path, gates: Mapping[str, int], end_ms: int) -> list[Limit]:
    asked: list[tuple[str, str, int]] = []
    if path.budget_ms is not None:
        asked.append(("budget, p95", "p95_ms", path.budget_ms))
    asked.extend((f"gate, {statistic.removesuffix('_ms')}", statistic, gates[statistic]) for statistic in sorted(gates))
    return [
        Limit(
            name=name,
            limit_ms=limit,
            at=limit * SCALE // end_ms,
            verdict=verdict(path.p50_ms if statistic == "p50_ms" else path.p95_ms, limit),
        )
        for name, statistic, limit in asked
    ]


def verdict(value: int | None, limit: int) -> str:
    """Whether a figure keeps its limit."""
    if value is None:
        return "unproved"
    return "kept" if value <= limit else "missed"


def bars_svg(row: Row, limits: Sequence[Limit]) -> str:
    """The bars of a row. What they show stands in the row as figures, so that they are hidden from screen readers."""
    parts = [
        f'<svg class="bars" viewBox="0 0 {SCALE} {_HEIGHT}" preserveAspectRatio="none" aria-hidden="true" '
        'focusable="false">'
    ]
    for bar, name, y in ((row.p50, "p50", 4), (row.p95, "p95", 14)):
        shade = name if bar.known else "unknown"
        parts.append(f'<rect class="b-{shade}" x="{bar.start}" y="{y}" width="{bar.width}" height="8"/>')
        if not bar.known:
            parts.extend(_hatching(bar, y))
    for limit in limits:
        kind = "budget" if limit.name.startswith("budget") else "gate"
        parts.append(f'<path class="b-{kind}" d="M{limit.at} 0 V{_HEIGHT}"/>')
    return "".join([*parts, "</svg>"])


def _hatching(bar: Bar, y: int) -> list[str]:
    """Slanted lines over a bar whose figure nobody states. A pattern would need an id for every bar."""
    lines = " ".join(f"M{x} {y + 8} L{x + 8} {y}" for x in range(bar.start, bar.start + bar.width - 7, 8))
    return [f'<path class="b-hatch" d="{lines}"/>'] if lines else []
