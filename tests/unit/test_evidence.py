"""Evidence: sealed when it is made, and refused when it is read unless it is what is wanted (R-002-12, R-002-50)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rsppc.base.canonical_json import canonical
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.evidence.envelope import Checked, Release, Status, seal_of, sealed, together
from rsppc.evidence.moment import moment_text, read_moment
from rsppc.evidence.reading import Wanted, read_evidence
from rsppc.model.evidence import EVIDENCE
from rsppc.model.json_schema import schema_of_shape

RELEASE = Release(bundle_ref="demo/v1", bundle_digest="sha256:" + "a" * 64)
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
WANTED = Wanted(evidence="contracts", release=RELEASE, now=NOW)


def evidence(*checks: Checked, made_at: datetime = NOW) -> dict[str, Any]:
    return sealed(
        "contracts",
        RELEASE,
        made_at=moment_text(made_at),
        checks=checks or (Checked(check="fixtures", subject="event_record", status="pass"),),
        inputs={"fixtures": "sha256:" + "b" * 64},
        figures={"valid": 3},
    )


def found(value: Any, wanted: Wanted = WANTED) -> list[Diagnostic]:
    """The findings on evidence; none means that it was taken."""
    sink = DiagnosticSink()
    data = value if isinstance(value, bytes) else canonical(value)
    taken = read_evidence("e.json", data, wanted, sink)
    assert (taken is None) == bool(sink.sorted())
    return list(sink.sorted())


def names(value: Any, wanted: Wanted = WANTED) -> list[str]:
    return [one.name for one in found(value, wanted)]


def resealed(value: dict[str, Any], **changes: Any) -> dict[str, Any]:
    changed = {**value, **changes}
    return {**changed, "digest": seal_of(changed)}


def test_what_was_sealed_is_read_as_it_was() -> None:
    """R-002-50: who writes a report and who reads it agree."""
    sink = DiagnosticSink()
    value = evidence()
    taken = read_evidence("e.json", canonical(value), WANTED, sink)
    assert taken is not None
    assert taken.checks == (Checked(check="fixtures", subject="event_record", status="pass"),)
    assert (taken.inputs, taken.figures, taken.digest) == (
        (("fixtures", "sha256:" + "b" * 64),),
        {"valid": 3},
        value["digest"],
    )
    jsonschema.validate(value, schema_of_shape(EVIDENCE))


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path


@pytest.mark.parametrize("path", list(leaves(evidence())), ids=str)
@pytest.mark.parametrize("how", ["other", "removed", "of another type"])
def test_one_changed_value_is_enough(path: tuple[Any, ...], how: str) -> None:
    """R-002-12: evidence fails closed on any single mutated field."""
    value = json.loads(canonical(evidence()))
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    before = holder[path[-1]]
    if how == "removed":
        del holder[path[-1]]
    else:
        other = before + "x" if isinstance(before, str) else before + 1
        holder[path[-1]] = other if how == "other" else [before]
    assert names(value)


def test_a_key_that_nobody_knows_is_refused_even_under_a_new_seal() -> None:
    """R-002-50: the decoder is strict."""
    assert names(resealed(evidence(), fixture_root="x")) == ["unknown-key"]


def test_another_kind_and_another_release_are_refused_with_their_places() -> None:
    """Reports that were made for another release count for nothing."""
    other = resealed(evidence(), evidence="slo_gates")
    assert names(other) == ["other-evidence"]
    release = {"bundle_ref": "demo/v2", "bundle_digest": "sha256:" + "c" * 64}
    findings = found(resealed(evidence(), release=release))
    assert [one.name for one in findings] == ["other-release", "other-release"]
    assert {one.at.text for one in findings} == {f'"{release[key]}"' for key in release}


@pytest.mark.parametrize(
    ("made_at", "expected"),
    [
        (NOW, []),
        (NOW - timedelta(hours=24), []),
        (NOW - timedelta(hours=24, seconds=1), ["stale-evidence"]),
        (NOW + timedelta(minutes=5), []),
        (NOW + timedelta(minutes=5, seconds=1), ["future-evidence"]),
    ],
    ids=["now", "a day old", "older", "a little ahead", "ahead"],
)
def test_evidence_counts_for_a_day_and_clocks_may_differ_by_five_minutes(
    made_at: datetime, expected: list[str]
) -> None:
    """Contracts: age at most 24 hours, skew into the future at most 5 minutes."""
    assert names(evidence(made_at=made_at)) == expected


def test_any_age_will_do_where_it_is_said_but_not_the_future() -> None:
    any_age = Wanted(release=RELEASE, now=NOW, age_max=None)
    assert names(evidence(made_at=NOW - timedelta(days=900)), any_age) == []
    assert names(evidence(made_at=NOW + timedelta(hours=1)), any_age) == ["future-evidence"]


def test_a_time_in_another_form_is_no_time() -> None:
    for written in (
        "2026-01-01T12:00:00+00:00",
        "2026-01-01 12:00:00Z",
        "2026-13-01T00:00:00Z",
        "yesterday-at-noonish",
    ):
        assert names(resealed(evidence(), made_at=written)) == ["malformed-moment"], written


def test_what_failed_or_was_not_run_does_not_pass_and_says_why() -> None:
    """Not run never counts as passed."""
    failed = evidence(
        Checked(check="fixtures", subject="event_record", status="pass"),
        Checked(check="fixtures", subject="turn_transition", status="fail", message="illegal.json was accepted"),
        Checked(check="fixtures", subject="replay", status="not_run", message="no fixtures"),
    )
    findings = found(failed)
    assert [one.name for one in findings] == ["not-passed", "not-passed"]
    assert "illegal.json was accepted" in findings[0].message()
    assert names(failed, Wanted(passed=False)) == []
    empty = sealed("contracts", RELEASE, made_at=moment_text(NOW), checks=(), inputs={}, figures={})
    assert names(empty) == ["not-passed"]


def test_a_status_that_its_checks_do_not_give_is_refused_even_under_a_new_seal() -> None:
    failed = evidence(Checked(check="fixtures", subject="x", status="fail"))
    assert "contradictory-status" in names(resealed(failed, status="pass"))


@given(st.lists(st.sampled_from(["pass", "fail", "not_run"])))
def test_several_statuses_together(statuses: list[Status]) -> None:
    """One failure fails all; without a failure, what was not run, or nothing at all, is no pass."""
    expected = "fail" if "fail" in statuses else "pass" if statuses and set(statuses) == {"pass"} else "not_run"
    assert together(statuses) == expected


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_file_that_was_cut_is_refused(cut: int) -> None:
    data = canonical(evidence())
    assert names(data[:cut])


def test_the_same_is_sealed_in_the_same_bytes() -> None:
    assert canonical(evidence()) == canonical(evidence())


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(2999, 1, 1)))
def test_a_moment_is_read_as_it_was_written(moment: datetime) -> None:
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    assert read_moment(moment_text(whole)) == whole


@pytest.mark.parametrize("data", [b"", b"\n", b"[]\n", b"null\n", b'"pass"\n'])
def test_a_file_without_an_object_holds_no_evidence(data: bytes) -> None:
    assert names(data) == ["empty-evidence"]


def test_evidence_that_passes_without_an_answer_to_what_is_asked_is_refused() -> None:
    """R-002-12: a report about a single file passes as well, and says nothing of the rest."""
    wanted = Wanted(
        **{key: getattr(WANTED, key) for key in WANTED.__struct_fields__} | {"checks": ("fixtures", "more")}
    )
    (refused,) = found(evidence(), wanted)
    assert refused.message() == "`more` of `contracts` is `not_run`: nothing here answers it"
