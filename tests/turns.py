"""Built bundles, snapshots and sessions for tests of turn time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rsppc.turnplan import (
    Capabilities,
    ControlPlane,
    DecisionOutcome,
    LoadedBundle,
    ResolvedTurnPlan,
    Session,
    Turn,
    TurnPlanResolver,
    load_bundle,
    read_snapshot,
)
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, SPEC, SPEC_PATH, make, rsppc_here

POLICY_PATH = "pipelines/policies/rules_v1.yaml"
POLICY = "schema_version: rspp.policy.overlay.v1\npolicy_id: rules\nversion: v1\n"
UNBOUND = SPEC.replace(", provider: stt-house", "").replace(", provider: llm-house", "")
TWO_RECOGNISERS = """\
provider_rules:
  - {id: german, modality: stt, when: 'session.language.startsWith("de")', use: [stt-house, stt-second]}
  - id: any_stt
    modality: stt
    use: [stt-second, stt-house]
    circuit_breaker: {error_rate_milli: 500, window_ms: 10000, min_calls: 20, cooldown_ms: 30000}
  - {id: any_llm, modality: llm, use: [llm-house]}
"""
SECOND = """\
  - provider_id: stt-second
    modality: stt
    modes: [partial, final]
    confidence: true
    latency: {p50_ms: 150, p95_ms: 300}
"""
PROVIDERS_PATH = "pipelines/extensions/house_providers_v1.yaml"

SNAPSHOT: dict[str, Any] = {
    "routing_view": {
        "routing_view_snapshot": "routing/1",
        "admission_policy_snapshot": "admission/1",
        "abi_compatibility_snapshot": "abi/1",
        "version_resolution_snapshot": "versions/1",
        "policy_resolution_snapshot": "policy/1",
        "transport_kind": "livekit",
        "transport_endpoint": "wss://edge",
        "runtime_id": "runtime-1",
    },
    "provider_health": {
        "provider_health_snapshot": "health/1",
        "providers": {"stt-house": {"state": "ok", "p95_ms": 300}, "stt-second": {"state": "ok"}},
    },
    "admission": {
        "admission_policy_snapshot": "admission/1",
        "outcome_kind": "admit",
        "scope": "session",
        "reason": "within_quota",
    },
    "lease": {
        "lease_resolution_snapshot": "lease/1",
        "authority_epoch": 3,
        "authority_epoch_valid": True,
        "authority_authorized": True,
        "lease_expires_at_utc": "2099-01-01T00:00:00Z",
    },
    "pressure": {"control_lane_milli": 0, "data_lane_milli": 0, "telemetry_lane_milli": 0},
}
SESSION = Session(session_id="sess-1", language="en-US", tenant_id="acme")
TURN = Turn(turn_id="turn-1", now_ms=1_767_225_600_000)
ANY = Capabilities()


def snapshot(**changes: dict[str, Any]) -> ControlPlane:
    """The control plane with some keys of some sections changed."""
    found = read_snapshot({name: {**section, **changes.get(name, {})} for name, section in SNAPSHOT.items()})
    assert isinstance(found, ControlPlane), found
    return found


def built(folder: Path, policy: str = TWO_RECOGNISERS, spec: str = UNBOUND, **more: str) -> LoadedBundle:
    """The bundle of a workspace with this policy; `more` are files by path."""
    providers = CLEAN[PROVIDERS_PATH]
    bundle = f"{BUNDLE}policy_refs: [rules/v1]\n{more.pop('bundle', '')}"
    files = {SPEC_PATH: spec, BUNDLE_PATH: bundle, POLICY_PATH: POLICY + policy, PROVIDERS_PATH: providers + SECOND}
    done = rsppc_here(make(folder, CLEAN, **{**files, **more}), "build")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    loaded = load_bundle(folder / "build/line_bundle/v1")
    assert isinstance(loaded, LoadedBundle), loaded
    return loaded


def plan_of(
    bundle: LoadedBundle,
    session: Session = SESSION,
    turn: Turn = TURN,
    plane: ControlPlane | None = None,
    capabilities: Capabilities = ANY,
) -> ResolvedTurnPlan:
    """The plan of a turn that opens."""
    found = TurnPlanResolver(bundle).resolve(session, turn, plane or snapshot(), capabilities)
    assert isinstance(found, ResolvedTurnPlan), found
    return found


def outcome_of(
    bundle: LoadedBundle,
    session: Session = SESSION,
    turn: Turn = TURN,
    plane: Any = None,
    capabilities: Capabilities = ANY,
) -> DecisionOutcome:
    """What is decided in the place of a plan."""
    found = TurnPlanResolver(bundle).resolve(session, turn, plane or snapshot(), capabilities)
    assert isinstance(found, DecisionOutcome), found
    return found
