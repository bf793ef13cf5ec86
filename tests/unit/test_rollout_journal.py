"""The journal of a rollout: whatever happens to the file, nothing is built upon what is not whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rsppc.base.canonical_json import canonical, digest_value
from rsppc.diagnostics import DiagnosticSink
from rsppc.rollout.assign import Traffic
from rsppc.rollout.journal import Change, Ground, next_record, read_journal, traffic_of
from rsppc.rollout.plan import Plan, Target

PLAN = Plan(
    ref="line_canary/v1",
    digest="sha256:" + "e" * 64,
    bundle=Target(name="line_bundle/v2", digest="sha256:" + "2" * 64),
    rollback=Target(name="line_bundle/v1", digest="sha256:" + "1" * 64),
    strategy="canary",
    cohorts=(),
    phases=(5, 25, 100),
    denied=frozenset(),
    session_limit=None,
    token_limit=None,
)
START = datetime(2026, 1, 1, tzinfo=UTC)
GROUND = Ground(evidence="release", digest="sha256:" + "a" * 64, made_at="2026-01-01T00:00:00Z")
STEPS = (("start", 5), ("advance", 25), ("rollback", 0), ("start", 5), ("complete", 100))


def journal(steps: tuple[tuple[str, int], ...] = STEPS) -> list[dict[str, Any]]:
    """The records of some steps, an hour apart."""
    records: list[dict[str, Any]] = []
    for number, (action, share) in enumerate(steps):
        at = START + timedelta(hours=number)
        record = next_record(
            PLAN, read(records)[0], action=action, share=share, at=at, by="ada", reason="", evidence=(GROUND,)
        )
        records.append(record)
    return records


def encoded(records: list[dict[str, Any]]) -> bytes:
    return b"".join(canonical(record) + b"\n" for record in records)


def read(
    records: list[dict[str, Any]] | bytes, *, head: str | None = "", plan: Plan = PLAN
) -> tuple[tuple[Change, ...], list[str]]:
    """The changes, and `name line:column` of each finding; an empty head stands for the right one."""
    data = records if isinstance(records, bytes) else encoded(records)
    if head == "":
        head = records[-1]["digest"] if records and not isinstance(records, bytes) else None
    sink = DiagnosticSink()
    changes = read_journal("store/j.jsonl", data, head, plan, sink)
    return changes, [f"{found.name} {found.at.location()[1]}:{found.at.location()[2]}" for found in sink.sorted()]


def names(records: list[dict[str, Any]] | bytes, **more: Any) -> list[str]:
    return [one.split()[0] for one in read(records, **more)[1]]


def resealed(record: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A record as somebody would forge it who knows how records are sealed."""
    body = {key: value for key, value in {**record, **changed}.items() if key != "digest"}
    return {**body, "digest": digest_value(body)}


def test_what_was_written_is_read_back_in_order() -> None:
    changes, found = read(journal())
    assert found == []
    assert [(one.number, one.action, one.before, one.after) for one in changes] == [
        (1, "start", 0, 5),
        (2, "advance", 5, 25),
        (3, "rollback", 25, 0),
        (4, "start", 0, 5),
        (5, "complete", 5, 100),
    ]
    assert changes[0].evidence == (GROUND,) and changes[0].bundle_ref == PLAN.bundle.text


@pytest.mark.parametrize(
    ("count", "traffic"),
    [(0, Traffic(is_open=False, share=0)), (2, Traffic(is_open=True, share=25)), (3, Traffic(is_open=False, share=0))],
)
def test_the_state_of_traffic_is_that_of_the_last_change(count: int, traffic: Traffic) -> None:
    """R-001-37: manifest and journal are all there is; the same journal gives the same traffic (R-002-16)."""
    assert traffic_of(read(journal(STEPS[:count]))[0]) == traffic


def edit(number: int, key: str, value: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda records: [{**one, key: value} if one["sequence"] == number else one for one in records]


def forge(number: int, **changed: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda records: [resealed(one, **changed) if one["sequence"] == number else one for one in records]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param(edit(2, "by", "eve"), "changed-record 2", id="edited"),
        pytest.param(edit(5, "to", 50), "changed-record 5", id="the last one edited"),
        pytest.param(forge(2, by="eve"), "broken-chain 3", id="edited and sealed again"),
        pytest.param(forge(5, by="eve"), "cut-journal 5", id="the last one edited and sealed again"),
        pytest.param(forge(5, sequence=6), "record-out-of-sequence 5", id="forged number"),
        pytest.param(lambda records: [*records[:1], *records[2:]], "record-out-of-sequence 2", id="one taken out"),
        pytest.param(
            lambda records: [records[1], records[0], *records[2:]], "record-out-of-sequence 1", id="reordered"
        ),
        pytest.param(lambda records: [*records, records[-1]], "record-out-of-sequence 6", id="one written twice"),
        pytest.param(forge(5, at="2026-01-01T00:30:00Z"), "clock-went-back 5", id="clock went back"),
        pytest.param(forge(5, at="2026-13-01T00:30:00Z"), "malformed-moment 5", id="no point in time"),
        pytest.param(forge(5, action="advance"), "impossible-change 5", id="an action that is another one"),
        pytest.param(forge(5, **{"from": 25}), "impossible-change 5", id="from where traffic was not"),
        pytest.param(forge(3, to=3), "impossible-change 3", id="half a rollback"),
        pytest.param(forge(5, rollout_ref="other/v1"), "record-of-another-rollout 5", id="of another rollout"),
        pytest.param(forge(5, to=101), "out-of-bounds 5", id="more than everybody"),
        pytest.param(forge(5, colour="red"), "unknown-key 5", id="an unknown key"),
    ],
)
def test_a_journal_that_was_changed_is_refused_at_the_record(
    change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]], found: str
) -> None:
    """Edited, reordered, forged: each has its place in the file."""
    records = journal()
    _, findings = read(change(records), head=records[-1]["digest"])
    assert findings[0].partition(":")[0] == found


