"""Recordings: a session equals itself, differences have no direction, steps add up, and any file gets an answer."""

from __future__ import annotations

import io
import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import changed, differences, leaves, lines_of, read, recorded
from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.lowering.check_shape import sound_mapping
from rsppc.model.fit import fit_of
from rsppc.model.timeline import LINES
from rsppc.replay.cursor import Place, events, place_of
from rsppc.replay.recording import Recording
from rsppc.simulate import SCENARIOS
from rsppc.syntax.json_reader import read_json

RECORDINGS = st.builds(recorded, st.sampled_from(sorted(SCENARIOS)), st.just(3), st.integers(0, 3))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=20, deadline=None)
@given(RECORDINGS)
def test_a_recording_equals_itself(data: bytes) -> None:
    assert differences(data, data) == []


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(sorted(SCENARIOS)), st.data())
def test_differences_have_the_same_classes_in_both_directions(scenario: str, data: st.DataObject) -> None:
    good = recorded(scenario)
    lines = lines_of(good)
    number = data.draw(st.integers(1, len(lines) - 1))
    route = data.draw(st.sampled_from(sorted(leaves(lines[number]), key=str)))
    bad = changed(lines, number, route, data.draw(st.integers(0, 10**9) | st.text(max_size=4)))
    there, back = differences(good, bad), differences(bad, good)
    assert Counter((one.kind, one.turn_id) for one in there) == Counter((one.kind, one.turn_id) for one in back)


@settings(max_examples=20, deadline=None)
@given(
    RECORDINGS,
    st.integers(1, 40),
    st.permutations(["runtime_timestamp_ms", "runtime_sequence", "event_id"]).filter(
        lambda keys: keys[0] != "event_id"
    ),
)
def test_steps_add_up_to_the_whole(data: bytes, steps: int, keys: list[str]) -> None:
    """F-152: stepped or whole, the same events in the same order; an order by time and id needs no sequence."""

    def walk() -> list[Any]:
        return list(events(Recording("r", io.BytesIO(data).readline), keys))

    whole, met, behind = walk(), [], 0
    while behind < len(whole):
        token = Place(behind=behind, digest="d", keys=tuple(keys)).token()
        place = place_of(token, "d", keys)
        assert place is not None and place_of(token, "e", keys) is None
        met += walk()[place.behind : place.behind + steps]
        behind += steps
    assert met == whole
    assert whole == sorted(whole, key=lambda event: tuple(getattr(event, key) for key in keys))


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=300)
    | st.lists(JSON, max_size=4).map(lambda all_: b"\n".join(json.dumps(one).encode() for one in all_))
)
def test_any_file_gets_an_answer(data: bytes) -> None:
    recording = read(data)
    assert not recording.is_whole and recording.findings.placed()
    header = recorded().splitlines(keepends=True)[0]
    assert not read(header + data).is_whole


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_the_quick_test_of_a_line_agrees_with_the_careful_one(data: st.DataObject) -> None:
    lines = lines_of(recorded(data.draw(st.sampled_from(sorted(SCENARIOS)))))
    line = data.draw(st.sampled_from(lines))
    if data.draw(st.booleans()):
        route = data.draw(st.sampled_from(sorted(leaves(line), key=str)))
        container = line
        for step in route[:-1]:
            container = container[step]
        if data.draw(st.booleans()):
            container[route[-1]] = data.draw(JSON)
        else:
            del container[route[-1]]
    shape = LINES.get(str(line.get("line")))
    if shape is None:
        return
    source = Source("r", json.dumps(line), b"")
    sink = DiagnosticSink()
    root = read_json(source, sink, integer_max=2**63 - 1).root
    if root is None or len(sink):
        return
    sound_mapping(root, shape, sink)
    assert fit_of(shape)(line) == (len(sink) == 0), [one.message() for one in sink.sorted()]
