"""A runtime that is named limits what may compile, and nothing else: `--runtime`, and `runtime` in `rsppc.toml`.

R-001-66, R-001-84, F-161: what a runtime cannot do is refused before it is built.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import compile_bundle, entries, open_workspace
from rsppc.workspace import Workspace
from workspaces import BUNDLE, BUNDLE_PATH, PROVIDERS, PROVIDERS_PATH, SPEC_PATH, built_files, make, rsppc_here

HEAD = "schema_version: rspp.runtime.capability.v1\nruntime_id: house\nversion: v1\n"
RUNTIME = "pipelines/compat/house_v1.yaml"
POLICY_PATH = "pipelines/policies/line_policy_v1.yaml"
POLICY = """\
schema_version: rspp.policy.overlay.v1
policy_id: line_policy
version: v1
provider_rules:
  - {id: answers, node: llm, when: "pressure.data_lane_milli > 800", use: [llm-small]}
  - {id: answers_else, node: llm, use: [llm-house], retry: {max_attempts: 2, attempt_timeout_ms: 300, backoff_ms: 10}}
insert_rules:
  - id: louder
    when: tenant.id == "hall"
    between: {from: mic.audio, to: vad.audio}
    insert: {node_id: again, node_type: audio.resample, config: {rate_hz: 16000}}
