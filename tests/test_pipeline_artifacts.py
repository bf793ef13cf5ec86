"""What lies under `pipelines/` is what was promised: the contract test of the pipeline artifacts (R-002-21).

Every artifact fits its published schema, every reference leads to an artifact, every folder says what it is for and who
answers for it, and the posture of the first release is stated and kept.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from golden_harness import cases
from jsonschema import Draft202012Validator
from rsppc.base.canonical_json import digest_value
from rsppc.base.names import parse_ref, version_key
from rsppc.checking import check_file
from rsppc.diagnostics import DiagnosticSink
from rsppc.driver import Purpose, compile_bundle, entries, open_workspace
from rsppc.emit.artifacts import artifacts as emit
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.lower import check_pin
from rsppc.model import shape as m
from rsppc.model.json_schema import file_name
from rsppc.model.kinds import BY_NAME, BY_SCHEMA_VERSION, KINDS
from rsppc.resources import folder
from rsppc.syntax.reader import SUFFIXES, read
from rsppc.workspace import Workspace, find_workspace
from workspaces import BUNDLE_PATH, CLEAN, PROVIDERS_PATH, SPEC_PATH, built_files, make, rsppc_here

ROOT = Path(__file__).parent.parent
PIPELINES = ROOT / "pipelines"
EXAMPLE = PIPELINES / "examples/simple_livekit_voice_v1"

FIRST_ARTIFACTS = {
    "specs": "simple_v1.yaml",
    "profiles": "simple_v1.yaml",
    "modules": "transcription_normalize_v1.yaml",
    "policies": "default_voice_policy_v1.yaml",
    "bundles": "voice_assistant_bundle_v1.json",
    "rollouts": "canary_10pct_v1.yaml",
    "extensions": "custom_sentiment_node_v1.yaml",
    "replay": "or02_baseline_v1.yaml",
    "compat": "version_skew_policy_v1.yaml",
    "examples": "simple_livekit_voice_v1",
    "tests": "mvp_gates_manifest_v1.yaml",
}
"""The demanded layout: each folder with its first artifact."""

FILES = sorted(
    file.relative_to(PIPELINES).as_posix()
    for file in PIPELINES.rglob("*")
    if file.suffix in SUFFIXES and "assets" not in file.parts and "objects" not in file.parts
)


def contents(path: str) -> dict[str, Any]:
    """An artifact as plain values."""
    document = read(path, (PIPELINES / path).read_bytes(), DiagnosticSink())
    assert document is not None and document.root is not None
    value: dict[str, Any] = json.loads(json.dumps(document.root))
    return value


def kind_of(path: str) -> m.ArtifactKind:
    return BY_SCHEMA_VERSION[contents(path)["schema_version"]]


@functools.cache
def workspace(of: Path = ROOT) -> Artifacts:
    found = find_workspace(str(of), DiagnosticSink())
    assert found is not None
    return open_workspace(found, DiagnosticSink())


def workspace_of(path: str) -> tuple[Artifacts, str]:
    """The workspace that a file belongs to, and its path in there: an example is one of its own."""
    if path.startswith("examples/"):
        return workspace(EXAMPLE), (PIPELINES / path).relative_to(EXAMPLE).as_posix()
    return workspace(), f"pipelines/{path}"


def artifact(path: str) -> Artifact:
    artifacts, inside = workspace_of(path)
    found, diagnostics = artifacts.at(inside)
    assert found is not None and diagnostics == ()
    return found


def readme(place: str) -> str:
    return (PIPELINES / place / "README.md").read_text(encoding="utf-8")


def row(text: str, name: str) -> str:
    """What a README's table of responsibilities says under a name."""
    found = re.findall(rf"^\| {name} \| (.+) \|$", text, re.MULTILINE)
    assert len(found) == 1, f"one row `{name}`"
    return str(found[0])


