"""A graph as Mermaid, for pages that draw it themselves."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.pictures.graph import Box, Graph, Link
from rsppc.pictures.palette import DASHES, LIGHT
from rsppc.pictures.words import visible

_ZONES = {"session": "session", "turn": "turn"}
_ARROWS = {"data": "-->", "control": "-.->", "telemetry": "-.->", "turn": "-.->"}


def graph_mermaid(graph: Graph) -> str:
    """The graph as a flowchart. Boxes and links are in the order of their ids."""
    names = {box.id: f"n{index}" for index, box in enumerate(graph.boxes)}
    lines = [f"%% Graph of {_comment(graph.ref)}", "flowchart TB"]
    for zone in _ZONES:
        boxes = [box for box in graph.boxes if box.scope == zone]
        if boxes:
            lines.append(f'  subgraph zone_{zone}["{zone}"]')
            lines.extend(f'    {names[box.id]}["{_box(box)}"]' for box in boxes)
            lines.append("  end")
    lines.extend(_links(graph, names))
    lines.extend(_styles(graph, names))
    return "\n".join(lines) + "\n"


def _box(box: Box) -> str:
    number = f"({box.mark.number}) " if box.mark is not None else ""
    return f"{number}{'<br/>'.join(_text(line.text) for line in box.lines)}"


def _links(graph: Graph, names: dict[str, str]) -> Iterator[str]:
    for link in graph.links:
        said = "<br/>".join([*_number(link), *(_text(line.text) for line in link.lines)])
        label = f'|"{said}"|' if said else ""
        yield f"  {names[link.source]} {_ARROWS[link.kind]}{label} {names[link.target]}"
    for source, target, on in graph.fallbacks:
        label = f'|"fallback{_text(f" on {on}" if on else "")}"|'
        yield f"  {names[source]} -.->{label} {names[target]}"


def _number(link: Link) -> list[str]:
    return [f"({link.mark.number})"] if link.mark is not None else []


def _styles(graph: Graph, names: dict[str, str]) -> Iterator[str]:
    kinds = [*(link.kind for link in graph.links), *("fallback" for _ in graph.fallbacks)]
    for kind in DASHES:
        numbers = [str(index) for index, one in enumerate(kinds) if one == kind]
        if numbers:
            dash = f",stroke-dasharray:{DASHES[kind]}" if DASHES[kind] else ""
            color = LIGHT["soft" if kind == "turn" else kind]
            yield f"  linkStyle {','.join(numbers)} stroke:{color}{dash}"
    for name, style, chosen in (
        ("critical", f"stroke:{LIGHT['critical']},stroke-width:3px", [one for one in graph.boxes if one.mark]),
        ("optional", "stroke-dasharray:5 4", [one for one in graph.boxes if one.optional]),
    ):
        if chosen:
            yield f"  classDef {name} {style}"
            yield f"  class {','.join(names[box.id] for box in chosen)} {name}"


def _text(text: str) -> str:
    """A text in quotes. Mermaid reads entities with `#`, and Markdown and HTML in what is left."""
    return "".join(one if one.isalnum() or one in " _-.,:/?()≤→…" else f"#{ord(one)};" for one in visible(text))


def _comment(text: str) -> str:
    return "".join(one if one not in "{}" else " " for one in visible(text))
