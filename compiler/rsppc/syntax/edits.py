"""Edits that put nodes on an edge, in whatever way the author writes nodes and edges.

Order has no meaning in the lists of nodes and edges, so that new items go in front of an existing one: there the place
is certain, whatever follows. What an edit does is not believed: it is applied in memory and compiled.
"""

from __future__ import annotations

import json
import re

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Edit, NodeToInsert
from rsppc.syntax.document import Mapping, Sequence


def as_written(edit: Edit) -> Edit:
    """An edit in the way of its file: in JSON every text has quotes, and lines end as the others do."""
    edit = as_json(edit) if edit.at.source.path.endswith(".json") else edit
    if "\n" in edit.text and "\r\n" in edit.at.source.text:
        edit = Edit(at=edit.at, text=edit.text.replace("\r\n", "\n").replace("\n", "\r\n"))
    return edit


def as_json(edit: Edit) -> Edit:
    """The same in a file that holds JSON, which quotes every text."""
    if edit.at.start == edit.at.end or _JSON_VALUE.match(edit.text):
        return edit
    return Edit(at=edit.at, text=json.dumps(edit.text, ensure_ascii=False))


_JSON_VALUE = re.compile(r"[\[{\"]|(?:-?[0-9]+|true|false|null)\Z")


def nodes_on_edge(root: Mapping, edge: Mapping, inserts: tuple[NodeToInsert, ...]) -> tuple[Edit, ...]:
    """Edits of the source of `root` that lead an edge through new nodes; none where the layout is not a known one."""
    nodes, edges = root.get("nodes"), root.get("edges")
    if not isinstance(nodes, Sequence) or not isinstance(edges, Sequence) or not nodes or "to" not in edge:
        return ()
    if root.source.path.endswith(".rspp"):
        return _in_text_form(edge, inserts)
    position = next((index for index, one in enumerate(edges) if one is edge), None)
    if position is None:
        return ()
    steps = [f"{one.node_id}.{one.port}" for one in inserts]
    quote = '"' if root.source.path.endswith(".json") else ""
    new_nodes = [_flow(root.source, _node_entries(one)) for one in inserts]
    if _OF_THE_PRODUCER.isdisjoint(edge):
        # What is written on the edge stays on its last part, so that the new lines read from front to back.
        pairs, end, met = zip([edge["from"], *steps], steps, strict=False), "from", steps[-1]
    else:
        # Conditions speak of what the producer emits: the first part keeps them.
        pairs, end, met = zip(steps, [*steps[1:], edge["to"]], strict=True), "to", steps[0]
    new_edges = [_flow(root.source, (("from", source), ("to", target))) for source, target in pairs]
    return (
        _before(nodes, 0, new_nodes),
        _before(edges, position, new_edges),
        Edit(at=edge.value_span(end), text=f"{quote}{met}{quote}"),
    )


_OF_THE_PRODUCER = frozenset(("when", "otherwise", "priority", "feedback"))


def _node_entries(insert: NodeToInsert) -> tuple[tuple[str, object], ...]:
    return (("node_id", insert.node_id), ("node_type", insert.node_type), ("config", {insert.field: insert.value}))


def _flow(source: Source, entries: tuple[tuple[str, object], ...]) -> str:
    """A mapping on one line, as JSON or as YAML."""
    quote = '"' if source.path.endswith(".json") else ""

    def shown(value: object) -> str:
        if isinstance(value, dict):
            return _flow(source, tuple(value.items()))
        return str(value) if isinstance(value, int) else f"{quote}{value}{quote}"

    return "{" + ", ".join(f"{quote}{key}{quote}: {shown(value)}" for key, value in entries) + "}"


def _before(sequence: Sequence, index: int, items: list[str]) -> Edit:
    """Put items in front of one of a list: on lines of their own where the list has a line for each."""
    source = sequence.source
    start = sequence.at[2 * index]
    line_start = source.text.rfind("\n", 0, start) + 1
    lead = source.text[line_start:start]
    if lead.strip() == "-":
        text = "".join(f"{lead}{item}\n" for item in items)
        return Edit(at=Span(source=source, start=line_start, end=line_start), text=text)
    separator = f",\n{lead}" if not lead.strip() else ", "
    return Edit(at=Span(source=source, start=start, end=start), text="".join(item + separator for item in items))


def _in_text_form(edge: Mapping, inserts: tuple[NodeToInsert, ...]) -> tuple[Edit, ...]:
    source = edge.source
    line_start = source.text.rfind("\n", 0, edge.value_span("from").start) + 1
    line = source.line(source.location(line_start)[0])
    indent = line[: len(line) - len(line.lstrip(" "))]
    steps = [f"{one.node_id}.{one.port}" for one in inserts]
    nodes = [f"{indent}node {one.node_id} : {one.node_type} {{ {one.field} = {one.value} }}\n" for one in inserts]
    edges = [f"{indent}{one} -> {other}\n" for one, other in zip(steps, [*steps[1:], edge["to"]], strict=True)]
    return (
        Edit(at=Span(source=source, start=line_start, end=line_start), text="".join((*nodes, *edges))),
        Edit(at=edge.value_span("to"), text=steps[0]),
    )
