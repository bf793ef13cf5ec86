"""A turn plan held against the bundle that it is of: what the plan names must be there.

Neither the runtime nor its schema looks; a policy for an edge that nobody has is silently no policy at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.base.names import near_miss
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.syntax import document

DEFAULT_EDGE = "default"
"""The one key of a plan's edge policies that names no edge."""


class NotInBundle(Diagnostic):
    """A plan speaks of the edges, nodes and version of one bundle. A name that the bundle does not have means that the
    plan was made from another one, or by hand; what it says under that name would be ignored."""

    code = "RSP7510"
    name = "not-in-bundle"
    headline = "`{subject}` is no {what} of `{bundle}`"
    hint = "{advice}"
    what: str
    bundle: str
    advice: str


def check_plan(root: document.Mapping, version: str, spec: Mapping[str, Any], sink: DiagnosticSink) -> None:
    """Report what a plan names that the ResolvedSpec of a bundle has not, also not with any of its inserts."""
    written = root.get("pipeline_version")
    if isinstance(written, str) and written != version:
        at = root.value_span("pipeline_version")
        advice = "name the bundle that the plan was made from"
        sink.report(NotInBundle(at=at, subject=written, what="version", bundle=version, advice=advice))
    for key, what, known in (
        ("edge_buffer_policies", "edge", {DEFAULT_EDGE, *_edges(spec)}),
        ("node_execution_policies", "node", {*_nodes(spec)}),
    ):
        policies = root.get(key)
        if not isinstance(policies, document.Mapping):
            continue
        for name in policies:
            if name not in known:
                guess = near_miss(name, known)
                advice = f"did you mean `{guess}`?" if guess else f"there are {len(known)}; `rsppc why` shows them"
                at = policies.key_span(name)
                sink.report(NotInBundle(at=at, subject=name, what=what, bundle=version, advice=advice))


def _edges(spec: Mapping[str, Any]) -> Iterator[str]:
    """The edges with every way of putting nodes on them: several nodes on one edge stand one behind the other."""
    yield from spec["effective_edges"]
    ends: dict[str, tuple[set[str], set[str]]] = {}
    for rule in spec["rules"]["insert"]:
        sources, targets = ends.setdefault(rule["replaces"], (set(), set()))
        for edge in (rule["into"], rule["out_of"]):
            sources.add(edge["from"])
            targets.add(edge["to"])
    for sources, targets in ends.values():
        yield from (f"{source}->{target}" for source in sources for target in targets)


def _nodes(spec: Mapping[str, Any]) -> Iterator[str]:
    yield from spec["effective_nodes"]
    yield from (rule["node_id"] for rule in spec["rules"]["insert"])
