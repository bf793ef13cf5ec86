"""The sheet on which a drawing is laid out: rows of items, and what is connected.

Boxes stand in even rows. Between them every wire has an item of its own in each row that it crosses, one of which is as
large as the wire's label: so that no wire runs through a box, and no label lies on anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rsppc.base.record import Record
from rsppc.pictures.ranks import ranking

OUTER_ZONE = 2
"""The column at the very right, in which wires lead back up."""
_LANE = 7
"""Half of the room that a wire needs beside others."""


class Port(Record):
    """A named place at which wires leave or enter a box."""

    name: str
    width: int


class Box(Record):
    """Something with a size. Boxes of a zone stand in a column of their own."""

    id: str
    width: int
    height: int
    zone: int = 0
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    beside: tuple[str, ...] = ()
    """Boxes that stand to the right of this one, in its row; they have no wires."""


class Wire(Record):
    """A connection from an output of one box to an input of another, with the size of its label."""

    id: str
    source: str
    source_port: str
    target: str
    target_port: str
    width: int = 0
    height: int = 0
    loop: bool = False
    """Whether it is known to lead back."""
    straight: bool = False
    """Whether it should rather be straight than others."""


class Item:
    """A box with those beside it, or a wire in one row. `left` and `right` are its reach from its anchor."""

    __slots__ = ("above", "below", "box", "height", "index", "left", "right", "row", "wire", "x", "zone")

    def __init__(self, row: int, zone: int, *, left: int, right: int, height: int, box: Box | None, wire: Wire | None):
        self.row, self.zone, self.left, self.right, self.height = row, zone, left, right, height
        self.box, self.wire = box, wire
        self.above: list[Joint] = []
        self.below: list[Joint] = []
        self.index = 0
        self.x = 0


class Joint(Record):
    """A connection of an item to one of a neighbouring row."""

    item: Item
    here: str | None
    """The port, where this item is a box; None where it is a wire."""
    there: str | None
    weight: int


class Sheet:
    """All items by row, and how the ports of boxes are ordered."""

    __slots__ = ("inputs", "items", "loops", "outputs", "rows", "runs")

    def __init__(self) -> None:
        self.rows: list[list[Item]] = []
        self.items: dict[str, Item] = {}
        """Of boxes, by id."""
        self.runs: dict[str, list[Item]] = {}
        """Of wires, by id: from the source's end to the target's, or of loops from the top down."""
        self.loops: frozenset[str] = frozenset()
        self.inputs: dict[str, list[Port]] = {}
        self.outputs: dict[str, list[Port]] = {}

    def port_at(self, box: Box, side: str, name: str | None) -> int:
        """Where a port is, from the middle of its box."""
        ports = self.inputs[box.id] if side == "in" else self.outputs[box.id]
        x = -sum(port.width for port in ports) // 2
        for port in ports:
            if port.name == name:
                return x + port.width // 2
            x += port.width
        return 0


def laid_out(boxes: Sequence[Box], wires: Sequence[Wire], gap: int) -> Sheet:
    """The sheet with its rows in the order in which things were given."""
    sheet = Sheet()
    by_id = {box.id: box for box in boxes}
    beside = {one for box in boxes for one in box.beside}
    standing = [box for box in boxes if box.id not in beside]
    found = ranking(
        [box.id for box in standing],
        {wire.id: (wire.source, wire.target) for wire in wires},
        [wire.id for wire in wires if wire.loop],
    )
    sheet.loops = found.loops
    sheet.rows = [[] for _ in range(2 * max(found.ranks.values(), default=0) + 1)]
    for box in boxes:
        sheet.inputs[box.id], sheet.outputs[box.id] = list(box.inputs), list(box.outputs)
    for box in standing:
        sheet.items[box.id] = item = _box_item(box, by_id, 2 * found.ranks[box.id], gap)
        sheet.rows[item.row].append(item)
    for wire in wires:
        if wire.id in found.loops:
            _lay_loop(sheet, wire, found.ranks)
        else:
            _lay(sheet, wire, by_id[wire.source].zone)
    return sheet


def _box_item(box: Box, by_id: Mapping[str, Box], row: int, gap: int) -> Item:
    others = [by_id[one] for one in box.beside]
    half = box.width // 2
    right = box.width - half + sum(gap + one.width for one in others)
    height = max(box.height, *(one.height for one in others)) if others else box.height
    return Item(row, box.zone, left=half, right=right, height=height, box=box, wire=None)


def _lay(sheet: Sheet, wire: Wire, zone: int) -> None:
    source, target = sheet.items[wire.source], sheet.items[wire.target]
    weight = 4 if wire.straight else 1
    last, port = source, wire.source_port or ""
    run = sheet.runs[wire.id] = []
    for row in range(source.row + 1, target.row):
        item = _wire_item(wire, row, zone, labelled=row == source.row + 1)
        run.append(item)
        sheet.rows[row].append(item)
        _join(last, item, port if last is source else None, None, weight if last is source else 4 * weight)
        last = item
    _join(last, target, None, wire.target_port, weight)


def _lay_loop(sheet: Sheet, wire: Wire, ranks: Mapping[str, int]) -> None:
    top, bottom = 2 * ranks[wire.target], 2 * ranks[wire.source]
    rows = range(min(top, bottom), max(top, bottom) + 1)
    labelled = rows[len(rows) // 2]
    run = sheet.runs[wire.id] = []
    for row in rows:
        item = _wire_item(wire, row, OUTER_ZONE, labelled=row == labelled)
        if run:
            _join(run[-1], item, None, None, 8)
        run.append(item)
        sheet.rows[row].append(item)


def _wire_item(wire: Wire, row: int, zone: int, *, labelled: bool) -> Item:
    right = _LANE + (wire.width if labelled else 0)
    return Item(row, zone, left=_LANE, right=right, height=wire.height if labelled else 0, box=None, wire=wire)


def _join(upper: Item, lower: Item, out: str | None, into: str | None, weight: int) -> None:
    upper.below.append(Joint(item=lower, here=out, there=into, weight=weight))
    lower.above.append(Joint(item=upper, here=into, there=out, weight=weight))
