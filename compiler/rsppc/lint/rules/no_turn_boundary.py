"""Somebody hears and answers, and nobody says when the caller has finished."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class NoTurnBoundary(LintFinding):
    """Without an owner of turns there is no end of a question: the model answers whenever it likes, nothing can be
    cancelled as a whole, no turn leaves evidence, and nothing can be measured from the end of speech. The compiler
    insists on an owner where nodes live for a turn; a model of one's own that lives for the whole call gets by without.

    A session that is never told the end of a turn stays mute for ever
    (https://github.com/bielcarpi/hermes-live-voice/issues/55); one that is told too early answers a part of the
    question and then the whole (https://github.com/livekit/agents/issues/323)."""

    code = "RSP9627"
    name = "no-turn-boundary"
    headline = "`{subject}` hears the caller and answers, but nobody decides when a turn ends"
    hint = "name the node that decides it as `owner` of `turns`, such as a `speech.endpointing`"


_AGENT = """
without: vad, endpoint, stt, llm, sentences, tts, turns
barge_in: [{from: agent.barge_in, min_speech_ms: 300}]
- {node_id: agent, node_type: house.duplex, provider: duplex-house}
- {from: mic.audio, to: agent.audio}
- {from: agent.audio, to: speaker.audio}
%s
file pipelines/extensions/house_duplex_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: house_duplex
  version: v1
  type: node
  api_version: v1
  trust_level: trusted
  node_types:
    - node_type: house.duplex
      doc: Hears and speaks at the same time.
      execution_mode: in_process
      impl_ref: builtin:house.duplex
      digest: sha256:f6e0a1e2ac41945a9aa7ff8a8aaa0cebc12a3bcc981a929ad5cf810a090e11ae
      modality: realtime
      ports:
        - {name: audio, direction: in, type: audio, lane: DataLane}
        - {name: audio, direction: out, type: audio, lane: DataLane}
        - {name: turn, direction: out, type: "control<turn>", lane: ControlLane, required: false}
        - {name: barge_in, direction: out, type: "control<barge_in>", lane: ControlLane}
      cancel: {mode: cooperative, cancel_latency_ms: 40, style: hard}
      turn_cancel: end_response
      state: session_hot
      scope: session
      latency: {p50_ms: 300, p95_ms: 500}
  providers:
    - {provider_id: duplex-house, modality: realtime}
"""
BAD = _AGENT % ""
GOOD = _AGENT % "owner: agent.turn"


def check(view: View) -> Iterator[LintFinding]:
    nodes = view.program.nodes.values()
    heard = {
        reached
        for node in nodes
        if node.type is not None and node.type.role == "ingress"
        for reached in view.downstream(node.id)
    }
    for node in nodes:
        if node.type is not None and node.type.modality is not None and node.id in heard and _is_heard(node.id, view):
            yield NoTurnBoundary(at=node.place.span(), subject=node.id)
            return


def _is_heard(node_id: str, view: View) -> bool:
    """Whether audio of a node reaches an egress."""
    gives_audio = any(view.number(node_id, edge.source.port or "", "rate_hz") for edge in view.out_of(node_id))
    return gives_audio and any(
        one.type is not None and one.type.role == "egress" for one in view.downstream(node_id).values()
    )


RULE = Rule(finding=NoTurnBoundary, check=check, bad=BAD, good=GOOD)
