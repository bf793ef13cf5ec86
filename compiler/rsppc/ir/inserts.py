"""What insert rules do to a graph: which edge they mean, which ports fit, and how one edge becomes two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from rsppc.base.record import replace
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
    """Edges by all their names, and by the inserted nodes that stand before them."""

    def __init__(self, program: Program, inserted: Iterable[str]) -> None:
        self._named: dict[str, Edge] = {}
        self._behind: dict[str, Edge] = {}
        standing = set(inserted)
        for edge in program.edges:
            for name in (edge.id, *edge.aliases):
                self._named.setdefault(name, edge)
            if edge.source.node in standing:
                self._behind.setdefault(edge.source.node, edge)

    def edge_of(self, rule: InsertRule) -> Edge | None:
        """The edge of a rule; its last part where other rules have put nodes on it."""
        edge = self._named.get(f"{rule.source}->{rule.target}")
        seen: set[str] = set()
        while edge is not None and edge.target.node in self._behind and edge.target.node not in seen:
            seen.add(edge.target.node)
            edge = self._behind[edge.target.node]
        return edge


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
