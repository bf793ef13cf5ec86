"""Recordings: what is wrong with one is said, at its place, and a recording that was cut never counts as whole.

R-001-65, R-002-32, R-002-35: every accepted turn leaves complete evidence, which a validator enforces, for all of them.
"""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from recorded import (
    Route,
    at,
    changed,
    differences,
    findings,
    is_other_session,
    leaves,
    lines_of,
    names,
    read,
    recorded,
    without,
    written,
)
from rsppc.model.timeline import LINES
from rsppc.replay.excerpt import FINDINGS_MAX
from rsppc.replay.recording import TURN_LINES_MAX, Recording
from rsppc.simulate import SCENARIOS
from simulated import BUNDLES

MATTERS_NOT = {
    ("run", "assumed_latencies"): "an output without figures of its own says nothing about a turn",
    ("run", "bundle_digest"): "another build of the same spec is the same plan; reports of decisions ask for it",
    ("end", "at_us"): "nothing happens at the end",
}
"""Fields that no replay rests on, with the reason."""


@pytest.mark.parametrize("name", BUNDLES)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_whatever_the_simulator_records_is_whole_and_sound(name: str, scenario: str) -> None:
    """R-002-55: no scenario lets anything out under a stale epoch; F-029: what is recorded can be replayed."""
    recording = read(recorded(scenario, 6, 7, name))
    assert recording.findings.placed() == () and recording.is_whole
    counts = recording.counts
    assert counts.turns == counts.sound == 6 and counts.complete == counts.accepted > 0


def test_every_kind_of_line_is_recorded_somewhere() -> None:
    seen = {line["line"] for scenario in SCENARIOS for line in lines_of(recorded(scenario, 6))}
    assert seen == LINES.keys() - {"violation"}


# --- Every leaf matters -----------------------------------------------------------------------------------------------


def mutations(value: Any) -> list[Any]:
    """Other values in the place of one: near, far, of another kind."""
    match value:
        case bool():
            return [not value, 1, "x"]
        case int():
            return [value + 1, value + 1_000_003, str(value), None, -1]
        case str():
            return [f"{value}x", "" if value else "y", 7, None]
        case None:
            return [1, "x"]
        case _:
            return [None, 1, "x"]


def is_noticed(good: bytes, bad: bytes) -> bool:
    return bool(findings(bad)) or is_other_session(good, bad) or bool(differences(good, bad))


def cases() -> list[tuple[str, int, Route]]:
    """Each kind of leaf once, as far as kinds of lines and keys go, in recordings that have them."""
    seen: set[tuple[Any, ...]] = set()
    found = []
    for scenario in ("barge_in", "lease_rotation", "provider_outage", "pressure"):
        for number, line in enumerate(lines_of(recorded(scenario))):
            for route in leaves(line):
                kind = (line["line"], line.get("signal"), *(step for step in route if isinstance(step, str)))
                if line["line"] == "totals" and route[0] == "edges":
                    kind = ("totals", "edges", route[-1])
                if kind not in seen:
                    seen.add(kind)
                    found.append((scenario, number, route))
    return found


@pytest.mark.parametrize(("scenario", "number", "route"), cases())
def test_every_changed_value_is_reported_or_shows_as_a_difference(scenario: str, number: int, route: Route) -> None:
    """R-002-07: whatever a replay rests on is held against the lines, or against the other recording."""
    good = recorded(scenario)
    lines = lines_of(good)
    if (lines[number]["line"], str(route[0])) in MATTERS_NOT:
        return
    for new in mutations(at(lines[number], route)):
        assert is_noticed(good, changed(lines, number, route, new)), new
    assert is_noticed(good, without(lines, number, route))


def test_what_matters_not_is_there() -> None:
    lines = lines_of(recorded())
    assert all(any(line["line"] == kind and key in line for line in lines) for kind, key in MATTERS_NOT)


@pytest.mark.parametrize("scenario", ["barge_in", "lease_rotation"])
def test_every_line_that_is_missing_doubled_or_moved_is_reported(scenario: str) -> None:
    lines = lines_of(recorded(scenario))
    for number in range(len(lines)):
        assert findings(written(lines[:number] + lines[number + 1 :])), f"line {number + 1} is missing"
        assert findings(written(lines[: number + 1] + lines[number:])), f"line {number + 1} is doubled"
    for number in range(len(lines) - 1):
        one, other = lines[number : number + 2]
        assert findings(written([*lines[:number], other, one, *lines[number + 2 :]])), f"line {number + 1} is moved"


