"""The published surface of the contracts is frozen: within a major version it only grows (R-002-06, R-002-08)."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from rsppc.base.canonical_json import readable
from rsppc.conformance.freeze import compare, read_surface
from rsppc.contracts.surface import LOCK, changes, grown, surface_of
from rsppc.diagnostics import DiagnosticSink
from rsppc.model.contracts import CONTRACTS
from rsppc.resources import folder

CURRENT: dict[str, Any] = surface_of(CONTRACTS)
LOCKED: dict[str, Any] = json.loads((Path(folder("schemas")) / LOCK).read_bytes())


def at(*path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A copy of the surface, and what stands at a path in it."""
    surface = copy.deepcopy(CURRENT)
    inner: Any = surface["objects"]
    for step in path:
        inner = inner[step]
    return surface, inner


def test_what_is_declared_is_compatible_with_what_was_published() -> None:
    """R-002-06, R-002-13: nothing is promoted that breaks what was promised."""
    breaking = [change.message for change in changes(LOCKED, CURRENT) if change.breaks]
    assert breaking == [], "undo it, or publish it under the next major version"


def test_the_published_surface_is_up_to_date() -> None:
    assert json.loads(json.dumps(CURRENT)) == LOCKED, "run `make generate`"


EVENT = ("event_record",)
LANE = ("event_record", "keys", "lane", "type")
SEED = ("resolved_turn_plan", "keys", "determinism", "type", "keys", "seed")
MODES = ("resolved_turn_plan", "keys", "recording_policy", "type", "keys", "allowed_replay_modes", "type")


def _set(path: tuple[str, ...], key: str, value: Any) -> dict[str, Any]:
    surface, inner = at(*path)
    inner[key] = value
    return surface


def _without(path: tuple[str, ...], key: str) -> dict[str, Any]:
    surface, inner = at(*path)
    del inner[key]
    return surface


def _renamed() -> dict[str, Any]:
    surface, keys = at("event_record", "keys")
    keys["sequence"] = keys.pop("runtime_sequence")
    return surface


NEW_KEY = {"required": False, "nullable": False, "type": {"kind": "flag"}}


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (_without((), "replay_cursor"), "the object `replay_cursor` was removed"),
        (_without((*EVENT, "keys"), "media_time"), "the key `event_record.media_time` was removed"),
        (_renamed(), "the key `event_record.runtime_sequence` was removed"),
        (_renamed(), "the required key `event_record.sequence` was added"),
        (_set((*EVENT, "keys"), "new", {**NEW_KEY, "required": True}), "the required key `event_record.new` was added"),
        (_set((*EVENT, "keys", "turn_id"), "required", True), "`event_record.turn_id` is required now"),
        (_set((*EVENT, "keys", "lane"), "required", False), "is no longer required, and readers rely on it"),
        (_set((*EVENT, "keys", "lane"), "nullable", True), "`event_record.lane` may be null now"),
        (_set((*EVENT, "keys", "lane"), "type", {"kind": "flag"}), "was of the kind choice, and is flag now"),
        (_set(LANE, "values", ["ControlLane", "DataLane"]), "`event_record.lane` no longer knows `TelemetryLane`"),
        (
            _set(LANE, "values", [*("ControlLane", "DataLane", "TelemetryLane"), "SideLane"]),
            "knows the word `SideLane` now",
        ),
        (_set((*SEED, "type"), "maximum", 2**53), "`resolved_turn_plan.determinism.seed` was narrowed: `maximum` was"),
        (_set((*SEED, "type"), "minimum", 1), "`resolved_turn_plan.determinism.seed` was narrowed: `minimum` was 0"),
        (_set((*SEED, "type"), "unit", "s"), "`unit` of `resolved_turn_plan.determinism.seed` was changed"),
        (_set(MODES, "length_min", 2), "`resolved_turn_plan.recording_policy.allowed_replay_modes` was narrowed"),
        (_set((*EVENT, "rules"), "new-rule", {"requires": ["turn_id"]}), "rule `new-rule` of `event_record` was added"),
        (_set((*EVENT, "rules", "merge-of-few"), "at_most", [["merged_from_event_ids", 32]]), "was changed"),
        (_set(EVENT, "package", "core"), "`event_record` was moved to the package `core`"),
    ],
)
def test_whatever_somebody_may_rely_on_stays(after: dict[str, Any], message: str) -> None:
    """R-002-03, R-002-08"""
    breaking = [change.message for change in changes(CURRENT, after) if change.breaks]
    assert any(message in one for one in breaking), breaking
    assert grown(CURRENT, after) is CURRENT


@pytest.mark.parametrize(
    ("after", "message"),
    [
        (_set((*EVENT, "keys"), "new", NEW_KEY), "the optional key `event_record.new` was added"),
        (_set((), "new_object", CURRENT["objects"]["replay_cursor"]), "the object `new_object` was added"),
        (_set((*SEED, "type"), "minimum", -1), "was widened: `minimum` was 0, and is -1 now"),
        (_set(MODES, "unique", False), "may repeat now"),
        (_without((*EVENT, "rules"), "merge-of-few"), "the rule `merge-of-few` of `event_record` was removed"),
    ],
)
def test_what_only_adds_is_compatible(after: dict[str, Any], message: str) -> None:
    """R-002-08"""
    found = changes(CURRENT, after)
    assert [change.breaks for change in found] == [False] and message in found[0].message
    assert grown(CURRENT, after) is after


def test_the_next_major_version_is_free() -> None:
    after = {**_without((), "replay_cursor"), "version": "v2"}
    assert [change.breaks for change in changes(CURRENT, after)] == [False]


def test_a_breaking_change_points_at_the_key_in_the_file_that_has_it() -> None:
    sink = DiagnosticSink()
    old = read_surface("old.json", readable(CURRENT), sink)
    new = read_surface("new.json", readable(_without((*EVENT, "keys"), "media_time")), sink)
    assert old is not None and new is not None
    assert compare(old, new, sink) == ()
    (found,) = sink.sorted()
    assert (found.at.source.path, found.at.text) == ("old.json", '"media_time"')
    assert found.next_step() == "undo it, or publish it as the next major version, `v2`"


@pytest.mark.parametrize(
    ("surface", "problem"),
    [
        ({}, "it does not begin with a `version` like `v1`"),
        ({"version": "v1"}, "it has no `objects`"),
        ({"version": "v1", "objects": {"a": 3}}, "`a` has no `package`"),
        ({"version": "v1", "objects": {"a": {"package": "core", "kind": "text"}}}, "`a` is no object with `rules`"),
        (_set((*EVENT, "keys", "lane"), "type", {"kind": "choice"}), "`event_record.lane` has no `values`"),
        (_set((*EVENT, "keys"), "lane", {"type": {"kind": "flag"}}), "does not say whether it is required"),
        (_set((*EVENT, "keys", "lane"), "type", 3), "`event_record.lane` has no `kind`"),
    ],
)
def test_a_file_that_is_no_surface_is_refused(surface: Any, problem: str) -> None:
    sink = DiagnosticSink()
    assert read_surface("new.json", json.dumps(surface).encode(), sink) is None
    assert problem in sink.sorted()[0].message()
