"""What the control plane knows, made ready for turns: runtimes open many turns under one snapshot."""

from __future__ import annotations

from rsppc.base.canonical_json import canonical
from rsppc.base.record import Record
from rsppc.contracts.plan_identity import encode_snapshots
from rsppc.turnplan.bundle import LoadedBundle
from rsppc.turnplan.snapshot import ControlPlane


class Moment(Record):
    """A complete snapshot, and what plans need of it in the form in which they need it."""

    plane: ControlPlane
    values: dict[str, object]
    """The control plane's part of what rules and layers may read."""
    snapshots: bytes
    """Names of all snapshots, canonical."""
    snapshots_hashed: bytes
    """The same as they stand under a plan's hash."""


def moment_of(bundle: LoadedBundle, plane: ControlPlane) -> Moment:
    """A snapshot of which no section is missing."""
    names = snapshot_provenance(bundle, plane)
    return Moment(
        plane=plane,
        values=_values_of(plane),
        snapshots=canonical(names),
        snapshots_hashed=encode_snapshots(names),
    )


def snapshot_provenance(bundle: LoadedBundle, plane: ControlPlane) -> dict[str, str]:
    """The names of all snapshots that a plan rests on. Versions and policies were resolved by the bundle itself where
    no snapshot says otherwise."""
    routing, health, admission = plane.routing, plane.provider_health, plane.admission
    assert routing is not None and health is not None and admission is not None
    own = bundle.pipeline_version
    return {
        "routing_view_snapshot": routing.routing_view_snapshot,
        "admission_policy_snapshot": admission.admission_policy_snapshot,
        "abi_compatibility_snapshot": routing.abi_compatibility_snapshot,
        "version_resolution_snapshot": routing.version_resolution_snapshot or f"version/{own}",
        "policy_resolution_snapshot": routing.policy_resolution_snapshot or f"policy/{own}",
        "provider_health_snapshot": health.provider_health_snapshot,
    }


def _values_of(plane: ControlPlane) -> dict[str, object]:
    pressure, health = plane.pressure, plane.provider_health
    assert pressure is not None and health is not None
    states = health.providers
    return {
        "pressure.control_lane_milli": pressure.control_lane_milli,
        "pressure.data_lane_milli": pressure.data_lane_milli,
        "pressure.telemetry_lane_milli": pressure.telemetry_lane_milli,
        "provider_state": {name: one.state for name, one in states.items()},
        "provider_p95_ms": {name: one.p95_ms for name, one in states.items() if one.p95_ms is not None},
        "provider_price_micro_usd": {
            name: one.price_micro_usd for name, one in states.items() if one.price_micro_usd is not None
        },
    }
