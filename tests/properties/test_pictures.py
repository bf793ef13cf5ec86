"""What holds of every picture: nothing lies on anything else, links have ways, texts fit and are escaped."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from time import process_time
from typing import Any
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.pictures.dot import graph_dot
from rsppc.pictures.graph import Graph, graph_of
from rsppc.pictures.layout import Layout, Rect, Way, layout
from rsppc.pictures.mermaid import graph_mermaid
from rsppc.pictures.resolved import Resolved, read
from rsppc.pictures.sheet import Box, Port, Wire
from rsppc.pictures.svg import drawing, graph_svg
from rsppc.pictures.text_width import fitted, text_width, wrapped

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = ("<script>alert(1)</script>", 'x"y', "a & b", "]]>", "{{ x }}", "\\n", "a\x00b", "%%{init}%%")
NAMES = st.text(min_size=1, max_size=40) | st.sampled_from([*HOSTILE, "нода", "節点", "\u202eabc"])


@st.composite
def sheets(draw: st.DrawFn) -> tuple[list[Box], list[Wire]]:
    """Boxes of all sizes, and wires between any two of them, several and circles too."""
    count = draw(st.integers(1, 14))
    ids = [f"b{index}" for index in range(count)]
    ports = [Port(name="a", width=40), Port(name="b", width=60)]
    beside = draw(st.sets(st.integers(1, count - 1))) if count > 1 and draw(st.booleans()) else set()
    boxes = [
        Box(
            id=name,
            width=2 * draw(st.integers(50, 140)),
            height=draw(st.integers(30, 120)),
            zone=0 if index in beside or index + 1 in beside else draw(st.integers(0, 1)),
            inputs=tuple(ports),
            outputs=tuple(ports),
            beside=(ids[index + 1],) if index + 1 in beside and index not in beside else (),
        )
        for index, name in enumerate(ids)
    ]
    taken = {one for box in boxes for one in box.beside}
    free = [name for name in ids if name not in taken]
    ends = st.tuples(st.sampled_from(free), st.sampled_from("ab"), st.sampled_from(free), st.sampled_from("ab"))
    wires = [
        Wire(
            id=f"w{index}",
            source=source,
            source_port=out,
            target=target,
            target_port=into,
            width=draw(st.integers(0, 200)),
            height=draw(st.sampled_from([0, 19, 49])),
            loop=draw(st.booleans()),
            straight=draw(st.booleans()),
        )
        for index, (source, out, target, into) in enumerate(draw(st.lists(ends, max_size=24)))
    ]
    return boxes, wires


def overlap(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def points(way: Way) -> Iterator[tuple[float, float]]:
    """Points along a way, close to each other."""
    x, y = float(way.x), float(way.y)
    for piece in way.pieces:
        for step in range(17):
            t = step / 16
            if piece.kind == "line":
                yield x + (piece.x - x) * t, y + (piece.y - y) * t
            else:
                a, b, c, d = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
                yield (a + b) * x + (c + d) * piece.x, a * y + (b + c) * piece.bend + d * piece.y
        x, y = piece.x, piece.y


def check(boxes: list[Box], wires: list[Wire], found: Layout) -> None:
    rects = list(found.boxes.items())
    assert set(found.boxes) == {box.id for box in boxes}
    assert set(found.ways) == {wire.id for wire in wires}
    for index, (name, rect) in enumerate(rects):
        assert rect.x >= 0 and rect.x + rect.width <= found.width
        assert rect.y >= 0 and rect.y + rect.height <= found.height
        for other, where in rects[index + 1 :]:
            assert not overlap(rect, where), (name, other)
    labels = [(wire.id, way.label) for wire in wires if (way := found.ways[wire.id]).label is not None]
    for index, (name, label) in enumerate(labels):
        for other, where in [*rects, *labels[index + 1 :]]:
            assert label is not None and where is not None
            assert not overlap(label, where), (name, other)
    for wire in wires:
        check_way(wire, found)


def check_way(wire: Wire, found: Layout) -> None:
    """A wire leaves its output, arrives at its input, and runs through no box and no label of another wire."""
    way = found.ways[wire.id]
    source, target = found.boxes[wire.source], found.boxes[wire.target]
    assert (way.x, way.y) == (found.outputs[wire.source][wire.source_port], source.y + source.height)
    assert (way.pieces[-1].x, way.pieces[-1].y) == (found.inputs[wire.target][wire.target_port], target.y)
    for x, y in points(way):
        assert 0 <= x <= found.width and 0 <= y <= found.height
        for name, rect in found.boxes.items():
            inside = rect.x < x < rect.x + rect.width and rect.y < y < rect.y + rect.height
            assert not inside, (wire.id, name)


@given(sheets())
@settings(max_examples=150, deadline=None)
def test_no_boxes_overlap_and_wires_run_around_them(sheet: tuple[list[Box], list[Wire]]) -> None:
    boxes, wires = sheet
    check(boxes, wires, layout(boxes, wires))


@given(sheets())
@settings(max_examples=40, deadline=None)
def test_zones_hold_their_boxes_and_no_others(sheet: tuple[list[Box], list[Wire]]) -> None:
    boxes, wires = sheet
    found = layout(boxes, wires)
    beside = {one for box in boxes for one in box.beside}
    for box in boxes:
        if box.id in beside:
            continue
        for zone, rect in found.zones.items():
            assert overlap(found.boxes[box.id], rect) == (zone == box.zone)


@given(sheets())
@settings(max_examples=25, deadline=None)
def test_a_layout_is_the_same_every_time(sheet: tuple[list[Box], list[Wire]]) -> None:
    assert layout(*sheet) == layout(*sheet)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """ResolvedSpecs with hostile names, with all kinds of edges and fallbacks."""
    names = draw(st.lists(NAMES, min_size=1, max_size=7, unique=True))
    name = st.sampled_from(names)
    nodes = {
        one: {
            "node_type": draw(NAMES),
            "scope": draw(st.sampled_from(["session", "turn"])),
            **({"provider": draw(NAMES)} if draw(st.booleans()) else {}),
            **({"fallback": {"to": draw(name), "on": [draw(NAMES)]}} if draw(st.booleans()) else {}),
        }
        for one in names
    }
    edges: dict[str, Any] = {}
    for _ in range(draw(st.integers(0, 8))):
        source, target = f"{draw(name)}.{draw(NAMES)}", f"{draw(name)}.{draw(NAMES)}"
        edges[f"{source}->{target}"] = {
            "from": source,
            "to": target,
            "lane": draw(st.sampled_from(["DataLane", "ControlLane", "TelemetryLane"])),
            "type": draw(NAMES),
            "buffer": {"max_queue_items": draw(st.integers(0, 10**9))},
            "feedback": draw(st.booleans()),
            **({"when": {"text": draw(NAMES)}} if draw(st.booleans()) else {}),
        }
    steps = [{"subject": one, "p50_ms": draw(st.integers(0, 9999))} for one in draw(st.permutations([*edges, *names]))]
    return {
        "bundle_id": draw(NAMES),
        "version": "v1",
        "effective_nodes": nodes,
        "effective_edges": edges,
        "analysis": {"latency": {"e2e": {"steps": steps}}},
        "turns": {"owner": f"{names[0]}.turn", "barge_in": [{"from": f"{names[-1]}.x", "unless": names[:1]}]},
    }


def graph(spec: dict[str, Any]) -> Graph:
    return graph_of(read(spec, Resolved))


@given(specs())
@settings(max_examples=80, deadline=None)
def test_every_text_fits_into_its_box(spec: dict[str, Any]) -> None:
    drawn = drawing(graph(spec))
    for box in drawn.graph.boxes:
        rect = drawn.layout.boxes[box.id]
        for line in drawn.boxes[box.id]:
            size = 14 if line.tone == "name" else 11
            assert text_width(line.text, size, bold=line.tone in ("name", "mark")) <= rect.width - 12, line
    for link in drawn.graph.links:
        label = drawn.layout.ways[link.id].label
        assert (label is not None) == bool(drawn.labels[link.id])
        for line in drawn.labels[link.id] if label is not None else ():
            assert text_width(line.text, 11, bold=line.tone == "mark") <= label.width


@given(specs())
@settings(max_examples=80, deadline=None)
def test_whatever_things_are_called_the_picture_is_sound(spec: dict[str, Any]) -> None:
    svg = graph_svg(graph(spec))
    root = ElementTree.fromstring(svg)
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "style", "defs", "marker", "path", "rect", "circle", "text", "g"}
    for element in root.iter():
        assert not any(name.startswith("on") or name.endswith(("href", "src")) for name in element.attrib)
    ids = [element.attrib["id"] for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert all(url in {f"#{one}" for one in ids} for url in re.findall(r"url\((.*?)\)", svg))


@given(specs())
@settings(max_examples=80, deadline=None)
def test_texts_for_other_programs_keep_names_within_their_quotes(spec: dict[str, Any]) -> None:
    for line in graph_mermaid(graph(spec)).splitlines()[1:]:
        assert re.fullmatch(r'[^"]*("[^"<>{}\[\]|`\\]*(<br/>[^"<>{}\[\]|`\\]*)*"[^"]*)?', line), line
    for line in graph_dot(graph(spec)).splitlines():
        assert re.fullmatch(r'([^"]|"([^"\\]|\\.)*")*', line), line


@given(NAMES, st.integers(20, 300), st.sampled_from([10, 11, 14]))
def test_what_is_cut_fits(text: str, most: int, size: int) -> None:
    assert text_width(fitted(text, most, size), size) <= max(most, text_width(f"{text[:1]}…", size))
    lines = wrapped(text, most, size, 3)
    assert 1 <= len(lines) <= 3
    assert all(text_width(line, size) <= max(most, text_width(f"{line[:1]}…", size)) for line in lines)


def test_three_hundred_nodes_take_less_than_two_seconds() -> None:
    """Branches that split and join, then all nodes in a row as well, so that links cross hundreds of rows."""
    names = [f"node_{index:03}" for index in range(300)]
    ends = [(names[index // 2], name) for index, name in enumerate(names) if index]
    ends += [(names[index], names[index + 97]) for index in range(0, 200, 3)]
    chain = list(itertools.pairwise(names))
    for pairs in (ends, ends[::3] + chain):
        edges = [{"from": f"{a}.o{n}", "to": f"{b}.i{n}", "type": "text<final>"} for n, (a, b) in enumerate(pairs)]
        spec = {
            "bundle_id": "wide",
            "version": "v1",
            "effective_nodes": {name: {"node_type": "text.normalizer", "scope": "turn"} for name in names},
            "effective_edges": {f"{edge['from']}->{edge['to']}": edge for edge in edges},
        }
        started = process_time()
        svg = graph_svg(graph(spec))
        assert process_time() - started < 2
        assert svg.count('<path class="g-wire') >= len(edges)
