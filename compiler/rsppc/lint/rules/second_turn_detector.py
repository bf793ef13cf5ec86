"""Two that decide when the caller has finished decide differently."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.setting import place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class SecondTurnDetector(LintFinding):
    """A turn has one owner. A recogniser that ends sentences by a silence of its own beside it holds its final text
    back until that silence is over: the turn opens at the owner's word, and there is nothing to answer yet, or half of
    it. Where the two lie close together, one pause of the caller becomes two turns, and the agent answers twice. A
    second node with turn signals that go nowhere is refused by the compiler; this is about those that go somewhere.

    Users of LiveKit set a recogniser with turn detection of its own beside a local detector and find that turns do not
    work (https://github.com/livekit/agents/issues/3331); with both, one utterance can be committed as two turns
    (https://github.com/livekit/agents/issues/6726)."""

    code = "RSP9629"
    name = "second-turn-detector"
    headline = "`{subject}` decides by itself when the caller has finished, beside `{owner}`, which owns turns"
    hint = "turn the detection of one of the two off, or lead the signal of `{subject}` into `{owner}`"
    owner: str


_RECOGNISER = """
- {node_id: stt, node_type: house.stt, provider: stt-house%s}
- {node_id: monitor, node_type: transport.egress}
- {from: mic.audio, to: stt.audio}
- {from: vad.speech, to: monitor.audio}
file pipelines/extensions/house_stt_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: house_stt
  version: v1
  type: node
  api_version: v1
  trust_level: trusted
  node_types:
    - node_type: house.stt
      doc: Recognises speech, and may end sentences by itself.
      execution_mode: in_process
      impl_ref: builtin:house.stt
      digest: sha256:f6e0a1e2ac41945a9aa7ff8a8aaa0cebc12a3bcc981a929ad5cf810a090e11ae
      modality: stt
      ports:
        - {name: audio, direction: in, type: "audio<codec=pcm_s16le, rate_hz=16000, channels=1>", lane: DataLane}
        - {name: text, direction: out, type: "text<partial|final>", lane: DataLane}
      config:
        - {name: endpointing_ms, type: duration_ms, min: 0, max: 3000, doc: Silence after which a text is final.}
      cancel: {mode: cooperative, cancel_latency_ms: 40, style: soft}
      state: session_hot
      scope: session
"""
BAD = _RECOGNISER % ", config: {endpointing_ms: 700}"
GOOD = _RECOGNISER % ""


def check(view: View) -> Iterator[LintFinding]:
    owner = view.owner
    if owner is None:
        return
    asked = {owner.id, *view.upstream(owner.id)}  # what the owner hears is its own business
    related = (Related(at=view.program.turns.place.span(), text=f"`{owner.id}` owns turns"),)
    told: set[str] = set()
    for node in view.deciders:
        if node.id not in asked:
            told.add(node.id)
            yield SecondTurnDetector(at=node.place.span(), subject=node.id, owner=owner.id, related=related)
    for node, silence in view.waiting:
        if node.id not in {*asked, *told} and node.type is not None and node.type.modality is not None:
            yield SecondTurnDetector(at=place_of(silence), subject=node.id, owner=owner.id, related=related)


RULE = Rule(finding=SecondTurnDetector, check=check, bad=BAD, good=GOOD)
