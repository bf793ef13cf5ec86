"""Calls to providers: how long an answer takes, failures, retries, the next provider, the fallback.

What a call may do is what the plan says: the rule that bound the provider gives attempts, timeouts, the order of
providers and the circuit breaker; the node gives budget, timeout and fallback; the plan allows the actions at all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rsppc.simulate.chance import Chance
from rsppc.simulate.clock import CONTROL, DATA
from rsppc.simulate.latency import Latency, sample
from rsppc.simulate.turn import Turn

if TYPE_CHECKING:
    from rsppc.simulate.engine import Engine
    from rsppc.simulate.graph import Node

REFUSED_US = 30_000
"""After what time a provider that is down refuses, where it does not hang."""


class Breaker:
    """Calls and errors of one provider within its window."""

    __slots__ = ("calls", "errors", "since_us")

    def __init__(self) -> None:
        self.calls = self.errors = self.since_us = 0


class Call:
    """One call of a node, through all attempts and providers."""

    __slots__ = (
        "answered",
        "attempt",
        "attempts",
        "failed",
        "is_over",
        "node",
        "provider",
        "started_us",
        "turn",
    )

    def __init__(
        self,
        node: Node,
        provider: str,
        turn: Turn | None,
        started_us: int,
        answered: Callable[[], None],
        failed: Callable[[str], bool],
    ) -> None:
        self.node, self.provider, self.turn, self.started_us = node, provider, turn, started_us
        self.answered = answered
        self.failed = failed
        """Told why when nothing is left to try; gives whether somebody takes over."""
        self.attempt = 0
        self.attempts = 0
        self.is_over = False


class Providers:
    """All providers as this run meets them."""

    __slots__ = ("_breakers", "_chances", "_engine", "_seed", "calls", "down", "latencies", "open_until", "rules")

    def __init__(self, engine: Engine, seed: int) -> None:
        self._engine = engine
        self._seed = seed
        self._chances: dict[str, Chance] = {}
        self._breakers: dict[str, Breaker] = {}
        self.down: frozenset[str] = frozenset()
        """Providers that a scenario has put out of service."""
        self.open_until: dict[str, int] = {}
        """Providers whose circuit is open, with the time at which it closes."""
        self.rules: dict[str, dict[str, Any]] = {}
        """The rule that bound each node, of the plan that runs."""
        self.latencies: dict[str, Latency] = {}
        """By node."""
        self.calls = 0

    def call(self, node: Node, turn: Turn | None, answered: Callable[[], None], failed: Callable[[str], bool]) -> Call:
        """Ask the provider of a node; a node without one answers by itself in its own time."""
        rule = self.rules.get(node.id, {})
        now = self._engine.clock.now
        call = Call(node, rule.get("provider") or node.provider or "", turn, now, answered, failed)
        if turn is not None and node.scope == "turn":
            self._engine.clock.after(node.budget_us, DATA, self._out_of_budget, call)
        self._attempt(call, None)
        return call

    def _attempt(self, call: Call, _: object) -> None:
        if self._is_moot(call):
            return
        engine, node = self._engine, call.node
        call.attempt += 1
        call.attempts += 1
        self.calls += 1
        retry = self.rules.get(node.id, {}).get("retry") or {}
        limit = retry.get("attempt_timeout_ms", 0) * 1000 or node.timeout_us
        chance = self._chances.setdefault(node.id, Chance(self._seed, f"provider/{node.id}"))
        takes = sample(self.latencies[node.id], chance) * engine.slowness_milli // 1000
        attempt = call.attempts
        if call.provider in self.down:
            hangs = chance.one_in(2)
            reason = "timeout" if hangs else "error"
            engine.clock.after(limit if hangs else REFUSED_US, DATA, self._fails, call, (attempt, reason))
        elif takes > limit:
            engine.clock.after(limit, DATA, self._fails, call, (attempt, "timeout"))
        else:
            engine.clock.after(takes, DATA, self._answers, call, attempt)

    def _answers(self, call: Call, attempt: int) -> None:
        if call.attempts != attempt or self._is_moot(call):
            return
        self._count(call, is_error=False)
        self._finish(call, "ok")
        call.answered()

    def _fails(self, call: Call, failure: tuple[int, str]) -> None:
        attempt, reason = failure
        if call.attempts != attempt or self._is_moot(call):
            return
        engine, node = self._engine, call.node
        engine.signal("provider_error", "RK-11", turn=call.turn, node_id=node.id, provider=call.provider, reason=reason)
        self._count(call, is_error=True)
        rule = self.rules.get(node.id, {})
        retry = rule.get("retry") or {}
        if call.attempt < retry.get("max_attempts", 1) and "retry" in engine.actions:
            engine.clock.after(retry.get("backoff_ms", 0) * 1000, CONTROL, self._attempt, call)
            return
        following = self._following(call, rule.get("use", ()))
        if following is not None:
            engine.signal(
                "provider_switch", "RK-11", turn=call.turn, node_id=node.id, provider=following, reason=reason
            )
            call.provider, call.attempt = following, 0
            self._attempt(call, None)
            return
        self._give_up(call, reason)

    def _following(self, call: Call, use: list[str]) -> str | None:
        if "provider_switch" not in self._engine.actions or call.provider not in use:
            return None
        rest = use[use.index(call.provider) + 1 :]
        return next((one for one in rest if self._engine.clock.now >= self.open_until.get(one, 0)), None)

    def _out_of_budget(self, call: Call, _: object) -> None:
        if self._is_moot(call):
            return
        self._engine.signal("budget_warning", "RK-17", turn=call.turn, node_id=call.node.id, reason="node_budget")
        fallback = call.node.fallback
        if fallback is not None and "budget" in fallback["on"]:
            self._give_up(call, "budget")

    def _give_up(self, call: Call, reason: str) -> None:
        self._finish(call, reason)
        if not call.failed(reason) and call.turn is not None:
            self._engine.turn_fails(call.turn, "error")

    def _finish(self, call: Call, outcome: str) -> None:
        call.is_over = True
        if call.turn is not None:
            call.turn.calls.append(
                {
                    "node_id": call.node.id,
                    "modality": call.node.modality or "",
                    "provider_id": call.provider,
                    "attempts": call.attempts,
                    "outcome": outcome,
                    "latency_us": self._engine.clock.now - call.started_us,
                }
            )

    def _is_moot(self, call: Call) -> bool:
        return call.is_over or (call.turn is not None and (call.turn.state != "Active" or bool(call.turn.causes)))

    def _count(self, call: Call, *, is_error: bool) -> None:
        said = self.rules.get(call.node.id, {}).get("circuit_breaker")
        if said is None or not call.provider:
            return
        now = self._engine.clock.now
        breaker = self._breakers.setdefault(call.provider, Breaker())
        if now - breaker.since_us > said["window_ms"] * 1000:
            breaker.calls = breaker.errors = 0
            breaker.since_us = now
        breaker.calls += 1
        breaker.errors += is_error
        if (
            breaker.calls >= said.get("min_calls", 1)
            and breaker.errors * 1000 >= breaker.calls * said["error_rate_milli"]
            and now >= self.open_until.get(call.provider, 0)
        ):
            self.open_until[call.provider] = now + said["cooldown_ms"] * 1000
            breaker.calls = breaker.errors = 0
            self._engine.signal("circuit_event", "RK-11", turn=call.turn, provider=call.provider, reason="circuit_open")
