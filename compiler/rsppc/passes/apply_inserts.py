"""Put the nodes of insert rules on their edges: `A->B` becomes `A->N` and `N->B`.

The first half keeps what was written on the edge; the second gets the profile's defaults. Rules without a condition are
applied here; those with one are tried by `infer_types`, which checks every program that can result.
"""

from __future__ import annotations

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.catalog import Port
from rsppc.ir.ports import inputs_of, outputs_of
from rsppc.ir.program import Edge, End, InsertRule, Node, Program
from rsppc.ir.setting import Setting, override_all
from rsppc.ir.types import is_whole_variable, mismatch
from rsppc.passes.base import Pass, facts


class InsertOnNoEdge(Diagnostic):
    """An insert rule names the edge on which its node is put; without that edge, governance would silently not
    apply."""

    code = "RSP6301"
    name = "insert-on-no-edge"
    headline = "rule `{subject}` puts a node between `{source}` and `{target}`, but there is no such edge"
    hint = "{advice}"
    source: str
    target: str
    advice: str


class InsertedNameTaken(Diagnostic):
    """The node of an insert rule needs a name of its own."""

    code = "RSP6302"
    name = "inserted-name-taken"
    headline = "rule `{subject}` inserts a node `{node}`, but the pipeline has one of that name"
    hint = "rename the node in the rule"
    node: str


class InsertDoesNotFit(Diagnostic):
    """A node that is put on an edge must have one input and one output that fit there in exactly one way."""

    code = "RSP6303"
    name = "insert-does-not-fit"
    headline = "`{node_type}` does not fit between `{source}` and `{target}` in exactly one way"
    hint = "{advice}"
    node_type: str
    source: str
    target: str
    advice: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    sound: list[InsertRule] = []
    for rule in insert_rules(program):
        if _is_sound(rule, program, sink):
            sound.append(rule)
            if rule.when is None:
                program = inserted(program, rule)
    keep = {id(rule) for rule in sound}
    policies = tuple(
        replace(policy, insert_rules=tuple(rule for rule in policy.insert_rules if id(rule) in keep))
        for policy in program.policies
    )
    return replace(program, policies=policies)


def insert_rules(program: Program) -> list[InsertRule]:
    """Insert rules in the order in which their nodes stand on an edge: weakest policy first, then order of rules."""
    return [rule for policy in program.policies for rule in policy.insert_rules]


def inserted(program: Program, rule: InsertRule) -> Program:
    """The program with the rule's node on its edge; unchanged where the edge is not there."""
    found = edge_between(program, rule)
    if found is None:
        return program
    index, edge = found
    ports = fitting_ports(rule.node, edge, program)
    if ports is None:
        return program
    entry, leaving = ports
    place = rule.node.place
    node = with_type_defaults(rule.node)
    origin = rule.node.setting.origin
    before = replace(edge, target=End(node=node.id, port=entry, place=place), aliases=(*edge.aliases, edge.id))
    after = Edge(
        source=End(node=node.id, port=leaving, place=place),
        target=edge.target,
        origin=Setting(value=f"{node.id}.{leaving}->{edge.target}", origin=origin),
    )
    edges = (*program.edges[:index], before, after, *program.edges[index + 1 :])
    return replace(program, nodes={**program.nodes, node.id: node}, edges=edges)


def with_type_defaults(node: Node) -> Node:
    """The node with the defaults of its type under its own config."""
    return node if node.type is None else replace(node, config=override_all(node.config, node.type.defaults))


def edge_between(program: Program, rule: InsertRule) -> tuple[int, Edge] | None:
    """The edge of a rule; the last half of it where other rules have put nodes on it."""
    wanted = f"{rule.source}->{rule.target}"
    inserted_nodes = {one.node.id for one in insert_rules(program)}
    for index, edge in enumerate(program.edges):
        if edge.id == wanted or wanted in edge.aliases:
            if edge.target.node not in inserted_nodes:
                return index, edge
            return _last_half(program, edge.target.node, inserted_nodes)
    return None


def _last_half(program: Program, node_id: str, inserted_nodes: set[str]) -> tuple[int, Edge] | None:
    leaving = {edge.source.node: (index, edge) for index, edge in enumerate(program.edges)}
    found = leaving.get(node_id)
    while found is not None and found[1].target.node in inserted_nodes:
        found = leaving.get(found[1].target.node)
    return found


def fitting_ports(node: Node, edge: Edge, program: Program) -> tuple[str, str] | None:
    """The one input and the one output of a node that fit on an edge."""
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


def _is_sound(rule: InsertRule, program: Program, sink: DiagnosticSink) -> bool:
    if rule.node.type is None:
        return False
    if rule.node.id in program.nodes:
        related = (Related(at=program.nodes[rule.node.id].place.span(), text="the node of the pipeline"),)
        at = rule.node.place.span()
        sink.report(InsertedNameTaken(at=at, subject=rule.id, node=rule.node.id, related=related))
        return False
    found = edge_between(program, rule)
    if found is None:
        ids = [edge.id for edge in program.edges]
        guess = near_miss(f"{rule.source}->{rule.target}", ids)
        advice = f"did you mean `{guess}`?" if guess else "name the two ends of an edge of the pipeline"
        at = rule.source.place.span()
        sink.report(
            InsertOnNoEdge(at=at, subject=rule.id, source=str(rule.source), target=str(rule.target), advice=advice)
        )
        return False
    if fitting_ports(rule.node, found[1], program) is None:
        sink.report(
            InsertDoesNotFit(
                at=rule.node.place.span(),
                subject=rule.id,
                node_type=rule.node.type_name,
                source=str(found[1].source),
                target=str(found[1].target),
                advice="choose a node type with one such input and one such output",
            )
        )
        return False
    return True


PASS = Pass(
    name="apply_inserts",
    run=run,
    needs=facts("node types known", "ports known", "settings decided"),
    gives=facts("inserts applied"),
)
