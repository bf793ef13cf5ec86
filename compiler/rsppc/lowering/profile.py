"""ExecutionProfile → Defaults."""

from __future__ import annotations

from typing import Any

from rsppc.ir.program import Defaults
from rsppc.ir.setting import FromProfile, Setting
from rsppc.ir.setting_path import parse_steps
from rsppc.syntax.document import Item, Mapping


def lower_profile(root: Mapping) -> Defaults:
    """The defaults that a sound profile states."""
    ref = f"{root['profile_id']}/{root['version']}"

    def table(mapping: Any) -> dict[str, Setting]:
        return {key: setting(mapping, key) for key in mapping or ()}

    def setting(mapping: Mapping, key: str) -> Setting:
        return Setting(value=mapping.get(key), origin=FromProfile(ref=ref, container=mapping, key=key))

    buffers = root.get("buffer_defaults") or Mapping()
    data = buffers.get("DataLane") or Mapping()
    lanes = root.get("lane_defaults") or Mapping()
    return Defaults(
        ref=ref,
        name=root["profile_id"],
        budgets=table(root.get("budget_defaults")),
        buffers={
            "DataLane.additive": table(data.get("additive")),
            "DataLane.replaceable": table(data.get("replaceable")),
            "ControlLane": table(buffers.get("ControlLane")),
            "TelemetryLane": table(buffers.get("TelemetryLane")),
        },
        edges=table(root.get("edge_defaults")),
        lanes={lane: table(lanes.get(lane)) for lane in ("DataLane", "ControlLane", "TelemetryLane")},
        recording=table(root.get("recording")),
        unknown_events=setting(root, "unknown_events"),
        low_latency=setting(root, "low_latency"),
        overridable=tuple(steps for text in root.get("overridable") or () if (steps := parse_steps(text))),
        place=Item(container=root, key="profile_id"),
    )
