"""The figures of a run: between which moments they are measured, and how a percentile is taken.

Whoever makes a baseline and whoever judges one count in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence

SPANS = {
    "turn_open": ("turn_open_proposed", "turn_open"),
    "first_output": ("turn_open", "first_output_accepted"),
    "cancel_fence": ("cancel_accepted", "cancel_fence_applied"),
    "end_to_end": ("audio_ingress_speech_end", "playback_started"),
}
"""What is measured, from which moment to which."""


def percentile(values: Sequence[int], milli: int) -> int | None:
    """The nearest rank: of n values the one at place ceil(p * n) from the smallest on; None where there is none."""
    if not values:
        return None
    rank = -(-milli * len(values) // 1000)
    return sorted(values)[max(rank, 1) - 1]
