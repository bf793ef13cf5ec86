"""The names in a document: what each of them names, and whether it is declared there or used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from rsppc.base.names import parse_ref
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.ide.spots import Leaf, Spot, chosen, leaves, spot_at
from rsppc.model import shape as m
from rsppc.model.shape import ArtifactKind
from rsppc.syntax.document import Item, Key, Mapping

What = Literal[
    "node",
    "port",
    "reference",
    "artifact",
    "node_type",
    "provider",
    "module_use",
    "exposed",
    "config",
    "record",
    "type_port",
    "type_field",
    "served_port",
    "served_field",
]
"""A `type_…` is a port or a config field of a node type, in its declaration; a `served_…` one of whatever node type a
provider serves, in the declaration of the provider."""


class Name(Record):
    """One place where something is named."""

    what: What
    text: str
    at: Span
    declares: bool = False
    owner: str = ""
    """Of a port and a config field its node, in a declaration its node type or the modality of its provider; of a
    reference and an artifact its kind."""
    side: Literal["in", "out", ""] = ""
    """Of a port."""


_DECLARES: dict[tuple[str, str], What] = {
    ("node", "node_id"): "node",
    ("node_type", "node_type"): "node_type",
    ("provider", "provider_id"): "provider",
    ("subgraph_ref", "name"): "module_use",
    ("exposed_port", "name"): "exposed",
    ("record", "schema_id"): "record",
    ("port", "name"): "type_port",
    ("config_field", "name"): "type_field",
}
_USES: dict[tuple[str, str], What] = {("node", "node_type"): "node_type"}
_INPUTS = frozenset(("to",))


def names_in(root: Mapping, kind: ArtifactKind) -> Iterator[Name]:
    """Every name in a document, in the order written, each place once."""
    seen: set[tuple[int, int, str]] = set()
    for one in _names(root, kind):
        key = (one.at.start, one.at.end, one.what)
        if key not in seen:
            seen.add(key)
            yield one


def _names(root: Mapping, kind: ArtifactKind) -> Iterator[Name]:
    for leaf in leaves(root, kind):
        if isinstance(leaf.value, str):
            yield from _names_of(leaf, root, kind)
    for mapping in mappings_in(root):
        config = mapping.get("config")
        for key in mapping:
            yield from _path_as_key(mapping, key)
        for key in config if isinstance(config, Mapping) else ():
            yield from _config_key(mapping, key)
        for table in _PORT_TABLES:
            for key in mapping[table] if isinstance(mapping.get(table), Mapping) else ():
                yield from _port_key(mapping, table, key)


def _names_of(leaf: Leaf, root: Mapping, kind: ArtifactKind) -> Iterator[Name]:
    key, text, item = leaf.key, leaf.value, leaf.item()
    if leaf.container is root and key == kind.id_field:
        yield Name(what="artifact", text=text, at=_text_span(item, text), declares=True, owner=kind.name)
        return
    declared = _DECLARES.get((leaf.shape, str(key)))
    if declared is not None:
        side = _side(leaf) if declared in ("exposed", "type_port") else ""
        owner = _declaration_around(leaf)[1] if declared in ("type_port", "type_field") else ""
        yield Name(what=declared, text=text, at=_text_span(item, text), declares=True, owner=owner, side=side)
        return
    match leaf.type:
        case m.Identifier(form="node"):
            yield Name(what="node", text=text, at=_text_span(item, text))
        case m.Identifier(form="provider"):
            yield Name(what="provider", text=text, at=_text_span(item, text))
        case m.Identifier(form="dotted") if (leaf.shape, key) in _USES:
            yield Name(what="node_type", text=text, at=_text_span(item, text))
        case m.Identifier(form="port"):
            yield from _end(text, item, 0, _side(leaf))
        case m.Reference(kind=wanted):
            yield Name(what="reference", text=text, at=_text_span(item, text), owner=wanted)
        case m.SettingPath():
            yield from _path(text, item)
            yield from _fields_of_type(text, leaf)
        case m.TypeText():
            yield from _fields_of_type(text, leaf)
        case _:
            return


_FIELD_OF_TYPE = re.compile(r"\bconfig\.(?P<field>[a-z][a-z0-9_]*)")


def _fields_of_type(text: str, leaf: Leaf) -> Iterator[Name]:
    """Config fields in a type or a path that a manifest writes: those of the node type around it."""
    what, owner = _declaration_around(leaf)
    for found in _FIELD_OF_TYPE.finditer(text) if owner else ():
        yield Name(what=what, text=found["field"], at=_within(leaf.item(), text, *found.span("field")), owner=owner)


def _declaration_around(leaf: Leaf) -> tuple[Literal["type_field", "served_field"], str]:
    """The node type that a leaf of a manifest speaks of, or the modality of the provider."""
    for one in reversed(leaf.parents):
        if isinstance(one, Mapping) and "provider_id" in one:
            return "served_field", _word(one.get("modality"))
        if isinstance(one, Mapping) and "ports" in one:
            return "type_field", _word(one.get("node_type"))
    return "type_field", ""


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _side(leaf: Leaf) -> Literal["in", "out"]:
    if leaf.shape == "port":
        return "in" if leaf.container.get("direction") == "in" else "out"
    if leaf.shape == "exposed_port":
        exposes = leaf.parents[-3]
        return "in" if any(leaf.container is one for one in exposes.get("inputs") or ()) else "out"
    return "in" if leaf.key in _INPUTS else "out"


_NODE_IN_PATH = re.compile(r"nodes\.(?P<node>[a-z][a-z0-9_/]*)\.(?:config\.(?P<field>[a-z][a-z0-9_]*))?")
_EDGE_IN_PATH = re.compile(
    r"edges\.(?P<source>[a-z][a-z0-9_/.]*?)\s*->\s*(?P<target>[a-z][a-z0-9_/]*(?:\.[a-z0-9_]+)?)"
)
_AFTER_EDGE = ("buffer", "type", "delivery", "at_most_once", "pre_roll_ms")


def _path(text: str, item: Item | Key) -> Iterator[Name]:
    """The node and the field, or the ends of the edge, in a path of a setting."""
    found = _NODE_IN_PATH.match(text)
    if found is not None:
        yield Name(what="node", text=found["node"], at=_within(item, text, *found.span("node")))
        if found["field"]:
            at = _within(item, text, *found.span("field"))
            yield Name(what="config", text=found["field"], at=at, owner=found["node"])
    found = _EDGE_IN_PATH.match(text)
    if found is not None:
        yield from _end(found["source"], item, found.start("source"), "out", text)
        target = found["target"]
        if target.partition(".")[2] in _AFTER_EDGE:  # the port was left out
            target = target.partition(".")[0]
        yield from _end(target, item, found.start("target"), "in", text)


def _end(end: str, item: Item | Key, start: int, side: Literal["in", "out"], whole: str = "") -> Iterator[Name]:
    """The node and the port of an end of an edge."""
    node, dot, port = end.partition(".")
    text = whole or end
    yield Name(what="node", text=node, at=_within(item, text, start, start + len(node)))
    if dot:
        first = start + len(node) + 1
        at = _within(item, text, first, first + len(port))
        yield Name(what="port", text=port, at=at, owner=node, side=side)


def _path_as_key(mapping: Mapping, key: str) -> Iterator[Name]:
    if key.startswith(("nodes.", "edges.")):
        yield from _path(key, Key(container=mapping, key=key))


def _config_key(node: Mapping, key: str) -> Iterator[Name]:
    if "node_id" in node:
        at = _key_span(node["config"], key)
        yield Name(what="config", text=key, at=at, owner=str(node["node_id"]))


_PORT_TABLES = ("latency", "refines")
"""Tables of a declaration whose keys may be ports."""


def _port_key(declaration: Mapping, table: str, key: str) -> Iterator[Name]:
    """A port that is the key of a table of a node type or a provider."""
    container = declaration[table]
    if key == "*" or (table == "latency" and not isinstance(container[key], Mapping)):  # one latency for all ports
        return
    if "provider_id" in declaration:
        owner = _word(declaration.get("modality"))
        yield Name(what="served_port", text=key, at=_key_span(container, key), owner=owner)
    elif "ports" in declaration:
        owner = _word(declaration.get("node_type"))
        yield Name(what="type_port", text=key, at=_key_span(container, key), owner=owner, side="out")


def mappings_in(value: Any) -> Iterator[Mapping]:
    """Every mapping in a value, and the value itself if it is one."""
    if isinstance(value, Mapping):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings_in(one)


def _text_span(item: Item, text: str) -> Span:
    return _within(item, text, 0, len(text))


def _key_span(container: Mapping, key: str) -> Span:
    return _within(Key(container=container, key=key), key, 0, len(key))


def _within(item: Item | Key, text: str, start: int, end: int) -> Span:
    """A stretch of a text, without the quotes in which it may stand, and of a key without the unit that the text form
    leaves to its value."""
    if isinstance(item, Item):
        return item.within(start, end)
    span = item.span()
    quote = int(span.text[:1] in ("'", '"'))
    first, last = span.start + quote, span.end - quote
    return Span(source=span.source, start=first + start, end=min(first + end, last))


def name_at(root: Mapping, kind: ArtifactKind, offset: int) -> Name | None:
    """The shortest name at an offset."""
    spot = spot_at(root, kind, offset)
    if spot.last is None or spot.part == "inside":
        return None
    found = [one for one in _names_at(spot, root, kind) if one.at.start <= offset <= one.at.end]
    return min(found, key=lambda one: (one.at.end - one.at.start, -one.at.start), default=None)


def _names_at(spot: Spot, root: Mapping, kind: ArtifactKind) -> Iterator[Name]:
    step = spot.steps[-1]
    if spot.part == "key":
        yield from _path_as_key(step.container, str(step.key))
        around = spot.steps[-2].container if len(spot.steps) > 1 else None
        if isinstance(around, Mapping) and around.get("config") is step.container:
            yield from _config_key(around, str(step.key))
        for table in _PORT_TABLES:
            if isinstance(around, Mapping) and around.get(table) is step.container:
                yield from _port_key(around, table, str(step.key))
    elif isinstance(step.value, str):
        parents = (root, *(one.value for one in spot.steps[:-1]))
        shape = _shape_around(spot, kind)
        type_ = chosen(step.type, step.value)
        leaf = Leaf(container=step.container, key=step.key, type=type_, shape=shape, parents=parents)
        yield from _names_of(leaf, root, kind)


def _shape_around(spot: Spot, kind: ArtifactKind) -> str:
    """Name of the shape of the innermost mapping around a spot; empty where its keys are the author's own."""
    for step in reversed(spot.steps[:-1]):
        match chosen(step.type, step.value):
            case m.Nested(shape=shape):
                return shape.name
            case m.Listing():
                continue
            case _:
                return ""
    return kind.shape.name


def ref_name_span(name: Name) -> Span:
    """The id in a reference, without kind, version and digest."""
    ref = parse_ref(name.text)
    if ref is None:
        return name.at
    start = name.at.start + (len(ref.kind) + 1 if ref.kind else 0)
    return Span(source=name.at.source, start=start, end=start + len(ref.id))