def renumbered(lines: list[dict[str, Any]]) -> bytes:
    return written([{**line, "runtime_sequence": number} for number, line in enumerate(lines, 1)])


@pytest.mark.parametrize("scenario", ["barge_in", "lease_rotation"])
def test_a_line_that_is_missing_is_noticed_even_where_the_others_were_numbered_anew(scenario: str) -> None:
    good = recorded(scenario)
    lines = lines_of(good)
    for number in range(len(lines)):
        assert is_noticed(good, renumbered(lines[:number] + lines[number + 1 :])), lines[number]


# --- Cut files --------------------------------------------------------------------------------------------------------


def test_a_recording_that_is_cut_anywhere_in_its_last_record_never_counts_as_whole() -> None:
    data = recorded()
    assert read(data).is_whole
    for size in range(data.rindex(b"\n", 0, -1) + 1, len(data)):
        recording = read(data[:size])
        assert not recording.is_whole and recording.findings.errors, size
        assert recording.counts.sound == 3, "the turns before the cut can be used"


@pytest.mark.parametrize("kind", ["evidence", "totals", "transition", "run"])
def test_a_recording_that_is_cut_within_a_turn_loses_that_turn(kind: str) -> None:
    lines = recorded().splitlines(keepends=True)
    number = max(index for index, line in enumerate(lines) if f'"line":"{kind}"'.encode() in line)
    before = b"".join(lines[:number])
    for size in range(0, len(lines[number]), 7):
        recording = read(before + lines[number][:size])
        assert not recording.is_whole and recording.findings.errors
        assert recording.counts.sound < 3


def test_a_cut_is_said_exactly() -> None:
    lines = recorded().splitlines(keepends=True)
    number = next(index for index, line in enumerate(lines) if b'"line":"evidence"' in line and b'"turn-2"' in line)
    data = b"".join(lines[:number]) + lines[number][:100]
    (found,) = findings(data)
    assert found.name == "cut-recording"
    assert found.message() == f"the recording is cut in the middle of line {number + 1}, at byte {len(data)}"
    assert found.at.location() == ("r.jsonl", number + 1, 100)
    assert found.next_step().startswith("`turn-2` is lost from there on; the turn before it can be used")


def test_a_file_that_ends_between_two_lines_is_unfinished() -> None:
    lines = recorded().splitlines(keepends=True)
    (found,) = findings(b"".join(lines[:-1]))
    assert found.name == "unfinished-recording" and "breaks off behind line" in found.message()


@pytest.mark.parametrize(
    "data", [b"", b"\n", b"\0", b"{}", b"{}\n", b"[]\n", b"\xff\xfe\n", b'{"line":"run"}\n', b"nul"]
)
def test_what_is_no_recording_is_refused(data: bytes) -> None:
    recording = read(data)
    assert recording.header is None and recording.findings.errors and not recording.is_whole


def test_lines_behind_the_end_are_refused() -> None:
    data = recorded()
    recording = read(data + data.splitlines(keepends=True)[1])
    assert not recording.is_whole
    assert names(data + b"x\n") != []


# --- What is wrong with lines -----------------------------------------------------------------------------------------


def test_a_key_that_stands_twice_is_reported() -> None:
    data = recorded().replace(b'{"at_us":0,', b'{"at_us":0,"at_us":0,', 1)
    assert "duplicate-key" in names(data)


def test_a_line_that_is_written_in_another_way_is_as_good() -> None:
    lines = lines_of(recorded())
    data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    assert findings(data) == () and read(data).is_whole


def test_an_unknown_line_and_an_unknown_signal_are_reported_with_a_guess() -> None:
    lines = lines_of(recorded())
    found = findings(changed(lines, 3, ("line",), "transitoin"))
    assert found[0].name == "unknown-line" and found[0].next_step() == "did you mean `transition`?"
    assert names(changed(lines, 2, ("signal",), "turn_opened"))[0] == "not-a-choice"


def test_a_line_without_an_end_is_not_read_for_ever() -> None:
    endless = recorded().splitlines(keepends=True)[0] + b"x" * (1 << 21)
    assert names(endless)[0] == "line-too-long"


