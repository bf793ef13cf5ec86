"""`rsppc distribution emit`: built bundles, merged into the file that the control plane serves."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from rsppc.base.canonical_json import readable
from rsppc.distribution.merge import Canary, merge
from rsppc.model.distribution import SECTIONS
from workspaces import BUNDLE, BUNDLE_PATH, CLEAN, SPEC, SPEC_PATH, make, rsppc, rsppc_here

POLICY = """\
schema_version: rspp.policy.overlay.v1
policy_id: tenants
version: v1
provider_rules:
  - {id: acme_llm, modality: llm, when: 'tenant.id == "acme"', use: [llm-other]}
  - {id: any_llm, modality: llm, use: [llm-house]}
"""
OTHER_PROVIDER = """\
schema_version: rspp.extension.manifest.v1
extension_id: other_providers
version: v1
type: provider
api_version: v1
providers:
  - {provider_id: llm-other, modality: llm, latency: {p50_ms: 200, p95_ms: 400}}
"""
V1, V2, V3 = "line_bundle/v1", "line_bundle/v2", "line_bundle/v3"
CANARY = ("--default", V1, "--canary", V2, "--percentage", "5", "--tenant", "acme", "--tenant", "beta")


def _files() -> dict[str, str]:
    """Three bundles: a spec, the same with other silence, and the first with a policy for one tenant."""
    slower = SPEC.replace("version: v1\nprofile", "version: v2\nprofile").replace("silence_ms: 400", "silence_ms: 500")
    unbound = SPEC.replace("version: v1\nprofile", "version: v3\nprofile").replace(", provider: llm-house", "")
    return {
        **CLEAN,
        "pipelines/specs/line_v2.yaml": slower,
        "pipelines/specs/line_v3.yaml": unbound,
        "pipelines/policies/tenants_v1.yaml": POLICY,
        "pipelines/extensions/other_providers_v1.yaml": OTHER_PROVIDER,
        "pipelines/bundles/line_bundle_v2.yaml": _bundle("v2"),
        "pipelines/bundles/line_bundle_v3.yaml": _bundle("v3") + "policy_refs: [tenants/v1]\n",
    }


def _bundle(version: str) -> str:
    return BUNDLE.replace("version: v1\nspec_ref: line/v1", f"version: {version}\nspec_ref: line/{version}")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make(tmp_path_factory.mktemp("workspace"), _files())
    done = rsppc_here(folder, "build")
    assert done.returncode == 0, done.stdout.decode()
    return folder


@pytest.fixture
def built(workspace: Path, tmp_path: Path) -> Path:
    """A copy of the outputs, to be changed."""
    shutil.copytree(workspace / "build", tmp_path / "build")
    return tmp_path


def folder_of(version: str) -> str:
    return f"build/{version}"


def emitted(workspace: Path, *arguments: str) -> dict[str, Any]:
    done = rsppc_here(workspace, "distribution", "emit", *arguments)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def test_one_bundle_gives_what_its_build_gave(workspace: Path) -> None:
    done = rsppc_here(workspace, "distribution", "emit", folder_of(V1))
    assert done.stdout == (workspace / folder_of(V1) / "distribution.json").read_bytes()


def test_two_bundles_a_canary_and_tenants_pass_the_check(workspace: Path, tmp_path: Path) -> None:
    path = str(tmp_path / "d.json")
    arguments = (folder_of(V1), folder_of(V2), *CANARY, "--requested", f"next={V2}", "--output", path)
    done = rsppc_here(workspace, "distribution", "emit", *arguments)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    assert rsppc_here(tmp_path, "distribution", "check", "d.json", "--strict").returncode == 0
    value = json.loads(Path(path).read_bytes())
    assert value["registry"]["default_pipeline_version"] == V1
    assert sorted(value["registry"]["records"]) == [V1, V2]
    assert value["rollout"] == {
        "default_pipeline_version": V1,
        "version_resolution_snapshot": "versions/local",
        "canary_pipeline_version": V2,
        "canary_percentage": 5,
        "tenant_allowlist": ["acme", "beta"],
        "by_requested_version": {"next": V2},
    }


def test_every_section_has_the_default_and_an_entry_for_each_other_version(workspace: Path) -> None:
    value = emitted(workspace, folder_of(V1), folder_of(V2), *CANARY)
    for section in SECTIONS:
        for version, entry in (("", value[section]["default"]), (V2, value[section]["by_pipeline"][V2])):
            own = json.loads((workspace / folder_of(version or V1) / "distribution.json").read_bytes())
            assert entry == own[section]["default"], section
        assert list(value[section]["by_pipeline"]) == [V2]
    assert value["graph_compiler"]["default"] != value["graph_compiler"]["by_pipeline"][V2]


def test_the_order_of_arguments_has_no_say(workspace: Path) -> None:
    options = [
        ("--canary", V2),
        ("--percentage", "5"),
        ("--tenant", "b"),
        ("--tenant", "a"),
        ("--requested", f"n={V2}"),
        ("--requested", f"m={V3}"),
    ]
    texts = set()
    for folders in itertools.permutations([folder_of(V1), folder_of(V2), folder_of(V3), folder_of(V3)]):
        for chosen in (options, options[::-1]):
            words = [word for pair in chosen for word in pair]
            done = rsppc_here(workspace, "distribution", "emit", *folders, "--default", V1, *words)
            assert done.returncode == 0
            texts.add((done.stdout, done.stderr))
    ((text, _),) = texts
    assert text == readable(json.loads(text))


def test_the_policies_of_tenants_are_those_of_the_default_version(workspace: Path) -> None:
    done = rsppc_here(workspace, "distribution", "emit", folder_of(V1), folder_of(V3), "--default", V3)
    value = json.loads(done.stdout)
    assert value["policy"]["by_tenant"]["acme"]["provider_bindings"]["llm"] == "llm-other"
    assert f"note: not carried: that tenant `acme` has no policy of its own in `{V1}`".encode() in done.stderr


def test_what_cannot_be_carried_is_told(workspace: Path) -> None:
    done = rsppc_here(workspace, "distribution", "emit", folder_of(V1), folder_of(V3), "--default", V1)
    assert done.returncode == 0
    assert "by_tenant" not in json.loads(done.stdout)["policy"]
    assert f"note: not carried: the policy of tenant `acme` in `{V3}`".encode() in done.stderr


def _single(version: str, bindings: str, **tenants: str) -> dict[str, Any]:
    policy: dict[str, Any] = {"default": bindings}
    if tenants:
        policy["by_tenant"] = tenants
    sections = {section: {"default": version} for section in SECTIONS}
    return {**sections, "policy": policy, "registry": {"records": {version: version}}}


def test_a_tenant_that_two_versions_treat_alike_needs_no_note() -> None:
    alike = merge({"a": _single("a", "x", t="y"), "b": _single("b", "z", t="y")}, "a")
    assert alike.left_out == ()
    differing = merge({"a": _single("a", "x", t="y"), "b": _single("b", "z", t="w")}, "a")
    assert len(differing.left_out) == 1 and "`t` in `b`" in differing.left_out[0]
    assert differing.value["policy"]["by_tenant"] == {"t": "y"}
    same_anyway = merge({"a": _single("a", "x", t="y"), "b": _single("b", "y")}, "a")
    assert same_anyway.left_out == ()


def test_a_rollout_is_written_where_there_is_something_to_say() -> None:
    both = {"a": _single("a", "x"), "b": _single("b", "x")}
    assert "rollout" not in merge(both, "a").value
    rollout = merge(both, "a", canary=Canary(version="b", tenants=("t", "s", "t"))).value["rollout"]
    assert rollout["version_resolution_snapshot"] == "version_resolution/a"
    assert (rollout["canary_percentage"], rollout["tenant_allowlist"]) == (0, ["s", "t"])
    assert merge(both, "a", requested={"n": "b"}).value["rollout"]["by_requested_version"] == {"n": "b"}


# --- Wrong use and hostile folders ------------------------------------------------------------------------------------

TWO = (folder_of(V1), folder_of(V2))
WRONG = {
    "nothing": (),
    "no such folder": ("build/none/v1",),
    "a folder without a bundle": ("pipelines",),
    "a file": (BUNDLE_PATH,),
    "no default": TWO,
    "unknown default": (*TWO, "--default", "line_bundle/v9"),
    "default of a list": (folder_of(V1), "--default", V2),
    "unknown canary": (*TWO, "--default", V1, "--canary", "x/v1", "--percentage", "1"),
    "default as canary": (*TWO, "--default", V1, "--canary", V1, "--percentage", "1"),
    "canary for nobody": (*TWO, "--default", V1, "--canary", V2),
    "percentage of nothing": (*TWO, "--default", V1, "--percentage", "1"),
    "tenant of nothing": (*TWO, "--default", V1, "--tenant", "a"),
    "101 percent": (*TWO, "--default", V1, "--canary", V2, "--percentage", "101"),
    "negative percentage": (*TWO, "--default", V1, "--canary", V2, "--percentage", "-1"),
    "half a percent": (*TWO, "--default", V1, "--canary", V2, "--percentage", "0.5"),
    "blank tenant": (*TWO, "--default", V1, "--canary", V2, "--tenant", " "),
    "bytes for a tenant": (*TWO, "--default", V1, "--canary", V2, "--tenant", "\udcff"),
    "requested without sign": (*TWO, "--default", V1, "--requested", V2),
    "requested without name": (*TWO, "--default", V1, "--requested", f"={V2}"),
    "requested of nothing": (*TWO, "--default", V1, "--requested", "n=x/v1"),
    "requested twice": (*TWO, "--default", V1, "--requested", f"n={V1}", "--requested", f"n={V2}"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use_writes_nothing(name: str, workspace: Path, tmp_path: Path) -> None:
    path = tmp_path / "d.json"
    done = rsppc_here(workspace, "distribution", "emit", *WRONG[name], "--output", str(path))
    assert (done.returncode, done.stdout) == (2, b"") and done.stderr
    assert not path.exists()


def test_a_tenant_that_nobody_could_read_is_refused(workspace: Path) -> None:
    options = ("--default", V1, "--canary", V2, "--tenant", "a\u202eb")
    done = rsppc_here(workspace, "distribution", "emit", *TWO, *options)
    assert done.returncode == 1 and b"U+202E" in done.stdout


def _change(built: Path, of: str, name: str, **values: Any) -> None:
    path = built / folder_of(of) / name
    text = json.dumps({**json.loads(path.read_bytes()), **values})
    path.unlink()
    path.write_text(text)


def test_a_distribution_that_the_runtime_would_refuse_is_not_merged(built: Path) -> None:
    _change(built, V2, "distribution.json", stale=True)
    done = rsppc_here(built, "distribution", "emit", *TWO, "--default", V1, "--output", "d.json")
    assert done.returncode == 1 and b"RSP7410" in done.stdout and b"line_bundle/v2/distribution.json:1:" in done.stdout
    assert not (built / "d.json").exists()


def test_files_that_do_not_belong_together_are_an_integrity_failure(built: Path) -> None:
    _change(built, V2, "bundle.json", version="v3")
    done = rsppc_here(built, "distribution", "emit", *TWO, "--default", V1)
    assert (done.returncode, done.stdout) == (3, b"") and b"do not belong together" in done.stderr


def test_a_missing_file_is_an_integrity_failure(built: Path) -> None:
    (built / folder_of(V2) / "distribution.json").unlink()
    done = rsppc_here(built, "distribution", "emit", *TWO, "--default", V1)
    assert (done.returncode, done.stdout) == (3, b"") and b"distribution.json" in done.stderr


def test_one_version_with_two_texts_is_an_integrity_failure(built: Path) -> None:
    shutil.copytree(built / folder_of(V1), built / "other")
    value = json.loads((built / "other/distribution.json").read_bytes())
    value["policy"]["default"]["budgets"]["turn_budget_ms"] += 1
    (built / "other/distribution.json").write_text(json.dumps(value))
    done = rsppc_here(built, "distribution", "emit", folder_of(V1), "other")
    assert done.returncode == 3 and b"differ" in done.stderr


def test_a_distribution_of_several_is_no_bundle(built: Path) -> None:
    value = emitted(built, *TWO, "--default", V1)
    _change(built, V1, "distribution.json", **value)
    assert rsppc_here(built, "distribution", "emit", folder_of(V1)).returncode == 3


def test_a_section_without_a_default_is_no_bundle(built: Path) -> None:
    value = json.loads((built / folder_of(V1) / "distribution.json").read_bytes())
    _change(built, V1, "distribution.json", lease={"by_pipeline": {V1: value["lease"]["default"]}})
    assert rsppc_here(built, "distribution", "emit", folder_of(V1)).returncode == 3


@pytest.mark.parametrize("name", ["bundle.json", "distribution.json"])
@pytest.mark.parametrize("data", [b"", b"\0", b"[]", b"{", b"[" * 10_000, b'{"a": 1, "a": 2}', b"\xff"])
def test_hostile_files_of_a_bundle_are_findings(name: str, data: bytes, built: Path) -> None:
    path = built / folder_of(V1) / name
    path.unlink()
    path.write_bytes(data)
    done = rsppc_here(built, "distribution", "emit", folder_of(V1))
    assert done.returncode == 1 and f"{folder_of(V1)}/{name}".encode() in done.stdout


def test_what_a_bundle_warns_of_is_told_and_does_not_stop_it(built: Path) -> None:
    value = json.loads((built / folder_of(V1) / "distribution.json").read_bytes())
    del value["policy"]["default"]["edge_buffer_policies"]["default"]
    _change(built, V1, "distribution.json", **value)
    done = rsppc_here(built, "distribution", "emit", folder_of(V1))
    assert done.returncode == 0 and done.stderr.startswith(b"warning: `edge_buffer_policies` has no `default`")


# --- Writing ----------------------------------------------------------------------------------------------------------


def test_the_file_is_replaced_in_one_step_and_nothing_is_left_beside_it(built: Path) -> None:
    (built / "out").mkdir()
    (built / "out/d.json").write_text("old")
    os.symlink("out/d.json", built / "link.json")
    done = rsppc_here(built, "distribution", "emit", folder_of(V1), "--output", "link.json")
    assert (done.returncode, done.stdout) == (0, b"written link.json\n")
    assert (built / "link.json").is_symlink() and os.listdir(built / "out") == ["d.json"]
    assert (built / "out/d.json").read_bytes() == (built / folder_of(V1) / "distribution.json").read_bytes()


def test_a_folder_that_is_not_there_is_made(built: Path) -> None:
    assert rsppc_here(built, "distribution", "emit", folder_of(V1), "--output", "new/folder/d.json").returncode == 0
    assert os.listdir(built / "new/folder") == ["d.json"]


@pytest.mark.parametrize("place", ["folder", "build/line_bundle/v1/bundle.json/d.json"])
def test_a_file_that_cannot_be_written_is_a_fault_and_leaves_nothing(place: str, built: Path) -> None:
    (built / "folder").mkdir()
    before = sorted(os.listdir(built))
    done = rsppc_here(built, "distribution", "emit", folder_of(V1), "--output", place)
    assert done.returncode == 4 and b"cannot write" in done.stderr
    assert sorted(os.listdir(built)) == before


def test_a_full_disk_leaves_what_was_there(built: Path) -> None:
    (built / "d.json").write_text("old")
    done = rsppc(built, "distribution", "emit", folder_of(V1), "--output", "d.json", file_size_max=100)
    assert done.returncode == 4
    assert (built / "d.json").read_text() == "old" and sorted(os.listdir(built)) == ["build", "d.json"]


def test_standard_output_is_asked_for_by_a_hyphen_too(workspace: Path) -> None:
    texts = {
        rsppc_here(workspace, "distribution", "emit", folder_of(V1), *more).stdout for more in ((), ("--output", "-"))
    }
    assert len(texts) == 1 and not (workspace / "-").exists()


def test_a_device_is_written_to(workspace: Path) -> None:
    done = rsppc_here(workspace, "distribution", "emit", folder_of(V1), "--output", "/dev/null")
    assert done.returncode == 0 and not Path("/dev/null").is_file()


def test_the_spec_of_the_second_bundle_is_another_one() -> None:
    assert _files()["pipelines/specs/line_v2.yaml"] != CLEAN[SPEC_PATH]
