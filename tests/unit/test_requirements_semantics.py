"""What every compiled pipeline promises: priorities, bounds, pins, origins, limits; and what can never be written.

Sources are values that a test changes at one place, put in the place of files. The pipeline is the clean one of
`workspaces.py` with a branch for captions and metrics, so that every lane and both kinds of data occur in it.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from rsppc.base.canonical_json import digest_value
from rsppc.base.digest import is_digest
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import Compilation, Purpose, compile_bundle, open_workspace
from rsppc.emit.artifacts import Artifacts as Emitted
from rsppc.emit.artifacts import artifacts as emit
from rsppc.emit.provenance import origin_of
from rsppc.ir.setting import Setting
from rsppc.lowering.artifacts import Artifacts
from rsppc.lowering.references import check_references
from rsppc.model import shape as m
from rsppc.model.kinds import BY_NAME, BY_SCHEMA_VERSION, KINDS
from rsppc.resources import folder
from rsppc.scaffold import Compiler, Unsound
from rsppc.syntax.reader import SUFFIXES, read
from rsppc.workspace import Workspace
from workspaces import (
    BUNDLE,
    BUNDLE_PATH,
    CLEAN,
    PROVIDERS,
    PROVIDERS_PATH,
    SPEC,
    SPEC_PATH,
    built_files,
    environment,
    make,
    rsppc_here,
)

ROOT = Path(__file__).parents[2]
LIBRARY = Path(folder("pipelines"))

Value = dict[str, Any]
Change = Callable[[Value], Any]

NODES = f"""\
schema_version: rspp.extension.manifest.v1
extension_id: house_nodes
version: v1
type: external_node
api_version: v1
trust_level: trusted
resource_limits: {{cpu_milli: 1000, memory_bytes: 536870912, max_concurrency: 16}}
node_types:
  - node_type: house.captioner
    role: processor
    execution_mode: in_process
    impl_ref: package:house-captioner==1.0.0
    digest: sha256:{"c" * 64}
    ports:
      - {{name: text, direction: in, type: "text<final>", lane: DataLane}}
      - {{name: caption, direction: out, type: "text<partial>", lane: DataLane}}
      - {{name: counters, direction: out, type: metrics, lane: TelemetryLane}}
    cancel: {{mode: cooperative, cancel_latency_ms: 10, style: soft}}
    turn_cancel: flush
    state: turn_ephemeral
    scope: inherit
    latency: {{p50_ms: 1, p95_ms: 2}}
    timeout_ms: 100
  - node_type: house.display
    role: sink
    execution_mode: external
    impl_ref: package:house-display==2.1.0
    digest: sha256:{"d" * 64}
    ports:
      - {{name: caption, direction: in, type: "text<partial>", lane: DataLane}}
      - {{name: counters, direction: in, type: metrics, lane: TelemetryLane}}
    cancel: {{mode: cooperative, cancel_latency_ms: 10, style: soft}}
    turn_cancel: flush
    state: turn_ephemeral
    scope: inherit
    timeout_ms: 200
    resource_limits: {{cpu_milli: 500, memory_bytes: 268435456, max_concurrency: 8}}
"""
NODES_PATH = "pipelines/extensions/house_nodes_v1.yaml"
PROFILE_PATH = "pipelines/profiles/house_v1.yaml"
HOUSE = (LIBRARY / "profiles/simple_v1.yaml").read_text().replace("profile_id: simple", "profile_id: house")
"""A profile of the workspace, whose defaults a test may change; those of `simple/v1` never change."""

HOUSE_BUNDLE = BUNDLE.replace("simple/v1", "house/v1")

SIGNAL = "vad.activity->endpoint.activity"
ADDITIVE = "mic.audio->vad.audio"
REPLACEABLE = "captions.caption->display.caption"
TELEMETRY = "captions.counters->display.counters"
LANES = {SIGNAL: "ControlLane", ADDITIVE: "DataLane", REPLACEABLE: "DataLane", TELEMETRY: "TelemetryLane"}


def plain(text: str | bytes, path: str = "a.yaml") -> Value:
    """A source as plain values, free to be changed."""
    document = read(path, text if isinstance(text, bytes) else text.encode(), DiagnosticSink())
    assert document is not None and document.root is not None
    value: Value = json.loads(json.dumps(document.root))
    return value


def with_captions(spec: Value) -> None:
    spec["nodes"] += [
        {"node_id": "captions", "node_type": "house.captioner"},
        {"node_id": "display", "node_type": "house.display"},
    ]
    spec["edges"] += [
        {"from": "stt.text", "to": "captions.text"},
        {"from": "captions.caption", "to": "display.caption"},
        {"from": "captions.counters", "to": "display.counters"},
    ]


@functools.cache
def base() -> tuple[Mapping[str, bytes], Artifacts]:
    """The unchanged sources, and the artifacts that all tests share what has been read of."""
    spec = plain(SPEC.replace("simple/v1", "house/v1"))
    with_captions(spec)
    files = {
        SPEC_PATH: spec,
        PROVIDERS_PATH: plain(PROVIDERS),
        BUNDLE_PATH: plain(HOUSE_BUNDLE),
        NODES_PATH: plain(NODES),
        PROFILE_PATH: plain(HOUSE),
    }
    artifacts = open_workspace(Workspace(root="", scanned=False), DiagnosticSink())
    written = {path: json.dumps(value).encode() for path, value in files.items()}
    for path, data in written.items():
        artifacts.add(path, data)
    return written, artifacts


def compiled(changes: Mapping[str, Change | Value] | None = None, *, purpose: Purpose = "build") -> Compilation:
    """The bundle, compiled with changes to some of its sources, or with further ones."""
    written, artifacts = base()
    for path, change in (changes or {}).items():
        value = plain(written[path]) if callable(change) else change
        if callable(change):
            change(value)
        artifacts = artifacts.with_text(path, json.dumps(value).encode())
    entry, diagnostics = artifacts.at(BUNDLE_PATH)
    if entry is None:
        return Compilation(entry=None, program=None, diagnostics=diagnostics, ok=False)  # type: ignore[arg-type]
    return compile_bundle(artifacts, entry, purpose=purpose)


def errors(changes: Mapping[str, Change | Value]) -> set[str]:
    """Names of the errors that changes lead to."""
    return {found.name for found in compiled(changes).diagnostics if found.severity == "error"}


def emitted(changes: Mapping[str, Change | Value] | None = None) -> Emitted:
    compilation = compiled(changes)
    assert compilation.ok and compilation.program is not None, [str(one.message()) for one in compilation.diagnostics]
    return emit(compilation.program, snapshot=plain((LIBRARY / "rollouts/local_v1.yaml").read_bytes()))


@functools.cache
def unchanged() -> Emitted:
    return emitted()


@functools.cache
def shipped(name: str) -> Emitted:
    """What a bundle that ships becomes."""
    artifacts = open_workspace(Workspace(root=str(ROOT)), DiagnosticSink())
    entry, _ = artifacts.at(f"pipelines/bundles/{name}")
    assert entry is not None
    compilation = compile_bundle(artifacts, entry, purpose="build")
    assert compilation.ok and compilation.program is not None
    return emit(compilation.program, snapshot=plain((LIBRARY / "rollouts/local_v1.yaml").read_bytes()))


BUNDLES = sorted(file.name for file in (LIBRARY / "bundles").iterdir() if file.suffix in SUFFIXES)


def leaves(value: Any, *path: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every scalar below a value with the way to it, and every empty container."""
    if not value or not isinstance(value, dict | list):
        yield path, value
        return
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaves(item, *path, key)


