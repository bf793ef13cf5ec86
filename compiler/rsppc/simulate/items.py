"""What travels on edges: frames, texts, records and control signals, without their payload."""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.simulate.turn import Turn


class Item(Record, kw_only=False):
    """One event of a lane. Whoever forwards it unchanged may hand the same record to several edges."""

    mode: str
    """`speech` and `silence` for audio, the text's mode, the signal of a control event, or `record`."""
    media_us: int = 0
    """How long it lasts, for audio."""
    size: int = 64
    """Bytes."""
    turn: Turn | None = None
    """The turn that it belongs to, from the crossing into turn scope on."""
    epoch: int = -1
    """The authority epoch that it was stamped with there."""
    characters: int = 0
    confidence_milli: int = 1000


def stamped(item: Item, turn: Turn) -> Item:
    """The item as part of a turn."""
    return Item(item.mode, item.media_us, item.size, turn, turn.epoch, item.characters, item.confidence_milli)


def merged(first: Item, second: Item) -> Item:
    """Two items as one that lasts as long and is as large as both."""
    return Item(
        second.mode,
        first.media_us + second.media_us,
        first.size + second.size,
        second.turn,
        second.epoch,
        first.characters + second.characters,
        min(first.confidence_milli, second.confidence_milli),
    )
