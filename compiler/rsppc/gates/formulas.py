"""What gates measure: a closed list of formulas, and the seven gates of the first release.

A manifest writes a formula out in words, exactly as it stands here, so that who reads it knows what is computed. The
words decide over whom (`population`) and what (`statistics`) is computed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rsppc.base.record import Record

Turn = dict[str, Any]
"""A turn of a baseline, as plain values."""

ANCHORS = (
    "audio_ingress_speech_end",
    "turn_open_proposed",
    "turn_open",
    "first_output_accepted",
    "playback_started",
    "cancel_accepted",
    "cancel_fence_applied",
    "terminal",
    "close",
    "lease_epoch_at_turn_open",
    "lease_epoch_at_terminal",
)
"""The moments, and the values, between which something is measured."""


class Formula(Record):
    """What is computed, and over which turns."""

    statistics: tuple[str, ...]
    """The keys that `limit` must have."""
    population: Callable[[Turn, str], bool]
    """Whether a turn counts; the second argument is the anchor at which measuring ends."""
    spoken: str
    """Who these turns are, for messages."""
    holds: Callable[[Turn], bool] | None = None
    """For ratios: what must hold of each turn."""


def _accepted(turn: Turn, _end: str) -> bool:
    return bool(turn["accepted"])


def _cancelled(turn: Turn, _end: str) -> bool:
    """One that lacks the moment of its cancel counts as well, and fails for that."""
    return bool(turn["accepted"]) and (turn["reason"] == "cancel" or "cancel_accepted" in turn["anchors_us"])


def _not_ended_before(turn: Turn, end: str) -> bool:
    """A turn that the caller cancelled, or that lost its authority, has no first output to be late with."""
    is_ended = turn["reason"] in ("cancel", "authority_loss")
    return bool(turn["accepted"]) and not (is_ended and end not in turn["anchors_us"])


def _one_terminal_and_close(turn: Turn) -> bool:
    return list(turn["terminals"]) in (["commit", "close"], ["abort", "close"])


FORMULAS = {
    "p95_ms(anchor_to - anchor_from) over accepted turns": Formula(
        statistics=("p95_ms",), population=_accepted, spoken="accepted"
    ),
    "p95_ms(anchor_to - anchor_from) over accepted turns that are not cancelled before it": Formula(
        statistics=("p95_ms",), population=_not_ended_before, spoken="accepted, and not cancelled before"
    ),
    "p50_ms and p95_ms of (anchor_to - anchor_from) over accepted turns that are not cancelled before it": Formula(
        statistics=("p50_ms", "p95_ms"), population=_not_ended_before, spoken="accepted, and not cancelled before"
    ),
    "p95_ms(anchor_to - anchor_from) over cancelled turns": Formula(
        statistics=("p95_ms",), population=_cancelled, spoken="cancelled"
    ),
    "count(accepted outputs whose authority_epoch is not the current one)": Formula(
        statistics=("count",), population=_accepted, spoken="accepted"
    ),
    "ratio_milli(accepted turns whose evidence has every required field of or02_baseline/v1)": Formula(
        statistics=("ratio_milli",),
        population=_accepted,
        spoken="accepted",
        holds=lambda turn: bool(turn["or02_complete"]),
    ),
    "ratio_milli(accepted turns whose terminals are exactly one of commit and abort, then close)": Formula(
        statistics=("ratio_milli",), population=_accepted, spoken="accepted", holds=_one_terminal_and_close
    ),
}


class Demand(Record):
    """A gate of the first release: what it must measure, and the loosest limit that it may have."""

    feature: str
    anchor_from: str
    anchor_to: str
    formula: str
    limit: dict[str, int]
    checks: tuple[str, ...]
    """Checks that must have passed before the gate opens, besides those that a manifest may add."""


_OVER_ACCEPTED, _NOT_BEFORE, _BOTH, _OVER_CANCELLED, _STALE, _COMPLETE, _LIFECYCLE = FORMULAS

DEMANDS = {
    "turn_open": Demand(
        feature="NF-024",
        anchor_from="turn_open_proposed",
        anchor_to="turn_open",
        formula=_OVER_ACCEPTED,
        limit={"p95_ms": 120},
        checks=("slo_gates", "smoke"),
    ),
    "first_output": Demand(
        feature="NF-025",
        anchor_from="turn_open",
        anchor_to="first_output_accepted",
        formula=_NOT_BEFORE,
        limit={"p95_ms": 1500},
        checks=("slo_gates", "latency_proof"),
    ),
    "cancel_fence": Demand(
        feature="NF-026",
        anchor_from="cancel_accepted",
        anchor_to="cancel_fence_applied",
        formula=_OVER_CANCELLED,
        limit={"p95_ms": 150},
        checks=("slo_gates", "cancel_proof"),
    ),
    "stale_authority": Demand(
        feature="NF-027",
        anchor_from="lease_epoch_at_turn_open",
        anchor_to="lease_epoch_at_terminal",
        formula=_STALE,
        limit={"count": 0},
        checks=("slo_gates", "authority_failover"),
    ),
    "evidence_completeness": Demand(
        feature="NF-028",
        anchor_from="turn_open",
        anchor_to="close",
        formula=_COMPLETE,
        limit={"ratio_milli": 1000},
        checks=("slo_gates", "replay_regression"),
    ),
    "lifecycle": Demand(
        feature="NF-029",
        anchor_from="turn_open",
        anchor_to="close",
        formula=_LIFECYCLE,
        limit={"ratio_milli": 1000},
        checks=("slo_gates", "replay_regression"),
    ),
    "end_to_end": Demand(
        feature="NF-038",
        anchor_from="audio_ingress_speech_end",
        anchor_to="playback_started",
        formula=_BOTH,
        limit={"p50_ms": 1500, "p95_ms": 2000},
        checks=("slo_gates", "latency_proof"),
    ),
}
"""NF-024 to NF-029 and NF-038, one entry each."""


def misses(statistic: str, value: int, limit: int) -> bool:
    """Whether a value is on the wrong side of a limit: ratios must reach it, everything else must not pass it."""
    return value < limit if statistic == "ratio_milli" else value > limit