def test_records_that_were_taken_off_the_end_are_missed() -> None:
    records = journal()
    head = records[-1]["digest"]
    assert names(records[:4], head=head) == ["cut-journal"]
    assert names(records[:3], head=records[4]["digest"]) == ["cut-journal"]
    assert names([], head=head) == ["cut-journal"]
    assert names(records, head=None) == ["cut-journal"]


def test_a_head_may_be_one_record_behind() -> None:
    records = journal()
    assert names(records, head=records[-2]["digest"]) == []
    assert names(records[:1], head=None) == []
    assert names(records, head=records[-3]["digest"]) == ["cut-journal"]


@pytest.mark.parametrize("left", [1, 40, 200])
def test_a_torn_record_is_said_and_never_built_upon(left: int) -> None:
    records = journal()
    data = encoded(records[:2]) + canonical(records[2])[:left]
    changes, found = read(data, head=records[1]["digest"])
    assert found == ["torn-record 3:1"] and len(changes) == 2


@pytest.mark.parametrize(("head", "advice"), [(1, "remove this line"), (2, "fetch the journal again")])
def test_a_torn_record_may_go_only_where_nobody_was_told_of_it(head: int, advice: str) -> None:
    records = journal()
    sink = DiagnosticSink()
    data = encoded(records[:2]) + canonical(records[2])[:40]
    read_journal("store/j.jsonl", data, records[head]["digest"], PLAN, sink)
    (found,) = sink.sorted()
    assert found.next_step().startswith(advice)


@given(cut=st.integers(0, 2**16))
def test_wherever_a_journal_is_cut_it_is_noticed(cut: int) -> None:
    records = journal()
    data = encoded(records)
    cut %= len(data)
    before_last = len(encoded(records[:-1]))
    if cut != before_last:  # then the journal is that of a moment earlier, and its head tells
        assert names(data[:cut], head=records[-1]["digest"]) != []


@given(position=st.integers(0, 2**16), replacement=st.integers(0, 255))
def test_whichever_byte_is_changed_it_is_noticed(position: int, replacement: int) -> None:
    records = journal()
    data = bytearray(encoded(records))
    position %= len(data)
    if data[position] != replacement:
        data[position] = replacement
        assert names(bytes(data), head=records[-1]["digest"]) != []


def test_another_manifest_under_the_same_version_is_refused() -> None:
    """R-001-53: what was started under a version never changes."""
    other = Plan(**{key: getattr(PLAN, key) for key in PLAN.__struct_fields__} | {"digest": "sha256:" + "f" * 64})
    assert names(journal(), plan=other) == ["manifest-changed"]


@pytest.mark.parametrize("line", [b"\n", b"null\n", b"[]\n", b"{}\n", b"{\n", b"\xff\n", b'{"a": 1}\n', b"\x00\n"])
def test_a_line_that_is_no_record_is_refused(line: bytes) -> None:
    records = journal()
    assert names(encoded(records[:1]) + line, head=records[0]["digest"]) != []


def test_a_record_in_other_words_is_a_changed_record() -> None:
    """The seal is of what a record says; that it is written in one form keeps the file from changing unnoticed."""
    records = journal()
    spaced = encoded(records[:-1]) + json.dumps(records[-1]).encode() + b"\n"
    assert names(spaced, head=records[-1]["digest"]) == ["changed-record"]


@pytest.mark.parametrize("line", [b"\n", b"null\n", b"[]\n", b"{}\n", b'{"a":1}\n'])
def test_a_line_in_place_of_a_record_is_a_changed_record(line: bytes) -> None:
    """R-001-53: whatever stands there, the journal is not whole, and it is no file of sources that would be empty."""
    records = journal()
    found = names(encoded(records[:1]) + line + encoded(records[1:]), head=records[-1]["digest"])
    assert "changed-record" in found and not {"empty-file", "root-not-a-mapping"} & {*found}
