"""The timeline: one line of canonical JSON for everything that was decided, said or concluded.

Frames and texts do not get lines of their own: at recording level L0 no payload is kept, and a turn has hundreds of
them. What they did stands in the totals by edge at the end of each turn, and their order in its `events_digest`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.simulate.turn import Turn
from rsppc.turnplan import ControlPlane


class Timeline:
    """Writes lines, in the order of the virtual clock."""

    __slots__ = ("_sequence", "_write", "counts", "session_id", "start_ms")

    def __init__(self, write: Callable[[bytes], object] | None, *, session_id: str, start_ms: int) -> None:
        self._write = write
        self._sequence = 0
        self.session_id = session_id
        self.start_ms = start_ms
        self.counts: dict[str, int] = {}
        """How often each signal was given."""

    def wall_ms(self, at_us: int) -> int:
        """The wall clock of the session at a moment, in ms since 1970."""
        return self.start_ms + at_us // 1000

    def line(self, kind: str, at_us: int, facts: dict[str, Any]) -> None:
        """One line; its number is the runtime sequence."""
        self._sequence += 1
        if self._write is not None:
            self._write(canonical({"line": kind, "at_us": at_us, "runtime_sequence": self._sequence, **facts}) + b"\n")

    def signal(self, at_us: int, name: str, emitter: str, turn: Turn | None, facts: dict[str, Any]) -> None:
        """A control signal: its name, who gives it, and the turn that it concerns."""
        self.counts[name] = self.counts.get(name, 0) + 1
        if turn is not None and turn.state != "Closed":
            turn.signals.append(name)
            facts = {"turn_id": turn.turn_id, "authority_epoch": turn.epoch, **facts}
        self.line("signal", at_us, {"signal": name, "emitted_by": emitter, **facts})

    def inputs(self, at_us: int, turn: Turn, plane: ControlPlane) -> None:
        """What the control plane knew when a turn was decided on, as far as it changes within a session."""
        pressure, health = plane.pressure, plane.provider_health
        known: dict[str, Any] = {
            "turn_id": turn.turn_id,
            "authority_epoch": plane.lease.authority_epoch if plane.lease is not None else None,
            "providers_down": sorted(name for name, one in health.providers.items() if one.state == "down")
            if health is not None
            else [],
        }
        for lane in ("control_lane_milli", "data_lane_milli", "telemetry_lane_milli"):
            known[lane] = getattr(pressure, lane) if pressure is not None else None
        self.line("inputs", at_us, known)

    def outcome(self, at_us: int, turn: Turn, said: dict[str, Any]) -> dict[str, Any]:
        """A decision outcome, as the runtime's contract has it."""
        self.line("outcome", at_us, {"turn_id": turn.turn_id, "outcome": said})
        return said

    def shed(self, at_us: int, turn: Turn, lane: str) -> dict[str, Any]:
        """The decision to carry less on a lane."""
        said = self._outcome(at_us, turn, "shed", "RK-25", f"lane_high:{lane}")
        return self.outcome(at_us, turn, said | {"phase": "scheduling_point", "scope": "edge_enqueue"})

    def admitted(self, at_us: int, turn: Turn, reason: str) -> dict[str, Any]:
        """The decision to open a turn."""
        said = self._outcome(at_us, turn, "admit", "RK-25", reason) | {"phase": "pre_turn", "scope": "turn"}
        return self.outcome(at_us, turn, said)

    def drained(self, at_us: int, turn: Turn) -> dict[str, Any]:
        """The decision that a running turn has lost its authority."""
        said = self._outcome(at_us, turn, "deauthorized_drain", "RK-24", "authority_revoked")
        said |= {"phase": "active_turn", "scope": "turn", "authority_epoch": turn.epoch}
        return self.outcome(at_us, turn, said)

    def stale(self, at_us: int, turn: Turn) -> dict[str, Any]:
        """The decision that a turn does not open, since its epoch is no longer in force."""
        said = self._outcome(at_us, turn, "stale_epoch_reject", "RK-24", "authority_epoch_mismatch")
        said |= {"phase": "pre_turn", "scope": "turn", "authority_epoch": turn.epoch}
        return self.outcome(at_us, turn, said)

    def _outcome(self, at_us: int, turn: Turn, kind: str, emitter: str, reason: str) -> dict[str, Any]:
        again = sum(one["outcome_kind"] == kind for one in turn.outcomes)
        return {
            "outcome_kind": kind,
            "session_id": self.session_id,
            "turn_id": turn.turn_id,
            "event_id": f"{self.session_id}/{turn.turn_id}/{kind}" + (f"/{again + 1}" if again else ""),
            "runtime_timestamp_ms": at_us // 1000,
            "wall_clock_timestamp_ms": self.wall_ms(at_us),
            "emitted_by": emitter,
            "reason": reason,
        }
