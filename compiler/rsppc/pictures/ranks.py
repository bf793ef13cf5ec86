"""Which row each box of a drawing stands in: behind everything that leads to it.

Wires that would have to lead upwards are named, so that they can be led around.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rsppc.base.record import Record


class Ranking(Record):
    """The row of every box from 0, and the wires that lead back up or stay in their row."""

    ranks: dict[str, int]
    loops: frozenset[str]


def ranking(boxes: Sequence[str], wires: Mapping[str, tuple[str, str]], known_loops: Iterable[str] = ()) -> Ranking:
    """Rows of boxes, given the wires by id as source and target."""
    loops = set(known_loops) | {wire for wire, (source, target) in wires.items() if source == target}
    order = _order(boxes, wires, loops)
    ranks = dict.fromkeys(boxes, 0)
    into: dict[str, list[str]] = {box: [] for box in boxes}
    out: dict[str, list[str]] = {box: [] for box in boxes}
    for wire, (source, target) in wires.items():
        if wire not in loops:
            into[target].append(source)
            out[source].append(target)
    for box in order:
        ranks[box] = max((ranks[one] + 1 for one in into[box]), default=0)
    for box in reversed(order):  # what starts by itself stands close to what it feeds
        if len(out[box]) > len(into[box]):
            ranks[box] = max(ranks[box], min(ranks[one] for one in out[box]) - 1)
    return Ranking(ranks=ranks, loops=frozenset(loops))


def _order(boxes: Sequence[str], wires: Mapping[str, tuple[str, str]], loops: set[str]) -> list[str]:
    """Boxes in topological order. Where a circle is left, the wires that enter its first box become loops."""
    into: dict[str, set[str]] = {box: set() for box in boxes}
    out: dict[str, list[str]] = {box: [] for box in boxes}
    for wire, (source, target) in wires.items():
        if wire not in loops:
            into[target].add(wire)
            out[source].append(wire)
    order: list[str] = []
    ready = [box for box in boxes if not into[box]]
    waiting = {box: None for box in boxes if into[box]}
    while ready or waiting:
        if not ready:
            box = next(iter(waiting))
            loops |= into[box]
            into[box].clear()
            del waiting[box]
            ready.append(box)
        box = ready.pop(0)
        order.append(box)
        for wire in out[box]:
            target = wires[wire][1]
            if wire in into[target]:
                into[target].discard(wire)
                if not into[target]:
                    del waiting[target]
                    ready.append(target)
    return order
