"""What passes find and how they fold it, where a golden case would be too large or shows only a part.

Each kind of finding has a case under `golden/errors/`.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import Compilation, compile_bundle, open_workspace
from rsppc.workspace import find_workspace
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, SPEC, SPEC_PATH


class Workbench:
    """A workspace without findings, in which a test changes files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path, text in CLEAN.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def change(self, old: str, new: str, path: str = SPEC_PATH) -> None:
        text = (self.root / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new, 1))

    def compile(self, *paths: str, purpose: str = "check") -> list[Compilation]:
        sink = DiagnosticSink()
        workspace = find_workspace(str(self.root), sink)
        assert workspace is not None
        artifacts = open_workspace(workspace, sink)
        made = []
        for path in paths or (BUNDLE_PATH,):
            entry, _ = artifacts.at(path)
            assert entry is not None
            made.append(compile_bundle(artifacts, entry, purpose=purpose))  # type: ignore[arg-type]
        return made

    def findings(self, purpose: str = "check") -> tuple[Diagnostic, ...]:
        return self.compile(purpose=purpose)[0].diagnostics

    def names(self) -> list[str]:
        return [found.name for found in self.findings()]


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    return Workbench(tmp_path)


def test_a_sound_pipeline_has_no_findings(bench: Workbench) -> None:
    assert bench.findings() == ()


def test_an_unbound_node_is_a_warning_in_a_check_and_an_error_in_a_build(bench: Workbench) -> None:
    bench.change(", provider: tts-house", "")
    assert "unbound-node" in bench.names()
    (found,) = bench.findings(purpose="build")
    assert (found.code, found.subject, found.severity) == ("RSP2302", "tts", "error")
    assert found.at.text == "tts" and "`tts`" in found.next_step()


def test_findings_that_errors_make_moot_are_left_out(bench: Workbench) -> None:
    bench.change("provider: llm-house", "provider: llm-cohere")
    assert bench.names() == ["unproved-latency", "unproved-latency"] or bench.names() == ["unproved-latency"]
    bench.change("to: stt.audio", "to: stt.sound")
    assert bench.names() == ["unknown-port"]


def test_a_dropped_edge_does_not_hide_another_mistake_at_another_node(bench: Workbench) -> None:
    bench.change("to: stt.audio", "to: stt.sound")
    bench.change("  - {from: tts.audio, to: speaker.audio}\n", "")
    assert bench.names() == ["unfed-input", "unknown-port"]


def test_one_unfed_input_and_the_only_output_that_fits_it_are_one_finding(bench: Workbench) -> None:
    bench.change("  - {from: sentences.text, to: tts.text}\n", "")
    (found,) = bench.findings()
    assert found.name == "unfed-input"
    assert found.next_step() == "connect `sentences.text` to `tts.text`"


def test_what_could_not_be_read_is_not_called_missing(bench: Workbench) -> None:
    bench.change("  - {from: vad.speech, to: stt.audio}\n", "  - {from: vad.speech, to: [stt.audio}\n")
    assert {found.code[:5] for found in bench.findings()} == {"RSP02"}


def test_a_module_may_be_the_only_one_that_is_wrong_for_each_of_its_bundles(bench: Workbench) -> None:
    bench.write(
        "pipelines/modules/clean_v1.yaml",
        "schema_version: rspp.graph.module.v1\nmodule_id: clean\nversion: v1\n"
        "exposes: {inputs: [{name: text, port: norm.text}], outputs: [{name: text, port: norm.text}]}\n"
        "nodes:\n  - {node_id: norm, node_type: text.normalizer}\n  - {node_id: norm, node_type: text.normalizer}\n"
        "edges: []\n",
    )
    bench.change("nodes:", "subgraph_refs: [{name: clean, module: clean/v1}]\nnodes:")
    bench.change(
        "{from: stt.text, to: llm.prompt}", "{from: stt.text, to: clean.text}\n  - {from: clean.text, to: llm.prompt}"
    )
    bench.write("pipelines/bundles/second_v1.yaml", BUNDLE.replace("line_bundle", "second"))
    for compilation in bench.compile(BUNDLE_PATH, "pipelines/bundles/second_v1.yaml"):
        assert [found.name for found in compilation.diagnostics] == ["duplicate-node"]


