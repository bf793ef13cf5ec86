"""Who takes turns by itself also knows best when it is interrupted."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.catalog import NodeType
from rsppc.ir.types import Values
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class BargeInFromAnotherEar(LintFinding):
    """A model that takes turns by itself decides what an interruption is, and what of its answer was heard. A local
    detector that cancels beside it stops the sound where the model goes on speaking, or lets it play where the model
    has stopped: the caller hears half a sentence, and the model goes on as if the other half had been heard.

    LiveKit had to repair interruptions by its local detector where the realtime model detects turns
    (https://github.com/livekit/agents/pull/1836)."""

    code = "RSP9635"
    name = "barge-in-from-another-ear"
    headline = "`{subject}` cancels the answers of `{owner}`, which tells `barge_in` by itself"
    hint = "name `{owner}.{port}` in `barge_in` instead"
    owner: str
    port: str


_AGENT = """
without: endpoint, stt, llm, sentences, tts
- {node_id: agent, node_type: speech.realtime, provider: agent-house}
- {node_id: notes, node_type: speech.stt, provider: stt-house}
- {node_id: screen, node_type: transport.egress}
- {from: vad.speech, to: notes.audio}
- {from: notes.text, to: screen.text}
- {from: mic.audio, to: agent.audio}
- {from: agent.audio, to: speaker.audio}
owner: agent.turn
barge_in: [{from: %s.barge_in, min_speech_ms: 300}]
file pipelines/extensions/agent_house_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: agent_house
  version: v1
  type: provider
  api_version: v1
  providers:
    - {provider_id: agent-house, modality: realtime, latency: {p50_ms: 300, p95_ms: 500}}
"""
BAD = _AGENT % "vad"
GOOD = _AGENT % "agent"


def check(view: View) -> Iterator[LintFinding]:
    owner = view.owner
    if owner is None or owner.type is None or owner.type.modality is None:
        return
    port = _own_signal(owner.type)
    cancels = [place for place in view.program.turns.cancels if place.kind == "barge_in"]
    if port is None or any(place.source.node == owner.id for place in cancels):
        return
    detectors = {node.id for node in view.detectors}
    related = (Related(at=owner.place.span(), text="takes turns by itself"),)
    for place in cancels:
        if place.source.node in detectors:
            yield BargeInFromAnotherEar(
                at=place.source.place.span(), subject=str(place.source), owner=owner.id, port=port, related=related
            )


def _own_signal(node_type: NodeType) -> str | None:
    """The output at which a type tells that it is interrupted."""
    for port in node_type.outputs.values():
        product = port.type.alternatives[0]
        if product.kind == "control" and isinstance(product.terms[0], Values) and "barge_in" in product.terms[0].values:
            return port.name
    return None


RULE = Rule(finding=BargeInFromAnotherEar, check=check, bad=BAD, good=GOOD)
