"""Specs as people write them at length: one key a line, about twelve lines a node and ten an edge.

A spec of `nodes` nodes is a whole voice turn in which chains of text steps stand between recogniser, model and
synthesiser; a wide one repeats such turns side by side. All of it compiles without findings, so that what is
measured is the ordinary way.
"""

from __future__ import annotations

import re
from pathlib import Path

_HEAD = """schema_version: rspp.pipeline.spec.v1
pipeline_id: {name}
version: v1
profile: simple/v1
metadata:
  title: "Generated for measuring"
  owner: voice-team
nodes:
"""

_STEP_CONFIG: dict[str, object] = {"numbers": "words", "strip_fillers": "true", "lower_case": "false"}

_MANIFEST = """schema_version: rspp.extension.manifest.v1
extension_id: measured
version: v1
type: provider
api_version: v1
providers:
  - {provider_id: stt-deepgram, modality: stt, modes: [partial, final], latency: {p50_ms: 150, p95_ms: 300}}
  - {provider_id: llm-anthropic, modality: llm, latency: {p50_ms: 200, p95_ms: 400}}
  - {provider_id: tts-elevenlabs, modality: tts, latency: {p50_ms: 100, p95_ms: 150}}
"""


def spec(name: str, nodes: int, label: str = "") -> str:
    """A spec with about this many nodes; `label` is a part of all of their names."""
    lines = [_HEAD.format(name=name)]
    edges: list[tuple[str, str]] = []
    turns = max(1, nodes // 20)
    for turn in range(turns):
        _turn(turn, f"{label}{turn}", nodes // turns, lines, edges)
    lines.append("edges:\n")
    lines.extend(_edge(source, target) for source, target in edges)
    lines.append("turns:\n  owner: endpoint.turn\n  barge_in:\n    - from: vad.barge_in\n      min_speech_ms: 300\n")
    return "".join(lines)


def _turn(turn: int, t: str, nodes: int, lines: list[str], edges: list[tuple[str, str]]) -> None:
    own_vad = turn == 0
    fixed = 8 if own_vad else 5
    steps = max(2, nodes - fixed)
    before = steps // 2
    if own_vad:
        lines.append(_node("mic", "transport.ingress", {"codec": "pcm_s16le", "rate_hz": 16000, "channels": 1}))
        lines.append(_node("vad", "speech.vad", {}))
        lines.append(_node("endpoint", "speech.endpointing", {"silence_ms": 400}))
        edges += [("mic.audio", "vad.audio"), ("vad.activity", "endpoint.activity")]
    lines.append(_node("stt" + t, "speech.stt", {"language": "en-US"}, "stt-deepgram"))
    edges.append(("vad.speech", f"stt{t}.audio"))
    last = f"stt{t}.text"
    last = _chain(f"in{t}", before, last, lines, edges)
    lines.append(_node("llm" + t, "speech.llm", {"max_context_turns": 8, "temperature_milli": 300}, "llm-anthropic"))
    edges.append((last, f"llm{t}.prompt"))
    lines.append(_node("sentences" + t, "text.segmenter", {}))
    edges.append((f"llm{t}.text", f"sentences{t}.text"))
    last = _chain(f"out{t}", steps - before, f"sentences{t}.text", lines, edges)
    lines.append(_node("tts" + t, "speech.tts", {"language": "en"}, "tts-elevenlabs"))
    lines.append(_node("speaker" + t, "transport.egress", {"codec": "pcm_s16le", "rate_hz": 24000, "channels": 1}))
    edges += [(last, f"tts{t}.text"), (f"tts{t}.audio", f"speaker{t}.audio")]


def _chain(prefix: str, count: int, last: str, lines: list[str], edges: list[tuple[str, str]]) -> str:
    for index in range(count):
        name = f"{prefix}_{index}"
        lines.append(_node(name, "text.normalizer", _STEP_CONFIG))
        edges.append((last, f"{name}.text"))
        last = f"{name}.text"
    return last


def _node(name: str, node_type: str, config: dict[str, object], provider: str | None = None) -> str:
    lines = [f"  - node_id: {name}\n", f"    node_type: {node_type}\n", "    budget_ms: 800\n"]
    if provider:
        lines.append(f"    provider: {provider}\n")
    if config:
        lines.append("    config:\n")
        lines.extend(f"      {key}: {value}\n" for key, value in config.items())
    lines += ["    lifecycle:\n", "      start_timeout_ms: 5000\n", "      stop_timeout_ms: 1000\n"]
    return "".join(lines)


def _edge(source: str, target: str) -> str:
    return (
        f"  - from: {source}\n"
        f"    to: {target}\n"
        "    delivery: ordered\n"
        "    at_most_once: true\n"
        "    buffer:\n"
        "      strategy: merge\n"
        "      max_queue_items: 16\n"
        "      max_queue_ms: 200\n"
        "      max_latency_contribution_ms: 5\n"
        if not source.endswith(("activity",))
        else f"  - from: {source}\n    to: {target}\n    delivery: ordered\n    at_most_once: true\n"
    )


def untidy(text: str) -> str:
    """A spec with what a formatter finds everywhere: lists deeper than they need be, blanks too many before values and
    at the ends of lines, and lines too many at the end."""
    lines = re.sub(r"(?m)^( +)", r"\1\1", text).replace("  - ", "  -   ").split("\n")
    for number in range(0, len(lines) - 1, 5):
        lines[number] = lines[number].replace(": ", ":" + " " * 48) + " "  # in no column with another
    return "\n".join(lines) + "\n\n"


def write(folder: Path, count: int, nodes: int) -> list[Path]:
    """A workspace of `count` specs; the paths of its files."""
    specs = folder / "pipelines" / "specs"
    specs.mkdir(parents=True, exist_ok=True)
    extensions = folder / "pipelines" / "extensions"
    extensions.mkdir(exist_ok=True)
    (extensions / "measured_v1.yaml").write_text(_MANIFEST, encoding="utf-8")
    paths = []
    for index in range(count):
        path = specs / f"bench_{index}_v1.yaml"
        path.write_text(spec(f"bench_{index}", nodes), encoding="utf-8")
        paths.append(path)
    return paths
