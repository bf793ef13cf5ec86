"""A graph as DOT, for Graphviz."""

from __future__ import annotations

from rsppc.pictures.graph import Box, Graph, Link, Mark
from rsppc.pictures.palette import LIGHT
from rsppc.pictures.words import visible

_STYLES = {"data": "solid", "control": "dashed", "telemetry": "dotted", "turn": "dotted", "fallback": "dashed"}
_ZONES = {"session": "session", "turn": "turn"}


def graph_dot(graph: Graph) -> str:
    """The graph as a directed graph with a cluster per scope."""
    names = {box.id: f"n{index}" for index, box in enumerate(graph.boxes)}
    lines = [
        f"digraph {_quoted(graph.ref)} {{",
        '  graph [rankdir=TB, fontname="sans-serif"]',
        f'  node [shape=box, style=rounded, fontname="sans-serif", color="{LIGHT["box-line"]}"]',
        '  edge [fontname="sans-serif", fontsize=10]',
    ]
    for zone in _ZONES:
        boxes = [box for box in graph.boxes if box.scope == zone]
        if boxes:
            lines.append(f"  subgraph cluster_{zone} {{")
            lines.append(f'    label="{zone}"; style=filled; color="{LIGHT[zone]}"')
            lines.extend(f"    {names[box.id]} [{_box(box)}]" for box in boxes)
            lines.append("  }")
    lines.extend(f"  {names[link.source]} -> {names[link.target]} [{_link(link)}]" for link in graph.links)
    for source, target, on in graph.fallbacks:
        label = _quoted(f"fallback on {on}" if on else "fallback")
        style = f'style=dashed, arrowhead=empty, color="{LIGHT["fallback"]}", constraint=false'
        lines.append(f"  {names[source]} -> {names[target]} [label={label}, {style}]")
    return "\n".join([*lines, "}", ""])


def _box(box: Box) -> str:
    said = [f"label={_quoted(*_number(box.mark), *(line.text for line in box.lines))}"]
    if box.optional:
        said.append('style="rounded,dashed"')
    if box.mark is not None:
        said.append(f'color="{LIGHT["critical"]}", penwidth=2')
    return ", ".join(said)


def _link(link: Link) -> str:
    color = LIGHT["soft" if link.kind == "turn" else link.kind]
    said = [f"label={_quoted(*_number(link.mark), *(line.text for line in link.lines))}"]
    said.append(f'style={_STYLES[link.kind]}, color="{color}"')
    if link.mark is not None:
        said.append("penwidth=2")
    if link.loop:
        said.append("constraint=false")
    return ", ".join(said)


def _number(mark: Mark | None) -> list[str]:
    return [f"({mark.number})"] if mark is not None else []


def _quoted(*lines: str) -> str:
    """Lines in quotes. Graphviz reads escapes and entities in labels."""
    text = "\\n".join(
        one.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;") for one in map(visible, lines)
    )
    return f'"{text}"'
