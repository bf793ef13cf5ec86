"""What a low rate has cut off, no high rate brings back."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class NarrowedAudio(LintFinding):
    """Audio that is brought down to a low rate and up again later has lost everything above half of the low rate; the
    high rate behind it is paid for in bytes and money and carries nothing. Sibilants go first, so that a caller's "S"
    and "F" sound the same. Take the branch with the high rate from before the first conversion.

    Where the conversion to the low rate does not filter, it is worse than lost: voices that went from 24 kHz to 8 kHz
    folded their sibilants into the telephone band
    (https://github.com/hkjarral/AVA-AI-Voice-Agent-for-Asterisk/issues/553)."""

    code = "RSP9623"
    name = "narrowed-audio"
    headline = "`{subject}` brings audio up to {to} Hz that `{other}` brought down from {source} to {low} Hz"
    hint = "feed `{subject}` from before `{other}`, or leave the rate at {low} Hz"
    to: int
    other: str
    source: int
    low: int


_RATES = """
- {node_id: mic, node_type: transport.ingress, config: {rate_hz: 48000}}
- {node_id: down, node_type: audio.resample, config: {rate_hz: 16000}}
- {from: mic.audio, to: down.audio}
- {from: down.audio, to: vad.audio}
"""
BAD = (
    _RATES
    + """\
- {node_id: up, node_type: audio.resample, config: {rate_hz: 24000}}
- {node_id: monitor, node_type: transport.egress, config: {rate_hz: 24000}}
- {from: vad.speech, to: up.audio}
- {from: up.audio, to: monitor.audio}
"""
)
GOOD = (
    _RATES
    + """\
- {node_id: monitor, node_type: transport.egress, config: {rate_hz: 16000}}
- {from: vad.speech, to: monitor.audio}
"""
)


def check(view: View) -> Iterator[LintFinding]:
    rates = {node.id: rates for node in view.converters if (rates := view.conversion(node, "rate_hz")) is not None}
    for node in view.converters:
        before, after = rates.get(node.id, (0, 0))
        if after <= before:
            continue
        for other in _heard_before(node.id, view):
            source, low = rates.get(other, (0, 0))
            if source > low:
                related = (Related(at=view.program.nodes[other].place.span(), text=f"down to {low} Hz"),)
                yield NarrowedAudio(
                    at=node.place.span(),
                    subject=node.id,
                    to=after,
                    other=other,
                    source=source,
                    low=low,
                    related=related,
                )
                break


def _heard_before(node_id: str, view: View) -> Iterator[str]:
    """What audio has come through, the nearest first, without what stands in a row with the node."""
    seen = {node_id}
    waiting = [node_id]
    in_a_row = True
    for one in waiting:  # grows while it is walked through
        for edge in view.into(one):
            source = view.program.nodes[edge.source.node]
            if source.id in seen or view.number(source.id, edge.source.port or "", "rate_hz") is None:
                continue
            seen.add(source.id)
            waiting.append(source.id)
            in_a_row = in_a_row and source in view.converters
            if not in_a_row:
                yield source.id


RULE = Rule(finding=NarrowedAudio, check=check, bad=BAD, good=GOOD)
