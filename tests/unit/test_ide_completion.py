"""What an editor proposes at the cursor: what the place takes, in whole files and in half-typed ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import at_cursor, marked, opened
from rsppc.ide.features import completion
from workspaces import BUNDLE, BUNDLE_PATH, SPEC, SPEC_PATH, make


def proposed(folder: Path, text: str, path: str = SPEC_PATH) -> list[str]:
    project = opened(folder)
    return [one.text for one in completion.FEATURE(project, path, at_cursor(project, path, text))]


@pytest.mark.parametrize(
    ("line", "typed", "wanted", "unwanted"),
    [
        (
            "  - {node_id: vad, node_type: speech.vad}",
            "  - {node_id: vad, node_type: speech.§",
            "speech.vad",
            "transport.ingress",
        ),
        (
            "  - {node_id: vad, node_type: speech.vad}",
            "  - {node_id: vad, node_type: speech.vad, §}",
            "config: ",
            "node_id: ",
        ),
        (
            "  - {node_id: vad, node_type: speech.vad}",
            "  - {node_id: vad, node_type: speech.vad, bud§",
            "budget_ms: ",
            "provider: ",
        ),
        ("config: {silence_ms: 400}", "config: {§}", "silence_ms: ", "language: "),
        ("provider: stt-house", "provider: §", "stt-house", "llm-house"),
        (
            "  - {from: vad.activity, to: endpoint.activity}",
            "  - {from: vad.activity, to: §",
            "endpoint.activity",
            "stt.audio",
        ),
        (
            "  - {from: vad.activity, to: endpoint.activity}",
            "  - {from: vad.activity, to: end§}",
            "endpoint.activity",
            "stt.audio",
        ),
        (
            "  - {from: vad.activity, to: endpoint.activity}",
            "  - {from: §, to: endpoint.activity}",
            "vad.activity",
            "stt.text",
        ),
        ("  - {from: stt.text, to: llm.prompt}", "  - {from: stt.text, to: llm.prompt, otherwise: §}", "drop", "to: "),
        (
            "  - {from: stt.text, to: llm.prompt}",
            "  - {from: stt.text, to: llm.prompt, when: event.§",
            "event.confidence_milli",
            "event.duration_ms",
        ),
        (
            "  - {from: stt.text, to: llm.prompt}",
            "  - {from: stt.text, to: llm.prompt, when: ses§}",
            "session.language",
            "event.text",
        ),
        ("profile: simple/v1", "profile: §", "simple/v1", "line/v1"),
        ("  owner: endpoint.turn", "  owner: §", "endpoint.turn", "vad.barge_in"),
        ("    - {from: vad.barge_in,", "    - {from: §,", "vad.barge_in", "stt.text"),
        ("  owner: endpoint.turn", "  owner: endpoint.turn\n  §", "cancel_from: ", "owner: "),
        ("profile: simple/v1\n", "profile: simple/v1\nun§\n", "unknown_events: ", "profile: "),
        ("schema_version: rspp.pipeline.spec.v1", "schema_version: §", "rspp.pipeline.spec.v1", "line"),
    ],
)
def test_what_is_proposed(tmp_path: Path, line: str, typed: str, wanted: str, unwanted: str) -> None:
    found = proposed(tmp_path, SPEC.replace(line, typed, 1))
    assert wanted in found
    assert unwanted not in found


def test_keys_of_a_block_are_proposed_while_the_line_has_no_colon(tmp_path: Path) -> None:
    found = proposed(tmp_path, BUNDLE.replace("compat_window", "pol§\ncompat_window"), BUNDLE_PATH)
    assert found[0] == "policy_refs: "


def test_references_in_a_bundle_are_those_of_the_kind(tmp_path: Path) -> None:
    found = proposed(tmp_path, BUNDLE.replace("line/v1", "§"), BUNDLE_PATH)
    assert found[0] == "line/v1"
    assert "simple_bundle/v1" not in found


NODES_PATH = "pipelines/extensions/house_nodes_v1.yaml"
NODES = """\
schema_version: rspp.extension.manifest.v1
extension_id: house_nodes
version: v1
type: node
api_version: v1
node_types:
  - node_type: house.joiner
    execution_mode: in_process
    impl_ref: package:house-joiner==1.0.0
    ports:
      - {name: "*", direction: in, type: T, lane: inherit, named_by: config.inputs}
      - {name: out, direction: out, type: T, lane: inherit}
    config:
      - {name: inputs, type: list<string>, required: true}
      - {name: wait_ms, type: duration_ms, default: 50}
    latency: {out: {p50_ms: 1, p95_ms: 2, plus: [config.wait_ms]}}
    modality: joining
