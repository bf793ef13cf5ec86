"""Give every node its type."""

from __future__ import annotations

from rsppc.base.names import near_miss
from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix
from rsppc.ir.catalog import Catalog
from rsppc.ir.program import InsertRule, Node, Policy, Program
from rsppc.ir.setting import place_of
from rsppc.passes.base import Pass, facts


class UnknownNodeType(Diagnostic):
    """Node types are declared by extension manifests, the built-in ones by `rspp_std/v1`. A type that no manifest
    declares has no ports, no bounds and no way to be cancelled."""

    code = "RSP2110"
    name = "unknown-node-type"
    headline = "no manifest declares a node type `{subject}`"
    hint = "{advice}"
    advice: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    catalog = program.catalog
    return replace(
        program,
        nodes={node_id: typed(node, catalog, sink) for node_id, node in program.nodes.items()},
        policies=tuple(_with_typed_inserts(policy, catalog, sink) for policy in program.policies),
    )


def typed(node: Node, catalog: Catalog, sink: DiagnosticSink) -> Node:
    """The node with its type; without one where no manifest declares it, which is reported."""
    node_type = catalog.node_types.get(node.type_name)
    if node_type is not None:
        return replace(node, type=node_type)
    if not node.type_name:  # missing, which has been reported
        return node
    at = place_of(node.setting)
    guess = near_miss(node.type_name, catalog.node_types)
    prefix = node.type_name.split(".")[0] + "."
    kin = sorted(name for name in catalog.node_types if name.startswith(prefix))
    advice = f"did you mean `{guess}`?" if guess else "declare it in a manifest under `extensions/`"
    if not guess and kin:
        advice = "there are " + ", ".join(f"`{name}`" for name in kin)
    fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=guess),)),) if guess else ()
    sink.report(UnknownNodeType(at=at, subject=node.type_name, advice=advice, fixes=fixes))
    return node


def _with_typed_inserts(policy: Policy, catalog: Catalog, sink: DiagnosticSink) -> Policy:
    if not policy.insert_rules:
        return policy
    return replace(policy, insert_rules=tuple(_typed_rule(rule, catalog, sink) for rule in policy.insert_rules))


def _typed_rule(rule: InsertRule, catalog: Catalog, sink: DiagnosticSink) -> InsertRule:
    return replace(rule, node=typed(rule.node, catalog, sink))


PASS = Pass(name="resolve_node_types", run=run, needs=facts("one graph"), gives=facts("node types known"))
