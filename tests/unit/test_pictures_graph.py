"""`rsppc graph`: what is drawn of a bundle, and how it is told apart.

Whether things overlap is a property (`tests/properties/test_pictures.py`); how pictures look is in `golden/graph/`.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from rsppc.pictures.dot import graph_dot
from rsppc.pictures.graph import Graph, Link, graph_of
from rsppc.pictures.mermaid import graph_mermaid
from rsppc.pictures.palette import DARK, DASHES, LIGHT, style
from rsppc.pictures.resolved import Resolved, Unreadable, read
from rsppc.pictures.svg import drawing, graph_svg, is_too_large
from rsppc.pictures.words import bytes_text, figures, short_type
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, make, rsppc, rsppc_here


def node(node_type: str, scope: str = "session", **more: Any) -> dict[str, Any]:
    return {"node_type": node_type, "scope": scope, **more}


def edge(source: str, target: str, **more: Any) -> dict[str, dict[str, Any]]:
    said = {"from": source, "to": target, "lane": "DataLane", "type": "text<final, lang=en>", **more}
    return {f"{source}->{target}": {**said, "buffer": {"strategy": "merge", "max_queue_items": 8, "max_queue_ms": 90}}}


def spec(**changes: Any) -> dict[str, Any]:
    """A small pipeline in which everything occurs once."""
    pii = node("safety.pii_redactor", "turn")
    into, out_of = edge("llm.text", "pii.text"), edge("pii.text", "tts.text")
    value: dict[str, Any] = {
        "bundle_id": "talk_bundle",
        "version": "v1",
        "effective_nodes": {
            "mic": node("transport.ingress"),
            "vad": node("speech.vad"),
            "llm": node("speech.llm", "turn", provider="llm-one", fallback={"to": "small", "on": ["timeout"]}),
            "small": node("speech.llm", "turn", provider="llm-two", fallback={"to": "tiny", "on": []}),
            "tiny": node("speech.llm", "turn"),
            "tts": node("speech.tts", "turn", turn_cancel="flush"),
            "meter": node("metrics.sink"),
        },
        "effective_edges": edge("mic.audio", "vad.audio", type="audio<codec=opus, rate_hz=22050, channels=2, lang=de>")
        | edge("vad.activity", "llm.go", lane="ControlLane")
        | edge("vad.text", "llm.prompt", when={"text": "event.sure"}, otherwise="drop")
        | edge("llm.text", "tts.text")
        | edge("tts.done", "llm.more", feedback=True, max_rounds=2)
        | edge("tts.levels", "meter.levels", lane="TelemetryLane"),
        "switches": {"vad.text": ["vad.text->llm.prompt"]},
        "turns": {"owner": "vad.turn", "barge_in": [{"from": "vad.barge_in", "min_speech_ms": 300, "unless": ["tts"]}]},
        "rules": {
            "insert": [
                {
                    "policy": "safe/v1",
                    "rule": "privacy",
                    "node_id": "pii",
                    "node": pii,
                    "replaces": "llm.text->tts.text",
                    "into": into["llm.text->pii.text"],
                    "out_of": out_of["pii.text->tts.text"],
                    "when": {"text": 'tenant.id == "clinic"'},
                }
            ],
            "provider": [{"policy": "safe/v1", "rule": "any", "nodes": ["llm"], "use": ["llm-one", "llm-three"]}],
        },
        "analysis": {
            "latency": {
                "node/mic": {"steps": [{"subject": "mic.audio", "p50_ms": 1, "p95_ms": 2}]},
                "e2e": {
                    "steps": [
                        {"subject": "mic.audio", "p50_ms": 20, "p95_ms": 25},
                        {"subject": "mic.audio->vad.audio", "p50_ms": 0, "p95_ms": 20},
                        {"subject": "vad.turn", "p50_ms": 400},
                        {"subject": "llm.text"},
                        {"subject": "llm.text->tts.text", "p50_ms": 0, "p95_ms": 20},
                        {"subject": "pii.text", "p50_ms": 1, "p95_ms": 5},
                        {"subject": "pii.text->tts.text", "p50_ms": 0, "p95_ms": 20},
                        {"subject": "tts.audio", "p50_ms": 100, "p95_ms": 150},
                    ],
                    "p50_ms": 521,
                },
            }
        },
    }
    return value | changes


def graph(**changes: Any) -> Graph:
    return graph_of(read(spec(**changes), Resolved))


def lines(found: Graph, name: str) -> list[str]:
    box = next(box for box in found.boxes if box.id == name)
    return [line.text for line in box.lines]


def link(found: Graph, name: str) -> Link:
    return next(link for link in found.links if link.id == name)


# --- What is drawn ---------------------------------------------------------------------------------------------------


def test_boxes_say_type_provider_and_what_else_may_serve() -> None:
    assert lines(graph(), "llm")[:3] == ["llm", "speech.llm", "llm-one (or llm-three)"]


def test_places_of_turns_and_cancels_are_named() -> None:
    found = graph()
    assert lines(found, "vad")[2:4] == ["opens turns", "barge-in after 300 ms of speech"]
    assert lines(found, "tts")[2:4] == ["no barge-in while it plays", "on cancel: flush"]


def test_links_say_type_and_bound() -> None:
    said = [line.text for line in link(graph(), "mic.audio->vad.audio").lines]
    assert said == ["audio opus 22.05 kHz 2 ch", "≤ 90 ms, 8 items", "0 / 20 ms"]


def test_conditions_and_loops_stand_on_their_links() -> None:
    found = graph()
    assert link(found, "vad.text->llm.prompt").lines[2].text == "when event.sure, else drop"
    assert link(found, "tts.done->llm.more").lines[2].text == "feedback, at most 2 rounds"
    assert link(found, "tts.done->llm.more").loop


def test_branches_of_a_switch_are_numbered_in_the_order_in_which_they_are_tried() -> None:
    edges = edge("vad.text", "llm.prompt", when={"text": "a"}) | edge("vad.text", "tts.text", otherwise=True)
    order = {"vad.text": ["vad.text->llm.prompt", "vad.text->tts.text"]}
    found = graph(effective_edges=edges, switches=order)
    assert link(found, "vad.text->llm.prompt").lines[2].text == "1. when a"
    assert link(found, "vad.text->tts.text").lines[2].text == "2. otherwise"


def test_the_path_is_numbered_and_goes_over_what_a_rule_puts_in() -> None:
    found = graph()
    numbers = {one.id: one.mark.number for one in (*found.boxes, *found.links) if one.mark is not None}
    assert numbers == {
        "mic": 1,
        "mic.audio->vad.audio": 2,
        "vad": 3,
        "llm": 4,
        "llm.text->pii.text": 5,
        "pii": 6,
        "pii.text->tts.text": 7,
        "tts": 8,
    }
    assert lines(found, "vad")[-1] == "400 / ? ms"
    assert lines(found, "llm")[-1] == "no figure"


def test_where_a_turn_opens_the_path_goes_on_without_an_edge() -> None:
    found = [link for link in graph().links if link.kind == "turn"]
    assert [(link.source, link.source_port, link.target) for link in found] == [("vad", "turn", "llm")]


def test_fallbacks_stand_beside_what_they_replace() -> None:
    drawn = drawing(graph())
    assert next(box.beside for box in drawn.graph.boxes if box.id == "llm") == ("small", "tiny")
    rects = [drawn.layout.boxes[name] for name in ("llm", "small", "tiny")]
    assert rects[0].x + rects[0].width < rects[1].x and rects[1].x + rects[1].width < rects[2].x
    assert drawn.graph.fallbacks == (("llm", "small", "timeout"), ("small", "tiny", ""))
    assert "for llm on timeout" in lines(drawn.graph, "small")


def test_what_a_rule_puts_in_is_told_apart_and_what_it_replaces_is_there() -> None:
    found = graph()
    assert [box.id for box in found.boxes if box.optional] == ["pii"]
    assert 'when tenant.id == "clinic"' in lines(found, "pii")
    assert not link(found, "llm.text->tts.text").optional


def test_nodes_that_may_stand_behind_each_other_are_joined_on_the_path(tmp_path: Path) -> None:
    """R-001-28: two rules put a node on one edge; the slowest path goes through both, over edges that are drawn."""
    rules = "".join(
        f"  - id: {name}\n    when: {when}\n    insert: {{node_id: {name}, node_type: safety.pii_redactor}}\n"
        "    between: {from: sentences.text, to: tts.text}\n"
        for name, when in (("first", "tenant.id == 'a'"), ("second", "session.region == 'eu'"))
    )
    policy = f"schema_version: rspp.policy.overlay.v1\npolicy_id: house\nversion: v1\ninsert_rules:\n{rules}"
    bundle = BUNDLE.replace("profile_ref: simple/v1\n", "profile_ref: simple/v1\npolicy_refs: [house/v1]\n")
    make(tmp_path, CLEAN, **{"pipelines/policies/house_v1.yaml": policy, BUNDLE_PATH: bundle})
    assert rsppc_here(tmp_path, "build", "--output", "out").returncode == 0
    (spec_file,) = (tmp_path / "out").rglob("resolved_spec.json")
    found = graph_of(read(json.loads(spec_file.read_text()), Resolved))
    assert found.route is not None
    steps = len(found.route.path.steps)
    marked = {one.mark.number: one for one in (*found.boxes, *found.links) if one.mark is not None}
    assert sorted(marked) == list(range(1, steps + 1))
    joined = [link.id for link in found.links if link.optional and link.mark is not None]
    assert sorted(joined) == ["first.text->second.text", "second.text->tts.text", "sentences.text->first.text"]


def test_a_loop_of_fallbacks_and_a_node_without_edges_do_no_harm() -> None:
    nodes = {name: node("x", fallback={"to": to, "on": []}) for name, to in (("a", "b"), ("b", "a"), ("c", "c"))}
    svg = graph_svg(graph_of(read(spec(effective_nodes=nodes, effective_edges={}, rules={}, analysis={}), Resolved)))
    assert all(f">{name}<" in svg for name in nodes)


def test_one_node_is_a_picture() -> None:
    value = {"bundle_id": "one", "version": "v1", "effective_nodes": {"x": node("t")}, "effective_edges": {}}
    found = graph_of(read(value, Resolved))
    assert ">x</text>" in graph_svg(found)
    assert 'n0["x<br/>t"]' in graph_mermaid(found)
    assert 'n0 [label="x\\nt"]' in graph_dot(found)


def test_what_is_not_a_resolved_spec_is_refused_with_its_place() -> None:
    with pytest.raises(Unreadable, match="effective_nodes"):
        read(spec(effective_nodes=[]), Resolved)


# --- Legible ---------------------------------------------------------------------------------------------------------


def luminance(color: str) -> float:
    parts = [int(color[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_texts_and_lines_stand_out_from_every_background(colors: dict[str, str]) -> None:
    for ground in ("page", "session", "turn", "box"):
        for text in ("text", "soft", "control", "cancel", "critical"):
            assert contrast(colors[text], colors[ground]) >= 4.5, (text, ground)
        for line in ("data", "control", "telemetry", "fallback", "critical"):
            assert contrast(colors[line], colors[ground]) >= 3, (line, ground)
    assert contrast(colors["critical-text"], colors["critical"]) >= 4.5


def test_kinds_of_links_differ_without_colour() -> None:
    assert len(set(DASHES.values())) == len(DASHES)
    svg = graph_svg(graph())
    for kind in ("control", "telemetry", "fallback", "turn"):
        assert f'stroke-dasharray="{DASHES[kind]}"' in svg


def test_themes_are_fixed_or_follow_the_reader() -> None:
    assert "prefers-color-scheme" in graph_svg(graph(), "auto")
    assert DARK["page"] not in graph_svg(graph(), "light")
    assert LIGHT["page"] not in graph_svg(graph(), "dark")
    assert "<" not in style("auto"), "every colour has a value"


def test_who_does_not_see_it_is_told_everything() -> None:
    svg = graph_svg(graph())
    assert '<title id="g-title">Graph of talk_bundle/v1</title>' in svg
    assert "vad.activity-&gt;llm.go, control lane" in svg[: svg.index("</desc>")]
    assert "llm falls back to small on timeout." in svg[: svg.index("</desc>")]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("audio<codec=pcm_s16le, rate_hz=16000, channels=1, lang=en>", "audio pcm_s16le 16 kHz"),
        ("audio<codec=opus, rate_hz=11025, channels=2>", "audio opus 11.025 kHz 2 ch"),
        ("text<partial|final, lang=en-US>", "text partial|final en-US"),
        ("record<rspp.tool_call.v1>", "record tool_call.v1"),
        ("control<turn>", "control turn"),
        ("unchecked", "unchecked"),
    ],
)
def test_types_are_shortened(text: str, short: str) -> None:
    assert short_type(text) == short


def test_bounds_in_bytes_are_never_rounded_down() -> None:
    assert [bytes_text(count) for count in (0, 1023, 1024, 262144, 2490368, 2**30 + 1, None)] == [
        "0 B",
        "1023 B",
        "1 KiB",
        "256 KiB",
        "2.4 MiB",
        "1.1 GiB",
        "unknown",
    ]
    assert figures(0, None) == "0 / ? ms"


def test_too_large_graphs_are_no_pictures() -> None:
    many = {f"n{index}": node("t") for index in range(1001)}
    assert is_too_large(graph(effective_nodes=many, effective_edges={}, rules={}, analysis={}))
    names = [f"n{index:03}" for index in range(600)]
    edges: dict[str, Any] = {}
    for one, other in itertools.pairwise(names):
        edges |= edge(f"{one}.o", f"{other}.i") | edge(f"{names[0]}.x", f"{other}.x")
    assert is_too_large(
        graph(effective_nodes=dict.fromkeys(names, node("t")), effective_edges=edges, rules={}, analysis={})
    )
    assert not is_too_large(graph())


# --- The command -----------------------------------------------------------------------------------------------------


def test_a_spec_and_what_is_built_of_it_give_the_same_picture(tmp_path: Path) -> None:
    make(tmp_path)
    rsppc_here(tmp_path, "build")
    compiled = rsppc_here(tmp_path, "graph", "line_bundle/v1")
    assert compiled.returncode == 0
    assert compiled.stdout == rsppc_here(tmp_path, "graph", "build/line_bundle/v1").stdout
    assert compiled.stdout == rsppc_here(tmp_path, "graph", "pipelines/bundles/line_bundle_v1.yaml").stdout


def test_the_output_appears_at_once_or_not_at_all(tmp_path: Path) -> None:
    make(tmp_path)
    done = rsppc_here(tmp_path, "graph", "line_bundle/v1", "--format", "dot", "--output", "new/line.dot")
    assert (done.returncode, done.stdout) == (0, b"")
    assert (tmp_path / "new/line.dot").read_text("utf-8").startswith("digraph")
    assert rsppc_here(tmp_path, "graph", "line_bundle/v1", "--output", ".").returncode == 4


def test_what_does_not_compile_is_not_drawn(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "pipelines/specs/line_v1.yaml"
    path.write_text(path.read_text("utf-8").replace("to: vad.audio", "to: vad.nothing"), "utf-8")
    done = rsppc_here(tmp_path, "graph", "line_bundle/v1", "--output", "x.svg")
    assert done.returncode == 1 and b"vad.nothing" in done.stdout
    assert not (tmp_path / "x.svg").exists()


def test_a_folder_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    rsppc_here(tmp_path, "build")
    for name, change in (("resolved_spec.json", {"effective_nodes": []}), ("bundle.json", {"assets": 3})):
        rsppc_here(tmp_path, "build")
        path = tmp_path / "build/line_bundle/v1" / name
        value = json.loads(path.read_bytes()) | change
        os.chmod(path, 0o644)
        path.write_text(json.dumps(value), "utf-8")
        for command in ("graph", "report"):
            done = rsppc_here(tmp_path, command, "build/line_bundle/v1")
            assert (done.returncode, done.stdout) == (3, b""), (command, name)
            assert name in done.stderr.decode()


@pytest.mark.parametrize("seed", ["1", "4711"])
def test_pictures_are_the_same_under_any_hash_seed(tmp_path: Path, seed: str) -> None:
    make(tmp_path)
    for words in (
        ("graph", "line_bundle/v1"),
        ("graph", "line_bundle/v1", "--format", "dot"),
        ("report", "line_bundle/v1"),
    ):
        assert rsppc(tmp_path, *words, PYTHONHASHSEED=seed).stdout == rsppc_here(tmp_path, *words).stdout


def test_the_locale_has_no_say(tmp_path: Path) -> None:
    make(tmp_path)
    done = rsppc(tmp_path, "graph", "line_bundle/v1", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert "≤" in done.stdout.decode()