def test_a_flood_of_findings_is_kept_small_and_counted() -> None:
    header = recorded().splitlines(keepends=True)[0]
    recording = read(header + b"{}\n" * 5000)
    assert len(recording.findings.placed()) <= FINDINGS_MAX and recording.findings.count >= 5000


def test_a_turn_without_end_does_not_fill_the_memory() -> None:
    lines = lines_of(recorded("calm", 1))
    signal = next(line for line in lines if line.get("signal") == "output_accepted")
    number = lines.index(signal)
    flood = [*lines[:number], *[signal] * (TURN_LINES_MAX + 10), *lines[number:]]
    recording = Recording("r", io.BytesIO(renumbered(flood)).readline)
    assert max(len(turn.lines) for turn in recording.turns()) < TURN_LINES_MAX
    assert recording.findings.placed()[0].name == "line-out-of-place"


# --- Authority and fences ---------------------------------------------------------------------------------------------


def put_in(lines: list[dict[str, Any]], before: str, line: dict[str, Any], turn: str) -> bytes:
    """The recording with one more line before the first signal of a name in a turn."""
    number = next(
        index for index, one in enumerate(lines) if one.get("signal") == before and one.get("turn_id") == turn
    )
    more = {**line, "at_us": lines[number]["at_us"], "turn_id": turn}
    return renumbered([*lines[:number], more, *lines[number:]])


def test_output_under_a_stale_epoch_is_a_violation() -> None:
    """R-002-55: an output after the lease went to another epoch."""
    lines = lines_of(recorded("lease_rotation"))
    output = next(line for line in lines if line.get("signal") == "output_accepted" and line["turn_id"] == "turn-2")
    assert "stale-authority" in names(put_in(lines, "abort", output, "turn-2"))


def test_output_after_the_fence_is_a_violation() -> None:
    lines = lines_of(recorded("barge_in"))
    output = next(line for line in lines if line.get("signal") == "output_accepted" and line["turn_id"] == "turn-1")
    number = next(index for index, line in enumerate(lines) if line.get("signal") == "abort")
    # The abort comes with the fence, so that an output behind it stands between the abort and the close.
    late = [*lines[: number + 2], {**output, "at_us": lines[number + 1]["at_us"] + 400}, *lines[number + 2 :]]
    assert {"illegal-transition"} & set(names(renumbered(late)))
    early = lines_of(recorded("barge_in"))
    evidence = next(line for line in early if line["line"] == "evidence")["or02"]
    evidence["cancel_fence_timestamp_ms"] = evidence["cancel_accepted_timestamp_ms"]
    said = names(put_in(early, "abort", output, "turn-1"))
    assert "output-after-fence" in said and "evidence-contradicts" in said


def test_a_turn_that_lost_its_lease_is_not_committed() -> None:
    lines = lines_of(recorded("lease_rotation"))
    for line in lines:
        if line.get("turn_id") == "turn-2" and line.get("signal") == "abort":
            line["signal"] = "commit"
            del line["reason"]
        if line.get("turn_id") == "turn-2" and line.get("trigger") == "abort":
            line["trigger"] = "commit"
    assert {"stale-authority", "contradictory-line"} <= set(names(written(lines)))


def test_an_abort_gives_the_strongest_of_its_reasons() -> None:
    lines = lines_of(recorded("lease_rotation"))
    number = next(index for index, line in enumerate(lines) if line.get("reason") == "authority_loss")
    found = findings(changed(lines, number, ("reason",), "error"))
    assert any("`turn-2` ends with `error`, and `authority_loss` goes before" in one.message() for one in found)


def test_an_authority_failover_is_counted() -> None:
    """R-002-61: the scenario of a failover leaves evidence of it, at both ends of the turn."""
    recording = read(recorded("lease_rotation"))
    assert recording.counts.failovers == 1
    lost = [line["or02"] for line in lines_of(recorded("lease_rotation")) if line["line"] == "evidence"][1]
    assert (lost["lease_epoch_at_turn_open"], lost["lease_epoch_at_terminal"]) == (1, 2)
    assert lost["terminal_reason"] == "authority_loss"


# --- Speed and memory -------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_length_of_a_recording() -> None:
    import tracemalloc

    def peak(turns: int) -> int:
        data = io.BytesIO(recorded("calm", turns))
        tracemalloc.start()
        recording = Recording("r", data.readline)
        assert sum(1 for _ in recording.turns()) == turns
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(2)  # what is made once
    assert peak(60) < 2 * peak(6)
