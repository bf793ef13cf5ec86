"""Which bundle a session gets from a rollout (R-001-06, R-002-24, F-093, F-098)."""

from __future__ import annotations

import pytest
from rsppc.contracts.canary import canary_bucket
from rsppc.rollout.assign import CLOSED, Asking, Load, Traffic, as_written, assign
from rsppc.rollout.plan import Cohort, Plan, Target

NEW, OLD = "line_bundle/v2", "line_bundle/v1"


def cohort(name: str, *, moves: bool = True, share: int | None = None, tenants: str = "", regions: str = "") -> Cohort:
    return Cohort(
        name=name,
        moves=moves,
        percentage=share,
        tenants=frozenset(tenants.split()),
        regions=frozenset(regions.split()),
    )


def plan(*cohorts: Cohort, denied: str = "", phases: tuple[int, ...] = (10, 100), **limits: int | None) -> Plan:
    return Plan(
        ref="line_canary/v1",
        digest="",
        bundle=Target(name=NEW, digest=None),
        rollback=Target(name=OLD, digest=None),
        strategy="canary",
        cohorts=cohorts,
        phases=phases,
        denied=frozenset(denied.split()),
        session_limit=limits.get("session_limit"),
        token_limit=limits.get("token_limit"),
    )


CANARY = plan(
    cohort("pilots", tenants="lab"),
    cohort("held", moves=False, tenants="bank"),
    cohort("canary", share=10),
    cohort("stable", moves=False, share=90),
    denied="banned",
    session_limit=600,
    token_limit=9000,
)
BELOW = next(f"s{number}" for number in range(1000) if canary_bucket(f"s{number}") < 10)
BEYOND = next(f"s{number}" for number in range(1000) if canary_bucket(f"s{number}") >= 10)


def said(
    asking: Asking, traffic: Traffic | None = None, load: Load | None = None, rollout: Plan = CANARY
) -> tuple[object, ...]:
    found = assign(rollout, traffic or as_written(rollout), asking, load or Load())
    return found.outcome_kind, found.reason, found.bundle_ref, found.cohort


def test_shares_and_lists_decide() -> None:
    assert said(Asking(session_id=BELOW)) == ("admit", "within_share", NEW, "canary")
    assert said(Asking(session_id=BEYOND)) == ("admit", "beyond_share", OLD, "stable")
    assert said(Asking(session_id=BEYOND, tenant_id="lab")) == ("admit", "tenant_listed", NEW, "pilots")
    assert said(Asking(session_id=BELOW, tenant_id="bank")) == ("admit", "tenant_listed", OLD, "held")


def test_who_is_kept_out_goes_before_everything_else() -> None:
    """F-098: admission answers before a bundle is chosen, in the words of a decision outcome."""
    assert said(Asking(session_id=BELOW, tenant_id="banned", requested=NEW)) == ("reject", "tenant_denied", None, None)
    assert said(Asking(session_id=" ")) == ("reject", "blank_id", None, None)


@pytest.mark.parametrize(
    ("load", "answer"),
    [
        (Load(sessions_per_min=599, tokens_per_min=8999), "within_share"),
        (Load(sessions_per_min=600), "session_rate_limited"),
        (Load(tokens_per_min=9000), "token_rate_limited"),
    ],
)
def test_a_rate_at_its_limit_defers(load: Load, answer: str) -> None:
    """F-098"""
    assert said(Asking(session_id=BELOW), load=load)[1] == answer


def test_a_session_may_ask_for_one_of_the_two_bundles() -> None:
    assert said(Asking(session_id=BEYOND, requested=NEW)) == ("admit", "requested_version", NEW, None)
    assert said(Asking(session_id=BELOW, requested=OLD)) == ("admit", "requested_version", OLD, None)
    assert said(Asking(session_id=BELOW, requested="nightly")) == ("defer", "requested_version_unknown", None, None)


def test_after_a_rollback_nobody_gets_the_bundle_in_any_way() -> None:
    """F-100: neither by share, nor by list, nor by asking."""
    for asking in (Asking(session_id=BELOW), Asking(session_id=BELOW, tenant_id="lab")):
        assert said(asking, CLOSED) == ("admit", "rollout_closed", OLD, None)
    assert said(Asking(session_id=BELOW, requested=NEW), CLOSED)[0] == "defer"
    assert said(Asking(session_id=BELOW, requested=OLD), CLOSED)[2] == OLD


def test_regions_narrow_a_cohort_and_may_be_one() -> None:
    regional = plan(cohort("north", regions="eu-north"), cohort("canary", share=100, regions="eu-west"), phases=(100,))
    assert said(Asking(session_id=BEYOND, region="eu-north"), rollout=regional)[1:] == ("region_listed", NEW, "north")
    assert said(Asking(session_id=BEYOND, region="eu-west"), rollout=regional)[1:] == ("within_share", NEW, "canary")
    assert said(Asking(session_id=BELOW, region="us"), rollout=regional)[1:] == ("region_not_covered", OLD, None)
    listed = plan(cohort("pilots", tenants="lab", regions="eu-west"), phases=(0, 100))
    assert said(Asking(session_id="s", tenant_id="lab", region="us"), rollout=listed)[2] == OLD
    assert said(Asking(session_id="s", tenant_id="lab", region="eu-west"), rollout=listed)[2] == NEW


def test_names_of_tenants_are_compared_letter_by_letter() -> None:
    odd = plan(cohort("pilots", tenants='a:b,c"d{} Größe'), phases=(0, 100))
    assert said(Asking(session_id="s", tenant_id='a:b,c"d{}'), rollout=odd)[2] == NEW
    assert said(Asking(session_id="s", tenant_id="größe"), rollout=odd)[2] == OLD
    assert said(Asking(session_id="s", tenant_id="\udcff"), rollout=odd)[2] == OLD


def test_of_many_sessions_the_share_gets_the_bundle() -> None:
    served = sum(said(Asking(session_id=f"sess-{number}", tenant_id="t"))[2] == NEW for number in range(20_000))
    assert 0.09 < served / 20_000 < 0.11