def pointer(path: tuple[Any, ...]) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def put(path: tuple[Any, ...], new: Any) -> Change:
    """A change of one leaf."""

    def change(value: Value) -> None:
        at: Any = value
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = new

    return change


def cut(path: tuple[Any, ...]) -> Change:
    """A change that leaves one key out."""

    def change(value: Value) -> None:
        at: Any = value
        for step in path[:-1]:
            at = at[step]
        del at[path[-1]]

    return change


def edge(name: str, **said: Any) -> Change:
    """A change of one edge of the spec."""

    def change(spec: Value) -> None:
        (found,) = [one for one in spec["edges"] if f"{one['from']}->{one['to']}" == name]
        found.update(said)

    return change


def policy(**rules: Any) -> dict[str, Change | Value]:
    """A policy, and the bundle that has it."""
    overlay = {"schema_version": "rspp.policy.overlay.v1", "policy_id": "house", "version": "v1", **rules}
    return {
        "pipelines/policies/house_v1.json": overlay,
        BUNDLE_PATH: lambda bundle: bundle.update(policy_refs=["house/v1"]),
    }


def test_the_pipeline_of_these_tests_is_sound() -> None:
    assert compiled().diagnostics == ()
    edges = unchanged().resolved_spec["effective_edges"]
    assert {name: edges[name]["lane"] for name in LANES} == LANES


# --- Entities ---------------------------------------------------------------------------------------------------------

ENTITIES = {
    "pipeline": ("pipeline_id", "version", "nodes", "edges", "subgraph_refs", "metadata"),
    "profile": ("profile_id", "version", "lane_defaults", "budget_defaults", "buffer_defaults"),
    "rollout": ("rollout_id", "bundle_ref", "strategy", "cohorts", "rollback_ref"),
}
MAY_BE_LEFT_OUT = {"subgraph_refs", "metadata"}


def problems_of(artifact: Value) -> set[tuple[str, str]]:
    """Names and subjects of what is wrong with the form of an artifact."""
    kind = BY_SCHEMA_VERSION[artifact["schema_version"]]
    path = f"pipelines/{kind.folder}/{artifact.get(kind.id_field, 'some')}_{artifact.get('version', 'v1')}.json"
    artifacts = base()[1].with_text(path, json.dumps(artifact).encode())
    return {(found.name, str(found.message())) for found in artifacts.at(path)[1]}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        pytest.param("pipeline", "specs/voice_assistant_v1.yaml", id="R-001-26"),
        pytest.param("profile", "profiles/simple_v1.yaml", id="R-001-27"),
        pytest.param("rollout", "rollouts/canary_10pct_v1.yaml", id="R-001-31"),
    ],
)
def test_an_entity_has_its_core_fields_and_a_stranger_is_refused(kind: str, path: str) -> None:
    """R-001-26, R-001-27, R-001-31: fields of PipelineSpec, ExecutionProfile and RolloutManifest."""
    artifact = plain((LIBRARY / path).read_bytes(), path)
    assert problems_of(artifact) == set()
    declared = {field.name: field for field in BY_NAME[kind].shape.fields}
    for name in ENTITIES[kind]:
        assert name in artifact and declared[name].required == (name not in MAY_BE_LEFT_OUT)
        found = {problem for problem, _ in problems_of({key: one for key, one in artifact.items() if key != name})}
        assert found == (set() if name in MAY_BE_LEFT_OUT else {"missing-key"}), name
        assert {problem for problem, _ in problems_of({**artifact, name: 7})} & {
            "wrong-type",
            "malformed-name",
            "malformed-ref",
            "not-a-choice",
        }, name
    assert {problem for problem, _ in problems_of({**artifact, "extra": 1})} == {"unknown-key"}


