"""What a distribution file can say of a rollout, and what it cannot.

The file knows a default, one canary with its share and its tenants, versions by name, and admission. Everything else
that a manifest may say is told in words, so that nobody believes that the runtime does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.record import Record
from rsppc.rollout.assign import Traffic, requestable
from rsppc.rollout.plan import Cohort, Plan


class Carried(Record):
    """The part of a rollout that goes into a distribution."""

    default: str
    canary: str | None
    """None where nobody gets the bundle that is rolled out."""
    percentage: int
    tenants: tuple[str, ...]
    requested: dict[str, str]
    left_out: tuple[str, ...]


def carried(plan: Plan, traffic: Traffic) -> Carried:
    """A plan and the state of its traffic, as far as a distribution can say them.

    What the file cannot limit it does not give: it never gives the bundle to a session that the plan keeps from it.
    """
    listed = {tenant for one in plan.cohorts if one.moves and not one.regions for tenant in one.tenants}
    limits = [one for one in plan.cohorts if _limits_share(one)]
    return Carried(
        default=plan.rollback.name,
        canary=plan.bundle.name if traffic.is_open else None,
        percentage=0 if limits else traffic.share,
        tenants=tuple(sorted(listed)),
        requested={name: name for name in requestable(plan, traffic)},
        left_out=tuple(_left_out(plan)) if traffic.is_open else (),
    )


def _limits_share(cohort: Cohort) -> bool:
    """Whether a cohort keeps the share from somebody."""
    if cohort.moves:
        return cohort.percentage is not None and bool(cohort.regions)
    return cohort.percentage is None


def _left_out(plan: Plan) -> Iterator[str]:
    for cohort in plan.cohorts:
        if cohort.moves and cohort.regions:
            yield f"cohort `{cohort.name}`, which is limited to regions: none of its sessions gets `{plan.bundle.name}`"
        elif not cohort.moves and cohort.percentage is None:
            yield (
                f"cohort `{cohort.name}`, which is kept on `{plan.rollback.name}`: besides listed tenants nobody gets "
                f"`{plan.bundle.name}`"
            )


def with_admission(value: dict[str, Any], plan: Plan) -> dict[str, Any]:
    """A distribution in which admission says what the plan's constraints say: limits, and tenants that are kept out."""
    section = value["admission"]
    limits = {
        key: limit
        for key, limit in (
            ("session_rate_limit_per_min", plan.session_limit),
            ("token_rate_limit_per_min", plan.token_limit),
        )
        if limit is not None
    }
    changed = {**section, "default": {**section["default"], **limits}}
    if "by_pipeline" in section:
        changed["by_pipeline"] = {version: {**entry, **limits} for version, entry in section["by_pipeline"].items()}
    if plan.denied:
        denied = {**changed["default"], "outcome_kind": "reject", "scope": "tenant", "reason": "tenant_denied"}
        changed["by_tenant"] = {**section.get("by_tenant", {}), **dict.fromkeys(sorted(plan.denied), denied)}
    return {**value, "admission": changed}
