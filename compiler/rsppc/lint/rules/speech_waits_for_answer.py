"""Speech that begins when the whole answer is written begins late."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.ir.types import Values
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class SpeechWaitsForAnswer(LintFinding):
    """A model writes for seconds what takes a voice a moment to begin. Where synthesis gets the final text of an answer
    only, the caller hears nothing until the last word is written, and the longer the answer the longer the silence.
    Figures hide it: the time to the first token says nothing about the time to the last.

    A voice plugin that collected the whole answer took some 3 seconds to the first sound where streaming needs 1.3
    (https://github.com/openclaw/openclaw/issues/42159); others heard several seconds of silence before each answer
    (https://github.com/techartdev/OpenClawHomeAssistantIntegration/issues/30)."""

    code = "RSP9632"
    name = "speech-waits-for-answer"
    headline = "`{subject}` begins to speak when the whole answer of `{model}` is written"
    hint = "let `{model}` emit its answer as it is written, through a `text.segmenter`"
    model: str


_MODEL = """
- {node_id: llm, node_type: house.llm, provider: llm-house}
%s
file pipelines/extensions/house_llm_v1.yaml
  schema_version: rspp.extension.manifest.v1
  extension_id: house_llm
  version: v1
  type: node
  api_version: v1
  trust_level: trusted
  node_types:
    - node_type: house.llm
      doc: Answers.
      execution_mode: in_process
      impl_ref: builtin:house.llm
      digest: sha256:f6e0a1e2ac41945a9aa7ff8a8aaa0cebc12a3bcc981a929ad5cf810a090e11ae
      modality: llm
      ports:
        - {name: prompt, direction: in, type: text<final>, lane: DataLane}
        - {name: text, direction: out, type: text<%s>, lane: DataLane}
      cancel: {mode: cooperative, cancel_latency_ms: 40, style: hard}
      state: turn_ephemeral
      scope: turn
"""
BAD = _MODEL % ("without: sentences\n- {from: llm.text, to: tts.text}", "final")
GOOD = _MODEL % ("", "delta")


def check(view: View) -> Iterator[LintFinding]:
    program = view.program
    for index in view.unsegmented:
        passes = program.solution.edges[index].passes if program.solution is not None else None
        edge = program.edges[index]
        if not isinstance(passes, Values) or passes.values != ("final",):
            continue
        before = {edge.source.node: program.nodes[edge.source.node], **view.upstream(edge.source.node)}
        model = next((node for node in before.values() if node.type is not None and node.type.modality == "llm"), None)
        if model is not None:
            yield SpeechWaitsForAnswer(at=edge.source.place.span(), subject=edge.target.node, model=model.id)


RULE = Rule(finding=SpeechWaitsForAnswer, check=check, bad=BAD, good=GOOD)
