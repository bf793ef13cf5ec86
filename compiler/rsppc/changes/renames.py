"""Nodes that are what they were, under another name.

A name is part of every path below it, so that a node with another name would be one that went and one that came, with
all edges around it. Where nothing but names differs, that is said once, and the rest is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from rsppc.base.canonical_json import canonical
from rsppc.changes.leaves import ABSENT, Leaf

NAME = "(name)"
"""The last step of the leaf that says under which name a node was known before."""

_NODES, _EDGES = "effective_nodes", "effective_edges"
_OF_NAMES = ("from", "to", "subject")
"""Keys whose values are names of nodes, or made of them."""

_Entities = dict[str, tuple[Leaf, ...]]


def without_renames(leaves: Sequence[Leaf]) -> tuple[Leaf, ...]:
    """The leaves, with one for each node that has another name, and none for what differs by that alone."""
    renamed = _renamed(leaves)
    if not renamed:
        return tuple(leaves)
    names = {new: old for old, new in renamed.items()}
    came = {leaf.path: leaf for leaf in leaves if leaf.before is ABSENT}
    same: set[tuple[str, ...]] = set()
    kept: list[Leaf] = []
    for leaf in leaves:
        path = tuple(_under(step, renamed) for step in leaf.path)
        twin = came.get(path) if path != leaf.path and leaf.after is ABSENT else None
        if twin is not None and _is_same(leaf, twin, renamed):
            same |= {leaf.path, path}
            if leaf.path[0] == _NODES and leaf.path[2:] == ("node_type",):
                kept.append(
                    Leaf(
                        path=(_NODES, path[1], NAME),
                        before=names[path[1]],
                        after=path[1],
                        before_pointer=leaf.before_pointer,
                        after_pointer=twin.after_pointer,
                    )
                )
    return (*kept, *(leaf for leaf in leaves if leaf.path not in same))


def _renamed(leaves: Sequence[Leaf]) -> dict[str, str]:
    """New names by old ones: of nodes that say the same, with the same edges around them."""
    gone, came = _whole(leaves, _NODES, "before"), _whole(leaves, _NODES, "after")
    old, new = _by_content(gone, "before"), _by_content(came, "after")
    found = {old[said]: new[said] for said in old.keys() & new.keys()}
    edges = _whole(leaves, _EDGES, "before"), _whole(leaves, _EDGES, "after")
    while found:
        wrong = _with_other_edges(found, *edges)
        if not wrong:
            break
        found = {name: other for name, other in found.items() if name not in wrong and other not in wrong}
    return found


def _whole(leaves: Iterable[Leaf], section: str, side: str) -> _Entities:
    """The nodes or edges that one side alone has, with their leaves."""
    known: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if leaf.path[0] == section:
            known.setdefault(leaf.path[1], []).append(leaf)
    other = "after" if side == "before" else "before"
    return {name: tuple(own) for name, own in known.items() if all(getattr(one, other) is ABSENT for one in own)}


def _by_content(entities: _Entities, side: str) -> dict[bytes, str]:
    """Names by what the nodes say; those that say the same as another one are left out."""
    found: dict[bytes, list[str]] = {}
    for name, leaves in entities.items():
        said = canonical([[[*leaf.path[2:]], getattr(leaf, side)] for leaf in sorted(leaves, key=lambda one: one.path)])
        found.setdefault(said, []).append(name)
    return {said: names[0] for said, names in found.items() if len(names) == 1}


def _with_other_edges(renamed: Mapping[str, str], gone: _Entities, came: _Entities) -> set[str]:
    """Names of nodes around which an edge is another one, and not just one with another name."""
    fitting = {_under(name, renamed): name for name in gone if _under(name, renamed) in came}
    strange = [name for name in gone if name not in fitting.values()] + [name for name in came if name not in fitting]
    for now, then in fitting.items():
        twins = {leaf.path[2:]: leaf for leaf in came[now]}
        if twins.keys() != {leaf.path[2:] for leaf in gone[then]} or not all(
            _is_same(leaf, twins[leaf.path[2:]], renamed) for leaf in gone[then]
        ):
            strange += [now, then]
    ends = {end.rpartition(".")[0] for edge in strange for end in edge.split("->")}
    return ends & {*renamed, *renamed.values()}


def _is_same(before: Leaf, after: Leaf, renamed: Mapping[str, str]) -> bool:
    """Whether a leaf that went and one that came say the same, but for names."""
    said = before.before
    if isinstance(said, str) and before.path[-1] in _OF_NAMES:
        said = _under(said, renamed)
    return bool(type(said) is type(after.after) and canonical(said) == canonical(after.after))


_OF_PROOFS = ("node", "fallback")
"""What stands before the name of a node where times are proved."""
_WORD = re.compile(r"[a-z0-9_/]+")


def _under(text: str, renamed: Mapping[str, str]) -> str:
    """A step of a path with the new names in it, as in `node/llm`, `llm.text` or `llm.text->tts.text`."""

    def new(found: re.Match[str]) -> str:
        word = found[0]
        head, _, rest = word.partition("/")
        if word not in renamed and head in _OF_PROOFS and rest in renamed:
            return f"{head}/{renamed[rest]}"
        return renamed.get(word, word)

    return _WORD.sub(new, text)
