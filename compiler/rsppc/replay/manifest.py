"""What a sound ReplayManifest says, with the defaults of what it leaves out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rsppc.base.names import parse_ref
from rsppc.base.record import Record

CLASSES = ("PLAN", "OUTCOME", "ORDERING", "TIMING", "AUTHORITY", "PROVIDER_CHOICE")
"""The ways in which a replay can differ from what was recorded."""
LENIENCE = ("fail", "fail_unless_expected", "needs_approval", "tolerate")
"""How a class may be judged, the strictest first."""
MILDEST = {
    "PLAN": "fail_unless_expected",
    "OUTCOME": "fail_unless_expected",
    "ORDERING": "needs_approval",
    "TIMING": "fail",
    "AUTHORITY": "fail",
    "PROVIDER_CHOICE": "fail_unless_expected",
}
"""How each class is judged at the mildest, and where a manifest says nothing. Times within the tolerance are alike."""
SORT_KEYS = ("runtime_timestamp_ms", "runtime_sequence", "event_id")
TIME_KEYS = ("runtime_timestamp_ms", "runtime_sequence")
"""Keys that grow as a session goes on, so that it can be walked through without being kept."""
UNIQUE_KEYS = ("runtime_sequence", "event_id")
"""Keys of which no two events have the same, so that an order that asks for one of them is total."""
DEFAULT_MODE = "replay_decisions"
FIXTURES = "assets"
"""Fixtures lie below this folder of the sources, as other files do that artifacts name."""

_TURN = re.compile(r"turn:(?P<session>[^\s/]+)/(?P<turn>[^\s/]+)")
_PLAN = re.compile(r"plan:(?P<plan>rtp-[0-9a-f]{64})")


class TurnRef(Record):
    """What a manifest speaks of: the turns of a bundle, those of one plan, or a single turn."""

    bundle: str | None = None
    digest: str | None = None
    plan: str | None = None
    session: str | None = None
    turn: str | None = None

    def speaks_of(self, record: Mapping[str, Any]) -> bool:
        """Whether an OR-02 record is of such a turn."""
        if self.bundle is not None:
            return bool(record["pipeline_version"] == self.bundle)
        if self.plan is not None:
            return bool(record["resolved_turn_plan_id"] == self.plan)
        return (record["session_id"], record["turn_id"]) == (self.session, self.turn)


def parse_turn_ref(text: str) -> TurnRef | None:
    """What a `turn_ref` names; None where it names nothing."""
    if text.startswith("bundle:"):
        ref = parse_ref(text)
        return None if ref is None else TurnRef(bundle=ref.name, digest=ref.digest)
    if found := _PLAN.fullmatch(text):
        return TurnRef(plan=found["plan"])
    if found := _TURN.fullmatch(text):
        return TurnRef(session=found["session"], turn=found["turn"])
    return None


class Fixture(Record):
    """A recording that a manifest names, with the digest that it must have where one is written."""

    path: str
    digest: str | None = None


def parse_fixture(text: str) -> Fixture | None:
    """The fixture that a text names; None where it is no relative path below the folder of assets, or no digest."""
    path, at, digest = text.partition("@")
    steps = path.split("/")
    if not path or path.startswith("/") or "\\" in path or any(step in ("", ".", "..") for step in steps):
        return None
    if at and re.fullmatch(r"sha256:[0-9a-f]{64}", digest) is None:
        return None
    return Fixture(path=path, digest=digest if at else None)


class Manifest(Record):
    """How turns are replayed, and how a difference is judged."""

    ref: str
    turn_ref: TurnRef
    required_fields: tuple[str, ...]
    modes: tuple[str, ...]
    default_mode: str
    sort_keys: tuple[str, ...]
    fixtures: tuple[Fixture, ...]
    policy: dict[str, str]
    tolerance_ms: int
    sampling_milli: int
    retention_days: int | None


def manifest_of(root: Mapping[str, Any]) -> Manifest:
    """The manifest in a mapping in which `check_artifact` found nothing wrong."""
    modes = tuple(root.get("allowed_replay_modes") or (root.get("default_mode") or DEFAULT_MODE,))
    turn_ref = parse_turn_ref(root["turn_ref"])
    assert turn_ref is not None
    fixtures = [parse_fixture(text) for text in root.get("fixtures") or ()]
    return Manifest(
        ref=f"{root['replay_id']}/{root['version']}",
        turn_ref=turn_ref,
        required_fields=tuple(root["required_fields"]),
        modes=modes,
        default_mode=root.get("default_mode") or modes[0],
        sort_keys=tuple((root.get("cursor") or {}).get("stable_sort_keys") or SORT_KEYS),
        fixtures=tuple(one for one in fixtures if one is not None),
        policy={**MILDEST, **(root.get("divergence_policy") or {})},
        tolerance_ms=root.get("timing_tolerance_ms", 0),
        sampling_milli=root.get("sampling_milli", 1000),
        retention_days=root.get("retention_days"),
    )
