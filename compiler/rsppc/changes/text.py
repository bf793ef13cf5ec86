"""A comparison as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.changes.compare import Comparison, Group
from rsppc.changes.lines import lines_of
from rsppc.changes.wording import cause_place, cause_text, figure_text


def text_of(found: Comparison, *, everything: bool = False) -> str:
    """What changed, what a caller can feel of it, and what caused it."""
    if not found.groups:
        return f"{_sides(found)}: nothing differs\n"
    return "\n".join([*_head(found), "", *_figures(found), *_groups(found, everything=everything), ""])


def _sides(found: Comparison) -> str:
    return f"{found.before} → {found.after}"


def _head(found: Comparison) -> Iterator[str]:
    yield _sides(found)
    yield f"  {found.before_ref} {found.before_digest[:19]}… → {found.after_ref} {found.after_digest[:19]}…"
    counts = ", ".join(f"{len(changes)} {impact}" for impact, changes in found.by_impact().items())
    yield f"  {found.count} value{'' if found.count == 1 else 's'} differ{'s' if found.count == 1 else ''}: {counts}"


def _figures(found: Comparison) -> Iterator[str]:
    if not found.figures:
        return
    yield "for a live call"
    width = max(len(figure.words) for figure in found.figures)
    for figure in found.figures:
        yield f"  {figure.words:<{width}}  {figure_text(figure)}"
    yield ""


def _groups(found: Comparison, *, everything: bool) -> Iterator[str]:
    for group in found.groups:
        place = cause_place(group)
        yield f"{cause_text(group)}{f'  ({place})' if place else ''}"
        yield from _lines(group, everything=everything)


def _lines(group: Group, *, everything: bool) -> Iterator[str]:
    lines, left_out = lines_of(group, everything=everything)
    words = ""
    for line in lines:
        yield f"  {line.impact:<8}{line.subject}{f'  {line.values}' if line.values else ''}"
        if line.words != words and line.words and not everything:
            yield f"          changes {line.words}"
        words = line.words
    if left_out:
        yield f"          … and {left_out} more; `--all` shows them"
    elif not lines:
        count = len(group.changes)
        yield f"          {count} value{'' if count == 1 else 's'}; `--all` shows {'it' if count == 1 else 'them'}"
