"""PipelineBundle and the distribution that the runtime loads."""

from __future__ import annotations

from typing import Any

from emit_builder import (
    LLM,
    MIC,
    QUEUES,
    SEGMENTER,
    SNAPSHOT,
    SPEAKER,
    STT,
    TTS,
    VAD,
    complete,
    insert,
    kind,
    queued,
)
from program_builder import SOMEWHERE, degrade, edge, layer, node, policy, rule, written
from rsppc.base.digest import digest_bytes
from rsppc.base.record import replace
from rsppc.contracts.plan_identity import plan_hash
from rsppc.emit.artifacts import Artifacts, artifacts
from rsppc.ir.program import Pinned, Program

LISTENER = kind("listener", ins="signal:control<barge_in>", role="sink")


def line(**said: Any) -> Program:
    return complete(
        [
            node("mic", MIC),
            node("stt", STT),
            node("llm", LLM, fallback="a_small"),
            node("a_small", LLM),
            node("sentences", SEGMENTER),
            node("tts", TTS, budget_ms=300),
            node("speaker", SPEAKER),
            node("vad", VAD),
            node("listener", LISTENER),
        ],
        [
            edge("mic.audio -> stt.audio"),
            edge("stt.text -> llm.prompt"),
            queued(edge("llm.text -> sentences.text"), strategy="drop_oldest", lossy=True),
            queued(edge("sentences.text -> tts.text"), strategy="coalesce"),
            edge("tts.audio -> speaker.audio"),
            edge("vad.barge_in -> listener.signal"),
        ],
        bindings={
            "stt": written("stt-deepgram"),
            "llm": written("llm-anthropic"),
            "a_small": written("llm-cohere"),
            "tts": written("tts-elevenlabs"),
        },
        **said,
    )


def emitted(program: Program, snapshot: Any = SNAPSHOT) -> Artifacts:
    return artifacts(program, snapshot=snapshot)


def distribution_of(program: Program) -> dict[str, Any]:
    found = emitted(program).distribution
    assert found is not None
    return found


# --- Bundle ----------------------------------------------------------------------------------------------------------


def pin(kind_name: str, ref: str) -> Pinned:
    return Pinned(kind=kind_name, ref=ref, digest=digest_bytes(ref.encode()), place=SOMEWHERE)


def test_a_bundle_pins_every_part_by_its_meaning() -> None:
    """R-001-30, R-001-36: the fields of a PipelineBundle: one spec, one profile, policies in their order."""
    parts = [
        pin("pipeline", "tiny/v1"),
        pin("profile", "simple/v1"),
        pin("policy", "weak/v1"),
        pin("policy", "strong/v1"),
        pin("layer", "kiosk/v1"),
        pin("module", "b/v1"),
        pin("module", "a/v1"),
    ]
    found = emitted(line(pinned=parts)).bundle
    assert found["spec_ref"] == f"pipeline:tiny/v1@{digest_bytes(b'tiny/v1')}"
    assert found["profile_ref"].startswith("profile:simple/v1@sha256:")
    assert [ref.split("@")[0] for ref in found["policy_refs"]] == ["policy:weak/v1", "policy:strong/v1"]
    assert [ref.split("@")[0] for ref in found["layer_refs"]] == ["layer:kiosk/v1"]
    assert [ref.split("@")[0] for ref in found["module_refs"]] == ["module:a/v1", "module:b/v1"]


def test_a_bundle_names_the_package_of_every_node_type_in_use_those_of_rules_included() -> None:
    """R-001-29: NodePackageRef."""
    extra = kind("extra", ins="text:text<segment>", outs="text:text<segment>")
    program = line(policies=[policy(inserts=[insert(node("x", extra), "sentences.text -> tts.text")])])
    found = emitted(program).bundle["node_digests"]
    names = ["extra", "listener", "llm", "mic", "speaker", "stt", "tts", "vad"]
    assert [one["node_type"] for one in found] == [*(f"test.{name}" for name in names), "text.segmenter"]
    assert found[0] == {
        "node_type": "test.extra",
        "impl_ref": "builtin:test",
        "digest": digest_bytes(b"extra"),
        "execution_mode": "in_process",
    }


