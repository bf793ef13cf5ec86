"""Which sessions a canary serves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rsppc.contracts.canary import canary_bucket, fnv1a_32, version_of

ROLLOUT = {
    "default_pipeline_version": "line/v1",
    "canary_pipeline_version": "line/v2",
    "canary_percentage": 10,
    "tenant_allowlist": ["lab"],
    "by_requested_version": {"next": "line/v2"},
}


@pytest.mark.parametrize(
    ("text", "value"), [("", 0x811C9DC5), ("a", 0xE40C292C), ("b", 0xE70C2DE5), ("foobar", 0xBF9CF968)]
)
def test_the_hash_is_the_one_that_its_authors_publish(text: str, value: int) -> None:
    """Test vectors of the FNV reference, landon curt noll."""
    assert fnv1a_32(text.encode()) == value


def test_a_bucket_is_made_of_tenant_and_session() -> None:
    assert canary_bucket("sess-1") == fnv1a_32(b"sess-1") % 100
    assert canary_bucket("sess-1", "acme") == fnv1a_32(b"acme:sess-1") % 100


@given(session=st.text(), tenant=st.text())
def test_every_session_has_a_bucket(session: str, tenant: str) -> None:
    assert 0 <= canary_bucket(session, tenant) < 100


def test_a_canary_serves_its_share_and_its_tenants() -> None:
    sessions = [f"sess-{number}" for number in range(2000)]
    served = [one for one in sessions if version_of(ROLLOUT, one) == "line/v2"]
    assert served == [one for one in sessions if canary_bucket(one) < 10]
    assert 0.07 < len(served) / len(sessions) < 0.13
    assert all(version_of(ROLLOUT, one, "lab") == "line/v2" for one in sessions[:50])


@pytest.mark.parametrize(("percentage", "version"), [(0, "line/v1"), (100, "line/v2")])
def test_none_and_all_are_shares_as_well(percentage: int, version: str) -> None:
    rollout = {**ROLLOUT, "canary_percentage": percentage}
    assert {version_of(rollout, f"s{number}") for number in range(300)} == {version}


def test_what_a_session_asks_for_goes_first_and_an_unknown_name_gives_nothing() -> None:
    assert version_of(ROLLOUT, "s", requested="next") == "line/v2"
    assert version_of(ROLLOUT, "s", requested="nightly") is None
    assert version_of({}, "s") is None
