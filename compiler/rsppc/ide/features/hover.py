"""What stands under the cursor: what it means, what may stand there, what it is in the end and why."""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.ide import words
from rsppc.ide.expressions import environment_of, word_at
from rsppc.ide.names import Name, name_at
from rsppc.ide.project import Project
from rsppc.ide.spots import Spot, Step, spot_at
from rsppc.ide.views import View, node_type_of, story, view_of
from rsppc.model import shape as m


class Hover(Record):
    """Markdown about a stretch of the text."""

    at: Span
    text: str


def FEATURE(project: Project, path: str, offset: int) -> Hover | None:  # the module's one member, found by this name
    document, artifact = project.document(path), project.artifact(path)
    if document is None or document.root is None:
        return None
    kind = artifact.kind if artifact is not None else None
    spot = spot_at(document.root, kind, offset)
    if spot.last is None or spot.part == "inside":
        return None
    view = view_of(project, path)
    if spot.part == "key":
        name = name_at(document.root, kind, offset) if kind is not None else None
        text = _of_key(project, view, spot, name)
        return Hover(at=spot.span(), text=text) if text else None
    name = name_at(document.root, kind, offset) if kind is not None else None
    return _of_value(project, view, spot, name, offset)


def _of_key(project: Project, view: View | None, spot: Spot, name: Name | None) -> str:
    step = spot.steps[-1]
    parts = []
    if name is not None and name.what == "config":
        parts.append(_config(project, view, name, step))
    elif step.field is not None:
        parts.append(words.field_words(step.field))
    parts.append(_value(view, spot))
    return "\n\n---\n\n".join(part for part in parts if part)


def _config(project: Project, view: View | None, name: Name, step: Step) -> str:
    node_type = node_type_of(project, view, name.owner, _node_around(project, name))
    field = node_type.config.get(name.text) if node_type is not None else None
    if node_type is None or field is None:
        return ""
    return words.config_words(field, node_type.defaults.get(name.text))


def _node_around(project: Project, name: Name) -> object:
    document = project.document(name.at.source.path)
    nodes = document.root.get("nodes") if document is not None and document.root is not None else None
    items = nodes if isinstance(nodes, list) else []
    return next((one for one in items if isinstance(one, dict) and one.get("node_id") == name.owner), None)


def _value(view: View | None, spot: Spot) -> str:
    found = view.setting_at(spot) if view is not None else None
    return words.story_words(found[0], story(found[1])) if found is not None else ""


def _of_value(project: Project, view: View | None, spot: Spot, name: Name | None, offset: int) -> Hover | None:
    step = spot.steps[-1]
    if isinstance(step.type, m.Expression):
        return _of_condition(project, view, step, offset)
    if name is not None:
        text = _of_name(project, view, name, step)
        if text:
            value = _value(view, spot)
            return Hover(at=name.at, text=f"{text}\n\n---\n\n{value}" if value else text)
    key = next((one for one in reversed(spot.steps) if isinstance(one.key, str)), None)
    about = words.field_words(key.field) if key is not None and key.field is not None else ""
    parts = [part for part in (_value(view, spot), about) if part]
    return Hover(at=spot.span(), text="\n\n---\n\n".join(parts)) if parts else None


def _of_condition(project: Project, view: View | None, step: Step, offset: int) -> Hover | None:
    at = word_at(step.value_span(), offset)
    if at is None:
        return None
    declaration = environment_of(project, view, step).find(at.text)
    function = words.FUNCTIONS.get(at.text.rpartition(".")[2])
    if declaration is not None:
        return Hover(at=at, text=words.declaration_words(declaration))
    return Hover(at=at, text=function) if function is not None else None


def _of_name(project: Project, view: View | None, name: Name, step: Step) -> str:
    catalog = project.catalog()
    match name.what:
        case "node_type":
            node_type = catalog.node_types.get(name.text)
            return words.node_type_words(node_type) if node_type is not None else ""
        case "provider":
            provider = catalog.providers.get(name.text)
            return words.provider_words(provider) if provider is not None else ""
        case "port" if view is not None:
            port = view.ports(name.owner, name.side).get(name.text)
            type_ = view.port_type(name.owner, name.text, name.side)
            return words.port_words(f"{name.owner}.{name.text}", port, type_, name.side) if type_ else ""
        case "node" | "module_use" if view is not None:
            return _of_node(view, name.text)
        case "reference":
            found = project.referred(name.owner, name.text, name.at)
            if found is None:
                return ""
            title = (found.root.get("metadata") or {}).get("title")
            about = f"\n\n{title}" if isinstance(title, str) else ""
            return f"**`{found.ref}`** — {found.kind.title}, in `{found.document.path}`{about}"
        case _:
            return ""


def _of_node(view: View, name: str) -> str:
    node = view.node(name)
    if node is None:
        exposed = view.program.exposed.get(view.prefix + name)
        if exposed is None:
            return ""
        head = f"**`{name}`** — a module in use"
        sides = (("in", exposed.inputs), ("out", exposed.outputs))
    else:
        provider = view.program.bindings.get(node.id)
        served = f", served by `{provider.value}`" if provider is not None else ""
        head = f"**`{name}`** — `{node.type_name}`{served}"
        sides = (("in", view.ports(name, "in")), ("out", view.ports(name, "out")))  # type: ignore[assignment]
    lines = [f"- {side} `{port}`: `{view.port_type(name, port, side)}`" for side, ports in sides for port in ports]
    return "\n".join([head, "", *lines])
