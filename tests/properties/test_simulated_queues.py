"""Queues are never above their bounds and lose nothing unsaid, whatever comes, alone and in small graphs."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.simulate.chance import Chance
from rsppc.simulate.clock import Clock
from rsppc.simulate.invariants import Checker
from rsppc.simulate.items import Item
from rsppc.simulate.queues import BLOCKED, SHED, TAKEN, Bounds, Queue

STRATEGIES = ("block", "merge", "latest_only", "drop_newest", "drop_oldest", "sample")


@st.composite
def bounds(draw: Any) -> Bounds:
    items, queue_us = draw(st.integers(1, 8)), draw(st.integers(1, 200)) * 1000
    return Bounds(
        strategy=draw(st.sampled_from(STRATEGIES)),
        items=items,
        bytes=draw(st.integers(1, 4000)),
        queue_us=queue_us,
        block_us=draw(st.integers(0, 50)) * 1000,
        high_items=draw(st.integers(1, items)),
        low_items=0,
        high_us=draw(st.integers(1, queue_us)),
        low_us=0,
    )


ITEMS = st.builds(
    Item,
    st.sampled_from(["speech", "silence", "delta"]),
    st.sampled_from([0, 20_000, 60_000]),
    st.integers(1, 1500),
)
STEPS = st.lists(st.tuples(st.integers(0, 50_000), st.one_of(st.none(), ITEMS)), max_size=60)


@settings(max_examples=300, deadline=None)
@given(bounds(), STEPS)
def test_a_queue_stays_within_its_bounds_and_accounts_for_every_item(bound: Bounds, steps: list[Any]) -> None:
    queue, checker, now = Queue(bound), Checker(1), 0
    offered = taken = gone = waiting = 0
    for wait, item in steps:
        now += wait
        if item is None:
            taken += queue.take(now) is not None
        else:
            offered += 1
            outcome = queue.offer(now, item)
            waiting += outcome == BLOCKED
            assert outcome != BLOCKED or bound.strategy == "block"
            assert outcome != SHED or queue.gone
            assert outcome != TAKEN or queue.entries[-1][1] is item
        gone += len(queue.gone)
        queue.gone = []
        queue.is_high = queue.has_reached_high()
        checker.queue(queue, "edge")
        checker.recount(queue, "edge")
    assert offered == taken + gone + waiting + len(queue.entries)
    assert gone == queue.merges + queue.sheds


@settings(max_examples=60, deadline=None)
@given(st.lists(bounds(), min_size=1, max_size=4), st.integers(0, 2**32), st.integers(500, 40_000))
def test_a_chain_of_nodes_stays_within_all_bounds(chain: list[Bounds], seed: int, every_us: int) -> None:
    """Items run through queues one behind the other, each drained at a speed of its own."""
    checker = Checker(1)
    clock = Clock(checker.step)
    queues = [Queue(one) for one in chain]
    chance = Chance(seed, "chain")
    speeds = [chance.between(200, 60_000) for _ in chain]

    def offer(number: int, item: Item) -> None:
        queue = queues[number]
        queue.offer(clock.now, item)
        queue.is_high = queue.has_reached_high()
        queue.gone = []
        checker.queue(queue, f"edge {number}")

    def drain(number: int, _: object) -> None:
        item = queues[number].take(clock.now)
        queues[number].gone = []
        checker.queue(queues[number], f"edge {number}")
        if item is not None and number + 1 < len(queues):
            offer(number + 1, item)
        clock.after(speeds[number], 1, drain, number)

    def feed(left: int, _: object) -> None:
        offer(0, Item("speech", chance.below(3) * 20_000, 1 + chance.below(800)))
        if left:
            clock.after(every_us, 1, feed, left - 1)
        else:
            clock.stopped = True

    clock.at(0, 1, feed, 100)
    for number in range(len(queues)):
        clock.at(0, 1, drain, number)
    clock.run()
    for number, queue in enumerate(queues):
        checker.recount(queue, f"edge {number}")
