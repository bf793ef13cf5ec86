"""What insert rules do to a graph: which edge they mean, which ports fit, and how one edge becomes two."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from rsppc.base.record import Record, replace
from rsppc.ir.catalog import Port
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import Condition, Edge, End, InsertRule, Node, Program
from rsppc.ir.setting import Setting, override_all
from rsppc.ir.types import is_whole_variable, mismatch

Excludes: TypeAlias = Callable[[Condition, Condition], bool]
"""Whether two conditions certainly never hold together."""

_WORK_MAX = 8192
"""What one question may spend on pairs of conditions: a short pair costs one, and a long one by the square of its
length, as its terms are held against each other."""
_FREE_LENGTH = 100


class Exclusion:
    """Which rules exclude each other. Past a bound of work, rules are taken to hold together."""

    __slots__ = ("_excludes", "_left")

    def __init__(self, excludes: Excludes) -> None:
        self._excludes = excludes
        self._left = _WORK_MAX

    def of(self, first: InsertRule, second: InsertRule) -> bool:
        """Whether the two certainly never hold together."""
        if first.when is None or second.when is None or self._left <= 0:
            return False
        self._left -= 1 + ((len(first.when.text) + len(second.when.text)) // _FREE_LENGTH) ** 2
        return self._excludes(first.when, second.when)


class EdgeIndex:
    """Which edge a rule means: edges by all their names, and the nodes that other rules have put on them."""

    def __init__(self, program: Program) -> None:
        self._named: dict[str, Edge] = {}
        self._behind: dict[str, Edge] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._standing: dict[str, int] = {}
        for number, rule in enumerate(insert_rules(program)):
            self._numbers.setdefault((rule.policy, rule.id), number)
            # Rules with a condition are tried in their order, so that what stands there of them comes first.
            at = number if rule.when is None else -1
            self._standing[rule.node.id] = min(at, self._standing.get(rule.node.id, at))
        for edge in program.edges:
            for name in (edge.id, *edge.aliases):
                self._named.setdefault(name, edge)
            if edge.source.node in self._standing:
                self._behind.setdefault(edge.source.node, edge)

    def edge_of(self, rule: InsertRule) -> Edge | None:
        """The edge of a rule; of one on which other rules have put nodes the part behind those that come earlier."""
        edge = self._named.get(f"{rule.source}->{rule.target}")
        number = self._numbers[rule.policy, rule.id]
        seen: set[str] = set()
        while edge is not None and (node := edge.target.node) in self._behind and node not in seen:
            if self._standing[node] > number:
                break
            seen.add(node)
            edge = self._behind[node]
        return edge


class Fitted(Record):
    """A rule with the edge that it means, and the input and the output by which its node is connected there."""

    rule: InsertRule
    edge: Edge
    ports: tuple[str, str]


def fitted_inserts(program: Program) -> list[Fitted]:
    """The rules that are decided when a turn opens, in the order in which their nodes stand on an edge. The ports are
    those that fit where no other condition holds: by them runtimes connect the node, whatever else holds."""
    rules = [rule for rule in insert_rules(program) if rule.when is not None and rule.node.id not in program.nodes]
    index = EdgeIndex(program) if rules else None
    found: list[Fitted] = []
    for rule in rules:
        edge = index.edge_of(rule) if index is not None else None
        ports = fitting_ports(rule.node, edge, program) if edge is not None else None
        if edge is not None and ports is not None:
            found.append(Fitted(rule=rule, edge=edge, ports=ports))
    return found


def insert_rules(program: Program) -> list[InsertRule]:
    """Insert rules in the order in which their nodes stand on an edge: weakest policy first, then order of rules."""
    return [rule for policy in program.policies for rule in policy.insert_rules]


def fitting_ports(node: Node, edge: Edge, program: Program) -> tuple[str, str] | None:
    """The one input and the one output of a node that fit on an edge; None where there is not exactly one of each."""
    source = outputs_of(program.nodes[edge.source.node]).get(edge.source.port or "")
    target = inputs_of(program.nodes[edge.target.node]).get(edge.target.port or "")
    if source is None or target is None:
        return None
    entries = [name for name, port in inputs_of(node).items() if _fits(source, port)]
    leaving = [name for name, port in outputs_of(node).items() if _fits(port, target)]
    return (entries[0], leaving[0]) if len(entries) == 1 and len(leaving) == 1 else None


def split_edge(edge: Edge, node: Node, ports: tuple[str, str]) -> tuple[Edge, Edge]:
    """`A->B` as `A->N` and `N->B`. The first half keeps what was written on the edge, and its names."""
    entry, leaving = ports
    origin = node.setting.origin
    source = End(node=node.id, port=leaving, place=node.place)
    into = replace(edge, target=End(node=node.id, port=entry, place=node.place), aliases=(*edge.aliases, edge.id))
    out_of = Edge(source=source, target=edge.target, origin=Setting(value=f"{source}->{edge.target}", origin=origin))
    return into, out_of


def with_type_defaults(node: Node) -> Node:
    """The node with the defaults of its type under its own config."""
    return node if node.type is None else replace(node, config=override_all(node.config, node.type.defaults))


def _fits(source: Port, target: Port) -> bool:
    if "inherit" not in (source.lane, target.lane) and source.lane != target.lane:
        return False
    kinds = [product.kind for port in (source, target) for product in port.type.alternatives]
    return any(is_whole_variable(kind) for kind in kinds) or mismatch(source.type, target.type) is None
