"""Put the nodes of insert rules on their edges: `A->B` becomes `A->N` and `N->B`.

The first half keeps what was written on the edge; the second gets the profile's defaults. Rules without a condition are
applied here; those with one are tried by `infer_types`, which checks every program that can result.
"""

from __future__ import annotations

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.inserts import EdgeIndex, Exclusion, fitting_ports, insert_rules, split_edge, with_type_defaults
from rsppc.ir.program import Edge, InsertRule, Program
from rsppc.passes.base import Pass, facts
from rsppc.passes.check_time import exclude_each_other
from rsppc.passes.sound_fallbacks import FallbackWithEdges


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
    """The node of an insert rule needs a name of its own. Two rules may only share one where their conditions exclude
    each other, so that no program has both."""

    code = "RSP6302"
    name = "inserted-name-taken"
    headline = "rule `{subject}` inserts a node `{node}`, but {taken}"
    hint = "{advice}"
    node: str
    taken: str
    advice: str


class InsertWithFallback(Diagnostic):
    """A fallback stands in the graph all the time, while the node of a rule with a condition only sometimes does: that
    the fallback comes in time and takes over what it must is proved of nodes that are always there."""

    code = "RSP6304"
    name = "insert-with-fallback"
    headline = "rule `{subject}` only sometimes inserts `{node}`, which then cannot have a fallback"
    hint = "remove the fallback, or the `when` of the rule"
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
    rules = insert_rules(program)
    named: list[InsertRule] = []
    by_name: dict[str, list[InsertRule]] = {}
    exclusion = Exclusion(exclude_each_other)
    for rule in rules:
        namesakes = by_name.setdefault(rule.node.id, [])
        if _has_own_name(rule, namesakes, exclusion, program, sink):
            namesakes.append(rule)
            named.append(rule)
    sound: dict[int, InsertRule] = {}
    # A node that comes and goes must fit beside those that are always there, also where their rules come later.
    for rule in sorted(named, key=lambda one: one.when is not None):
        ports = _sound_ports(rule, program, sink)
        if ports is not None:
            sound[id(rule)] = usable = _with_sound_fallback(rule, program, sink)
            if rule.when is None:
                program = inserted(program, usable, ports)
    policies = tuple(
        replace(policy, insert_rules=tuple(sound[id(rule)] for rule in policy.insert_rules if id(rule) in sound))
        for policy in program.policies
    )
    return replace(program, policies=policies)


def inserted(program: Program, rule: InsertRule, ports: tuple[str, str]) -> Program:
    """The program with the rule's node on its edge, connected by an input and an output of its own."""
    edge = edge_between(program, rule)
    if edge is None:
        return program
    node = with_type_defaults(rule.node)
    edges: list[Edge] = []
    for one in program.edges:
        edges.extend(split_edge(edge, node, ports) if one is edge else (one,))
    return replace(program, nodes={**program.nodes, node.id: node}, edges=tuple(edges))


def inserted_in_order(program: Program, rule: InsertRule, ports: tuple[str, str]) -> Program:
    """The program with a conditional insert, its node put into the order behind its producer."""
    changed = inserted(program, rule, ports)
    if changed is program:
        return program
    position = {node_id: index for index, node_id in enumerate(changed.order)}
    feeding = next(edge.source.node for edge in changed.edges if edge.target.node == rule.node.id)
    after = position.get(feeding, len(changed.order) - 1) + 1
    return replace(changed, order=(*changed.order[:after], rule.node.id, *changed.order[after:]))


def edge_between(program: Program, rule: InsertRule) -> Edge | None:
    """The edge of a rule; of one on which other rules have put nodes the part behind those that come earlier."""
    return EdgeIndex(program).edge_of(rule)


def _has_own_name(
    rule: InsertRule, namesakes: list[InsertRule], exclusion: Exclusion, program: Program, sink: DiagnosticSink
) -> bool:
    """Whether no program has another node of the name; `namesakes` are rules before this one."""
    name = rule.node.id
    other = next((one for one in namesakes if not exclusion.of(one, rule)), None)
    if other is None and name not in program.nodes:
        return True
    if other is None:
        taken, advice = "the pipeline has one of that name", "rename the node in the rule"
        related = Related(at=program.nodes[name].place.span(), text="the node of the pipeline")
    else:
        taken = f"rule `{other.id}` inserts one of that name too"
        advice = "rename the node in one of the rules, or let their conditions exclude each other"
        related = Related(at=other.node.place.span(), text=f"the node of rule `{other.id}`")
    at = rule.node.place.span()
    sink.report(InsertedNameTaken(at=at, subject=rule.id, node=name, taken=taken, advice=advice, related=(related,)))
    return False


def _sound_ports(rule: InsertRule, program: Program, sink: DiagnosticSink) -> tuple[str, str] | None:
    """The ports by which the node is connected; None, and said why, where that cannot be."""
    if rule.node.type is None:
        return None
    found = edge_between(program, rule)
    if found is None:
        ids = [edge.id for edge in program.edges]
        guess = near_miss(f"{rule.source}->{rule.target}", ids)
        advice = f"did you mean `{guess}`?" if guess else "name the two ends of an edge of the pipeline"
        at = rule.source.place.span()
        sink.report(
            InsertOnNoEdge(at=at, subject=rule.id, source=str(rule.source), target=str(rule.target), advice=advice)
        )
        return None
    ports = fitting_ports(rule.node, found, program)
    if ports is None:
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
    return ports


def _with_sound_fallback(rule: InsertRule, program: Program, sink: DiagnosticSink) -> InsertRule:
    """The rule, without a fallback of its node that is reported: the mistake stands in the policy, not in the graph."""
    fallback = rule.node.fallback
    if fallback is None:
        return rule
    at = fallback.place.span()
    ends = (end for edge in program.edges for end in (edge.source, edge.target) if end.node == fallback.to)
    end = next(ends, None)
    if rule.when is not None:
        sink.report(InsertWithFallback(at=at, subject=rule.id, node=rule.node.id))
    elif end is not None:
        related = (Related(at=end.place.span(), text="an edge of its own"),)
        sink.report(FallbackWithEdges(at=at, subject=fallback.to, primary=rule.node.id, related=related))
    else:
        return rule
    return replace(rule, node=replace(rule.node, fallback=None))


PASS = Pass(
    name="apply_inserts",
    run=run,
    needs=facts("node types known", "ports known", "settings decided"),
    gives=facts("inserts applied"),
)
