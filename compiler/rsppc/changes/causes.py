"""Which change in the sources explains which changed leaves.

A leaf has an origin on both sides. Where the origins are of two kinds, the stronger one decides: a layer that sets
what was a default is the cause, and so is one that no longer does. Where both are of one kind, that source changed.
What only follows from other values (types, proofs, ids, watermarks) is put below what it follows from, as far as that
can be told, else below all of it together.
"""

from __future__ import annotations

from typing import Any

from rsppc.base.json_pointer import escaped
from rsppc.base.record import Record
from rsppc.changes.leaves import Leaf, same
from rsppc.changes.side import Origin, Side
from rsppc.model.change import CauseKind


class Cause(Record):
    """A change of one source. `before` and `after` name it on either side; what a side does not have is empty."""

    kind: CauseKind
    before: str = ""
    after: str = ""
    part: str = ""
    """Which part of the source: a rule, a node type, a node of the spec."""
    place_before: str = ""
    place_after: str = ""


class _Source(Record):
    """What an origin's label says: kind of source, its reference, the part of it; strength among origins."""

    kind: CauseKind
    ref: str
    part: str = ""

    @property
    def strength(self) -> int:
        return _STRENGTH.index(self.kind)


_STRENGTH: tuple[CauseKind, ...] = (
    "follows",
    "library",
    "manifest",
    "profile",
    "module",
    "spec",
    "layer",
    "policy",
    "bundle",
)


def causes_of(leaves: tuple[Leaf, ...], before: Side, after: Side) -> tuple[Cause, ...]:
    """The cause of each leaf, in their order."""
    return _Search(leaves, before, after).causes()


class _Search:
    """The causes found so far: those of values that were written, then those of values that follow."""

    def __init__(self, leaves: tuple[Leaf, ...], before: Side, after: Side) -> None:
        self._leaves = leaves
        self._before, self._after = before, after
        self._changed = _changed_entities(before, after)
        self._moved = _moved_inserts(leaves, self._changed)
        self._found: dict[tuple[str, ...], Cause] = {}
        self._parts: dict[tuple[str, ...], str] = {}
        """What of the spec a place belongs to: the node or edge whose leaf has it."""

    def causes(self) -> tuple[Cause, ...]:
        for leaf in self._leaves:
            cause = self._of_graph(leaf) or self._of_source(leaf)
            if cause is not None:
                self._found[leaf.path] = cause
        beside = {path[:-1]: cause for path, cause in self._found.items() if _is_of_queue(path)}
        rest = self._rest()
        return tuple(self._found.get(leaf.path) or _beside(leaf.path, beside) or rest(leaf) for leaf in self._leaves)

    def _of_graph(self, leaf: Leaf) -> Cause | None:
        """The cause of a node or edge that only one side has, and of what concerns it alone."""
        match leaf.path:
            case ("nodes" | "edges" as section, entity, *_):
                pass
            case ("node_provider_bindings", entity):
                section = "nodes"
            case ("rules", "insert", rule, *rest):
                is_of_queue = "buffer" in rest  # which may be set as before, to what is another default now
                return None if is_of_queue and self._has_one_label(leaf) else self._moved.get(rule)
            case _:
                return None
        if (section, entity) not in self._changed:
            return None
        return self._changed[section, entity]

    def _of_source(self, leaf: Leaf) -> Cause | None:
        if leaf.path[0] == "assets":
            return Cause(kind="file", before=leaf.path[1], after=leaf.path[1])
        if leaf.path[0] == "made_of":
            return Cause(kind="sources")
        if leaf.path[0] == "execution_profile":
            return Cause(kind="profile", before=leaf.before, after=leaf.after)
        if leaf.path[0] in _OF_BUNDLE:
            return Cause(kind="bundle", before=self._before.ref, after=self._after.ref)
        ours, theirs = self._origins(leaf)
        if ours is not None and theirs is not None and _says_the_same(ours, theirs):
            return None
        left, right = _source(ours, self._before), _source(theirs, self._after)
        strongest = max((one.strength for one in (left, right) if one is not None), default=0)
        if strongest == 0:
            return None
        left, right = (one if one is not None and one.strength == strongest else None for one in (left, right))
        return self._cause(leaf, left, right, ours, theirs)

    def _origins(self, leaf: Leaf) -> tuple[Origin | None, Origin | None]:
        """Where a leaf comes from on either side."""
        return (
            self._before.origin(leaf.before_pointer) if leaf.before_pointer else None,
            self._after.origin(leaf.after_pointer) if leaf.after_pointer else None,
        )

    def _has_one_label(self, leaf: Leaf) -> bool:
        ours, theirs = self._origins(leaf)
        return ours is not None and theirs is not None and ours.label == theirs.label

    def _cause(
        self, leaf: Leaf, left: _Source | None, right: _Source | None, ours: Origin | None, theirs: Origin | None
    ) -> Cause:
        source = right or left
        assert source is not None
        names = (left.ref if left else "", right.ref if right else "")
        places = (ours.place if left and ours else "", theirs.place if right and theirs else "")
        part = _both(left.part if left else "", right.part if right else "")
        if source.kind == "spec":
            known = places if any(places) else leaf.path
            part = self._parts.setdefault(known, _entity(leaf.path))
            names = (self._before.spec_ref, self._after.spec_ref)
        by_place = source.kind in ("profile", "module") and names[0] == names[1]
        if not by_place and source.kind != "spec":
            places = ("", "")  # one cause, however many lines of the source it takes
        return Cause(
            kind=source.kind,
            before=names[0],
            after=names[1],
            part=part,
            place_before=places[0] if source.kind != "spec" else "",
            place_after=places[1] if source.kind != "spec" else "",
        )

    def _rest(self) -> Any:
        """The cause of leaves that no source explains."""
        compilers = (self._before.compiler, self._after.compiler)
        moved = bool(self._found) or self._before.refs != self._after.refs
        manifests = _changed_manifests(self._before, self._after)

        def cause(leaf: Leaf) -> Cause:
            sides = ((self._before, leaf.before_pointer), (self._after, leaf.after_pointer))
            known = any(pointer and side.origin(pointer) is not None for side, pointer in sides)
            if known and moved:
                return Cause(kind="follows", part=manifests)
            if known and manifests:
                return Cause(kind="manifest", before=manifests, after=manifests)
            if compilers[0] != compilers[1] and all(compilers):
                return Cause(kind="compiler", before=compilers[0], after=compilers[1])
            return Cause(kind="unexplained")

        return cause


