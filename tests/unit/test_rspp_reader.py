"""What the text form means, where its parts stand, what is refused, and what is kept beside a mistake."""

from __future__ import annotations

import time
from typing import Any

import pytest
from rsppc.base.source import Source
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.syntax import rspp_tables
from rsppc.syntax.document import Document
from rsppc.syntax.rspp_grammar import grammar_text, python_module
from rsppc.syntax.rspp_reader import read_rspp, rspp_comments
from rsppc.syntax.yaml_reader import read_yaml

EXAMPLE = """\
pipeline voice_assistant v1 {
  profile simple/v1
  unknown_events drop
  meta { title = "Support line"  owner = "voice-team"  labels = { tier = "gold" } }
  use transcribe = transcription_normalize/v1 { language = "en-US" }

  node mic       : transport.ingress { codec = pcm_s16le  rate = 16kHz  channels = 1 }
  node vad       : speech.vad
  node endpoint  : speech.endpointing { silence = 400ms }
  node llm       : speech.llm { max_context_turns = 8 } budget 600ms fallback llm_small on timeout, error, budget
  node llm_small : speech.llm { max_context_turns = 2 } provider llm-cohere
  node sentences : text.segmenter
  node tts       : speech.tts
  node speaker   : transport.egress

  mic -> vad -> transcribe
  vad.activity -> endpoint.activity
  transcribe.text -> llm.prompt when (event.confidence_milli >= 600) otherwise drop
  llm -> sentences
  sentences.text -> tts.text { buffer = merge(16 items, 200ms) }
  tts -> speaker
  turns { owner endpoint.turn  barge_in vad.barge_in after 300ms }
}
"""
TWIN = """\
schema_version: rspp.pipeline.spec.v1
pipeline_id: voice_assistant
version: v1
profile: simple/v1
metadata: {title: "Support line", owner: voice-team, labels: {tier: gold}}
unknown_events: drop
subgraph_refs:
  - {name: transcribe, module: transcription_normalize/v1, settings: {language: en-US}}
nodes:
  - {node_id: mic, node_type: transport.ingress, config: {codec: pcm_s16le, rate_hz: 16000, channels: 1}}
  - {node_id: vad, node_type: speech.vad}
  - {node_id: endpoint, node_type: speech.endpointing, config: {silence_ms: 400}}
  - node_id: llm
    node_type: speech.llm
    config: {max_context_turns: 8}
    budget_ms: 600
    fallback: {to: llm_small, on: [timeout, error, budget]}
  - {node_id: llm_small, node_type: speech.llm, provider: llm-cohere, config: {max_context_turns: 2}}
  - {node_id: sentences, node_type: text.segmenter}
  - {node_id: tts, node_type: speech.tts}
  - {node_id: speaker, node_type: transport.egress}
edges:
  - {from: mic, to: vad}
  - {from: vad, to: transcribe}
  - {from: vad.activity, to: endpoint.activity}
  - {from: transcribe.text, to: llm.prompt, when: event.confidence_milli >= 600, otherwise: drop}
  - {from: llm, to: sentences}
  - {from: sentences.text, to: tts.text, buffer: {strategy: merge, max_queue_items: 16, max_queue_ms: 200}}
  - {from: tts, to: speaker}
turns:
  owner: endpoint.turn
  barge_in: [{from: vad.barge_in, min_speech_ms: 300}]
"""


def check(text: str) -> tuple[Document, tuple[Diagnostic, ...]]:
    sink = DiagnosticSink()
    return read_rspp(Source("a_v1.rspp", text, b""), sink), sink.sorted()


def value_of(text: str) -> Any:
    document, found = check(text)
    assert found == (), [each.message() for each in found]
    return document.root


def body_of(statements: str, kind: str = "pipeline") -> Any:
    """What statements add to an artifact."""
    root = dict(value_of(f"{kind} x v1 {{\n{statements}\n}}\n"))
    return {key: value for key, value in root.items() if key not in ("schema_version", f"{kind}_id", "version")}


def places(text: str) -> list[tuple[str, str]]:
    return [(each.code, "{}:{}".format(*each.at.location()[1:])) for each in check(text)[1]]


