"""The pipelines in `BAD` and `GOOD`: only what they change of an ordinary line is written there.

    - {node_id: stt, …}        stands in for the node of that name, or is added
    - {from: a.out, to: b.in}  stands in for the edge into `b.in`, or is added; lines that are indented further go along
    without: stt, llm          these nodes and their edges are not there
    owner: …, barge_in: …      stand in for those of `turns`; `without: turns` leaves them out
    file pipelines/…           one more file, which follows indented

Only tests and the generator of pages read this.
"""

from __future__ import annotations

import re
from textwrap import dedent

SPEC_PATH = "pipelines/specs/line_v1.yaml"
HEAD = """\
schema_version: rspp.pipeline.spec.v1
pipeline_id: line
version: v1
profile: simple/v1
"""
NODES = (
    "- {node_id: mic, node_type: transport.ingress}",
    "- {node_id: vad, node_type: speech.vad}",
    "- {node_id: endpoint, node_type: speech.endpointing, config: {silence_ms: 400}}",
    "- {node_id: stt, node_type: speech.stt, provider: stt-house, config: {language: en-US}}",
    "- {node_id: llm, node_type: speech.llm, provider: llm-house}",
    "- {node_id: sentences, node_type: text.segmenter}",
    "- {node_id: tts, node_type: speech.tts, provider: tts-house}",
    "- {node_id: speaker, node_type: transport.egress}",
)
EDGES = (
    "- {from: mic.audio, to: vad.audio}",
    "- {from: vad.activity, to: endpoint.activity}",
    "- {from: vad.speech, to: stt.audio}",
    "- {from: stt.text, to: llm.prompt}",
    "- {from: llm.text, to: sentences.text}",
    "- {from: sentences.text, to: tts.text}",
    "- {from: tts.audio, to: speaker.audio}",
)
TURNS = {"owner": "owner: endpoint.turn", "barge_in": "barge_in: [{from: vad.barge_in, min_speech_ms: 300}]"}
PROVIDERS_PATH = "pipelines/extensions/house_providers_v1.yaml"
PROVIDERS = """\
schema_version: rspp.extension.manifest.v1
extension_id: house_providers
version: v1
type: provider
api_version: v1
providers:
  - provider_id: stt-house
    modality: stt
    modes: [partial, final]
    confidence: true
    latency: {p50_ms: 150, p95_ms: 300}
  - {provider_id: llm-house, modality: llm, latency: {p50_ms: 200, p95_ms: 400}}
  - {provider_id: tts-house, modality: tts, latency: {p50_ms: 100, p95_ms: 150}}
"""


def workspace_of(text: str) -> dict[str, str]:
    """The files of an example by their paths."""
    change, *extra = re.split(r"^file (.+)$\n", dedent(text), flags=re.MULTILINE)
    files = {PROVIDERS_PATH: PROVIDERS}
    files.update({path: dedent(content) for path, content in zip(extra[::2], extra[1::2], strict=True)})
    files.setdefault(SPEC_PATH, _spec(change))
    return files


def _spec(change: str) -> str:
    nodes = {_key(line): line for line in NODES}
    edges = {_key(line): line for line in EDGES}
    turns = dict(TURNS)
    for item in re.split(r"^(?=\S)", change, flags=re.MULTILINE):
        line = item.rstrip()
        word = line.partition(":")[0]
        if word == "without":
            _leave_out(line.partition(":")[2].replace(",", " ").split(), nodes, edges, turns)
        elif word in TURNS:
            turns[word] = line
        elif line.startswith("- {from:"):
            edges[_key(line)] = line
        elif line:
            nodes[_key(line)] = line
    parts = [HEAD, "nodes:\n", *map(_indented, nodes.values()), "edges:\n", *map(_indented, edges.values())]
    parts.extend(["turns:\n", *map(_indented, turns.values())] if turns else [])
    return "".join(parts)


def _leave_out(names: list[str], nodes: dict[str, str], edges: dict[str, str], turns: dict[str, str]) -> None:
    for name in names:
        if name == "turns":
            turns.clear()
        nodes.pop(name, None)
        for key, line in list(edges.items()):
            if re.search(rf"(?:from|to): {name}\.", line):
                del edges[key]


def _key(item: str) -> str:
    """What an item is about: the name of a node, or the input that an edge feeds."""
    found = re.search(r"\bto: ([\w.]+)", item) if "from:" in item else re.search(r"node_id: (\w+)", item)
    assert found is not None, item
    return found[1]


def _indented(item: str) -> str:
    return "".join(f"  {line}\n" for line in item.splitlines())
