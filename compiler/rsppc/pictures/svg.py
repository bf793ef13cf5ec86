"""A graph as SVG: no scripts, no fonts, nothing from elsewhere, and a text for those who do not see it."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.record import Record
from rsppc.pictures import sheet
from rsppc.pictures.graph import LANE_WORDS, Box, Graph, Line, Link
from rsppc.pictures.layout import Layout, Rect, Way, layout
from rsppc.pictures.palette import DASHES, Theme, style
from rsppc.pictures.ranks import ranking
from rsppc.pictures.text_width import fitted, text_width, wrapped
from rsppc.pictures.words import visible

BOXES_MAX = 1000
"""More than so many nodes are no picture that anybody reads."""
_CROSSED_MAX = 60_000
"""Nor is one whose links cross more rows than this in all, and laying it out would take long."""

_SIZES = {"name": 14, "port": 10}
_HEIGHTS = {"name": 19}
_LINE, _PORT_LINE = 15, 14
_PADDING = 12
_BOX_TEXT_MAX, _LABEL_TEXT_MAX = 230, 220
_WRAPPED_MAX = 3
_BADGE = 9
_ZONES = {"session": 0, "turn": 1}
_ZONE_NAMES = {number: name for name, number in _ZONES.items()}
_ZONE_WORDS = {"session": "session: the whole call", "turn": "turn: new each turn"}
_HEAD, _LEGEND = 46, 62


class Drawing(Record):
    """A graph with the texts that are drawn, and where all of it is."""

    graph: Graph
    boxes: dict[str, tuple[Line, ...]]
    """Lines of every box, cut to fit."""
    labels: dict[str, tuple[Line, ...]]
    ports: dict[tuple[str, str], str]
    """Shown names of ports."""
    layout: Layout


def drawing(graph: Graph) -> Drawing:
    """Lay a graph out."""
    lines = {box.id: _cut(box.lines, _BOX_TEXT_MAX) for box in graph.boxes}
    labels = {link.id: _cut(link.lines, _LABEL_TEXT_MAX) for link in graph.links}
    names = {port for box in graph.boxes for port in (*box.inputs, *box.outputs)}
    ports = {name: fitted(visible(name), 110, 10) for name in names}
    boxes = [_sized(box, lines[box.id], ports) for box in graph.boxes]
    wires = [_wire(link, labels[link.id]) for link in graph.links]
    shown = {(box.id, port): ports[port] for box in graph.boxes for port in (*box.inputs, *box.outputs)}
    return Drawing(graph=graph, boxes=lines, labels=labels, ports=shown, layout=layout(boxes, wires))


def is_too_large(graph: Graph) -> bool:
    """Whether a graph is too large for a picture."""
    if len(graph.boxes) > BOXES_MAX:
        return True
    wires = {link.id: (link.source, link.target) for link in graph.links}
    found = ranking([box.id for box in graph.boxes], wires, [link.id for link in graph.links if link.loop])
    crossed = sum(abs(found.ranks[target] - found.ranks[source]) for source, target in wires.values())
    return crossed > _CROSSED_MAX


class Picture(Record):
    """An SVG and its width."""

    text: str
    width: int


def graph_svg(graph: Graph, theme: Theme = "auto") -> str:
    """The picture as a file of its own."""
    return graph_picture(graph, theme).text


def graph_picture(graph: Graph, theme: Theme = "auto", *, inline: bool = False) -> Picture:
    """The picture. `inline` is for a page that has the style sheet, and shows the title, itself."""
    drawn = drawing(graph)
    place = drawn.layout
    width = max(
        place.width, _legend_width(drawn), 0 if inline else text_width(visible(_heading(graph)), 14, bold=True) + 36
    )
    top = 0 if inline else _HEAD
    height = top + place.height + _LEGEND
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="g" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-labelledby="g-title g-desc">',
        f'<title id="g-title">{escaped(_heading(graph))}</title>',
        f'<desc id="g-desc">{escaped(description(graph))}</desc>',
        *([] if inline else [f"<style>\n{style(theme)}</style>"]),
        _markers(),
        *([] if inline else [f'<rect class="g-page" width="{width}" height="{height}"/>']),
        *([] if inline else [f'<text class="g-head" x="18" y="30">{escaped(_heading(graph))}</text>']),
        f'<g transform="translate({(width - place.width) // 2} {top})">',
        *_zones(drawn),
        *_wires(drawn),
        *_zone_names(drawn),
        *_fallbacks(drawn),
        *_boxes(drawn),
        *_labels(drawn),
        "</g>",
        *_legend(drawn, top + place.height),
        "</svg>",
    ]
    return Picture(text="\n".join(parts) + "\n", width=width)


def _heading(graph: Graph) -> str:
    return f"Graph of {graph.ref}"


def description(graph: Graph) -> str:
    """The graph in words, for those who do not see it."""
    said = [f"{len(graph.boxes)} nodes and {len(graph.links)} links."]
    if graph.route is not None:
        total = graph.route.path
        said.append(f"The slowest path, {graph.route.title}, takes {_total(total.p50_ms, total.p95_ms)}.")
    said += [f"{link.title}." for link in graph.links]
    said += [f"{source} falls back to {target}{f' on {on}' if on else ''}." for source, target, on in graph.fallbacks]
    return " ".join(said)


def _total(p50: int | None, p95: int | None) -> str:
    return ", ".join(
        f"{name} unproved" if value is None else f"{name} {value} ms" for name, value in (("p50", p50), ("p95", p95))
    )


def escaped(text: str) -> str:
    """A text for XML and HTML, between tags and in quoted attributes."""
    text = visible(text)
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#39;")):
        text = text.replace(sign, entity)
    return text


# --- Sizes -----------------------------------------------------------------------------------------------------------


def _cut(lines: tuple[Line, ...], most: int) -> tuple[Line, ...]:
    """Lines that fit. What may be long, and what names alone do not tell, takes several."""
    cut: list[Line] = []
    for line in lines:
        if line.tone in ("when", "cancel", "provider"):
            cut.extend(Line(text=text, tone=line.tone) for text in wrapped(line.text, most, 11, _WRAPPED_MAX))
        else:
            cut.append(Line(text=fitted(line.text, most, _size(line), bold=_is_bold(line)), tone=line.tone))
    return tuple(cut)


def _size(line: Line) -> int:
    return _SIZES.get(line.tone, 11)


def _is_bold(line: Line) -> bool:
    return line.tone in ("name", "mark")


def _width(line: Line) -> int:
    return text_width(line.text, _size(line), bold=_is_bold(line))


def _height(lines: tuple[Line, ...]) -> int:
    return sum(_HEIGHTS.get(line.tone, _LINE) for line in lines)


def _sized(box: Box, lines: tuple[Line, ...], ports: dict[str, str]) -> sheet.Box:
    inputs, outputs = (
        tuple(sheet.Port(name=name, width=text_width(ports[name], 10) + 14) for name in names)
        for names in (box.inputs, box.outputs)
    )
    widest = max(_width(line) for line in lines) + 2 * _PADDING
    widest = max(widest, *(sum(port.width for port in side) + 12 for side in (inputs, outputs)), 96)
    rows = sum(_PORT_LINE for side in (box.inputs, box.outputs) if any(side))
    return sheet.Box(
        id=box.id,
        width=widest + widest % 2,
        height=_height(lines) + rows + 12,
        zone=_ZONES[box.scope],
        inputs=inputs,
        outputs=outputs,
        beside=box.beside,
    )


def _wire(link: Link, lines: tuple[Line, ...]) -> sheet.Wire:
    width = max((_width(line) for line in lines), default=0)
    return sheet.Wire(
        id=link.id,
        source=link.source,
        source_port=link.source_port,
        target=link.target,
        target_port=link.target_port,
        width=width + 14 + (2 * _BADGE + 4 if link.mark is not None else 0) if lines else 0,
        height=_height(lines) + 4 if lines else 0,
        loop=link.loop,
        straight=link.mark is not None or link.kind == "turn",
    )


# --- Parts -----------------------------------------------------------------------------------------------------------


def _markers() -> str:
    heads = "".join(
        f'<marker id="g-{kind}-arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="9" markerHeight="9" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path class="g-{kind}-head" d="M0 1 L9.5 5 L0 9 z"/></marker>'
        for kind in DASHES
    )
    return f"<defs>{heads}</defs>"


def _zones(drawn: Drawing) -> Iterator[str]:
    for number, rect in drawn.layout.zones.items():
        yield f'<rect class="g-{_ZONE_NAMES[number]}" {_rect(rect)} rx="12"/>'


def _zone_names(drawn: Drawing) -> Iterator[str]:
    """The names of zones, with a rim, as wires may pass behind them."""
    for number, rect in drawn.layout.zones.items():
        name = _ZONE_NAMES[number]
        shown = fitted(_ZONE_WORDS[name], max(40, rect.width - 24), 12, bold=True)
        # Wires come into the second zone from the left, so that its name stands at the right.
        at = f'x="{rect.x + rect.width - 12}" text-anchor="end"' if number else f'x="{rect.x + 12}"'
        yield f'<text class="g-zone g-in-{name}" {at} y="{rect.y + 18}">{escaped(shown)}</text>'


def _rect(rect: Rect) -> str:
    return f'x="{rect.x}" y="{rect.y}" width="{rect.width}" height="{rect.height}"'


def _wires(drawn: Drawing) -> Iterator[str]:
    marked = [link for link in drawn.graph.links if link.mark is not None or link.kind == "turn"]
    for link in marked:
        yield f'<path class="g-halo" d="{path_of(drawn.layout.ways[link.id])}"/>'
    for link in drawn.graph.links:
        dash = f' stroke-dasharray="{DASHES[link.kind]}"' if DASHES[link.kind] else ""
        group = "g-turns" if link.kind == "turn" else f"g-{link.kind}"
        yield (
            f'<path class="g-wire {group}" d="{path_of(drawn.layout.ways[link.id])}"{dash} '
            f'marker-end="url(#g-{link.kind}-arrow)"><title>{escaped(link.title)}</title></path>'
        )


def path_of(way: Way) -> str:
    """A way as the data of an SVG path."""
    parts = [f"M{way.x} {way.y}"]
    x = way.x
    for piece in way.pieces:
        if piece.kind == "line":
            parts.append(f"L{piece.x} {piece.y}")
        else:
            parts.append(f"C{x} {piece.bend} {piece.x} {piece.bend} {piece.x} {piece.y}")
        x = piece.x
    return " ".join(parts)


def _fallbacks(drawn: Drawing) -> Iterator[str]:
    """Dashed arrows from nodes to what takes over, in the gap between boxes that stand beside each other."""
    beside = {one for box in drawn.graph.boxes for one in box.beside}
    for source, target, on in drawn.graph.fallbacks:
        if target not in beside:
            continue  # said in words on the box
        first, second = drawn.layout.boxes[source], drawn.layout.boxes[target]
        if second.x < first.x or first.y + first.height <= second.y or second.y + second.height <= first.y:
            continue
        y = max(first.y, second.y) + min(first.height, second.height) // 2
        title = escaped(f"{source} falls back to {target}{f' on {on}' if on else ''}")
        yield (
            f'<path class="g-wire g-fallback" d="M{first.x + first.width} {y} L{second.x} {y}" '
            f'stroke-dasharray="{DASHES["fallback"]}" marker-end="url(#g-fallback-arrow)"><title>{title}</title></path>'
        )


def _boxes(drawn: Drawing) -> Iterator[str]:
    for box in drawn.graph.boxes:
        rect = drawn.layout.boxes[box.id]
        marks = (" g-critical" if box.mark is not None else "") + (" g-optional" if box.optional else "")
        middle = rect.x + rect.width // 2
        yield f"<g><title>{escaped(box.title)}</title>"
        yield f'<rect class="g-box{marks}" {_rect(rect)} rx="8"/>'
        y = rect.y + 6
        if any(box.inputs):
            yield from _port_row(drawn, box, drawn.layout.inputs[box.id], y + 9)
            y += _PORT_LINE
        for line in drawn.boxes[box.id]:
            y += _HEIGHTS.get(line.tone, _LINE)
            text = escaped(line.text)
            yield f'<text class="g-{line.tone}" x="{middle}" y="{y - 4}" text-anchor="middle">{text}</text>'
        if any(box.outputs):
            yield from _port_row(drawn, box, drawn.layout.outputs[box.id], rect.y + rect.height - 6)
        if box.mark is not None:
            yield from _badge(rect.x, rect.y, box.mark.number)
        yield "</g>"


def _port_row(drawn: Drawing, box: Box, ports: dict[str, int], y: int) -> Iterator[str]:
    for name, x in ports.items():
        if name:
            shown = escaped(drawn.ports[box.id, name])
            yield f'<text class="g-port" x="{x}" y="{y}" text-anchor="middle">{shown}</text>'


def _badge(x: int, y: int, number: int) -> Iterator[str]:
    yield f'<circle class="g-badge" cx="{x}" cy="{y}" r="{_BADGE}"/>'
    digits = min(len(str(number)), 3)
    smaller = f" g-digits-{digits}" if digits > 1 else ""
    yield f'<text class="g-badge-text{smaller}" x="{x}" y="{y + 5 - digits}" text-anchor="middle">{number}</text>'


def _labels(drawn: Drawing) -> Iterator[str]:
    for link in drawn.graph.links:
        rect = drawn.layout.ways[link.id].label
        if rect is None:
            continue
        x, y = rect.x + 14, rect.y + 2
        if link.mark is not None:
            yield from _badge(x + _BADGE + 1, rect.y + rect.height // 2, link.mark.number)
            x += 2 * _BADGE + 6
        for line in drawn.labels[link.id]:
            y += _HEIGHTS.get(line.tone, _LINE)
            yield f'<text class="g-{line.tone}" x="{x}" y="{y - 4}">{escaped(line.text)}</text>'


# --- Legend ----------------------------------------------------------------------------------------------------------


def _legend_entries(drawn: Drawing) -> list[tuple[str, str]]:
    """Kinds of links that are in the picture, with their names."""
    kinds = {link.kind for link in drawn.graph.links}
    entries: list[tuple[str, str]] = [(kind, words) for kind, words in LANE_WORDS.items() if kind in kinds]
    if drawn.graph.fallbacks:
        entries.append(("fallback", "fallback"))
    if "turn" in kinds:
        entries.append(("turn", "opens the turn"))
    if any(box.optional for box in drawn.graph.boxes):
        entries.append(("optional", "only where a rule says so"))
    return entries


def _legend_width(drawn: Drawing) -> int:
    entries = sum(text_width(words, 11) + 58 for _, words in _legend_entries(drawn)) + 36
    return max(entries, text_width(_route_words(drawn.graph), 11) + 66)


def _route_words(graph: Graph) -> str:
    if graph.route is None:
        return ""
    path = graph.route.path
    return f"slowest path, {graph.route.title}: {_total(path.p50_ms, path.p95_ms)}; each step with p50 / p95"


def _legend(drawn: Drawing, top: int) -> Iterator[str]:
    x, y = 18, top + 18
    for kind, words in _legend_entries(drawn):
        if kind == "optional":
            yield f'<rect class="g-box g-optional" x="{x}" y="{y - 8}" width="32" height="14" rx="4"/>'
        else:
            dash = f' stroke-dasharray="{DASHES[kind]}"' if DASHES[kind] else ""
            group = "g-turns" if kind == "turn" else f"g-{kind}"
            yield (f'<path class="g-wire {group}" d="M{x} {y} L{x + 34} {y}"{dash} marker-end="url(#g-{kind}-arrow)"/>')
        yield f'<text class="g-small" x="{x + 40}" y="{y + 4}">{escaped(words)}</text>'
        x += text_width(words, 11) + 58
    if drawn.graph.route is not None:
        yield from _badge(28, y + 25, 1)
        yield f'<text class="g-small" x="44" y="{y + 29}">{escaped(_route_words(drawn.graph))}</text>'
