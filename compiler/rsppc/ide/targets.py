"""Where the things are declared that names name."""

from __future__ import annotations

from rsppc.base.source import Span
from rsppc.ide.names import Name, names_in
from rsppc.ide.project import Project
from rsppc.ide.views import View, node_type_of
from rsppc.ir.catalog import NodeType
from rsppc.ir.setting import Computed, Inferred, Setting, key_place_of


def declarations_of(project: Project, view: View | None, path: str, name: Name) -> list[Span]:
    """The places where what a name names is declared."""
    catalog = project.catalog()
    match name.what:
        case "reference":
            found = project.referred(name.owner, name.text, name.at)
            return [found.item_span()] if found is not None else []
        case "node" | "module_use":
            return _node(project, view, path, name.text)
        case "node_type" if name.text in catalog.node_types:
            return [catalog.node_types[name.text].place.span()]
        case "provider" if name.text in catalog.providers:
            return [catalog.providers[name.text].place.span()]
        case "port":
            return _port(project, view, path, name)
        case "config":
            node_type = node_type_of(project, view, name.owner)
            field = node_type.config.get(name.text) if node_type is not None else None
            return [field.place.span()] if field is not None else []
        case "type_port" | "type_field":
            return _of_type(catalog.node_types.get(name.owner), name)
        case _:
            return [name.at] if name.declares else []


def _of_type(node_type: NodeType | None, name: Name) -> list[Span]:
    """Where a node type declares a port or a config field."""
    if node_type is None:
        return []
    ports = node_type.inputs if name.side == "in" else node_type.outputs
    found = ports.get(name.text) if name.what == "type_port" else node_type.config.get(name.text)
    return [found.place.span()] if found is not None else []


def _node(project: Project, view: View | None, path: str, text: str) -> list[Span]:
    here = _declared_in(project, path, text)
    if here:
        return here
    node = view.node(text) if view is not None else None
    return [node.place.span()] if node is not None else []


def _declared_in(project: Project, path: str, text: str) -> list[Span]:
    document, artifact = project.document(path), project.artifact(path)
    if artifact is None or document is None or document.root is None:
        return []
    names = names_in(document.root, artifact.kind)
    return [one.at for one in names if one.declares and one.what in ("node", "module_use") and one.text == text]


def _port(project: Project, view: View | None, path: str, name: Name) -> list[Span]:
    node_type = node_type_of(project, view, name.owner)
    if node_type is not None:
        ports = node_type.inputs if name.side == "in" else node_type.outputs
        port = ports.get(name.text) or ports.get("*")
        return [port.place.span()] if port is not None else []
    if view is None:
        return []
    for subgraph in view.program.subgraphs:
        if subgraph.name == name.owner and subgraph.module is not None:
            exposed = (subgraph.module.inputs if name.side == "in" else subgraph.module.outputs).get(name.text)
            return [exposed.place.span()] if exposed is not None else []
    return []


def contributors(setting: Setting) -> list[Span]:
    """Every place that gave a value for a setting: the one that won first."""
    places = []
    for one in (setting, *setting.overridden):
        if not isinstance(one.origin, Inferred | Computed) and one.origin.container is not None:
            places.append(key_place_of(one) or one.origin.span())
    return places
