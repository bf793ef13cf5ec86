"""One turn: what is known of it from its proposal to its end."""

from __future__ import annotations

from typing import Any

from rsppc.model.contract_observability import PRECEDENCE
from rsppc.turnplan import ResolvedTurnPlan


class Turn:
    """The mutable state of a turn. Items carry the turn that they belong to."""

    __slots__ = (
        "anchors",
        "budget_us",
        "calls",
        "cancel_scope",
        "causes",
        "epoch",
        "epoch_at_terminal",
        "events_at_start",
        "fenced",
        "had_input",
        "index",
        "outcomes",
        "outputs",
        "outstanding",
        "plan",
        "rejected",
        "said",
        "signals",
        "stale_accepted",
        "state",
        "turn_id",
    )

    def __init__(self, index: int, epoch: int, events_at_start: int) -> None:
        self.index = index
        self.turn_id = f"turn-{index + 1}"
        self.state = "Idle"
        self.epoch = epoch
        self.epoch_at_terminal: int | None = None
        self.plan: ResolvedTurnPlan | None = None
        self.budget_us = 0
        self.anchors: dict[str, int] = {}
        """Moments in microseconds, each under the name that the baseline gives it."""
        self.causes: list[str] = []
        """Why it ends, in the order in which the reasons came up."""
        self.cancel_scope = "turn"
        self.fenced = False
        self.had_input = False
        self.outstanding = 0
        """What is queued or under way for it; at zero, after it had input, it has said all it has to say."""
        self.outputs = 0
        self.stale_accepted = 0
        """Outputs under an epoch that was no longer in force; a runtime lets none pass."""
        self.rejected: list[dict[str, Any]] = []
        """Markers of what came to an egress after the fence or under an epoch that was no longer in force."""
        self.calls: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.signals: list[str] = []
        self.said: set[tuple[str, str]] = set()
        """Signal and edge of what is said once a turn."""
        self.events_at_start = events_at_start

    def mark(self, anchor: str, at_us: int) -> bool:
        """Remember when something happened first; whether it did just now."""
        if anchor in self.anchors:
            return False
        self.anchors[anchor] = at_us
        return True

    def cause(self) -> str:
        """The reason that counts."""
        return min(self.causes, key=PRECEDENCE.index)
