"""How long things take: the figures that the bundle's analysis carries, and stated assumptions where it has none.

Half of the samples lie below the p50 and 95 of 100 below the p95; the tail beyond is as long as the way between them.
An assumption is never passed off as a measurement: runs list the outputs that rest on one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.simulate.chance import Chance


class Latency(Record, kw_only=False):
    """Microseconds from the triggering event to the first event of an output."""

    p50_us: int
    p95_us: int
    is_known: bool = True


ASSUMED_MS: dict[str, tuple[int, int]] = {
    "stt": (180, 260),
    "llm": (300, 500),
    "tts": (200, 300),
    "realtime": (400, 700),
    "tool.bridge": (150, 350),
    "transport.transfer": (500, 1000),
    "": (2, 5),
}
"""p50 and p95 by modality or node type, where neither a node type nor a provider states a figure."""

_TABLE = 256


def latencies_of(analysis: Mapping[str, Any]) -> dict[str, tuple[int | None, int | None]]:
    """p50 and p95 in milliseconds by output, from all paths that the compiler looked at."""
    found: dict[str, tuple[int | None, int | None]] = {}
    for name in sorted(analysis.get("latency", {})):
        for step in analysis["latency"][name].get("steps", ()):
            if "->" not in step["subject"] and "." in step["subject"]:
                found[step["subject"]] = (step.get("p50_ms"), step.get("p95_ms"))
    return found


def latency_of(
    known: Mapping[str, tuple[int | None, int | None]], port: str, *, kind: str | None, waits_us: int = 0
) -> Latency:
    """The latency of an output; `waits_us` is what the model itself waits, and must not count twice."""
    p50, p95 = known.get(port, (None, None))
    assumed = ASSUMED_MS.get(kind or "", ASSUMED_MS[""])
    is_known = p50 is not None and p95 is not None
    if p50 is None:
        p50 = assumed[0] if p95 is None else min(p95, assumed[0])
    if p95 is None:
        p95 = p50 + p50 // 2 if known.get(port, (None, None))[0] is not None else max(p50, assumed[1])
    low = max(0, p50 * 1000 - waits_us)
    return Latency(low, max(low, p95 * 1000 - waits_us), is_known)


def sample(latency: Latency, chance: Chance) -> int:
    """One latency in microseconds."""
    low, high = latency.p50_us, latency.p95_us
    place = chance.below(1000)
    if place < 500:
        return low * 4 // 5 + low * place // 2500
    if place < 950:
        return low + (high - low) * (place - 500) // 450
    return high + (high - low) * (place - 950) // 50


def table(latency: Latency, chance: Chance) -> tuple[int, ...]:
    """Samples drawn ahead, for nodes that handle thousands of frames."""
    return tuple(sample(latency, chance) for _ in range(_TABLE))
