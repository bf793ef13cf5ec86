"""Nodes that listen to the caller: the line, voice activity, the end of turns, recognition."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsppc.simulate.behaviour import FRAME_US, Behaviour
from rsppc.simulate.clock import CONTROL, DATA
from rsppc.simulate.graph import Edge, Node
from rsppc.simulate.items import Item
from rsppc.simulate.turn import Turn

if TYPE_CHECKING:
    from rsppc.simulate.caller import Caller
    from rsppc.simulate.engine import Engine

PARTIAL_EVERY = 10
"""Frames of speech per partial text."""
PARTIAL_US = 120_000
RECOGNISER_SILENCE_US = 250_000
"""The silence after which a recogniser takes an utterance for finished and asks for its final text."""


class Ingress(Behaviour):
    """The caller's side: a frame every 20 ms, silent or not, and the state of the link."""

    __slots__ = ("_caller", "_held_back", "_silence", "_speech")

    def start(self, caller: Caller) -> None:
        """The call begins."""
        self._caller = caller
        self._held_back: list[Item] = []
        rate = int(self.node.config.get("rate_hz", 16000))
        width = 1 if str(self.node.config.get("codec", "")) in ("pcm_mulaw", "pcm_alaw") else 2
        size = rate * FRAME_US // 1_000_000 * width * int(self.node.config.get("channels", 1))
        self._speech = Item("speech", FRAME_US, size)
        self._silence = Item("silence", FRAME_US, size)
        self.link("connected")
        self.engine.clock.after(0, DATA, self._tick)

    def link(self, state: str) -> None:
        """Tell the pipeline of the state of the link."""
        output = self.output("control", state)
        if output is not None:
            self.engine.leave(output, Item(state))

    def _tick(self, _first: object, _second: object) -> None:
        caller = self._caller
        clock = self.engine.clock
        clock.after(FRAME_US, DATA, self._tick)
        if not caller.is_connected:
            self._held_back.clear()
            return
        output = self.output("audio")
        if output is None:
            return
        frame = self._speech if caller.speaks_until > clock.now else self._silence
        if caller.stalls_until > clock.now:
            self._held_back.append(frame)
            return
        for held in self._held_back:
            self.engine.leave(output, held)
        self._held_back.clear()
        self.engine.leave(output, frame)


class Detector(Behaviour):
    """A voice activity detector: says when speech starts and ends, passes speech, and hears interruptions."""

    __slots__ = ("has_interrupted", "since_us")

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self.since_us = -1
        self.has_interrupted = False

    def take(self, item: Item, edge: Edge) -> None:
        """A frame of the caller."""
        engine, now = self.engine, self.engine.clock.now
        speech = self.output("audio")
        if item.mode == "speech":
            if self.since_us < 0:
                self.since_us, self.has_interrupted = now, False
                self.say("speech_start")
            if speech is not None:
                engine.leave(speech, item)
            self.hear_interruption()
        elif self.since_us >= 0:
            self.since_us = -1
            self.say("speech_end")
            if speech is not None:
                engine.leave(speech, item)

    def hear_interruption(self) -> None:
        """Say once per utterance that the caller has spoken into a turn for long enough."""
        engine, turn = self.engine, self.engine.turn
        if self.has_interrupted or engine.clock.now - self.since_us < engine.arbiter.min_speech_us:
            return
        if turn is not None and turn.state == "Active":
            self.has_interrupted = True
            self.say("barge_in")

    def say(self, signal: str) -> None:
        """Give a signal, where somebody listens to it."""
        output = self.output("control", signal)
        if output is not None:
            self.engine.leave(output, Item(signal))


class Endpointing(Behaviour):
    """Takes a turn for finished after a silence."""

    __slots__ = ("_token",)

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self._token = 0

    def waits(self) -> int:
        return int(self.node.config.get("silence_ms", 500)) * 1000

    def take(self, item: Item, edge: Edge) -> None:
        """The caller began or ended to speak."""
        if item.mode in ("speech_start", "speech_end"):
            self._token += 1
            if item.mode == "speech_end":
                self.engine.clock.after(self.waits(), CONTROL, self._is_over, self._token)

    def _is_over(self, token: int, _: object) -> None:
        output = self.output("control", "turn")
        if token == self._token and output is not None:
            self.engine.leave(output, Item("turn"))


class Recogniser(Behaviour):
    """Speech to text: a partial now and then, and one final text per utterance."""

    __slots__ = ("_frames", "_turn")

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self._frames = 0
        self._turn: Turn | None = None

    def take(self, item: Item, edge: Edge) -> None:
        """A frame of speech, or the silence after it."""
        self._turn = item.turn
        if item.mode == "speech":
            self._frames += 1
            output = self.output("text", "partial")
            if output is not None and self._frames % PARTIAL_EVERY == 0:
                self.engine.leave(output, self._text("partial"), PARTIAL_US)
        elif self._frames:
            self._frames = 0
            self.engine.clock.after(RECOGNISER_SILENCE_US, DATA, self._finish)

    def _finish(self, _first: object, _second: object) -> None:
        if not self._frames:  # else the caller went on
            self.engine.providers.call(self.node, self._turn, self._answer, lambda reason: False)

    def _answer(self) -> None:
        output = self.output("text", "final")
        if output is not None:
            self.engine.leave(output, self._text("final"), 0)

    def _text(self, mode: str) -> Item:
        turn = self._turn
        noisy = self.engine.slowness_milli > 1000 and self.chance.one_in(4)
        confidence = 400 if noisy else 900 + 10 * self.chance.below(10)
        return Item(mode, 0, 128, turn, turn.epoch if turn is not None else -1, 40, confidence)
