"""Which branch of a `flow.select` holds for an item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.conditions import AUDIO_EVENT_FIELDS, TEXT_EVENT_FIELDS, edge_environment, evaluate, read_condition
from rsppc.simulate.items import Item


def chosen_port(spec: Mapping[str, Any], item: Item, session: Mapping[str, object]) -> str:
    """The input that a select passes: of the first branch that holds, or the default one."""
    environment = edge_environment(AUDIO_EVENT_FIELDS if item.media_us else TEXT_EVENT_FIELDS)
    values = {**session, **event_values(item)}
    for branch in spec.get("branches", ()):
        if evaluate(read_condition(branch["when"], environment), values) is True:
            return str(branch["port"])
    return str(spec["config"].get("default", ""))


def event_values(item: Item) -> dict[str, object]:
    """What a condition may read of an item. No payload is simulated, so a text is empty."""
    return {
        "event.text": "",
        "event.language": "",
        "event.mode": item.mode,
        "event.confidence_milli": item.confidence_milli,
        "event.duration_ms": item.media_us // 1000,
    }
