"""What every node can do: take an item, hear of turns, stop, and go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsppc.simulate.chance import Chance
from rsppc.simulate.graph import Edge, Node, Output
from rsppc.simulate.items import Item
from rsppc.simulate.turn import Turn

if TYPE_CHECKING:
    from rsppc.simulate.engine import Engine

FRAME_US = 20_000
"""The length of a frame of audio."""
TOOL_CALL_ONE_IN = 8
"""A model calls a tool in one of so many answers, where its pipeline has any."""


class Behaviour:
    """What a node does. The base forwards what fits."""

    __slots__ = ("chance", "engine", "is_ready", "node")

    def __init__(self, engine: Engine, node: Node, seed: int) -> None:
        self.engine, self.node = engine, node
        self.chance = Chance(seed, f"node/{node.id}")
        self.is_ready = True
        """Whether it takes in more data."""

    def take(self, item: Item, edge: Edge) -> None:
        """Do what the node does with an item."""
        mode = item.mode
        for output in self.node.outputs.values():
            if not output.edges and not output.signals:
                continue
            kind = output.kind
            if (kind == "audio" and item.media_us) or (kind in ("text", "control") and mode in output.modes):
                self.engine.leave(output, item)
            elif kind == "record" and mode in ("record", "final", "segment"):
                self.engine.leave(output, Item("record", 0, 256, item.turn, item.epoch))

    def waits(self) -> int:
        """How much of the latency of its outputs the model itself waits, in microseconds."""
        return 0

    def opened(self, turn: Turn) -> None:
        """A turn is active."""

    def resume(self) -> None:
        """The queues behind it have room again."""

    def stop(self, turn: Turn) -> None:
        """The turn is over for this node."""

    def take_over(self, outputs: dict[str, Output], turn: Turn) -> bool:
        """Do the work of a node that cannot; whether it does."""
        return False

    def output(self, kind: str, mode: str = "") -> Output | None:
        """The output of a kind, and where it matters with a mode, that leads somewhere."""
        for output in self.node.outputs.values():
            if output.kind == kind and (not mode or mode in output.modes) and (output.edges or output.signals):
                return output
        return None