# --- The layout -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", FIRST_ARTIFACTS)
def test_every_folder_of_the_layout_has_its_first_artifact(place: str) -> None:
    """R-001-77, R-002-09, R-001-02 to R-001-05: every path of the target layout exists."""
    assert (PIPELINES / place / FIRST_ARTIFACTS[place]).exists()
    assert f"| [{place}]({place}/README.md) |" in readme("")
    assert f"`{FIRST_ARTIFACTS[place]}" in readme("")


@pytest.mark.parametrize("place", FIRST_ARTIFACTS)
def test_every_folder_says_what_it_is_for_and_who_validates_it(place: str) -> None:
    """R-001-77: purpose and validation owner."""
    title, _, rest = readme(place).partition("\n\n")
    purpose, _, _ = rest.partition("\n\n")
    assert re.fullmatch(r"# [A-Z][\w -]+", title) and len(purpose.split()) >= 15 and not purpose.startswith(("|", "#"))
    assert row(readme(place), "Validation owner") == "Delivery Scaffolds stream"


def test_there_is_no_folder_beside_the_layout_but_that_of_assets() -> None:
    """R-001-77: nothing is released from a folder that nobody answers for."""
    found = {path.name for path in PIPELINES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert found == {*FIRST_ARTIFACTS, "assets"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name != "snapshot"], ids=lambda kind: kind.name)
def test_every_kind_of_artifact_has_one_in_its_folder(kind: m.ArtifactKind) -> None:
    """R-002-09."""
    assert [path for path in FILES if path.startswith(f"{kind.folder}/") and kind_of(path) == kind]


@pytest.mark.parametrize("path", FILES)
def test_every_artifact_lies_in_the_folder_of_its_kind_under_its_name_and_version(path: str) -> None:
    """R-002-19: the name of a file is that of one version, which never changes."""
    kind, value = kind_of(path), contents(path)
    place, _, name = path.rpartition("/")
    assert place.rpartition("/")[2] == kind.folder
    assert name.rpartition(".")[0] == f"{value[kind.id_field]}_{value['version']}"
    assert re.fullmatch(r"v\d+(\.\d+){0,2}", value["version"])


def test_no_two_files_hold_one_version() -> None:
    """R-002-19."""
    names = [
        (path.split("/")[0] == "examples", kind.name, value[kind.id_field], version_key(value["version"]))
        for path in FILES
        for kind, value in ((kind_of(path), contents(path)),)
    ]
    assert len(set(names)) == len(names)


# --- Schemas and references -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES)
def test_every_artifact_fits_the_published_schema(path: str) -> None:
    """R-002-21, R-001-78: by the schema file that ships, as somebody else would check it."""
    schema = json.loads((Path(folder("schemas")) / file_name(kind_of(path))).read_bytes())
    assert [error.message for error in Draft202012Validator(schema).iter_errors(contents(path))] == []


@pytest.mark.parametrize("path", FILES)
def test_every_artifact_is_sound_for_the_compiler(path: str) -> None:
    """R-002-21, R-001-52: form and meaning; a figure that no provider publishes is a warning and no error."""
    artifacts, inside = workspace_of(path)
    # A spec by itself names no providers; the bundle that releases it has to.
    purpose: Purpose = "check" if kind_of(path).name == "pipeline" else "build"
    outcome = check_file(artifacts, inside, purpose=purpose, strict=False)
    assert outcome.ok and {found.severity for found in outcome.diagnostics} <= {"warning", "note"}


def references(value: Any, type_: m.FieldType) -> Iterator[tuple[str, str]]:
    """Kind and text of every reference in an artifact."""
    match type_:
        case m.Reference(kind=kind):
            yield kind, value
        case m.Nested(shape=shape):
            for field in shape.fields:
                if value.get(field.name) is not None:
                    yield from references(value[field.name], field.type)
        case m.Listing(item=item):
            for one in value:
                yield from references(one, item)


