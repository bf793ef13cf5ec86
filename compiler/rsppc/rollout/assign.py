"""Which bundle a session gets, and why: the one answer to that question, from a plan and the state of its traffic.

The share goes by the runtime's own hash of tenant and session, so that a session gets the same answer wherever it is
asked, and keeps the bundle that is rolled out while its share grows.
"""

from __future__ import annotations

from typing import Literal

from rsppc.base.record import Record
from rsppc.contracts.canary import canary_bucket
from rsppc.rollout.plan import Cohort, Plan


class Traffic(Record):
    """How far a rollout has come."""

    is_open: bool
    """Whether the bundle is served to anybody: it was started, and not rolled back since."""
    share: int
    """Percent of the sessions that get it, besides listed tenants and regions."""


CLOSED = Traffic(is_open=False, share=0)


def as_written(plan: Plan) -> Traffic:
    """The traffic that the manifest describes: its first phase."""
    return Traffic(is_open=True, share=plan.phases[0])


class Asking(Record):
    """A session that has not begun yet."""

    session_id: str
    tenant_id: str = ""
    region: str = ""
    requested: str | None = None
    """The bundle that it asks for by name; the cohorts have no say then."""


class Load(Record):
    """How many sessions and tokens there were in the last minute; None where nobody counted."""

    sessions_per_min: int | None = None
    tokens_per_min: int | None = None


class Assigned(Record):
    """What a session gets. Outcome, scope and reason are those of the runtime's decision_outcome."""

    outcome_kind: Literal["admit", "reject", "defer"]
    scope: Literal["tenant", "session"]
    reason: str
    bundle_ref: str | None = None
    """None where it gets none."""
    cohort: str | None = None
    """None where no cohort names it."""
    bucket: int | None = None
    """Where the share decided: the bucket of the session, 0 to 99."""


_NO_LOAD = Load()


def assign(plan: Plan, traffic: Traffic, asking: Asking, load: Load = _NO_LOAD) -> Assigned:
    """What a session gets. First who is kept out, then what it asks for, then lists, then shares."""
    return _refused(plan, asking, load) or _requested(plan, traffic, asking) or _by_cohort(plan, traffic, asking)


def _refused(plan: Plan, asking: Asking, load: Load) -> Assigned | None:
    if not asking.session_id.strip():
        return Assigned(outcome_kind="reject", scope="session", reason="blank_id")
    if asking.tenant_id in plan.denied:
        return Assigned(outcome_kind="reject", scope="tenant", reason="tenant_denied")
    for name, limit, observed in (
        ("session", plan.session_limit, load.sessions_per_min),
        ("token", plan.token_limit, load.tokens_per_min),
    ):
        if limit is not None and observed is not None and observed >= limit > 0:
            return Assigned(outcome_kind="defer", scope="session", reason=f"{name}_rate_limited")
    return None


def _requested(plan: Plan, traffic: Traffic, asking: Asking) -> Assigned | None:
    if asking.requested is None:
        return None
    if asking.requested in requestable(plan, traffic):
        return _admitted(asking.requested, "requested_version")
    return Assigned(outcome_kind="defer", scope="session", reason="requested_version_unknown")


def requestable(plan: Plan, traffic: Traffic) -> tuple[str, ...]:
    """Bundles that a session may ask for. What was rolled back, or not started, cannot be had by asking either."""
    return (plan.rollback.name, plan.bundle.name) if traffic.is_open else (plan.rollback.name,)


def _by_cohort(plan: Plan, traffic: Traffic, asking: Asking) -> Assigned:
    if not traffic.is_open:
        return _admitted(plan.rollback.name, "rollout_closed")
    for reason, cohort in (
        ("tenant_listed", _with_tenant(plan, asking)),
        ("region_listed", _with_region(plan, asking)),
    ):
        if cohort is not None:
            return _admitted((plan.bundle if cohort.moves else plan.rollback).name, reason, cohort)
    return _by_share(plan, traffic, asking)


def _with_tenant(plan: Plan, asking: Asking) -> Cohort | None:
    found = (one for one in plan.cohorts if asking.tenant_id in one.tenants and one.covers(asking.region))
    return next(found, None) if asking.tenant_id else None


def _with_region(plan: Plan, asking: Asking) -> Cohort | None:
    alone = (one for one in plan.cohorts if one.percentage is None and not one.tenants)
    return next((one for one in alone if asking.region in one.regions), None)


def _by_share(plan: Plan, traffic: Traffic, asking: Asking) -> Assigned:
    bucket = canary_bucket(asking.session_id, asking.tenant_id)
    moving = share_cohort(plan, moves=True)
    if bucket < traffic.share and (moving is None or moving.covers(asking.region)):
        return _admitted(plan.bundle.name, "within_share", moving, bucket)
    staying = share_cohort(plan, moves=False)
    named = staying if staying is not None and staying.covers(asking.region) else None
    reason = "beyond_share" if bucket >= traffic.share else "region_not_covered"
    return _admitted(plan.rollback.name, reason, named, bucket)


def share_cohort(plan: Plan, *, moves: bool) -> Cohort | None:
    """The cohort that takes the share of one of the two bundles, where the manifest names it."""
    return next((one for one in plan.cohorts if one.percentage is not None and one.moves == moves), None)


def _admitted(bundle: str, reason: str, cohort: Cohort | None = None, bucket: int | None = None) -> Assigned:
    return Assigned(
        outcome_kind="admit",
        scope="session",
        reason=reason,
        bundle_ref=bundle,
        cohort=cohort.name if cohort is not None else None,
        bucket=bucket,
    )
