"""A telephone line does not sound better at 48 kHz."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View

ENOUGH_HZ = 16000
"""Rate at which recognisers are trained; above it they hear nothing more."""


class UpsampledForRecogniser(LintFinding):
    """A recogniser is trained at 16 kHz, some at 8. Narrow audio that is blown up beyond that holds nothing new; it
    costs bytes, bandwidth and filters, and a model that takes the rate for the truth expects sounds that the line has
    cut off. The types agree, because the recogniser takes that rate from those who have it.

    Google asks for the rate of the line, 8000 Hz, and no resampling
    (https://cloud.google.com/speech-to-text/docs/best-practices); a team that stopped upsampling measured
    the same errors with half the bytes (https://github.com/mmeyerlein/meclaw/issues/619)."""

    code = "RSP9634"
    name = "upsampled-for-recogniser"
    headline = "`{subject}` brings {source} Hz up to {to} Hz for `{listener}`, which hears nothing more at that rate"
    hint = "feed `{listener}` at {source} Hz, or at 16000 Hz where it takes nothing less"
    source: int
    to: int
    listener: str


_LINE = """
- {node_id: mic, node_type: transport.ingress, config: {rate_hz: 8000}}
%s
"""
BAD = (
    _LINE
    % """\
- {node_id: up, node_type: audio.resample, config: {rate_hz: 48000}}
- {from: vad.speech, to: up.audio}
- {from: up.audio, to: stt.audio}
"""
)
GOOD = _LINE % ""


def check(view: View) -> Iterator[LintFinding]:
    for node in view.converters:
        rates = view.conversion(node, "rate_hz")
        if rates is None or rates[0] > ENOUGH_HZ or rates[1] <= ENOUGH_HZ or rates[1] < rates[0]:
            continue
        for listener in view.downstream(node.id).values():
            if listener.type is not None and listener.type.modality == "stt":
                yield UpsampledForRecogniser(
                    at=node.place.span(), subject=node.id, source=rates[0], to=rates[1], listener=listener.id
                )
                break


RULE = Rule(finding=UpsampledForRecogniser, check=check, bad=BAD, good=GOOD)