# --- Bundles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BUNDLES)
def test_a_bundle_pins_one_spec_one_profile_its_policies_and_every_package(name: str) -> None:
    """R-001-05, R-001-36, R-002-26: an immutable unit: every part by digest, with the window of its runtimes."""
    source, made = plain((LIBRARY / "bundles" / name).read_bytes(), name), shipped(name)
    bundle = made.bundle
    parts = {"spec_ref": "pipeline", "profile_ref": "profile"}
    for key, kind in parts.items():
        ref, _, digest = bundle[key].partition("@")
        assert ref == f"{kind}:{source[key]}" and is_digest(digest)
    assert [ref.partition("@")[0] for ref in bundle["policy_refs"]] == [
        f"policy:{ref}" for ref in source["policy_refs"]
    ]
    assert all(is_digest(ref.partition("@")[2]) for ref in (*bundle["policy_refs"], *bundle["layer_refs"]))
    used = {node["node_type"] for node in made.resolved_spec["effective_nodes"].values()}
    assert used <= {one["node_type"] for one in bundle["node_digests"]}
    assert all(is_digest(one["digest"]) for one in bundle["node_digests"])
    assert bundle["compat_window"] == source["compat_window"] != {}
    assert bundle["outputs"] == {"resolved_spec": digest_value(made.resolved_spec)}


@pytest.mark.parametrize("key", ["spec_ref", "profile_ref"])
@pytest.mark.parametrize("wrong", [None, [], ["line/v1", "simple/v1"], "", 1])
def test_a_bundle_without_exactly_one_spec_and_one_profile_is_refused(key: str, wrong: Any) -> None:
    """R-001-36: exactly one spec version and one profile version."""
    assert errors({BUNDLE_PATH: put((key,), wrong)})
    assert errors({BUNDLE_PATH: cut((key,))}) == {"missing-key"}


def test_a_bundle_may_have_any_number_of_policies_each_once() -> None:
    """R-001-36: zero or more policies."""
    assert unchanged().bundle["policy_refs"] == []
    rules = {"forbid": ["nodes.*.config.record_audio"]}
    one = policy(**rules)
    other = {"pipelines/policies/other_v1.json": {**one["pipelines/policies/house_v1.json"], "policy_id": "other"}}  # type: ignore[dict-item]
    assert len(emitted(one).bundle["policy_refs"]) == 1
    both = {**one, **other, BUNDLE_PATH: put(("policy_refs",), ["other/v1", "house/v1"])}
    assert [ref.partition("@")[0] for ref in emitted(both).bundle["policy_refs"]] == [
        "policy:other/v1",
        "policy:house/v1",
    ]
    assert errors({**one, BUNDLE_PATH: put(("policy_refs",), ["house/v1", "house/v1"])}) == {"repeated-item"}


def test_the_same_spec_and_profile_compose_into_the_same_bundle() -> None:
    """R-001-78: spec and profile validate, and compose into a bundle deterministically."""
    spec = plain((LIBRARY / "specs/simple_v1.yaml").read_bytes())
    profile = plain((LIBRARY / "profiles/simple_v1.yaml").read_bytes())
    overlays = [plain((LIBRARY / "policies/default_voice_policy_v1.yaml").read_bytes())]
    assert problems_of(spec) == problems_of(profile) == set()
    compiler = Compiler(root=str(ROOT))
    assert {found.severity for found in compiler.validate_spec(spec)} <= {"warning"}
    first = compiler.build_bundle(spec, profile, overlays)
    turned = {**dict(reversed(spec.items())), "nodes": spec["nodes"][::-1], "edges": spec["edges"][::-1]}
    again = compiler.build_bundle(turned, dict(reversed(profile.items())), overlays)
    assert digest_value(first) == digest_value(again)
    other = compiler.build_bundle({**spec, "unknown_events": "pass_through"}, profile, overlays)
    assert digest_value(other) != digest_value(first)


# --- No reference without one version ---------------------------------------------------------------------------------


def references(type_: m.FieldType, *path: Any) -> Iterator[tuple[tuple[Any, ...], str]]:
    """Ways to all references that a shape declares, with the kind that they lead to."""
    match type_:
        case m.Reference(kind=kind):
            yield path, kind
        case m.Nested(shape=shape):
            for field in shape.fields:
                yield from references(field.type, *path, field.name)
        case m.Listing(item=item):
            yield from references(item, *path, 0)
        case m.Table(value=value):
            yield from references(value, *path, "some_key")


REFERENCES = [
    pytest.param(kind, path, to, id=f"{kind.name}.{'.'.join(map(str, path))}")
    for kind in KINDS
    for path, to in references(m.Nested(shape=kind.shape))
]
NO_VERSION = ("latest", "", "*", "v*", ">=v1", "v1.x", "newest", "v1@latest", "LATEST", "vlatest")


