"""References, names that change, repairs, hints, words, symbols, folds, and what is said above a spec."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from editing import at_cursor, marked, opened, settle, shown
from rsppc.conditions.refusals import FUNCTIONS as CALLABLE
from rsppc.conditions.tokens import MACROS
from rsppc.diagnostics import DiagnosticSink
from rsppc.ide.features import (
    call_hierarchy,
    code_actions,
    code_lens,
    document_symbols,
    folding,
    inlay_hints,
    layout,
    references,
    rename,
    semantic_tokens,
    workspace_symbols,
)
from rsppc.ide.project import Project
from rsppc.ide.words import FUNCTIONS
from rsppc.syntax.reader import read
from rsppc.syntax.rspp_printer import print_rspp
from workspaces import BUNDLE, BUNDLE_PATH, PROVIDERS, PROVIDERS_PATH, SPEC, SPEC_PATH

LAYER_PATH = "pipelines/policies/kiosk_v1.yaml"
LAYER = """\
schema_version: rspp.config.layer.v1
layer_id: kiosk
version: v1
scope: environment
set:
  nodes.stt.config.language: de-DE
"""
LAYERED = {LAYER_PATH: LAYER, BUNDLE_PATH: BUNDLE + "layer_refs: [kiosk/v1]\n"}


def test_references_are_found_in_all_files_that_are_compiled_together(tmp_path: Path) -> None:
    project = opened(tmp_path, **LAYERED)
    offset = at_cursor(project, SPEC_PATH, marked(SPEC, "node_id: st§t"))
    found = [shown(one) for one in references.FEATURE(project, SPEC_PATH, offset)]
    assert found == [
        "pipelines/specs/line_v1.yaml:9 stt",
        "pipelines/specs/line_v1.yaml:17 stt",
        "pipelines/specs/line_v1.yaml:18 stt",
        "pipelines/policies/kiosk_v1.yaml:6 stt",
    ]
    assert len(references.FEATURE(project, SPEC_PATH, offset, declaration=False)) == 3


def test_references_of_an_artifact_are_those_of_its_version(tmp_path: Path) -> None:
    project = opened(tmp_path)
    offset = at_cursor(project, SPEC_PATH, marked(SPEC, "pipeline_id: li§ne"))
    found = [shown(one) for one in references.FEATURE(project, SPEC_PATH, offset)]
    assert found == ["pipelines/bundles/line_bundle_v1.yaml:4 line", "pipelines/specs/line_v1.yaml:2 line"]


def renamed(project: Project, path: str, text: str, new: str) -> rename.Renaming | rename.Refusal:
    return rename.FEATURE(project, path, at_cursor(project, path, text), new)


def applied(project: Project, found: rename.Renaming | rename.Refusal) -> dict[str, str]:
    """The files of a project after a rename."""
    assert isinstance(found, rename.Renaming), found
    texts: dict[str, str] = {}
    for path in {one.at.source.path for one in found.edits}:
        source = project.source(path)
        assert source is not None
        text = source.text
        for one in sorted((one for one in found.edits if one.at.source.path == path), key=lambda one: -one.at.start):
            text = text[: one.at.start] + one.text + text[one.at.end :]
        texts[dict(found.files).get(path, path)] = text
    return texts


def test_a_node_gets_another_name_in_all_files_and_everything_still_compiles(tmp_path: Path) -> None:
    project = opened(tmp_path, **LAYERED)
    before = {path: project.diagnostics(path) for path in project.artifacts.paths()}
    texts = applied(project, renamed(project, SPEC_PATH, marked(SPEC, "from: st§t.text"), "heard"))
    assert set(texts) == {SPEC_PATH, LAYER_PATH}
    assert "stt:" not in texts[SPEC_PATH] and "nodes.heard.config.language" in texts[LAYER_PATH]
    for path, text in texts.items():
        project.open(path, text.encode())
    settle(project)
    assert {path: project.diagnostics(path) for path in before} == before


def test_an_artifact_gets_another_name_with_its_file_and_everything_still_compiles(tmp_path: Path) -> None:
    project = opened(tmp_path)
    texts = applied(project, renamed(project, BUNDLE_PATH, marked(BUNDLE, "spec_ref: li§ne"), "support"))
    assert set(texts) == {BUNDLE_PATH, "pipelines/specs/support_v1.yaml"}
    (tmp_path / SPEC_PATH).unlink()
    project.reload(SPEC_PATH)
    for path, text in texts.items():
        project.open(path, text.encode())
    settle(project)
    assert project.files_with_findings() == []


def test_a_provider_gets_another_name_where_it_is_used_as_well(tmp_path: Path) -> None:
    project = opened(tmp_path)
    texts = applied(project, renamed(project, SPEC_PATH, marked(SPEC, "provider: stt-h§ouse"), "stt-ours"))
    assert set(texts) == {SPEC_PATH, PROVIDERS_PATH}


MODULE_PATH = "pipelines/modules/hearing_v1.yaml"
MODULE = """\
schema_version: rspp.graph.module.v1
module_id: hearing
version: v1
exposes:
  inputs:
    - {name: audio, port: stt.audio}
  outputs:
    - {name: text, port: stt.text}
