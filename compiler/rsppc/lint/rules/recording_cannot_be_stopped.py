"""A recording that goes on while the caller speaks."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class RecordingCannotBeStopped(LintFinding):
    """A cancel of the turn reaches what says in its manifest that it hears one. A source of recordings that says
    nothing plays on: the caller interrupts the greeting, is understood, and has to listen to the rest of it before the
    answer, or beneath it. What is to be heard to its end says so, in `unless`.

    The converse of a greeting that stops though it must not (https://github.com/rapidaai/voice-ai/issues/280): what
    may be interrupted is to be seen in the pipeline."""

    code = "RSP9636"
    name = "recording-cannot-be-stopped"
    headline = "speech of the caller does not stop `{subject}`, and `unless` does not say that it should not"
    hint = "state `turn_cancel: stop` in the manifest of `{node_type}`, or name `{subject}` in `unless`"
    node_type: str


_GREETING = """
- {node_id: greeting, node_type: house.jingle}
- {node_id: voice, node_type: flow.merge, config: {order: source_priority, sources: [greeting, answer]}}
- {from: mic.link, to: greeting.start}
- {from: greeting.audio, to: voice.greeting}
- {from: tts.audio, to: voice.answer}
- {from: voice.out, to: speaker.audio}
file pipelines/extensions/house_jingle_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: house_jingle
  version: v1
  type: node
  api_version: v1
  trust_level: trusted
  node_types:
    - node_type: house.jingle
      doc: Plays the jingle of the house.
      role: source
      execution_mode: in_process
      impl_ref: builtin:house.jingle
      digest: sha256:f6e0a1e2ac41945a9aa7ff8a8aaa0cebc12a3bcc981a929ad5cf810a090e11ae
      ports:
        - {name: start, direction: in, type: "control<*>", lane: ControlLane, required: false}
        - {name: audio, direction: out, type: audio, lane: DataLane}
      cancel: {mode: preemptible, cancel_latency_ms: 0, style: hard}
      turn_cancel: %s
      state: session_hot
      scope: session
      latency: {p50_ms: 1, p95_ms: 5}
"""
BAD = _GREETING % "none"
GOOD = _GREETING % "stop"


def check(view: View) -> Iterator[LintFinding]:
    cancels = view.program.turns.cancels
    meant = {name for place in cancels for name, _ in place.unless}
    for node in view.players:
        if cancels and node.type is not None and node.type.turn_cancel == "none" and node.id not in meant:
            yield RecordingCannotBeStopped(at=node.place.span(), subject=node.id, node_type=node.type_name)


RULE = Rule(finding=RecordingCannotBeStopped, check=check, bad=BAD, good=GOOD)