@pytest.mark.parametrize(("kind", "path", "to"), REFERENCES)
def test_no_reference_is_to_whatever_is_latest(kind: m.ArtifactKind, path: tuple[Any, ...], to: str) -> None:
    """R-001-71: immutable bundles and explicit rollouts: no kind of artifact accepts a pointer that moves."""
    for version in NO_VERSION:
        for text in (f"some/{version}", f"{to}:some/{version}", "some"):
            nested: Any = text
            for step in reversed(path):
                nested = [nested] if step == 0 else {step: nested}
            artifact = {"schema_version": kind.schema_version, kind.id_field: "other", "version": "v1", **nested}
            found = [(name, said) for name, said in problems_of(artifact) if name == "malformed-ref"]
            assert found and f"`{text}`" in found[0][1], text


def test_the_references_that_are_looked_at_include_those_of_every_release() -> None:
    """R-001-71."""
    known = {param.id for param in REFERENCES}
    assert {"bundle.spec_ref", "bundle.policy_refs.0", "rollout.bundle_ref", "rollout.cohorts.0.bundle_ref"} <= known
    assert {"rollout.rollback_ref", "pipeline.profile", "pipeline.subgraph_refs.0.module"} <= known


def test_no_artifact_calls_its_own_version_latest() -> None:
    """R-001-71, R-002-19."""
    for kind in KINDS:
        artifact = {"schema_version": kind.schema_version, kind.id_field: "other", "version": "latest"}
        assert "malformed-name" in {name for name, _ in problems_of(artifact)}


# --- Profiles: every default, with its source -------------------------------------------------------------------------

OTHER_WORD = {
    "merge": "drop",
    "drop": "merge",
    "latest_only": "sample",
    "sample": "drop",
    "signal": "credit",
    "ordered": "unordered",
    "L0": "L1",
    "replay_decisions": "recompute_decisions",
}
OTHER_VALUE = {"high_milli": 900, "low_milli": 100, "at_most_once": False, "unknown_events": "pass_through"}
OTHER_STRATEGY = {"merge": "block", "latest_only": "sample", "sample": "drop_oldest"}
ONE_VALUE_ONLY = {
    ("buffer_defaults", "ControlLane", "strategy"),
    ("lane_defaults", "ControlLane", "shedding"),
    ("lane_defaults", "ControlLane", "lane_handling"),
}
DEFAULTS = [
    pytest.param(path, value, id=".".join(map(str, path)))
    for path, value in leaves(plain((LIBRARY / "profiles/simple_v1.yaml").read_bytes()))
    if path[0] not in ("schema_version", "profile_id", "version", "metadata", "overridable", "low_latency")
    and path not in ONE_VALUE_ONLY
]


def another(key: str, value: Any) -> Any:
    """Another value that the key may have."""
    if key in OTHER_VALUE:
        return OTHER_VALUE[key]
    if key == "strategy":
        return OTHER_STRATEGY[value]
    return value + 1 if isinstance(value, int) else OTHER_WORD[value]


@pytest.mark.parametrize(("path", "value"), DEFAULTS)
def test_a_default_of_the_profile_is_visible_to_a_replay_with_its_source(path: tuple[Any, ...], value: Any) -> None:
    """R-001-02, R-001-40, R-002-20: each default stands in the ResolvedSpec and names the profile that it is from."""
    before, after = unchanged(), emitted({PROFILE_PATH: put(path, another(path[-1], value))})
    old, now = (dict(leaves(one.resolved_spec)) for one in (before, after))
    sources = after.resolved_spec["defaulting_sources"]
    changed = [way for way in now if way[0] != "defaulting_sources" and old.get(way) != now[way]]
    named = [way for way in changed if sources[pointer(way)] == "execution_profile/house/v1"]
    assert named, "the default is not in the ResolvedSpec, or does not say where it is from"
    assert (
        before.bundle["outputs"] != after.bundle["outputs"]
        and before.bundle["profile_ref"] != after.bundle["profile_ref"]
    )


def test_the_profile_is_named_in_what_a_turn_is_opened_from() -> None:
    """R-001-02, R-001-40: a replay knows under which profile a turn ran."""
    made = shipped("voice_assistant_bundle_v1.json")
    assert made.resolved_spec["execution_profile"] == "simple/v1"
    assert made.bundle["profile_ref"].startswith("profile:simple/v1@sha256:")
    assert made.distribution is not None
    policies = made.distribution["policy"]["default"]["edge_buffer_policies"]
    assert policies["default"]["defaulting_source"] == "execution_profile_default"
    assert {one["defaulting_source"] for one in policies.values()} == {
        "execution_profile_default",
        "explicit_edge_config",
    }


# --- Defaults and provenance that are missing -------------------------------------------------------------------------

NEEDED = [
    *(
        path
        for path, _ in leaves(plain((LIBRARY / "profiles/simple_v1.yaml").read_bytes()))
        if path[0] in ("budget_defaults", "lane_defaults", "buffer_defaults", "edge_defaults")
        # Only strategies that block need an end.
        and not (path[-1] == "max_block_time_ms" and path[1] == "DataLane")
    ),
    ("budget_defaults",),
    ("buffer_defaults",),
    ("buffer_defaults", "DataLane"),
    ("buffer_defaults", "DataLane", "replaceable"),
    ("buffer_defaults", "ControlLane"),
    ("lane_defaults",),
    ("lane_defaults", "DataLane"),
]


