"""What runs outside the runtime's own process, or is not ours, carries its papers.

Limits, time-outs and trust levels are demanded when a manifest is read; here it is held against its use: a digest for
whatever is pinned, and for untrusted code a bill of materials and a proof of origin.
"""

from __future__ import annotations

from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.program import Program
from rsppc.passes.base import Pass, facts


class NoDigest(Diagnostic):
    """A bundle pins every node package by digest, so that what runs is what was reviewed."""

    code = "RSP8301"
    name = "node-without-digest"
    severity = "warning"
    headline = "node type `{node_type}` of node `{subject}` states no digest, so the bundle cannot pin it"
    hint = "add `digest` to the node type"
    node_type: str


class NoPapers(Diagnostic):
    """Untrusted code is admitted with a bill of materials and a proof of where it comes from, so that a later finding
    can be traced to the calls that it touched."""

    code = "RSP8302"
    name = "untrusted-without-papers"
    severity = "warning"
    headline = "untrusted node type `{node_type}` of node `{subject}` carries no {missing}"
    hint = "add {missing} to the node type"
    node_type: str
    missing: str


def run(program: Program, sink: DiagnosticSink) -> Program:
    for node in program.nodes.values():
        node_type = node.type
        if node_type is None:
            continue
        related = (Related(at=node_type.place.span(), text="declared here"),) if not node_type.digest else ()
        if not node_type.digest and node_type.execution_mode == "in_process":  # others do not load without one
            sink.report(NoDigest(at=node.place.span(), subject=node.id, node_type=node_type.name, related=related))
        if node_type.trust_level == "untrusted" and node_type.execution_mode != "in_process":
            missing = [
                name
                for name, value in (
                    ("`sbom_ref`", node_type.sbom_ref),
                    ("`attestation_ref`", node_type.attestation_ref),
                )
                if not value
            ]
            if missing:
                at = node.place.span()
                words = " and ".join(missing)
                sink.report(NoPapers(at=at, subject=node.id, node_type=node_type.name, missing=words))
    return program


PASS = Pass(name="check_trust", run=run, needs=facts("node types known"), gives=facts("papers checked"))
