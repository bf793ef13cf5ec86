"""What could be typed at the cursor: only what the place takes, and of ports only those that fit. Works in the middle
of a half-typed line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rsppc.base.record import Record
from rsppc.base.source import Source
from rsppc.ide import proposals
from rsppc.ide.cursor import PLACEHOLDER, Typing, typing_at
from rsppc.ide.expressions import environment_of
from rsppc.ide.project import Project
from rsppc.ide.proposals import Proposal
from rsppc.ide.spots import chosen
from rsppc.ide.typed_text_form import STATEMENTS, TypingText, typing_text_at
from rsppc.ide.views import View, view_of
from rsppc.ir.catalog import NodeType
from rsppc.ir.types import ATTRIBUTES
from rsppc.model import shape as m
from rsppc.model.kinds import BY_NAME, KINDS
from rsppc.model.shape import ArtifactKind

PROPOSALS_MAX = 500


class Completion(Record):
    """Something to put in the place of a stretch."""

    proposal: Proposal
    text: str
    start: int
    end: int


def FEATURE(
    project: Project, path: str, offset: int
) -> list[Completion]:  # the module's one member, found by this name
    source = project.source(path)
    if source is None:
        return []
    if path.endswith(".rspp"):
        return _in_text_form(project, path, source, offset)
    artifact = project.artifact(path)
    kind = artifact.kind if artifact is not None else _announced(source.text)
    typing = typing_at(path, source.text, kind, offset)
    if typing is None:
        return []
    view = view_of(project, path)
    if typing.spot.part == "key":
        found = _keys(project, view, typing, kind)
        return _fitted(found, typing, lambda text: _as_key(text, typing, source.text, path))
    return _fitted(_values(project, view, typing, kind, path), typing, lambda text: _as_value(text, typing, path))


def _fitted(found: Iterable[Proposal], typing: Typing | TypingText, written: Any) -> list[Completion]:
    """The proposals that begin with what is there, or have its letters in them; the most likely first."""
    letters = typing.written.lower()
    fitting = [one for one in found if _has(one.text.lower(), letters)]
    fitting.sort(key=lambda one: (not one.text.lower().startswith(letters), one.rank, one.text))
    return [
        Completion(proposal=one, text=written(one.text), start=typing.start, end=typing.end)
        for one in fitting[:PROPOSALS_MAX]
    ]


def _has(text: str, letters: str) -> bool:
    rest = iter(text)
    return all(letter in rest for letter in letters)


def _as_key(text: str, typing: Typing, whole: str, path: str) -> str:
    has_colon = re.match(r"[\"']?[ \t]*:", whole[typing.end :]) is not None
    if path.endswith(".json"):
        key = f'"{text}"' if typing.quote else text
        return key if has_colon else f"{key}: " if typing.quote else key
    return text if has_colon else f"{text}: "


def _as_value(text: str, typing: Typing, path: str) -> str:
    is_word = text in ("true", "false") or text.lstrip("-").isdigit()
    return f'"{text}"' if path.endswith(".json") and typing.quote and not is_word else text


_ANNOUNCES = re.compile(r"schema_version\"?:[ \t]*\"?(?P<version>rspp\.[a-z.]+\.v[0-9]+)")


def _announced(text: str) -> ArtifactKind | None:
    """The kind that a text announces which cannot be read."""
    found = _ANNOUNCES.search(text)
    return next((one for one in KINDS if found is not None and one.schema_version == found["version"]), None)


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
        case m.SettingPath():
            yield from proposals.setting_paths(view)
        case m.Expression():
            yield from proposals.condition_names(environment_of(project, view, step))
        case m.TypeText():
            yield from (Proposal(text=one, kind="value", detail=", ".join(ATTRIBUTES[one])) for one in ATTRIBUTES)
        case _ if node is not None and typing.spot.route[-2:-1] == ("config",):
            node_type = _node_type(project, node)
            field = node_type.config.get(str(step.key)) if node_type is not None else None
            if node_type is not None and field is not None:
                yield from proposals.config_values(field, node_type)
        case _:
            return


def _ends(project: Project, view: View | None, typing: Typing) -> Iterator[Proposal]:
    step = typing.step
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


# --- The text form ---------------------------------------------------------------------------------------------------


def _in_text_form(project: Project, path: str, source: Source, offset: int) -> list[Completion]:
    typing = typing_text_at(source, offset)
    if typing is None:
        return []
    document, view = project.document(path), view_of(project, path)
    root = document.root if document is not None else None
    found = list(_of_text_form(project, view, root, source.text[:offset], typing))
    return _fitted(found, typing, lambda text: text)


def _of_text_form(
    project: Project, view: View | None, root: Any, before: str, typing: TypingText
) -> Iterator[Proposal]:
    catalog = project.catalog()
    node_type = catalog.node_types.get(typing.subject)
    match typing.wanted:
        case "statement":
            words = STATEMENTS.get(typing.subject, ())
            yield from (Proposal(text=one, kind="key") for one in words)
            if typing.subject in ("pipeline", "module"):
                yield from proposals.nodes(root, modules=True)
                yield from proposals.ends(project, view, root, "out")
        case "node_type":
            yield from proposals.node_types(project)
        case "input":
            source = re.search(r"([\w./]+)[ \t]*->[ \t]*[\w./]*\Z", before)
            if "." not in typing.written:
                yield from proposals.nodes(root, modules=True)
            yield from proposals.ends(project, view, root, "in", source[1] if source is not None else "")
        case "output":
            yield from proposals.ends(project, view, root, "out")
        case "reference":
            yield from proposals.references(project, typing.subject)
        case "provider":
            yield from proposals.providers(project, node_type.modality if node_type is not None else None)
        case "node":
            yield from proposals.nodes(root)
        case "cause":
            yield from (Proposal(text=one, kind="value") for one in ("timeout", "error", "budget"))
        case "config" if node_type is not None:
            yield from proposals.config_fields(node_type, {*typing.known, *_full_names(typing.known)})
        case "condition":
            yield from _names_of_events(project, view, before)
        case _:
            return


def _full_names(keys: tuple[str, ...]) -> set[str]:
    """Keys that are written without their unit."""
    return {f"{key}{unit}" for key in keys for unit in ("_ms", "_hz", "_bytes")}


def _names_of_events(project: Project, view: View | None, before: str) -> Iterator[Proposal]:
    from rsppc.conditions.environment import edge_environment, rule_environment
    from rsppc.passes.check_conditions import environment_at

    edge = re.search(r"([\w/]+)(?:\.(\w+))?[ \t]*->[^\n]*\Z", before)
    if edge is None:
        yield from proposals.condition_names(rule_environment(sorted(project.catalog().providers)))
    elif view is None:
        yield from proposals.condition_names(edge_environment({}))
    else:
        yield from proposals.condition_names(environment_at(edge[1], edge[2], view.program))