def test_a_module_inside_a_module_is_pinned_by_every_bundle_that_uses_it(bench: Workbench) -> None:
    module = (
        "schema_version: rspp.graph.module.v1\nmodule_id: {name}\nversion: v1\n"
        "exposes: {{inputs: [{{name: text, port: {inside}.text}}], outputs: [{{name: text, port: {inside}.text}}]}}\n"
    )
    inner = (
        module.format(name="inner", inside="norm") + "nodes: [{node_id: norm, node_type: text.normalizer}]\nedges: []\n"
    )
    outer = module.format(name="outer", inside="deep")
    outer += "subgraph_refs: [{name: deep, module: inner/v1}]\nnodes: []\nedges: []\n"
    bench.write("pipelines/modules/inner_v1.yaml", inner)
    bench.write("pipelines/modules/outer_v1.yaml", outer)
    bench.change("nodes:", "subgraph_refs: [{name: clean, module: outer/v1}]\nnodes:")
    bench.change(
        "{from: stt.text, to: llm.prompt}", "{from: stt.text, to: clean.text}\n  - {from: clean.text, to: llm.prompt}"
    )
    bench.write("pipelines/bundles/second_v1.yaml", BUNDLE.replace("line_bundle", "second"))
    for compilation in bench.compile(BUNDLE_PATH, "pipelines/bundles/second_v1.yaml"):
        assert compilation.program is not None and compilation.diagnostics == ()
        assert [one.ref for one in compilation.program.bundle.pinned if one.kind == "module"] == [
            "inner/v1",
            "outer/v1",
        ]


@pytest.mark.parametrize(
    ("when", "repaired"),
    [
        ("event.confidence >= 600", "event.confidence_milli >= 600"),
        ("'event.text == \"x\" and turn.index > 0'", "'event.text == \"x\" && turn.index > 0'"),
        ('"event.text == \\"x\\" and turn.index > 0"', '"event.text == \\"x\\" && turn.index > 0"'),
    ],
)
def test_a_repaired_condition_stays_in_its_quotes(bench: Workbench, when: str, repaired: str) -> None:
    bench.change("to: llm.prompt}", f"to: llm.prompt, when: {when}, otherwise: drop}}")
    (found,) = bench.findings()
    (edit,) = found.fixes[0].edits
    text = found.at.source.text
    assert f"when: {repaired}, otherwise" in text[: edit.at.start] + edit.text + text[edit.at.end :]


def test_thousands_of_unknown_names_take_no_longer_than_reading_them(bench: Workbench) -> None:
    nodes = "".join(f"  - {{node_id: extra_{number}, node_type: flow.tap}}\n" for number in range(3000))
    edges = "".join(f"  - {{from: extra_{number}x.out, to: speaker.audio}}\n" for number in range(3000))
    bench.write(SPEC_PATH, SPEC.replace("edges:\n", nodes + "edges:\n" + edges))
    started = time.monotonic()
    found = bench.findings()
    assert sum(one.name == "unknown-node" for one in found) == 3000
    assert time.monotonic() - started < 60


def test_a_fallback_of_a_fallback_takes_over_the_edges_of_the_first(bench: Workbench) -> None:
    chain = "provider: stt-house, budget_ms: 300, fallback: {to: second, on: [error]}}\n"
    chain += "  - {node_id: second, node_type: speech.stt, provider: stt-house, budget_ms: 300,"
    chain += " fallback: {to: third, on: [error]}}\n"
    chain += "  - {node_id: third, node_type: %s, provider: stt-house}"
    bench.change("provider: stt-house, config: {language: en-US}}", chain % "speech.stt")
    assert bench.findings() == ()
    bench.change(chain % "speech.stt", chain % "signal.dtmf")
    lacking = [(one.name, one.message()) for one in bench.findings() if one.name == "fallback-lacks-port"]
    assert lacking == [("fallback-lacks-port", "fallback `third` has no output `text`, which `second` has")]


def test_behind_a_misspelt_reference_the_other_mistakes_are_found_too(bench: Workbench) -> None:
    bench.change("spec_ref: line/v1", "spec_ref: lines/v1", BUNDLE_PATH)
    bench.change("profile_ref: simple/v1", "profile_ref: simple/v2", BUNDLE_PATH)
    bench.change("to: stt.audio", "to: stt.sound")
    assert bench.names() == ["unknown-artifact", "unknown-artifact", "unknown-port"]


def test_a_file_that_is_not_named_after_its_artifact_is_the_only_mistake(bench: Workbench) -> None:
    (bench.root / SPEC_PATH).rename(bench.root / "pipelines/specs/phone_v1.yaml")
    assert bench.names() == ["file-name"]