def advice(text: str) -> str:
    (found,) = check(text)[1]
    return f"{found.message()}: {found.next_step()}"


# ---- what it means


def test_the_example_means_the_same_as_its_twin_in_yaml() -> None:
    sink = DiagnosticSink()
    twin = read_yaml(Source("a_v1.yaml", TWIN, b""), sink).root
    assert not len(sink)
    assert value_of(EXAMPLE) == twin


def test_units_become_part_of_the_field_name() -> None:
    fields = (
        "a { x = 400ms  y = 2s  rate = 16kHz  r = 8000Hz  m = 64KiB  n = 3B  g = 1GiB  plain_ms = 5  long_ms = 2s }"
    )
    assert body_of(fields)["a"] == {
        "x_ms": 400,
        "y_ms": 2000,
        "rate_hz": 16000,
        "r_hz": 8000,
        "m_bytes": 65536,
        "n_bytes": 3,
        "g_bytes": 1 << 30,
        "plain_ms": 5,
        "long_ms": 2000,
    }


def test_texts_have_json_escapes_and_long_texts_lose_their_indentation() -> None:
    written = 'a = "q\\"\\\\\\n\\u00e9\\ud83d\\ude00"\n  '
    written += 'b = """\n    Hello,\n      \\"you\\"\n\n    """\n  c = """one\n two"""'
    assert body_of(written) == {"a": 'q"\\\né😀', "b": 'Hello,\n  "you"\n\n', "c": "one\n two"}


def test_conditions_end_where_their_parentheses_balance_outside_of_texts_and_comments() -> None:
    condition = "text.matches(')') && r'\\' != '(' // (\n || \"\\\")\" == ''')''' "
    edge = body_of(f"a -> b when ( {condition} ) priority 2")["edges"][0]
    assert edge == {"from": "a", "to": "b", "when": condition.strip(), "priority": 2}


def test_a_word_next_to_a_sign_is_a_name_and_elsewhere_quotes_make_one() -> None:
    body = body_of(
        'node when : x\nnode "use" : x\n  when -> "use" -> turns\n  type = node\n  node a : x fallback "on" on budget\n'
        "turns { owner when.turn barge_in a unless feedback, type }"
    )
    assert [node["node_id"] for node in body["nodes"]] == ["when", "use", "a"]
    assert body["edges"] == [{"from": "when", "to": "use"}, {"from": "use", "to": "turns"}]
    assert body["type"] == "node"
    assert body["nodes"][2]["fallback"] == {"to": "on", "on": ["budget"]}
    assert body["turns"] == {"owner": "when.turn", "barge_in": [{"from": "a", "unless": ["feedback", "type"]}]}


def test_every_attribute_of_nodes_edges_and_turns_has_a_place() -> None:
    body = body_of(
        "node a : x { } provider null budget null lifecycle start 5s stop 1s with { more = [1, null] }\n"
        "node b : x fallback null lifecycle { }\n"
        'a -> b feedback max_rounds 3 type "text<final>" otherwise true { delivery = ordered  pre_roll = 0ms }\n'
        'turns { barge_in a.x after 300ms when (event.x) unless a, b  cancel_from b with { note = "n" }  other = 1 }\n'
        "use m = mod/v1 requires v1.2"
    )
    assert body["nodes"] == [
        {
            "node_id": "a",
            "node_type": "x",
            "config": {},
            "provider": None,
            "budget_ms": None,
            "lifecycle": {"start_timeout_ms": 5000, "stop_timeout_ms": 1000},
            "more": [1, None],
        },
        {"node_id": "b", "node_type": "x", "fallback": None, "lifecycle": {}},
    ]
    assert body["edges"] == [
        {
            "from": "a",
            "to": "b",
            "feedback": True,
            "max_rounds": 3,
            "type": "text<final>",
            "otherwise": True,
            "delivery": "ordered",
            "pre_roll_ms": 0,
        }
    ]
    assert body["turns"] == {
        "barge_in": [{"from": "a.x", "min_speech_ms": 300, "when": "event.x", "unless": ["a", "b"]}],
        "cancel_from": [{"from": "b", "note": "n"}],
        "other": 1,
    }
    assert body["subgraph_refs"] == [{"name": "m", "module": "mod/v1", "requires": {"min_version": "v1.2"}}]


