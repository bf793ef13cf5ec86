"""A static bound on what a condition can cost, counted in steps, before anything is evaluated.

Values are not known yet, so every runtime-supplied list or map counts as 100 entries and every text as 1,024
code points; literals count as they are. The bound is for refusing, not for scheduling: a runtime still
evaluates with a step budget.
"""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.conditions.nodes import Node

__all__ = ["COST_MAX", "ITEMS_ASSUMED", "SIZE_MAX", "TEXT_ASSUMED", "Cost", "cost_of"]

COST_MAX = 100_000
SIZE_MAX = 2**21
ITEMS_ASSUMED = 100
TEXT_ASSUMED = 1024
# Code points or entries that an operation gets through in the time of one step.
SCAN_RATE = 256


class Cost(Record):
    """Steps in all; the size of the value (code points, entries); the largest size of any value on the way."""

    steps: int
    size: int
    peak: int


def cost_of(node: Node) -> Cost:
    """The bound for a checked node."""
    return _cost(node, {})


def _cost(node: Node, locals_: dict[str, int]) -> Cost:
    match node.kind:
        case "const":
            size = len(node.value) if isinstance(node.value, str) else 1
            return Cost(steps=1, size=size, peak=size)
        case "name":
            size = _assumed_size(node.type)
            if size > 1:
                size = locals_.get(str(node.value), size)
            return Cost(steps=1, size=size, peak=size)
        case "macro":
            return _cost_of_macro(node, locals_)
        case _:
            parts = [_cost(child, locals_) for child in node.children()]
            steps, size = _own_cost(node, parts)
            return _sum(parts, steps=steps, size=size)


def _cost_of_macro(node: Node, locals_: dict[str, int]) -> Cost:
    assert node.target is not None
    over = _cost(node.target, locals_)
    variable = str(node.args[0].value)
    # An entry is at most as large as the largest thing that went into its list, or as what a runtime may supply.
    inner = {**locals_, variable: max(over.peak, TEXT_ASSUMED)}
    body = [_cost(argument, inner) for argument in node.args[1:]]
    steps = over.size * (1 + sum(part.steps for part in body))
    size = over.size if node.value in ("map", "filter") else 1
    return _sum([over, *(Cost(steps=0, size=part.size, peak=part.peak) for part in body)], steps=steps, size=size)


def _sum(parts: list[Cost], *, steps: int, size: int) -> Cost:
    # Capped, so that a hostile expression cannot make the arithmetic itself expensive.
    total = min(steps + sum(part.steps for part in parts), 2**62)
    size = min(size, 2**62)
    return Cost(steps=total, size=size, peak=max([size, *(part.peak for part in parts)]))


def _assumed_size(type_: str) -> int:
    if type_ == "string":
        return TEXT_ASSUMED
    return ITEMS_ASSUMED if type_.startswith(("list", "map")) else 1


def _own_cost(node: Node, parts: list[Cost]) -> tuple[int, int]:
    """Steps of the operation itself, and the size of its value."""
    sizes = [part.size for part in parts]
    if node.kind in ("list", "map"):
        return 1, max(len(node.args), 1)
    match node.value:
        case "_+_":
            size = sum(sizes) if node.type != "int" else 1
            return 1 + size // SCAN_RATE, size
        case "@in":
            return 1 + sizes[1], 1
        case "_==_" | "_!=_":
            return 1 + min(sizes) // SCAN_RATE, 1
        case "_?_:_":
            return 1, max(sizes[1:])
        case "_[_]":
            return 1, max(parts[0].peak, TEXT_ASSUMED) if node.type not in ("int", "bool") else 1
        case "matches":
            return 16 + sizes[0] * (1 + sizes[-1] // 16) // 4, 1
        case "replace":
            size = sizes[0] * (1 + sizes[2]) + sizes[2]
            return 1 + size // SCAN_RATE, size
        case "split":
            return 1 + sizes[0] // 16, sizes[0] + 1
        case "join":
            size = sizes[0] * (max(parts[0].peak, TEXT_ASSUMED) + (sizes[1] if len(sizes) > 1 else 0))
            return 1 + size // SCAN_RATE, size
        case "string":
            return 1, max(sizes[0], 20)
        case "contains" | "indexOf" | "lastIndexOf":
            return 1 + sizes[0] * (1 + sizes[1] // SCAN_RATE) // SCAN_RATE, 1
        case _:
            size = sizes[0] if node.type == "string" and sizes else 1
            return 1 + (sizes[0] if sizes else 0) // SCAN_RATE, size
