"""What could stand in a place of a document: names of nodes and ports that fit, references, providers, fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from rsppc.base.names import version_key
from rsppc.base.record import Record, replace
from rsppc.conditions.environment import Environment
from rsppc.ide import words
from rsppc.ide.project import Project
from rsppc.ide.views import View
from rsppc.ir.catalog import ConfigField, NodeType, Port
from rsppc.ir.ports import solver_input
from rsppc.ir.types import PortType, mismatch, print_type
from rsppc.model import shape as m
from rsppc.syntax.rspp_tokens import UNITS
from rsppc.syntax.type_expr import parse_type

ProposalKind = Literal[
    "key", "keyword", "value", "node", "port", "type", "reference", "provider", "field", "name", "function"
]


class Proposal(Record):
    """Something that could be written."""

    text: str
    kind: ProposalKind
    detail: str = ""
    doc: str = ""
    rank: int = 0
    """Smaller is more likely."""


def keys(shape: m.Shape, known: Any) -> Iterator[Proposal]:
    """Keys of a mapping that are not there yet, needed ones first."""
    for one in shape.fields:
        if one.name not in known:
            detail = words.type_words(one.type)
            yield Proposal(
                text=one.name, kind="key", detail=detail, doc=words.field_words(one), rank=0 if one.required else 1
            )


def config_fields(node_type: NodeType, known: Any) -> Iterator[Proposal]:
    """Config fields of a node type that are not there yet."""
    for one in node_type.config.values():
        if one.name not in known:
            default = node_type.defaults.get(one.name)
            detail = f"default {words.shown(default.value)}" if default is not None else "required"
            doc = words.config_words(one, default)
            yield Proposal(text=one.name, kind="field", detail=detail, doc=doc, rank=1 if default is not None else 0)


def config_values(node_type: NodeType | None, key: str) -> Iterator[Proposal]:
    """Values of a config field that are known; with their unit where the key was written without it."""
    if node_type is None:
        return
    units = {"": "", **{unit: sign for sign, (unit, factor) in UNITS.items() if factor == 1}}
    for unit, sign in units.items():
        field = node_type.config.get(key + unit)
        if field is not None:
            yield from (replace(one, text=one.text + sign) for one in _values_of(field, node_type))


def _values_of(field: ConfigField, node_type: NodeType) -> Iterator[Proposal]:
    values = field.values or (("true", "false") if field.type.name == "bool" else ())
    default = node_type.defaults.get(field.name)
    if default is not None and not values and isinstance(default.value, str | int) and default.value != "":
        values = (words.shown(default.value),)
    for value in values:
        is_default = default is not None and words.shown(default.value) == value
        yield Proposal(
            text=value, kind="value", detail="default" if is_default else "", doc=words.config_words(field, default)
        )


def node_types(project: Project) -> Iterator[Proposal]:
    for name, one in sorted(project.catalog().node_types.items()):
        yield Proposal(text=name, kind="type", detail=one.role, doc=words.node_type_words(one))


def references(project: Project, kind: str) -> Iterator[Proposal]:
    """References to all artifacts of a kind, those of the workspace first."""
    own, shipped = project.artifacts.of_kind(kind)
    seen: set[tuple[str, tuple[int, int, int]]] = set()
    for rank, shelf in enumerate((own, shipped)):
        for one in sorted(shelf, key=lambda artifact: (artifact.id, artifact.version)):
            if (one.id, version_key(one.version)) not in seen:
                seen.add((one.id, version_key(one.version)))
                yield Proposal(text=one.ref, kind="reference", detail=one.document.path, rank=rank)


def providers(project: Project, modality: str | None) -> Iterator[Proposal]:
    """Providers of a modality; all where none is named."""
    for name, one in sorted(project.catalog().providers.items()):
        if modality is None or one.modality == modality:
            yield Proposal(text=name, kind="provider", detail=one.modality, doc=words.provider_words(one))


def modalities(project: Project) -> Iterator[Proposal]:
    """Modalities of node types and of providers."""
    catalog = project.catalog()
    known = {one.modality for one in catalog.node_types.values()} | {one.modality for one in catalog.providers.values()}
    yield from (Proposal(text=one, kind="value") for one in sorted(one for one in known if one))


def nodes(root: Any, *, modules: bool = False) -> Iterator[Proposal]:
    """Nodes that are written in a document."""
    for item in _items(root, "nodes"):
        if isinstance(item.get("node_id"), str):
            yield Proposal(text=item["node_id"], kind="node", detail=str(item.get("node_type", "")))
    for item in _items(root, "subgraph_refs") if modules else ():
        if isinstance(item.get("name"), str):
            yield Proposal(text=item["name"], kind="node", detail=str(item.get("module", "")))


def ends(project: Project, view: View | None, root: Any, side: str, other: str = "") -> Iterator[Proposal]:
    """Ports on one side, `node.port`; where the other end of the edge is known, those first that fit it, and none that
    cannot."""
    theirs = _port_type(view, *_split(other), "out" if side == "in" else "in") if other else None
    fed = {str(one.get("to")) for one in _items(root, "edges")} if side == "in" else set()
    for name, port in _all_ports(project, view, root, side):
        ours = _port_type(view, name, port.name, side) or port.type
        if theirs is not None:
            pair = (theirs, port.type) if side == "in" else (ours, theirs)
            if mismatch(*pair) is not None:
                continue
        text = f"{name}.{port.name}"
        rank = (0 if port.required else 1) + (2 if text in fed else 0) + (4 if name == _split(other)[0] else 0)
        yield Proposal(text=text, kind="port", detail=print_type(ours), rank=rank)


def signals(project: Project, view: View | None, root: Any, wanted: str, *, others: bool) -> Iterator[Proposal]:
    """Outputs that emit a control signal; with `others` those of other signals as well, behind them."""
    meant = parse_type(f"control<{wanted}>")
    assert isinstance(meant, PortType)
    for name, port in _all_ports(project, view, root, "out"):
        fits = mismatch(port.type, meant) is None
        if fits or (others and port.lane == "ControlLane"):
            text = f"{name}.{port.name}"
            yield Proposal(text=text, kind="port", detail=print_type(port.type), rank=0 if fits else 1)


def _all_ports(project: Project, view: View | None, root: Any, side: str) -> Iterator[tuple[str, Port]]:
    catalog = project.catalog()
    for one in nodes(root, modules=True):
        ports = view.ports(one.text, side) if view is not None else {}
        node_type = catalog.node_types.get(one.detail)
        if not ports and node_type is not None:
            ports = node_type.inputs if side == "in" else node_type.outputs
        yield from ((one.text, port if port.name == name else _named(port, name)) for name, port in ports.items())


def _named(port: Port, name: str) -> Port:
    return replace(port, name=name)


def _port_type(view: View | None, node: str, port: str, side: str) -> PortType | None:
    """The type of a port as it was inferred, else as declared; None where either is not known."""
    if view is None or not port:
        return None
    found = view.node(node)
    types = view.program.solution.types.get(found.id, {}) if found is not None and view.program.solution else {}
    known = types.get(solver_input(port) if side == "in" else port)
    declared = view.ports(node, side).get(port)
    return known or (declared.type if declared is not None else None)


def _split(end: str) -> tuple[str, str]:
    node, _, port = end.partition(".")
    return node, port


def setting_paths(view: View | None) -> Iterator[Proposal]:
    """Paths of settings of a program."""
    if view is None:
        return
    for node in view.program.nodes.values():
        for name, setting in node.config.items():
            yield Proposal(
                text=f"nodes.{view.shown(node.id)}.config.{name}", kind="value", detail=words.shown(setting.value)
            )
        yield Proposal(text=f"nodes.{view.shown(node.id)}.budget_ms", kind="value", rank=1)
    for name, setting in view.program.defaults.budgets.items():
        yield Proposal(text=f"budgets.{name}", kind="value", detail=words.shown(setting.value), rank=1)
    for edge in view.program.edges:
        for name, setting in edge.buffer.items():
            yield Proposal(
                text=f"edges.{edge.id}.buffer.{name}", kind="value", detail=words.shown(setting.value), rank=2
            )


def condition_names(environment: Environment) -> Iterator[Proposal]:
    """Names that a condition may read, and what it may call."""
    for one in environment.declarations:
        yield Proposal(text=one.name, kind="name", detail=one.type, doc=words.declaration_words(one))
    for name, doc in words.FUNCTIONS.items():
        yield Proposal(text=name, kind="function", doc=doc, rank=1)


def choices(type_: m.FieldType | None) -> Iterator[Proposal]:
    """Words of a closed list."""
    match type_:
        case m.Choice(values=values):
            yield from (Proposal(text=words.shown(one), kind="value") for one in values)
        case m.Flag():
            yield from (Proposal(text=one, kind="value") for one in ("true", "false"))
        case m.OneOf(options=options):
            for option in options:
                yield from choices(option)


def _items(root: Any, key: str) -> list[Any]:
    found = root.get(key) if isinstance(root, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
