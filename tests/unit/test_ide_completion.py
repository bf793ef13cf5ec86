"""What an editor proposes at the cursor: what the place takes, in whole files and in half-typed ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from editing import at_cursor, marked, opened
from rsppc.ide.features import completion
from workspaces import BUNDLE, BUNDLE_PATH, SPEC, SPEC_PATH


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
        ("  owner: endpoint.turn", "  owner: §", "endpoint.turn", "stt.audio"),
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
        ("{ silence = 400ms }", "{ § }", "silence_ms", "language"),
        ("{ silence = 400ms }", "{ silence = 400ms  § }", "max_turn_ms", "silence_ms"),
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


def test_nothing_is_proposed_in_a_comment_of_the_text_form(tmp_path: Path) -> None:
    assert proposed(tmp_path, marked(RSPP, "  profile simple/v1").replace("profile", "# profile"), RSPP_PATH) == []
