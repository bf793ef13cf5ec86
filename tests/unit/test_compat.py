"""Compatibility: matrix, deprecations, conformance, and what `rsppc compat check` makes of them.

R-001-09, R-001-66, R-001-79, R-002-27, R-002-29, R-002-56: skew, deprecation and conformance are declared, consistent,
and enforced. R-001-84: explicit governance of skew. F-028, F-032, F-161, F-162, F-163, F-164, NF-010, NF-032.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rsppc.base.digest import digest_bytes
from rsppc.compat.keys import uses_of_key, wrong_step
from rsppc.compat.matrix import answer, cell_of, matrix_of
from rsppc.compat.report import Question, checked, stewardship
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import open_workspace
from rsppc.evidence.reading import Wanted, read_evidence
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.model.kinds import KINDS
from rsppc.model.release import CONFORMANCE_CATEGORY
from rsppc.workspace import Workspace
from workspaces import BUNDLE, BUNDLE_PATH, make, rsppc_here

NOW = ("--now", "2026-01-01T00:00:00Z")
RULES = "pipelines/compat/house_rules_v1.yaml"
HEAD = """\
schema_version: rspp.compat.policy.v1
compat_id: house_rules
version: v1
rules:
  - {id: profiles, kind: profile, statement: One profile runs here., profiles_allowed: [simple/v1]}
"""
CELLS = """\
allowed_cells:
  - {runtime: v1.1, control_plane: v1.1, schema: v1}
  - {runtime: v1, control_plane: v1.1, schema: v1}
matrix_tests:
  - {runtime: v1.1, control_plane: v1.1, schema: v1, allowed: true}
  - {runtime: v1, control_plane: v1.1, schema: v1, allowed: true}
  - {runtime: v1.1, control_plane: v1, schema: v1, allowed: false}