nodes:
  - {node_id: stt, node_type: speech.stt, provider: stt-house}
edges: []
"""
USING = {
    MODULE_PATH: MODULE,
    SPEC_PATH: SPEC.replace("nodes:\n", "subgraph_refs:\n  - {name: heard, module: hearing/v1}\nnodes:\n", 1)
    .replace("  - {node_id: stt, node_type: speech.stt, provider: stt-house, config: {language: en-US}}\n", "")
    .replace("stt.audio", "heard.audio")
    .replace("stt.text", "heard.text"),
    LAYER_PATH: LAYER.replace("nodes.stt", "nodes.heard/stt"),
    BUNDLE_PATH: LAYERED[BUNDLE_PATH],
}


@pytest.mark.parametrize(
    ("path", "before", "new", "changed"),
    [
        (MODULE_PATH, "node_id: st§t", "recogniser", {MODULE_PATH, LAYER_PATH}),
        (MODULE_PATH, "{name: te§xt", "words", {MODULE_PATH, SPEC_PATH}),
        (SPEC_PATH, "{from: heard.te§xt", "words", {MODULE_PATH, SPEC_PATH}),
        (SPEC_PATH, "{name: hea§rd", "hearing", {SPEC_PATH, LAYER_PATH}),
        (SPEC_PATH, "module: hea§ring", "ears", {"pipelines/modules/ears_v1.yaml", SPEC_PATH}),
    ],
)
def test_what_is_in_a_module_gets_another_name_where_it_is_used(
    tmp_path: Path, path: str, before: str, new: str, changed: set[str]
) -> None:
    project = opened(tmp_path, **USING)
    assert project.files_with_findings() == []
    texts = applied(project, renamed(project, path, marked(USING[path], before), new))
    assert set(texts) == changed
    if new == "ears":
        (tmp_path / MODULE_PATH).unlink()
        project.reload(MODULE_PATH)
    for one, text in texts.items():
        project.open(one, text.encode())
    settle(project)
    assert project.files_with_findings() == []


@pytest.mark.parametrize("ending", ["json", "rspp"])
def test_names_change_in_every_format(tmp_path: Path, ending: str) -> None:
    document = read("a.yaml", SPEC.encode(), DiagnosticSink())
    assert document is not None and document.root is not None
    text = json.dumps(document.root, indent=1) if ending == "json" else print_rspp(document.root)
    path = SPEC_PATH.replace("yaml", ending)
    project = opened(tmp_path, {BUNDLE_PATH: BUNDLE, PROVIDERS_PATH: PROVIDERS, LAYER_PATH: LAYER}, **{path: text})
    assert project.files_with_findings() == []
    offset = text.index("stt")
    texts = applied(project, rename.FEATURE(project, path, offset, "heard"))
    assert "stt." not in texts[path] and texts[path].count("heard") == 3
    texts |= applied(project, rename.FEATURE(project, BUNDLE_PATH, BUNDLE.index("line/v1"), "support"))
    assert set(texts) == {path, f"pipelines/specs/support_v1.{ending}", BUNDLE_PATH}
    hints = inlay_hints.FEATURE(project, path, 0, len(text))
    assert any(text[one.offset - 9 : one.offset] == "vad.audio" and one.what == "type" for one in hints)


@pytest.mark.parametrize(
    ("before", "new", "said"),
    [
        ("node_id: st§t", "llm", "there is a node `llm`"),
        ("node_id: st§t", "Not A Name", "is no name"),
        ("node_type: speech.v§ad", "speech.other", "ships with the compiler"),
        ("profile: sim§ple", "other", "ships with the compiler"),
        ("{from: vad.sp§eech", "other", "a port of `speech.vad`, which ships with the compiler"),
        ("provider: stt-h§ouse", "llm-house", "there is a `llm-house`"),
    ],
)
def test_what_cannot_be_renamed_is_refused(tmp_path: Path, before: str, new: str, said: str) -> None:
    found = renamed(opened(tmp_path), SPEC_PATH, marked(SPEC, before), new)
    assert isinstance(found, rename.Refusal)
    assert said in found.text


def test_a_name_that_is_taken_is_refused_with_the_place(tmp_path: Path) -> None:
    found = renamed(opened(tmp_path), SPEC_PATH, marked(SPEC, "node_id: st§t"), "llm")
    assert isinstance(found, rename.Refusal) and found.at is not None
    assert shown(found.at) == "pipelines/specs/line_v1.yaml:10 llm"


def test_repairs_that_hold_come_first(tmp_path: Path) -> None:
    project = opened(tmp_path)
    offset = at_cursor(project, SPEC_PATH, SPEC.replace("speech.vad}", "speech.va§dd}"))
    first, *_ = code_actions.FEATURE(project, SPEC_PATH, offset, offset)
    assert first.fix.verified and first.fix.edits[0].text == "speech.vad"
    assert code_actions.FEATURE(project, SPEC_PATH, 0, 0) == []


def test_ports_and_types_that_nobody_wrote_are_hinted(tmp_path: Path) -> None:
    project = opened(tmp_path)
    text = SPEC.replace("{from: mic.audio, to: vad.audio}", "{from: mic, to: vad}")
    at_cursor(project, SPEC_PATH, text + "§")
    hints = inlay_hints.FEATURE(project, SPEC_PATH, 0, len(text))
    ports = [(text[: one.offset].split("\n")[-1], one.text) for one in hints if one.what == "port"]
    assert ports == [("  - {from: mic", ".audio"), ("  - {from: mic, to: vad", ".audio")]
    assert any(one.what == "type" and one.text.startswith(": audio<") for one in hints)
    assert any(one.what == "default" and "max_turn_ms 60000" in one.text for one in hints)
    assert not any(one.what == "default" and "silence_ms" in one.text for one in hints)


def words(project: Project, path: str, text: str) -> list[tuple[str, str]]:
    at_cursor(project, path, text + "§")
    return [(text[one.start : one.end], one.type) for one in semantic_tokens.FEATURE(project, path)]


def test_each_word_is_what_it_names(tmp_path: Path) -> None:
    text = "# told\n" + SPEC.replace("llm.prompt}", 'llm.prompt, when: event.text.contains("a"), otherwise: drop}')
    found = words(opened(tmp_path), SPEC_PATH, text)
    for one in (
        ("# told", "comment"),
        ("pipeline_id", "property"),
        ("line", "namespace"),
        ("simple/v1", "namespace"),
        ("speech.vad", "class"),
        ("vad", "variable"),
        ("activity", "parameter"),
        ("400", "number"),
        ("stt-house", "enumMember"),
        ("event.text", "variable"),
        ("contains", "function"),
        ('"a"', "string"),
        ("drop", "enumMember"),
    ):
        assert one in found


def test_keywords_of_the_text_form_are_known(tmp_path: Path) -> None:
    text = "pipeline call v1 {\n  profile simple/v1\n  node mic : transport.ingress\n  mic -> mic\n}\n"
    found = words(opened(tmp_path), "pipelines/specs/call_v1.rspp", text)
    assert found[:3] == [("pipeline", "keyword"), ("call", "namespace"), ("profile", "keyword")]
    assert ("transport.ingress", "class") in found


def test_words_never_overlap(tmp_path: Path) -> None:
    project = opened(tmp_path)
    for text in (SPEC, SPEC[:700], SPEC.replace("simple/v1", '"simple/v1"')):
        at_cursor(project, SPEC_PATH, text + "§")
        found = semantic_tokens.FEATURE(project, SPEC_PATH)
        assert all(one.end <= other.start for one, other in itertools.pairwise(found))


def test_a_file_is_a_tree_of_names(tmp_path: Path) -> None:
    (root,) = document_symbols.FEATURE(opened(tmp_path), SPEC_PATH)
    assert root.name == "line/v1"
    by_name = {one.name: one for one in root.children}
    assert [one.name for one in by_name["nodes"].children][:2] == ["mic", "vad"]
    assert by_name["edges"].children[0].name == "mic.audio → vad.audio"
    for one in (root, *root.children, *by_name["edges"].children):
        assert one.whole.start <= one.at.start and one.at.end <= one.whole.end


def test_artifacts_and_nodes_are_found_by_letters_of_their_names(tmp_path: Path) -> None:
    project = opened(tmp_path)
    assert [one.name for one in workspace_symbols.FEATURE(project, "linb")] == ["line_bundle/v1"]
    assert ("endpoint", "line/v1") in [(one.name, one.container) for one in workspace_symbols.FEATURE(project, "endp")]


def test_what_belongs_together_folds(tmp_path: Path) -> None:
    project = opened(tmp_path)
    found = {(one.first, one.last) for one in folding.FEATURE(project, SPEC_PATH)}
    assert {(4, 12), (13, 20), (21, 24), (23, 24)} <= found
    at_cursor(
        project, "pipelines/specs/call_v1.rspp", "pipeline call v1 {\n  # a\n  # b\n  turns {\n    owner a.b\n  }\n§}\n"
    )
    found = {(one.first, one.last, one.is_comment) for one in folding.FEATURE(project, "pipelines/specs/call_v1.rspp")}
    assert found == {(0, 5, False), (1, 2, True), (3, 4, False)}


def test_what_was_proved_is_said_above_a_spec(tmp_path: Path) -> None:
    texts = [one.text for one in code_lens.FEATURE(opened(tmp_path), SPEC_PATH)]
    assert any("ms at p95" in one and "left" in one for one in texts)
    assert "types of 7 of 7 edges checked" in texts
    assert any("queues hold at most" in one for one in texts)


def test_nodes_are_called_along_the_edges(tmp_path: Path) -> None:
    project = opened(tmp_path)
    found = call_hierarchy.FEATURE(project, SPEC_PATH, at_cursor(project, SPEC_PATH, marked(SPEC, "node_id: va§d")))
    assert found is not None and found.node == "vad"
    assert [one.station.node for one in call_hierarchy.incoming(project, SPEC_PATH, "vad")] == ["mic"]
    assert [one.station.node for one in call_hierarchy.outgoing(project, SPEC_PATH, "vad")] == ["endpoint", "stt"]


def test_a_file_is_laid_out_by_one_small_edit(tmp_path: Path) -> None:
    project = opened(tmp_path)
    text = SPEC.replace("{from: tts.audio, to: speaker.audio}", "{ from: tts.audio,   to: speaker.audio }")
    at_cursor(project, SPEC_PATH, text + "§")
    (edit,) = layout.FEATURE(project, SPEC_PATH)
    assert text[: edit.at.start] + edit.text + text[edit.at.end :] == SPEC
    assert edit.at.end - edit.at.start < 60
    at_cursor(project, SPEC_PATH, SPEC[:300] + "§")
    assert layout.FEATURE(project, SPEC_PATH) == []


def test_all_that_a_condition_may_call_is_explained() -> None:
    assert set(FUNCTIONS) == (set(CALLABLE) | set(MACROS)) - {"reverse"}


def test_only_what_depends_on_a_change_is_examined_again(tmp_path: Path) -> None:
    paths = [f"pipelines/specs/other{number}_v1.yaml" for number in range(5)]
    others = {path: SPEC.replace("_id: line", f"_id: other{number}") for number, path in enumerate(paths)}
    project = opened(tmp_path, **others)
    project.take_news()
    at_cursor(project, SPEC_PATH, SPEC.replace("vad.audio", "vad.sound") + "§")
    assert project.take_news() <= {SPEC_PATH, BUNDLE_PATH}
    at_cursor(project, PROVIDERS_PATH, PROVIDERS.replace("stt-house", "stt-other") + "§")
    assert {one for one in others if project.diagnostics(one)} == set(others)
    at_cursor(project, PROVIDERS_PATH, PROVIDERS + "§")
    assert {one for one in others if project.diagnostics(one)} == set()


def test_a_file_that_is_deleted_is_missed_where_it_was_used(tmp_path: Path) -> None:
    project = opened(tmp_path)
    (tmp_path / SPEC_PATH).unlink()
    project.reload(SPEC_PATH)
    settle(project)
    assert [one.code for one in project.diagnostics(BUNDLE_PATH)] == ["RSP2101"]
    (tmp_path / SPEC_PATH).write_text(SPEC)
    project.reload(SPEC_PATH)
    settle(project)
    assert project.files_with_findings() == []
    (tmp_path / BUNDLE_PATH).unlink()
    project.reload(BUNDLE_PATH)
    settle(project)
    assert project.files_with_findings() == []
    assert code_lens.FEATURE(project, SPEC_PATH) != []