def test_modules_profiles_and_bundles() -> None:
    assert body_of("exposes { in a = s.audio  out t = n.text  setting l = nodes.s.config.l }", "module") == {
        "exposes": {
            "inputs": [{"name": "a", "port": "s.audio"}],
            "outputs": [{"name": "t", "port": "n.text"}],
            "settings": [{"name": "l", "sets": "nodes.s.config.l"}],
        }
    }
    assert body_of(
        "overridable budgets.*, nodes.*.config.*\nControlLane = block(64 items, 64KiB) { lossy = true }", "profile"
    ) == {
        "overridable": ["budgets.*", "nodes.*.config.*"],
        "ControlLane": {"strategy": "block", "max_queue_items": 64, "max_queue_bytes": 65536, "lossy": True},
    }
    digest = "sha256:" + "0a" * 32
    assert body_of(
        f"spec s/v1@{digest}\nprofile profile:p/v1\npolicies a/v1, b/v2\nlayers c/v1\nmodules d/v1", "bundle"
    ) == {
        "spec_ref": f"s/v1@{digest}",
        "profile_ref": "profile:p/v1",
        "policy_refs": ["a/v1", "b/v2"],
        "layer_refs": ["c/v1"],
        "module_refs": ["d/v1"],
    }


def test_policies_and_layers() -> None:
    body = body_of(
        "provider de for stt when (session.language == 'de') use stt-a, stt-b\n"
        "  retry { max_attempts = 2  backoff = 20ms }\n"
        "provider n for node llm use llm-a\n"
        "degrade short when (pressure.data_lane_milli >= 800) set { nodes.llm.config.window = 2s }\n"
        "insert pii when (true) node pii : safety.pii_redactor provider x between a.text -> b.text\n"
        "forbid nodes.*.config.record_audio\nallowed_actions retry, provider_switch, degrade",
        "policy",
    )
    assert body == {
        "provider_rules": [
            {
                "id": "de",
                "modality": "stt",
                "when": "session.language == 'de'",
                "use": ["stt-a", "stt-b"],
                "retry": {"max_attempts": 2, "backoff_ms": 20},
            },
            {"id": "n", "node": "llm", "use": ["llm-a"]},
        ],
        "degrade_rules": [
            {"id": "short", "when": "pressure.data_lane_milli >= 800", "set": {"nodes.llm.config.window_ms": 2000}}
        ],
        "insert_rules": [
            {
                "id": "pii",
                "when": "true",
                "between": {"from": "a.text", "to": "b.text"},
                "insert": {"node_id": "pii", "node_type": "safety.pii_redactor", "provider": "x"},
            }
        ],
        "forbid": ["nodes.*.config.record_audio"],
        "allowed_actions": ["retry", "provider_switch", "degrade"],
    }
    layer = value_of(
        'layer k v1 tenant when (tenant.id == "a") {\n set budgets.turn_budget = 2s\n set "e.a->b.x" = on\n}'
    )
    assert layer == {
        "schema_version": "rspp.config.layer.v1",
        "layer_id": "k",
        "version": "v1",
        "scope": "tenant",
        "when": 'tenant.id == "a"',
        "set": {"budgets.turn_budget_ms": 2000, "e.a->b.x": "on"},
    }


