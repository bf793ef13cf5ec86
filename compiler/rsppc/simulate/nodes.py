"""What nodes do with what they take: how many frames, texts and signals come of it, and when.

A behaviour belongs to a node type where it is one of the standard library's, and otherwise to the ports: whatever an
extension brings forwards items of a kind that it takes and gives. No payload is made; only modes, lengths and sizes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsppc.simulate.behaviour import Behaviour
from rsppc.simulate.clock import DATA, TELEMETRY
from rsppc.simulate.conditions import chosen_port
from rsppc.simulate.graph import Edge, Node
from rsppc.simulate.items import Item
from rsppc.simulate.listening import Detector, Endpointing, Ingress, Recogniser
from rsppc.simulate.speaking import Model, Player, Realtime, Segmenter, Voice
from rsppc.simulate.turn import Turn

if TYPE_CHECKING:
    from rsppc.simulate.engine import Engine

METRICS = "runtime.metrics"
METRICS_EVERY_US = 200_000
_SAMPLE = Item("metrics", 0, 64)


class Forward(Behaviour):
    """Filters, converters, merges, taps and tools: what comes in goes out, as far as the outputs are of its kind."""

    __slots__ = ()


class Select(Behaviour):
    """Passes the one input whose branch holds; a condition is evaluated once per distinct input."""

    __slots__ = ("_chosen",)

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self._chosen: dict[tuple[str, int], str] = {}

    def take(self, item: Item, edge: Edge) -> None:
        """An item of some branch."""
        key = (item.mode, item.confidence_milli)
        port = self._chosen.get(key)
        if port is None:
            port = self._chosen[key] = chosen_port(self.node.spec, item, self.engine.session)
        if edge.target_port == port:
            super().take(item, edge)


class Metrics(Behaviour):
    """The runtime's own metrics: one event per node of the graph now and then, whatever becomes of them."""

    __slots__ = ()

    def start(self) -> None:
        """The call begins."""
        self.engine.clock.after(METRICS_EVERY_US, TELEMETRY, self._report)

    def _report(self, _first: object, _second: object) -> None:
        engine = self.engine
        engine.clock.after(METRICS_EVERY_US, TELEMETRY, self._report)
        for output in self.node.outputs.values():
            for _ in engine.graph.nodes:
                engine.leave(output, _SAMPLE, 0)


class Egress(Behaviour):
    """The caller's ear: accepts what a turn may still say, and plays audio as long as it lasts."""

    __slots__ = ("_playing",)

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        super().__init__(engine, node, seed)
        self._playing: Turn | None = None

    def take(self, item: Item, edge: Edge) -> None:
        """Something for the caller."""
        self.node.service_us = item.media_us
        turn = item.turn
        if turn is None:
            return
        if not self.engine.arbiter.accepts(turn, item):
            self.node.service_us = 0
            self.engine.arbiter.reject(turn, item)
            return
        self.engine.arbiter.output(turn, item, self.node)
        if item.media_us:
            turn.outstanding += 1
            self.engine.clock.after(item.media_us, DATA, self._played, turn)

    def _played(self, turn: Turn, _: object) -> None:
        turn.outstanding -= 1
        if not turn.outstanding:
            self.engine.arbiter.quiet(turn)


BEHAVIOURS: dict[str, type[Behaviour]] = {
    "speech.vad": Detector,
    "speech.endpointing": Endpointing,
    "speech.stt": Recogniser,
    "speech.llm": Model,
    "speech.tts": Voice,
    "speech.realtime": Realtime,
    "text.segmenter": Segmenter,
    "audio.player": Player,
    "flow.select": Select,
    METRICS: Metrics,
}
BY_MODALITY: dict[str, type[Behaviour]] = {"stt": Recogniser, "llm": Model, "tts": Voice, "realtime": Realtime}


def behaviour_of(engine: Engine, node: Node, seed: int) -> Behaviour:
    """What a node does: by its type, its role, what a provider serves it for, or else by its ports."""
    found = BEHAVIOURS.get(node.node_type) or BY_MODALITY.get(node.modality or "")
    if found is None and node.role == "ingress":
        found = Ingress
    if found is None and node.role == "egress":
        found = Egress
    if found is None and any("turn" in one.modes and one.kind == "control" for one in node.outputs.values()):
        found = Forward if any("turn" in str(one) for one in (node.spec.get("inputs") or {}).values()) else Endpointing
    return (found or Forward)(engine, node, seed)