@pytest.mark.parametrize("path", FILES)
def test_every_reference_leads_to_one_version_of_an_artifact(path: str) -> None:
    """R-002-21, R-001-79: required references resolve, in rollouts, policies and compatibility policies too."""
    artifacts, _ = workspace_of(path)
    here = artifact(path)
    for kind, text in references(contents(path), m.Nested(shape=here.kind.shape)):
        ref, sink = parse_ref(text), DiagnosticSink()
        assert ref is not None
        found = artifacts.resolve(kind, text, here.item_span(), sink)
        assert found is not None and not len(sink), text
        assert (found.kind.name, found.id, found.version) == (kind, ref.id, ref.version)
        check_pin(text, found, artifacts, here.item_span(), sink)
        assert not len(sink), text


def needed(shape: m.Shape) -> set[str]:
    """Keys of required references."""
    return {field.name for field in shape.fields if field.required and isinstance(field.type, m.Reference)}


def test_releases_must_name_what_they_release() -> None:
    """R-002-21: the references without which a release would mean nothing."""
    assert needed(BY_NAME["bundle"].shape) == {"spec_ref", "profile_ref"}
    assert needed(BY_NAME["rollout"].shape) == {"bundle_ref", "rollback_ref"}


# --- Rollouts, policies, compatibility --------------------------------------------------------------------------------

ROLLOUTS = [path for path in FILES if kind_of(path).name == "rollout"]
BUNDLES = [path for path in FILES if kind_of(path).name == "bundle"]


@pytest.mark.parametrize("path", ROLLOUTS)
def test_a_rollout_moves_between_bundles_that_are_there_and_adds_up(path: str) -> None:
    """R-001-79, R-001-31: rollout, cohorts and way back agree with each other."""
    value = contents(path)
    bundles = {f"{contents(one)['bundle_id']}/{contents(one)['version']}" for one in BUNDLES}
    shares = [one for one in value["cohorts"] if "percentage" in one]
    assert {value["bundle_ref"], value["rollback_ref"], *(one["bundle_ref"] for one in value["cohorts"])} <= bundles
    assert value["bundle_ref"] != value["rollback_ref"]
    assert value["bundle_ref"] in {one["bundle_ref"] for one in value["cohorts"]}
    assert sum(one["percentage"] for one in shares) == 100
    names = [one["name"] for one in value["cohorts"]]
    assert len(set(names)) == len(names)
    canary = [one["percentage"] for one in shares if one["bundle_ref"] == value["bundle_ref"]]
    assert value["strategy"] != "canary" or canary == [10]


@pytest.mark.parametrize("path", BUNDLES)
def test_a_bundle_runs_under_versions_that_the_skew_policy_allows(path: str) -> None:
    """R-001-79: windows of bundles, cells and tests of the compatibility policy speak of the same versions."""
    policy = contents("compat/version_skew_policy_v1.yaml")
    cells = {(one["runtime"], one["control_plane"]) for one in policy["allowed_cells"]}
    for side, name in enumerate(("runtime", "control_plane")):
        window = contents(path)["compat_window"].get(name)
        if window is not None:
            inside = [cell for cell in cells if within(window, cell[side])]
            assert inside, f"no allowed {name} lies in the window"
            assert {window["min"], window["max"]} <= {cell[side] for cell in cells}
    assert contents(path)["profile_ref"] in allowed_profiles()


def within(window: dict[str, str], version: str) -> bool:
    return version_key(window["min"]) <= version_key(version) <= version_key(window["max"])


def test_the_skew_policy_tests_what_it_allows_and_what_it_refuses() -> None:
    """R-001-79."""
    policy = contents("compat/version_skew_policy_v1.yaml")
    cells = [tuple(sorted(one.items())) for one in policy["allowed_cells"]]
    tests = [({k: v for k, v in one.items() if k != "allowed"}, one["allowed"]) for one in policy["matrix_tests"]]
    assert {allowed for _, allowed in tests} == {True, False}
    assert all((tuple(sorted(cell.items())) in cells) == allowed for cell, allowed in tests)
    assert {tuple(sorted(cell.items())) for cell, allowed in tests if allowed} == set(cells)


