"""Two compiled bundles held against each other: every changed leaf once, below the change that explains it."""

from __future__ import annotations

from typing import Any

from rsppc.base.record import Record, replace
from rsppc.changes.causes import Cause, causes_of
from rsppc.changes.figures import Figure, figures_of
from rsppc.changes.impact import row_of, unit_of
from rsppc.changes.leaves import Leaf, changed_leaves
from rsppc.changes.renames import without_renames
from rsppc.changes.side import Side
from rsppc.ir.effective_path import short
from rsppc.model.change import IMPACTS, CauseKind, ImpactClass


class Change(Record):
    """A changed leaf: its path as one of settings, the values, what it means."""

    path: tuple[str, ...]
    before: Any
    after: Any
    unit: str
    impact: ImpactClass
    words: str
    origin_before: str = ""
    origin_after: str = ""
    """Label and place of the value on either side."""

    @property
    def shown(self) -> str:
        return ".".join(self.path)


class Group(Record):
    """A cause and what it changes."""

    cause: Cause
    changes: tuple[Change, ...]

    @property
    def impacts(self) -> tuple[ImpactClass, ...]:
        found = {change.impact for change in self.changes}
        return tuple(one for one in IMPACTS if one in found)


class Comparison(Record):
    """What differs between two sides; no groups where nothing does."""

    before: str
    after: str
    before_ref: str
    after_ref: str
    before_digest: str
    after_digest: str
    groups: tuple[Group, ...]
    figures: tuple[Figure, ...]

    @property
    def count(self) -> int:
        return sum(len(group.changes) for group in self.groups)

    def by_impact(self) -> dict[ImpactClass, list[tuple[Group, Change]]]:
        """All changes by class, each with its group; classes without a change are left out."""
        found: dict[ImpactClass, list[tuple[Group, Change]]] = {one: [] for one in IMPACTS}
        for group in self.groups:
            for change in group.changes:
                found[change.impact].append((group, change))
        return {one: changes for one, changes in found.items() if changes}


def compared(before: Side, after: Side) -> Comparison:
    """The difference of two sides, provenance ignored."""
    differing = without_renames(changed_leaves(before.value(), after.value()))
    leaves = tuple(sorted(map(_with_short_section, differing), key=lambda leaf: leaf.path))
    found: dict[Cause, list[Change]] = {}
    for leaf, cause in zip(leaves, causes_of(leaves, before, after), strict=True):
        found.setdefault(cause, []).append(_change(leaf, before, after))
    groups = (Group(cause=cause, changes=tuple(changes)) for cause, changes in found.items())
    return Comparison(
        before=before.name,
        after=after.name,
        before_ref=before.ref,
        after_ref=after.ref,
        before_digest=before.digest,
        after_digest=after.digest,
        groups=tuple(sorted(groups, key=_rank)),
        figures=figures_of(before.spec, after.spec),
    )


_ORDER: tuple[CauseKind, ...] = (
    "graph",
    "bundle",
    "spec",
    "module",
    "policy",
    "layer",
    "profile",
    "manifest",
    "library",
    "file",
    "compiler",
    "unexplained",
    "follows",
    "sources",
)
"""What was done on purpose first; what only follows, last."""


def _rank(group: Group) -> tuple[Any, ...]:
    return _ORDER.index(group.cause.kind), group.changes[0].path


def _with_short_section(leaf: Leaf) -> Leaf:
    """A leaf under the path that `set`, `forbid` and `rsppc why` know it by."""
    return replace(leaf, path=short(leaf.path))


def _change(leaf: Leaf, before: Side, after: Side) -> Change:
    row = row_of(leaf.path)
    return Change(
        path=leaf.path,
        before=leaf.before,
        after=leaf.after,
        unit=unit_of(leaf.path),
        impact=row.impact if row is not None else "policy",
        words=_loaded_by(leaf, before, after) or (row.words if row is not None else ""),
        origin_before=_told(before, leaf.before_pointer),
        origin_after=_told(after, leaf.after_pointer),
    )


def _loaded_by(leaf: Leaf, before: Side, after: Side) -> str:
    """Which nodes load a file, and as what."""
    if leaf.path[0] != "assets":
        return ""
    users = {
        f"`{node_id}` loads as {name}"
        for side in (before, after)
        for node_id, node in side.spec["effective_nodes"].items()
        for name, value in node.get("config", {}).items()
        if value == leaf.path[1]
    }
    return f"what {', and '.join(sorted(users))}" if users else ""


def _told(side: Side, pointer: str) -> str:
    origin = side.origin(pointer) if pointer else None
    if origin is None:
        return ""
    return f"{origin.label} at {origin.place}" if origin.place else origin.label
