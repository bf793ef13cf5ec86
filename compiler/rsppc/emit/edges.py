"""`effective_edges`: every edge with its type, its lane, and a queue without an open end.

Watermarks are resolved here from permille of a bound to absolute figures. Edges that state nothing of their own share
the queue of their profile, which is made once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record, replace
from rsppc.emit.conditions import condition
from rsppc.emit.origins import Ledger, Part, SharedPart, is_said_of_the_edge
from rsppc.ir.network import EdgeFlow
from rsppc.ir.program import Edge, Program
from rsppc.ir.setting import Setting
from rsppc.ir.types import POSITIONAL, UNCHECKED, PortType, Values, print_type

LANES = ("DataLane", "ControlLane", "TelemetryLane")
_PLAIN_FIELDS = (
    "max_queue_items",
    "max_queue_ms",
    "max_queue_bytes",
    "max_latency_contribution_ms",
    "max_block_time_ms",
    "fairness_key",
    "lossy",
    "sync_drop_policy",
)
_DELIVERY_FIELDS = ("delivery", "at_most_once", "pre_roll_ms")


class EdgeWriter:
    """Writes edges of one program; remembers what they share."""

    __slots__ = ("_ledger", "_program", "_queues", "_types")

    def __init__(self, program: Program, ledger: Ledger) -> None:
        self._program = program
        self._ledger = ledger
        self._queues: dict[tuple[Any, ...], SharedPart] = {}
        self._types: dict[tuple[PortType | None, EdgeFlow | None], dict[str, Any]] = {}

    def edge(self, pointer: str, edge: Edge, lane: str, source_type: PortType | None, flow: EdgeFlow | None) -> Part:
        """An edge at a JSON Pointer, given what its source produces and what of that it passes."""
        ledger = self._ledger
        connected = ledger.of(edge.origin)
        value: dict[str, Any] = {"from": str(edge.source), "to": str(edge.target), "lane": lane}
        numbers: dict[str, Any] = {"from": connected, "to": connected, "lane": ledger.inferred("lane")}
        for name, passed in self._type_of(source_type, flow).items():
            value[name] = passed
            numbers[name] = ledger.computed("infer_types")
        if edge.stated_type is not None and "type" in value:
            numbers["type"] = ledger.of(edge.stated_type)
        for name in _DELIVERY_FIELDS:
            setting = edge.settings.get(name) or self._program.defaults.edges.get(name)
            if setting is not None:
                value[name], numbers[name] = setting.value, ledger.of(setting)
        for name, said in _written_on(edge).items():
            setting = edge.settings.get(name)
            value[name], numbers[name] = said, ledger.of(setting) if setting is not None else connected
        ledger.tell(pointer, value, numbers)
        queue = self._queue_of(edge.buffer)
        value["buffer"], numbers["buffer"] = queue.value, queue.numbers
        ledger.tell_shared(f"{pointer}/buffer", queue)
        return Part(value=value, numbers=numbers)

    def default_buffer(self, pointer: str) -> Part:
        """The queue that the profile has for data of which each piece counts."""
        queue = self._queue_of(self._program.defaults.buffers.get("DataLane.additive", {}))
        self._ledger.tell_shared(pointer, queue)
        return Part(value=queue.value, numbers=queue.numbers)

    def _type_of(self, source_type: PortType | None, flow: EdgeFlow | None) -> dict[str, Any]:
        """`type`, and for kinds with modes or signals what of them passes and what is filtered out."""
        known = self._types.get((source_type, flow))
        if known is None:
            known = self._types[source_type, flow] = passing(source_type, flow)
        return known

    def _queue_of(self, buffer: Mapping[str, Setting]) -> SharedPart:
        """The queue of an edge; one object for all edges that have the same settings."""
        key = (*buffer, *map(id, buffer.values()))
        known = self._queues.get(key)
        if known is None:
            known = self._queues[key] = self._queue(buffer)
        return known

    def _queue(self, buffer: Mapping[str, Setting]) -> SharedPart:
        ledger = self._ledger
        value: dict[str, Any] = {}
        numbers: dict[str, Any] = {}
        for name in _PLAIN_FIELDS:
            if name in buffer:
                value[name], numbers[name] = buffer[name].value, ledger.of(buffer[name])
        if "strategy" in buffer:
            value["strategy"] = canonical_strategy(buffer["strategy"].value)
            numbers["strategy"] = ledger.of(buffer["strategy"])
        marks = buffer.get("watermarks")
        if marks is not None and isinstance(marks.value, dict):
            value["watermarks"], numbers["watermarks"] = watermarks(marks.value, value), ledger.of(marks)
        handling, told = self._lane_handling(buffer.get("lane_handling"))
        if handling:
            value["lane_handling"], numbers["lane_handling"] = handling, told
        return ledger.share(value, numbers if value else ledger.computed("effective_edges"))

    def _lane_handling(self, said: Setting | None) -> tuple[dict[str, Any], dict[str, int]]:
        """How each lane is treated at a full edge: as said there, else as the profile has it for the lane."""
        value: dict[str, Any] = {}
        numbers: dict[str, int] = {}
        own = said.value if said is not None and isinstance(said.value, dict) else {}
        for lane in LANES:
            setting = said if lane in own else self._program.defaults.lanes.get(lane, {}).get("lane_handling")
            if setting is not None:
                value[lane] = own.get(lane, setting.value)
                numbers[lane] = self._ledger.of(setting)
        return value, numbers


def _written_on(edge: Edge) -> dict[str, Any]:
    """What concerns single edges only."""
    said: dict[str, Any] = {}
    if edge.when is not None:
        said["when"] = condition(edge.when)
    if edge.otherwise is not None:
        said["otherwise"] = edge.otherwise
    if edge.priority is not None:
        said["priority"] = edge.priority
    if edge.feedback:
        said["feedback"] = True
    if edge.max_rounds is not None:
        said["max_rounds"] = edge.max_rounds
    return said


class Frame(Record):
    """The table of the profile that an edge's queue rests on, by name, and its settings."""

    name: str
    settings: dict[str, Setting]


