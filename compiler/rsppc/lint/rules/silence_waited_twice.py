"""Two waits for silence on the way to a turn add up in the caller's ear."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.setting import place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class SilenceWaitedTwice(LintFinding):
    """Each wait for silence looks short where it is set. One behind the other they add up, and the caller hears the sum
    before every single answer. Whether they add up depends on what the second one counts from, which differs between
    frameworks and between modes of one framework: so it is felt in a call and seen in no setting.

    In LiveKit the delay after the end of speech is the larger of two waits with a local detector, and their sum with
    the recogniser's own (https://github.com/livekit/agents/issues/4325); its reference says so by now
    (https://docs.livekit.io/reference/agents-js/interfaces/agents.voice.EndpointingOptions.html)."""

    code = "RSP9631"
    name = "silence-waited-twice"
    headline = "`{subject}` waits {second} ms for silence, and `{other}` before it {first} ms: up to {total} ms in all"
    hint = "let one of the two wait, and set the other to the shortest silence that it takes"
    other: str
    first: int
    second: int
    total: int


_RECOGNISER = """
- {node_id: endpoint, node_type: speech.endpointing, config: {silence_ms: 250}}
- {node_id: stt, node_type: house.stt, provider: stt-house%s}
- {node_id: monitor, node_type: transport.egress}
- {from: mic.audio, to: stt.audio}
- {from: vad.speech, to: monitor.audio}
- {from: stt.text, to: endpoint.text}
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
BAD = _RECOGNISER % ", config: {endpointing_ms: 300}"
GOOD = _RECOGNISER % ""


def check(view: View) -> Iterator[LintFinding]:
    owner = view.owner
    if owner is None:
        return
    upstream = view.upstream(owner.id)
    after = next(((node, silence) for node, silence in view.waiting if node.id == owner.id), None)
    for node, silence in view.waiting:
        if after is None or node.id not in upstream:
            continue
        first, second = silence.value, after[1].value
        yield SilenceWaitedTwice(
            at=place_of(after[1]),
            subject=owner.id,
            other=node.id,
            first=first,
            second=second,
            total=first + second,
            related=(Related(at=place_of(silence), text=f"{first} ms"),),
        )


RULE = Rule(finding=SilenceWaitedTwice, check=check, bad=BAD, good=GOOD)
