"""What was published under a version never changes: pins, shipped profiles, and names that two things would share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rsppc.cli.exits import FINDINGS, INTEGRITY, OK
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, SPEC, SPEC_PATH, built_files, make, rsppc, rsppc_here

SHIPPED = Path(__file__).parent.parent.parent / "pipelines" / "profiles" / "simple_v1.yaml"
PROFILE = SHIPPED.read_text()
SLOWER = SPEC.replace("silence_ms: 400", "silence_ms: 450")


def pinned(folder: Path) -> Path:
    make(folder)
    assert rsppc_here(folder, "pin", "line_bundle/v1").returncode == OK
    return folder


def only_digest(folder: Path) -> str:
    """The source of the pinned bundle with digests behind no reference, but with that of the whole."""
    return re.sub(r"(/v1)@sha256:[0-9a-f]{64}", r"\1", (folder / BUNDLE_PATH).read_text())


# --- Pins


def test_a_plain_build_does_not_replace_what_was_pinned_by_something_else(tmp_path: Path) -> None:
    """R-001-53: what was published under a version never changes, whether the build is locked or not."""
    pinned(tmp_path)
    make(tmp_path, {BUNDLE_PATH: only_digest(tmp_path)})
    assert rsppc_here(tmp_path, "build").returncode == OK
    before = built_files(tmp_path / "build")
    make(tmp_path, {SPEC_PATH: SLOWER})
    done = rsppc_here(tmp_path, "build")
    assert done.returncode == INTEGRITY
    text = done.stdout.decode()
    assert "error[RSP7104 build-differs]: `line_bundle/v1` does not build what was pinned" in text
    assert "publish it as `line_bundle/v1.1`, or run `rsppc pin line_bundle/v1 --accept`" in text
    assert built_files(tmp_path / "build") == before


def test_a_pin_that_says_something_else_is_replaced_only_when_that_is_accepted(tmp_path: Path) -> None:
    pinned(tmp_path)
    source = tmp_path / BUNDLE_PATH
    first = source.read_text()
    make(tmp_path, {SPEC_PATH: SLOWER})
    objects = sorted((tmp_path / "pipelines/bundles/objects").iterdir())
    refused = rsppc_here(tmp_path, "pin", "line_bundle/v1")
    assert refused.returncode == INTEGRITY
    shown = [line.split()[:2] + line.split()[3:4] for line in refused.stdout.decode().splitlines()]
    assert shown == [["pipeline", "line/v1", "->"], ["makes", "line_bundle/v1", "->"]]
    assert b"rsppc pin line_bundle/v1 --accept" in refused.stderr
    assert source.read_text() == first
    assert sorted((tmp_path / "pipelines/bundles/objects").iterdir()) == objects
    assert rsppc_here(tmp_path, "pin", "line_bundle/v1", "--accept").returncode == OK
    assert source.read_text() != first
    assert rsppc_here(tmp_path, "build", "--locked").returncode == OK


def test_pinning_again_what_did_not_change_needs_no_acceptance(tmp_path: Path) -> None:
    pinned(tmp_path)
    done = rsppc_here(tmp_path, "pin", "line_bundle/v1")
    assert (done.returncode, b"already pinned" in done.stdout) == (OK, True)


# --- Profiles


def profile(name: str, version: str, turn_budget_ms: int) -> str:
    text = PROFILE.replace("profile_id: simple\nversion: v1\n", f"profile_id: {name}\nversion: {version}\n")
    return text.replace("turn_budget_ms: 2000", f"turn_budget_ms: {turn_budget_ms}")


@pytest.mark.parametrize("version", ["v1", "v1.0"])
def test_a_copy_of_a_shipped_profile_is_fine_and_another_text_of_its_version_is_not(
    version: str, tmp_path: Path
) -> None:
    """R-001-53: a default of `simple/v1` changes only with a new version."""
    path = f"pipelines/profiles/simple_{version}.yaml"
    make(tmp_path, CLEAN, **{path: profile("simple", version, 2000)})
    assert rsppc_here(tmp_path, "check").returncode == OK
    make(tmp_path, CLEAN, **{path: profile("simple", version, 2500)})
    done = rsppc_here(tmp_path, "check")
    assert done.returncode == INTEGRITY
    assert b"RSP7105" in done.stdout and b"budget_defaults.turn_budget_ms: it was 2000, and is 2500" in done.stdout


@pytest.mark.parametrize("name, version", [("simple", "v2"), ("advanced", "v1")])
def test_a_profile_of_the_workspace_is_its_authors_decision(name: str, version: str, tmp_path: Path) -> None:
    """The shipped compatibility policy binds shipped profiles; one of the workspace binds all of them."""
    own = {
        f"pipelines/profiles/{name}_{version}.yaml": profile(name, version, 2500),
        BUNDLE_PATH: BUNDLE.replace("simple/v1", f"{name}/{version}"),
        SPEC_PATH: SPEC.replace("simple/v1", f"{name}/{version}"),
    }
    make(tmp_path, CLEAN, **own)
    assert rsppc_here(tmp_path, "check").returncode == OK
    rules = "[{id: profiles, kind: profile, statement: One profile runs here., profiles_allowed: [simple/v1]}]"
    cells = "[{runtime: v1, control_plane: v1, schema: v1}]"
    house = "schema_version: rspp.compat.policy.v1\ncompat_id: house\nversion: v1\n"
    make(tmp_path, {"pipelines/compat/house_v1.yaml": f"{house}rules: {rules}\nallowed_cells: {cells}\n"})
    assert b"RSP7101" in rsppc_here(tmp_path, "check").stdout


def test_a_profile_that_nobody_wrote_is_refused(tmp_path: Path) -> None:
    """R-002-20: a profile beyond the first release is rejected with a diagnosis."""
    make(tmp_path, CLEAN, **{BUNDLE_PATH: BUNDLE.replace("simple/v1", "advanced/v1")})
    done = rsppc_here(tmp_path, "check")
    assert (done.returncode, b"there is no profile `advanced/v1`" in done.stdout) == (FINDINGS, True)


# --- Names


def test_a_spec_does_not_replace_the_output_of_a_bundle_with_its_name(tmp_path: Path) -> None:
    other = SPEC.replace("pipeline_id: line", "pipeline_id: other")
    bundle = BUNDLE.replace("bundle_id: line_bundle", "bundle_id: other")
    make(
        tmp_path,
        {
            **{path: text for path, text in CLEAN.items() if path != BUNDLE_PATH},
            "pipelines/specs/other_v1.yaml": other,
            "pipelines/bundles/other_v1.yaml": bundle,
        },
    )
    done = rsppc_here(tmp_path, "build")
    assert done.returncode == FINDINGS
    assert b"spec `other/v1` would be released under the name of bundle `other/v1`" in done.stdout
    assert b'"pipeline:line/v1@' in built_files(tmp_path / "build")["other/v1/bundle.json"]


# --- Specs that a bundle releases

LAYER = """\
schema_version: rspp.config.layer.v1
layer_id: house
version: v1
scope: environment
set:
  nodes.llm.provider: llm-house