@pytest.mark.parametrize("path", NEEDED, ids=lambda path: ".".join(map(str, path)))
def test_a_default_for_queues_budgets_or_degradation_that_is_missing_is_an_error(path: tuple[Any, ...]) -> None:
    """R-002-53: nothing takes the place of a default that the profile leaves out."""
    found = errors({PROFILE_PATH: cut(path)})
    assert found & {"missing-key", "unbounded-edge", "blocks-without-end"}, found


def test_a_value_cannot_exist_without_saying_where_it_came_from() -> None:
    """R-002-54: a setting without an origin cannot be made."""
    with pytest.raises(TypeError, match="origin"):
        Setting(value=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", BUNDLES)
def test_every_value_of_what_ships_has_its_provenance_down_to_the_line(name: str) -> None:
    """R-002-54, R-002-20: no leaf is without a source, and what somebody wrote leads to file, line and column."""
    made = shipped(name)
    sources = made.resolved_spec["defaulting_sources"]
    content = {key: value for key, value in made.resolved_spec.items() if key != "defaulting_sources"}
    assert sources.keys() == {pointer(path) for path, _ in leaves(content)}
    for where, label in sources.items():
        story = origin_of(made.provenance, where)
        assert story is not None and story["winner"]["label"] == label
        if not label.startswith(("computed/", "inferred/")):
            winner = story["winner"]
            assert winner["file"] and winner["line"] > 0 and winner["column"] > 0, where


# --- Lanes and queues -------------------------------------------------------------------------------------------------

BOUNDS = ("max_queue_items", "max_queue_ms", "max_queue_bytes", "max_latency_contribution_ms")
LOSSY = {"drop_newest", "drop_oldest", "sample", "latest_only"}


def edges_of_all() -> Iterator[tuple[str, Value]]:
    for made in (unchanged(), *map(shipped, BUNDLES)):
        yield from made.resolved_spec["effective_edges"].items()


def test_control_goes_before_data_and_data_before_telemetry_in_every_output() -> None:
    """R-001-58: signals are never lost, data is merged before it is lost, telemetry gives way first."""
    for name, one in edges_of_all():
        lane, buffer = one["lane"], one["buffer"]
        assert buffer["lane_handling"]["ControlLane"] == "non_blocking_priority", name
        assert buffer["lane_handling"]["DataLane"] in ("merge", "latest_only"), name
        assert buffer["lane_handling"]["TelemetryLane"] == "sample", name
        assert lane != "ControlLane" or buffer["strategy"] == "block", name
        assert lane != "TelemetryLane" or buffer["strategy"] in LOSSY, name
    for made in (unchanged(), *map(shipped, BUNDLES)):
        assert made.distribution is not None
        for found in (made.resolved_spec["flow_control"], made.distribution["policy"]["default"]["flow_control"]):
            shedding = found["shedding_strategy_by_lane"]
            assert (shedding["ControlLane"], shedding["TelemetryLane"]) == ("none", "sample")
            assert shedding["DataLane"] != "none"


@pytest.mark.parametrize("strategy", [*sorted(LOSSY), "merge", "coalesce"])
def test_an_edge_cannot_let_signals_be_lost(strategy: str) -> None:
    """R-001-58: the ControlLane is never lossy, whatever is written on the edge."""
    assert errors({SPEC_PATH: edge(SIGNAL, buffer={"strategy": strategy})}) == {"control-can-be-lost"}
    assert errors({SPEC_PATH: edge(SIGNAL, buffer={"strategy": strategy, "lossy": True})}) == {"control-can-be-lost"}


@pytest.mark.parametrize(
    "path",
    [("lane_defaults", "ControlLane", "shedding"), ("lane_defaults", "ControlLane", "lane_handling")],
)
@pytest.mark.parametrize("word", ["drop", "sample", "merge", "block", "latest_only"])
def test_a_profile_cannot_let_the_control_lane_give_way(path: tuple[Any, ...], word: str) -> None:
    """R-001-58."""
    assert errors({PROFILE_PATH: put(path, word)}) == {"not-a-choice"}


@pytest.mark.parametrize("lane", ["DataLane", "TelemetryLane"])
def test_no_other_lane_has_the_priority_of_the_control_lane(lane: str) -> None:
    """R-001-58: the order is strict."""
    wanted = {lane: "non_blocking_priority"}
    assert errors({SPEC_PATH: edge(ADDITIVE, buffer={"lane_handling": wanted})}) == {"not-a-choice"}
    assert errors({PROFILE_PATH: put(("lane_defaults", lane, "lane_handling"), wanted[lane])}) == {"not-a-choice"}
    assert errors({PROFILE_PATH: put(("lane_defaults", lane, "shedding"), "none")}) == {"not-a-choice"}


def test_every_queue_is_bounded_and_gives_way_in_a_determined_way() -> None:
    """R-001-73, R-001-60: items, time, bytes and latency are bounded, and the way out of a full queue is stated."""
    for name, one in edges_of_all():
        buffer = one["buffer"]
        assert all(buffer[bound] >= 1 for bound in BOUNDS), name
        for mark, bound in (("queue_items", "max_queue_items"), ("queue_ms", "max_queue_ms")):
            marks = buffer["watermarks"][mark]
            assert 0 <= marks["low"] < marks["high"] <= buffer[bound], name
        assert buffer["strategy"] != "block" or buffer["max_block_time_ms"] >= 1, name
        assert buffer["strategy"] in {"block", "merge", *LOSSY}, name


@pytest.mark.parametrize("name", [ADDITIVE, REPLACEABLE, TELEMETRY])
def test_nothing_blocks_without_an_end(name: str) -> None:
    """R-001-60: no edge holds a producer up for an unstated time; with an end the lane's shedding follows."""
    no_end = {PROFILE_PATH: cut(("buffer_defaults", "DataLane", "additive", "max_block_time_ms"))}
    blocking = edge(name, buffer={"strategy": "block"})
    assert errors({**no_end, SPEC_PATH: blocking}) == {"blocks-without-end"}
    ended = emitted({**no_end, SPEC_PATH: edge(name, buffer={"strategy": "block", "max_block_time_ms": 40})})
    assert ended.resolved_spec["effective_edges"][name]["buffer"]["max_block_time_ms"] == 40
    assert ended.resolved_spec["flow_control"]["shedding_strategy_by_lane"][LANES[name]] != "none"


@pytest.mark.parametrize("kind", ["additive", "replaceable"])
def test_a_profile_of_low_latency_cannot_let_data_block_without_an_end(kind: str) -> None:
    """R-001-60: nor can its defaults."""

    def change(profile: Value) -> None:
        assert profile["low_latency"] is True
        table = profile["buffer_defaults"]["DataLane"][kind]
        table["strategy"] = "block"
        table.pop("max_block_time_ms", None)

    assert errors({PROFILE_PATH: change}) == {"blocks-without-end"}


@pytest.mark.parametrize("bound", [*BOUNDS, "watermarks", "strategy"])
def test_a_queue_that_neither_edge_nor_profile_bounds_is_an_error(bound: str) -> None:
    """R-001-73, R-002-53."""
    path = ("buffer_defaults", "DataLane", "additive", bound)
    assert errors({PROFILE_PATH: cut(path)}) == {"unbounded-edge"}
    for wrong in (0, -1, None, "unbounded"):
        assert errors({SPEC_PATH: edge(ADDITIVE, buffer={bound: wrong})}), wrong


@pytest.mark.parametrize("strategy", sorted(LOSSY))
def test_data_of_which_every_piece_counts_is_lost_only_where_the_edge_says_so(strategy: str) -> None:
    """R-001-73: shedding is what somebody wrote down."""
    assert errors({SPEC_PATH: edge(ADDITIVE, buffer={"strategy": strategy})}) == {"lossy-edge"}
    assert errors({SPEC_PATH: edge(ADDITIVE, buffer={"strategy": strategy, "lossy": True})}) == set()


# --- Modules and policies ---------------------------------------------------------------------------------------------


def module(version: str, **said: Any) -> Value:
    return {
        "schema_version": "rspp.graph.module.v1",
        "module_id": "tidy",
        "version": version,
        "exposes": {
            "inputs": [{"name": "text", "port": "norm.text"}],
            "outputs": [{"name": "text", "port": "norm.text"}],
            "settings": [{"name": "fillers", "sets": "nodes.norm.config.strip_fillers"}],
        },
        "nodes": [{"node_id": "norm", "node_type": "text.normalizer"}],
        "edges": [],
        **said,
    }


def using(ref: str, **said: Any) -> Change:
    """A change of the spec that leads recognised text through the module."""

    def change(spec: Value) -> None:
        spec["subgraph_refs"] = [{"name": "tidied", "module": ref, **said}]
        edge("stt.text->llm.prompt", to="tidied.text")(spec)
        spec["edges"].append({"from": "tidied.text", "to": "llm.prompt"})

    return change


TEXT, GONE = {"name": "text", "port": "norm.text"}, {"name": "text", "port": "normaliser.text"}
FIRST, SECOND = "pipelines/modules/tidy_v1.json", "pipelines/modules/tidy_v1.1.json"


def test_a_module_has_versions_of_its_own_and_a_parent_keeps_the_one_that_it_names() -> None:
    """R-001-03: shared parts are versioned apart from the specs that use them."""
    both = {FIRST: module("v1"), SECOND: module("v1.1", edges=[], metadata={"title": "later"})}
    for ref in ("tidy/v1", "tidy/v1.1"):
        made = emitted({**both, SPEC_PATH: using(ref)})
        assert [one.partition("@")[0] for one in made.bundle["module_refs"]] == [f"module:{ref}"]
        assert made.bundle["spec_ref"].startswith("pipeline:line/v1@")
        assert "tidied/norm" in made.resolved_spec["effective_nodes"]


def test_a_module_serves_several_parents() -> None:
    """R-001-03: what ships is shared: one module twice in one spec, another one in a second spec."""
    made = shipped("multilingual_bundle_v1.yaml")
    assert {"english/stt", "german/stt"} <= made.resolved_spec["effective_nodes"].keys()
    assert [one.partition("@")[0] for one in made.bundle["module_refs"]] == ["module:spoken_answer/v1"]
    other = shipped("voice_assistant_bundle_v1.json").bundle["module_refs"]
    assert [one.partition("@")[0] for one in other] == ["module:transcription_normalize/v1"]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("module-too-old", {FIRST: module("v1"), SPEC_PATH: using("tidy/v1", requires={"min_version": "v1.1"})}),
        ("unknown-module-setting", {FIRST: module("v1"), SPEC_PATH: using("tidy/v1", settings={"numbers": "digits"})}),
        ("unknown-module-port", {FIRST: module("v1", exposes={"inputs": [TEXT]}), SPEC_PATH: using("tidy/v1")}),
        ("broken-signature", {FIRST: module("v1", exposes={"outputs": [GONE]}), SPEC_PATH: using("tidy/v1")}),
        ("unknown-artifact", {FIRST: module("v1"), SPEC_PATH: using("tidy/v2")}),
    ],
)
def test_a_module_that_does_not_fit_its_parent_is_refused(name: str, changes: dict[str, Any]) -> None:
    """R-001-03: compatibility with the parent is checked where the module is used."""
    assert name in errors(changes)


