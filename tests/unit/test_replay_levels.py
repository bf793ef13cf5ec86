"""Recording levels under load, sampling and retention: the same inputs always give the same answer.

R-002-34, F-071, F-153, F-154, F-176, NF-028.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rsppc.model.contract_eventabi import SIGNALS
from rsppc.replay.keeping import retention_ends, sampled
from rsppc.replay.levels import LEVELS, Sample, changes, downgrades


def at(ms: int, load: int = 0, lag: int = 0, *, turn: bool = False) -> Sample:
    return Sample(at_ms=ms, load_milli=load, lag_ms=lag, begins_turn=turn)


def levels(*samples: Sample, asked: str = "L2") -> list[tuple[int, str]]:
    return [(one.at_ms, one.level) for one in changes(samples, asked)]


def test_a_load_must_last_before_less_is_recorded() -> None:
    assert levels(at(0, 800), at(499, 800)) == []
    assert levels(at(0, 800), at(500, 800)) == [(500, "L1")]
    assert levels(at(0, 799), at(500, 800), at(999, 800), at(1000, 800)) == [(1000, "L1")]
    assert levels(at(0, 800), at(400, 799), at(500, 800), at(900, 800)) == []


def test_a_higher_load_goes_down_to_the_evidence() -> None:
    assert levels(at(0, 900), at(500, 900)) == [(500, "L1"), (500, "L0")]
    assert levels(at(0, 899), at(500, 900), at(999, 900), at(1000, 900)) == [(500, "L1"), (1000, "L0")]


def test_a_lag_counts_at_once() -> None:
    assert levels(at(0, lag=1999)) == []
    assert levels(at(0, lag=2000), at(1, lag=5000)) == [(0, "L1"), (1, "L0")]
    assert levels(at(0, lag=5000), asked="L1") == [(0, "L0")]


def test_nothing_goes_below_the_evidence_or_above_what_was_asked_for() -> None:
    assert levels(at(0, 1000, 9999), at(900, 1000, 9999), asked="L0") == []


def test_within_a_turn_the_level_never_rises() -> None:
    assert levels(at(0, lag=2000), at(10_000)) == [(0, "L1")]
    assert levels(at(0, lag=2000), at(10_000, turn=True)) == [(0, "L1"), (10_000, "L2")]
    assert levels(at(0, lag=2000), at(10_000, 800, turn=True)) == [(0, "L1")], "it would fall again at once"


def test_a_downgrade_is_said_by_its_signal() -> None:
    (said,) = downgrades([at(0, 800), at(600, 800)], "L2")
    assert said["reason"] == "recorder_load_800_milli" and said["level"] == "L1"
    row = next(one for one in SIGNALS if one.name == said["signal"])
    assert said["emitted_by"] in row.emitters and set(row.requires) <= said.keys()


SAMPLES = st.lists(
    st.tuples(st.integers(0, 400), st.integers(0, 1000), st.integers(0, 7000), st.booleans()), max_size=40
).map(
    lambda steps: [at(sum(one[0] for one in steps[: n + 1]), *step[1:3], turn=step[3]) for n, step in enumerate(steps)]
)


@given(SAMPLES, st.sampled_from(LEVELS))
def test_levels_are_a_function_of_the_samples(samples: list[Sample], asked: str) -> None:
    first = list(changes(samples, asked))
    assert first == list(changes(list(samples), asked))
    level = asked
    begins = {one.at_ms for one in samples if one.begins_turn}
    for change in first:
        assert change.level != level and LEVELS.index(change.level) <= LEVELS.index(asked)
        if LEVELS.index(change.level) > LEVELS.index(level):
            assert change.at_ms in begins and change.level == asked
        level = change.level


def test_sampling_is_a_share_that_everybody_agrees_on() -> None:
    names = [f"session-{number}" for number in range(4000)]
    chosen = {share: {name for name in names if sampled(name, share)} for share in (0, 1, 50, 500, 1000)}
    assert not chosen[0] and len(chosen[1000]) == 4000
    assert chosen[1] <= chosen[50] <= chosen[500]
    assert 150 < len(chosen[50]) < 250 and 1850 < len(chosen[500]) < 2150


@pytest.mark.parametrize(("name", "drawn"), [("sess-1", 328), ("", 652), ("größe", 239)])
def test_sampling_does_not_change_with_versions(name: str, drawn: int) -> None:
    assert sampled(name, drawn + 1) and not sampled(name, drawn)


def test_retention_ends_after_its_days() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert retention_ends(moment, 30) == datetime(2026, 1, 31, tzinfo=UTC)
    assert retention_ends(moment, 2**31 - 1) - moment == timedelta(days=36_500), "for ever has an end, too"
