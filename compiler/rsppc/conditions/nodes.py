"""The checked expression as rsppc sees it: typed, with places, macros as calls, chains of `&&` and `||` flat.

A `Node` serves the rules of this room; `as_tree` gives the plain JSON that artifacts carry, without types and places.
Depth is bounded before a node exists (tokens.py, then the parser's own limit), so walking it may recurse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias

from rsppc.base.record import Record

__all__ = ["Node", "Tree", "as_tree", "levels", "walk"]

Tree: TypeAlias = dict[str, Any]


class Node(Record):
    """One part of a checked expression.

    `value` is the constant, the name, or the function; `target` the receiver of a method, a macro or `has`; `at` the
    code point to which the parser ties this part (an operator's mark, a call's parenthesis). `foreign` marks what has
    no place in the portable profile: a message, an unknown comprehension.
    """

    kind: Literal["const", "name", "call", "macro", "has", "list", "map", "foreign"]
    type: str
    at: int
    value: str | int | bool = ""
    overload: str = ""
    target: Node | None = None
    args: tuple[Node, ...] = ()

    def children(self) -> tuple[Node, ...]:
        """The parts of this part, receiver first."""
        return self.args if self.target is None else (self.target, *self.args)


def walk(node: Node) -> Iterator[Node]:
    """The node and all its parts, outside in, left to right."""
    pending = [node]
    while pending:
        inner = pending.pop()
        yield inner
        pending.extend(reversed(inner.children()))


def levels(node: Node) -> int:
    """How deep operators nest. A chain of `&&` or `||` counts as the balanced tree that it is evaluated as."""
    deepest = max((levels(child) for child in node.children()), default=-1)
    if node.kind == "call" and node.value in ("_&&_", "_||_"):
        return deepest + (len(node.args) - 1).bit_length()
    return deepest + 1


def as_tree(node: Node, locals_: frozenset[str] = frozenset()) -> Tree:
    """The canonical JSON of a checked node. Integers are decimal strings: JSON readers round large ones."""
    match node.kind:
        case "const":
            return {"const": _constant(node.value)}
        case "name":
            return {"local" if node.value in locals_ else "name": node.value}
        case "list":
            return {"list": [as_tree(item, locals_) for item in node.args]}
        case "map":
            items = [as_tree(item, locals_) for item in node.args]
            return {"map": [[items[at], items[at + 1]] for at in range(0, len(items), 2)]}
        case "macro":
            assert node.target is not None
            inner = locals_ | {str(node.args[0].value)}
            return {
                "call": node.value,
                "target": as_tree(node.target, locals_),
                "args": [as_tree(argument, inner) for argument in node.args],
            }
        case _:
            tree: Tree = {"call": node.value}
            if node.target is not None:
                tree["target"] = as_tree(node.target, locals_)
            tree["args"] = [as_tree(argument, locals_) for argument in node.args]
            return tree


def _constant(value: str | int | bool) -> Tree:
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": str(value)}
    return {"string": value}
