"""Where everything of a drawing is: boxes, ports, the ways of wires, labels, and the columns of zones.

A layered drawing from top to bottom, in integers. What takes part is in `sheet.py`; here the rows get their heights,
and wires their ways: straight down within rows, curved only in the gaps between them, where there is nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from rsppc.base.record import Record
from rsppc.pictures.ordering import order
from rsppc.pictures.placing import place
from rsppc.pictures.sheet import OUTER_ZONE, Box, Item, Sheet, Wire, laid_out

BESIDE_GAP = 34
_ZONE_GAP = 56
_ROW_GAP_MIN, _ROW_GAP_MAX = 14, 44
_TURNING = 40
"""Room in which a wire can turn round."""
_HEADER = 34
"""Room for the name of a zone, above its first box."""
_FOOTER = 16
"""Room below its last one, so that no label lies on its border."""
_ZONE_PADDING = 18
_MARGIN = 30


class Rect(Record):
    """A rectangle: its upper left corner and its size."""

    x: int
    y: int
    width: int
    height: int


class Piece(Record):
    """A piece of a way: a line to a point, or a curve that leaves and arrives vertically, bent at `bend`."""

    kind: Literal["line", "curve"]
    x: int
    y: int
    bend: int = 0
    """The y of both control points."""


class Way(Record):
    """The way of a wire: where it begins, and its pieces."""

    x: int
    y: int
    pieces: tuple[Piece, ...]
    label: Rect | None
    """Where the label is, if the wire has one; it never covers the way."""


class Layout(Record):
    """A drawing that is laid out; its upper left corner is (0, 0)."""

    width: int
    height: int
    boxes: dict[str, Rect]
    inputs: dict[str, dict[str, int]]
    """Per box the middle of each port."""
    outputs: dict[str, dict[str, int]]
    ways: dict[str, Way]
    zones: dict[int, Rect]


class _Rows(Record):
    """Top and bottom of every row."""

    tops: tuple[int, ...]
    bottoms: tuple[int, ...]


def layout(boxes: Sequence[Box], wires: Sequence[Wire]) -> Layout:
    """Lay out boxes and wires. Ids of boxes and of wires are unique; wires lead from and to boxes that are there."""
    sheet = laid_out(boxes, wires, BESIDE_GAP)
    order(sheet)
    place(sheet, _ZONE_GAP)
    for row in sheet.rows:
        for item in row:
            item.x += _MARGIN
    rows = _rows(sheet, wires)
    placed = _placed(sheet, boxes, rows)
    inputs = {box.id: _ports(sheet, box, placed[box.id], "in") for box in boxes}
    outputs = {box.id: _ports(sheet, box, placed[box.id], "out") for box in boxes}
    ways = {wire.id: _way(sheet, wire, placed, inputs, outputs, rows) for wire in wires}
    right = max((item.x + item.right for row in sheet.rows for item in row), default=0)
    bottom = (rows.bottoms[-1] if rows.bottoms else 0) + (_TURNING if sheet.loops else 0)
    return Layout(
        width=right + _MARGIN,
        height=bottom + _MARGIN,
        boxes=placed,
        inputs=inputs,
        outputs=outputs,
        ways=ways,
        zones=_zones(sheet, placed, boxes),
    )


def _rows(sheet: Sheet, wires: Sequence[Wire]) -> _Rows:
    by_zone = [[item.row for item in sheet.items.values() if item.zone == zone] for zone in _zones_of(sheet)]
    first, last = {min(rows) for rows in by_zone}, {max(rows) for rows in by_zone}
    turning = _turning(sheet, wires)
    tops: list[int] = []
    bottoms: list[int] = []
    y = _ZONE_PADDING + (_TURNING if -1 in turning else 0)
    for number, row in enumerate(sheet.rows):
        y += _HEADER if number in first else 0
        tops.append(y)
        y += max((item.height for item in row), default=0)
        bottoms.append(y)
        y += max(_gap(sheet, row), _TURNING if number in turning else 0) + (_FOOTER if number in last else 0)
    return _Rows(tops=tuple(tops), bottoms=tuple(bottoms))


def _turning(sheet: Sheet, wires: Sequence[Wire]) -> set[int]:
    """Rows below which a wire turns round, on its way up or down; -1 stands for above the first row."""
    loops = [wire for wire in wires if wire.id in sheet.loops]
    return {sheet.items[wire.source].row for wire in loops} | {sheet.items[wire.target].row - 1 for wire in loops}


def _zones_of(sheet: Sheet) -> set[int]:
    return {item.zone for item in sheet.items.values()}


def _gap(sheet: Sheet, row: list[Item]) -> int:
    """Rows stand the further apart, the further wires move sideways between them."""
    furthest = max((abs(joint.item.x - item.x) for item in row for joint in item.below), default=0)
    return min(_ROW_GAP_MAX, _ROW_GAP_MIN + furthest // 10)


def _placed(sheet: Sheet, boxes: Sequence[Box], rows: _Rows) -> dict[str, Rect]:
    by_id = {box.id: box for box in boxes}
    placed: dict[str, Rect] = {}
    for name, item in sheet.items.items():
        x = item.x - item.left
        for box in (by_id[name], *(by_id[one] for one in by_id[name].beside)):
            top, bottom = rows.tops[item.row], rows.bottoms[item.row]
            placed[box.id] = Rect(x=x, y=top + (bottom - top - box.height) // 2, width=box.width, height=box.height)
            x += box.width + BESIDE_GAP
    return placed


def _ports(sheet: Sheet, box: Box, rect: Rect, side: str) -> dict[str, int]:
    ports = sheet.inputs[box.id] if side == "in" else sheet.outputs[box.id]
    return {port.name: rect.x + box.width // 2 + sheet.port_at(box, side, port.name) for port in ports}


def _way(
    sheet: Sheet,
    wire: Wire,
    placed: Mapping[str, Rect],
    inputs: Mapping[str, Mapping[str, int]],
    outputs: Mapping[str, Mapping[str, int]],
    rows: _Rows,
) -> Way:
    source, target = placed[wire.source], placed[wire.target]
    x0, y0 = outputs[wire.source][wire.source_port], source.y + source.height
    x1, y1 = inputs[wire.target][wire.target_port], target.y
    run = sheet.runs[wire.id]
    label = next((_label(item, rows) for item in run if wire.height and item.height), None)
    bottom = rows.bottoms[sheet.items[wire.source].row]
    top = rows.tops[sheet.items[wire.target].row]
    in_loop = wire.id in sheet.loops
    pieces = _loop(run[0].x, x0, bottom, x1, top) if in_loop else _down(run, x0, bottom, x1, top, rows)
    return Way(x=x0, y=y0, pieces=_simplified(x0, y0, [*pieces, _line(x1, y1)]), label=label)


def _label(item: Item, rows: _Rows) -> Rect:
    top, bottom = rows.tops[item.row], rows.bottoms[item.row]
    return Rect(
        x=item.x + item.left,
        y=top + (bottom - top - item.height) // 2,
        width=item.right - item.left,
        height=item.height,
    )


def _down(run: list[Item], x0: int, bottom: int, x1: int, top: int, rows: _Rows) -> list[Piece]:
    pieces = [_line(x0, bottom)]
    y = bottom
    for item in run:
        above, below = rows.tops[item.row], rows.bottoms[item.row]
        pieces.append(_curve(item.x, above, (y + above) // 2))
        pieces.append(_line(item.x, below))
        y = below
    pieces.append(_curve(x1, top, (y + top) // 2))
    return pieces


def _loop(column: int, x0: int, bottom: int, x1: int, top: int) -> list[Piece]:
    """Below its box, along the right of everything, and from above into its target."""
    dip = _TURNING * 6 // 5  # a curve goes three quarters of the way to its control points
    return [
        _line(x0, bottom),
        _curve(column, bottom, bottom + dip),
        _line(column, top),
        _curve(x1, top, top - dip),
    ]


def _line(x: int, y: int) -> Piece:
    return Piece(kind="line", x=x, y=y)


def _curve(x: int, y: int, bend: int) -> Piece:
    return Piece(kind="curve", x=x, y=y, bend=bend)


def _simplified(x: int, y: int, pieces: list[Piece]) -> tuple[Piece, ...]:
    """The same way without pieces of no length, and with straight ones joined."""
    kept: list[Piece] = []
    for piece in pieces:
        low, high = min(y, piece.y), max(y, piece.y)
        if piece.x == x and (piece.kind == "line" or low <= piece.bend <= high):
            if piece.y == y:
                continue
            if kept and kept[-1].kind == "line":
                kept.pop()
            piece = _line(piece.x, piece.y)
        kept.append(piece)
        x, y = piece.x, piece.y
    return tuple(kept)


def _zones(sheet: Sheet, placed: Mapping[str, Rect], boxes: Sequence[Box]) -> dict[int, Rect]:
    """The background of each zone: all its boxes, and as wide as its wires."""
    found: dict[int, Rect] = {}
    for zone in sorted(_zones_of(sheet) - {OUTER_ZONE}):
        rects = [placed[box.id] for box in boxes if box.zone == zone]
        items = [item for row in sheet.rows for item in row if item.zone == zone]
        left = min(item.x - item.left for item in items) - _ZONE_PADDING
        right = max(item.x + item.right for item in items) + _ZONE_PADDING
        top = min(rect.y for rect in rects) - _HEADER
        bottom = max(rect.y + rect.height for rect in rects) + _ZONE_PADDING
        found[zone] = Rect(x=left, y=top, width=right - left, height=bottom - top)
    return found
