"""A greeting that nothing keeps apart from the answers is heard at the same time."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.setting import place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class GreetingOverAnswer(LintFinding):
    """A recording and an answer are two voices. Joined by time, or in turns, their pieces alternate: the caller who
    speaks into the greeting hears the answer chopped up with it. With `source_priority` one of them plays, and the
    other waits or gives way.

    Callers who spoke while the opening line of an agent played heard it and the answer mixed
    (https://github.com/miuda-ai/active-call/issues/72)."""

    code = "RSP9621"
    name = "greeting-over-answer"
    headline = "`{subject}` joins the recording of `{player}` and `{other}` by {order}, so that both are heard at once"
    hint = "write `order: source_priority`, the voice that goes first at the head of `sources`"
    player: str
    other: str
    order: str


_GREETING = """
- {node_id: greeting, node_type: audio.player, config: {file: welcome.wav, start_on: signal}}
- {node_id: voice, node_type: flow.merge, config: {order: %s, sources: [greeting, answer]}}
- {from: mic.link, to: greeting.start}
- {from: greeting.audio, to: voice.greeting}
- {from: tts.audio, to: voice.answer}
- {from: voice.out, to: speaker.audio}
file pipelines/assets/welcome.wav
  The recording.
"""
BAD = _GREETING % "timestamp"
GOOD = _GREETING % "source_priority"


def check(view: View) -> Iterator[LintFinding]:
    players = {node.id for node in view.players}
    for node in view.joins:
        order = node.config.get("order")
        if order is None or order.value not in ("timestamp", "round_robin"):
            continue
        voices = [edge.source.node for edge in view.into(node.id)]
        player = next((voice for voice in voices if voice in players), None)
        other = next((voice for voice in voices if voice not in players), None)
        if player is not None and other is not None:
            related = (Related(at=place_of(order), text="says so"),)
            yield GreetingOverAnswer(
                at=node.place.span(),
                subject=node.id,
                player=player,
                other=other,
                order=f"`{order.value}`",
                related=related,
            )


RULE = Rule(finding=GreetingOverAnswer, check=check, bad=BAD, good=GOOD)
