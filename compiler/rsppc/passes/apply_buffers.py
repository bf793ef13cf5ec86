"""Give every edge its bounds: what its author wrote, over the profile's defaults for its lane and kind of data.

Of text that is only partial, metrics and debug output the next event replaces the last; of everything else each piece
counts. Whether the bounds are sound is judged by `check_buffers`.
"""

from __future__ import annotations

from rsppc.base.record import replace
from rsppc.diagnostics import DiagnosticSink
from rsppc.ir.program import Edge, Program
from rsppc.ir.setting import override_all
from rsppc.ir.types import Values
from rsppc.passes.base import Pass, facts


def run(program: Program, _sink: DiagnosticSink) -> Program:
    defaults = program.defaults
    edges: list[Edge] = []
    frames: dict[str, str] = {}
    queue_bytes = 0
    for index, edge in enumerate(program.edges):
        edge_id = edge.id
        lane = program.lanes.get(edge_id, "DataLane")
        frame = frames[edge_id] = lane if lane != "DataLane" else f"DataLane.{_class_of(edge, index, program)}"
        buffer = override_all(edge.buffer, defaults.buffers.get(frame, {}))
        settings = override_all(edge.settings, defaults.edges)
        edges.append(replace(edge, buffer=buffer, settings=settings))
        bound = buffer.get("max_queue_bytes")
        queue_bytes += bound.value if bound is not None and isinstance(bound.value, int) else 0
    proofs = replace(program.proofs, queue_bytes=queue_bytes) if program.proofs is not None else None
    return replace(program, edges=tuple(edges), frames=frames, proofs=proofs)


def _class_of(edge: Edge, index: int, program: Program) -> str:
    """`replaceable` where the next event replaces the last, else `additive`."""
    solution = program.solution
    if solution is None:
        return "additive"
    types = solution.types.get(edge.source.node, {})
    port_type = types.get(edge.source.port or "")
    if port_type is None:
        return "additive"
    kind = port_type.alternatives[0].kind
    if kind in ("metrics", "debug"):
        return "replaceable"
    passes = solution.edges[index].passes
    only_partial = kind == "text" and isinstance(passes, Values) and passes.values == ("partial",)
    return "replaceable" if only_partial else "additive"


PASS = Pass(
    name="apply_buffers",
    run=run,
    needs=facts("lanes known", "types known", "settings decided"),
    gives=facts("edges bounded"),
)
