"""`turn.py FOLDER TURNS` prints figures of turn time as JSON: microseconds of one resolution and of its floor, and the
resident memory that so many turns leave behind. The built bundle stays in the folder.

The floor is what nobody can save who hands on a plan: `orjson.loads` of the plan's JSON and one SHA-256 of it. The
bundle has 20 nodes and ten rules whose conditions are all evaluated; snapshots stay the same, turns do not.
"""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import orjson
from corpus import spec, write
from rsppc.turnplan import (
    ControlPlane,
    LoadedBundle,
    ResolvedTurnPlan,
    Session,
    Turn,
    TurnPlanResolver,
    load_bundle,
    read_snapshot,
)

_BUNDLE = """schema_version: rspp.pipeline.bundle.v1
bundle_id: measured
version: v1
spec_ref: ruled/v1
profile_ref: simple/v1
policy_refs: [ten/v1]
"""
_VIEW = {"as_of_ms": 0, "max_age_ms": 2**40}
_SNAPSHOT = {
    "routing_view": {
        "routing_view_snapshot": "routing/1",
        "admission_policy_snapshot": "admission/1",
        "abi_compatibility_snapshot": "abi/1",
        "transport_kind": "livekit",
        "transport_endpoint": "wss://edge",
        "runtime_id": "runtime-1",
        **_VIEW,
    },
    "provider_health": {
        "provider_health_snapshot": "health/1",
        "providers": {"stt-deepgram": {"state": "ok"}},
        **_VIEW,
    },
    "admission": {
        "admission_policy_snapshot": "admission/1",
        "outcome_kind": "admit",
        "scope": "session",
        "reason": "ok",
        **_VIEW,
    },
    "lease": {
        "lease_resolution_snapshot": "lease/1",
        "authority_epoch": 1,
        "authority_epoch_valid": True,
        "authority_authorized": True,
        "lease_expires_at_utc": "2099-01-01T00:00:00Z",
        **_VIEW,
    },
    "pressure": {"control_lane_milli": 0, "data_lane_milli": 500, "telemetry_lane_milli": 0, **_VIEW},
}


def policy() -> str:
    """Five provider rules with a condition, and five degrade rules; none of the former holds, so that all are asked."""
    lines = ["schema_version: rspp.policy.overlay.v1\npolicy_id: ten\nversion: v1\nprovider_rules:\n"]
    for number in range(5):
        when = f'session.language.startsWith("x{number}") && turn.index >= {number}'
        lines.append(f"  - {{id: r{number}, node: stt0, when: '{when}', use: [stt-deepgram]}}\n")
    lines.append("degrade_rules:\n")
    for number in range(5):
        when = f"pressure.data_lane_milli >= {(number + 1) * 150}"
        lines.append(
            f"  - {{id: d{number}, when: {when}, set: {{nodes.llm0.config.max_context_turns: {8 - number}}}}}\n"
        )
    return "".join(lines)


def bundle_of(folder: Path) -> LoadedBundle:
    write(folder, 1, 20)
    files = {"specs/ruled": spec("ruled", 20), "policies/ten": policy(), "bundles/measured": _BUNDLE}
    for name, text in files.items():
        path = folder / "pipelines" / f"{name}_v1.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    rsppc = str(Path(sys.executable).with_name("rsppc"))
    subprocess.run([rsppc, "build", "measured/v1"], cwd=folder, check=True, capture_output=True)
    loaded = load_bundle(folder / "build/measured/v1")
    assert isinstance(loaded, LoadedBundle), loaded
    return loaded


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    folder, turns = Path(sys.argv[1]), int(sys.argv[2])
    resolver = TurnPlanResolver(bundle_of(folder))
    plane = read_snapshot(_SNAPSHOT)
    assert isinstance(plane, ControlPlane), plane
    session = Session(session_id="sess-1", language="en-US")
    number = 0

    def ours() -> ResolvedTurnPlan:
        nonlocal number
        number += 1
        plan = resolver.resolve(session, Turn(turn_id=f"turn-{number}", index=number), plane)
        assert isinstance(plan, ResolvedTurnPlan), plan
        return plan

    data = ours().encode()

    def floor() -> None:
        orjson.loads(data)
        hashlib.sha256(data).digest()

    times: list[tuple[float, float]] = []
    for _ in range(3000):
        started = time.perf_counter()
        ours()
        between = time.perf_counter()
        floor()
        times.append((between - started, time.perf_counter() - between))
    before = resident_bytes()
    for _ in range(turns):
        ours()
    figures = {
        "resolve_us": statistics.median(one for one, _ in times) * 1e6,
        "floor_us": statistics.median(other for _, other in times) * 1e6,
        "grown_bytes": resident_bytes() - before,
        "plan_bytes": len(data),
    }
    print(json.dumps(figures))


main()
