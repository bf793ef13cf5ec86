"""Who waits for silence behind a filter of silence waits for ever."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.program import Node
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class SilenceNeverArrives(LintFinding):
    """A provider that ends turns by silence has to hear the silence. Behind a local detector that lets only speech
    through, the stream stops with the last word: the provider waits for the pause that nobody sends it, the caller
    waits for an answer, and no log shows anything wrong.

    A client that sends no silence between turns never got an answer out of server-side detection
    (https://github.com/bielcarpi/hermes-live-voice/issues/55); a client-side detector in front of Kaldi's server had
    the same effect ten years earlier (https://github.com/alumae/kaldi-gstreamer-server/issues/23)."""

    code = "RSP9630"
    name = "silence-never-arrives"
    headline = "`{subject}` ends turns by silence, and `{detector}` before it lets only speech through"
    hint = "feed `{subject}` from before `{detector}`, or let a `speech.endpointing` behind `{detector}` own turns"
    detector: str


_AGENT = """
without: endpoint, stt, llm, sentences, tts
- {node_id: mic, node_type: transport.ingress}
- {node_id: agent, node_type: speech.realtime, provider: agent-house}
- {node_id: notes, node_type: speech.stt, provider: stt-house}
- {node_id: screen, node_type: transport.egress}
- {from: vad.speech, to: notes.audio}
- {from: notes.text, to: screen.text}
- {from: %s, to: agent.audio}
- {from: agent.audio, to: speaker.audio}
owner: agent.turn
barge_in: [{from: agent.barge_in, min_speech_ms: 300}]
file pipelines/extensions/agent_house_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: agent_house
  version: v1
  type: provider
  api_version: v1
  providers:
    - {provider_id: agent-house, modality: realtime, latency: {p50_ms: 300, p95_ms: 500}}
"""
BAD = _AGENT % "vad.speech"
GOOD = _AGENT % "mic.audio"


def check(view: View) -> Iterator[LintFinding]:
    waiting = {node.id: node for node, _ in view.waiting if node.type is not None and node.type.modality is not None}
    for node in waiting.values():
        detector = _gate(node, view)
        if detector is not None:
            related = (Related(at=detector.place.span(), text="lets only speech through"),)
            yield SilenceNeverArrives(at=node.place.span(), subject=node.id, detector=detector.id, related=related)


def _gate(node: Node, view: View) -> Node | None:
    """The detector through which the audio of a node has come."""
    gates = {one.id for one in view.detectors}
    waiting, seen = [node.id], {node.id}
    for node_id in waiting:  # grows while it is walked through
        for edge in view.into(node_id):
            source = edge.source
            if source.node in seen or not _is_audio(source.node, source.port or "", view):
                continue
            if source.node in gates:
                return view.program.nodes[source.node]
            seen.add(source.node)
            waiting.append(source.node)
    return None


def _is_audio(node_id: str, port: str, view: View) -> bool:
    solution = view.program.solution
    port_type = solution.types.get(node_id, {}).get(port) if solution is not None else None
    return port_type is not None and port_type.alternatives[0].kind == "audio"


RULE = Rule(finding=SilenceNeverArrives, check=check, bad=BAD, good=GOOD)
