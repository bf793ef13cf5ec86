"""Speech that cancels the answer has to last a while, or a cough does."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.ir.setting import place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class BargeInAtAnySound(LintFinding):
    """A cough, a clap, an "mm-hm" or the echo of the agent's own voice is shorter than a word, and a detector takes it
    for speech. The caller hears the answer break off in the middle, and nothing brings it back.

    Users of LiveKit reproduce an agent that falls silent by coughing (https://github.com/livekit/agents/issues/1229); a
    platform that cancelled after 90 ms of sound had a safety answer end as "If you ever smell"
    (https://github.com/aplisay/llm-agent/pull/243); another began with 60 ms against coughs
    (https://github.com/vellum-ai/vellum-assistant/pull/37666) and has 250 by now
    (https://github.com/vellum-ai/vellum-assistant/pull/38348)."""

    code = "RSP9611"
    name = "barge-in-at-any-sound"
    headline = "{speech} at `{subject}` cancels the answer, so that a cough does"
    hint = "write `min_speech_ms: 300`, or what your callers need"
    speech: str


BAD = """
barge_in: [{from: vad.barge_in}]
"""
GOOD = """
barge_in: [{from: vad.barge_in, min_speech_ms: 300}]
"""


def check(view: View) -> Iterator[LintFinding]:
    for place in view.barge_ins:
        speech = place.min_speech_ms
        yield BargeInAtAnySound(
            at=place.source.place.span() if speech is None else place_of(speech),
            subject=str(place.source),
            speech="any sound" if speech is None else f"{speech.value} ms of speech",
        )


RULE = Rule(finding=BargeInAtAnySound, check=check, bad=BAD, good=GOOD)
