"""A check that cannot fail is worthless: the model is broken once for every invariant, and each break is caught."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappush
from typing import Any

import pytest
from click.testing import CliRunner
from rsppc.cli.main import cli
from rsppc.model.contract_observability import FIELDS, WHEN_CANCELLED
from rsppc.simulate import engine, evidence, lifecycle, run
from rsppc.simulate.engine import Engine
from rsppc.simulate.invariants import INVARIANTS, TRANSITIONS, Broken, Checker
from rsppc.simulate.lifecycle import Arbiter
from rsppc.simulate.queues import TAKEN, Queue
from simulated import Ran, build_folder

Patch = pytest.MonkeyPatch


def broken(ran: Ran, invariant: str) -> str:
    """What a run says that breaks an invariant."""
    violation = ran.outcome().violation
    assert violation is not None and violation.invariant == invariant, violation
    assert violation.event > 0 and INVARIANTS[invariant] in violation.sentence()
    assert ran.lines("violation")[-1]["invariant"] == invariant
    return violation.detail


def schedule(ran: Ran, at_us: int, act: Callable[[Any, Any], None], rank: int = 0) -> None:
    ran.run.engine.clock.at(at_us, rank, act)


def test_time_that_runs_backwards(monkeypatch: Patch) -> None:
    ran = Ran()
    clock = ran.run.engine.clock

    def into_the_past(*_: object) -> None:
        heappush(clock.heap, (10, 0, 1 << 40, lambda *_: None, None, None))

    schedule(ran, 2_000_000, into_the_past)
    assert "10 us" in broken(ran, "time_runs_forward")


def test_control_that_waits_behind_data_on_the_clock() -> None:
    ran = Ran()
    clock = ran.run.engine.clock

    def append_instead_of_pushing(*_: object) -> None:
        clock.heap.insert(0, (clock.now, 1, 1 << 40, lambda *_: None, None, None))
        clock.heap.insert(1, (clock.now, 0, 1 << 41, lambda *_: None, None, None))

    schedule(ran, 2_000_000, append_instead_of_pushing)
    assert "ControlLane still waits" in broken(ran, "lane_priority")


def test_a_node_that_serves_data_before_control(monkeypatch: Patch) -> None:
    """No reference node has inputs of two lanes, so that one is given to `voice` while the greeting plays."""

    def least_urgent(self: Engine, node: Any) -> Any:
        return next((edge for edge in reversed(node.inputs) if edge.queue.entries), None)

    monkeypatch.setattr(Engine, "choose", least_urgent)
    ran = Ran("voice_assistant_bundle/v1")
    graph = ran.run.engine.graph
    voice, control = graph.nodes["voice"], graph.edges["mic.link->greeting.start"]
    voice.inputs = (control, *voice.inputs)
    schedule(ran, 200_000, lambda *_: control.queue.offer(200_000, _item()))
    assert "was served while `mic.link->greeting.start` of a higher lane waits" in broken(ran, "lane_priority")


def _item() -> Any:
    from rsppc.simulate.items import Item

    return Item("connected")


def test_a_node_with_two_lanes_serves_control_first() -> None:
    ran = Ran("voice_assistant_bundle/v1")
    graph = ran.run.engine.graph
    control, data = graph.edges["mic.link->greeting.start"], graph.edges["greeting.audio->voice.greeting"]
    node = graph.nodes["voice"]
    for edge in (data, control):
        edge.queue.offer(0, _item())
    node.inputs = tuple(sorted((data, control), key=lambda edge: edge.rank))
    assert ran.run.engine.choose(node) is control


def test_a_transition_that_does_not_exist(monkeypatch: Patch) -> None:
    real = Arbiter._move

    def skip_opening(self: Arbiter, turn: Any, trigger: str, emitter: str, **facts: Any) -> None:
        real(self, turn, "turn_open" if trigger == "turn_open_proposed" else trigger, emitter, **facts)

    monkeypatch.setattr(Arbiter, "_move", skip_opening)
    assert "`turn_open` came to `turn-1` in state Idle" in broken(Ran(), "lifecycle_order")


@pytest.mark.parametrize("state", ["Idle", "Opening", "Active", "Terminal", "Closed"])
def test_only_the_transitions_of_the_contract_are_allowed(state: str) -> None:
    ways = {
        "Idle": [],
        "Opening": ["turn_open_proposed"],
        "Active": ["turn_open_proposed", "turn_open"],
        "Terminal": ["turn_open_proposed", "turn_open", "commit"],
        "Closed": ["turn_open_proposed", "turn_open", "commit", "close"],
    }
    for trigger in sorted({one for _, one in TRANSITIONS}):
        checker = Checker(1)
        for step in ways[state]:
            checker.transition("turn-1", step)
        if (state, trigger) in TRANSITIONS:
            checker.transition("turn-1", trigger)
        else:
            with pytest.raises(Broken):
                checker.transition("turn-1", trigger)


def test_a_turn_that_is_closed_twice(monkeypatch: Patch) -> None:
    real = Arbiter._close

    def twice(self: Arbiter, turn: Any, second: Any) -> None:
        real(self, turn, second)
        self._move(turn, "close", "RK-03")

    monkeypatch.setattr(Arbiter, "_close", twice)
    monkeypatch.setattr(lifecycle, "TRANSITIONS", TRANSITIONS | {("Closed", "close"): "Closed"})
    assert "`close` came to `turn-1` in state Closed" in broken(Ran(), "one_terminal")


def test_a_turn_without_a_terminal() -> None:
    checker = Checker(1)
    for step in ("turn_open_proposed", "turn_open"):
        checker.transition("turn-1", step)
    with pytest.raises(Broken, match="ended with nothing"):
        checker.closed("turn-1", [])


def test_output_under_an_epoch_that_is_no_longer_in_force(monkeypatch: Patch) -> None:
    monkeypatch.setattr(Arbiter, "accepts", lambda self, turn, item: turn.state == "Active" and not turn.fenced)
    ran = Ran(scenario="lease_rotation")
    assert "under epoch 1, in force is 2" in broken(ran, "no_stale_epoch_output")
    assert ran.run.figures[0].or02_complete


def test_output_after_the_fence(monkeypatch: Patch) -> None:
    """The egress forgets the fence, and the drain takes its time, so that something is still under way."""
    monkeypatch.setattr(Arbiter, "accepts", lambda self, turn, item: item.epoch == self.epoch)
    real = Arbiter._stop

    def only_the_egress_stops(self: Arbiter, turn: Any, node: Any) -> None:
        if node.role == "egress":
            real(self, turn, node)

    monkeypatch.setattr(Arbiter, "_stop", only_the_egress_stops)
    assert "`turn-1` was fenced at" in broken(Ran(scenario="barge_in"), "fence_after_cancel")


def test_a_queue_above_its_bound(monkeypatch: Patch) -> None:
    def take_everything(self: Queue, now: int, item: Any) -> int:
        self._append(now, item)
        return TAKEN

    monkeypatch.setattr(Queue, "offer", take_everything)
    assert "`mic.audio->vad.audio` holds" in broken(Ran(scenario="pressure"), "bounded_queues")


def test_a_queue_that_counts_wrong(monkeypatch: Patch) -> None:
    real = Queue.take

    def forget_the_size(self: Queue, now: int) -> Any:
        item = real(self, now)
        if item is not None and item.mode == "delta":
            self.bytes += 1
        return item

    monkeypatch.setattr(Queue, "take", forget_the_size)
    assert "holds 0 bytes and says" in broken(Ran(), "bounded_queues")


def test_control_that_is_shed(monkeypatch: Patch) -> None:
    real = Engine.push

    def lose_control(self: Engine, edge: Any, item: Any) -> None:
        if item.mode == "speech_end":
            self._lost(edge, 1)
        real(self, edge, item)

    monkeypatch.setattr(engine.Engine, "push", lose_control)
    assert "`vad.activity->endpoint.activity`" in broken(Ran(), "control_is_kept")


@pytest.mark.parametrize("field", [*FIELDS, *WHEN_CANCELLED[2:]])
def test_a_record_that_lacks_a_field(field: str, monkeypatch: Patch) -> None:
    real = evidence.evidence_of

    def without(*arguments: Any, **named: Any) -> dict[str, Any]:
        record = real(*arguments, **named)
        record.pop(field, None)
        return record

    monkeypatch.setattr(run, "evidence_of", without)
    assert field in broken(Ran(scenario="barge_in"), "complete_evidence")


def test_every_invariant_is_broken_somewhere_above() -> None:
    with open(__file__, encoding="utf-8") as file:
        text = file.read()
    assert [name for name in INVARIANTS if f'"{name}"' not in text] == []


def test_a_violation_ends_the_command_with_findings(monkeypatch: Patch) -> None:
    monkeypatch.setattr(Arbiter, "accepts", lambda self, turn, item: turn.state == "Active")
    folder = build_folder() / "simple_bundle" / "v1"
    done = CliRunner().invoke(cli, ["simulate", str(folder), "--scenario", "lease_rotation"], standalone_mode=False)
    assert done.return_value == 1
    assert "`no_stale_epoch_output` does not hold at event" in done.stderr
