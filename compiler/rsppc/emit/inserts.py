"""Insert rules that act at turn time: the node, and the two edges that take the place of one.

Nothing is decided here that was not checked before: a rule whose node does not fit never reaches an artifact. The types
around the inserted node are solved on the three nodes that are concerned.
"""

from __future__ import annotations

from rsppc.base.record import Record, replace
from rsppc.emit.edges import EdgeWriter, frame_of
from rsppc.emit.nodes import NodeWriter, with_type_defaults
from rsppc.emit.origins import Part
from rsppc.ir.catalog import Port
from rsppc.ir.network import EdgeFlow, Network, NetworkEdge, NetworkNode, template_of
from rsppc.ir.ports import inputs_of, outputs_of, solver_input, solver_template
from rsppc.ir.program import Edge, End, InsertRule, Node, Program
from rsppc.ir.setting import Setting, values
from rsppc.ir.solve import instantiate, solve
from rsppc.ir.types import PortType, is_whole_variable, mismatch


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
    rules = [rule for policy in program.policies for rule in policy.insert_rules]
    found: list[Insert] = []
    if any(rule.when is not None for rule in rules):
        index = _EdgeIndex(program, {rule.node.id for rule in rules if rule.when is None})
        for rule in rules:
            edge = index.edge_of(rule) if rule.when is not None and rule.node.id not in program.nodes else None
            ports = _fitting_ports(rule.node, edge, program) if edge is not None else None
            if edge is not None and ports is not None:
                pointer = f"/rules/insert/{len(found)}"
                found.append(_insert(pointer, program, rule, edge, ports, flows, nodes, edges))
    return tuple(found)


class _EdgeIndex:
    """Edges by all their names, and by the node that rules without a condition have put before them."""

    def __init__(self, program: Program, always: set[str]) -> None:
        self._named: dict[str, Edge] = {}
        self._behind: dict[str, Edge] = {}
        for edge in program.edges:
            for name in (edge.id, *edge.aliases):
                self._named.setdefault(name, edge)
            if edge.source.node in always:
                self._behind.setdefault(edge.source.node, edge)

    def edge_of(self, rule: InsertRule) -> Edge | None:
        """The edge of a rule; its last part where rules without a condition have put nodes on it."""
        edge = self._named.get(f"{rule.source}->{rule.target}")
        seen: set[str] = set()
        while edge is not None and edge.target.node in self._behind and edge.target.node not in seen:
            seen.add(edge.target.node)
            edge = self._behind[edge.target.node]
        return edge


def _insert(
    pointer: str,
    program: Program,
    rule: InsertRule,
    edge: Edge,
    ports: tuple[str, str],
    flows: dict[str, EdgeFlow],
    nodes: NodeWriter,
    edges: EdgeWriter,
) -> Insert:
    entry, leaving = ports
    node = replace(rule.node, config=with_type_defaults(rule.node))
    place = node.place
    lane = program.lanes.get(edge.id, "DataLane")
    origin = node.setting.origin
    into_target = End(node=node.id, port=entry, place=place)
    into = replace(edge, target=into_target, origin=Setting(value=f"{edge.source}->{into_target}", origin=origin))
    source = End(node=node.id, port=leaving, place=place)
    types, first, second = _solved(program, edge, node, entry, leaving, flows.get(edge.id))
    frame = frame_of(lane, _narrowed(types.get(leaving), second), program)
    out_of = Edge(
        source=source,
        target=edge.target,
        origin=Setting(value=f"{source}->{edge.target}", origin=origin),
        settings=program.defaults.edges,
        buffer=frame.settings,
    )
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


def _fitting_ports(node: Node, edge: Edge, program: Program) -> tuple[str, str] | None:
    """The one input and the one output that fit on an edge."""
    source = outputs_of(program.nodes[edge.source.node]).get(edge.source.port or "")
    target = inputs_of(program.nodes[edge.target.node]).get(edge.target.port or "")
    if source is None or target is None:
        return None
    entries = [name for name, port in inputs_of(node).items() if _fits(source, port)]
    leaving = [name for name, port in outputs_of(node).items() if _fits(port, target)]
    return (entries[0], leaving[0]) if len(entries) == 1 and len(leaving) == 1 else None


def _fits(source: Port, target: Port) -> bool:
    if "inherit" not in (source.lane, target.lane) and source.lane != target.lane:
        return False
    kinds = [product.kind for port in (source, target) for product in port.type.alternatives]
    return any(is_whole_variable(kind) for kind in kinds) or mismatch(source.type, target.type) is None


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
