"""Put the nodes of insert rules on their edges: `A->B` becomes `A->N` and `N->B`.

The first half keeps what was written on the edge; the second gets the profile's defaults. Rules without a condition are
applied here; those with one are tried by `infer_types`, which checks every program that can result.
"""

from __future__ import annotations

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.inserts import EdgeIndex, fitting_ports, insert_rules, split_edge, with_type_defaults
from rsppc.ir.program import Edge, InsertRule, Program
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


def inserted(program: Program, rule: InsertRule) -> Program:
    """The program with the rule's node on its edge; unchanged where it does not fit there."""
    edge = edge_between(program, rule)
    ports = fitting_ports(rule.node, edge, program) if edge is not None else None
    if edge is None or ports is None:
        return program
    node = with_type_defaults(rule.node)
    edges: list[Edge] = []
    for one in program.edges:
        edges.extend(split_edge(edge, node, ports) if one is edge else (one,))
    return replace(program, nodes={**program.nodes, node.id: node}, edges=tuple(edges))


def edge_between(program: Program, rule: InsertRule) -> Edge | None:
    """The edge of a rule; the last part of it where other rules have put nodes on it."""
    return EdgeIndex(program, (one.node.id for one in insert_rules(program))).edge_of(rule)


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
    if fitting_ports(rule.node, found, program) is None:
        sink.report(
            InsertDoesNotFit(
                at=rule.node.place.span(),
                subject=rule.id,
                node_type=rule.node.type_name,
                source=str(found.source),
                target=str(found.target),
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
