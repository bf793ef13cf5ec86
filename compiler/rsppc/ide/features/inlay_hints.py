"""What nobody wrote and yet is so: ports that were left out, types of edges, defaults of node types."""

from __future__ import annotations

from typing import Any, Literal

from rsppc.base.record import Record
from rsppc.ide.project import Project
from rsppc.ide.views import View, view_of
from rsppc.ide.words import shown
from rsppc.ir.setting import FromNodeType


class Hint(Record):
    """A text to be shown behind an offset."""

    offset: int
    text: str
    what: Literal["port", "type", "default"]
    insert: bool = False
    """Whether the author could write the very text there."""


def FEATURE(project: Project, path: str, start: int, end: int) -> list[Hint]:
    """Hints in a stretch, in the order of the text."""  # the module's one member, found by this name
    document, view = project.document(path), view_of(project, path)
    if document is None or document.root is None or view is None:
        return []
    found: list[Hint] = []
    for item in _items(document.root.get("edges")):
        if item.start <= end and item.end >= start:
            found += _of_edge(view, item)
    for item in _items(document.root.get("nodes")):
        if item.start <= end and item.end >= start:
            found += _of_node(view, item)
    return sorted(found, key=lambda one: (one.offset, one.what))


def _items(value: Any) -> list[Any]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _of_edge(view: View, item: Any) -> list[Hint]:
    edge = view.edge_at(item)
    if edge is None:
        return []
    hints = [
        Hint(offset=_behind(item, key), text=f".{end.port}", what="port", insert=True)
        for side, key, end in (("source", "from", edge.source), ("target", "to", edge.target))
        if side in edge.inferred_ports and end.port is not None and "." not in str(item.get(key))
    ]
    if "to" in item and edge.source.port is not None and "type" not in item:
        type_ = view.port_type(view.shown(edge.source.node), edge.source.port, "out")
        if type_:
            hints.append(Hint(offset=_behind(item, "to"), text=f": {type_}", what="type"))
    return hints


def _behind(item: Any, key: str) -> int:
    span = item.value_span(key)
    quoted = span.text[:1] in ("'", '"') and span.text[:1] == span.text[-1:]
    return int(span.end) - int(quoted)


def _of_node(view: View, item: Any) -> list[Hint]:
    name = item.get("node_id")
    node = view.node(name) if isinstance(name, str) else None
    if node is None or "node_type" not in item:
        return []
    defaults = [
        f"{field} {shown(setting.value)}"
        for field, setting in node.config.items()
        if isinstance(setting.origin, FromNodeType) and setting.value is not None
    ]
    if not defaults:
        return []
    return [Hint(offset=_behind(item, "node_type"), text=", ".join(defaults), what="default")]