def _both(before: str, after: str) -> str:
    return f"{before} → {after}" if before and after and before != after else before or after


def _entity(path: tuple[str, ...]) -> str:
    """What of the spec a leaf belongs to."""
    section = "nodes" if path[0] == "node_provider_bindings" else path[0]
    return ".".join((section, *path[1:2]))


_OF_BUNDLE = ("bundle_id", "version", "compat_window")


def _is_of_queue(path: tuple[str, ...]) -> bool:
    return path[0] == "default_buffer" or "buffer" in path[:-1]


def _beside(path: tuple[str, ...], known: dict[tuple[str, ...], Cause]) -> Cause | None:
    """The cause of a value that was written in the queue to which a value that follows belongs."""
    if not _is_of_queue(path):
        return None
    return next((known[path[:end]] for end in range(len(path) - 1, 0, -1) if path[:end] in known), None)


def _changed_manifests(before: Side, after: Side) -> str:
    """Manifests that are not the same on both sides: figures of providers stand in them, and no leaf says whose."""
    if not before.manifests or not after.manifests:
        return ""
    refs = before.manifests.keys() | after.manifests.keys()
    return ", ".join(sorted(ref for ref in refs if before.manifests.get(ref) != after.manifests.get(ref)))


def _says_the_same(ours: Origin, theirs: Origin) -> bool:
    """Whether the same is written on both sides, so that the leaf differs by what else it is made of."""
    return ours.label == theirs.label and bool(ours.said and theirs.said) and same([*ours.said], [*theirs.said])


_Changed = dict[tuple[str, str], Cause]
"""Nodes and edges that only one side has, with the source that put them there."""