def test_a_bundle_carries_the_digest_of_its_resolved_spec_and_of_its_assets() -> None:
    digest = digest_bytes(b"hello")
    found = emitted(replace(line(), assets={"audio/b.wav": digest, "audio/a.wav": digest}))
    assert found.bundle["outputs"] == {"resolved_spec": found.resolved_spec_digest}
    assert found.bundle["assets"] == [
        {"path": "audio/a.wav", "digest": digest},
        {"path": "audio/b.wav", "digest": digest},
    ]


# --- Distribution ----------------------------------------------------------------------------------------------------

CLOSED: dict[str, set[str]] = {
    "": {
        "schema_version",
        "registry",
        "rollout",
        "routing_view",
        "policy",
        "provider_health",
        "graph_compiler",
        "admission",
        "lease",
    },
    "registry": {"default_pipeline_version", "records"},
    "rollout": {"default_pipeline_version", "version_resolution_snapshot"},
    "routing_view": {
        "routing_view_snapshot",
        "admission_policy_snapshot",
        "abi_compatibility_snapshot",
        "transport_kind",
        "transport_endpoint",
        "runtime_id",
    },
    "policy": {
        "policy_resolution_snapshot",
        "allowed_adaptive_actions",
        "budgets",
        "provider_bindings",
        "edge_buffer_policies",
        "node_execution_policies",
        "flow_control",
        "recording_policy",
    },
    "provider_health": {"provider_health_snapshot"},
    "graph_compiler": {"graph_definition_ref", "graph_compilation_snapshot", "graph_fingerprint"},
    "admission": {"admission_policy_snapshot", "outcome_kind", "scope", "reason"},
    "lease": {
        "lease_resolution_snapshot",
        "authority_epoch",
        "authority_epoch_valid",
        "authority_authorized",
        "reason",
        "lease_token_id",
        "lease_expires_at_utc",
    },
}
EDGE_KEYS = {
    "strategy",
    "max_queue_items",
    "max_queue_ms",
    "max_queue_bytes",
    "max_latency_contribution_ms",
    "max_block_time_ms",
    "watermarks",
    "lane_handling",
    "fairness_key",
    "defaulting_source",
    "sync_drop_policy",
}


def test_the_distribution_has_the_closed_keys_of_its_contract() -> None:
    found = distribution_of(line())
    assert found["schema_version"] == "cp-snapshot-distribution/v1"
    assert found.keys() == CLOSED[""]
    for section, keys in CLOSED.items():
        if section in ("registry", "rollout"):
            assert found[section].keys() == keys
        elif section:
            assert found[section].keys() == {"default"}
            assert found[section]["default"].keys() == keys
    for one in found["policy"]["default"]["edge_buffer_policies"].values():
        assert one.keys() <= EDGE_KEYS


def test_the_profile_stands_in_the_distribution_without_its_version() -> None:
    record = distribution_of(line())["registry"]["records"]["tiny_bundle/v1"]
    assert record["execution_profile"] == "simple"
    assert record["pipeline_version"] == "tiny_bundle/v1"


def test_queues_are_projected_into_the_strategies_that_the_runtime_knows() -> None:
    policies = distribution_of(line())["policy"]["default"]["edge_buffer_policies"]
    assert policies["llm.text->sentences.text"]["strategy"] == "drop"
    assert policies["sentences.text->tts.text"]["strategy"] == "merge"
    assert {one["strategy"] for one in policies.values()} <= {"block", "drop", "merge", "sample", "latest_only"}


def test_an_edge_that_somebody_set_a_field_of_is_explicit_and_all_others_are_defaults() -> None:
    policies = distribution_of(line())["policy"]["default"]["edge_buffer_policies"]
    explicit = [name for name, one in policies.items() if one["defaulting_source"] == "explicit_edge_config"]
    assert sorted(explicit) == ["llm.text->sentences.text", "sentences.text->tts.text"]
    assert policies["default"]["defaulting_source"] == "execution_profile_default"


