"""What a place that is being typed in wants: keys that are not there yet, and values that fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.ide import proposals
from rsppc.ide.cursor import PLACEHOLDER, Typing
from rsppc.ide.expressions import environment_of
from rsppc.ide.project import Project
from rsppc.ide.proposals import Proposal
from rsppc.ide.spots import chosen
from rsppc.ide.views import View
from rsppc.ir.catalog import NodeType
from rsppc.ir.setting_path import parse_steps
from rsppc.ir.types import ATTRIBUTES
from rsppc.lowering.extension import CONFIG_TYPES, TIMES
from rsppc.model import shape as m
from rsppc.model.kinds import BY_NAME, KINDS
from rsppc.model.shape import ArtifactKind


def wanted(
    project: Project, view: View | None, typing: Typing, kind: ArtifactKind | None, path: str
) -> Iterator[Proposal]:
    """What could stand where something is being typed."""
    if typing.spot.part == "key":
        return _keys(project, view, typing, kind)
    return _values(project, view, typing, kind, path)


# --- Keys ------------------------------------------------------------------------------------------------------------


def _keys(project: Project, view: View | None, typing: Typing, kind: ArtifactKind | None) -> Iterator[Proposal]:
    container, declared = typing.spot.container(), typing.spot.container_type(kind)
    if kind is None:
        if not typing.spot.steps[:-1]:
            yield Proposal(text="schema_version", kind="key", detail="says what the file is")
        return
    node = _node_around(typing)
    match declared:
        case m.Nested(shape=shape):
            yield from proposals.keys(shape, container)
        case m.Table(key=m.Choice() as choice):
            yield from (one for one in proposals.choices(choice) if one.text not in container)
        case m.Table(key=m.SettingPath()):
            yield from (one for one in proposals.setting_paths(view) if one.text not in container)
        case m.Table() if node is not None and typing.spot.route[-2:-1] == ("config",):
            node_type = _node_type(project, node)
            yield from proposals.config_fields(node_type, container) if node_type is not None else ()
        case m.Table() if typing.spot.route[-2:-1] == ("settings",):
            yield from _module_settings(project, typing)
        case _:
            return


def _module_settings(project: Project, typing: Typing) -> Iterator[Proposal]:
    uses = typing.spot.steps[-2].container
    ref = uses.get("module") if isinstance(uses, dict) else None
    own, shipped = project.artifacts.of_kind("module")
    module = next((one for one in (*own, *shipped) if one.ref == ref), None)
    exposes = module.root.get("exposes") or {} if module is not None else {}
    for one in exposes.get("settings") or ():
        if "name" in one and one["name"] not in typing.spot.container():
            yield Proposal(text=one["name"], kind="field", detail=str(one.get("sets", "")))


# --- Values ----------------------------------------------------------------------------------------------------------


def _values(
    project: Project, view: View | None, typing: Typing, kind: ArtifactKind | None, path: str
) -> Iterator[Proposal]:
    step, root = typing.step, typing.spot.root
    if step.key == "schema_version" and step.container is root:
        yield from (Proposal(text=one.schema_version, kind="value", detail=one.title) for one in KINDS)
        return
    if kind is not None and step.container is root and step.key in (kind.id_field, "version"):
        stem = path.rsplit("/", 1)[-1].rpartition(".")[0]
        name, _, version = stem.rpartition("_")
        yield Proposal(text=version if step.key == "version" else name, kind="value", detail="as the file is called")
        return
    node = _node_around(typing)
    match chosen(step.type, ""):
        case m.Choice() | m.Flag():
            yield from proposals.choices(step.type)
        case m.Reference(kind=wanted):
            yield from proposals.references(project, wanted)
        case m.Identifier(form="port"):
            yield from _ends(project, view, typing)
        case m.Identifier(form="node"):
            yield from _nodes(view, typing, kind)
        case m.Identifier(form="provider"):
            yield from proposals.providers(project, _modality(project, view, typing, node))
        case m.Identifier(form="dotted") if step.key == "node_type":
            yield from proposals.node_types(project)
        case m.Identifier(form="id") if step.key == "modality":
            yield from proposals.modalities(project)
        case m.SettingPath(config=True):
            yield from _config_paths(project, typing)
        case m.SettingPath():
            yield from proposals.setting_paths(view)
        case m.Expression():
            yield from proposals.condition_names(environment_of(project, view, step))
        case m.TypeText():
            yield from (Proposal(text=one, kind="value", detail=", ".join(ATTRIBUTES[one])) for one in ATTRIBUTES)
        case m.Text() if typing.spot.route[-3:-2] == ("config",) and step.key == "type":
            yield from (Proposal(text=one, kind="value") for one in CONFIG_TYPES)
        case _ if node is not None and typing.spot.route[-2:-1] == ("config",):
            yield from proposals.config_values(_node_type(project, node), str(step.key))
        case m.Anything() if isinstance(step.key, str):
            yield from _setting_values(view, step.key)
        case _:
            return


def _setting_values(view: View | None, path: str) -> Iterator[Proposal]:
    """What the setting of a path may be: where it is a config field of a node, what its type says."""
    steps = parse_steps(path)
    node = view.node(steps[1]) if view is not None and steps is not None and steps[0] == "nodes" else None
    if node is not None and steps is not None and len(steps) == 4:
        yield from proposals.config_values(node.type, steps[3])


def _config_paths(project: Project, typing: Typing) -> Iterator[Proposal]:
    """Config fields of the node type that is being declared, or of those that a provider serves; in a latency those
    that are times."""
    around = [step.container for step in typing.spot.steps if isinstance(step.container, dict)]
    in_latency = "latency" in typing.spot.route
    for one in reversed(around):
        if "provider_id" in one:
            served = project.catalog().node_types.values()
            fields = {
                name: field.type.name
                for type_ in served
                if type_.modality == one.get("modality")
                for name, field in type_.config.items()
            }
        elif "node_type" in one:
            declared = [each for each in one.get("config") or () if isinstance(each, dict)]
            fields = {str(each["name"]): str(each.get("type", "")) for each in declared if "name" in each}
        else:
            continue
        for name, type_name in fields.items():
            if type_name in TIMES or not in_latency:
                yield Proposal(text=f"config.{name}", kind="field", detail=type_name)
        return


_SIGNALS = {"owner": "turn", "barge_in": "barge_in", "cancel_from": "cancel"}


def _ends(project: Project, view: View | None, typing: Typing) -> Iterator[Proposal]:
    step = typing.step
    signal = _SIGNALS.get(str(next(iter(typing.spot.route[1:2]), ""))) if typing.spot.route[:1] == ("turns",) else None
    if signal is not None:
        yield from proposals.signals(project, view, typing.spot.root, signal, others=signal != "turn")
        return
    side = "in" if step.key == "to" else "out"
    if step.key == "port" and "inputs" in typing.spot.route:
        side = "in"
    other = step.container.get("from" if step.key == "to" else "to") if isinstance(step.container, dict) else None
    known = other if isinstance(other, str) and PLACEHOLDER not in other else ""
    found = proposals.ends(project, view, _graph_of(view, typing), side, known)
    if "." not in typing.written:
        yield from proposals.nodes(_graph_of(view, typing), modules=True)
    yield from found


def _graph_of(view: View | None, typing: Typing) -> Any:
    """The document with the nodes that are spoken of: this one, or for a policy the spec that it governs."""
    root = typing.spot.root
    if "nodes" in root or view is None:
        return root
    return getattr(view.program.place, "container", root)


def _nodes(view: View | None, typing: Typing, kind: ArtifactKind | None) -> Iterator[Proposal]:
    own = None
    if kind is BY_NAME["pipeline"] or kind is BY_NAME["module"]:
        node = _node_around(typing)
        own = node.get("node_id") if node is not None else None
    yield from (one for one in proposals.nodes(_graph_of(view, typing)) if one.text != own)


def _modality(project: Project, view: View | None, typing: Typing, node: Any) -> str | None:
    if node is not None:
        node_type = _node_type(project, node)
        return node_type.modality if node_type is not None else None
    rule = next((one.container for one in reversed(typing.spot.steps) if isinstance(one.container, dict)), None)
    named = rule.get("modality") if rule is not None else None
    of_node = view.node(str(rule.get("node"))) if rule is not None and view is not None and "node" in rule else None
    if of_node is not None and of_node.type is not None:
        return of_node.type.modality
    return named if isinstance(named, str) else None


def _node_around(typing: Typing) -> Any:
    """The innermost node of the document that is being typed in."""
    for step in reversed(typing.spot.steps):
        if isinstance(step.container, dict) and "node_type" in step.container and "ports" not in step.container:
            return step.container
    return None


def _node_type(project: Project, node: Any) -> NodeType | None:
    name = node.get("node_type")
    return project.catalog().node_types.get(name) if isinstance(name, str) else None