providers:
  - provider_id: join-house
    modality: joining
    latency: {p50_ms: 1, p95_ms: 2, at_least: [config.wait_ms]}
"""


@pytest.mark.parametrize(
    ("line", "typed", "wanted", "unwanted"),
    [
        ("plus: [config.wait_ms]", "plus: [config.§]", "config.wait_ms", "config.inputs"),
        ("plus: [config.wait_ms]", "plus: [§]", "config.wait_ms", "budgets.turn_budget_ms"),
        ("at_least: [config.wait_ms]", "at_least: [co§]", "config.wait_ms", "config.inputs"),
        ("named_by: config.inputs", "named_by: §", "config.inputs", "nodes.llm.budget_ms"),
    ],
)
def test_config_fields_are_proposed_where_a_manifest_reads_them(
    tmp_path: Path, line: str, typed: str, wanted: str, unwanted: str
) -> None:
    make(tmp_path, {NODES_PATH: NODES})
    found = proposed(tmp_path, NODES.replace(line, typed, 1), NODES_PATH)
    assert wanted in found
    assert unwanted not in found


def test_json_gets_its_quotes(tmp_path: Path) -> None:
    text = '{\n  "schema_version": "rspp.pipeline.bundle.v1",\n  "bundle_id": "other",\n  "version": "v1",\n  %s\n}\n'
    path = "pipelines/bundles/other_v1.json"
    assert '"spec_ref": ' in proposed(tmp_path, text % "§", path)
    assert "line/v1" in proposed(tmp_path, text % '"spec_ref": "§"', path)
    assert "line/v1" in proposed(tmp_path, text % '"spec_ref": "li§', path)
    assert '"line/v1"' in proposed(tmp_path, text % '"spec_ref": §', path)


RSPP = """\
pipeline call v1 {
  profile simple/v1
  node mic      : transport.ingress
  node vad      : speech.vad
  node endpoint : speech.endpointing { silence = 400ms }
  node stt      : speech.stt provider stt-house
  mic -> vad
  vad.activity -> endpoint.activity
  vad.speech -> stt.audio
  turns { owner endpoint.turn }
}
"""
RSPP_PATH = "pipelines/specs/call_v1.rspp"


@pytest.mark.parametrize(
    ("before", "typed", "wanted", "unwanted"),
    [
        ("profile simple/v1", "profile §", "simple/v1", "line/v1"),
        ("node vad      : speech.vad", "node vad : speech.v§", "speech.vad", "transport.ingress"),
        ("{ silence = 400ms }", "{ § }", "silence_ms = ", "language = "),
        ("{ silence = 400ms }", "{ silence = 400ms  § }", "max_turn_ms = ", "silence_ms = "),
        ("provider stt-house", "provider §", "stt-house", "tts-house"),
        ("vad.activity -> endpoint.activity", "vad.activity -> §", "endpoint.activity", "stt.audio"),
        ("owner endpoint.turn", "owner §", "endpoint.turn", "stt.audio"),
        ("  mic -> vad\n", "  mic -> vad\n  §\n", "node", "owner"),
        (
            "vad.speech -> stt.audio",
            "stt.text -> stt.audio when (event.§",
            "event.confidence_milli",
            "event.duration_ms",
        ),
    ],
)
def test_what_is_proposed_in_the_text_form(tmp_path: Path, before: str, typed: str, wanted: str, unwanted: str) -> None:
    found = proposed(tmp_path, RSPP.replace(before, typed, 1), RSPP_PATH)
    assert wanted in found, found
    assert unwanted not in found


TEXTS = {
    "pipelines/policies/calm_v1.rspp": """\
policy calm v1 {
  provider speech for stt
    when (session.language == "en-US")
    use stt-house
    retry { max_attempts = 2  attempt_timeout = 500ms  backoff = 0ms }
  degrade slow when (pressure.data_lane_milli > 900) set { nodes.endpoint.config.silence_ms = 300 }
  insert check
    node gate : text.segmenter
    between stt.text -> llm.prompt
  forbid nodes.llm.config.*
  allowed_actions degrade
}
""",
    "pipelines/policies/kiosk_v1.rspp": """\
