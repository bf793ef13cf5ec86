"""Ports and config fields of node types: every place of a workspace that names one, and what keeps one from having
another name.

A name in a pipeline means the port of a node; the node's type says which declaration that is. So the type of each node
is looked up, in the text where it is written and in programs where a policy or a layer speaks of nodes of others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.ide.names import Name, mappings_in, names_in
from rsppc.ide.project import Project
from rsppc.ir.catalog import NodeType
from rsppc.ir.program import Node
from rsppc.lowering.artifacts import Artifact
from rsppc.syntax.rspp_tokens import UNITS

SHIPPED = "rsppc:"


class Refusal(Record):
    """Why something cannot have another name; `at` is the place that is in the way."""

    text: str
    at: Span | None = None


class Declared(Record):
    """A port or a config field that a node type of the workspace declares."""

    what: Literal["port", "field"]
    text: str
    type: NodeType
    side: str = ""
    """Of a port."""


def declared_at(project: Project, path: str, name: Name) -> Declared | Refusal:
    """What a name of a port or a config field names; why that is nothing that could be renamed."""
    artifact = project.artifact(path)
    assert artifact is not None  # the name was found in it
    what: Literal["port", "field"] = "port" if name.what.endswith("port") else "field"
    if name.what.startswith("served_"):
        types = _serving(project, name)
    elif name.what.startswith("type_"):
        types = {name.owner}
    else:
        types = Nodes(project, artifact).types(name.owner)
    node_types = [one for each in sorted(types) if (one := project.catalog().node_types.get(each)) is not None]
    if len(node_types) != 1:
        of = "several node types" if node_types else "no node type that is known"
        return Refusal(text=f"`{name.text}` is a {_word(what)} of {of}", at=name.at)
    (node_type,) = node_types
    side = name.side or ("in" if name.text in node_type.inputs else "out")
    if what == "port" and name.text not in (node_type.inputs if side == "in" else node_type.outputs):
        return _named_by_config(node_type, name, side)
    if what == "field" and name.text not in node_type.config:
        return Refusal(text=f"`{node_type.name}` declares no config field `{name.text}`", at=node_type.place.span())
    if node_type.place.span().source.path.startswith(SHIPPED):
        return Refusal(text=f"`{name.text}` is a {_word(what)} of `{node_type.name}`, which ships with the compiler")
    return Declared(what=what, text=name.text, type=node_type, side=side if what == "port" else "")


def _word(what: str) -> str:
    return "port" if what == "port" else "config field"


def _named_by_config(node_type: NodeType, name: Name, side: str) -> Refusal:
    every = (node_type.inputs if side == "in" else node_type.outputs).get("*")
    if every is None or every.named_by is None:
        return Refusal(text=f"`{node_type.name}` declares no port `{name.text}`", at=node_type.place.span())
    return Refusal(text=f"`{name.text}` is named by `{every.named_by}` in the config of its node; rename it there")


class Use(Record):
    """A place where something declared is named; `problem` says why the place could not follow another name."""

    at: Span
    declares: bool
    problem: Refusal | None = None


def uses_of(project: Project, declared: Declared) -> Iterator[Use]:
    """Every place that names a port or a config field, by file and place."""
    for artifact in project.own_artifacts():
        root = artifact.document.root
        if root is None or _stem(declared.text) not in artifact.document.source.text:
            continue
        nodes = Nodes(project, artifact)
        for name in names_in(root, artifact.kind):
            if name.text == declared.text and name.what.endswith(_ENDINGS[declared.what]):
                use = _use(project, declared, name, nodes)
                if use is not None:
                    yield use


_ENDINGS: dict[str, tuple[str, ...]] = {"port": ("port",), "field": ("field", "config")}
_UNITS = frozenset(unit for unit, _ in UNITS.values())
"""Ends of names that the text form leaves to the value: `silence = 400ms`."""


def _stem(name: str) -> str:
    return next((name.removesuffix(unit) for unit in _UNITS if name.endswith(unit)), name)


def _use(project: Project, declared: Declared, name: Name, nodes: Nodes) -> Use | None:
    """A name as a use of what is declared; None where it names something else."""
    if name.what.startswith("served_"):
        types = _serving(project, name)
    elif declared.side and name.side != declared.side:
        return None
    else:
        types = {name.owner} if name.what.startswith("type_") else nodes.types(name.owner)
    if declared.type.name not in types:
        return None
    problem = None
    others = sorted(types - {declared.type.name})
    if others:
        said = f"`{name.text}` is a {_word(declared.what)} of `{others[0]}` as well, and here of both"
        problem = Refusal(text=said, at=name.at)
    elif name.what == "served_port" and name.text in declared.type.inputs and name.text in declared.type.outputs:
        problem = Refusal(text=f"`{name.text}` is an input and an output, and here both", at=name.at)
    return Use(at=name.at, declares=name.declares, problem=problem)


def _serving(project: Project, name: Name) -> set[str]:
    """The node types with a port or a field of a name that providers of a modality serve."""
    types = (one for one in project.catalog().node_types.values() if one.modality == name.owner)
    if name.what == "served_field":
        return {one.name for one in types if name.text in one.config}
    return {one.name for one in types if name.text in one.inputs or name.text in one.outputs}


class Nodes:
    """The types of the nodes of which an artifact speaks, by the names that it gives them."""

    def __init__(self, project: Project, artifact: Artifact) -> None:
        self._project = project
        self._artifact = artifact
        self._written = {
            one["node_id"]: one["node_type"]
            for one in mappings_in(artifact.document.root)
            if isinstance(one.get("node_id"), str) and isinstance(one.get("node_type"), str)
        }

    def types(self, name: str) -> set[str]:
        """The types that a node of a name has: several where an artifact speaks of several pipelines."""
        if name in self._written:
            return {self._written[name]}
        found: set[str] = set()
        specs = (
            [self._artifact] if self._artifact.kind.name == "pipeline" else self._project.specs_using(self._artifact)
        )
        for spec in specs:
            self._project.checkpoint()
            program = self._project.program(spec.path)
            for node in program.nodes.values() if program is not None else ():
                if self._calls(node) == name:
                    found.add(node.type_name)
        return found

    def _calls(self, node: Node) -> str:
        """What the artifact calls a node of a program; a module knows the nodes inside it alone."""
        if self._artifact.kind.name != "module":
            return node.id
        return node.id.rpartition("/")[2] if node.module == self._artifact.ref else ""


def taken(declared: Declared, new: str) -> Refusal | None:
    """Who has a name already."""
    if declared.what == "field":
        field = declared.type.config.get(new)
        at = field.place.span() if field is not None else None
    else:
        port = (declared.type.inputs if declared.side == "in" else declared.type.outputs).get(new)
        at = port.place.span() if port is not None else None
    said = f"`{declared.type.name}` has a {_word(declared.what)} `{new}`"
    return Refusal(text=said, at=at) if at is not None else None


def written_as(at: Span, old: str, new: str) -> str | Refusal:
    """A new name as it is written at a place: without its unit where the text form leaves that to the value."""
    unit = old.removeprefix(at.text)
    if at.text == old or not old.startswith(at.text) or unit not in _UNITS:
        return new
    if new.endswith(unit):
        return new.removesuffix(unit)
    said = f"`{at.text}` has its unit from its value; write `{old}` there first, with a plain number"
    return Refusal(text=said, at=at)
