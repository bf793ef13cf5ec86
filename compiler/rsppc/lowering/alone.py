"""Modules, policies and layers by themselves: as much of a program as can be judged without a bundle.

A module stands for a pipeline that does nothing but use it. Nothing here is ever emitted.
"""

from __future__ import annotations

from rsppc.diagnostics import DiagnosticSink
from rsppc.ir.program import Bundle, Defaults, Policy, Program, Subgraph, Turns
from rsppc.ir.setting import Computed, Setting
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.governance import lower_layer, lower_policy
from rsppc.lowering.lower import Modules, catalog
from rsppc.syntax.document import Item

KINDS = ("module", "policy", "layer")


def lower_alone(artifacts: Artifacts, artifact: Artifact, sink: DiagnosticSink) -> Program:
    """The program that a module, a policy or a layer is by itself."""
    place = Item(container=artifact.root, key=artifact.kind.id_field)
    subgraphs: tuple[Subgraph, ...] = ()
    policies: tuple[Policy, ...] = ()
    layer = None
    match artifact.kind.name:
        case "module":
            module = Modules(artifacts, sink).lowered_from(artifact, (artifact.ref,))
            subgraphs = (Subgraph(name=artifact.id, module=module, place=place, settings={}),)
        case "policy":
            policies = (lower_policy(artifact.root, artifact.meaning_digest, sink),)
        case _:
            layer = lower_layer(artifact.root, sink)
    return Program(
        bundle=Bundle(
            id=artifact.id, version=artifact.version, implicit=True, pinned=(), compat_window=None, place=place
        ),
        pipeline=artifact.ref,
        place=place,
        catalog=catalog(artifacts, sink),
        nodes={},
        edges=(),
        subgraphs=subgraphs,
        turns=Turns(owner=None, cancels=(), place=place),
        defaults=_no_defaults(place),
        policies=policies,
        layers=(layer,) if layer is not None else (),
        unknown_events=None,
        metadata=None,
        asset_digest=artifacts.workspace.asset_digest,
        partial=bool(policies),
    )


def _no_defaults(place: Item) -> Defaults:
    nothing = Setting(value=None, origin=Computed(analysis="alone"))
    return Defaults(
        ref="",
        name="",
        budgets={},
        buffers={},
        edges={},
        lanes={},
        recording={},
        unknown_events=nothing,
        low_latency=nothing,
        overridable=(),
        place=place,
    )
