"""The changes of a group in few lines: what is the same on many nodes or edges is said once."""

from __future__ import annotations

from collections.abc import Iterable

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record, replace
from rsppc.changes.compare import Change, Group
from rsppc.changes.leaves import ABSENT
from rsppc.changes.renames import NAME
from rsppc.changes.wording import value_text, values_text
from rsppc.model.change import ImpactClass

LINES_MAX = 8
GRAPH_LINES_MAX = 24
NAMES_MAX = 3


class Line(Record):
    """What one line says: a class, a path or several, values, and what the value is."""

    impact: ImpactClass
    subject: str
    values: str
    words: str
    count: int
    """How many leaves it stands for."""


def lines_of(group: Group, *, everything: bool) -> tuple[tuple[Line, ...], int]:
    """The lines of a group, and how many leaves are left out of them."""
    if everything:
        return tuple(_line((change,)) for change in group.changes), 0
    lines: list[Line]
    match group.cause.kind:
        case "sources":
            return (), 0
        case "graph":
            lines = [*_of_graph(group), *_alike(change for change in group.changes if not _is_of_graph(change))]
        case "follows":  # nothing may be left that is told nowhere else
            lines = _alike(group.changes)
        case _:
            lines = _alike(group.changes) or [_line((change,)) for change in group.changes]
    most = GRAPH_LINES_MAX if group.cause.kind == "graph" else LINES_MAX
    return tuple(lines[:most]), sum(line.count for line in lines[most:])


def _alike(changes: Iterable[Change]) -> list[Line]:
    """Lines for what is told nowhere else, what is alike together."""
    told = [change for change in changes if change.path[0] not in _TOLD_ELSEWHERE]
    bounded = {change.path[:-1] for change in told if change.path[-1] in ("max_queue_ms", "max_queue_items")}
    alike: dict[tuple[str, ...], list[Change]] = {}
    for change in told:
        if "watermarks" in change.path and change.path[: change.path.index("watermarks")] in bounded:
            continue  # they are parts of a bound, and move with it
        alike.setdefault(_likeness(change), []).append(change)
    return [_line(tuple(one)) for one in alike.values()]


_TOLD_ELSEWHERE = (
    *("analysis", "graph_definition_refs", "resolved_spec_id"),  # as figures, and by the digests on top
    *("node_provider_bindings", "streaming_handoff"),  # what nodes say, in the shape of the runtime's contract
)


def _likeness(change: Change) -> tuple[str, ...]:
    """What changes have in common that can be told together."""
    values = tuple("" if one is ABSENT else canonical(one).decode() for one in (change.before, change.after))
    if change.path[0] in ("nodes", "edges"):
        return (change.path[0], *change.path[2:], *values)
    return (*change.path, *values)


def _line(changes: tuple[Change, ...]) -> Line:
    first = changes[0]
    subject = first.shown
    if len(changes) > 1:
        names = [change.path[1] for change in changes]
        more = f", … {len(names) - NAMES_MAX} more" if len(names) > NAMES_MAX else ""
        subject = f"{'.'.join(first.path[2:])} of {len(names)} {first.path[0]} ({', '.join(names[:NAMES_MAX])}{more})"
    return Line(impact=first.impact, subject=subject, values=values_text(first), words=first.words, count=len(changes))


def _is_of_graph(change: Change) -> bool:
    return change.path[0] in ("nodes", "edges")


def _of_graph(group: Group) -> list[Line]:
    """One line per node and edge that came, went, or has another name."""
    entities: dict[tuple[str, str], list[Change]] = {}
    for change in filter(_is_of_graph, group.changes):
        entities.setdefault((change.path[0], change.path[1]), []).append(change)
    return [_of_entity(*entity, changes) for entity, changes in sorted(entities.items(), reverse=True)]


def _of_entity(section: str, name: str, changes: list[Change]) -> Line:
    first = changes[0]
    if first.path[2:] == (NAME,):
        return replace(_line((first,)), subject=f"= {section[:-1]} {name}", values=f"was called {first.before}")
    what = "node_type" if section == "nodes" else "type"
    said = next((change for change in changes if change.path[2:] == (what,)), None)
    gone = first.after is ABSENT
    return Line(
        impact="quality" if section == "nodes" else "wire",
        subject=f"{'−' if gone else '+'} {section[:-1]} {name}",
        values="" if said is None else value_text(said.before if gone else said.after, ""),
        words="",
        count=len(changes),
    )
