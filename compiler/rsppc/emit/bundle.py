"""PipelineBundle: what is released together, every part named by what it means. Never a source digest."""

from __future__ import annotations

from typing import Any

from rsppc.base.digest import Digest
from rsppc.ir.program import Program
from rsppc.model.governing import PIPELINE_BUNDLE


def bundle(program: Program, resolved_spec: Digest) -> dict[str, Any]:
    """The bundle of a program, given the digest of its ResolvedSpec."""
    pinned: dict[str, list[str]] = {}
    for one in program.bundle.pinned:
        pinned.setdefault(one.kind, []).append(f"{one.kind}:{one.ref}@{one.digest}")
    value: dict[str, Any] = {
        "schema_version": PIPELINE_BUNDLE.schema_version,
        "bundle_id": program.bundle.id,
        "version": program.bundle.version,
        "spec_ref": _only(pinned, "pipeline", f"pipeline:{program.pipeline}"),
        "profile_ref": _only(pinned, "profile", f"profile:{program.defaults.ref}"),
        "policy_refs": pinned.get("policy", []),
        "layer_refs": pinned.get("layer", []),
        "module_refs": sorted(pinned.get("module", [])),
        "node_digests": node_digests(program),
        "assets": [{"path": path, "digest": program.assets[path]} for path in sorted(program.assets)],
        "outputs": {"resolved_spec": resolved_spec},
    }
    if program.bundle.compat_window is not None:
        value["compat_window"] = program.bundle.compat_window
    return value


def node_digests(program: Program) -> list[dict[str, str]]:
    """The node types in use, those of conditional inserts included, by name."""
    inserted = [rule.node for policy in program.policies for rule in policy.insert_rules]
    types = {node.type.name: node.type for node in (*program.nodes.values(), *inserted) if node.type is not None}
    digests = []
    for name in sorted(types):
        node_type = types[name]
        entry = {"node_type": name, "impl_ref": node_type.impl_ref, "execution_mode": node_type.execution_mode}
        if node_type.digest is not None:
            entry["digest"] = node_type.digest
        digests.append(entry)
    return digests


def _only(pinned: dict[str, list[str]], kind: str, unpinned: str) -> str:
    """The one reference of a kind; without a digest where the program was not made from documents."""
    return pinned[kind][0] if kind in pinned else unpinned
