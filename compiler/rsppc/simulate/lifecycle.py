"""The turn arbiter: opens turns, accepts cancels, fences output, and ends each accepted turn exactly once.

A turn that ends before its time is drained first: every node that serves it is told on the ControlLane, stops within
its cancel latency, and the egresses are fenced. Reasons that come up until then are collected; the strongest counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from rsppc.base.record import replace
from rsppc.contracts.turn_lifecycle import TRANSITIONS
from rsppc.model.contract_observability import TERMINALS
from rsppc.simulate.chance import Chance
from rsppc.simulate.clock import CONTROL, DATA
from rsppc.simulate.graph import Node, Output
from rsppc.simulate.items import Item
from rsppc.simulate.speaking import Player
from rsppc.simulate.turn import Turn
from rsppc.turnplan import ControlPlane, DecisionOutcome, ResolvedTurnPlan, Session, TurnPlanResolver
from rsppc.turnplan import Turn as TurnFacts

if TYPE_CHECKING:
    from rsppc.simulate.caller import Caller
    from rsppc.simulate.engine import Engine

OPENING_US = (4_000, 40_000)
"""How long the runtime takes to resolve and admit a turn."""
HOP_US = (200, 5_000)
"""How long a control signal takes to a node."""
SETTLE_US = 1_000
"""How long nothing may be under way for a turn before it counts as said."""
CLOSE_US = 500
WARNING_MILLI = 800
"""The share of the turn budget at which a warning is given."""


class Arbiter:
    """Turns of one session, one at a time."""

    __slots__ = (
        "_chance",
        "_draining",
        "_engine",
        "_on_closed",
        "_resolver",
        "_selection",
        "_session",
        "apply",
        "caller",
        "epoch",
        "limit",
        "min_speech_us",
        "plane",
        "proposed",
        "stale_rejections",
        "turns",
    )

    caller: Caller

    def __init__(
        self,
        engine: Engine,
        resolver: TurnPlanResolver,
        session: Session,
        plane: ControlPlane,
        *,
        seed: int,
        limit: int,
        apply: Callable[[dict[str, Any], Mapping[str, Any]], None],
        on_closed: Callable[[Turn], list[str]],
    ) -> None:
        self._engine, self._resolver, self._session = engine, resolver, session
        self.plane = plane
        self.epoch = plane.lease.authority_epoch if plane.lease is not None else 0
        self.limit = limit
        self.apply = apply
        self._on_closed = on_closed
        self.turns: Mapping[str, Any] = resolver.bundle.spec["turns"]
        places = [one.get("min_speech_ms", 0) for one in self.turns.get("barge_in", ())]
        self.min_speech_us = min(places, default=0) * 1000
        self._chance = Chance(seed, "arbiter")
        self._selection = b""
        self._draining = 0
        self.proposed = 0
        self.stale_rejections = 0

    # --- Opening ----------------------------------------------------------------------------------------------------

    def hear(self, output: Output, item: Item) -> None:
        """A signal came out of a place that the spec names in `turns`."""
        turn = self._engine.turn
        if output.signals == "turn" and item.mode == "turn":
            if turn is None and self.proposed < self.limit:
                self._propose()
        elif item.mode == "barge_in" and output.signals == "barge_in" and turn is not None:
            port = f"{output.node.id}.{output.name}"
            said = next(one for one in self.turns["barge_in"] if one["from"] == port)
            if not any(self._is_playing(node_id) for node_id in said.get("unless", ())):
                self.cancel(turn, "barge_in", "RK-06")
        elif output.signals == "cancel" and turn is not None:
            self.cancel(turn, "cancel", "RK-06")

    def _is_playing(self, node_id: str) -> bool:
        behaviour = self._engine.graph.nodes[node_id].behaviour
        return isinstance(behaviour, Player) and behaviour.is_playing

    def _propose(self) -> None:
        engine = self._engine
        turn = Turn(self.proposed, self.epoch, engine.clock.count)
        self.proposed += 1
        engine.turn = turn
        turn.mark("audio_ingress_speech_end", min(self.caller.ended_us, engine.clock.now))
        self._move(turn, "turn_open_proposed", "RK-02")
        engine.clock.after(self._chance.between(*OPENING_US), CONTROL, self._open, turn)
        self.caller.on_proposed(turn)

    def _open(self, turn: Turn, _: object) -> None:
        engine, now = self._engine, self._engine.clock.now
        now_ms = engine.timeline.wall_ms(now)
        facts = TurnFacts(
            turn_id=turn.turn_id,
            index=turn.index,
            now_ms=now_ms,
            runtime_timestamp_ms=now // 1000,
            authority_epoch=turn.epoch,
        )
        plane = self._plane_now(now_ms)
        engine.timeline.inputs(now, turn, plane)
        plan = self._resolver.resolve(self._session, facts, plane)
        if isinstance(plan, DecisionOutcome):
            turn.outcomes.append(engine.timeline.outcome(now, turn, plan.value()))
            self._move(turn, plan.outcome_kind, plan.emitted_by, reason=plan.reason)
            engine.turn = None
            self._on_closed(turn)
            self.caller.on_over(turn)
            return
        turn.plan = plan
        assert self.plane.admission is not None
        turn.outcomes.append(engine.timeline.admitted(now, turn, self.plane.admission.reason))
        self._apply(plan, turn)
        self._move(turn, "turn_open", "RK-03")
        turn.budget_us = engine.graph.budgets["turn_budget_ms"] * 1000
        proposed = turn.anchors["turn_open_proposed"]
        engine.clock.at(proposed + turn.budget_us * WARNING_MILLI // 1000, CONTROL, self._budget, turn, False)
        engine.clock.at(proposed + turn.budget_us, CONTROL, self._budget, turn, True)
        for node in engine.graph.nodes.values():
            node.behaviour.opened(turn)
            if node.scope == "turn":
                engine.wake(node)

    def _plane_now(self, now_ms: int) -> ControlPlane:
        """The control plane refreshes its sections in time; providers with an open circuit are known to be down."""
        plane, now = self.plane, self._engine.clock.now
        health = plane.provider_health
        is_open = {name for name, until in self._engine.providers.open_until.items() if until > now}
        if health is not None and is_open:
            states = {
                name: replace(one, state="down") if name in is_open else one for name, one in health.providers.items()
            }
            plane = replace(plane, provider_health=replace(health, providers=states))
        fresh = {}
        for name in ("routing", "provider_health", "admission", "lease", "pressure"):
            section = getattr(plane, name)
            if section is not None and section.as_of_ms is not None:
                fresh[name] = replace(section, as_of_ms=now_ms)
        return replace(plane, **fresh) if fresh else plane

    def _apply(self, plan: ResolvedTurnPlan, turn: Turn) -> None:
        if plan.variant.selection == self._selection:
            return
        self._selection = plan.variant.selection
        selection = msgspec.json.decode(plan.variant.selection)
        self.apply(plan.effective, selection["providers"])
        for name in selection["degrade"]:
            self._engine.signal("degrade", "RK-17", turn=turn, rule=name, reason="pressure")

    def _budget(self, turn: Turn, is_over: bool) -> None:
        if turn.state != "Active" or turn.causes or "first_output_accepted" in turn.anchors:
            return
        name = "budget_exhausted" if is_over else "budget_warning"
        self._engine.signal(name, "RK-17", turn=turn, reason="turn_budget")
        if is_over:
            self.end(turn, "budget")

    # --- Output -----------------------------------------------------------------------------------------------------

    def accepts(self, turn: Turn, item: Item) -> bool:
        """Whether an egress may put something out: the turn runs, is not fenced, and has the epoch in force."""
        return not turn.fenced and turn.state == "Active" and item.epoch == self.epoch

    def output(self, turn: Turn, item: Item, node: Node) -> None:
        """Something was put out."""
        engine = self._engine
        turn.stale_accepted += item.epoch != self.epoch
        engine.checker.output(turn.turn_id, item.epoch)
        turn.outputs += 1
        if is_first := turn.mark("first_output_accepted", engine.clock.now):
            engine.signal("output_accepted", "RK-22", turn=turn, node_id=node.id)
        if item.media_us and turn.mark("playback_started", engine.clock.now):
            engine.signal("playback_started", "RK-22", turn=turn, node_id=node.id)
        if is_first:
            self.caller.on_first_output(turn)

    def reject(self, turn: Turn, item: Item) -> None:
        """Something came too late, or under an epoch that is no longer in force."""
        reason = "stale_epoch" if item.epoch != self.epoch else "late_after_cancel"
        now = self._engine.clock.now
        for marker in turn.rejected:
            if marker["reason"] == reason:
                marker["count"] += 1
                marker["last_at_us"] = now
                return
        turn.rejected.append({"reason": reason, "count": 1, "first_at_us": now, "last_at_us": now})
        if reason == "stale_epoch":
            self.stale_rejections += 1
            self._engine.signal("stale_epoch_reject", "RK-24", turn=turn, epoch=item.epoch, reason="output")

    # --- Ending -----------------------------------------------------------------------------------------------------

    def rotate(self) -> None:
        """The control plane gives the lease to a new epoch."""
        engine, lease = self._engine, self.plane.lease
        self.epoch += 1
        engine.checker.epoch = self.epoch
        if lease is not None:
            self.plane = replace(self.plane, lease=replace(lease, authority_epoch=self.epoch))
        engine.signal("lease_rotated", "CP-07", epoch=self.epoch, reason="rotation")
        turn = engine.turn
        if turn is not None and turn.state == "Active":
            turn.outcomes.append(engine.timeline.drained(engine.clock.now, turn))
            engine.signal("deauthorized_drain", "RK-24", turn=turn, epoch=turn.epoch, reason="authority_revoked")
            self.end(turn, "authority_loss")

    def cancel(self, turn: Turn, signal: str, emitter: str) -> None:
        """Accept a cancel; a second one of the same turn changes nothing."""
        engine = self._engine
        if turn.state != "Active" or not turn.mark("cancel_accepted", engine.clock.now):
            return
        facts = {"scope": "turn"} if signal == "cancel" else {}
        engine.signal(signal, emitter, turn=turn, **facts)
        if turn.fenced:
            turn.mark("cancel_fence_applied", engine.clock.now)
        self.end(turn, "cancel")

    def end(self, turn: Turn, cause: str) -> None:
        """A turn is to end before its time."""
        if turn.state != "Active" or cause in turn.causes:
            return
        turn.causes.append(cause)
        if len(turn.causes) > 1:
            return
        engine = self._engine
        nodes = [
            node
            for node in engine.graph.nodes.values()
            if node.scope == "turn" or node.role == "egress" or node.turn_cancel != "none"
        ]
        self._draining = len(nodes)
        for node in nodes:
            delay = self._chance.between(*HOP_US)
            if node.spec["cancel"]["mode"] != "preemptible":
                delay += self._chance.between(node.cancel_us // 2, node.cancel_us)
            engine.clock.after(delay, CONTROL, self._stop, turn, node)
        engine.clock.after(engine.graph.budgets["cancel_grace_ms"] * 1000, CONTROL, self._terminate, turn)

    def _stop(self, turn: Turn, node: Node) -> None:
        engine = self._engine
        engine.stop(node, turn)
        self._draining -= 1
        waiting = [one for one in engine.graph.nodes.values() if one.role == "egress" and one.silenced is not turn]
        if not waiting:
            self._fence(turn)
        if not self._draining:
            self._terminate(turn, None)

    def _fence(self, turn: Turn) -> None:
        if turn.fenced:
            return
        turn.fenced = True
        self._engine.checker.fenced(turn.turn_id)
        if "cancel" in turn.causes:
            turn.mark("cancel_fence_applied", self._engine.clock.now)
        if turn.outputs:
            self._engine.signal("playback_cancelled", "RK-22", turn=turn)

    def _terminate(self, turn: Turn, _: object) -> None:
        """The drain is over, because all have stopped or because the grace has ended."""
        if turn.state != "Active":
            return
        engine = self._engine
        for node in engine.graph.nodes.values():
            if node.silenced is not turn and (node.scope == "turn" or node.role == "egress"):
                engine.stop(node, turn)
        self._fence(turn)
        self._move(turn, "abort", "RK-03", reason=turn.cause())
        engine.clock.after(CLOSE_US, CONTROL, self._close, turn)

    def quiet(self, turn: Turn) -> None:
        """Nothing is under way for a turn at the moment."""
        if turn.state == "Active" and turn.had_input and turn.outputs and not turn.causes:
            self._engine.clock.after(SETTLE_US, DATA, self._commit, turn)

    def _commit(self, turn: Turn, _: object) -> None:
        if turn.outstanding or turn.causes or turn.state != "Active":
            return
        self._engine.signal("playback_completed", "RK-22", turn=turn)
        self._move(turn, "commit", "RK-03")
        self._engine.clock.after(CLOSE_US, CONTROL, self._close, turn)

    def _close(self, turn: Turn, _: object) -> None:
        engine = self._engine
        for edge in engine.graph.edges.values():
            engine.depth[edge.rank] -= len(edge.queue.remove(turn))
            engine.checker.recount(edge.queue, edge.id)
        self._move(turn, "close", "RK-03")
        engine.turn = None
        engine.checker.closed(turn.turn_id, self._on_closed(turn))
        self.caller.on_over(turn)

    def _move(self, turn: Turn, trigger: str, emitter: str, **facts: Any) -> None:
        """A transition of the turn, and the signal or outcome that makes it."""
        engine = self._engine
        engine.checker.transition(turn.turn_id, trigger)
        engine.signal(trigger, emitter, turn=turn, **facts)
        before, turn.state = turn.state, TRANSITIONS[turn.state, trigger]
        anchor = trigger
        if trigger in TERMINALS:
            anchor, turn.epoch_at_terminal = "terminal", self.epoch
        turn.mark(anchor, engine.clock.now)
        said = {"turn_id": turn.turn_id, "from": before, "to": turn.state, "trigger": trigger}
        engine.timeline.line("transition", engine.clock.now, said)