def test_the_default_policy_has_the_profiles_values_for_additive_data() -> None:
    found = distribution_of(line())["policy"]["default"]["edge_buffer_policies"]["default"]
    profile = QUEUES["DataLane.additive"]
    assert all(found[name] == profile[name] for name in ("strategy", "max_queue_items", "max_queue_bytes"))
    assert found["watermarks"]["queue_items"] == {"high": 48, "low": 24}
    assert found["lane_handling"].keys() == {"DataLane", "ControlLane", "TelemetryLane"}


def test_an_edge_of_the_control_lane_blocks_for_the_cancel_grace() -> None:
    found = distribution_of(line())["policy"]["default"]["edge_buffer_policies"]["vad.barge_in->listener.signal"]
    assert (found["strategy"], found["max_block_time_ms"]) == ("block", 75)


def test_a_modality_is_bound_like_its_first_node_that_is_nobodys_fallback() -> None:
    bindings = distribution_of(line())["policy"]["default"]["provider_bindings"]
    assert bindings == {"stt": "stt-deepgram", "llm": "llm-anthropic", "tts": "tts-elevenlabs"}


def test_limits_of_concurrency_are_carried_for_nodes_that_have_one() -> None:
    assert distribution_of(line())["policy"]["default"]["node_execution_policies"] == {"stt": {"concurrency_limit": 8}}


def test_what_cannot_be_carried_is_named() -> None:
    extra = kind("extra", ins="text:text<segment>", outs="text:text<segment>")
    rules = policy(
        providers=[
            rule("eu", ["a"], modality="stt", when="session.region == 'eu'"),
            rule("any", ["a"], modality="stt"),
        ],
        degrades=[degrade({"nodes.llm.config.context": 2})],
        inserts=[insert(node("x", extra), "sentences.text -> tts.text")],
    )
    program = line(policies=[rules], layers=[layer({"budgets.turn_budget_ms": 1})])
    assert emitted(program).left_out == (
        "provider rule `rules/v1/eu` has a condition",
        "degrade rule `rules/v1/less` has a condition",
        "insert rule `rules/v1/add_x` has a condition",
        "layer `kiosk/v1` has a condition",
        "budget of node `tts`",
        "provider `llm-cohere` of node `a_small`: the runtime binds `llm-anthropic` for all `llm`",
        "`streaming_handoff`: the runtime takes it from the turn plan only",
    )


def test_without_a_snapshot_there_is_no_distribution() -> None:
    found = emitted(line(), snapshot=None)
    assert found.distribution is None
    assert sorted(found.files()) == ["bundle.json", "provenance.json", "resolved_spec.json"]


def test_a_stale_section_stays_stale() -> None:
    snapshot = {**SNAPSHOT, "lease": {**SNAPSHOT["lease"], "stale": True}}
    found = emitted(line(), snapshot=snapshot).distribution
    assert found is not None and found["lease"]["stale"] is True and "stale" not in found["admission"]


def test_a_plan_opened_from_a_distribution_has_all_that_its_hash_covers() -> None:
    found = distribution_of(line())
    plan = {
        "turn_id": "turn-1",
        "pipeline_version": "tiny_bundle/v1",
        "graph_definition_ref": found["graph_compiler"]["default"]["graph_definition_ref"],
        "execution_profile": "simple",
        "authority_epoch": 1,
        "snapshot_provenance": {},
        **{key: part for key, part in found["policy"]["default"].items() if key != "policy_resolution_snapshot"},
    }
    assert len(plan_hash(plan)) == 64


def test_readable_files_are_the_digested_values() -> None:
    import msgspec

    found = emitted(line())
    for name, data in found.files().items():
        assert data.endswith(b"}\n") and b"\n  " in data
        value = {"bundle.json": found.bundle, "resolved_spec.json": found.resolved_spec}.get(name)
        assert value is None or msgspec.json.decode(data) == value
    assert found.documents.keys() == found.files().keys()
