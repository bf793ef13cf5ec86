"""Tries a policy plugin: synthetic snapshots go in, and the decisions must be allowed, and the same whenever asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import MappingProxyType
from typing import Any

from rsppc.extensions.events import Decision, TurnSnapshot
from rsppc.extensions.manifest import Manifest
from rsppc.extensions.plugins import Offer
from rsppc.extensions.registry import admission_problems, instance_of, said
from rsppc.extensions.trial import Check, Trial, digest_of, ended, judged
from rsppc.simulate.chance import Chance

CHECKS = ("admission", "loads", "runs", "decisions", "determinism", "memory")
"""What is checked, in this order."""
_AIMED = ("provider_switch", "fallback")
"""Actions that need to say where to."""


def try_policy(
    plugin: Callable[[], Any], manifest: Manifest, name: str, *, seed: int = 0, snapshots: int = 24
) -> Trial:
    """Try a policy plugin, given as its class or as whatever makes an instance, against its manifest."""
    reasons = admission_problems("policy plugin", name, manifest)
    if reasons:
        return ended(CHECKS, "admission", reasons, name, seed)
    offer = Offer(manifest=manifest.ref, name=name, load=plugin)
    instance, wrong = instance_of("policy plugin", offer)
    if wrong:
        return ended(CHECKS, "loads", [one.message for one in wrong], name, seed, passed=("admission",))
    given = [_snapshot(seed, number) for number in range(snapshots)]
    first = _decided(instance, given)
    if isinstance(first, str):
        return ended(CHECKS, "runs", [first], name, seed, passed=("admission", "loads"))
    again, _ = instance_of("policy plugin", offer)
    backwards, _ = instance_of("policy plugin", offer)
    turned = _decided(backwards, given[::-1])
    differs = _decided(again, given) != first
    remembers = turned != first[::-1]
    memory = "a decision depends on the turns that were decided before"
    checks = (
        *(Check(name=check, status="pass", message="") for check in ("admission", "loads", "runs")),
        judged("decisions", _refused(first, manifest.plugins[name].decides)),
        judged("determinism", ["two instances decided differently on the same snapshots"] if differs else []),
        Check(name="memory", status="not_run", message="equal snapshots give different decisions")
        if differs
        else judged("memory", [memory] if remembers else []),
    )
    digest = digest_of([[str(one)] for one in first])
    return Trial(
        subject=name, seed=seed, checks=checks, events_in=len(given), events_out=len(first), output_digest=digest
    )


def _decided(plugin: Any, given: Sequence[TurnSnapshot]) -> list[Any] | str:
    """The decisions on some snapshots, or what went wrong."""
    try:
        return [plugin.decide(snapshot) for snapshot in given]
    except (Exception, SystemExit) as error:  # a plugin may do anything
        return f"`decide` raised {said(error)}"


def _refused(decisions: Sequence[Any], allowed: tuple[str, ...]) -> list[str]:
    found = []
    for one in decisions:
        if not isinstance(one, Decision):
            found.append(f"it decided with a `{type(one).__name__}`, which is no `Decision`")
        elif one.action not in ("none", *allowed):
            words = ", ".join(f"`{action}`" for action in allowed)
            found.append(f"it decided on `{one.action}`; its manifest allows {words}")
        elif not one.reason:
            found.append(f"it decided on `{one.action}` without a reason")
        elif one.action in _AIMED and not one.target:
            found.append(f"it decided on `{one.action}` without a target")
    return found


def _snapshot(seed: int, number: int) -> TurnSnapshot:
    """What might be known when a turn opens; the same for the same seed and number."""
    chance = Chance(seed, f"snapshot/{number}")
    providers = ("stt-one", "stt-two", "llm-one", "llm-two", "tts-one", "tts-two")
    health = {
        provider: MappingProxyType(
            {
                "status": ("up", "up", "degraded", "down")[chance.below(4)],
                "error_rate_milli": chance.below(400),
                "calls": chance.below(200),
            }
        )
        for provider in providers
    }
    return TurnSnapshot(
        session_id=f"sess-{number % 5 + 1}",
        turn_id=f"turn-{number + 1}",
        tenant=MappingProxyType({"id": ("acme", "gold", "kiosk")[chance.below(3)]}),
        provider_health=MappingProxyType(health),
        pressure=MappingProxyType({"level_milli": chance.below(1001)}),
        bindings=MappingProxyType({"stt": "stt-one", "llm": "llm-one", "tts": "tts-one"}),
        seed=chance.below(2**31),
    )