"""
WIDE = "compat_window: {runtime: {min: v1, max: v1.1}, control_plane: {min: v1, max: v1.1}}\n"
RELEASED = {BUNDLE_PATH: BUNDLE.replace("compat_window: {runtime: {min: v1, max: v1.1}}\n", WIDE)}
VERSIONS = ("--runtime", "rspp_go/v1", "--control-plane", "v1.1", "--schema", "v1")


def found(root: Path, *arguments: str) -> list[tuple[str, str]]:
    """Name and place of each finding of `rsppc compat check`."""
    done = rsppc_here(root, "compat", "check", *NOW, *arguments, "--format", "json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    errors = any(one["severity"] == "error" for one in lines)
    assert done.returncode == int(errors), done.stderr
    return [(one["name"], f"{one['primary']['file']}:{one['primary']['start'][0]}") for one in lines]


def judged(root: Path, text: str) -> list[str]:
    """Names of what `rsppc check` finds in a policy."""
    make(root, {RULES: HEAD + text})
    done = rsppc_here(root, "check", "--format", "json")
    return sorted(json.loads(line)["name"] for line in done.stdout.splitlines())


def shipped() -> Artifacts:
    return open_workspace(Workspace(root="/nowhere", scanned=False), DiagnosticSink())


# --- The matrix ------------------------------------------------------------------------------------------------------


def _policy() -> Artifact:
    (policy,) = shipped().of_kind("compat")[1]
    return policy


@pytest.mark.parametrize("test", _policy().root["matrix_tests"], ids=lambda one: "-".join(map(str, one.values())))
def test_each_cell_of_the_shipped_matrix_is_answered_as_its_test_expects(test: Mapping[str, Any]) -> None:
    """R-002-29, NF-032: allowed and disallowed cells."""
    assert answer(matrix_of(_policy().root), cell_of(test)).allowed == test["allowed"]


def test_a_combination_is_allowed_or_refused_or_undeclared() -> None:
    matrix = matrix_of(_policy().root)
    asked = {"allowed": ("v1", "v1.1"), "refused": ("v1.1", "v1"), "undeclared": ("v1.2", "v1.1")}
    for state, (runtime, control_plane) in asked.items():
        cell = cell_of({"runtime": runtime, "control_plane": control_plane, "schema": "v1"})
        assert answer(matrix, cell).state == state


@pytest.mark.parametrize("part", ["runtime", "control_plane", "schema"])
def test_a_cell_that_is_wrong_in_one_part_is_refused_by_the_command(tmp_path: Path, part: str) -> None:
    """R-001-66: bad combinations are rejected."""
    versions = {"runtime": "v1", "control_plane": "v1.1", "schema": "v1", part: "v9"}
    options = [text for key, version in versions.items() for text in (f"--{key.replace('_', '-')}", version)]
    assert found(make(tmp_path), *options) == [("combination-refused", "rsppc:compat/version_skew_policy_v1.yaml:32")]


def test_spellings_of_one_version_are_one_cell(tmp_path: Path) -> None:
    assert found(make(tmp_path), "--runtime", "v1.0.0", "--control-plane", "v1.1.0", "--schema", "v1.0") == []


def test_the_policies_of_the_workspace_decide_and_all_of_them_must_allow(tmp_path: Path) -> None:
    second = (HEAD + CELLS).replace("house_rules", "second_rules").replace("schema: v1,", "schema: v2,")
    second = second.replace("schema: v1}", "schema: v2}")
    root = make(tmp_path, {RULES: HEAD + CELLS, "pipelines/compat/second_rules_v1.yaml": second})
    options = ("--runtime", "v1", "--control-plane", "v1.1", "--schema")
    assert found(root, *options, "v1") == [("combination-refused", "pipelines/compat/second_rules_v1.yaml:6")]
    assert found(root, "house_rules/v1", *options, "v1") == []
    # what only the shipped policy allows counts where the workspace declares nothing
    both_old = ("--runtime", "v1", "--control-plane", "v1", "--schema", "v1")
    assert [name for name, _ in found(root, *both_old)] == ["combination-refused", "combination-refused"]
    assert found(make(tmp_path / "plain", {RULES: HEAD}), *both_old) == []


def test_a_policy_without_cells_allows_nothing(tmp_path: Path) -> None:
    root = make(tmp_path, {RULES: HEAD})
    assert found(root, "house_rules/v1", *VERSIONS) == [("no-matrix", f"{RULES}:2")]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (CELLS, []),
        ("", []),
        (CELLS.replace("v1, allowed: false", "v1, allowed: true"), ["matrix-test-disagrees", "untested-side"]),
        (CELLS.replace("control_plane: v1, schema: v1, a", "control_plane: v1.1, schema: v2, a"), []),
        (CELLS.replace("{runtime: v1, ", "{runtime: v1.0.4, "), []),
        # the first release has nothing behind it, and the first of a major version what was there before
        (CELLS.replace("v1.1", "v2").replace("runtime: v1,", "runtime: v1.7,"), []),
        ("allowed_cells: [{runtime: v1, control_plane: v1, schema: v1}]\nmatrix_tests:\n"
         "  - {runtime: v1, control_plane: v1, schema: v1, allowed: true}\n"
         "  - {runtime: v1, control_plane: v1, schema: v2, allowed: false}\n", []),
        # with a mistake of form nothing is concluded from what seems to be missing
        (CELLS.replace("control_plane: v1.1, schema: v1}\nm", "control_plain: v1.1, schema: v1}\nm"), ["unknown-key"]),
    ],
)  # fmt: skip
def test_a_matrix_is_held_against_its_tests_and_against_n_and_its_predecessor(
    tmp_path: Path, text: str, names: list[str]
) -> None:
    """R-002-27, NF-032."""
    assert judged(tmp_path, text) == names


def test_a_rule_may_be_spelt_out_in_another_policy_of_the_workspace(tmp_path: Path) -> None:
    rule = "  - {id: skew, kind: skew, statement: As the cells say.}\n"
    assert judged(tmp_path, rule) == ["rule-without-content"]
    make(tmp_path, {"pipelines/compat/cells_v1.yaml": HEAD.replace("house_rules", "cells") + CELLS})
    assert judged(tmp_path, rule) == []


# --- Windows of bundles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "names"),
    [
        (WIDE, []),
        ("compat_window: {runtime: {min: v1, max: v1.1}}\n", ["no-window"]),
        ("", ["no-window", "no-window"]),
        (
            WIDE.replace("max: v1.1}}", "max: v1.0}}"),
            ["outside-window"],
        ),
        (WIDE.replace("{min: v1, max: v1.1}", "{min: v2, max: v2}"), ["outside-window", "outside-window"]),
        (WIDE.replace("{min: v1, max: v1.1}", "{min: v1, max: v1}"), []),  # `v1` as the upper end is every v1.x
    ],
)
def test_a_bundle_says_for_which_versions_it_is_released(tmp_path: Path, window: str, names: list[str]) -> None:
    """R-001-66: a release without a window, or outside of it, is refused."""
    text = RELEASED[BUNDLE_PATH].replace(WIDE, window)
    root = make(tmp_path, **{BUNDLE_PATH: text})
    assert rsppc_here(root, "build").returncode == 0
    assert [name for name, _ in found(root, "--bundle", "build/line_bundle/v1", *VERSIONS)] == names


# --- Deprecations ----------------------------------------------------------------------------------------------------

DEPRECATION = """\
deprecations:
  - feature: something old
    applies_to: {%s}
    warning: "2025-01-01"
    enforce: "2025-06-01"
    remove: "2027-01-01"