def test_extension_manifests() -> None:
    root = value_of(
        "nodes acme v1 {\n  type = external_node\n"
        '  node_type acme.mood {\n    in text : "text<final>" DataLane\n'
        '    out "*" : T inherit optional { doc = "d" }\n'
        "    config window_ms : duration_ms = 2s { min = 100 }\n    scope = turn\n  }\n"
        "  record acme.mood.v1 { type = object }\n  provider stt-a for stt { modes = [partial] }\n}\n"
    )
    assert {key: root[key] for key in ("extension_id", "type", "node_types", "records", "providers")} == {
        "extension_id": "acme",
        "type": "external_node",
        "node_types": [
            {
                "node_type": "acme.mood",
                "ports": [
                    {"name": "text", "direction": "in", "type": "text<final>", "lane": "DataLane"},
                    {"name": "*", "direction": "out", "type": "T", "lane": "inherit", "required": False, "doc": "d"},
                ],
                "config": [{"name": "window_ms", "type": "duration_ms", "default": 2000, "min": 100}],
                "scope": "turn",
            }
        ],
        "records": [{"schema_id": "acme.mood.v1", "schema": {"type": "object"}}],
        "providers": [{"provider_id": "stt-a", "modality": "stt", "modes": ["partial"]}],
    }


# ---- where it stands


def test_every_key_and_value_knows_where_it_was_written() -> None:
    root = value_of(EXAMPLE)
    llm = root["nodes"][3]
    assert str(llm.span()) == "a_v1.rspp:10:3"
    assert llm.span().text.startswith("node llm ") and llm.span().text.endswith("error, budget")
    assert (llm.key_span("budget_ms").text, llm.value_span("budget_ms").text) == ("budget", "600ms")
    assert llm["fallback"].span().text == "llm_small on timeout, error, budget"
    assert llm["fallback"]["on"].value_span(1).text == "error"
    assert (root["nodes"][0]["config"].key_span("rate_hz").text) == "rate"
    edge = root["edges"][3]
    assert edge.value_span("when").text == edge["when"] == "event.confidence_milli >= 600"
    assert edge.span().text.endswith("otherwise drop")
    assert (edge.key_span("from").text, edge.value_span("to").text) == ("transcribe.text", "llm.prompt")
    assert root["edges"][5]["buffer"].span().text == "merge(16 items, 200ms)"
    assert root["edges"].span().text.startswith("mic ->") and root["edges"].span().text.endswith("tts -> speaker")
    assert root.key_span("metadata").text == "meta" and root.value_span("version").text == "v1"


def test_an_edge_ends_behind_the_parenthesis_of_its_condition() -> None:
    edge = value_of("pipeline x v1 { a -> b when ( x ) }")["edges"][0]
    assert edge.span().text == "a -> b when ( x )"


def test_comments_are_found_but_not_inside_texts() -> None:
    source = Source("a.rspp", '# one\npipeline x v1 { # two\n  a = "# no"  # three\n}', b"")
    assert [comment.text for comment in rspp_comments(source)] == [" one", " two", " three"]


# ---- what is refused


def test_three_mistakes_give_three_findings_and_keep_everything_else() -> None:
    text = EXAMPLE.replace("node vad       :", "node vad")
    text = text.replace("(event.confidence_milli >= 600)", "event.confidence_milli >= 600")
    text = text.replace("silence = 400ms", "silence = ")
    document, found = check(text)
    assert [(each.code, each.at.text) for each in found] == [
        ("RSP0401", "speech.vad"),
        ("RSP0401", "}"),
        ("RSP0401", "event.confidence_milli"),
    ]
    assert document.root is not None
    ids = [node["node_id"] for node in document.root["nodes"]]
    assert ids == ["mic", "endpoint", "llm", "llm_small", "sentences", "tts", "speaker"]
    assert document.root["nodes"][1]["config"] == {}
    assert len(document.root["edges"]) == 6 and document.root["turns"]["owner"] == "endpoint.turn"
    skipped = [text[start:end] for start, end in document.gaps]
    assert (
        skipped
        == [
            "node vad speech.vad",
            "silence =",
            "transcribe.text -> llm.prompt when event.confidence_milli >= 600) otherwise drop",
        ]
        or len(skipped) == 3
    )


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("nod a : b", "`a` is not expected here: did you mean `node` in place of `nod`? expected `->`, `=` or `{`"),
        ("node a b", "`b` is not expected here: expected `:`"),
        ("node a : b budget 600", "`600` is not expected here: expected a number with a unit, as in `400ms` or `null`"),
        ("node a : b bugdet 5ms", "`5ms` is not expected here: did you mean `budget` in place of `bugdet`? "),
        ("a -> b when x", "`x` is not expected here: expected a text in quotes or a condition in parentheses"),
        ("use turns", "`turns` is not expected here: expected a name; a name that is also a keyword stands in quotes"),
        ("a = ", "`}` is not expected here: expected a value"),
        ("profile a/v1 b", "`}` is not expected here: expected `->`, `=` or `{`"),
        ("node a : b fallback on on error", '"on" is'),
    ],
)
def test_what_was_expected_is_said(statement: str, expected: str) -> None:
    said = advice(f"pipeline x v1 {{ {statement} }}")
    if expected == '"on" is':
        assert 'a name that is also a keyword stands in quotes: `"on"`' in said
    else:
        assert said.startswith(expected)


