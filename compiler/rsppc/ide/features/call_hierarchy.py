"""From node to node along the edges, both ways."""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.ide.names import name_at
from rsppc.ide.project import Project
from rsppc.ide.views import View, view_of
from rsppc.ir.program import Node


class Station(Record):
    """A node, by its id in the program of a file."""

    node: str
    detail: str
    at: Span


class Way(Record):
    """A neighbour, and the ends of the edges that lead there."""

    station: Station
    ends: tuple[Span, ...]


def FEATURE(project: Project, path: str, offset: int) -> Station | None:
    """The node under the cursor."""  # the module's one member, found by this name
    document, artifact, view = project.document(path), project.artifact(path), view_of(project, path)
    if document is None or document.root is None or artifact is None or view is None:
        return None
    name = name_at(document.root, artifact.kind, offset)
    if name is None or name.what not in ("node", "port"):
        return None
    node = view.node(name.owner if name.what == "port" else name.text)
    return _station(node) if node is not None else None


def incoming(project: Project, path: str, node: str) -> list[Way]:
    """Nodes whose events reach a node."""
    return _ways(view_of(project, path), node, forward=False)


def outgoing(project: Project, path: str, node: str) -> list[Way]:
    """Nodes that the events of a node reach."""
    return _ways(view_of(project, path), node, forward=True)


def _ways(view: View | None, node: str, *, forward: bool) -> list[Way]:
    if view is None:
        return []
    found: dict[str, list[Span]] = {}
    for edge in view.program.edges:
        near, far = (edge.source, edge.target) if forward else (edge.target, edge.source)
        if near.node == node:
            # Editors show the ends of incoming edges in the neighbour's file, those of outgoing ones in this one.
            found.setdefault(far.node, []).append(edge.source.place.span())
    nodes = view.program.nodes
    return [Way(station=_station(nodes[one]), ends=tuple(ends)) for one, ends in found.items() if one in nodes]


def _station(node: Node) -> Station:
    return Station(node=node.id, detail=node.type_name, at=node.place.span())
