"""The leaves in which two values differ.

What a person takes for one value is one leaf: a list of words, a condition. Entries of lists are known by their names
where they have some, so that a rule put in front of others is one rule more and not a change of all of them.
"""

from __future__ import annotations

from typing import Any

from rsppc.base.json_pointer import escaped
from rsppc.base.record import Record


class Absent(Record):
    """Stands for what a side does not have; no value of JSON is equal to it."""


ABSENT = Absent()
ORDER = "(order)"
"""The last step of the leaf that says in which order the entries of a list stand."""


class Leaf(Record):
    """One difference. A pointer leads to the leaf on its side; empty where that side has none."""

    path: tuple[str, ...]
    before: Any
    after: Any
    before_pointer: str = ""
    after_pointer: str = ""


class _Part(Record):
    """What stands at a path on one side."""

    value: Any
    pointer: str


_NOTHING = _Part(value=ABSENT, pointer="")


def changed_leaves(before: Any, after: Any) -> tuple[Leaf, ...]:
    """All differences, in order of paths; each changed leaf is one of them, and none is two."""
    found: list[Leaf] = []
    waiting: list[tuple[tuple[str, ...], _Part, _Part]] = [((), _at("", before), _at("", after))]
    while waiting:
        path, left, right = waiting.pop()
        if same(left.value, right.value):
            continue
        if not _is_entered(left.value, right.value):
            found.append(_leaf(path, left, right))
            continue
        named = _has_names(left.value) and _has_names(right.value)
        ours, theirs = _parts(left, named=named), _parts(right, named=named)
        found.extend(_order(path, left, right, [*ours], [*theirs]) if named else ())
        for key in ours.keys() | theirs.keys():
            waiting.append(((*path, key), ours.get(key, _NOTHING), theirs.get(key, _NOTHING)))
    return tuple(sorted(found, key=lambda leaf: leaf.path))


def same(left: Any, right: Any) -> bool:
    """Whether two JSON values are equal; true is not 1."""
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and bool(left == right)


def _at(pointer: str, value: Any) -> _Part:
    return _Part(value=value, pointer=pointer)


def _is_entered(left: Any, right: Any) -> bool:
    """Whether two values are compared part by part: both have parts, or one has and the other is empty or absent."""
    for value, other in ((left, right), (right, left)):
        if _has_parts(value):
            return other is ABSENT or (type(other) is type(value) and (not other or _has_parts(other)))
    return False


def _has_parts(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and not _is_condition(value)
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _is_condition(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"text", "tree"} and isinstance(value["text"], str)


_NAMES = (("policy", "rule"), ("layer",), ("subject",), ("from",), ("port",))
"""Keys whose values name an entry of a list; of the first that all entries have."""


def _names(items: list[Any]) -> list[str] | None:
    """The names of the entries of a list; None where they have none, or one of them twice."""
    for keys in _NAMES:
        if all(isinstance(item, dict) and all(isinstance(item.get(key), str) for key in keys) for item in items):
            names = ["/".join(item[key] for key in keys) for item in items]
            return names if len(set(names)) == len(names) else None
    return None


def _has_names(value: Any) -> bool:
    return not isinstance(value, list) or _names(value) is not None


def _parts(part: _Part, *, named: bool) -> dict[str, _Part]:
    value, pointer = part.value, part.pointer
    if isinstance(value, dict):
        return {key: _at(f"{pointer}/{escaped(key)}", item) for key, item in value.items()}
    if not isinstance(value, list):
        return {}
    names = (_names(value) if named else None) or [str(index) for index in range(len(value))]
    return {name: _at(f"{pointer}/{index}", item) for index, (name, item) in enumerate(zip(names, value, strict=True))}


def _order(path: tuple[str, ...], left: _Part, right: _Part, ours: list[str], theirs: list[str]) -> tuple[Leaf, ...]:
    """The leaf that says that entries of a list which both sides have stand in another order."""
    if not isinstance(left.value, list) or not isinstance(right.value, list):
        return ()
    kept = set(ours) & set(theirs)
    before, after = ([name for name in names if name in kept] for names in (ours, theirs))
    if before == after:
        return ()
    return (
        Leaf(
            path=(*path, ORDER),
            before=before,
            after=after,
            before_pointer=left.pointer,
            after_pointer=right.pointer,
        ),
    )


def _leaf(path: tuple[str, ...], left: _Part, right: _Part) -> Leaf:
    before, after = left.value, right.value
    words = tuple(one["text"] if _is_condition(one) else one for one in (before, after))
    if not same(*words):
        before, after = words
    elif _is_condition(before) and _is_condition(after):
        # The same words are understood in another way.
        path, before, after = (*path, "tree"), before["tree"], after["tree"]
    return Leaf(path=path, before=before, after=after, before_pointer=left.pointer, after_pointer=right.pointer)
