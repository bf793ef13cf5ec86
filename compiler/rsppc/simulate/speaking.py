"""Nodes that make an answer: language models, segments, voices, models from speech to speech, and recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsppc.simulate.behaviour import FRAME_US, TOOL_CALL_ONE_IN, Behaviour
from rsppc.simulate.clock import CONTROL, DATA
from rsppc.simulate.graph import Edge, Node, Output
from rsppc.simulate.items import Item
from rsppc.simulate.listening import Detector
from rsppc.simulate.providers import Call
from rsppc.simulate.turn import Turn

if TYPE_CHECKING:
    from rsppc.simulate.engine import Engine

DELTAS = (8, 18)
DELTA_US = (15_000, 35_000)
DELTA_CHARACTERS = 5
SENTENCE_EVERY = 6
"""One delta of so many ends with a punctuation mark."""
CHARACTER_US = 66_000
"""Speech takes so long per character."""
PACE_US = 5_000
"""A synthesiser makes a frame of 20 ms in so much time."""
BACKLOG_MAX = 8
"""Segments that a synthesiser takes in before it has spoken the earlier ones."""
GREETING_FRAMES = 50
REPLY_FRAMES = (75, 200)


class Model(Behaviour):
    """A language model: some deltas after the time that its provider takes."""

    __slots__ = ("_call", "_is_paused", "_left", "_outputs", "_turn")

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self._call: Call | None = None
        self._outputs: dict[str, Output] = node.outputs
        self._turn: Turn | None = None
        self._left = 0
        self._is_paused = False

    def take(self, item: Item, edge: Edge) -> None:
        """A prompt; results of tools are taken note of."""
        if item.mode == "final" and item.turn is not None and self._turn is None:
            self._begin(self.node.outputs, item.turn)

    def take_over(self, outputs: dict[str, Output], turn: Turn) -> bool:
        """Answer in the place of another model, over its edges."""
        if self._turn is not None:
            return False
        self._begin(outputs, turn)
        return True

    def _begin(self, outputs: dict[str, Output], turn: Turn) -> None:
        self._outputs, self._turn = outputs, turn
        turn.outstanding += 1
        self._call = self.engine.providers.call(self.node, turn, self._answer, self._fall_back)

    def _fall_back(self, reason: str) -> bool:
        said, turn = self.node.fallback, self._turn
        self._turn = None
        if said is None or turn is None or reason not in said["on"] or "fallback" not in self.engine.actions:
            return False
        self.engine.signal("fallback", "RK-17", turn=turn, node_id=self.node.id, to=said["to"], reason=reason)
        taken: bool = self.engine.graph.nodes[said["to"]].behaviour.take_over(self._outputs, turn)
        turn.outstanding -= 1
        return taken

    def _answer(self) -> None:
        self._left = self.chance.between(*DELTAS)
        tools = self._outputs.get("tool_calls")
        turn = self._turn
        if tools is not None and tools.edges and turn is not None and self.chance.one_in(TOOL_CALL_ONE_IN):
            self.engine.leave(tools, Item("record", 0, 256, turn, turn.epoch), 0)
        self._next(turn, None)

    def _next(self, turn: Turn | None, _: object) -> None:
        if turn is None or turn is not self._turn:
            return
        if self.node.held or any(edge.queue.is_high for edge in self._outputs["text"].edges):
            self._is_paused = True
            self.engine.clock.after(FRAME_US, DATA, self._again, turn)
            return
        self._left -= 1
        delta = Item("delta", 0, 32, turn, turn.epoch, DELTA_CHARACTERS)
        self.engine.leave(self._outputs["text"], delta, 0)
        if self._left > 0:
            self.engine.clock.after(self.chance.between(*DELTA_US), DATA, self._next, turn)
        else:
            self._turn = None
            turn.outstanding -= 1

    def _again(self, turn: Turn, _: object) -> None:
        if self._is_paused and turn is self._turn:
            self._is_paused = False
            self._next(turn, None)

    def stop(self, turn: Turn) -> None:
        if self._turn is turn:
            self._turn = None
            if self._call is not None:
                self._call.is_over = True


class Segmenter(Behaviour):
    """Makes pieces of deltas: long enough, at a punctuation mark, or after a while."""

    __slots__ = ("_characters", "_count", "_token", "_turn")

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self._characters = self._count = self._token = 0
        self._turn: Turn | None = None

    def waits(self) -> int:
        return int(self.node.config.get("max_partial_age_ms", 120)) * 1000

    def take(self, item: Item, edge: Edge) -> None:
        """A delta."""
        turn = item.turn
        if turn is None:
            return
        if turn is not self._turn:
            self._turn, self._characters, self._count = turn, 0, 0
        if not self._characters:
            self._token += 1
            turn.outstanding += 1
            self.engine.clock.after(self.waits(), DATA, self._flush, self._token)
        self._characters += item.characters
        self._count += 1
        ends = self.node.config.get("trigger_on_punctuation") and self._count % SENTENCE_EVERY == 0
        if ends or self._characters >= self.node.config.get("min_partial_chars", 24):
            self._flush(self._token, None)

    def _flush(self, token: int, _: object) -> None:
        turn, output = self._turn, self.output("text", "segment")
        if token != self._token or not self._characters or turn is None:
            return
        if output is not None:
            self.engine.leave(output, Item("segment", 0, 128, turn, turn.epoch, self._characters))
        self._characters = 0
        turn.outstanding -= 1
        if not turn.outstanding:
            self.engine.arbiter.quiet(turn)

    def stop(self, turn: Turn) -> None:
        if self._turn is turn:
            self._turn, self._characters = None, 0


class Voice(Behaviour):
    """Whatever makes audio for a turn: frames faster than they are played, as long as there is room for them."""

    __slots__ = ("_backlog", "_call", "_is_paused", "_left", "_turn")

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self._backlog: list[tuple[Turn, int]] = []
        self._turn: Turn | None = None
        self._left = 0
        self._is_paused = False
        self._call: Call | None = None

    def take(self, item: Item, edge: Edge) -> None:
        """A piece of text to speak."""
        if item.turn is not None and item.mode in ("segment", "final"):
            self.speak(item.turn, max(1, item.characters * CHARACTER_US // FRAME_US))

    def speak(self, turn: Turn, frames: int) -> None:
        """Make so many frames, after those that are still to be made."""
        turn.outstanding += 1
        self._backlog.append((turn, frames))
        self.is_ready = len(self._backlog) < BACKLOG_MAX
        if self._turn is None:
            self._begin()

    def _begin(self) -> None:
        if not self._backlog:
            self._turn = None
            return
        self._turn, self._left = self._backlog[0]
        self._call = self.engine.providers.call(self.node, self._turn, self._answer, lambda reason: False)

    def _answer(self) -> None:
        self._frame(self._turn, None)

    def _frame(self, turn: Turn | None, _: object) -> None:
        if turn is None or turn is not self._turn:
            return
        if self.node.held:
            self._is_paused = True
            return
        output = self.output("audio")
        if output is not None:
            size = 2 * FRAME_US * 24 // 1000
            self.engine.leave(output, Item("speech", FRAME_US, size, turn, turn.epoch), 0)
        self._left -= 1
        if self._left > 0:
            self.engine.clock.after(PACE_US, DATA, self._frame, turn)
            return
        self._backlog.pop(0)
        if not self.is_ready:
            self.is_ready = True
            self.engine.wake(self.node)
        self._turn = None
        self._begin()
        turn.outstanding -= 1
        if not turn.outstanding:
            self.engine.arbiter.quiet(turn)

    def resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self._frame(self._turn, None)

    def stop(self, turn: Turn) -> None:
        self._backlog = [one for one in self._backlog if one[0] is not turn]
        self.is_ready = True
        if self._turn is turn:
            self._turn, self._is_paused = None, False
            if self._call is not None:
                self._call.is_over = True


class Realtime(Voice):
    """One model from speech to speech: detects turns and interruptions itself, and answers when its turn opens."""

    __slots__ = ("_detector", "_token")

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self._detector = Detector(engine, node, seed)
        self._token = 0

    def take(self, item: Item, edge: Edge) -> None:
        """A frame of the caller, or the result of a tool."""
        if not item.media_us:
            return
        was_speaking = self._detector.since_us >= 0
        detector = self._detector
        engine, now = self.engine, self.engine.clock.now
        if item.mode == "speech":
            if not was_speaking:
                detector.since_us, detector.has_interrupted = now, False
                self._token += 1
            else:
                detector.hear_interruption()
        elif was_speaking:
            detector.since_us = -1
            self._token += 1
            silence_us = int(self.node.config.get("silence_ms", 500)) * 1000
            engine.clock.after(silence_us, CONTROL, self._is_over, self._token)

    def _is_over(self, token: int, _: object) -> None:
        output = self.output("control", "turn")
        if token == self._token and output is not None:
            self.engine.leave(output, Item("turn"), 1000)

    def opened(self, turn: Turn) -> None:
        turn.had_input = True
        self.speak(turn, self.chance.between(*REPLY_FRAMES))
        tools = self.output("record")
        if tools is not None and self.chance.one_in(TOOL_CALL_ONE_IN):
            self.engine.leave(tools, Item("record", 0, 256, turn, turn.epoch), PACE_US)
        text = self.output("text", "final")
        if text is not None:
            self.engine.leave(text, Item("final", 0, 128, turn, turn.epoch, 60), PACE_US)


class Player(Behaviour):
    """Plays an asset once, in real time: a greeting."""

    __slots__ = ("_left", "is_playing")

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self.is_playing = False
        self._left = -1  # never played

    def take(self, item: Item, edge: Edge) -> None:
        """The signal to start."""
        if item.mode == self.node.config.get("start_signal", item.mode) and self._left < 0:
            self.is_playing, self._left = True, GREETING_FRAMES
            self._frame(None, None)

    def _frame(self, _first: object, _second: object) -> None:
        output = self.output("audio")
        if not self.is_playing or output is None:
            return
        self.engine.leave(output, Item("speech", FRAME_US, 960))
        self._left -= 1
        self.is_playing = self._left > 0
        if self.is_playing:
            self.engine.clock.after(FRAME_US, DATA, self._frame)

    def stop(self, turn: Turn) -> None:
        if self.node.turn_cancel == "stop":
            self.is_playing = False
