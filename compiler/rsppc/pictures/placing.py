"""Coordinates of a sheet: straight wires where that is possible, and nothing on top of anything else.

Rows are placed one after the other, again and again. Items of a row want to stand where their neighbours in the row
before are; what keeps order and distance and moves them as little as possible (weighted least squares) is found
exactly, by merging those that get in each other's way.
"""

from __future__ import annotations

from rsppc.pictures.sheet import OUTER_ZONE, Item, Joint, Sheet

_ROUNDS_MAX = 10
_EFFORT = 100_000
"""About how many items are placed downwards in all."""
_GAP = 14


def place(sheet: Sheet, zone_gap: int) -> None:
    """Give every item of an ordered sheet its `x`, the anchor's; the leftmost reach is 0."""
    for row in sheet.rows:
        at = 0
        for item in row:
            item.x = at + item.left
            at = item.x + item.right + _GAP
    count = sum(map(len, sheet.rows))
    for number in range(max(1, min(_ROUNDS_MAX, _EFFORT // max(1, count)))):
        for row in sheet.rows:
            _place_row(sheet, row, above=True, below=number % 3 == 2)
        for row in reversed(sheet.rows):
            _place_row(sheet, row, above=number % 3 == 2, below=True)
    for row in sheet.rows:
        _place_row(sheet, row, above=True, below=False)
    _part_zones(sheet, zone_gap)


def _place_row(sheet: Sheet, row: list[Item], *, above: bool, below: bool) -> None:
    start = 0
    while start < len(row):
        end = start
        while end < len(row) and row[end].zone == row[start].zone:
            end += 1
        _settle(row[start:end], [_wanted(sheet, item, above=above, below=below) for item in row[start:end]])
        start = end


def _wanted(sheet: Sheet, item: Item, *, above: bool, below: bool) -> tuple[int, int]:
    """Where an item wants its anchor to be, and how much."""
    total = weight = 0
    for joints, upwards in ((item.above, True), (item.below, False)):
        if not (above if upwards else below):
            continue
        for joint in joints:
            if joint.item.zone == item.zone:
                total += joint.weight * (_end_of(sheet, joint, upwards) - _start_of(sheet, item, joint, upwards))
                weight += joint.weight
    if not weight:
        return item.x, 1
    return total // weight, 2 * weight


def _start_of(sheet: Sheet, item: Item, joint: Joint, upwards: bool) -> int:
    return sheet.port_at(item.box, "in" if upwards else "out", joint.here) if item.box is not None else 0


def _end_of(sheet: Sheet, joint: Joint, upwards: bool) -> int:
    other = joint.item
    offset = sheet.port_at(other.box, "out" if upwards else "in", joint.there) if other.box is not None else 0
    return other.x + offset


def _settle(items: list[Item], wanted: list[tuple[int, int]]) -> None:
    """Place items as close to where they want to be as their order and sizes allow."""
    offsets, at = [], 0
    for index, item in enumerate(items):
        if index:
            at += items[index - 1].right + _GAP + item.left
        offsets.append(at)
    blocks: list[tuple[int, int, int]] = []  # sum of weighted wishes, weight, count
    for (wish, weight), offset in zip(wanted, offsets, strict=True):
        total, count = weight * (wish - offset), 1
        while blocks and blocks[-1][0] * weight > total * blocks[-1][1]:
            before = blocks.pop()
            total, weight, count = total + before[0], weight + before[1], count + before[2]
        blocks.append((total, weight, count))
    index = 0
    for total, weight, count in blocks:
        for _ in range(count):
            items[index].x = total // weight + offsets[index]
            index += 1


def _part_zones(sheet: Sheet, zone_gap: int) -> None:
    """Put the zones beside each other."""
    edge = 0
    for zone in sorted({item.zone for row in sheet.rows for item in row} - {OUTER_ZONE}):
        items = [item for row in sheet.rows for item in row if item.zone == zone]
        shift = edge - min(item.x - item.left for item in items)
        for item in items:
            item.x += shift
        edge = max(item.x + item.right for item in items) + zone_gap
    for wire in sorted(sheet.loops):  # each has a column of its own
        run = sheet.runs[wire]
        for item in run:
            item.x = edge + item.left
        edge = max(item.x + item.right for item in run) + _GAP
