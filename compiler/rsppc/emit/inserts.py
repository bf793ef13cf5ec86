"""Insert rules that act at turn time: the node, and the two edges that take the place of one.

Nothing is decided here that was not checked before: a rule whose node does not fit never reaches an artifact. The types
around the inserted node are solved on the three nodes that are concerned.
"""

from __future__ import annotations

from rsppc.base.record import Record, replace
from rsppc.emit.edges import EdgeWriter, frame_of
from rsppc.emit.nodes import NodeWriter
from rsppc.emit.origins import Part
from rsppc.ir.inserts import Fitted, fitted_inserts, split_edge, with_type_defaults
from rsppc.ir.network import EdgeFlow, Network, NetworkEdge, NetworkNode, template_of
from rsppc.ir.ports import inputs_of, outputs_of, solver_input, solver_template
from rsppc.ir.program import Edge, InsertRule, Node, Program
from rsppc.ir.setting import values
from rsppc.ir.solve import instantiate, solve
from rsppc.ir.types import PortType


class Insert(Record):
    """What one rule does to the graph."""

    rule: InsertRule
    replaced: str
    """Id of the edge that gives way."""
    node: Node
    into: Edge
    out_of: Edge
    node_part: Part
    into_part: Part
    out_of_part: Part


def conditional_inserts(
    program: Program, flows: dict[str, EdgeFlow], nodes: NodeWriter, edges: EdgeWriter
) -> tuple[Insert, ...]:
    """The inserts that are decided when a turn opens, in the order in which their nodes stand on an edge."""
    return tuple(
        _insert(f"/rules/insert/{number}", program, fitted, flows, nodes, edges)
        for number, fitted in enumerate(fitted_inserts(program))
    )


def _insert(
    pointer: str,
    program: Program,
    fitted: Fitted,
    flows: dict[str, EdgeFlow],
    nodes: NodeWriter,
    edges: EdgeWriter,
) -> Insert:
    rule, edge, ports = fitted.rule, fitted.edge, fitted.ports
    entry, leaving = ports
    node = with_type_defaults(rule.node)
    lane = program.lanes.get(edge.id, "DataLane")
    into, bare = split_edge(edge, node, ports)
    types, first, second = _solved(program, edge, node, entry, leaving, flows.get(edge.id))
    frame = frame_of(lane, _narrowed(types.get(leaving), second), program)
    out_of = replace(bare, settings=program.defaults.edges, buffer=frame.settings)
    return Insert(
        rule=rule,
        replaced=edge.id,
        node=node,
        into=into,
        out_of=out_of,
        node_part=nodes.node(f"{pointer}/node", node, types, scope=_scope(program, node, edge)),
        into_part=edges.edge(f"{pointer}/into", into, lane, _produced(program, edge), first),
        out_of_part=edges.edge(f"{pointer}/out_of", out_of, lane, types.get(leaving), second),
    )


def _produced(program: Program, edge: Edge) -> PortType | None:
    solution = program.solution
    return solution.types.get(edge.source.node, {}).get(edge.source.port or "") if solution is not None else None


def _solved(
    program: Program, edge: Edge, node: Node, entry: str, leaving: str, flow: EdgeFlow | None
) -> tuple[dict[str, PortType], EdgeFlow | None, EdgeFlow | None]:
    """Types of the node's ports and what its two edges pass, solved on the producer, the node and the consumer."""
    produced = _produced(program, edge)
    solution = program.solution
    entrance = solver_input(edge.target.port or "")
    accepted = solution.types.get(edge.target.node, {}).get(entrance) if solution is not None else None
    if produced is None or accepted is None or node.type is None:
        return {}, flow, flow
    template = node.type.template
    if template is None:
        template = solver_template(inputs_of(node), outputs_of(node))
    network = Network(
        nodes=(
            NetworkNode(id="<", template=template_of({"out": ("out", produced)})),
            NetworkNode(id=node.id, template=instantiate(template, values(node.config))),
            NetworkNode(id=">", template=template_of({"in": ("in", accepted)})),
        ),
        edges=(
            NetworkEdge(source_node="<", source_port="out", target_node=node.id, target_port=solver_input(entry)),
            NetworkEdge(source_node=node.id, source_port=leaving, target_node=">", target_port="in"),
        ),
        order=("<", node.id, ">"),
    )
    solved = solve(network)
    return dict(solved.types.get(node.id, {})), solved.edges[0], solved.edges[1]


def _narrowed(port_type: PortType | None, flow: EdgeFlow | None) -> PortType | None:
    """What really passes, for the question whether losing it is harmless."""
    if port_type is None or flow is None or flow.passes is None:
        return port_type
    return PortType(
        alternatives=tuple(
            replace(product, terms=(flow.passes, *product.terms[1:])) if product.kind == "text" else product
            for product in port_type.alternatives
        )
    )


def _scope(program: Program, node: Node, edge: Edge) -> str | None:
    if node.type is not None and node.type.scope != "inherit":
        return node.type.scope
    return program.scopes.get(edge.source.node)