def _changed_entities(before: Side, after: Side) -> _Changed:
    found: _Changed = {}
    for one, other in ((before, after), (after, before)):
        for node in one.spec["effective_nodes"].keys() - other.spec["effective_nodes"].keys():
            source = _source(one.origin(f"/effective_nodes/{escaped(node)}/node_type"), one)
            found["nodes", node] = _graph_cause(source, one)
    for one, other in ((before, after), (after, before)):
        for edge in sorted(one.spec["effective_edges"].keys() - other.spec["effective_edges"].keys()):
            source = _source(one.origin(f"/effective_edges/{escaped(edge)}/from"), one)
            is_put = source is not None and source.kind in ("module", "policy")
            found["edges", edge] = _graph_cause(source, one) if is_put else _cause_around(edge, one, other, found)
    return found


def _graph_cause(source: _Source | None, side: Side) -> Cause:
    kind, ref, part = (source.kind, source.ref, source.part) if source else ("spec", side.spec_ref, "")
    # A graph is changed as a whole, also where its source has another version on the other side.
    name = f"{kind}:{ref.partition('/')[0]}"
    return Cause(kind="graph", before=name, after=name, part=part)


def _cause_around(edge: str, side: Side, other: Side, found: _Changed) -> Cause:
    """Why a side has an edge that its author wrote, and the other one has not: the node that a rule puts there begins
    or ends it, or lies in its way on the other side; else the author."""
    said = side.spec["effective_edges"][edge]
    ends = [said["from"].rpartition(".")[0], said["to"].rpartition(".")[0]]
    around = [*ends, *_nodes_between(ends[0], ends[1], other, found)]
    causes = [found["nodes", node] for node in around if ("nodes", node) in found]
    own = _graph_cause(None, side)
    return next((cause for cause in causes if not cause.after.startswith(("spec:", "bundle:"))), own)


def _nodes_between(source: str, target: str, side: Side, found: _Changed) -> list[str]:
    """Nodes that a side alone has, on its ways from one node to another."""
    following: dict[str, list[str]] = {}
    for edge in side.spec["effective_edges"].values():
        following.setdefault(edge["from"].rpartition(".")[0], []).append(edge["to"].rpartition(".")[0])
    passed: dict[str, None] = {}
    waiting, reached = [source], False
    while waiting:
        for node in following.get(waiting.pop(), ()):
            reached = reached or node == target
            if ("nodes", node) in found and node not in passed:
                passed[node] = None
                waiting.append(node)
    return sorted(passed) if reached else []


def _moved_inserts(leaves: tuple[Leaf, ...], changed: _Changed) -> dict[str, Cause]:
    """By rule that inserts a node where a condition holds: why it stands in another edge, where its own source did not
    say so."""
    return {
        leaf.path[2]: changed["edges", edge]
        for leaf in leaves
        if leaf.path[:2] == ("rules", "insert") and leaf.path[3:] == ("replaces",)
        for edge in (leaf.before, leaf.after)
        if ("edges", edge) in changed
    }


def _source(origin: Origin | None, side: Side) -> _Source | None:
    """The source that a label of an origin names."""
    if origin is None:
        return None
    match origin.label.split("/"):
        case ["execution_profile", name, version]:
            return _Source(kind="profile", ref=f"{name}/{version}")
        case ["node_type", manifest, version, node_type]:
            kind: CauseKind = "library" if manifest == _LIBRARY else "manifest"
            return _Source(kind=kind, ref=f"{manifest}/{version}", part=node_type)
        case ["module", name, version]:
            return _Source(kind="module", ref=f"{name}/{version}")
        case ["layer", scope, name, version]:
            return _Source(kind="layer", ref=f"{name}/{version}", part=scope)
        case ["policy", name, version, rule]:
            return _Source(kind="policy", ref=f"{name}/{version}", part=rule)
        case ["bundle", name, version]:
            return _Source(kind="bundle", ref=f"{name}/{version}")
        case [text] if text.startswith("explicit_"):
            return _Source(kind="spec", ref=side.spec_ref)
    return _Source(kind="follows", ref="")


_LIBRARY = "rspp_std"
"""The manifest of the built-in node types."""
