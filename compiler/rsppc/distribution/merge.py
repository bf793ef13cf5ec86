"""One distribution of several: what each built bundle needs, under one registry and one rollout.

What the default version needs becomes the `default` of every section. Every other version gets an entry of its own in
every section, even where it says the same: a later change of the default must not change what a canary runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.model.distribution import SCHEMA_VERSION, SECTIONS


class Canary(Record):
    """A version that is tried out, and who gets it."""

    version: str
    percentage: int = 0
    tenants: tuple[str, ...] = ()


class Merged(Record):
    """The file's value, and what it does not say although the bundles do."""

    value: dict[str, Any]
    left_out: tuple[str, ...]


def merge(
    bundles: Mapping[str, Mapping[str, Any]],
    default: str,
    *,
    canary: Canary | None = None,
    requested: Mapping[str, str] | None = None,
) -> Merged:
    """One distribution of those of single bundles, by version. The order of the bundles has no say."""
    others = sorted(bundles.keys() - {default})
    value: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "registry": {
            "default_pipeline_version": default,
            "records": {version: bundles[version]["registry"]["records"][version] for version in sorted(bundles)},
        },
    }
    for section in SECTIONS:
        merged: dict[str, Any] = {"default": bundles[default][section]["default"]}
        if others:
            merged["by_pipeline"] = {version: bundles[version][section]["default"] for version in others}
        value[section] = merged
    tenants = bundles[default]["policy"].get("by_tenant")
    if tenants:
        value["policy"]["by_tenant"] = tenants
    rollout = _rollout(bundles[default], default, canary, requested or {})
    if rollout is not None:
        value["rollout"] = rollout
    return Merged(value=value, left_out=tuple(_left_out(bundles, default, others)))


def _rollout(
    bundle: Mapping[str, Any], default: str, canary: Canary | None, requested: Mapping[str, str]
) -> dict[str, Any] | None:
    """Who gets which version; None where everybody gets the default, and nobody took a snapshot of that."""
    built = bundle.get("rollout", {})
    if not built and canary is None and not requested:
        return None
    rollout: dict[str, Any] = {
        "default_pipeline_version": default,
        "version_resolution_snapshot": built.get("version_resolution_snapshot", f"version_resolution/{default}"),
    }
    if canary is not None:
        rollout["canary_pipeline_version"] = canary.version
        rollout["canary_percentage"] = canary.percentage
        if canary.tenants:
            rollout["tenant_allowlist"] = sorted(set(canary.tenants))
    if requested:
        rollout["by_requested_version"] = dict(requested)
    return rollout


def _left_out(bundles: Mapping[str, Mapping[str, Any]], default: str, others: list[str]) -> list[str]:
    """What the file cannot say: it knows policies of tenants, but not of tenants in one version."""
    notes = []
    carried = bundles[default]["policy"].get("by_tenant", {})
    for version in others:
        policy = bundles[version]["policy"]
        own = policy.get("by_tenant", {})
        notes += [
            f"the policy of tenant `{tenant}` in `{version}`: the file has one policy for a tenant, that of `{default}`"
            if tenant in carried
            else f"the policy of tenant `{tenant}` in `{version}`, which is not the default version"
            for tenant in sorted(own)
            if own[tenant] != carried.get(tenant)
        ]
        notes += [
            f"that tenant `{tenant}` has no policy of its own in `{version}`, as it has in `{default}`"
            for tenant in sorted(carried.keys() - own.keys())
            if carried[tenant] != policy["default"]
        ]
    return notes
