"""A greeting that begins with the session begins before anybody can hear it."""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.diagnostics import Related
from rsppc.ir.setting import Computed, Inferred, place_of
from rsppc.lint.rule import LintFinding, Rule
from rsppc.lint.view import View


class GreetingBeforeConnection(LintFinding):
    """A session opens before the caller's audio is connected. What is played from the first moment on is lost until the
    link stands: the caller hears "… calling Contoso", or joins in the middle of the notice that a machine answers.

    Users of ElevenLabs hear "… friendly assistant" of "Hi there! I'm your friendly assistant"
    (https://github.com/elevenlabs/packages/issues/29), callers of Microsoft's telephony bots miss the first word
    (https://github.com/microsoft/botframework-telephony/issues/50)."""

    code = "RSP9620"
    name = "greeting-before-connection"
    headline = "`{subject}` starts with the session, before the caller is connected"
    hint = "write `start_on: signal`, and lead the `link` of the ingress to its `start`"


_GREETING = """
- {node_id: greeting, node_type: audio.player, config: {file: welcome.wav%s}}
- {node_id: voice, node_type: flow.merge, config: {order: source_priority, sources: [greeting, answer]}}
- {from: greeting.audio, to: voice.greeting}
- {from: tts.audio, to: voice.answer}
- {from: voice.out, to: speaker.audio}
"""
_ASSET = """
file pipelines/assets/welcome.wav
  The recording.
"""
BAD = _GREETING % "" + _ASSET
GOOD = _GREETING % ", start_on: signal" + "- {from: mic.link, to: greeting.start}\n" + _ASSET


def check(view: View) -> Iterator[LintFinding]:
    for node in view.players:
        start = node.config.get("start_on")
        if start is None or start.value != "session_open":
            continue
        says = () if isinstance(start.origin, Inferred | Computed) else (Related(at=place_of(start), text="says so"),)
        yield GreetingBeforeConnection(at=node.place.span(), subject=node.id, related=says)


RULE = Rule(finding=GreetingBeforeConnection, check=check, bad=BAD, good=GOOD)