def test_a_policy_says_who_serves_when_to_stop_what_it_may_cost_and_what_gives_way() -> None:
    """R-001-04: selection, circuit-breaking, cost, degradation and inserts are in what a turn is opened from."""
    rules = shipped("voice_assistant_bundle_v1.json").resolved_spec["rules"]
    first = rules["provider"][0]
    assert first["use"] == ["stt-assemblyai", "stt-deepgram"] and first["when"]["text"] == 'session.region == "eu"'
    assert first["retry"] and first["circuit_breaker"]["error_rate_milli"] == 500
    assert first["cost_cap"] == {"audio_seconds_per_turn": 60}
    assert rules["degrade"][0]["patch"] == {"/effective_nodes/llm/config/max_context_turns": 2}
    assert {one["node"]["node_type"] for one in rules["insert"]} == {"safety.pii_redactor", "text.compliance_filter"}
    assert {one["policy"] for section in ("provider", "degrade", "insert") for one in rules[section]} == {
        "default_voice_policy/v1",
        "hipaa_compliance/v1",
    }


RULES: dict[str, Callable[[str], Value]] = {
    "provider_rules": lambda when: {"id": "r", "modality": "stt", "when": when, "use": ["stt-house"]},
    "degrade_rules": lambda when: {"id": "r", "when": when, "set": {"nodes.llm.config.max_context_turns": 2}},
    "insert_rules": lambda when: {
        "id": "r",
        "when": when,
        "insert": {"node_id": "pii", "node_type": "safety.pii_redactor"},
        "between": {"from": "sentences.text", "to": "tts.text"},
    },
}