layer kiosk v1 environment {
  set nodes.stt.config.language = de-DE
}
""",
    "pipelines/bundles/other_bundle_v1.rspp": """\
bundle other_bundle v1 {
  spec line/v1
  profile simple/v1
  policies calm/v1
  layers kiosk/v1
  compat_window { runtime = { min = v1  max = v1.1 } }
}
""",
    "pipelines/extensions/more_v1.rspp": """\
nodes more v1 {
  type = node
  api_version = v1
  node_type more.gate {
    role = processor
    execution_mode = in_process
    impl_ref = "package:more==1.0.0"
    in text : "text<final>" DataLane
    out text : "text<final>" DataLane optional
    config window : duration_ms = 20 { min = 10 }
    state = none
    scope = inherit
  }
  provider more-house for stt { modes = [final] }
}
""",
    "pipelines/modules/ears_v1.rspp": """\
module ears v1 {
  exposes {
    in audio = stt.audio
    out text = stt.text
    setting words = nodes.stt.config.language
  }
  node stt : speech.stt provider stt-house
}
""",
    "pipelines/specs/call_v1.rspp": RSPP.replace(
        "  mic -> vad\n", "  use heard = ears/v1 { words = en-US }\n  mic -> vad\n"
    ),
}


@pytest.mark.parametrize(
    ("kind", "before", "typed", "wanted", "unwanted"),
    [
        ("calm", "  forbid", "  §\n  forbid", "degrade", "node"),
        ("calm", "for stt\n", "for §\n", "stt", "calm"),
        ("calm", "for stt\n", "for §\n", "node", "use"),
        ("calm", "for stt\n", "for node §\n", "llm", "stt-house"),
        ("calm", "use stt-house", "use §", "stt-house", "llm-house"),
        ("calm", "use stt-house", "use stt-house, st§", "stt-house", "speech"),
        ("calm", "for stt\n", "for stt §\n", "circuit_breaker", "budget"),
        ("calm", "when (session.", "when (ses§.", "session.language", "event.text"),
        ("calm", "when (pressure.data_lane_milli > 900)", "when (§", "pressure.data_lane_milli", "event.text"),
        ("calm", "when (pressure.data_lane_milli > 900)", "when (size(ses§", "session.id", "event.text"),
        ("calm", 'when (session.language == "en-US")', 'when (session.language.con§ == "en-US")', "", "session.id"),
        ("calm", 'when (session.language == "en-US")', "when (§)", "contains", "event.text"),
        ("calm", "{ max_attempts = 2 ", "{ § ", "max_attempts = ", "backoff_ms = "),
        ("calm", "set { nodes", "set { § nodes", "nodes.stt.config.language = ", "nodes.endpoint.config.silence_ms = "),
        ("calm", "silence_ms = 300", "silence_ms = §", "500", "de-DE"),
        ("calm", "node gate : text.segmenter", "node gate : §", "text.segmenter", "gate"),
        ("calm", "between stt.text ->", "between § ->", "stt.text", "stt.audio"),
        ("calm", "-> llm.prompt", "-> §", "llm.prompt", "stt.audio"),
        ("calm", "forbid nodes.llm.config.*", "forbid §", "nodes.stt.config.language", "degrade"),
        ("calm", "actions degrade", "actions shed, §", "degrade", "session.id"),
        ("kiosk", "v1 environment", "v1 §", "environment", "kiosk"),
        ("kiosk", "v1 environment", "v1 environment §", "when", "environment"),
        ("kiosk", "  set", "  §\n  set", "set", "degrade"),
        ("kiosk", "set nodes.stt.config.language", "set §", "nodes.stt.config.language", "stt"),
        ("kiosk", "v1 environment", "v1 tenant when (§)", "session.language", "event.text"),
        ("other_bundle", "  spec", "  §\n  spec", "policies", "node"),
        ("other_bundle", "  spec", "  §\n  spec", "bundle_digest = ", "spec_ref = "),
        ("other_bundle", "spec line/v1", "spec §", "line/v1", "kiosk/v1"),
        ("other_bundle", "policies calm/v1", "policies calm/v1, §", "calm/v1", "kiosk/v1"),
        ("other_bundle", "layers kiosk/v1", "layers §", "kiosk/v1", "calm/v1"),
        ("other_bundle", "min = v1 ", "§ ", "min = ", "max = "),
        ("more", "  node_type", "  §\n  node_type", "provider", "node"),
        ("more", "  node_type", "  §\n  node_type", "trust_level = ", "api_version = "),
        ("more", "type = node", "type = §", "external_node", "processor"),
        ("more", "    state = none", "    §\n    state = none", "turn_cancel = ", "ports = "),
        ("more", "    state = none", "    §\n    state = none", "config", "node_type"),
        ("more", "role = processor", "role = §", "ingress", "node"),
        ("more", 'in text : "text<final>"', 'in text : "te§"', "text", "DataLane"),
        ("more", '"text<final>" DataLane\n', '"text<final>" §\n', "ControlLane", "text"),
        ("more", "config window : duration_ms", "config window : §", "rate_hz", "text"),
        ("more", "{ min = 10 }", "{ § }", "max = ", "default = "),
        ("more", "for stt {", "for § {", "tts", "stt-house"),
        ("more", "modes = [final]", "modes = [§]", "partial", "stt"),
        ("more", "{ modes = [final] }", "{ modes = [final]  § }", "languages = ", "modes = "),
        ("ears", "in audio = stt.audio", "in audio = §", "stt.audio", "stt.text"),
        ("ears", "out text = stt.text", "out text = §", "stt.text", "stt.audio"),
        ("ears", "words = nodes.stt.config.language", "words = §", "nodes.stt.config.language", "stt"),
        ("ears", "    in audio", "    §\n    in audio", "setting", "node"),
        ("call", "use heard = ears/v1", "use heard = §", "ears/v1", "simple/v1"),
        ("call", "{ words = en-US }", "{ § }", "words = ", "silence_ms = "),
        ("call", "{ silence = 400ms }", "{ silence = § }", "500ms", "500"),
        ("call", "{ silence = 400ms }", "{ silence = 400ms } §", "fallback", "node"),
        ("call", "stt-house\n", "stt-house fallback §\n", "vad", "stt"),
        ("call", "stt-house\n", "stt-house fallback vad on §\n", "timeout", "node"),
        ("call", "stt-house\n", "stt-house\n    §\n", "budget", "owner"),
        ("call", "vad.speech -> stt.audio", "vad.speech -> stt.audio §", "otherwise", "node"),
        ("call", "vad.speech -> stt.audio", "vad.speech -> stt.audio { § }", "buffer = ", "from = "),
        ("call", "vad.speech -> stt.audio", "vad.speech -> stt.audio otherwise §", "drop", "node"),
        ("call", "  mic -> vad", "  § -> vad", "mic.audio", "stt.audio"),
        ("call", "turns { owner endpoint.turn }", "turns { owner endpoint.turn  § }", "barge_in", "owner = "),
        ("call", "turns { owner endpoint.turn }", "turns {\n    barge_in §", "vad.barge_in", "stt.text"),
        ("call", "turns { owner endpoint.turn }", "turns { barge_in vad.barge_in unless § }", "stt", "vad.barge_in"),
        ("call", "pipeline call v1 {", "§ call v1 {", "pipeline", "node"),
        ("call", "  profile simple/v1", "  node x :\n  §", "turns", "owner"),
    ],
)
def test_the_text_form_of_every_kind_is_completed(
    tmp_path: Path, kind: str, before: str, typed: str, wanted: str, unwanted: str
) -> None:
    project = opened(tmp_path, **TEXTS)
    path = next(path for path in TEXTS if f"/{kind}_v1" in path)
    assert before in TEXTS[path]
    found = [
        one.text
        for one in completion.FEATURE(project, path, at_cursor(project, path, TEXTS[path].replace(before, typed, 1)))
    ]
    assert wanted in found or not wanted, found
    assert unwanted not in found


def test_an_empty_text_form_begins_with_its_kind(tmp_path: Path) -> None:
    assert {"bundle", "layer", "module", "nodes", "pipeline", "policy", "profile"} == set(
        proposed(tmp_path, "§", RSPP_PATH)
    )


def test_nothing_is_proposed_in_a_comment_of_the_text_form(tmp_path: Path) -> None:
    assert proposed(tmp_path, marked(RSPP, "  profile simple/v1").replace("profile", "# profile"), RSPP_PATH) == []
