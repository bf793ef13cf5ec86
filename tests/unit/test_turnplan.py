"""Turn plans: what holds is selected, frozen and hashed; what stands against a turn is an outcome and no exception."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.record import replace
from rsppc.contracts.plan_identity import determinism_of, plan_hash
from rsppc.turnplan import (
    Capabilities,
    ControlPlane,
    DecisionOutcome,
    LoadedBundle,
    ResolvedTurnPlan,
    Session,
    SnapshotFault,
    Turn,
    TurnPlanResolver,
    read_snapshot,
    resolve_turn_plan,
)
from rsppc.turnplan.explain import decisions
from turns import SESSION, SNAPSHOT, TURN, TWO_RECOGNISERS, built, outcome_of, plan_of, snapshot
from workspaces import make, rsppc_here

RULES = (
    TWO_RECOGNISERS
    + """\
degrade_rules:
  - {id: shorter, when: pressure.data_lane_milli >= 800, set: {nodes.llm.config.max_context_turns: 3}}
  - {id: shortest, when: pressure.data_lane_milli >= 950, set: {nodes.llm.config.max_context_turns: 1}}
  - id: less_queued
    when: pressure.telemetry_lane_milli >= 900
    set: {edges.tts.audio->speaker.audio.buffer.max_queue_ms: 100}
insert_rules:
  - id: redact
    when: tenant.id == "clinic"
    insert: {node_id: pii, node_type: safety.pii_redactor}
    between: {from: sentences.text, to: tts.text}
  - id: check_words
    when: session.channel == "phone"
    insert: {node_id: words, node_type: text.compliance_filter}
    between: {from: sentences.text, to: tts.text}
