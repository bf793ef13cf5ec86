"""Ports and config fields of node types of the workspace get another name, in the manifest and in all pipelines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from editing import at_cursor, marked, opened, settle, shown
from rsppc.diagnostics import DiagnosticSink
from rsppc.ide.features import definition, references, rename
from rsppc.ide.project import Project
from rsppc.syntax.reader import read
from rsppc.syntax.rspp_printer import print_rspp
from workspaces import BUNDLE, BUNDLE_PATH, PROVIDERS, PROVIDERS_PATH, SPEC, SPEC_PATH

TYPES_PATH = "pipelines/extensions/house_nodes_v1.yaml"
TYPES = """\
schema_version: rspp.extension.manifest.v1
extension_id: house_nodes
version: v1
type: node
api_version: v1
node_types:
  - node_type: house.mood
    role: processor
    execution_mode: in_process
    impl_ref: package:house-mood==1.0.0
    digest: sha256:810face132ef2ce4ba2a0ecc71065664b168ff63c6f189d7e9f0eb5997843247
    ports:
      - {name: text, direction: in, type: "text<final|partial>", lane: DataLane}
      - {name: text, direction: out, type: "text<final|partial>", lane: DataLane}
      - name: beep
        direction: out
        type: "audio<codec=pcm_s16le, rate_hz=config.rate_hz, channels=1>"
        lane: DataLane
        required: false
    config:
      - {name: window_ms, type: duration_ms, default: 2000, min: 100, max: 10000}
      - {name: rate_hz, type: rate_hz, default: 16000}
    cancel: {mode: cooperative, cancel_latency_ms: 20, style: soft}
    turn_cancel: none
    state: none
    scope: inherit
    latency: {text: {p50_ms: 1, p95_ms: 3, plus: [config.window_ms]}}
    timeout_ms: 100
    modality: mood
"""
MOOD_SPEC = SPEC.replace(
    "  - {node_id: llm,",
    "  - {node_id: mood, node_type: house.mood, provider: mood-house, config: {window_ms: 100}}\n  - {node_id: llm,",
).replace(
    "  - {from: stt.text, to: llm.prompt}", "  - {from: stt.text, to: mood.text}\n  - {from: mood.text, to: llm.prompt}"
)
LAYER_PATH = "pipelines/policies/kiosk_v1.yaml"
LAYER = """\
schema_version: rspp.config.layer.v1
layer_id: kiosk
version: v1
scope: environment
set:
  nodes.mood.config.window_ms: 300
