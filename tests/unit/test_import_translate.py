"""The translation of earlier artifacts: what it takes from the shipped library, and how it meets hostile input."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.importing import findings
from rsppc.importing.extensions import SHIPPED_PROVIDERS
from rsppc.importing.linking import EarlierSet
from rsppc.importing.policy import SIMPLE_RECORDING
from rsppc.importing.profile import SIMPLE_BUDGETS
from rsppc.importing.spec import MODALITIES
from rsppc.importing.translate import KINDS, Given, Translation, translate
from rsppc.model.contract_observability import MANDATORY
from rsppc.syntax.reader import read
from rsppc.workspace import Workspace

INPUT = Path(__file__).parents[2] / "golden" / "import" / "voice_assistant_v1" / "input"
EARLIER = {path.relative_to(INPUT).as_posix(): json.loads(path.read_text()) for path in sorted(INPUT.rglob("*.json"))}


def run(files: dict[str, Any]) -> tuple[Translation, DiagnosticSink]:
    sink = DiagnosticSink()
    documents = []
    for path, value in files.items():
        document = read(path, json.dumps(value).encode(), sink)
        assert document is not None
        documents.append(Given(document=document))
    return translate(documents, sink), sink


def shipped(kind: str, ref: str) -> Any:
    artifacts = open_workspace(Workspace(root="/nowhere"), DiagnosticSink())
    return next(one.root for one in artifacts.of_kind(kind)[1] if one.ref == ref)


def test_the_budgets_of_simple_v1_are_those_of_the_shipped_profile() -> None:
    written = shipped("profile", "simple/v1")["budget_defaults"]
    assert {key: written[key] for key in SIMPLE_BUDGETS} == SIMPLE_BUDGETS


def test_the_recording_of_simple_v1_is_that_of_the_shipped_profile() -> None:
    written = shipped("profile", "simple/v1")["recording"]
    assert (written["recording_level"], tuple(written["allowed_replay_modes"])) == SIMPLE_RECORDING


def test_the_shipped_providers_are_those_of_the_shipped_manifest() -> None:
    written = shipped("extension", "providers_mvp/v1")["providers"]
    assert sorted(one["provider_id"] for one in written if one["modality"] in MODALITIES) == sorted(SHIPPED_PROVIDERS)


def test_the_evidence_of_a_replay_manifest_is_that_of_the_shipped_baseline() -> None:
    assert tuple(shipped("replay", "or02_baseline/v1")["required_fields"]) == MANDATORY


def test_recordings_above_l0_get_the_retention_that_their_check_asks_for() -> None:
    """R-002-34: what an import writes passes the checks of recording policies."""
    path = next(path for path, value in EARLIER.items() if value["schema_version"] == "rspp.replay.manifest.v1")
    for level, days in (("L0", None), ("L2", 30)):
        translation, _ = run({**EARLIER, path: {**EARLIER[path], "recording_level": level}})
        written = next(one.text() for one in translation.targets if "replay/" in one.path)
        assert (f"retention_days: {days}" in written) == (days is not None)


def test_every_kind_of_earlier_artifact_is_in_the_fixture() -> None:
    announced = {value["schema_version"] for value in EARLIER.values()}
    assert announced == {kind.schema_version for kind, _ in KINDS}


def test_the_codes_of_an_import_stay_in_their_range() -> None:
    codes = [one.code for one in vars(findings).values() if isinstance(one, type) and getattr(one, "code", "")]
    assert len(codes) == len(set(codes)) > 20
    assert all("RSP1301" <= code <= "RSP1329" for code in codes)


def test_the_order_of_sources_changes_nothing() -> None:
    forwards, one = run(EARLIER)
    backwards, other = run(dict(reversed(EARLIER.items())))
    assert [target.text() for target in forwards.targets] == [target.text() for target in backwards.targets]
    assert [found.message() for found in one.sorted()] == [found.message() for found in other.sorted()]


@pytest.mark.parametrize("path", EARLIER)
def test_each_earlier_artifact_alone_is_translated_or_says_what_it_needs(path: str) -> None:
    translation, sink = run({path: EARLIER[path]})
    assert bool(translation.targets) or len(sink) > 0
    assert not sink.has_errors or not translation.targets


def test_a_path_leads_to_the_file_whose_own_path_ends_most_like_it() -> None:
    bundle = EARLIER["pipelines/bundles/voice_assistant_bundle_v1.json"]
    name = "pipelines/specs/voice_assistant_spec_v1.json"
    other = {**EARLIER[name], "spec_id": "archived_spec_v1"}
    translation, _ = run({f"a/archive/{Path(name).name}": other, **{f"b/{path}": one for path, one in EARLIER.items()}})
    all_ = EarlierSet(translation.earlier)
    assert [found.path for found in all_.find(bundle["spec_ref"])] == [f"b/{name}"]


def test_two_files_that_a_path_can_mean_are_refused() -> None:
    both = {f"{folder}/{path}": value for folder in ("a", "b") for path, value in EARLIER.items()}
    _, sink = run(both)
    assert any("among the sources more than once" in found.message() for found in sink.sorted())


def test_a_policy_alone_keeps_all_its_actions() -> None:
    translation, _ = run({"policy_v1.json": EARLIER["pipelines/policies/voice_assistant_policy_v1.json"]})
    assert translation.targets[0].content["allowed_actions"] == ["retry", "degrade", "fallback"]


def test_a_rollout_finds_its_bundle_by_the_release_where_no_bundle_names_it() -> None:
    """R-001-37."""
    files = {path: dict(value) for path, value in EARLIER.items()}
    del files["pipelines/bundles/voice_assistant_bundle_v1.json"]["rollout_ref"]
    translation, sink = run(files)
    assert not sink.has_errors
    rollout = next(one for one in translation.targets if one.path == "rollouts/voice_assistant_rollout_v1.yaml")
    assert rollout.content["bundle_ref"] == "voice_assistant_bundle/v1"


@pytest.mark.parametrize(
    "change",
    [
        {f"field_{number}": 1 for number in range(40_000)},
        {"nodes": [{"node_id": f"n{number}", "kind": "provider", "modality": "stt"} for number in range(20_000)]},
        {"edges": [{"from": f"a{number}", "to": "llm"} for number in range(20_000)]},
        {"spec_id": "v" * 900_000},
        {"spec_id": "a_v1" * 200_000},
    ],
    ids=["unknown fields", "nodes", "edges", "long name", "long name of versions"],
)
def test_large_hostile_specs_are_refused_in_little_time(change: dict[str, Any]) -> None:
    spec = {**EARLIER["pipelines/specs/voice_assistant_spec_v1.json"], **change}
    start = time.process_time()
    translation, sink = run({"a.json": spec})
    assert sink.has_errors and not translation.targets
    assert len(sink.sorted()) < 50_000
    assert time.process_time() - start < 10


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 2**53 - 1)
    | st.text(max_size=8)
    | st.sampled_from(["stt", "llm", "v1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inner for place in places(one, (*path, key)))]


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_whatever_stands_in_one_place_the_import_is_refused_or_its_artifacts_can_be_written(
    data: st.DataObject,
) -> None:
    path = data.draw(st.sampled_from(sorted(EARLIER)))
    place = data.draw(st.sampled_from([one for one in places(EARLIER[path]) if one]))
    value = replaced(EARLIER[path], place, data.draw(VALUES))
    translation, sink = run({**EARLIER, path: value})
    for found in sink.sorted():
        assert found.message() and found.at.source.path
        found.next_step()
    if not sink.has_errors:
        for target in translation.targets:
            document_sink = DiagnosticSink()
            document = read(target.path, target.text().encode(), document_sink)
            assert not document_sink.has_errors
            assert document is not None and document.root == target.content
