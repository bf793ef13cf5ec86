"""Policies and runtime adapters, tried: what keeps its promises passes, each broken one is caught by its check.

R-001-44: policies decide at the boundaries of turns, and the same on the same snapshot. R-001-49 and R-001-50: adapters
keep lanes, epochs, fences, lifecycles and evidence in fact, not just by their word.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import asdict, replace
from rsppc.extensions.adapter_contract import EventABIContract
from rsppc.extensions.adapter_trial import CHECKS as ADAPTER_CHECKS
from rsppc.extensions.adapter_trial import try_adapter
from rsppc.extensions.events import Decision, Event, TurnSnapshot
from rsppc.extensions.policy_trial import CHECKS as POLICY_CHECKS
from rsppc.extensions.policy_trial import try_policy
from rsppc.extensions.trial import Trial
from test_extension_installed import run, workspace
from test_extension_registry import KEEPS_ALL, OUTSIDE, Bridge, Cheapest, outside

ABI = EventABIContract()


def failed(trial: Trial) -> list[str]:
    return [check.name for check in trial.checks if check.status == "fail"]


# --- Policies ---------------------------------------------------------------------------------------------------------


class Healthiest(Cheapest):
    """Takes the provider with the fewest errors."""

    def decide(self, snapshot: TurnSnapshot) -> Decision:
        health = snapshot.provider_health
        best = min(("stt-one", "stt-two"), key=lambda one: (health[one]["error_rate_milli"], one))
        if best == snapshot.bindings["stt"]:
            return Decision(action="none", reason="it is well")
        return Decision(action="provider_switch", reason="fewer errors", target=best)


class Degrades(Cheapest):
    def decide(self, snapshot: TurnSnapshot) -> Decision:
        return Decision(action="degrade", reason="tired")


class Aimless(Cheapest):
    def decide(self, snapshot: TurnSnapshot) -> Decision:
        return Decision(action="provider_switch", reason="somewhere else")


class Speechless(Cheapest):
    def decide(self, snapshot: TurnSnapshot) -> Decision:
        return "no"  # type: ignore[return-value]


class Alternates(Healthiest):
    """Its decision depends on how often it was asked."""

    def __init__(self) -> None:
        self.count = 0

    def decide(self, snapshot: TurnSnapshot) -> Decision:
        self.count += 1
        return replace(super().decide(snapshot), reason=f"asked {self.count} times")


class Counts(Healthiest):
    """The same across all instances."""

    count = itertools.count()

    def decide(self, snapshot: TurnSnapshot) -> Decision:
        return replace(super().decide(snapshot), reason=f"decision {next(self.count)}")


class Meddles(Healthiest):
    def decide(self, snapshot: TurnSnapshot) -> Decision:
        snapshot.provider_health["stt-one"]["error_rate_milli"] = 0
        return super().decide(snapshot)


def test_a_policy_that_looks_at_the_snapshot_alone_passes() -> None:
    trial = try_policy(Healthiest, outside(), "house.cheapest", snapshots=50)
    assert trial.ok and [check.status for check in trial.checks] == ["pass"] * len(POLICY_CHECKS)


@pytest.mark.parametrize(
    ("plugin", "check"),
    [
        (Degrades, "decisions"),
        (Aimless, "decisions"),
        (Speechless, "decisions"),
        (Alternates, "memory"),
        (Counts, "determinism"),
        (Meddles, "runs"),
        (lambda: 1 / 0, "loads"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_policy_that_breaks_a_promise_is_caught(plugin: Any, check: str) -> None:
    trial = try_policy(plugin, outside(), "house.cheapest")
    assert failed(trial) == [check] and not trial.ok


def test_an_untrusted_policy_is_never_called() -> None:
    untrusted = outside(
        ("    impl_ref: package:house-cheapest", "    trust_level: untrusted\n    impl_ref: package:house-cheapest")
    )
    assert failed(try_policy(lambda: pytest.fail("called"), untrusted, "house.cheapest")) == ["admission"]
    assert failed(try_policy(Healthiest, outside(), "house.sip")) == ["admission"]


# --- Adapters ---------------------------------------------------------------------------------------------------------


class Loop:
    """A bridge whose messages are events as mappings; it keeps everything."""

    def __init__(self) -> None:
        self.epoch = 0
        self.cancelled: set[str | None] = set()
        self.state: dict[str | None, str] = {}

    def ingress(self, message: Mapping[str, Any]) -> Event | None:
        event = Event(**message)
        return event if self.is_current(event) else None

    def egress(self, events: list[Event]) -> list[Mapping[str, Any]]:
        return [asdict(event) for event in self.ordered(events) if self.lets_out(event)]

    def ordered(self, events: list[Event]) -> list[Event]:
        return sorted(events, key=lambda event: ABI.lanes.index(event.lane))

    def is_current(self, event: Event) -> bool:
        is_current = event.authority_epoch >= self.epoch
        self.epoch = max(self.epoch, event.authority_epoch)
        return is_current

    def lets_out(self, event: Event) -> bool:
        if not self.is_current(event):
            return False
        signal = event.payload.get("signal")
        if signal == "cancel":
            self.cancelled.add(event.turn_id)
            return True
        return not self.is_fenced(event) and self.is_in_order(event, signal)

    def is_fenced(self, event: Event) -> bool:
        return event.turn_id is not None and event.turn_id in self.cancelled

    def is_in_order(self, event: Event, signal: Any) -> bool:
        state = self.state.get(event.turn_id, "Idle")
        steps = {(before, name): after for before, name, after in ABI.lifecycle}
        if signal not in {name for _, name, _ in ABI.lifecycle}:
            return True
        if (state, signal) not in steps:
            return False
        self.state[event.turn_id] = steps[state, signal]
        return True


class FirstComeFirstServed(Loop):
    def ordered(self, events: list[Event]) -> list[Event]:
        return events


class LastComeFirstServed(Loop):
    def ordered(self, events: list[Event]) -> list[Event]:
        return super().ordered(events[::-1])


class TakesTheOldIn(Loop):
    def ingress(self, message: Mapping[str, Any]) -> Event | None:
        return Event(**message)


class LetsTheOldOut(Loop):
    def lets_out(self, event: Event) -> bool:
        self.epoch = min(self.epoch, event.authority_epoch)
        return super().lets_out(event)


class NeverFences(Loop):
    def is_fenced(self, event: Event) -> bool:
        return False


class FencesSignalsOnly(Loop):
    def is_fenced(self, event: Event) -> bool:
        return super().is_fenced(event) and event.kind == "control"


class FencesTheWholeSession(Loop):
    def is_fenced(self, event: Event) -> bool:
        return bool(self.cancelled)


class AnyOrder(Loop):
    def is_in_order(self, event: Event, signal: Any) -> bool:
        return True


class NeverRejects(Loop):
    def is_in_order(self, event: Event, signal: Any) -> bool:
        return signal != "reject" and super().is_in_order(event, signal)


class ForgetsTheSequence(Loop):
    def ingress(self, message: Mapping[str, Any]) -> Event | None:
        return super().ingress({**message, "runtime_sequence": 0})


class Drops(Loop):
    def ingress(self, message: Mapping[str, Any]) -> Event | None:
        return super().ingress(message) if message["lane"] != "TelemetryLane" else None


class ChangesWords(Loop):
    def ingress(self, message: Mapping[str, Any]) -> Event | None:
        return super().ingress({**message, "payload": {**message["payload"], "text": "hm"}})


class Breaks(Loop):
    def ingress(self, message: Mapping[str, Any]) -> Event | None:
        raise OSError("no line")


def bridge(adapter: type[Loop]) -> Any:
    """The plugin that builds an adapter; it says of itself that all is well."""
    return type(adapter.__name__, (Bridge,), {"build_adapter": lambda self, config: adapter()})


def test_an_adapter_that_keeps_everything_passes() -> None:
    trial = try_adapter(bridge(Loop), outside(), "house.sip")
    assert trial.ok and [check.status for check in trial.checks] == ["pass"] * len(ADAPTER_CHECKS), trial.checks


@pytest.mark.parametrize(
    ("adapter", "checks"),
    [
        (FirstComeFirstServed, ["lane_priority"]),
        (
            LastComeFirstServed,
            ["lane_priority", "cancel_fencing", "replay_evidence"],
        ),  # a turn opens before it is proposed
        (TakesTheOldIn, ["epoch_checks"]),
        (LetsTheOldOut, ["epoch_checks"]),
        (NeverFences, ["cancel_fencing"]),
        (FencesSignalsOnly, ["cancel_fencing"]),
        (FencesTheWholeSession, ["cancel_fencing"]),
        (AnyOrder, ["turn_lifecycle"]),
        (NeverRejects, ["turn_lifecycle"]),
        (ForgetsTheSequence, ["replay_evidence"]),
        (Drops, ["lane_priority", "replay_evidence"]),
        (ChangesWords, ["replay_evidence"]),
        (Breaks, ["runs"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_adapter_that_keeps_less_is_caught_although_it_says_otherwise(
    adapter: type[Loop], checks: list[str]
) -> None:
    trial = try_adapter(bridge(adapter), outside(), "house.sip")
    assert not trial.ok and set(checks) >= set(failed(trial)) >= {checks[0]}, trial.checks


def test_what_an_adapter_says_of_itself_is_a_check_of_its_own() -> None:
    honest = type("Honest", (Bridge,), {"__init__": lambda self: None, "build_adapter": lambda self, config: Loop()})
    honest.contract = replace(KEEPS_ALL, fences=())  # type: ignore[attr-defined]
    assert failed(try_adapter(honest, outside(), "house.sip")) == ["contract"]


def test_policies_and_adapters_are_tried_by_command(tmp_path: Path) -> None:
    here = workspace(tmp_path, None)
    (here / "pipelines" / "extensions" / "house_outside_v1.yaml").write_text(OUTSIDE)
    tests = Path(__file__).parent
    (here / "house_policy.py").write_text(
        f"import sys\nsys.path.insert(0, {str(tests)!r})\nsys.path.insert(0, {str(tests.parent)!r})\n"
        "from test_extension_trials import Aimless, Healthiest, Loop, bridge\nLine = bridge(Loop)\n"
    )
    for name, plugin, code, said in (
        ("house.cheapest", "Healthiest", 0, "6 passed, 0 failed, 0 not run"),
        ("house.cheapest", "Aimless", 1, "FAIL    decisions"),
        ("house.sip", "Line", 0, "9 passed, 0 failed, 0 not run"),
    ):
        done = run(here, tmp_path, "try", name, "--plugin", f"house_policy:{plugin}")
        assert done.returncode == code and said in done.stdout, done.stdout + done.stderr