"""
POLICY_PATH = "pipelines/policies/calm_v1.yaml"
POLICY = """\
schema_version: rspp.policy.overlay.v1
policy_id: calm
version: v1
forbid: [edges.mood.text->llm.prompt.buffer.max_queue_items]
"""
HOUSE = PROVIDERS + "  - {provider_id: mood-house, modality: mood, latency: {p50_ms: 1, p95_ms: 3}}\n"
FILES = {
    TYPES_PATH: TYPES,
    SPEC_PATH: MOOD_SPEC,
    LAYER_PATH: LAYER,
    BUNDLE_PATH: BUNDLE + "layer_refs: [kiosk/v1]\npolicy_refs: [calm/v1]\n",
    POLICY_PATH: POLICY,
    PROVIDERS_PATH: HOUSE,
}


def in_format(text: str, ending: str) -> str:
    document = read("a.yaml", text.encode(), DiagnosticSink())
    assert document is not None and document.root is not None
    return {"yaml": text, "json": json.dumps(document.root, indent=1), "rspp": print_rspp(document.root)}[ending]


def workspace(folder: Path, ending: str = "yaml", **changes: str) -> Project:
    files = {
        path.replace(".yaml", f".{ending}"): in_format(text, ending) for path, text in {**FILES, **changes}.items()
    }
    return opened(folder, files)


def renamed(project: Project, path: str, before: str, new: str) -> rename.Renaming | rename.Refusal:
    source = project.source(path)
    assert source is not None
    return rename.FEATURE(project, path, at_cursor(project, path, marked(source.text, before)), new)


def apply(project: Project, found: rename.Renaming | rename.Refusal) -> dict[str, str]:
    """Make the edits of a rename, and look at everything anew."""
    assert isinstance(found, rename.Renaming), found
    texts = {}
    for path in sorted({one.at.source.path for one in found.edits}):
        source = project.source(path)
        assert source is not None
        text = source.text
        for one in sorted((one for one in found.edits if one.at.source.path == path), key=lambda one: -one.at.start):
            text = text[: one.at.start] + one.text + text[one.at.end :]
        texts[path] = text
    for path, text in texts.items():
        project.open(path, text.encode())
    settle(project)
    return texts


@pytest.mark.parametrize("ending", ["yaml", "json", "rspp"])
def test_a_port_gets_another_name_in_its_manifest_and_in_all_pipelines(tmp_path: Path, ending: str) -> None:
    project = workspace(tmp_path, ending)
    assert project.files_with_findings() == []
    spec = SPEC_PATH.replace("yaml", ending)
    before = {"yaml": "{from: mood.te§xt", "json": '"from": "mood.te§xt', "rspp": "  mood.te§xt"}[ending]
    texts = apply(project, renamed(project, spec, before, "words"))
    assert set(texts) == {path.replace("yaml", ending) for path in (SPEC_PATH, TYPES_PATH, POLICY_PATH)}
    assert "mood.words" in texts[spec] and "mood.text" in texts[spec]  # the input keeps its name
    assert project.files_with_findings() == []


@pytest.mark.parametrize("ending", ["yaml", "json", "rspp"])
def test_a_config_field_gets_another_name_in_its_manifest_and_in_all_files(tmp_path: Path, ending: str) -> None:
    project = workspace(tmp_path, ending)
    manifest = TYPES_PATH.replace("yaml", ending)
    before = {"yaml": "{name: window§_ms", "json": '"name": "window§_ms', "rspp": "config window§_ms"}[ending]
    texts = apply(project, renamed(project, manifest, before, "span_ms"))
    assert set(texts) == {path.replace("yaml", ending) for path in (SPEC_PATH, TYPES_PATH, LAYER_PATH)}
    assert not any("window" in text for text in texts.values())
    assert project.files_with_findings() == []
    texts = apply(project, renamed(project, manifest, before.replace("window", "span"), "window_ms"))
    assert {path: text for path, text in texts.items() if "span" in text.replace("<span", "")} == {}


def test_a_config_field_in_a_type_and_a_port_in_a_table_follow(tmp_path: Path) -> None:
    project = workspace(tmp_path)
    texts = apply(project, renamed(project, TYPES_PATH, "{name: rate§_hz", "tempo_hz"))
    assert "rate_hz=config.tempo_hz" in texts[TYPES_PATH]
    texts = apply(project, renamed(project, TYPES_PATH, "latency: {te§xt", "words"))
    assert "latency: {words:" in texts[TYPES_PATH] and "mood.words" in texts[SPEC_PATH]
    assert project.files_with_findings() == []


def test_a_name_without_the_unit_that_a_value_carries_is_refused_with_the_place(tmp_path: Path) -> None:
    project = workspace(tmp_path, "rspp")
    found = renamed(project, TYPES_PATH.replace("yaml", "rspp"), "config window§_ms", "span")
    assert isinstance(found, rename.Refusal) and found.at is not None
    assert "has its unit from its value" in found.text and shown(found.at).endswith("window")


@pytest.mark.parametrize(
    ("path", "before", "new", "said", "place"),
    [
        (SPEC_PATH, "from: mood.te§xt", "beep", "has a port `beep`", f"{TYPES_PATH}:15 beep"),
        (SPEC_PATH, "config: {window§_ms", "rate_hz", "has a config field `rate_hz`", f"{TYPES_PATH}:22 rate_hz"),
        (SPEC_PATH, "from: mood.te§xt", "Not A Name", "is no name", ""),
        (SPEC_PATH, "to: vad.au§dio", "sound", "a port of `speech.vad`, which ships with the compiler", ""),
        (SPEC_PATH, "{silence§_ms", "pause_ms", "of `speech.endpointing`, which ships with the compiler", ""),
        (SPEC_PATH, "version: v§1", "other", "there is no name here", ""),
    ],
)
def test_names_that_are_taken_or_ship_are_refused(
    tmp_path: Path, path: str, before: str, new: str, said: str, place: str
) -> None:
    found = renamed(workspace(tmp_path), path, before, new)
    assert isinstance(found, rename.Refusal)
    assert said in found.text
    assert (shown(found.at) if found.at is not None else "") == place


def test_what_a_provider_says_of_a_port_follows_and_is_refused_where_it_speaks_of_several(tmp_path: Path) -> None:
    refined = 'modality: mood, refines: {beep: "audio<codec=pcm_s16le>"}, '
    providers = HOUSE.replace("modality: mood, ", refined)
    project = workspace(tmp_path, **{PROVIDERS_PATH: providers})
    texts = apply(project, renamed(project, TYPES_PATH, "name: be§ep", "tone"))
    assert "refines: {tone:" in texts[PROVIDERS_PATH]
    assert project.files_with_findings() == []
    both = providers.replace("beep:", "text:").replace("audio<codec=pcm_s16le>", "text<final>")
    project.open(PROVIDERS_PATH, both.encode())
    settle(project)
    found = renamed(project, SPEC_PATH, "from: mood.te§xt", "words")
    assert isinstance(found, rename.Refusal) and found.at is not None
    assert "an input and an output" in found.text and shown(found.at).startswith(PROVIDERS_PATH)


def test_a_layer_that_speaks_of_nodes_of_two_types_is_in_the_way(tmp_path: Path) -> None:
    other = TYPES.replace("house_nodes", "more_nodes").replace("house.mood", "house.other").replace("mood", "more", 1)
    files = {
        "pipelines/extensions/more_nodes_v1.yaml": other,
        "pipelines/specs/second_v1.yaml": MOOD_SPEC.replace("_id: line", "_id: second").replace(
            "node_type: house.mood", "node_type: house.other"
        ),
        "pipelines/bundles/second_bundle_v1.yaml": FILES[BUNDLE_PATH]
        .replace("line/", "second/")
        .replace("line_b", "second_b"),
    }
    project = workspace(tmp_path, **files)
    assert project.files_with_findings() == []
    found = renamed(project, SPEC_PATH, "config: {window§_ms", "span_ms")
    assert isinstance(found, rename.Refusal) and found.at is not None
    assert "`house.other` as well" in found.text and shown(found.at) == f"{LAYER_PATH}:6 window_ms"


def test_references_and_definition_of_what_is_declared(tmp_path: Path) -> None:
    project = workspace(tmp_path)
    offset = at_cursor(project, TYPES_PATH, marked(TYPES, "{name: window§_ms"))
    found = [shown(one) for one in references.FEATURE(project, TYPES_PATH, offset, declaration=False)]
    assert found == [
        f"{TYPES_PATH}:27 window_ms",
        f"{LAYER_PATH}:6 window_ms",
        f"{SPEC_PATH}:10 window_ms",
    ]
    offset = at_cursor(project, TYPES_PATH, marked(TYPES, "plus: [config.win§dow_ms"))
    assert [shown(one) for one in definition.FEATURE(project, TYPES_PATH, offset)] == [f"{TYPES_PATH}:21 window_ms"]


def test_a_config_field_of_a_node_is_not_one_of_a_node_of_the_same_name_elsewhere(tmp_path: Path) -> None:
    second = {"pipelines/specs/second_v1.yaml": SPEC.replace("_id: line", "_id: second")}
    project = workspace(tmp_path, **second)
    offset = at_cursor(project, SPEC_PATH, marked(MOOD_SPEC, "config: {lang§uage"))
    assert {one.source.path for one in references.FEATURE(project, SPEC_PATH, offset)} == {SPEC_PATH}
