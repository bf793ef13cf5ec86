"""The identity of turn plans, held against recorded answers of the runtime."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from rsppc.contracts.plan_identity import determinism_of, plan_hash, plan_material, seed_of

RECORDED = Path(__file__).parents[2] / "golden" / "identity" / "vectors.json"
OWN: list[dict[str, Any]] = json.loads((RECORDED.parent / "own.json").read_text("utf-8"))["vectors"]
VECTORS: list[dict[str, Any]] = json.loads(RECORDED.read_text("utf-8"))["vectors"]


def a_plan() -> dict[str, Any]:
    return json.loads(json.dumps(VECTORS[0]["plan"]))


@pytest.mark.parametrize("number", range(len(VECTORS)))
def test_a_recorded_plan_has_the_hash_and_the_seed_that_the_runtime_gave_it(number: int) -> None:
    """R-001-33: plan_hash and determinism_context."""
    plan = VECTORS[number]["plan"]
    assert plan_hash(plan) == plan["plan_hash"]
    assert determinism_of(plan["plan_hash"], plan["authority_epoch"]) == plan["determinism"]


@pytest.mark.parametrize("vector", OWN, ids=[one["name"] for one in OWN])
def test_our_own_vectors_keep_their_bytes_hash_and_seed(vector: dict[str, Any]) -> None:
    """For implementations in other languages: each shows the bytes under the hash as well."""
    plan = vector["plan"]
    assert plan_material(plan).decode() == vector["material"]
    assert sha256(vector["material"].encode()).hexdigest() == plan["plan_hash"] == plan_hash(plan)
    assert determinism_of(plan["plan_hash"], plan["authority_epoch"]) == plan["determinism"]


def test_a_hash_does_not_depend_on_the_order_of_keys() -> None:
    plan = a_plan()
    assert plan_hash(backwards(plan)) == plan_hash(plan)


def test_an_absent_node_policy_hashes_as_an_empty_one() -> None:
    plan = a_plan()
    del plan["node_execution_policies"]
    assert plan_hash(plan) == plan_hash({**plan, "node_execution_policies": {}})
    assert b'"NodeExecutionPolicies":{}' in plan_material(plan)


def test_actions_are_hashed_in_one_order_whatever_order_names_them() -> None:
    plan = a_plan() | {"allowed_adaptive_actions": ["fallback", "retry"]}
    assert b'"AllowedAdaptiveActions":["retry","fallback"]' in plan_material(plan)


def test_the_fields_of_a_policy_of_synchronous_drops_stand_in_the_order_of_the_runtime() -> None:
    plan = a_plan()
    policy = {"sync_domain": "av", "scope": "plan_wide", "policy": "atomic_drop", "group_by": "sync_id"}
    plan["edge_buffer_policies"]["default"]["sync_drop_policy"] = policy
    assert b'{"group_by":"sync_id","policy":"atomic_drop","scope":"plan_wide","sync_domain":"av"}' in plan_material(
        plan
    )


def test_what_does_not_decide_what_a_plan_does_is_not_hashed() -> None:
    plan = a_plan()
    assert plan_hash({**plan, "determinism": {}, "streaming_handoff": {"enabled": True}}) == plan_hash(plan)


@pytest.mark.parametrize("key", ["turn_id", "graph_definition_ref", "authority_epoch", "budgets", "flow_control"])
def test_what_decides_what_a_plan_does_is_hashed(key: str) -> None:
    plan = a_plan()
    changed: Any = {**plan, key: {} if isinstance(plan[key], dict) else 7}
    assert plan_hash(changed) != plan_hash(plan)


def test_a_seed_is_a_number_that_the_contract_accepts() -> None:
    for epoch in range(200):
        assert 0 <= seed_of("0" * 64, epoch) < 2**63


def backwards(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: backwards(item) for key, item in reversed(value.items())}
    return value