@pytest.mark.parametrize("section", RULES)
def test_a_policy_is_resolved_at_the_boundary_of_a_turn_and_reads_nothing_of_what_happens_in_it(section: str) -> None:
    """R-001-04: conditions of rules see what is known when a turn opens, and no event."""
    assert "bad-condition" in errors(policy(**{section: [RULES[section]("event.confidence_milli >= 600")]}))
    assert "bad-condition" not in errors(policy(**{section: [RULES[section]('session.region == "eu"')]}))


# --- Extensions -------------------------------------------------------------------------------------------------------

DISPLAY = 1


@pytest.mark.parametrize("missing", ["resource_limits", "timeout_ms", "digest"])
def test_an_external_node_type_without_limits_does_not_load(missing: str) -> None:
    """R-001-67: isolation and limits are stated before anything outside of the process is admitted."""

    def change(manifest: Value) -> None:
        del manifest["node_types"][DISPLAY][missing]
        manifest.pop(missing, None)  # limits of the manifest would hold for all its node types

    assert errors({NODES_PATH: change}) == {"unguarded-extension"}


@pytest.mark.parametrize("mode", ["external", "sandbox"])
def test_code_outside_of_the_process_states_whether_it_is_trusted(mode: str) -> None:
    """R-001-67."""

    def change(manifest: Value) -> None:
        del manifest["trust_level"]
        manifest["node_types"][DISPLAY]["execution_mode"] = mode

    assert errors({NODES_PATH: change}) == {"unguarded-extension"}


@pytest.mark.parametrize("limit", ["cpu_milli", "memory_bytes", "max_concurrency"])
def test_a_node_type_stays_below_the_ceiling_of_its_manifest(limit: str) -> None:
    """R-001-67: resource controls."""
    ceiling = plain(NODES)["resource_limits"][limit]
    above = put(("node_types", DISPLAY, "resource_limits", limit), ceiling + 1)
    assert errors({NODES_PATH: above}) == {"above-ceiling"}


def test_untrusted_code_does_not_run_beside_ours() -> None:
    """R-001-67: isolation."""
    assert errors({NODES_PATH: put(("node_types", 0, "trust_level"), "untrusted")}) == {"untrusted-in-process"}


def test_limits_of_an_external_node_reach_the_runtime() -> None:
    """R-001-67: the ResolvedSpec carries what has to be enforced, the bundle what is to be loaded."""
    node = unchanged().resolved_spec["effective_nodes"]["display"]
    assert (node["execution_mode"], node["trust_level"], node["timeout_ms"]) == ("external", "trusted", 200)
    assert node["resource_limits"] == {"cpu_milli": 500, "memory_bytes": 268435456, "max_concurrency": 8}
    (package,) = [one for one in unchanged().bundle["node_digests"] if one["node_type"] == "house.display"]
    assert package["execution_mode"] == "external" and package["digest"] == "sha256:" + "d" * 64


# --- Validation before anything is published --------------------------------------------------------------------------