def test_a_word_too_many_is_named_itself() -> None:
    assert advice("pipeline x v1 {\n unknown_events drop it\n profile a/v1\n}").startswith("`it` is not expected here")


def test_a_duplicate_key_names_both_places() -> None:
    (found,) = check("pipeline x v1 {\n  node a : b { k = 1\n k = 2 }\n}")[1]
    assert (found.code, found.at.text, str(found.at)) == ("RSP0115", "k", "a_v1.rspp:3:2")
    assert str(found.related[0].at) == "a_v1.rspp:2:16"
    for twice in ("profile a/v1\nprofile b/v1", "turns { }\nturns { }", "nodes = []\nnode a : b", "version = v2"):
        assert [each.code for each in check(f"pipeline x v1 {{ {twice} }}")[1]] == ["RSP0115"]
    assert places("pipeline x v1 { node a : b budget 1s budget 2s }") == [("RSP0115", "1:38")]
    assert places("pipeline x v1 { a { x = 1s  x_ms = 5 } }") == [("RSP0115", "1:29")]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        *[("1.5s", "RSP0406"), ("1.5", "RSP0406"), ("1e3", "RSP0406"), ("007", "RSP0406"), ("0x1F", "RSP0406")],
        *[("1_000", "RSP0406"), ("-0", "RSP0406"), ("16khz", "RSP0406"), ("9007199254740992", "RSP0116")],
        *[("9" * 10000, "RSP0116"), ("9007199254740991s", "RSP0116"), ("[400ms]", "RSP0407"), ('"\\x"', "RSP0410")],
        *[('"\\ud800"', "RSP0410"), ("héllo", "RSP0408"), ("merge(5 pieces)", "RSP0407"), ("merge(5kHz)", "RSP0407")],
    ],
)
def test_a_refused_value_is_left_out_and_the_rest_is_kept(written: str, code: str) -> None:
    document, found = check(f"pipeline x v1 {{ node a : b {{ first = 1  bad = {written}  last = 2 }} }}")
    assert {each.code for each in found} >= {code}
    assert document.root is not None
    config = document.root["nodes"][0]["config"]
    assert (config["first"], config["last"]) == (1, 2)


def test_a_fraction_with_a_unit_is_told_its_whole_number() -> None:
    assert "write `1500ms`" in advice("pipeline x v1 { a = 1.5s }")


def test_a_unit_other_than_time_is_no_duration() -> None:
    assert [code for code, _ in places("pipeline x v1 { node a : b budget 5kHz }")] == ["RSP0407"]


def test_what_stands_behind_a_chain_of_edges_is_refused() -> None:
    document, (found,) = check("pipeline x v1 { a -> b -> c when (x) }")
    assert (found.code, found.at.text) == ("RSP0409", "when")
    assert document.root is not None and len(document.root["edges"]) == 2


def test_a_bracket_that_nobody_closed_costs_nothing_else() -> None:
    text = "pipeline x v1 {\n  node a : t { k = 1\n  node b : t\n  turns { owner x.y\n  a -> b\n}\n"
    document, found = check(text)
    assert [(each.code, str(each.at)) for each in found] == [
        ("RSP0404", "a_v1.rspp:2:14"),
        ("RSP0404", "a_v1.rspp:4:9"),
    ]
    assert document.root is not None
    assert [node["node_id"] for node in document.root["nodes"]] == ["a", "b"]
    assert document.root["edges"] == [{"from": "a", "to": "b"}]


