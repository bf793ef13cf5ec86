"""The slowest way, against trying every walk."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.source import Source, Span
from rsppc.ir.latency import END, Figure, Hop, Part, TimeGraph, hop_of, slowest
from rsppc.ir.program import Edge, End
from rsppc.ir.setting import Computed, Setting
from rsppc.ir.turn_time import OWNER, START, Turn, with_rounds

NODES = tuple("abcdef")


class Somewhere:
    def span(self) -> Span:
        return Span(source=Source("x", "", b""), start=0, end=0)


def figure(ms: int | None) -> Figure:
    return Figure(p50_ms=ms, p95_ms=ms, least_p50_ms=ms or 0, least_p95_ms=ms or 0)


def hop(source: str, target: str, ms: int | None) -> Hop:
    name = f"{source}.out->{target}.in"
    return hop_of(source, target, name, (Part(subject=f"{source}.out", figure=figure(ms)),))


def feedback(source: str, target: str, ms: int, rounds: int) -> tuple[Edge, Hop]:
    origin = Setting(value="", origin=Computed(analysis="test"))
    ends = [End(node=name, port=port, place=Somewhere()) for name, port in ((source, "out"), (target, "back"))]
    edge = Edge(source=ends[0], target=ends[1], origin=origin, feedback=True, max_rounds=rounds)
    return edge, hop(source, target, ms)


pairs = st.lists(
    st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)).filter(lambda pair: pair[0] < pair[1]), unique=True
)
times = st.one_of(st.none(), st.integers(0, 50))


@settings(deadline=None, max_examples=150)
@given(pairs, st.data())
def test_the_slowest_way_is_the_slowest_of_all_ways(chosen: list[tuple[str, str]], data: st.DataObject) -> None:
    hops = [hop(source, target, data.draw(times)) for source, target in chosen]
    ways = walks("a", "f", hops, [])
    found = slowest(NODES, hops, "a", "f")
    if not ways:
        assert found is None
        return
    assert found is not None
    assert found.least_p95_ms == max(sum(one.p95_ms for one in way) for way in ways)
    assert sum(part.figure.least_p95_ms for part in found.parts) == found.least_p95_ms
    unknown = {part.subject for way in ways for one in way for part in one.unknown}
    assert {part.subject for part in found.unknown} == unknown
    assert found.p95_ms == (None if unknown else found.least_p95_ms)
    assert slowest(NODES, hops[::-1], "a", "f") == found


@settings(deadline=None, max_examples=150)
@given(pairs, st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=2, unique=True), st.data())
def test_no_walk_with_all_its_rounds_takes_longer_than_what_is_proved(
    chosen: list[tuple[str, str]], backwards: list[tuple[str, str]], data: st.DataObject
) -> None:
    ms = st.integers(0, 50)
    hops = [hop(source, target, data.draw(ms)) for source, target in chosen]
    hops += [hop_of(OWNER, "a", "in", ()), hop_of("f", END, "out", ())]
    loops = [feedback(max(pair), min(pair), data.draw(ms), data.draw(st.integers(1, 2))) for pair in backwards]
    # A feedback edge that closes no loop is refused by `check_graph`, and never gets here.
    loops = [one for one in loops if one[1].source != one[1].target and closes_a_loop(one[1], chosen)]
    turn = Turn(end_to_end=(), first_output=tuple(hops), order=(START, OWNER, *NODES, END), answer=frozenset(NODES))
    graph = TimeGraph(
        order=NODES, hops=(), feedback=tuple(loops), outputs={}, endings=(), inserted=(), bounds={}, conditional={}
    )
    ways = walks(OWNER, END, hops, loops)
    proved = with_rounds(turn, graph)
    longest = max((sum(one.p95_ms for one in way) for way in ways), default=None)
    if proved is not None and longest is not None:
        assert proved.least_p95_ms >= longest
    if len(loops) == 1 and proved is not None and loops[0][1].target == "a":
        assert proved.least_p95_ms == longest


def closes_a_loop(back: Hop, forward: list[tuple[str, str]]) -> bool:
    """Whether a way leads from where a feedback edge ends to where it begins."""
    reached = {back.target}
    for source, target in sorted(forward):
        if source in reached:
            reached.add(target)
    return back.source in reached


def walks(start: str, end: str, hops: list[Hop], loops: list[tuple[Edge, Hop]]) -> list[list[Hop]]:
    """Every walk from start to end that takes each loop at most as often as it may."""
    found: list[list[Hop]] = []
    waiting: list[tuple[str, list[Hop], tuple[int, ...]]] = [(start, [], tuple(e.max_rounds or 0 for e, _ in loops))]
    while waiting:
        here, way, left = waiting.pop()
        if here == end:
            found.append(way)
        waiting.extend((one.target, [*way, one], left) for one in hops if one.source == here)
        for index, (_, back) in enumerate(loops):
            if back.source == here and left[index]:
                spent = (*left[:index], left[index] - 1, *left[index + 1 :])
                waiting.append((back.target, [*way, back], spent))
    return found