"""
)


def layer(scope: str, turns: int, when: str) -> str:
    return (
        f"schema_version: rspp.config.layer.v1\nlayer_id: {scope}_memory\nversion: v1\nscope: {scope}\n"
        f"when: {when}\nset: {{nodes.llm.config.max_context_turns: {turns}}}\n"
    )


LAYERS = {
    "pipelines/policies/environment_memory_v1.yaml": layer("environment", 4, 'environment == "lab"'),
    "pipelines/policies/tenant_memory_v1.yaml": layer("tenant", 5, 'tenant.id == "clinic"'),
    "pipelines/policies/session_memory_v1.yaml": layer("session", 6, 'session.channel == "phone"'),
}
REFS = "layer_refs: [environment_memory/v1, tenant_memory/v1, session_memory/v1]\n"
CONTEXT = "/effective_nodes/llm/config/max_context_turns"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> LoadedBundle:
    return built(tmp_path_factory.mktemp("line"), RULES, bundle=REFS, **LAYERS)


# --- The plan --------------------------------------------------------------------------------------------------------


def test_the_envelope_repeats_what_the_contract_says(bundle: LoadedBundle) -> None:
    """R-001-33: every value that stands in both is the same."""
    value = json.loads(plan_of(bundle).encode())
    contract = value["contract"]
    assert value["resolved_turn_plan_id"] == f"rtp-{contract['plan_hash']}"
    assert value["plan_hash"] == contract["plan_hash"]
    assert value["lease_epoch"] == contract["authority_epoch"] == 3
    assert value["routing_snapshot_ref"] == contract["snapshot_provenance"]["routing_view_snapshot"]
    assert value["determinism_context"] == contract["determinism"]
    assert value["bundle_id"] == "line_bundle"


def test_the_contract_is_closed_and_hashed_as_the_runtime_does(bundle: LoadedBundle) -> None:
    contract = plan_of(bundle).contract
    assert set(contract) == {
        *("turn_id", "pipeline_version", "graph_definition_ref", "plan_hash", "execution_profile", "authority_epoch"),
        *("budgets", "provider_bindings", "edge_buffer_policies", "node_execution_policies", "flow_control"),
        *("allowed_adaptive_actions", "snapshot_provenance", "recording_policy", "determinism", "streaming_handoff"),
    }
    assert contract["plan_hash"] == plan_hash(contract)
    assert contract["determinism"] == determinism_of(contract["plan_hash"], 3)
    assert contract["execution_profile"] == "simple"
    assert all(name for name in contract["snapshot_provenance"].values())


def test_without_rules_that_hold_the_plan_says_what_the_distribution_says(tmp_path: Path) -> None:
    """The runtime opens the same plan from the file that the control plane serves."""
    loaded = built(tmp_path)
    contract = plan_of(loaded).contract
    distribution = json.loads((tmp_path / "build/line_bundle/v1/distribution.json").read_bytes())
    policy = distribution["policy"]["default"]
    for name in ("budgets", "provider_bindings", "edge_buffer_policies", "flow_control", "recording_policy"):
        assert contract[name] == policy[name], name
    assert contract["node_execution_policies"] == policy["node_execution_policies"]
    assert contract["graph_definition_ref"] == distribution["graph_compiler"]["default"]["graph_definition_ref"]


def test_the_same_moment_gives_the_same_bytes_and_another_turn_another_hash(bundle: LoadedBundle) -> None:
    resolver = TurnPlanResolver(bundle)
    first, second = (resolver.resolve(SESSION, TURN, snapshot()) for _ in range(2))
    other = resolver.resolve(SESSION, Turn(turn_id="turn-2", now_ms=TURN.now_ms), snapshot())
    assert isinstance(first, ResolvedTurnPlan) and isinstance(second, ResolvedTurnPlan)
    assert isinstance(other, ResolvedTurnPlan)
    assert first.encode() == second.encode()
    assert first.plan_hash != other.plan_hash


def test_a_plan_cannot_be_changed_under_its_turn(bundle: LoadedBundle) -> None:
    """R-001-55, R-002-15: what a caller does to the values that it is shown changes no plan."""
    plan = plan_of(bundle)
    before = plan.encode()
    plan.contract["budgets"]["turn_budget_ms"] = 1
    plan.selection["patch"]["x"] = 1
    assert plan.encode() == before
    with pytest.raises(AttributeError):
        plan.plan_hash = "0"  # type: ignore[misc]


def test_many_turns_hold_memory_flat(bundle: LoadedBundle) -> None:
    resolver, plane = TurnPlanResolver(bundle), snapshot()

    def many(count: int) -> None:
        for number in range(count):
            resolver.resolve(SESSION, Turn(turn_id=f"turn-{number}", now_ms=TURN.now_ms), plane)

    many(1000)
    before = resident_bytes()
    many(20_000)
    assert resident_bytes() - before < 1 << 20


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_resolver_remembers_no_more_than_some_variants(bundle: LoadedBundle) -> None:
    resolver = TurnPlanResolver(bundle)
    sessions = [
        replace(SESSION, tenant_id=tenant, channel=channel) for tenant in ("a", "clinic") for channel in ("", "phone")
    ]
    plans = [resolver.resolve(one, TURN, snapshot()) for one in sessions]
    assert len({plan.plan_hash for plan in plans if isinstance(plan, ResolvedTurnPlan)}) == 4


# --- What holds ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("session", "pressure", "turns"),
    [
        ({}, 0, None),
        ({"environment": "lab"}, 0, 4),
        ({"environment": "lab", "tenant_id": "clinic"}, 0, 5),
        ({"environment": "lab", "tenant_id": "clinic", "channel": "phone"}, 0, 6),
        ({"channel": "phone"}, 800, 3),
        ({}, 949, 3),
        ({"channel": "phone"}, 950, 1),
    ],
)
def test_layers_and_degrade_rules_win_in_their_order(
    bundle: LoadedBundle, session: dict[str, str], pressure: int, turns: int | None
) -> None:
    """R-001-41: environment, tenant, session, then policies, of which the later rule wins."""
    plane = snapshot(pressure={"data_lane_milli": pressure})
    plan = plan_of(bundle, replace(SESSION, **session), plane=plane)
    assert plan.selection["patch"].get(CONTEXT) == turns


def test_a_rule_of_a_modality_binds_the_first_provider_that_serves(bundle: LoadedBundle) -> None:
    assert plan_of(bundle).contract["provider_bindings"]["stt"] == "stt-second"
    german = replace(SESSION, language="de-AT")
    assert plan_of(bundle, german).contract["provider_bindings"]["stt"] == "stt-house"
    down = snapshot(provider_health={"providers": {"stt-second": {"state": "down"}}})
    assert plan_of(bundle, plane=down).contract["provider_bindings"]["stt"] == "stt-house"
    able = Capabilities(providers=frozenset({"stt-house", "llm-house", "tts-house"}))
    assert plan_of(bundle, capabilities=able).contract["provider_bindings"]["stt"] == "stt-house"


@pytest.mark.parametrize(
    ("rate", "calls", "bound"), [(499, 99, "stt-second"), (500, 19, "stt-second"), (500, 20, "stt-house")]
)
def test_an_open_circuit_passes_a_provider_over(bundle: LoadedBundle, rate: int, calls: int, bound: str) -> None:
    states = {"stt-second": {"state": "ok", "error_rate_milli": rate, "calls": calls}}
    plane = snapshot(provider_health={"providers": states})
    assert plan_of(bundle, plane=plane).contract["provider_bindings"]["stt"] == bound


def test_where_no_provider_serves_the_turn_waits(bundle: LoadedBundle) -> None:
    plane = snapshot(provider_health={"providers": {"llm-house": {"state": "down"}}})
    assert outcome_of(bundle, plane=plane).reason == "no_provider_serves:rules/v1/any_llm"


def test_a_rule_for_a_node_goes_before_rules_for_its_modality(tmp_path: Path) -> None:
    rule = "  - {id: vip, node: stt, when: 'tenant.id == \"acme\"', use: [stt-house]}\n"
    loaded = built(tmp_path, TWO_RECOGNISERS + rule)
    assert plan_of(loaded).contract["provider_bindings"]["stt"] == "stt-house"
    other = replace(SESSION, tenant_id="other")
    assert plan_of(loaded, other).contract["provider_bindings"]["stt"] == "stt-second"


def test_an_edge_that_a_rule_changes_is_said_to_be_explicit(bundle: LoadedBundle) -> None:
    edge = "tts.audio->speaker.audio"
    before = plan_of(bundle).contract["edge_buffer_policies"][edge]
    crowded = snapshot(pressure={"telemetry_lane_milli": 900})
    after = plan_of(bundle, plane=crowded).contract["edge_buffer_policies"][edge]
    assert before["defaulting_source"] == "execution_profile_default" and before["max_queue_ms"] == 300
    assert after["defaulting_source"] == "explicit_edge_config" and after["max_queue_ms"] == 100
    assert after["watermarks"]["queue_ms"]["high"] == 75


def test_inserted_nodes_stand_on_their_edge_in_the_order_of_the_rules(bundle: LoadedBundle) -> None:
    both = replace(SESSION, tenant_id="clinic", channel="phone")
    contract = plan_of(bundle, both).contract
    text = sorted(edge for edge in contract["edge_buffer_policies"] if "pii" in edge or "words" in edge)
    assert text == ["pii.text->words.text", "sentences.text->pii.text", "words.text->tts.text"]
    assert "sentences.text->tts.text" not in contract["edge_buffer_policies"]
    assert {"pii", "words"} <= set(contract["node_execution_policies"])


def test_every_graph_that_can_come_to_run_has_the_reference_that_the_bundle_lists(bundle: LoadedBundle) -> None:
    refs = bundle.spec["graph_definition_refs"]
    sessions = {
        "base": SESSION,
        "rules/v1/redact": replace(SESSION, tenant_id="clinic"),
        "rules/v1/check_words": replace(SESSION, channel="phone"),
        "rules/v1/redact+rules/v1/check_words": replace(SESSION, tenant_id="clinic", channel="phone"),
    }
    assert {name: plan_of(bundle, one).contract["graph_definition_ref"] for name, one in sessions.items()} == refs


def test_a_graph_that_is_not_listed_is_digested_like_one_that_is(bundle: LoadedBundle) -> None:
    listed = bundle.spec["graph_definition_refs"]
    bare = replace(bundle, spec={**bundle.spec, "graph_definition_refs": {"base": listed["base"]}})
    both = replace(SESSION, tenant_id="clinic", channel="phone")
    found = plan_of(bare, both).contract["graph_definition_ref"]
    assert found == listed["rules/v1/redact+rules/v1/check_words"]


# --- What stands against a turn --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "kind", "emitter", "reason"),
    [
        ({"lease": {"authority_epoch_valid": False}}, "stale_epoch_reject", "RK-24", "authority_epoch_invalid"),
        ({"lease": {"authority_authorized": False}}, "deauthorized_drain", "RK-24", "authority_revoked"),
        (
            {"lease": {"lease_expires_at_utc": "2026-01-01T00:00:00Z"}},
            "deauthorized_drain",
            "RK-24",
            "authority_revoked",
        ),
        ({"lease": {"lease_expires_at_utc": "some day"}}, "deauthorized_drain", "RK-24", "authority_revoked"),
        ({"admission": {"outcome_kind": "reject", "reason": "quota"}}, "reject", "CP-05", "quota"),
        ({"admission": {"outcome_kind": "defer", "scope": "tenant", "reason": "later"}}, "defer", "CP-05", "later"),
        (
            {"admission": {"session_rate_limit_per_min": 5, "session_rate_observed_per_min": 5}},
            "defer",
            "RK-25",
            "session_rate_limited",
        ),
        ({"routing_view": {"stale": True}}, "defer", "RK-25", "snapshot_stale:routing"),
        (
            {"admission": {"admission_policy_snapshot": "admission/2"}},
            "defer",
            "RK-25",
            "snapshot_incompatible:admission",
        ),
        ({"pressure": {"as_of_ms": 1_767_225_599_000, "max_age_ms": 999}}, "defer", "RK-25", "snapshot_stale:pressure"),
        ({"lease": {"as_of_ms": 1_767_225_600_001}}, "defer", "RK-25", "snapshot_stale:lease"),
    ],
)
def test_what_stands_against_a_turn_is_an_outcome(
    bundle: LoadedBundle, changes: dict[str, Any], kind: str, emitter: str, reason: str
) -> None:
    """R-001-57, R-001-63, R-002-55: before the turn, without a plan and without an exception."""
    found = outcome_of(bundle, plane=snapshot(**changes))
    assert (found.outcome_kind, found.emitted_by, found.reason) == (kind, emitter, reason)
    said = found.value()
    assert said["phase"] == "pre_turn" and said["scope"] in ("tenant", "session")
    assert ("authority_epoch" in said) == (emitter == "RK-24")


@pytest.mark.parametrize("age", [0, 999])
def test_a_section_that_is_fresh_enough_serves(bundle: LoadedBundle, age: int) -> None:
    plan_of(bundle, plane=snapshot(pressure={"as_of_ms": TURN.now_ms - age, "max_age_ms": 999}))


@pytest.mark.parametrize("section", SNAPSHOT)
def test_a_missing_section_makes_the_turn_wait(bundle: LoadedBundle, section: str) -> None:
    plane = read_snapshot({name: value for name, value in SNAPSHOT.items() if name != section})
    reason = outcome_of(bundle, plane=plane).reason
    assert reason == f"snapshot_missing:{section.removesuffix('_view')}"


def test_another_epoch_than_the_leases_is_stale(bundle: LoadedBundle) -> None:
    found = outcome_of(bundle, turn=replace(TURN, authority_epoch=2))
    assert (found.outcome_kind, found.authority_epoch) == ("stale_epoch_reject", 3)
    plan_of(bundle, turn=replace(TURN, authority_epoch=3))


def test_a_session_keeps_the_version_that_it_was_admitted_with(bundle: LoadedBundle) -> None:
    """R-001-54."""
    pinned = replace(SESSION, pipeline_version="line_bundle/v2")
    assert outcome_of(bundle, pinned).reason == "session_pinned_to_other_version"
    plan_of(bundle, replace(SESSION, pipeline_version="line_bundle/v1"))


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v0.9", False),
        ("v1", True),
        ("v1.1", True),
        ("v1.1.7", True),
        ("v1.2", False),
        ("v2", False),
        ("banana", False),
        ("", False),
    ],
)
def test_a_runtime_outside_the_window_is_refused(bundle: LoadedBundle, version: str, fits: bool) -> None:
    capabilities = Capabilities(runtime_version=version)
    found = TurnPlanResolver(bundle).resolve(SESSION, TURN, snapshot(), capabilities)
    assert isinstance(found, ResolvedTurnPlan) == fits
    assert fits or (isinstance(found, DecisionOutcome) and found.reason == "runtime_incompatible")


def test_a_condition_without_a_value_makes_the_turn_wait(tmp_path: Path) -> None:
    """An error never counts as false."""
    when = 'provider_p95_ms["stt-house"] > 200'
    rule = f"  - {{id: slow, when: '{when}', set: {{nodes.llm.config.max_context_turns: 2}}}}\n"
    loaded = built(tmp_path, TWO_RECOGNISERS + "degrade_rules:\n" + rule)
    assert plan_of(loaded).selection["degrade"] == ["rules/v1/slow"]
    unknown = snapshot(provider_health={"providers": {"stt-house": {"state": "ok"}}})
    found = outcome_of(loaded, plane=unknown)
    assert (found.outcome_kind, found.reason) == ("defer", "condition_error:rules/v1/slow")
    assert "provider_p95_ms = {}" in found.detail and "> 200" in found.detail
    assert "detail" not in found.value()


def test_blank_ids_open_no_turn(bundle: LoadedBundle) -> None:
    assert outcome_of(bundle, replace(SESSION, session_id=" ")).reason == "blank_id"
    assert outcome_of(bundle, turn=replace(TURN, turn_id="")).reason == "blank_id"


# --- Snapshots that are none -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "key", "value", "path"),
    [
        ("lease", "authority_epoch", 1.0, "$.lease.authority_epoch"),
        ("lease", "authority_epoch", -1, "$.lease.authority_epoch"),
        ("lease", "authority_epoch", True, "$.lease.authority_epoch"),
        ("lease", "surprise", 1, "$.lease"),
        ("pressure", "data_lane_milli", 1001, "$.pressure.data_lane_milli"),
        ("admission", "outcome_kind", "maybe", "$.admission.outcome_kind"),
        ("routing_view", "runtime_id", None, "$.routing_view.runtime_id"),
        ("provider_health", "providers", {"x": {"state": "fine"}}, "$.provider_health.providers[...].state"),
    ],
)
def test_a_malformed_snapshot_says_where(
    bundle: LoadedBundle, section: str, key: str, value: object, path: str
) -> None:
    changed = {**SNAPSHOT, section: {**SNAPSHOT[section], key: value}}
    for content in (changed, json.dumps(changed).encode()):
        found = read_snapshot(content)
        assert isinstance(found, SnapshotFault) and found.path == path and found.message
        assert outcome_of(bundle, plane=found).reason == f"snapshot_unreadable:{path}"


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b"null", b"{", b"[" * 200_000, b'{"leas": {}}'])
def test_what_is_no_snapshot_is_a_fault(content: bytes) -> None:
    assert isinstance(read_snapshot(content), SnapshotFault)


json_like = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(section=st.sampled_from(sorted(SNAPSHOT)), data=st.data(), value=json_like)
def test_no_snapshot_raises(bundle: LoadedBundle, section: str, data: st.DataObject, value: object) -> None:
    key = data.draw(st.sampled_from([*SNAPSHOT[section], "other"]))
    plane = read_snapshot({**SNAPSHOT, section: {**SNAPSHOT[section], key: value}})
    found = TurnPlanResolver(bundle).resolve(SESSION, TURN, plane)
    assert isinstance(found, ResolvedTurnPlan | DecisionOutcome)
    json.loads(found.encode())


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(st.text(max_size=12), min_size=7, max_size=7), index=st.integers(-5, 2**70), now=st.integers())
def test_no_session_and_no_turn_raises(bundle: LoadedBundle, texts: list[str], index: int, now: int) -> None:
    names = ("session_id", "tenant_id", "environment", "language", "region", "channel")
    session = Session(**dict(zip(names, texts, strict=False)), tenant_labels={texts[0]: texts[1]})  # type: ignore[arg-type]
    found = TurnPlanResolver(bundle).resolve(session, Turn(turn_id=texts[6], index=index, now_ms=now), snapshot())
    assert isinstance(found, ResolvedTurnPlan | DecisionOutcome)


# --- Who decided -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("turn_id", "turn"),
        ("plan_hash", "computed/plan"),
        ("authority_epoch", "snapshot/lease/1"),
        ("snapshot_provenance.routing_view_snapshot", "snapshot/routing/1"),
        ("budgets.turn_budget_ms", "execution_profile/simple/v1"),
        ("provider_bindings.stt", "policy/rules/v1/any_stt"),
        ("provider_bindings.tts", "explicit_node_config"),
        ("edge_buffer_policies.tts.audio->speaker.audio.max_queue_ms", "policy/rules/v1/less_queued"),
        ("edge_buffer_policies.default.strategy", "execution_profile/simple/v1"),
        ("recording_policy.recording_level", "execution_profile/simple/v1"),
        ("graph_definition_ref", "policy/rules/v1/redact"),
    ],
)
def test_every_value_of_a_plan_is_traced_to_who_decided_it(bundle: LoadedBundle, path: str, label: str) -> None:
    plane = snapshot(pressure={"telemetry_lane_milli": 900})
    plan = plan_of(bundle, replace(SESSION, tenant_id="clinic"), plane=plane)
    (found,) = decisions(bundle, plan, plane, path)
    assert found.label == label


def test_every_leaf_of_a_plan_has_a_decision(bundle: LoadedBundle) -> None:
    plane = snapshot()
    both = replace(SESSION, tenant_id="clinic", channel="phone")
    found = decisions(bundle, plan_of(bundle, both, plane=plane), plane, "")
    assert len(found) > 100 and all(one.label for one in found)


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_the_plan_that_the_library_resolves(tmp_path: Path, bundle: LoadedBundle) -> None:
    built(tmp_path, RULES, bundle=REFS, **LAYERS)
    (tmp_path / "snapshot.json").write_text(json.dumps(SNAPSHOT))
    options = ("--session", "sess-1", "--turn", "turn-1", "--snapshot", "snapshot.json", "--now", str(TURN.now_ms))
    options += ("--language", "en-US", "--tenant", "acme")
    done = rsppc_here(tmp_path, "resolve", "line_bundle/v1", *options)
    assert done.returncode == 0
    assert done.stdout == plan_of(bundle).encode() + b"\n"
    why = rsppc_here(tmp_path, "resolve", "build/line_bundle/v1", *options, "--why", "provider_bindings.stt")
    assert why.stdout.decode() == 'provider_bindings.stt = "stt-second"\n  policy/rules/v1/any_stt\n'


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--epoch", "9"), 1, "authority_epoch_mismatch"),
        (("--digest", "sha256:" + "0" * 64), 3, "its digest is not"),
        (("--why", "nothing.there"), 2, "the plan has nothing at `nothing.there`"),
        (("--label", "gold"), 2, "KEY=VALUE"),
        (("--snapshot", "nowhere/v1"), 2, "there is no sound ControlPlaneSnapshot"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, arguments: tuple[str, ...], code: int, said: str) -> None:
    built(tmp_path)
    done = rsppc_here(tmp_path, "resolve", "line_bundle/v1", "--session", "s", "--turn", "t", *arguments)
    assert done.returncode == code
    assert said in (done.stdout + done.stderr).decode()


def test_the_command_says_that_it_was_given_no_time(tmp_path: Path) -> None:
    built(tmp_path)
    changed = {**SNAPSHOT, "pressure": {**SNAPSHOT["pressure"], "as_of_ms": 1}}
    (tmp_path / "snapshot.json").write_text(json.dumps(changed))
    options = ("--session", "s", "--turn", "t", "--snapshot", "snapshot.json")
    done = rsppc_here(tmp_path, "resolve", "line_bundle/v1", *options)
    assert done.returncode == 1 and "--now" in done.stderr.decode()
    assert rsppc_here(tmp_path, "resolve", "line_bundle/v1", *options, "--now", "1").returncode == 0


def test_a_bundle_that_was_never_built_is_wrong_use(tmp_path: Path) -> None:
    done = rsppc_here(make(tmp_path), "resolve", "line_bundle/v1", "--session", "s", "--turn", "t")
    assert done.returncode == 2 and "rsppc build" in done.stderr.decode()


def test_a_plane_in_parts_resolves_like_one_in_one(bundle: LoadedBundle) -> None:
    """R-001-19: the signature of the resolver, snapshot by snapshot."""
    plane = snapshot()
    assert isinstance(plane, ControlPlane)
    found = resolve_turn_plan(
        SESSION,
        TURN,
        bundle,
        plane.lease,
        plane.routing,
        policy=plane.pressure,
        provider_health=plane.provider_health,
        admission=plane.admission,
    )
    assert isinstance(found, ResolvedTurnPlan)
    assert found.encode() == plan_of(bundle).encode()
