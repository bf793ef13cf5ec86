"""Give every edge its lane. An edge joins ports of one lane; join nodes take the lane of what is led into them."""

from __future__ import annotations

from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Side
from rsppc.ir.catalog import Lane, Port
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import Edge, Program
from rsppc.ir.types import is_whole_variable
from rsppc.passes.base import Pass, facts


class LaneMismatch(Diagnostic):
    """Control never waits behind data, so that an edge cannot lead from one lane into another."""

    code = "RSP3201"
    name = "lane-mismatch"
    headline = "edge `{subject}` leads from the {source_lane} into the {target_lane}"
    hint = "connect ports of one lane"
    source_lane: str
    target_lane: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    inputs = {node_id: inputs_of(node) for node_id, node in program.nodes.items()}
    outputs = {node_id: outputs_of(node) for node_id, node in program.nodes.items()}
    inherited: dict[str, Lane] = {}
    lanes: dict[str, Lane] = {}
    position = {node_id: index for index, node_id in enumerate(program.order)}
    for edge in sorted(program.edges, key=lambda one: position.get(one.source.node, 0)):
        source = outputs[edge.source.node].get(edge.source.port or "")
        target = inputs[edge.target.node].get(edge.target.port or "")
        left = source.lane if source is not None else "inherit"
        right = target.lane if target is not None else "inherit"
        lane_left = inherited.get(edge.source.node) if left == "inherit" else left
        lane_right = inherited.get(edge.target.node) if right == "inherit" else right
        if (
            lane_left is not None
            and lane_right is not None
            and lane_left != lane_right
            and _of_one_kind(source, target)
        ):
            _report(edge, lane_left, lane_right, sink)
        lane: Lane = lane_left or lane_right or "DataLane"
        lanes[edge.id] = lane
        if left == "inherit":
            inherited.setdefault(edge.source.node, lane)
        if right == "inherit":
            inherited.setdefault(edge.target.node, lane)
    return replace(program, lanes=lanes)


def _of_one_kind(source: Port | None, target: Port | None) -> bool:
    """Whether two ports can carry the same kind of events; where they cannot, that says it better than their lanes."""
    if source is None or target is None:
        return False
    kinds, accepted = ({product.kind for product in port.type.alternatives} for port in (source, target))
    return bool(kinds & accepted) or any(is_whole_variable(kind) or kind == "unchecked" for kind in kinds | accepted)


def _report(edge: Edge, left: str, right: str, sink: DiagnosticSink) -> None:
    sides = (
        Side(role="emits on", at=edge.source.place.span(), type=left),
        Side(role="takes from", at=edge.target.place.span(), type=right),
    )
    at = edge.source.place.span()
    sink.report(LaneMismatch(at=at, subject=edge.id, source_lane=left, target_lane=right, sides=sides))


PASS = Pass(name="infer_lanes", run=run, needs=facts("order known", "ports known"), gives=facts("lanes known"))
