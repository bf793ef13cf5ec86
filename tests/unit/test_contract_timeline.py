"""What the simulator says of a run satisfies the contracts, once completed with what a session knows of itself.

R-001-50, R-001-56, R-001-57, R-002-04: the emitter table, the transitions and the outcomes are those of the runtime.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from rsppc.base.canonical_json import canonical
from rsppc.conformance.against_bundle import check_plan
from rsppc.conformance.check import check_object
from rsppc.contracts.v1 import decode, encode
from rsppc.diagnostics import DiagnosticSink
from rsppc.model.contract_eventabi import CONTROL_SIGNAL, SIGNALS
from rsppc.model.contracts import BY_NAME
from rsppc.simulate import SCENARIOS
from rsppc.simulate.run import START_MS
from rsppc.turnplan import ResolvedTurnPlan, Session, Turn, TurnPlanResolver
from simulated import BUNDLES, Ran, bundle, control_plane

SCOPES = {row.name: row.scope for row in SIGNALS}
KEYS = {field.name for field in CONTROL_SIGNAL.shape.fields}
FREE = {"node_id", "provider", "rule", "to", "count", "epoch"}
"""What a timeline says beside a signal; no part of the signal itself."""


def as_signal(line: dict[str, Any], epoch: int) -> dict[str, Any]:
    """A line of the timeline in the envelope of its session."""
    said = {key: value for key, value in line.items() if key not in FREE | {"line", "at_us"}}
    assert said.keys() <= KEYS, line
    return {
        "schema_version": "v1.0",
        "event_scope": SCOPES[line["signal"]] or ("turn" if "turn_id" in line else "session"),
        "session_id": "sim-7",
        "pipeline_version": "simple_bundle/v1",
        "event_id": f"sim-7/{line['runtime_sequence']}",
        "lane": "ControlLane",
        "transport_sequence": line["runtime_sequence"],
        "runtime_timestamp_ms": line["at_us"] // 1000,
        "wall_clock_timestamp_ms": line["at_us"] // 1000,
        "payload_class": "metadata",
        "authority_epoch": epoch,
        **said,
    }


def problems(kind: str, value: dict[str, Any]) -> list[str]:
    sink = DiagnosticSink()
    check_object(BY_NAME[kind], kind, json.dumps(value).encode(), sink)
    return [f"{value}: {found.message()}" for found in sink.sorted()]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_signals_transitions_and_outcomes_are_those_of_the_contracts(scenario: str) -> None:
    ran = Ran(scenario=scenario, turns=6)
    ran.outcome()
    found: list[str] = []
    for line in ran.lines("signal"):
        found += problems("control_signal", as_signal(line, line.get("epoch", 1)))
    for line in ran.lines("transition"):
        step = {"from_state": line["from"], "trigger": line["trigger"], "to_state": line["to"], "deterministic": True}
        found += problems("turn_transition", step)
    for line in ran.lines("outcome"):
        found += problems("decision_outcome", line["outcome"])
    assert found == []


def test_what_is_lost_says_which_stretch_was_lost() -> None:
    ran = Ran(scenario="pressure", turns=8)
    ran.outcome()
    notices = ran.signals("drop_notice")
    assert notices and all(0 < one["seq_range"]["start"] <= one["seq_range"]["end"] for one in notices)
    gaps = [one["discontinuity_id"] for one in ran.signals("discontinuity")]
    assert len(set(gaps)) == len(gaps)


@pytest.mark.parametrize("name", BUNDLES)
def test_the_plan_of_a_turn_satisfies_its_contract_and_names_only_what_its_bundle_has(name: str) -> None:
    """R-001-55: what a turn is run by is complete when it opens."""
    loaded = bundle(name)
    turn = Turn(turn_id="turn-1", now_ms=START_MS)
    plan = TurnPlanResolver(loaded).resolve(Session(session_id="sess-1"), turn, control_plane())
    assert isinstance(plan, ResolvedTurnPlan)
    sink = DiagnosticSink()
    data = msgspec.json.encode(plan.contract)
    root = check_object(BY_NAME["resolved_turn_plan"], "plan.json", data, sink)
    assert root is not None
    check_plan(root, loaded.pipeline_version, loaded.spec, sink)
    assert [found.message() for found in sink.sorted()] == []
    assert encode(decode("resolved_turn_plan", data)) == canonical(plan.contract)  # type: ignore[arg-type]
