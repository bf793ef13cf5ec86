"""Speech that is made token by token sounds chopped."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.ir.types import Values
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class UnsegmentedSpeech(LintFinding):
    """A voice needs the sentence to know how it ends. Fed with the pieces in which a model writes, it drops the blanks
    between words, says "fifty plus" for "50+" or breaks off before the stress is known, and each piece is a request of
    its own. The built-in `speech.tts` takes segments; a node type of one's own may take what comes.

    Pipecat's token mode lost the blanks between words (https://github.com/pipecat-ai/pipecat/pull/4323), degraded the
    voice of a provider that expects sentences (https://github.com/pipecat-ai/docs/pull/712), and cannot correct what
    lies across two tokens (https://github.com/pipecat-ai/pipecat/issues/5574)."""

    code = "RSP9633"
    name = "unsegmented-speech"
    headline = "`{subject}` speaks what `{source}` is still writing, piece by piece"
    hint = "put a `text.segmenter` between the two"
    source: str


_VOICE = """
- {node_id: tts, node_type: house.tts, provider: tts-house}
%s
file pipelines/extensions/house_tts_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: house_tts
  version: v1
  type: node
  api_version: v1
  trust_level: trusted
  node_types:
    - node_type: house.tts
      doc: Speaks.
      execution_mode: in_process
      impl_ref: builtin:house.tts
      digest: sha256:f6e0a1e2ac41945a9aa7ff8a8aaa0cebc12a3bcc981a929ad5cf810a090e11ae
      modality: tts
      ports:
        - {name: text, direction: in, type: text<delta|segment>, lane: DataLane}
        - {name: audio, direction: out, type: "audio<codec=pcm_s16le, rate_hz=16000, channels=1>", lane: DataLane}
      cancel: {mode: cooperative, cancel_latency_ms: 40, style: hard}
      state: turn_ephemeral
      scope: turn
"""
BAD = _VOICE % "without: sentences\n- {from: llm.text, to: tts.text}"
GOOD = _VOICE % ""


def check(view: View) -> Iterator[LintFinding]:
    program = view.program
    for index in view.unsegmented:
        passes = program.solution.edges[index].passes if program.solution is not None else None
        edge = program.edges[index]
        if isinstance(passes, Values) and "delta" in passes.values:
            yield UnsegmentedSpeech(at=edge.source.place.span(), subject=edge.target.node, source=str(edge.source))


RULE = Rule(finding=UnsegmentedSpeech, check=check, bad=BAD, good=GOOD)
