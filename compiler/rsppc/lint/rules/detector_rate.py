"""A detector that is fed at a rate for which it was not trained hears nothing, or everything."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import DETECTOR_RATES, View


class DetectorRate(LintFinding):
    """Models that tell speech from silence are trained at 8 and 16 kHz. At another rate they judge voices that are
    shifted and stretched: the caller talks and nothing happens, or the agent stops at every noise. The built-in
    `speech.vad` takes no other rate; a node type of one's own says what it likes.

    Pipecat refuses other rates at run time, in the middle of a call's setup
    (https://github.com/pipecat-ai/pipecat/issues/2494); Speechmatics found wrong results without any message
    (https://github.com/speechmatics/speechmatics-python-sdk/pull/90); the authors of Silero say which rates there are
    (https://github.com/snakers4/silero-vad/issues/21)."""

    code = "RSP9616"
    name = "detector-rate"
    headline = "`{subject}` tells speech from silence at {rate} Hz; such models know 8000 and 16000 Hz"
    hint = "put an `audio.resample` with `rate_hz: 16000` before it"
    rate: int


_DETECTOR = """
- {node_id: mic, node_type: transport.ingress, config: {rate_hz: 48000}}
- {node_id: vad, node_type: house.vad}
- {node_id: down, node_type: audio.resample, config: {rate_hz: 16000}}
- {from: mic.audio, to: down.audio}
%s
file pipelines/extensions/house_vad_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: house_vad
  version: v1
  type: node
  api_version: v1
  trust_level: trusted
  node_types:
    - node_type: house.vad
      doc: Tells speech from silence.
      execution_mode: in_process
      impl_ref: builtin:house.vad
      digest: sha256:f6e0a1e2ac41945a9aa7ff8a8aaa0cebc12a3bcc981a929ad5cf810a090e11ae
      ports:
        - {name: audio, direction: in, type: audio, lane: DataLane}
        - {name: activity, direction: out, type: "control<speech_start|speech_end>", lane: ControlLane}
        - {name: barge_in, direction: out, type: "control<barge_in>", lane: ControlLane}
      cancel: {mode: preemptible, cancel_latency_ms: 0, style: hard}
      state: session_hot
      scope: session
      latency: {p50_ms: 30, p95_ms: 40}
"""
BAD = _DETECTOR % "- {from: mic.audio, to: vad.audio}\n- {from: down.audio, to: stt.audio}"
GOOD = _DETECTOR % "- {from: down.audio, to: vad.audio}\n- {from: down.audio, to: stt.audio}"


def check(view: View) -> Iterator[LintFinding]:
    for node in view.detectors:
        assert node.type is not None
        for port in node.type.inputs.values():
            rate = view.number(node.id, port.name, "rate_hz", is_input=True)
            if rate is not None and rate not in DETECTOR_RATES:
                yield DetectorRate(at=node.place.span(), subject=node.id, rate=rate)


RULE = Rule(finding=DetectorRate, check=check, bad=BAD, good=GOOD)