"""
POLICY = """\
schema_version: rspp.policy.overlay.v1
policy_id: line_policy
version: v1
provider_rules:
  - {id: hearing, node: stt, use: [stt-house]}
degrade_rules:
  - {id: busy, when: "pressure.data_lane_milli > 800", set: {nodes.stt.provider: stt-house}}
insert_rules:
  - id: quiet
    between: {from: mic.audio, to: vad.audio}
    insert: {node_id: again, node_type: audio.resample, config: {rate_hz: 16000}}
"""
LAYER = """\
schema_version: rspp.config.layer.v1
layer_id: kiosk
version: v1
scope: environment
set: {nodes.stt.provider: stt-house}
"""
USERS = {"pipelines/policies/line_policy_v1.yaml": POLICY, "pipelines/policies/kiosk_v1.yaml": LAYER}


@pytest.mark.parametrize(
    ("use", "places"),
    [
        ("provider: stt-house", ["policies/kiosk_v1.yaml:5", "policies/line_policy_v1.yaml:5",
                                 "policies/line_policy_v1.yaml:7", "specs/line_v1.yaml:9"]),
        ("provider: llm-other", []),
        ("node_type: audio.resample", ["policies/line_policy_v1.yaml:11"]),
        ("node_type: speech.vad", ["specs/line_v1.yaml:7"]),
        ('artifact: "profile:simple/v1.0"', ["bundles/line_bundle_v1.yaml:5", "compat/house_rules_v1.yaml:5",
                                             "specs/line_v1.yaml:4"]),
        ('artifact: "profile:simple/v2"', []),
        ('artifact: "policy:simple/v1"', []),
        ("key: bundle.compat_window.runtime", ["bundles/line_bundle_v1.yaml:6"]),
        ("key: pipeline.turns.barge_in.min_speech_ms", ["specs/line_v1.yaml:25"]),
        ("key: policy.insert_rules.insert", ["policies/line_policy_v1.yaml:11"]),
        ("key: module.nodes.provider", []),
    ],
)  # fmt: skip
def test_every_use_of_what_is_deprecated_is_found_at_its_place(tmp_path: Path, use: str, places: list[str]) -> None:
    """F-163."""
    root = make(tmp_path, **{**USERS, RULES: HEAD + DEPRECATION % use})
    assert found(root) == [("enforced-in-use", f"pipelines/{place}") for place in places]


def test_a_deprecation_that_names_nothing_for_machines_is_for_people(tmp_path: Path) -> None:
    text = "\n".join(line for line in (HEAD + DEPRECATION).splitlines() if "applies_to" not in line)
    root = make(tmp_path, **{RULES: text})
    assert found(root) == []
    assert b"something old" in rsppc_here(root, "compat", "check", *NOW).stdout


def test_a_file_that_cannot_be_read_may_use_anything(tmp_path: Path) -> None:
    root = make(tmp_path, **{"pipelines/specs/torn_v1.json": '{"schema_version": "rspp.pipe'})
    assert [place for _, place in found(root)] == ["pipelines/specs/torn_v1.json:1"] * len(found(root)) != []


@pytest.mark.parametrize(
    "path", ["pipeline.nodes.config", "layer.set", "extension.node_types.latency.p95_ms", "gate.gates.limit"]
)
def test_a_path_leads_to_a_declared_key(path: str) -> None:
    assert wrong_step(path) is None


@pytest.mark.parametrize(
    "path", ["", "spec.nodes", "pipeline", "pipeline.nodes.colour", "pipeline.nodes.config.x.y", "bundle.", ".bundle"]
)
def test_a_path_that_leads_nowhere_says_so(path: str) -> None:
    wrong = wrong_step(path)
    assert wrong is not None and wrong.problem


def test_keys_that_ship_are_found_without_end_or_fault() -> None:
    """Every declared path may be asked of every artifact that ships."""
    library = shipped()
    for kind in KINDS:
        for artifact in library.of_kind(kind.name)[1]:
            for field in kind.shape.fields:
                spans = list(uses_of_key(artifact.root, (field.name,), kind.shape))
                assert len(spans) == (field.name in artifact.root)


# --- Conformance -----------------------------------------------------------------------------------------------------

MANDATORY = list(_policy().root["conformance_profiles"][0]["mandatory"])


def results(**changes: Any) -> str:
    value = {
        "schema_version": "rspp.conformance.results.v1",
        "profile_id": "mvp-single-region",
        "runtime": "rspp_go/v1",
        "results": dict.fromkeys(MANDATORY, True),
        "made_at": "2026-01-01T00:00:00Z",
    }
    return json.dumps({key: one for key, one in {**value, **changes}.items() if one is not None}, indent=1)


def conforms(root: Path, *arguments: str, **changes: Any) -> list[str]:
    make(root, **{"results.json": results(**changes)})
    return [name for name, _ in found(root, "--conformance", "results.json", *arguments)]


@pytest.mark.parametrize("category", MANDATORY)
def test_each_mandatory_category_must_have_run_and_passed(tmp_path: Path, category: str) -> None:
    """F-164: what was not run is not passed."""
    make(tmp_path)
    assert conforms(tmp_path) == []
    without = {one: True for one in MANDATORY if one != category}
    assert conforms(tmp_path, results=without) == ["category-not-run"]
    assert conforms(tmp_path, results={**without, category: False}) == ["category-failed"]


def test_a_category_that_is_not_mandatory_may_fail(tmp_path: Path) -> None:
    (other, *_) = sorted(set(CONFORMANCE_CATEGORY.values) - set(MANDATORY), key=str)
    assert conforms(make(tmp_path), results={**dict.fromkeys(MANDATORY, True), str(other): False}) == []


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"schema_version": "rspp.conformance.results.v2"}, ["not-a-choice"]),
        ({"profile_id": "another"}, ["unknown-conformance-profile"]),
        ({"profile_id": None}, ["missing-key"]),
        ({"runtime": "rspp_go"}, ["malformed-ref"]),
        ({"runtime": "rspp_go/v1.1"}, ["results-of-another-runtime"]),
        ({"results": {}}, ["category-not-run"]),
        ({"results": {**dict.fromkeys(MANDATORY, True), "speed": True}}, ["not-a-choice"]),
        ({"results": {**dict.fromkeys(MANDATORY, True), "cancel_fence": 1}}, ["wrong-type"]),
        ({"made_at": "2026-01-01T00:06:00Z"}, ["results-from-the-future"]),
        ({"made_at": "2026-01-01T00:05:00Z"}, []),
        ({"made_at": "2026-02-30T00:00:00Z"}, ["malformed-moment"]),
        ({"signed": True}, ["unknown-key"]),
    ],
)
def test_results_with_one_mutated_field_prove_nothing(
    tmp_path: Path, changes: dict[str, Any], names: list[str]
) -> None:
    assert conforms(make(tmp_path), "--runtime", "rspp_go/v1", **changes) == names


# --- The command and its evidence ------------------------------------------------------------------------------------


def released(folder: Path) -> Path:
    root = make(folder, **RELEASED)
    assert rsppc_here(root, "build").returncode == 0
    make(root, {"results.json": results()})
    return root


FULL = ("--bundle", "build/line_bundle/v1", *VERSIONS, "--conformance", "results.json", "--evidence", "governance.json")


def evidence(root: Path, *arguments: str) -> dict[str, str]:
    rsppc_here(root, "compat", "check", *NOW, *arguments)
    data = (root / "governance.json").read_bytes()
    read = read_evidence("governance.json", data, Wanted(evidence="governance", passed=False), sink := DiagnosticSink())
    assert read is not None, [one.message() for one in sink.sorted()]
    return {"": read.status, **{one.check: one.status for one in read.checks}}


def test_evidence_of_a_release_that_goes_together_passes_and_is_the_same_again(tmp_path: Path) -> None:
    """R-002-56."""
    root = released(tmp_path)
    checks = ("policies", "skew", "windows", "deprecations", "conformance", "stewardship")
    assert evidence(root, *FULL) == dict.fromkeys(("", *checks), "pass")
    first = (root / "governance.json").read_bytes()
    assert evidence(root, *FULL) and (root / "governance.json").read_bytes() == first
    inputs = {one["name"]: one["digest"] for one in json.loads(first)["inputs"]}
    assert inputs["conformance results"] == digest_bytes((root / "results.json").read_bytes())
    assert inputs.keys() == {
        "bundle:line_bundle/v1", "compat:version_skew_policy/v1", "conformance results", "runtime:rspp_go/v1",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "check", "status"),
    [
        (FULL[:2] + FULL[8:], "skew", "not_run"),
        (FULL[:2] + FULL[8:], "windows", "not_run"),
        (FULL[:8] + FULL[10:], "conformance", "not_run"),
        ((*FULL[:2], "--runtime", "v1.2", *FULL[4:]), "skew", "fail"),
        ((*FULL[:2], "--runtime", "v1.2", *FULL[4:]), "windows", "fail"),
        ((*FULL[:2], "--runtime", "v1.1", *FULL[4:]), "conformance", "fail"),
    ],
)
def test_what_was_not_asked_or_failed_is_no_pass(
    tmp_path: Path, arguments: tuple[str, ...], check: str, status: str
) -> None:
    found = evidence(released(tmp_path), *arguments)
    assert found[check] == status and found[""] != "pass"


def test_a_policy_or_a_use_that_is_wrong_fails_the_evidence(tmp_path: Path) -> None:
    root = released(tmp_path)
    make(root, {RULES: HEAD + CELLS.replace("allowed: false", "allowed: true")})
    assert evidence(root, *FULL)["policies"] == "fail"
    make(root, {RULES: HEAD + DEPRECATION % "provider: stt-house"})
    assert evidence(root, *FULL)["deprecations"] == "fail"
    make(root, {RULES: HEAD + (DEPRECATION % "provider: stt-house").replace("2025-06-01", "2026-06-01")})
    assert evidence(root, *FULL)["deprecations"] == "pass", "a warning is no failure"


def test_a_strict_run_makes_errors_of_deprecation_warnings(tmp_path: Path) -> None:
    text = HEAD + (DEPRECATION % "provider: stt-house").replace("2025-06-01", "2026-06-01")
    root = make(tmp_path, **{RULES: text})
    assert rsppc_here(root, "compat", "check", *NOW).returncode == 0
    assert rsppc_here(root, "compat", "check", *NOW, "--strict").returncode == 1


def test_every_shipped_artifact_has_owners_and_features() -> None:
    """R-002-62."""
    library = shipped()
    artifacts = [one for kind in KINDS for one in library.of_kind(kind.name)[1]]
    assert stewardship(artifacts).status == "pass"
    del artifacts[3].root["metadata"]
    lacking = stewardship(artifacts)
    assert lacking.status == "fail" and artifacts[3].ref in lacking.message
    assert stewardship([]).status == "not_run"


def test_a_question_that_was_not_asked_is_not_run() -> None:
    asked = Question(check="skew", subject="a release", found=None, missing="name the versions")
    assert (checked(asked).status, checked(asked).message) == ("not_run", "name the versions")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nothing/v1",), ("nothing",), ("--runtime", "rspp_go/v9", "--control-plane", "v1", "--schema", "v1"),
        ("--control-plane", "v1"), ("--runtime", "v1", "--schema", "v1"), ("--runtime", "latest"),
        ("--runtime", "v1", "--control-plane", "1", "--schema", "v1"), ("--evidence", "x.json"),
        ("version_skew_policy/v1", "--bundle", "build/line_bundle/v1", "--evidence", "x.json"),
        ("--bundle", "build/none"), ("--conformance", "none.json"), ("--conformance", "."),
    ],
)  # fmt: skip
def test_wrong_use_says_what_is_right_and_writes_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    root = make(tmp_path)
    done = rsppc_here(root, "compat", "check", *NOW, *arguments)
    assert done.returncode == 2 and done.stderr.startswith(b"rsppc: ") and not (root / "x.json").exists()


def test_a_changed_bundle_is_a_breach_and_no_finding(tmp_path: Path) -> None:
    root = released(tmp_path)
    path = root / "build/line_bundle/v1/bundle.json"
    path.write_bytes(path.read_bytes().replace(b'"v1.1"', b'"v9.9"'))
    assert rsppc_here(root, "compat", "check", *NOW, *FULL).returncode == 3
    assert not (root / "governance.json").exists()
