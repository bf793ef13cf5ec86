"""A voice that could speak at the rate of the line need not be converted to it."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.ir.program import Edge
from rsppc.ir.types import ATTRIBUTES, PortType, Values
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class ResampledThoughOffered(LintFinding):
    """A provider that offers the rate at which audio is needed gives it without loss and without delay. Leaving it at
    22.05 or 24 kHz and converting behind it costs a filter on every frame, and odd ratios such as 22050 to 24000 are
    where cheap resamplers click and hiss. The types fit either way.

    A converter of one SDK added noise to speech (https://github.com/livekit/python-sdks/issues/389); others ask their
    synthesis for the rate of the line where it is served (https://github.com/mmeyerlein/meclaw/issues/619)."""

    code = "RSP9625"
    name = "resampled-though-offered"
    headline = "`{subject}` converts to {to} Hz what `{provider}` could give at that rate"
    hint = "connect `{provider}` to what `{subject}` feeds, and remove `{subject}`"
    to: int
    provider: str


BAD = """
- {node_id: convert, node_type: audio.resample, config: {rate_hz: 16000}}
- {from: tts.audio, to: convert.audio}
- {from: convert.audio, to: speaker.audio}
"""
GOOD = """
- {from: tts.audio, to: speaker.audio}
"""


def check(view: View) -> Iterator[LintFinding]:
    for node in view.converters:
        rates, edge = view.conversion(node, "rate_hz"), view.source_of(node)
        if rates is not None and edge is not None and _offers(edge, rates[1], view):
            yield ResampledThoughOffered(at=node.place.span(), subject=node.id, to=rates[1], provider=edge.source.node)


def _offers(edge: Edge, rate: int, view: View) -> bool:
    """Whether a served output can have a rate, with every provider that may serve it, and nobody else hears it."""
    node = view.program.nodes[edge.source.node]
    port = node.type.outputs.get(edge.source.port or "") if node.type is not None else None
    if port is None or node.type is None or node.type.modality is None or len(view.out_of(node.id)) > 1:
        return False
    refined = [
        provider.refines[port.name][0]
        for provider in view.program.providers.get(node.id, ())
        if port.name in provider.refines
    ]
    return all(_has_rate(one, rate) for one in (port.type, *refined))


def _has_rate(port_type: PortType, rate: int) -> bool:
    for product in port_type.alternatives:
        if product.kind == "audio" and product.terms:
            term = product.terms[ATTRIBUTES["audio"].index("rate_hz")]
            if isinstance(term, Values) and rate in term.values:
                return True
    return False


RULE = Rule(finding=ResampledThoughOffered, check=check, bad=BAD, good=GOOD)