def frame_of(lane: str, port_type: PortType | None, program: Program) -> Frame:
    """The profile's table for an edge: on the DataLane it depends on whether losing an event is harmless."""
    name = lane
    if lane == "DataLane":
        name = "DataLane.replaceable" if _is_replaceable(port_type) else "DataLane.additive"
    return Frame(name=name, settings=program.defaults.buffers.get(name, {}))


def _is_replaceable(port_type: PortType | None) -> bool:
    if port_type is None:
        return False
    product = port_type.alternatives[0]
    if product.kind == "text":
        modes = product.terms[0] if product.terms else None
        return isinstance(modes, Values) and modes.values == ("partial",)
    return product.kind in ("metrics", "debug")


def canonical_strategy(strategy: Any) -> Any:
    """`coalesce` and `merge` are two names of one strategy."""
    return "merge" if strategy == "coalesce" else strategy


def watermarks(milli: Mapping[str, int], bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Watermarks in items and milliseconds, `low` below `high`, `high` within the bound."""
    absolute: dict[str, Any] = {}
    for name, bound in (("queue_items", "max_queue_items"), ("queue_ms", "max_queue_ms")):
        most = bounds.get(bound)
        if isinstance(most, int):
            high = min(most, max(1, most * milli["high_milli"] // 1000))
            absolute[name] = {"high": high, "low": min(high - 1, most * milli["low_milli"] // 1000)}
    return absolute


def is_explicit(edge: Edge) -> bool:
    """Whether somebody set a field of the queue for this edge, so that it is no mere default."""
    return any(is_said_of_the_edge(setting.origin) for setting in edge.buffer.values())


def passing(source_type: PortType | None, flow: EdgeFlow | None) -> dict[str, Any]:
    """What an edge passes of what its source produces, as an edge in an artifact says it."""
    if flow is not None and flow.unchecked:
        return {"type": print_type(UNCHECKED)}
    if source_type is None:
        return {}
    if flow is None or flow.passes is None:
        return {"type": print_type(source_type)}
    alternatives = []
    for product in source_type.alternatives:
        if product.kind in POSITIONAL and product.kind != "record" and product.terms:
            product = replace(product, terms=(flow.passes, *product.terms[1:]))
        alternatives.append(product)
    said: dict[str, Any] = {"type": print_type(PortType(alternatives=tuple(alternatives)))}
    if isinstance(flow.passes, Values):
        said["passes"] = list(flow.passes.values)
    if flow.filtered:
        said["filtered"] = list(flow.filtered)
    return said