"""
GOVERNED = {
    POLICY_PATH: POLICY,
    BUNDLE_PATH: BUNDLE + "policy_refs: [line_policy/v1]\n",
    PROVIDERS_PATH: PROVIDERS + "  - {provider_id: llm-small, modality: llm, latency: {p50_ms: 100, p95_ms: 200}}\n",
}
TYPES = (
    "transport.ingress, speech.vad, speech.endpointing, speech.stt, speech.llm, text.segmenter, speech.tts, "
    "transport.egress"
)


def found(root: Path, capabilities: str, command: str = "check", *options: str) -> list[tuple[str, str]]:
    """Name and place of what is found where the runtime has these capabilities."""
    make(root, {RUNTIME: HEAD + capabilities})
    done = rsppc_here(root, command, "--runtime", "house/v1", "--format", "json", *options)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    told = [one for one in lines if one["severity"] != "note"]
    return [(one["name"], f"{one['primary']['file']}:{one['primary']['start'][0]}") for one in told]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make(tmp_path, **GOVERNED)


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ("", []),
        ("execution_profiles: [simple]\n", []),
        ("execution_profiles: [simple/v1]\n", []),
        ("execution_profiles: []\n", [("runtime-without-profile", f"{BUNDLE_PATH}:5")]),
        (f"node_types: [{TYPES}, audio.resample]\n", []),
        (f"node_types: [{TYPES}]\n", [("runtime-without-node-type", f"{POLICY_PATH}:11")]),
        ("providers: [stt-house, llm-house, llm-small, tts-house]\n", []),
        ("providers: [stt-house, llm-house, tts-house]\n", [("runtime-without-provider", f"{POLICY_PATH}:5")]),
        ("providers: [stt-house, llm-small, tts-house]\n", [
            ("runtime-without-provider", f"{POLICY_PATH}:6"), ("runtime-without-provider", f"{SPEC_PATH}:10")]),
        ("actions: [retry]\n", []),
        ("actions: [degrade, fallback]\n", [("runtime-without-action", f"{POLICY_PATH}:6")]),
        ("schemas: [cp-snapshot-distribution/v1]\n", []),
        ("schemas: [cp-snapshot-distribution/v2]\n", [("runtime-without-schema", f"{BUNDLE_PATH}:2")]),
        ("limits: {nodes: 9, edges: 7, queue_bytes: 9000000, merged_from_event_ids: 1}\n", []),
        ("limits: {nodes: 8}\n", [("over-runtime-limit", f"{SPEC_PATH}:2")]),
        ("limits: {edges: 6}\n", [("over-runtime-limit", f"{SPEC_PATH}:2")]),
        ("limits: {queue_bytes: 9000}\n", [("over-runtime-limit", f"{SPEC_PATH}:2")]),
        ("transports: [sip]\n", []),  # a check names no snapshot, and knows no transport
    ],
)  # fmt: skip
def test_each_capability_limits_what_may_compile(
    root: Path, capabilities: str, expected: list[tuple[str, str]]
) -> None:
    assert found(root, capabilities) == expected


def test_a_provider_that_only_a_degrade_rule_names_counts(root: Path) -> None:
    rule = (
        'degrade_rules:\n  - {id: busy, when: "pressure.data_lane_milli > 800", set: {nodes.tts.provider: tts-small}}\n'
    )
    figures = "latency: {p50_ms: 5, p95_ms: 9}"
    small = f"  - {{provider_id: tts-small, modality: tts, {figures}}}\n"
    make(root, {PROVIDERS_PATH: GOVERNED[PROVIDERS_PATH] + small, POLICY_PATH: POLICY + rule})
    names = found(root, "providers: [stt-house, llm-house, llm-small, tts-house]\n")
    assert names == [("runtime-without-provider", f"{POLICY_PATH}:13")]


def test_a_policy_may_leave_out_an_action_that_the_runtime_lacks(root: Path) -> None:
    make(root, {POLICY_PATH: POLICY + "allowed_actions: [fallback]\n"})
    assert found(root, "actions: [fallback]\n") == []


def test_a_transport_is_known_where_a_build_names_a_snapshot(root: Path) -> None:
    place = "rsppc:rollouts/local_v1.yaml:22"
    assert found(root, "transports: [sip]\n", "build") == [("runtime-without-transport", place)]
    assert found(root, "transports: [sip, livekit]\n", "build") == []


@pytest.mark.parametrize(
    ("window", "fits"),
    [("{min: v1, max: v1.1}", True), ("{min: v1.1, max: v2}", False), ("{min: v0, max: v0}", False)],
)
def test_the_window_of_a_bundle_holds_the_version_of_the_runtime(root: Path, window: str, fits: bool) -> None:
    make(root, {BUNDLE_PATH: GOVERNED[BUNDLE_PATH].replace("{min: v1, max: v1.1}", window)})
    assert found(root, "") == ([] if fits else [("runtime-outside-window", f"{BUNDLE_PATH}:6")])


def test_a_bundle_without_a_window_and_a_spec_without_a_bundle_claim_nothing(root: Path) -> None:
    make(root, {BUNDLE_PATH: GOVERNED[BUNDLE_PATH].replace("compat_window: {runtime: {min: v1, max: v1.1}}\n", "")})
    assert found(root, "") == []
    for path in (BUNDLE_PATH, POLICY_PATH):
        (root / path).unlink()
    assert found(root, "execution_profiles: []\n") == [("runtime-without-profile", f"{SPEC_PATH}:4")]


def test_what_is_built_does_not_depend_on_the_runtime(root: Path) -> None:
    make(root, {RUNTIME: HEAD + "actions: [retry]\nlimits: {nodes: 9}\n"})
    assert rsppc_here(root, "build", "--output", "plain").returncode == 0
    assert rsppc_here(root, "build", "--output", "named", "--runtime", "house/v1").returncode == 0
    make(root, {"rsppc.toml": 'runtime = "house/v1"\n'})
    assert rsppc_here(root, "build", "--output", "configured").returncode == 0
    plain = built_files(root / "plain")
    assert plain and plain == built_files(root / "named") == built_files(root / "configured")


def test_the_option_goes_before_the_file_of_configuration(root: Path) -> None:
    make(root, {RUNTIME: HEAD, "rsppc.toml": 'runtime = "strict/v1"\n'})
    make(root, {"pipelines/compat/strict_v1.yaml": HEAD.replace("house", "strict") + "execution_profiles: []\n"})
    assert rsppc_here(root, "check").returncode == 1
    assert rsppc_here(root, "check", "--runtime", "house/v1").returncode == 0
    assert b"runtime strict/v1\n" in rsppc_here(root, "dump", "line_bundle/v1").stdout


@pytest.mark.parametrize("command", ["check", "build"])
@pytest.mark.parametrize("name", ["house/v9", "house", "latest", ""])
def test_a_runtime_that_is_not_there_ends_the_command(root: Path, command: str, name: str) -> None:
    done = rsppc_here(root, command, "--runtime", name)
    assert done.returncode == 2 and b"RuntimeCapability" in done.stderr and not (root / "build").exists()


def test_a_runtime_with_mistakes_of_form_refuses_every_bundle(root: Path) -> None:
    names = [name for name, _ in found(root, "providers: stt-house\n", "build")]
    assert names == ["wrong-type"] and not (root / "build").exists()


def test_several_processors_find_the_same(root: Path) -> None:
    second = BUNDLE.replace("line_bundle", "second_bundle")
    make(root, {"pipelines/bundles/second_bundle_v1.yaml": second})
    once = found(root, "providers: [stt-house]\n")
    assert once == found(root, "providers: [stt-house]\n", "check", "--jobs", "2") != []


def test_the_shipped_runtime_runs_the_shipped_reference_pipeline(tmp_path: Path) -> None:
    shipped = open_workspace(Workspace(root=str(Path(__file__).parents[2]), runtime="rspp_go/v1"), DiagnosticSink())
    found = {
        entry.ref: {one.name for one in compile_bundle(shipped, entry).diagnostics if one.code.startswith("RSP772")}
        for entry in entries(shipped)
    }
    assert found["simple_bundle/v1"] == set()


def test_without_a_runtime_nothing_is_looked_up(root: Path) -> None:
    make(root, {RUNTIME: HEAD + "execution_profiles: []\n"})
    artifacts = open_workspace(Workspace(root=str(root)), DiagnosticSink())
    for entry in entries(artifacts):
        compilation = compile_bundle(artifacts, entry)
        assert compilation.program is not None and compilation.program.runtime is None and compilation.ok
    assert "runtime" not in artifacts.cache
