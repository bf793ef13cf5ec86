"""How artifacts look when rsppc writes them."""

from __future__ import annotations

import pytest
from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.syntax.comments import comments
from rsppc.syntax.rspp_printer import print_rspp, why_no_text_form
from rsppc.syntax.rspp_reader import read_rspp, rspp_comments
from rsppc.syntax.yaml_printer import print_yaml
from rsppc.syntax.yaml_reader import read_yaml

CANONICAL = """\
# The support line.
pipeline voice_assistant v1 {
  profile simple/v1
  meta { title = "Support line"  labels = { tier = "gold" } }
  use transcribe = transcription_normalize/v1 { language = "en-US" }

  node mic       : transport.ingress { codec = pcm_s16le  rate = 16kHz  channels = 1 }
  # thinks
  node llm       : speech.llm { max_context_turns = 8  temperature_milli = 300 }
    budget 600ms
    fallback llm_small on timeout, error, budget
  node llm_small : speech.llm {
    prompt = \"\"\"
      Be brief.
      Be kind.
      \"\"\"
  } provider llm-cohere

  mic -> vad -> transcribe
  transcribe.text -> llm.prompt when (event.confidence_milli >= 600) otherwise drop
  sentences.text -> tts.text { buffer = merge(16 items, 200ms) }

  turns { owner endpoint.turn  barge_in vad.barge_in after 300ms }
  # the end
}
"""
YAML = """\
schema_version: rspp.pipeline.spec.v1
pipeline_id: voice_assistant
version: v1
profile: simple/v1
metadata: {title: Support line, labels: {tier: gold}}
subgraph_refs:
  - {name: transcribe, module: transcription_normalize/v1, settings: {language: en-US}}
nodes:
  - {node_id: mic, node_type: transport.ingress, config: {codec: pcm_s16le, rate_hz: 16000, channels: 1}}
  - node_id: llm
    node_type: speech.llm
    config: {max_context_turns: 8, temperature_milli: 300}
    budget_ms: 600
    fallback: {to: llm_small, on: [timeout, error, budget]}
  - node_id: llm_small
    node_type: speech.llm
    config:
      prompt: |
        Be brief.
        Be kind.
    provider: llm-cohere
edges:
  - {from: mic, to: vad}
  - {from: vad, to: transcribe}
  - {from: transcribe.text, to: llm.prompt, when: event.confidence_milli >= 600, otherwise: drop}
  - {from: sentences.text, to: tts.text, buffer: {strategy: merge, max_queue_items: 16, max_queue_ms: 200}}
turns: {owner: endpoint.turn, barge_in: [{from: vad.barge_in, min_speech_ms: 300}]}
"""


def _rspp(text: str) -> str:
    sink = DiagnosticSink()
    source = Source("a.rspp", text, text.encode())
    document = read_rspp(source, sink)
    assert not len(sink) and document.root is not None
    return print_rspp(document.root, rspp_comments(source))


def test_the_canonical_layout_is_its_own_canonical_layout() -> None:
    assert _rspp(CANONICAL) == CANONICAL


def test_the_same_artifact_as_yaml() -> None:
    root = read_rspp(Source("a.rspp", CANONICAL, b""), DiagnosticSink()).root
    assert root is not None
    assert print_yaml(root) == YAML
    assert read_yaml(Source("a.yaml", YAML, b""), DiagnosticSink()).root == root


def test_comments_of_yaml_come_along_to_the_statement_they_stood_at() -> None:
    text = (
        "# Above all.\nschema_version: rspp.pipeline.spec.v1\npipeline_id: x\nversion: v1\n"
        "profile: simple/v1  # of ours\n"
        "nodes:\n  # first\n  - {node_id: a, node_type: b.c}\n  - {node_id: d, node_type: b.c}  # second\n"
        "# all edges\nedges:\n  - {from: a, to: d}\n# last\n"
    )
    source = Source("a.yaml", text, text.encode())
    root = read_yaml(source, DiagnosticSink()).root
    assert root is not None
    assert print_rspp(root, comments(source)) == (
        "# Above all.\npipeline x v1 {\n  # of ours\n  profile simple/v1\n\n  # first\n  node a : b.c\n  # second\n"
        "  node d : b.c\n\n  # all edges\n  a -> d\n  # last\n}\n"
    )


def test_names_that_could_be_taken_for_keywords_stand_in_quotes() -> None:
    text = _rspp('pipeline x v1 { node "when" : a.b  a -> when -> b  type = use }')
    assert '  node "when" : a.b\n' in text
    assert '  a -> "when" -> b\n' in text
    assert "  type = use\n" in text or '  type = "use"\n' in text


def test_fields_that_would_clash_stay_explicit() -> None:
    root = {"schema_version": "rspp.pipeline.spec.v1", "pipeline_id": "x", "version": "v1"}
    config = {
        "x": 1,
        "x_ms": 2,
        "y_ms": 3,
        "y_hz": 4,
        "z_ms": 1500,
        "_ms": 5,
        "a_ms_ms": 6,
        "n_ms": -1,
        "b_bytes": 1024,
    }
    text = print_rspp({**root, "config": config})
    assert (
        "config = { x = 1  x_ms = 2  y_ms = 3  y_hz = 4  z = 1500ms  _ms = 5  a_ms_ms = 6  n_ms = -1  b = 1KiB }"
        in text
    )


def test_long_lines_are_broken_the_same_way_every_time() -> None:
    rule = "a" * 20
    text = _rspp(
        f'policy x v1 {{ provider {rule} for stt when (session.language == "{rule}") use {rule}a, {rule}b '
        "retry { max_attempts = 2  attempt_timeout = 280ms  backoff = 20ms } }"
    )
    assert text == (
        f'policy x v1 {{\n  provider {rule} for stt\n    when (session.language == "{rule}")\n'
        f"    use {rule}a, {rule}b\n"
        "    retry { max_attempts = 2  attempt_timeout = 280ms  backoff = 20ms }\n}\n"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        *[("no", "no"), ("true", '"true"'), ("~", '"~"'), ("1", '"1"'), ("1e3", '"1e3"'), ("", '""'), ("a b", "a b")],
        *[
            ("a: b", '"a: b"'),
            ("a:b", "a:b"),
            ("a #b", '"a #b"'),
            ("a#b", "a#b"),
            ("- a", '"- a"'),
            ("2026-11-01", '"2026-11-01"'),
        ],
        *[("*", '"*"'), ("nodes.*.x", "nodes.*.x"), (" a", '" a"'), ("a ", '"a "'), ('say "x"', 'say "x"')],
        *[('"a" in b', "'\"a\" in b'"), ("\u202ea", '"\\u202ea"'), ("\U000e0001", '"\\U000e0001"'), ("\t", '"\\t"')],
    ],
)
def test_yaml_quotes_only_what_needs_quotes(value: str, written: str) -> None:
    text = print_yaml({"k": value})
    assert text == f"k: {written}\n"
    sink = DiagnosticSink()
    assert read_yaml(Source("a.yaml", text, text.encode()), sink).root == {"k": value}
    assert not len(sink)


def test_kinds_without_a_text_form_are_named() -> None:
    assert why_no_text_form({"schema_version": "rspp.rollout.manifest.v1"}) == "a RolloutManifest is YAML or JSON only"
    assert why_no_text_form({"schema_version": 5}) == "its `schema_version` announces no kind of artifact"
    with pytest.raises(ValueError, match="YAML or JSON only"):
        print_rspp({"schema_version": "rspp.rollout.manifest.v1"})