def test_a_brace_too_early_does_not_unsettle_the_others() -> None:
    document, found = check("pipeline x v1 {\n  node a : t { k = }5 }\n  node b : t\n}\n")
    assert [(each.code, str(each.at)) for each in found] == [
        ("RSP0401", "a_v1.rspp:2:20"),
        ("RSP0401", "a_v1.rspp:2:21"),
        ("RSP0412", "a_v1.rspp:3:3"),
        ("RSP0405", "a_v1.rspp:4:1"),
    ]
    assert document.root is not None and document.root["pipeline_id"] == "x"


def test_an_unclosed_text_or_condition_ends_with_its_line() -> None:
    for opening in ('"abc', '"""abc', "(abc"):
        document, found = check(f"pipeline x v1 {{\n  a = {opening}\n  b = 2\n}}\n")
        assert [(each.code, str(each.at)) for each in found] == [("RSP0402", "a_v1.rspp:2:7")]
        assert document.root is not None and document.root["b"] == 2 and "a" not in document.root


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *[("", "RSP0411"), ("# only\n", "RSP0411"), ("rollout x v1 { }", "RSP0403"), ("pipline x v1 { }", "RSP0401")],
        *[("pipeline x v1 { } node", "RSP0412"), ("pipeline x v1 { } }", "RSP0405"), ("5", "RSP0401")],
        *[("pipeline 5 v1 { }", "RSP0401"), ("pipeline", "RSP0401"), ("pipeline x v1 {", "RSP0404")],
    ],
)
def test_a_file_that_is_not_one_artifact_says_so(text: str, code: str) -> None:
    assert [each.code for each in check(text)[1]] == [code]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("pipeline x v1 { a = " + "(" * 50_000 + ")" * 50_000 + "\n b = 2 }", "RSP0402", "1:21"),
        ("pipeline x v1 { a = " + "[" * 100_000 + "\n}", "RSP0111", "1:84"),
        ("pipeline x v1 { a = " + "{ a = " * 70 + "1" + "}" * 71, "RSP0111", "1:399"),
        ("pipeline x v1 {\n a = " + "x" * 1_100_000 + "\n}", "RSP0114", "2:6"),
        ('pipeline x v1 {\n a = "' + "x" * 1_100_000 + "\n}", "RSP0402", "2:6"),
    ],
)
def test_hostile_sizes_are_refused_at_the_right_token(text: str, code: str, place: str) -> None:
    before = time.monotonic()
    assert (code, place) in places(text)
    assert time.monotonic() - before < 5


@pytest.mark.parametrize(
    "piece", ["= {\n", " a = (\n", ' """ a\n', ' "a = (\n', "{ [", "n = ", "->", "}", "node\n", "é\n"]
)
def test_endless_mistakes_end_after_a_hundred(piece: str) -> None:
    before = time.monotonic()
    _, found = check("pipeline x v1 {" + piece * 100_000)
    assert 0 < len(found) <= 102
    assert time.monotonic() - before < 10


def test_a_document_nests_64_levels_and_no_more() -> None:
    deepest = "[" * 63 + "]" * 63
    assert body_of(f"a = {deepest}")["a"]
    assert [code for code, _ in places(f"pipeline x v1 {{ a = [{deepest}] }}")] == ["RSP0111"]
    # The list of nodes and the node are levels too, although no bracket stands for them.
    assert [code for code, _ in places(f"pipeline x v1 {{ node a : b {{ a = {deepest[2:-2]} }} }}")] == ["RSP0111"]


# ---- how it is made


def test_the_parse_tables_are_those_of_the_grammar() -> None:
    made: dict[str, Any] = {}
    exec(python_module(grammar_text()), made)
    for name in ("TERMINALS", "NONTERMINALS", "RULES", "ACTIONS", "GOTOS"):
        assert made[name] == getattr(rspp_tables, name), "run `python -m rsppc.syntax.rspp_grammar`"
