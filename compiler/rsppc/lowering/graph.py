"""Nodes, edges and turns: what PipelineSpecs, modules and insert rules have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.ir.program import CancelPlace, Condition, Edge, End, Fallback, Node, Turns
from rsppc.ir.setting import Origin, Setting
from rsppc.syntax.document import Item, Key, Mapping, Sequence

OriginOf = Callable[[Literal["node", "edge", "pipeline"], Any, Any], Origin]
"""Makes the origin of a value: who wrote it is known to the caller, where it stands is told by container and key."""

_EDGE_SETTINGS = (
    "delivery",
    "at_most_once",
    "pre_roll_ms",
    "otherwise",
    "priority",
    "feedback",
    "max_rounds",
    "when",
)


class DuplicateNode(Diagnostic):
    """Nodes are addressed by their name, so that two of one name could not be told apart."""

    code = "RSP2201"
    name = "duplicate-node"
    headline = "there are two nodes `{subject}`"
    hint = "rename one of them"


def lower_nodes(items: Any, origin: OriginOf, sink: DiagnosticSink) -> tuple[Node, ...]:
    """The nodes of a list, in the order written; of two with one name the first."""
    nodes: dict[str, Node] = {}
    for item in items or ():
        node = lower_node(item, origin)
        if node is None:
            continue
        if node.id in nodes:
            related = (Related(at=nodes[node.id].place.span(), text="the first one is here"),)
            sink.report(DuplicateNode(at=node.place.span(), subject=node.id, related=related))
        else:
            nodes[node.id] = node
    return tuple(nodes.values())


def lower_node(item: Mapping, origin: OriginOf) -> Node | None:
    """A node; None where its name is missing, which has been reported then. A type that is missing is empty."""
    node_id, type_name = item.get("node_id"), item.get("node_type", "")
    if node_id is None:
        return None
    config = item.get("config")
    lifecycle = item.get("lifecycle")
    return Node(
        id=node_id,
        type_name=type_name,
        place=Item(container=item, key="node_id"),
        config=_settings("node", config, origin) if config else {},
        setting=Setting(value=type_name, origin=origin("node", item, "node_type")),
        provider=_setting_or_none("node", item, "provider", origin),
        budget_ms=_setting_or_none("node", item, "budget_ms", origin),
        fallback=_fallback(item),
        lifecycle=_settings("node", lifecycle, origin) if lifecycle else {},
    )


def _settings(section: Literal["node", "edge"], mapping: Mapping, origin: OriginOf) -> dict[str, Setting]:
    return {key: Setting(value=value, origin=origin(section, mapping, key)) for key, value in mapping.items()}


def _setting_or_none(section: Literal["node"], item: Mapping, key: str, origin: OriginOf) -> Setting | None:
    return Setting(value=item[key], origin=origin(section, item, key)) if key in item else None


def _fallback(item: Mapping) -> Fallback | None:
    fallback = item.get("fallback")
    if not fallback or "to" not in fallback:
        return None
    return Fallback(to=fallback["to"], on=tuple(fallback.get("on") or ()), place=Item(container=fallback, key="to"))


def lower_edges(items: Any, origin: OriginOf) -> tuple[Edge, ...]:
    """The edges of a list, in the order written."""
    return tuple(_lower_edge(item, origin) for item in items or () if "from" in item and "to" in item)


def _lower_edge(item: Mapping, origin: OriginOf) -> Edge:
    source, target = lower_end(item, "from"), lower_end(item, "to")
    if len(item) == 2:
        return Edge(source=source, target=target, origin=_edge_origin(item, source, target, origin))
    buffer = item.get("buffer")
    return Edge(
        source=source,
        target=target,
        origin=_edge_origin(item, source, target, origin),
        settings={
            key: Setting(value=item[key], origin=origin("edge", item, key)) for key in _EDGE_SETTINGS if key in item
        },
        buffer=_settings("edge", buffer, origin) if buffer else {},
        when=lower_condition(item, "when"),
        otherwise=item.get("otherwise"),
        priority=item.get("priority"),
        feedback=item.get("feedback", False),
        max_rounds=item.get("max_rounds"),
        stated_type=Setting(value=item["type"], origin=origin("edge", item, "type")) if "type" in item else None,
    )


def _edge_origin(item: Mapping, source: End, target: End, origin: OriginOf) -> Setting:
    return Setting(value=f"{source}->{target}", origin=origin("edge", item, "from"))


def lower_end(item: Mapping, key: str) -> End:
    """An end of an edge, `node.port` or `node`."""
    node, _, port = item[key].partition(".")
    return End(node=node, port=port or None, place=Item(container=item, key=key))


def lower_condition(item: Mapping, key: str) -> Condition | None:
    """A condition; its text is judged later, when it is known what it may speak of."""
    text = item.get(key)
    return None if text is None else Condition(text=text, place=Item(container=item, key=key))


def lower_turns(mapping: Mapping | None, root: Mapping, origin: OriginOf) -> Turns:
    """Who opens, commits and cancels turns; empty where the source does not say."""
    if mapping is None:
        return Turns(owner=None, cancels=(), place=Item(container=root, key="pipeline_id"))
    cancels = [
        _cancel_place(item, kind, origin)
        for kind in ("barge_in", "cancel_from")
        for item in mapping.get(kind) or ()
        if "from" in item
    ]
    owner = lower_end(mapping, "owner") if "owner" in mapping else None
    return Turns(owner=owner, cancels=tuple(cancels), place=Key(container=root, key="turns"))


def _cancel_place(item: Mapping, kind: Any, origin: OriginOf) -> CancelPlace:
    speech = item.get("min_speech_ms")
    unless = item.get("unless") or Sequence()
    return CancelPlace(
        source=lower_end(item, "from"),
        kind=kind,
        when=lower_condition(item, "when"),
        min_speech_ms=Setting(value=speech, origin=origin("pipeline", item, "min_speech_ms")) if speech else None,
        unless=tuple((node, Item(container=unless, key=index)) for index, node in enumerate(unless)),
    )
