"""Two people on two channels become one voice that nobody can tell apart."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class ChannelsMixedForRecogniser(LintFinding):
    """Lines that give two channels put a person on each: the caller and the agent, or two callers. Mixed into one, they
    talk across each other, the recogniser writes both down as one text, and an agent whose own voice is on the second
    channel interrupts and answers itself. The types are right all the same: one channel is what the recogniser takes.

    The author of Vosk advises to recognise channels apart, because a mix is spoilt by crosstalk
    (https://github.com/alphacep/vosk-api/issues/485); Google's advice is the same
    (https://cloud.google.com/speech-to-text/docs/best-practices)."""

    code = "RSP9614"
    name = "channels-mixed-for-recogniser"
    headline = "`{subject}` mixes {channels} channels into one before `{listener}` hears them"
    hint = "take the caller's channel alone from the transport, with `channels: 1`, or listen to each channel apart"
    channels: int
    listener: str


BAD = """
- {node_id: mic, node_type: transport.ingress, config: {channels: 2}}
- {node_id: mix, node_type: audio.mixdown, config: {channels: 1}}
- {from: mic.audio, to: mix.audio}
- {from: mix.audio, to: vad.audio}
"""
GOOD = """
- {node_id: mic, node_type: transport.ingress, config: {channels: 1}}
"""


def check(view: View) -> Iterator[LintFinding]:
    listening = {node.id for node in view.detectors}
    for node in view.converters:
        channels = view.conversion(node, "channels")
        if channels is None or channels[1] != 1:
            continue
        heard_by = next(
            (
                one.id
                for one in view.downstream(node.id).values()
                if one.id in listening or (one.type is not None and one.type.modality in ("stt", "realtime"))
            ),
            None,
        )
        if heard_by is not None:
            yield ChannelsMixedForRecogniser(
                at=node.place.span(), subject=node.id, channels=channels[0], listener=heard_by
            )


RULE = Rule(finding=ChannelsMixedForRecogniser, check=check, bad=BAD, good=GOOD)
