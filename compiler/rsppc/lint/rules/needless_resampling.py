"""Two changes of rate in a row are one too many."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class NeedlessResampling(LintFinding):
    """Each change of rate filters the audio, delays it and costs processor time on every frame of every call; of two in
    a row the first is heard for nothing, and where it goes through a lower rate it also cuts the voice off. Both fit by
    type, whatever they do to each other.

    Resampling ten-millisecond frames from 16 to 24 kHz gave near-silence in one release of LiveKit's SDK, without any
    error (https://github.com/livekit/node-sdks/issues/679); the fewer there are, the fewer can do that."""

    code = "RSP9624"
    name = "needless-resampling"
    headline = "`{subject}` changes the rate to {to} Hz right after `{other}` changed it from {source} to {middle} Hz"
    hint = "let `{other}` go to {to} Hz, and remove `{subject}`"
    to: int
    other: str
    source: int
    middle: int


BAD = """
- {node_id: mic, node_type: transport.ingress, config: {rate_hz: 48000}}
- {node_id: half, node_type: audio.resample, config: {rate_hz: 24000}}
- {node_id: down, node_type: audio.resample, config: {rate_hz: 16000}}
- {from: mic.audio, to: half.audio}
- {from: half.audio, to: down.audio}
- {from: down.audio, to: vad.audio}
"""
GOOD = """
- {node_id: mic, node_type: transport.ingress, config: {rate_hz: 48000}}
- {node_id: down, node_type: audio.resample, config: {rate_hz: 16000}}
- {from: mic.audio, to: down.audio}
- {from: down.audio, to: vad.audio}
"""


def check(view: View) -> Iterator[LintFinding]:
    converters = {node.id: node for node in view.converters}
    for node in view.converters:
        rates = view.conversion(node, "rate_hz")
        edge = view.source_of(node)
        while rates is not None and edge is not None and edge.source.node in converters:
            other = converters[edge.source.node]
            earlier = view.conversion(other, "rate_hz")
            if len(view.out_of(other.id)) > 1:
                break  # somebody else wants what is between
            if earlier is not None:
                related = (Related(at=other.place.span(), text=f"from {earlier[0]} to {earlier[1]} Hz"),)
                yield NeedlessResampling(
                    at=node.place.span(),
                    subject=node.id,
                    to=rates[1],
                    other=other.id,
                    source=earlier[0],
                    middle=earlier[1],
                    related=related,
                )
                break
            edge = view.source_of(other)


RULE = Rule(finding=NeedlessResampling, check=check, bad=BAD, good=GOOD)