"""
UNBOUND = SPEC.replace(", provider: llm-house", "")


def test_a_spec_is_checked_as_part_of_the_one_bundle_that_releases_it(tmp_path: Path) -> None:
    """What a layer of the bundle gives, such as a provider, is not missed."""
    layered = {"pipelines/policies/house_v1.yaml": LAYER, BUNDLE_PATH: BUNDLE + "layer_refs: [house/v1]\n"}
    open_profile = profile("open", "v1", 2000).replace("overridable: [", 'overridable: ["nodes.*.provider", ')
    files = {
        **layered,
        SPEC_PATH: UNBOUND.replace("simple/v1", "open/v1"),
        "pipelines/profiles/open_v1.yaml": open_profile,
        BUNDLE_PATH: layered[BUNDLE_PATH].replace("simple/v1", "open/v1"),
    }
    make(tmp_path, CLEAN, **files)
    done = rsppc_here(tmp_path, "check", SPEC_PATH)
    assert (done.returncode, done.stdout) == (OK, b"checked 1 file: no findings\n")
    unsaved = rsppc(tmp_path, "check", "-", "--stdin-name", SPEC_PATH, stdin=files[SPEC_PATH].encode())
    assert (unsaved.returncode, unsaved.stdout) == (OK, b"checked 1 file: no findings\n")
    wrong = files[SPEC_PATH].replace("silence_ms: 400", "silence_ms: 99").encode()
    assert b"1 error" in rsppc(tmp_path, "check", "-", "--stdin-name", SPEC_PATH, stdin=wrong).stdout
    (tmp_path / BUNDLE_PATH).unlink()
    assert b"RSP2301" in rsppc_here(tmp_path, "check", SPEC_PATH).stdout
