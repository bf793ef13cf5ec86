"""The order of items within their rows: few crossings, found by sweeping up and down.

Each sweep puts the items of a row in the order of the mean position of what they are connected to in the row before;
the best order that was seen is kept. Zones stay apart.
"""

from __future__ import annotations

from bisect import bisect_right, insort

from rsppc.pictures.sheet import Item, Joint, Port, Sheet

_STEP = 1000
_EFFORT = 60_000
"""About how many items are moved in all."""


def order(sheet: Sheet) -> None:
    """Order the rows of a sheet, and the ports of its boxes."""
    for row in sheet.rows:
        _number(row)
    count = sum(map(len, sheet.rows))
    sweeps = max(4, min(24, _EFFORT // max(1, count)))
    best, kept = _crossings(sheet), [list(row) for row in sheet.rows]
    for sweep in range(sweeps):
        if best == 0 and sweep > 1:
            break
        downwards = sweep % 2 == 0
        for row in sheet.rows if downwards else reversed(sheet.rows):
            _sort_row(sheet, row, above=downwards)
        _order_ports(sheet)
        found = _crossings(sheet)
        if found < best:
            best, kept = found, [list(row) for row in sheet.rows]
    sheet.rows = kept
    for row in sheet.rows:
        _number(row)
    _order_ports(sheet)


def _number(row: list[Item]) -> None:
    row.sort(key=lambda item: item.zone)  # what stands in a zone keeps its order
    for index, item in enumerate(row):
        item.index = index


def _position(sheet: Sheet, joint: Joint, *, above: bool) -> int:
    """Where a connection ends in its row: the item, and within a box the port."""
    item = joint.item
    if item.box is None:
        return item.index * _STEP + _STEP // 2
    ports = sheet.outputs[item.box.id] if above else sheet.inputs[item.box.id]
    index = next((at for at, port in enumerate(ports) if port.name == joint.there), 0)
    return item.index * _STEP + _STEP * (index + 1) // (len(ports) + 1)


def _sort_row(sheet: Sheet, row: list[Item], *, above: bool) -> None:
    wanted: dict[int, int] = {}
    for item in row:
        joints = item.above if above else item.below
        if joints:
            wanted[item.index] = sum(_position(sheet, one, above=above) for one in joints) // len(joints)
        else:
            wanted[item.index] = item.index * _STEP
    row.sort(key=lambda item: (item.zone, wanted[item.index], item.index))
    for index, item in enumerate(row):
        item.index = index


def _order_ports(sheet: Sheet) -> None:
    """Ports stand in the order of what they lead to."""
    for name, item in sheet.items.items():
        sheet.inputs[name] = _sorted_ports(sheet, sheet.inputs[name], item.above, above=True)
        sheet.outputs[name] = _sorted_ports(sheet, sheet.outputs[name], item.below, above=False)


def _sorted_ports(sheet: Sheet, ports: list[Port], joints: list[Joint], *, above: bool) -> list[Port]:
    if len(ports) < 2:
        return ports
    found: dict[str | None, list[int]] = {}
    for joint in joints:
        found.setdefault(joint.here, []).append(_position(sheet, joint, above=above))
    most = 1 << 60  # ports without wires stand at the right
    means = {port.name: sum(at) // len(at) if (at := found.get(port.name)) else most for port in ports}
    return sorted(ports, key=lambda port: (means[port.name], port.name))


def _crossings(sheet: Sheet) -> int:
    """How many pairs of wires cross between neighbouring rows."""
    count = 0
    for row in sheet.rows:
        ends: list[tuple[int, int]] = []
        for item in row:
            for joint in item.below:
                start = item.index * _STEP
                if item.box is not None:
                    ports = sheet.outputs[item.box.id]
                    start += next((at for at, port in enumerate(ports) if port.name == joint.here), 0)
                ends.append((start, _position(sheet, joint, above=False)))
        ends.sort()
        seen: list[int] = []
        for _, end in ends:
            count += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return count
