"""The side file that tells the whole story of every leaf."""

from __future__ import annotations

import json
from typing import Any

from emit_builder import LLM, MIC, STT, complete, kind, on_edge
from program_builder import PAPER, Lines, edge, node, place, written
from rsppc.base.record import replace
from rsppc.base.source import Source, Span
from rsppc.emit.artifacts import Artifacts, artifacts
from rsppc.emit.origins import escaped
from rsppc.emit.provenance import origin_of
from rsppc.ir.program import Edge, Node, Program
from rsppc.ir.setting import FromModule, FromPolicy, Setting, override


def emitted(nodes: list[Node], edges: list[tuple[Edge, str | None]], **said: Any) -> Artifacts:
    return of(complete(nodes, edges, **said))


def of(program: Program) -> Artifacts:
    PAPER._line_starts = None  # the paper has grown since somebody asked for a line
    return artifacts(program, compiler="rsppc 1.2.3")


def line_of(text: str) -> int:
    """Line of the last place with a text."""
    return len(PAPER.text.split("\n")) - PAPER.text.split("\n")[::-1].index(text)


def talk() -> tuple[list[Node], list[tuple[Edge, str | None]]]:
    return [node("mic", MIC), node("stt", STT), node("llm", LLM)], [
        edge("mic.audio -> stt.audio"),
        edge("stt.text -> llm.prompt"),
    ]


def test_the_story_of_a_leaf_names_value_file_line_and_column() -> None:
    nodes, edges = talk()
    nodes[1] = node("stt", STT, config={"window_ms": 117})
    found = origin_of(emitted(nodes, edges).provenance, "/effective_nodes/stt/config/window_ms")
    assert found is not None
    assert found["winner"] == {
        "label": "explicit_node_config",
        "value": 117,
        "file": "pipelines/specs/tiny_v1.yaml",
        "line": line_of("window_ms: 117"),
        "column": 1,
    }


def test_the_story_keeps_every_value_that_was_overridden_strongest_first() -> None:
    nodes, edges = talk()
    rule = FromPolicy(ref="rules/v1", rule="less", container=Lines(place("set: 3")), key="x")
    by_author = override(written(7, "context: 7"), LLM.defaults["context"])
    by_rule = override(Setting(value=3, origin=rule), by_author)
    nodes[2] = replace(nodes[2], config={"context": by_rule})
    found = origin_of(emitted(nodes, edges).provenance, "/effective_nodes/llm/config/context")
    assert found is not None
    assert found["winner"]["label"] == "policy/rules/v1/less"
    assert [(one["label"], one["value"]) for one in found["overridden"]] == [
        ("explicit_node_config", 7),
        ("node_type/test/v1/llm", 8),
    ]
    assert [one["line"] for one in found["overridden"]] == [line_of("context: 7"), line_of("context: 8")]


def test_the_story_of_a_value_from_a_module_names_the_way_it_came() -> None:
    nodes, edges = talk()
    origin = FromModule(ref="talk/v1", container=Lines(place("window")), key="x", via=("outer", "inner"))
    nodes[1] = replace(nodes[1], config={"window_ms": Setting(value=5, origin=origin)})
    found = origin_of(emitted(nodes, edges).provenance, "/effective_nodes/stt/config/window_ms")
    assert found is not None and found["winner"]["via"] == ["outer", "inner"]


def test_every_leaf_has_a_story_with_the_label_that_the_spec_gives_it() -> None:
    nodes, edges = talk()
    found = emitted(nodes, edges)
    side_file = found.provenance
    for pointer, label in found.resolved_spec["defaulting_sources"].items():
        entry = origin_of(side_file, pointer)
        assert entry is not None and entry["winner"]["label"] == label, pointer


def test_the_file_says_what_the_value_says() -> None:
    found = emitted(*talk())
    assert json.loads(found.files()["provenance.json"]) == found.provenance


def test_a_pointer_that_leads_to_no_leaf_has_no_story() -> None:
    side_file = emitted(*talk()).provenance
    for pointer in ("", "/effective_nodes", "/effective_nodes/nobody/config", "/nothing", "/recording/0"):
        assert origin_of(side_file, pointer) is None, pointer


