"""From the text of a condition to a `Condition`, or to everything that is wrong with it.

The order is the safety: our limits on the bare text, then the library's parser and checker, then our rules
on the checked expression. Nothing is evaluated here.
"""

from __future__ import annotations

from functools import lru_cache

from rsppc.base.record import Record
from rsppc.conditions.complaint import Complaint
from rsppc.conditions.environment import Environment
from rsppc.conditions.library import compile_checked
from rsppc.conditions.nodes import Node, Tree, as_tree, walk
from rsppc.conditions.printing import print_tree
from rsppc.conditions.refusals import complaints_of
from rsppc.conditions.rules import complaints_about
from rsppc.conditions.tokens import TEXT_BYTES_MAX, scan
from rsppc.conditions.wire import read_checked

__all__ = ["Condition", "check"]


class Condition(Record):
    """A condition that every runtime can evaluate.

    `text` is canonical; `tree` is the checked expression as plain JSON; `names` are the dotted names it reads, sorted.
    """

    text: str
    tree: Tree
    names: tuple[str, ...]
    environment: Environment


def check(text: str, environment: Environment) -> Condition | tuple[Complaint, ...]:
    """The condition that `text` says, or what is wrong with it, in source order."""
    if len(text) > TEXT_BYTES_MAX:
        # Not through the cache, which would keep the text.
        return scan(text).complaints
    return _check(text, environment)


@lru_cache(maxsize=4096)
def _check(text: str, environment: Environment) -> Condition | tuple[Complaint, ...]:
    scanned = scan(text)
    if scanned.fatal:
        return scanned.complaints
    checked = compile_checked(text, environment)
    if not isinstance(checked, bytes):
        found = complaints_of(checked, text, scanned, environment)
        if scanned.complaints:
            # What does not fit is a consequence of the literals already refused; an unknown name is not.
            found = tuple(each for each in found if each.kind in ("unknown-name", "unknown-function"))
        return _in_source_order(scanned.complaints + found)
    root = read_checked(checked)
    found = scanned.complaints or complaints_about(root, scanned, environment)
    return _in_source_order(found) if found else _condition(root, environment)


def _in_source_order(complaints: tuple[Complaint, ...]) -> tuple[Complaint, ...]:
    return tuple(sorted(complaints, key=lambda complaint: (complaint.start, complaint.end)))


def _condition(root: Node, environment: Environment) -> Condition:
    tree = as_tree(root)
    declared = {known.name for known in environment.declarations}
    names = {str(node.value) for node in walk(root) if node.kind == "name"} & declared
    return Condition(text=print_tree(tree), tree=tree, names=tuple(sorted(names)), environment=environment)
