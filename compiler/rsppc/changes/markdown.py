"""A comparison as Markdown for a comment of a pull request: figures, a table per impact class, details folded away."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.changes.compare import Comparison, Group
from rsppc.changes.impact import MEANING
from rsppc.changes.lines import lines_of
from rsppc.changes.wording import cause_place, cause_text, figure_text, values_text
from rsppc.diagnostics.renderers.markdown import code, prose, row
from rsppc.model.change import IMPACTS, ImpactClass

ROWS_MAX = 300
"""Code hosts take comments of some 65,000 characters."""


def markdown_of(found: Comparison) -> str:
    """What a reviewer reads first on top, every leaf below it."""
    title = f"### {code(found.before)} → {code(found.after)}"
    if not found.groups:
        return f"{title}\n\nNothing differs.\n"
    parts = [title, "", *_figures(found), *_causes(found), *_tables(found), *_leaves(found)]
    return "\n".join(parts) + "\n"


def _figures(found: Comparison) -> Iterator[str]:
    if not found.figures:
        return
    yield from ("**For a live call**", "")
    for figure in found.figures:
        yield f"- {prose(figure.words)}: {prose(figure_text(figure))}"
    yield ""


def _causes(found: Comparison) -> Iterator[str]:
    yield from ("**What was changed**", "")
    for number, group in enumerate(found.groups, start=1):
        place = cause_place(group)
        values = f"{len(group.changes)} value{'' if len(group.changes) == 1 else 's'}"
        yield f"{number}. {prose(cause_text(group))}{f' ({code(place)})' if place else ''}: {values}"
    yield ""


def _tables(found: Comparison) -> Iterator[str]:
    for impact in IMPACTS:
        rows = [*_rows(found, impact)]
        if rows:
            yield f"**{impact}**: {MEANING[impact]}"
            yield from ("", "| value | before → after | cause |", "|---|---|---|", *rows, "")


def _rows(found: Comparison, impact: ImpactClass) -> Iterator[str]:
    for number, group in enumerate(found.groups, start=1):
        lines, _ = lines_of(group, everything=False)
        for line in lines:
            if line.impact == impact:
                words = f"<br>{prose(line.words)}" if line.words else ""
                yield row(f"{code(line.subject)}{words}", prose(line.values), str(number))


def _leaves(found: Comparison) -> Iterator[str]:
    yield f"<details><summary>all {found.count} values</summary>"
    yield from ("", "| value | before → after | class | cause |", "|---|---|---|---|")
    rows = [row for number, group in enumerate(found.groups, start=1) for row in _all_of(number, group)]
    yield from rows[:ROWS_MAX]
    if len(rows) > ROWS_MAX:
        yield from ("", f"… and {len(rows) - ROWS_MAX} more; `rsppc diff --all` shows them")
    yield from ("", "</details>")


def _all_of(number: int, group: Group) -> Iterator[str]:
    for change in group.changes:
        yield row(code(change.shown), prose(values_text(change)), change.impact, str(number))
