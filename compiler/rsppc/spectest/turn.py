"""The turn of a block `plan`: who calls, and what the control plane knows, from what the block says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.spectest.world import World, snapshot_of
from rsppc.turnplan import Capabilities, ControlPlane, Session, SnapshotFault, Turn, read_snapshot

DEFAULT_SNAPSHOT = "local/v1"


class Opening(Record):
    """A turn that opens, with all that decides it."""

    session: Session
    turn: Turn
    plane: ControlPlane
    capabilities: Capabilities


def opening_of(said: Mapping[str, Any], world: World) -> Opening | str:
    """The turn that a block speaks of, or why there is none."""
    sections, problem = snapshot_of(world.artifacts, said.get("snapshot", DEFAULT_SNAPSHOT))
    if sections is None:
        return problem
    for name in ("pressure", "admission", "lease", "routing_view"):
        if name in said:
            sections[name] = {**sections.get(name, {}), **said[name]}
    if "providers" in said:
        health = dict(sections.get("provider_health", {}))
        health["providers"] = {**health.get("providers", {}), **_states(said["providers"], health.get("providers", {}))}
        sections["provider_health"] = health
    plane = read_snapshot(sections)
    if isinstance(plane, SnapshotFault):
        return f"the snapshot cannot be used: {plane.path}: {plane.message}"
    who, turn, runtime = said.get("session", {}), said.get("turn", {}), said.get("runtime", {})
    now_ms = turn.get("now_ms", max((_taken(section) for section in sections.values()), default=0))
    return Opening(
        session=Session(
            session_id=who.get("id", "session-1"),
            tenant_id=who.get("tenant", ""),
            tenant_labels=dict(who.get("labels", {})),
            environment=who.get("environment", ""),
            language=who.get("language", ""),
            region=who.get("region", ""),
            channel=who.get("channel", ""),
            pipeline_version=who.get("pipeline_version"),
        ),
        turn=Turn(
            turn_id=turn.get("id", "turn-1"),
            index=turn.get("index", 0),
            now_ms=now_ms,
            authority_epoch=turn.get("authority_epoch"),
        ),
        plane=plane,
        capabilities=Capabilities(
            runtime_version=runtime.get("version"),
            providers=frozenset(runtime["providers"]) if "providers" in runtime else None,
        ),
    )


def _states(said: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The states of providers; `down` alone is short for all that a mapping would say."""
    found: dict[str, Any] = {}
    for name, state in said.items():
        written = {"state": state} if isinstance(state, str) else dict(state)
        found[name] = {"state": "ok", **known.get(name, {}), **written}
    return found


def _taken(section: Any) -> int:
    return int(section.get("as_of_ms", 0)) if isinstance(section, dict) else 0