def test_policies_and_layers_are_released_by_some_bundle_and_speak_of_its_nodes() -> None:
    """R-001-79: no policy or layer ships that nothing uses, and each one fits where it is used."""
    for kind, key in (("policy", "policy_refs"), ("layer", "layer_refs")):
        used = {ref for path in BUNDLES for ref in contents(path).get(key, ())}
        there = {artifact(path).ref for path in FILES if kind_of(path).name == kind}
        assert there == used


def test_the_gate_of_a_rollout_and_the_bundle_of_the_evidence_are_there() -> None:
    """R-001-79: references in words lead somewhere as well."""
    (manifest,) = [contents(path) for path in FILES if kind_of(path).name == "gate"]
    for path in ROLLOUTS:
        trigger = contents(path)["rollback_posture"]["trigger"]
        assert f"{manifest['manifest_id']}/{manifest['version']}" in trigger
    kind, _, text = contents("replay/or02_baseline_v1.yaml")["turn_ref"].partition(":")
    found = workspace().resolve(kind, text, artifact("replay/or02_baseline_v1.yaml").item_span(), DiagnosticSink())
    assert found is not None and found.ref == text


# --- The canonical set, and how a bundle is found ---------------------------------------------------------------------


def test_there_is_one_canonical_spec_profile_and_bundle() -> None:
    """R-002-17: `simple/v1` under `simple/v1`, released by one bundle; the other bundles share the profile."""
    assert [path for path in FILES if kind_of(path).name == "profile"] == ["profiles/simple_v1.yaml"]
    canonical = [contents(path) for path in BUNDLES if contents(path)["spec_ref"] == "simple/v1"]
    assert [(one["bundle_id"], one["version"], one["profile_ref"]) for one in canonical] == [
        ("simple_bundle", "v1", "simple/v1")
    ]
    assert {contents(path)["profile_ref"] for path in BUNDLES} == {"simple/v1"}
    assert contents("rollouts/canary_10pct_v1.yaml")["rollback_ref"] == "simple_bundle/v1"


def test_a_bundle_reference_is_all_that_a_build_needs(tmp_path: Path) -> None:
    """R-002-22: smoke through the bundle reference."""
    make(tmp_path)
    done = rsppc_here(tmp_path, "build", "line_bundle/v1")
    assert done.returncode == 0, done.stdout
    files = built_files(tmp_path / "build")
    assert set(files) == {
        f"line_bundle/v1/{name}.json" for name in ("bundle", "distribution", "provenance", "resolved_spec")
    }
    bundle = json.loads(files["line_bundle/v1/bundle.json"])
    distribution = json.loads(files["line_bundle/v1/distribution.json"])
    assert bundle["outputs"]["resolved_spec"] == digest_value(json.loads(files["line_bundle/v1/resolved_spec.json"]))
    assert list(distribution["registry"]["records"]) == ["line_bundle/v1"]


