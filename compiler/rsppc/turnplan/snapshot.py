"""What a turn is opened with: who speaks, and what the control plane knows at that moment.

All of it is frozen data. `read_snapshot` reads the control plane's part strictly: unknown keys, floats and negative
numbers make it unusable, which is said as a value; nothing here raises.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from rsppc.base.record import Record

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Permille = Annotated[int, msgspec.Meta(ge=0, le=1000)]


class Session(Record):
    """One call. `pipeline_version` (`<bundle_id>/<version>`) is what it was admitted with, where it was already."""

    session_id: str
    tenant_id: str = ""
    tenant_labels: dict[str, str] = {}
    environment: str = ""
    language: str = ""
    region: str = ""
    channel: str = ""
    pipeline_version: str | None = None


class Turn(Record):
    """A turn that is about to open.

    `now_ms` is the wall clock in ms since 1970, given by whoever calls: nothing here has a clock of its own.
    `authority_epoch` is the epoch that the session acts under, where it knows one.
    """

    turn_id: str
    index: int = 0
    now_ms: int = 0
    runtime_timestamp_ms: int = 0
    authority_epoch: int | None = None


class Capabilities(Record):
    """What the runtime can do: its version (`v1.2`), and the providers that it can call (None: all)."""

    runtime_version: str | None = None
    providers: frozenset[str] | None = None


class View(Record, forbid_unknown_fields=True):
    """What all sections have in common: how fresh they are. A section without times does not go stale."""

    stale: bool = False
    as_of_ms: Count | None = None
    max_age_ms: Count | None = None


class Routing(View, forbid_unknown_fields=True):
    """Where the session goes."""

    routing_view_snapshot: str
    admission_policy_snapshot: str
    abi_compatibility_snapshot: str
    transport_kind: str
    transport_endpoint: str
    runtime_id: str
    version_resolution_snapshot: str = ""
    policy_resolution_snapshot: str = ""


class ProviderState(Record, forbid_unknown_fields=True):
    """How one provider does at the moment."""

    state: Literal["ok", "degraded", "down", "unknown"]
    error_rate_milli: Permille | None = None
    calls: Count | None = None
    p95_ms: Count | None = None
    price_micro_usd: Count | None = None


class ProviderHealth(View, forbid_unknown_fields=True):
    """How the providers do at the moment."""

    provider_health_snapshot: str
    providers: dict[str, ProviderState] = {}


class Admission(View, forbid_unknown_fields=True):
    """Whether turns are admitted."""

    admission_policy_snapshot: str
    outcome_kind: Literal["admit", "reject", "defer"]
    scope: Literal["tenant", "session", "turn"]
    reason: str
    session_rate_limit_per_min: Count | None = None
    session_rate_observed_per_min: Count | None = None
    token_rate_limit_per_min: Count | None = None
    token_rate_observed_per_min: Count | None = None


class Lease(View, forbid_unknown_fields=True):
    """Which authority this runtime holds."""

    lease_resolution_snapshot: str
    authority_epoch: Count
    authority_epoch_valid: bool
    authority_authorized: bool
    reason: str = ""
    lease_token_id: str = ""
    lease_expires_at_utc: str = ""


class Pressure(View, forbid_unknown_fields=True):
    """How full the lanes are, in thousandths: the policy's view of the moment."""

    control_lane_milli: Permille
    data_lane_milli: Permille
    telemetry_lane_milli: Permille


class ControlPlane(Record):
    """The sections of one ControlPlaneSnapshot. A section that is missing is None."""

    routing: Routing | None = None
    provider_health: ProviderHealth | None = None
    admission: Admission | None = None
    lease: Lease | None = None
    pressure: Pressure | None = None


class SnapshotFault(Record):
    """Why a snapshot cannot be used, with the place in it (`$.lease.authority_epoch`)."""

    path: str
    message: str


_SECTIONS: dict[str, tuple[str, type[View]]] = {
    "routing_view": ("routing", Routing),
    "provider_health": ("provider_health", ProviderHealth),
    "admission": ("admission", Admission),
    "lease": ("lease", Lease),
    "pressure": ("pressure", Pressure),
}
_HEADER = frozenset({"schema_version", "snapshot_id", "version", "metadata"})


def read_snapshot(content: bytes | dict[str, Any]) -> ControlPlane | SnapshotFault:
    """The control plane's view in a ControlPlaneSnapshot, given as JSON or as plain values."""
    try:
        value = msgspec.json.decode(content, type=dict[str, Any]) if isinstance(content, bytes) else content
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return SnapshotFault(path="$", message=str(error))
    found: dict[str, Any] = {}
    for key, section in value.items():
        if key in _HEADER:
            continue
        if key not in _SECTIONS:
            return SnapshotFault(path=f"$.{key}", message="there is no such section")
        name, kind = _SECTIONS[key]
        try:
            found[name] = msgspec.convert(section, type=kind)
        except (msgspec.ValidationError, RecursionError) as error:
            said, _, place = str(error).partition(" - at `$")
            return SnapshotFault(path=f"$.{key}{place.removesuffix('`')}", message=said)
    return ControlPlane(**found)