ROLLOUT = """\
schema_version: rspp.rollout.manifest.v1
rollout_id: all_at_once
version: v1
bundle_ref: line_bundle/v1
strategy: immediate
cohorts: [{name: all, bundle_ref: line_bundle/v1, percentage: 100}]
rollback_ref: line_bundle/v1
"""
ROLLOUT_PATH = "pipelines/rollouts/all_at_once_v1.yaml"
MISTAKES = {
    "form of a spec": {SPEC_PATH: SPEC.replace("node_type: speech.vad", "node_typ: speech.vad")},
    "meaning of a spec": {SPEC_PATH: SPEC.replace("to: vad.audio", "to: tts.text")},
    "form of a profile": {
        PROFILE_PATH: HOUSE.replace("turn_budget_ms: 2000, ", ""),
        BUNDLE_PATH: HOUSE_BUNDLE,
    },
    "meaning of a profile": {
        PROFILE_PATH: HOUSE.replace("high_milli: 750", "high_milli: 300"),
        BUNDLE_PATH: HOUSE_BUNDLE,
    },
    "a reference": {ROLLOUT_PATH: ROLLOUT.replace("bundle_ref: line_bundle/v1", "bundle_ref: line_bundle/v7", 1)},
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_nothing_is_released_that_is_not_sound_in_form_and_in_meaning(mistake: str, tmp_path: Path) -> None:
    """R-001-52: schema and semantic validation come before a bundle is built, pinned or rolled out."""
    make(tmp_path, CLEAN, **{ROLLOUT_PATH: ROLLOUT})
    assert rsppc_here(tmp_path, "check").returncode == 0
    make(tmp_path, MISTAKES[mistake])
    assert rsppc_here(tmp_path, "check").returncode == 1
    if mistake != "a reference":
        assert rsppc_here(tmp_path, "build").returncode == 1
        assert built_files(tmp_path / "build") == {}
        assert rsppc_here(tmp_path, "pin", "line_bundle/v1").returncode == 1
        assert (tmp_path / BUNDLE_PATH).read_text() == MISTAKES[mistake].get(BUNDLE_PATH, BUNDLE)


def test_the_compiler_as_a_service_makes_nothing_of_an_unsound_spec() -> None:
    """R-001-52."""
    profile = plain((LIBRARY / "profiles/simple_v1.yaml").read_bytes())
    for change in (cut(("nodes", 1, "node_type")), put(("edges", 0, "to"), "tts.text")):
        spec = plain((LIBRARY / "specs/simple_v1.yaml").read_bytes())
        change(spec)
        for make_it in (Compiler(root=str(ROOT)).build_bundle, Compiler(root=str(ROOT)).normalize):
            with pytest.raises(Unsound):
                make_it(spec, profile, [])


def test_a_rollout_to_a_bundle_that_nobody_knows_is_an_error() -> None:
    """R-001-52, R-001-31: references are followed wherever they stand."""
    for key in (("bundle_ref",), ("rollback_ref",), ("cohorts", 0, "bundle_ref")):
        value = plain(ROLLOUT)
        put(key, "nobody/v1")(value)
        artifacts = base()[1].with_text(ROLLOUT_PATH, json.dumps(value).encode())
        artifact, diagnostics = artifacts.at(ROLLOUT_PATH)
        assert artifact is not None and diagnostics == ()
        sink = DiagnosticSink()
        check_references(artifact, artifacts, sink)
        assert [found.name for found in sink.sorted()] == ["unknown-artifact"], key


# --- Sources declare, and nothing in them runs ------------------------------------------------------------------------

CODE = {
    "a tag": SPEC.replace("silence_ms: 400", 'silence_ms: !!python/object/apply:os.system ["touch ran"]'),
    "a template": SPEC.replace("language: en-US", "language: \"{{ open('ran', 'w') }}\""),
    "a variable of the environment": SPEC.replace("silence_ms: 400", 'silence_ms: "${SILENCE}"'),
    "a call in a condition": SPEC.replace(
        "to: llm.prompt}", 'to: llm.prompt, when: \'__import__("os").system("touch ran")\', otherwise: drop}'
    ),
    "an include": SPEC.replace("nodes:\n", "include: ../../code.py\nnodes:\n"),
}


@pytest.mark.parametrize("how", CODE)
def test_what_would_have_to_be_run_is_refused(how: str, tmp_path: Path) -> None:
    """R-001-70: specs are declarative; there is no place in them for code."""
    make(tmp_path, CLEAN, **{SPEC_PATH: CODE[how]})
    assert rsppc_here(tmp_path, "check").returncode == 1
    assert not list(tmp_path.rglob("ran"))


WATCHED = """\
import sys
inside = sys.argv.pop(1)
def watch(event, arguments):
    if event in ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "ctypes.dlopen"):
        print(event, arguments, file=sys.stderr)
    if event == "exec" and arguments[0].co_filename.startswith(inside):
        print("exec", arguments[0].co_filename, file=sys.stderr)
sys.addaudithook(watch)
from rsppc.cli.main import main
main()
"""


def test_a_build_runs_nothing_that_lies_beside_the_sources(tmp_path: Path) -> None:
    """R-001-70: neither programs, nor modules of the workspace, nor what `impl_ref` names, nor the network."""
    code = "open('ran', 'w').close()\n"
    manifest = NODES.replace("package:house-captioner==1.0.0", "python:code")
    spec = plain(SPEC)
    with_captions(spec)
    names = (
        "code.py",
        "sitecustomize.py",
        "yaml.py",
        "rsppc_plugin.py",
        "pipelines/__init__.py",
        "pipelines/specs/code.py",
    )
    make(tmp_path, CLEAN, **{NODES_PATH: manifest, SPEC_PATH: json.dumps(spec)}, **dict.fromkeys(names, code))
    command = [sys.executable, "-I", "-c", WATCHED, str(tmp_path), "build"]
    done = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "line_bundle/v1/bundle.json" in built_files(tmp_path / "build")
    assert not list(tmp_path.rglob("ran"))