def test_the_queue_of_a_profile_is_told_once_for_all_edges() -> None:
    edges = emitted(*talk()).provenance["leaves"]["effective_edges"]
    assert edges["mic.audio->stt.audio"]["buffer"] == edges["stt.text->llm.prompt"]["buffer"]


def test_ports_and_types_that_nobody_wrote_are_listed() -> None:
    nodes, edges = talk()
    program = complete(nodes, edges)
    program = replace(program, edges=tuple(replace(one, inferred_ports=("target",)) for one in program.edges))
    inferred = of(program).provenance["inferred"]
    assert inferred["ports"][0] == {
        "edge": "mic.audio->stt.audio",
        "end": "to",
        "port": "audio",
        "rule": "only_port_that_fits",
        "file": "pipelines/specs/tiny_v1.yaml",
        "line": line_of("stt.audio"),
        "column": 1,
    }
    filtered = {"port": "prompt", "side": "input", "attribute": "modes", "value": "final", "rule": "mode_filter"}
    assert filtered in inferred["types"]["llm"]


def test_it_names_the_bundle_the_spec_and_the_compiler_and_the_bytes_of_the_sources() -> None:
    found = emitted(*talk())
    assert found.provenance["bundle"]["digest"] == found.bundle_digest
    assert found.provenance["resolved_spec"] == found.resolved_spec_digest
    assert found.provenance["compiler"] == "rsppc 1.2.3"
    assert found.provenance["sources"] == {"pipelines/specs/tiny_v1.yaml": {"source_digest": PAPER.digest}}


def test_places_and_digests_of_bytes_stand_nowhere_else() -> None:
    """R-001-68: formatting a source changes the side file alone."""
    found = emitted(*talk())
    for value in (found.bundle, found.resolved_spec):
        text = json.dumps(value)
        assert "source_digest" not in text and "tiny_v1.yaml" not in text and '"line"' not in text


class Long(dict[str, Any]):
    """A mapping with offsets, which finds a value only by walking."""

    walked = 0

    def __init__(self, source: Source, count: int) -> None:
        super().__init__((f"k{number}", number) for number in range(count))
        self.source = source
        self.at = [
            offset for number in range(count) for offset in (number * 3, number * 3 + 1, number * 3 + 2, number * 3 + 3)
        ]

    def value_span(self, key: str) -> Span:
        Long.walked += 1
        start = self.at[4 * list(self).index(key) + 2]
        return Span(source=self.source, start=start, end=start + 1)


def test_a_long_mapping_is_walked_once_and_not_once_for_each_of_its_values() -> None:
    source = Source("pipelines/specs/long_v1.yaml", "k\nv" * 5000, b"")
    long = Long(source, 5000)
    config = {
        key: Setting(value=value, origin=replace(written(0).origin, container=long, key=key))
        for key, value in long.items()
    }
    nodes, edges = talk()
    nodes[2] = replace(nodes[2], config=config)
    found = emitted(nodes, edges)
    assert Long.walked == 0
    for number in (0, 1, 4999):
        entry = origin_of(found.provenance, f"/effective_nodes/llm/config/k{number}")
        assert entry is not None
        line, column = source.location(long.at[4 * number + 2])
        assert (entry["winner"]["line"], entry["winner"]["column"]) == (line, column)


def test_a_key_is_escaped_as_pointers_demand() -> None:
    assert escaped("a/b~c") == "a~1b~0c"
    made = kind("odd", config={})
    nodes, edges = talk()
    table = Setting(value={"a/b": {"~": 1}}, origin=on_edge(0, "odd").origin)
    found = emitted([*nodes, replace(node("odd", made), config={"map": table})], edges)
    assert (
        found.resolved_spec["defaulting_sources"]["/effective_nodes/odd/config/map/a~1b/~0"] == "explicit_edge_config"
    )
    assert origin_of(found.provenance, "/effective_nodes/odd/config/map/a~1b/~0") is not None
