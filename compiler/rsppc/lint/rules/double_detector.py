"""Two detectors on one voice disagree."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.program import Node
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class DoubleDetector(LintFinding):
    """Two nodes that tell speech from silence never agree to the window. Behind one another, the second starts anew
    wherever the first cut, and clips the beginnings of words twice; beside one another, one says that the caller speaks
    while the other says that the turn is over, and the agent answers into the sentence.

    Readers of LiveKit's code ask why it runs two detectors in parallel for recognisers that do not stream
    (https://github.com/livekit/agents/pull/1364)."""

    code = "RSP9617"
    name = "double-detector"
    headline = "`{subject}` tells speech from silence {how} `{other}`"
    hint = "keep one of them, and lead its signals wherever they are needed"
    how: str
    other: str


BAD = """
- {node_id: second, node_type: speech.vad}
- {from: vad.speech, to: second.audio}
- {from: second.speech, to: stt.audio}
"""
GOOD = """
- {from: vad.speech, to: stt.audio}
"""


def check(view: View) -> Iterator[LintFinding]:
    detecting = {node.id for node in view.detectors}
    heard_by: dict[str, Node] = {}
    for node in view.detectors:
        before = next((other for name, other in view.upstream(node.id).items() if name in detecting), None)
        # One output feeds both, whatever the event is.
        ears = [str(edge.source) for edge in view.into(node.id) if edge.when is None]
        beside = next((heard_by[ear] for ear in ears if ear in heard_by), None)
        heard_by.update(dict.fromkeys(ears, node))
        other, how = (before, "in what is left by") if before is not None else (beside, "beside")
        if other is not None:
            related = (Related(at=other.place.span(), text="the other one"),)
            yield DoubleDetector(at=node.place.span(), subject=node.id, how=how, other=other.id, related=related)


RULE = Rule(finding=DoubleDetector, check=check, bad=BAD, good=GOOD)