def test_the_shipped_bundles_build_by_reference(tmp_path: Path) -> None:
    """R-002-22."""
    done = rsppc_here(ROOT, "build", "simple_bundle/v1", "voice_assistant_bundle/v1", "--output", str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert {path.rpartition("/")[0] for path in built_files(tmp_path)} == {
        "simple_bundle/v1",
        "voice_assistant_bundle/v1",
    }


def test_a_bundle_reference_resolves_the_same_way_wherever_files_lie(tmp_path: Path) -> None:
    """R-002-23: neither folders nor the order in which they are listed nor endings decide what a reference means."""
    digests = set()
    for number, renamed in enumerate(({}, {"specs": "a", "bundles": "z"}, {"specs": "z/y", "bundles": "a"})):
        files = {move(path, renamed): text for path, text in CLEAN.items()}
        root = make(tmp_path / str(number), dict(sorted(files.items(), reverse=bool(number % 2))))
        artifacts = open_workspace(Workspace(root=str(root)), DiagnosticSink())
        (entry,) = entries(artifacts)
        compilation = compile_bundle(artifacts, entry, purpose="build")
        assert compilation.ok and compilation.program is not None
        digests.add(emit(compilation.program).bundle_digest)
    assert len(digests) == 1


def move(path: str, renamed: dict[str, str]) -> str:
    top, place, name = path.split("/")
    return f"{top}/{renamed.get(place, place)}/{name}"


def test_the_workspace_goes_before_what_ships_and_one_version_stands_in_one_place(tmp_path: Path) -> None:
    """R-002-23."""
    profile = (PIPELINES / "profiles/simple_v1.yaml").read_text(encoding="utf-8")
    make(tmp_path, CLEAN, **{"pipelines/profiles/simple_v1.yaml": profile})
    assert rsppc_here(tmp_path, "build").returncode == 0
    provenance = built_files(tmp_path / "build")["line_bundle/v1/provenance.json"]
    assert b'"pipelines/profiles/simple_v1.yaml' in provenance and b"rsppc:profiles/simple_v1.yaml" not in provenance
    make(tmp_path, {"pipelines/profiles/simple_v1.0.yaml": profile.replace("version: v1\n", "version: v1.0\n", 1)})
    done = rsppc_here(tmp_path, "build")
    assert done.returncode == 1 and b"ambiguous-artifact" in done.stdout + rsppc_here(tmp_path, "check").stdout


@pytest.mark.parametrize("page", ["pipelines/bundles/README.md", "docs/language.md"])
def test_how_a_reference_is_resolved_is_documented(page: str) -> None:
    """R-002-23: the rule that the tests above hold is written down."""
    text = " ".join((ROOT / page).read_text(encoding="utf-8").split())
    assert re.search(r"in the workspace first,? (and )?then (among|in) the shipped", text)
    assert "no `latest`" in text


# --- Fixtures ---------------------------------------------------------------------------------------------------------


def test_valid_specs_stand_as_fixtures() -> None:
    """R-002-18: F-001: what is valid compiles; of figures that providers do not publish there is a warning."""
    valid = [case for case in cases() if case.area in ("compile", "tour")]
    assert len(valid) >= 3
    for case in valid:
        done = rsppc_here(case.input, "check", "--format", "json")
        named = {json.loads(line)["name"] for line in done.stdout.decode().splitlines()}
        assert done.returncode == 0 and named <= {"unproved-latency"}, case.name


@pytest.mark.parametrize("name", ["compile/rules_and_layers", "tour/voice_turn"])
def test_a_valid_spec_with_figures_has_no_finding_in_strict_mode(name: str) -> None:
    """R-002-18: F-001: a valid spec is free of warnings, even where warnings are errors."""
    (case,) = [case for case in cases() if case.name == name]
    done = rsppc_here(case.input, "check", "--strict")
    assert done.returncode == 0 and b"no findings" in done.stdout


def test_invalid_specs_stand_as_fixtures_of_form_and_of_meaning_and_name_the_place() -> None:
    """R-002-18: F-001: what is wrong with a spec is told with file, line and field."""
    of_specs: dict[str, str] = {}
    for case in cases():
        if case.area == "errors":
            text = case.expected()["diagnostics.txt"].decode()
            found = re.search(
                r"^error\[(RSP\d{4}) [\w-]+\]: .+\n  pipelines/specs/\w+\.(?:yaml|json|rspp):\d+:\d+$", text, re.M
            )
            if found is not None:
                of_specs[case.name] = found[1]
    areas = {code[3] for code in of_specs.values()}
    assert {"0", "1", "2", "3", "4", "5"} <= areas, "reading, form, references, types, graph, bounds"
    assert {"errors/missing-key", "errors/unknown-key", "errors/cycle", "errors/edge-format"} <= of_specs.keys()


# --- The posture of the first release ---------------------------------------------------------------------------------


def allowed_profiles() -> list[str]:
    rules = contents("compat/version_skew_policy_v1.yaml")["rules"]
    return [ref for rule in rules for ref in rule.get("profiles_allowed", ())]


def test_the_first_release_has_one_profile_one_transport_and_one_region() -> None:
    """R-001-83, R-002-11: `simple/v1`, LiveKit, lease authority in a single region."""
    assert allowed_profiles() == ["simple/v1"]
    assert contents("profiles/simple_v1.yaml")["metadata"]["labels"]["posture"] == "mvp-livekit-single-region"
    snapshot = contents("rollouts/local_v1.yaml")
    assert snapshot["routing_view"]["transport_kind"] == "livekit"
    assert snapshot["lease"]["authority_epoch_valid"] is snapshot["lease"]["authority_authorized"] is True
    assert len([path for path in FILES if kind_of(path).name == "snapshot" and "/" not in path.partition("/")[2]]) == 1
    (conformance,) = contents("compat/version_skew_policy_v1.yaml")["conformance_profiles"]
    assert conformance["profile_id"] == "mvp-single-region" and "lease_authority" in conformance["mandatory"]
    for path in ROLLOUTS:
        assert len({region for one in contents(path)["cohorts"] for region in one.get("regions", ())}) <= 1


@pytest.mark.parametrize("page", ["profiles/README.md", "profiles/simple_v1.yaml"])
def test_the_posture_is_stated_where_profiles_are_documented(page: str) -> None:
    """R-002-59, R-002-11: profile docs declare the posture of the first release."""
    text = " ".join((PIPELINES / page).read_text(encoding="utf-8").replace("\n#", "\n").split())
    assert re.search(
        r"Posture of the first release: `simple/v1`, LiveKit transport, lease authority in a single region", text
    )


def test_what_is_built_is_opened_over_livekit_under_the_one_profile(tmp_path: Path) -> None:
    """R-001-83, R-002-11: the posture is that of the outputs, not of the documents alone."""
    make(tmp_path)
    assert rsppc_here(tmp_path, "build").returncode == 0
    found = json.loads(built_files(tmp_path / "build")["line_bundle/v1/distribution.json"])
    assert found["routing_view"]["default"]["transport_kind"] == "livekit"
    assert {one["execution_profile"] for one in found["registry"]["records"].values()} == {"simple"}
    assert list(found["lease"]) == ["default"] and found["lease"]["default"]["authority_epoch"] == 1


def test_a_profile_beyond_the_first_release_is_rejected_with_a_diagnosis(tmp_path: Path) -> None:
    """R-001-83, R-002-11: deterministically, at the place that names it; under the shipped rules where the workspace
    has taken them over, and else because there is none, unless the workspace brings it."""
    profile = (PIPELINES / "profiles/simple_v1.yaml").read_text(encoding="utf-8")
    other = profile.replace("profile_id: simple", "profile_id: advanced", 1)
    bundle = CLEAN[BUNDLE_PATH].replace("profile_ref: simple/v1", "profile_ref: advanced/v1")
    make(tmp_path, CLEAN, **{BUNDLE_PATH: bundle})
    rules = (PIPELINES / "compat/version_skew_policy_v1.yaml").read_text(encoding="utf-8")
    taken_over = {
        "pipelines/profiles/advanced_v1.yaml": other,
        "pipelines/compat/version_skew_policy_v1.yaml": rules,
    }
    for files, said in (({}, b"error[RSP2101 unknown-artifact]"), (taken_over, b"error[RSP7101 profile-not-allowed]")):
        make(tmp_path, files)
        done = rsppc_here(tmp_path, "build")
        assert done.returncode == 1 and built_files(tmp_path / "build") == {}
        assert said in done.stdout and f"{BUNDLE_PATH}:5:14".encode() in done.stdout


def test_the_quickstart_is_over_livekit() -> None:
    """R-001-83: the example that shows the path of the first release."""
    text = readme("examples/simple_livekit_voice_v1")
    assert "LiveKit under `simple/v1`" in " ".join(text.split())
    (bundle,) = [contents(path) for path in BUNDLES if path.startswith("examples/")]
    assert bundle["profile_ref"] == "simple/v1"


# --- Order of the parts -----------------------------------------------------------------------------------------------

STEPS = (
    ("pipeline", "profile", "module"),
    ("bundle",),
    ("policy", "layer", "rollout", "snapshot", "compat", "runtime"),
    ("extension", "replay"),
    ("gate",),
)
"""In which order the parts are made: specs and profiles; bundles; governance; extensions and replay; tests."""


def step_of(kind: str) -> int:
    (step,) = [number for number, kinds in enumerate(STEPS) if kind in kinds]
    return step


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_what_an_artifact_has_to_name_is_made_in_an_earlier_step(kind: m.ArtifactKind) -> None:
    """R-001-82: no part waits for one that is made after it; policies of a bundle may come later, and are optional."""
    to = {field.type.kind for field in kind.shape.fields if field.required and isinstance(field.type, m.Reference)}
    assert all(step_of(one) < step_of(kind.name) for one in to)
    assert step_of(kind.name) >= 0


def test_after_each_step_there_is_something_sound(tmp_path: Path) -> None:
    """R-001-82: specs and profiles, bundles, governance, extensions and replay, tests: each step stands by itself."""
    spec = CLEAN[SPEC_PATH].replace(", provider: stt-house", "").replace(", provider: llm-house", "")
    spec = spec.replace(", provider: tts-house", "")
    profile = PIPELINES / "profiles/simple_v1.yaml"
    steps: list[dict[str, str | bytes]] = [
        {SPEC_PATH: spec, "pipelines/profiles/simple_v1.yaml": profile.read_bytes()},
        {BUNDLE_PATH: CLEAN[BUNDLE_PATH]},
        {
            BUNDLE_PATH: CLEAN[BUNDLE_PATH] + "policy_refs: [default_voice_policy/v1]\n",
            **shipped_files("policies/default_voice_policy_v1.yaml", "compat/version_skew_policy_v1.yaml"),
            "pipelines/assets/lexicons/finance_en.txt": (PIPELINES / "assets/lexicons/finance_en.txt").read_bytes(),
            "pipelines/rollouts/all_v1.yaml": "schema_version: rspp.rollout.manifest.v1\nrollout_id: all\nversion: v1\n"
            "bundle_ref: line_bundle/v1\nstrategy: immediate\ncohorts: []\nrollback_ref: line_bundle/v1\n",
        },
        {PROVIDERS_PATH: CLEAN[PROVIDERS_PATH], **shipped_files("replay/or02_baseline_v1.yaml")},
        shipped_files("tests/mvp_gates_manifest_v1.yaml"),
    ]
    for number, files in enumerate(steps):
        make(tmp_path, files)
        assert rsppc_here(tmp_path, "check").returncode == 0, f"after step {number + 1}"
    assert rsppc_here(tmp_path, "build").returncode == 0


def shipped_files(*paths: str) -> dict[str, str | bytes]:
    return {f"pipelines/{path}": (PIPELINES / path).read_bytes() for path in paths}


def test_the_page_of_the_tree_lists_the_folders_in_their_order() -> None:
    """R-001-82."""
    listed = re.findall(r"^\| \[(\w+)\]", readme(""), re.MULTILINE)
    assert [one for one in listed if one in FIRST_ARTIFACTS] == list(FIRST_ARTIFACTS)


# --- Who answers, and for which work package --------------------------------------------------------------------------

REVIEWS = {"contracts_review": "contract-owners", "gates_review": "tooling-gates-owners"}


QUICKSTART = "examples/simple_livekit_voice_v1/pipelines/specs/quickstart_v1.rspp"
"""The one artifact that names its owners itself, and leaves reviews and work package to the README of its folder."""


@pytest.mark.parametrize("path", [path for path in FILES if path != QUICKSTART])
def test_every_artifact_records_its_owner_and_both_reviews(path: str) -> None:
    """R-002-62: validation owner, contract owners, tooling and gates owners."""
    metadata = contents(path)["metadata"]
    assert metadata["owner"] == metadata["validation_owner"] == "delivery-scaffolds"
    assert REVIEWS.items() <= metadata["labels"].items()


@pytest.mark.parametrize("place", ["", *FIRST_ARTIFACTS, "examples/simple_livekit_voice_v1"])
def test_every_readme_records_its_owner_and_both_reviews(place: str) -> None:
    """R-002-62."""
    assert row(readme(place), "Validation owner") == "Delivery Scaffolds stream"
    assert row(readme(place), "Cross-review owners") == "Contract owners; Tooling/Gates owners"


@pytest.mark.parametrize("place", [*FIRST_ARTIFACTS, "examples/simple_livekit_voice_v1"])
def test_every_folder_belongs_to_the_work_package_of_pipelines(place: str) -> None:
    """R-002-58: BL-032 is traceable."""
    assert row(readme(place), "Work package").startswith("BL-032")
    for path in FILES:
        if path.startswith(f"{place}/") and path != QUICKSTART:
            # An artifact may be of the package whose matter it describes, as its folder then says.
            assert contents(path)["metadata"]["labels"]["work_package"] in row(readme(place), "Work package"), path


@pytest.mark.parametrize(
    ("package", "what", "places"),
    [
        ("BL-032", "this tree", tuple(FIRST_ARTIFACTS)),
        ("BL-033", "the deployment", ("rollouts", "tests")),
        ("BL-034", "the contracts", ("compat", "replay")),
    ],
)
def test_a_work_package_is_explained_and_named_where_it_meets_the_tree(
    package: str, what: str, places: tuple[str, ...]
) -> None:
    """R-002-58: BL-032 (pipelines), BL-033 (deploy), BL-034 (contracts)."""
    assert f"{package} {what}" in readme("").replace(" is ", " ") or f"{package} is {what}" in readme("")
    for place in places:
        assert package in row(readme(place), "Work package")


# --- Housekeeping -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stub", "page"),
    [
        ("pipeline_scaffolds_guide.md", "README.md"),
        ("specs/pipeline_specs_guide.md", "specs/README.md"),
        ("profiles/pipeline_profiles_guide.md", "profiles/README.md"),
    ],
)
def test_a_guide_stub_is_there_or_a_page_says_that_it_takes_its_place(stub: str, page: str) -> None:
    """R-001-85: guide stubs stay or are superseded by the READMEs."""
    text = " ".join((PIPELINES / page).read_text(encoding="utf-8").split())
    is_superseded = "supersede" in text and f"`{stub.rpartition('/')[2]}`" in text
    assert (PIPELINES / stub).is_file() or is_superseded
    assert (PIPELINES / stub).is_file() or f"`{stub}`" in readme("")


def recipes() -> dict[str, tuple[list[str], str]]:
    """Targets of the Makefile, with what they need and what they run."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.findall(r"^([\w-]+):([^#=\n]*)(?:#.*)?\n((?:\t.*\n)*)", text, re.MULTILINE)
    return {name: (needs.split(), lines) for name, needs, lines in found}


def run_by(target: str) -> str:
    """All that a target runs, with what it needs."""
    needs, lines = recipes()[target]
    return "".join(run_by(one) for one in needs if one in recipes()) + lines


def test_there_is_a_quick_and_a_full_verification() -> None:
    """R-002-57: `make verify-quick` and `make verify-full`; the full one runs all of the quick one and more."""
    quick, full = run_by("verify-quick"), run_by("verify-full")
    for command in ("ruff check", "ruff format --check", "mypy", "pytest"):
        assert f"/{command}" in quick
    assert full.startswith(quick) and "tests/all/run.py" in full
    phony = re.findall(r"^\.PHONY:(.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[0].split()
    assert {"verify-quick", "verify-full"} <= set(phony)
    assert "|| true" not in full and not re.search(r"^\t-", full, re.MULTILINE), "a failure is not passed over"
