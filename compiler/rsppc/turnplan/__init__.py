"""What a runtime needs of rsppc in the middle of a call: load a bundle, resolve the plan of a turn.

    bundle = load_bundle("build/demo/v1")
    plan = TurnPlanResolver(bundle).resolve(session, turn, snapshot)

Faults and refusals are values: `BundleFault`, `SnapshotFault`, `DecisionOutcome`. Nothing here raises for what it is
given, and nothing here belongs to the compiler.
"""

from __future__ import annotations

from rsppc.contracts.canary import version_of
from rsppc.turnplan.bundle import BundleFault, LoadedBundle, read_bundle
from rsppc.turnplan.load import load_bundle
from rsppc.turnplan.outcome import DecisionOutcome
from rsppc.turnplan.plan import ResolvedTurnPlan
from rsppc.turnplan.resolver import TurnPlanResolver, resolve_turn_plan
from rsppc.turnplan.snapshot import (
    Admission,
    Capabilities,
    ControlPlane,
    Lease,
    Pressure,
    ProviderHealth,
    ProviderState,
    Routing,
    Session,
    SnapshotFault,
    Turn,
    read_snapshot,
)

__all__ = [
    "Admission",
    "BundleFault",
    "Capabilities",
    "ControlPlane",
    "DecisionOutcome",
    "Lease",
    "LoadedBundle",
    "Pressure",
    "ProviderHealth",
    "ProviderState",
    "ResolvedTurnPlan",
    "Routing",
    "Session",
    "SnapshotFault",
    "Turn",
    "TurnPlanResolver",
    "load_bundle",
    "read_bundle",
    "read_snapshot",
    "resolve_turn_plan",
    "version_of",
]
