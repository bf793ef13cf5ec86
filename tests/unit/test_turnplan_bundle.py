"""What a runtime loads: a bundle is whole, pinned and unchanged, or it is not loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rsppc.base.canonical_json import digest_value
from rsppc.turnplan import BundleFault, LoadedBundle, load_bundle, read_bundle
from turns import UNBOUND, built
from workspaces import environment

FILES = ("bundle.json", "resolved_spec.json", "provenance.json")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("bundle")
    built(folder)
    return {name: (folder / "build/line_bundle/v1" / name).read_bytes() for name in FILES}


def changed(files: dict[str, bytes], name: str, change: Callable[[dict[str, Any]], object]) -> dict[str, bytes]:
    value = json.loads(files[name])
    change(value)
    return {**files, name: json.dumps(value).encode()}


def fault_of(files: dict[str, bytes], **options: Any) -> BundleFault:
    found = read_bundle(files, **options)
    assert isinstance(found, BundleFault)
    return found


def test_a_built_bundle_is_loaded(files: dict[str, bytes]) -> None:
    found = read_bundle(files)
    assert isinstance(found, LoadedBundle)
    assert found.pipeline_version == "line_bundle/v1"
    assert found.runtime_window == ("v1", "v1.1")
    assert found.digest == digest_value(json.loads(files["bundle.json"]))
    assert isinstance(read_bundle(files, digest=found.digest), LoadedBundle)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_one_flipped_byte_is_found(files: dict[str, bytes], data: st.DataObject) -> None:
    """Whatever byte it is: the value is the same as before, or the bundle is refused."""
    name = data.draw(st.sampled_from(FILES[:2]))
    place = data.draw(st.integers(0, len(files[name]) - 1))
    flipped = bytearray(files[name])
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    found = read_bundle({**files, name: bytes(flipped)})
    if isinstance(found, LoadedBundle):
        assert json.loads(bytes(flipped)) == json.loads(files[name])
    else:
        assert found.file == name and found.message


@pytest.mark.parametrize("name", FILES[:2])
def test_a_missing_file_is_named(files: dict[str, bytes], name: str) -> None:
    fault = fault_of({one: content for one, content in files.items() if one != name})
    assert (fault.file, fault.message) == (name, "the file is not there")


def test_a_bundle_without_its_side_file_is_loaded(files: dict[str, bytes]) -> None:
    assert isinstance(read_bundle({name: files[name] for name in FILES[:2]}), LoadedBundle)


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("$.spec_ref", lambda value: value.update(spec_ref="pipeline:line/v1")),
        ("$.profile_ref", lambda value: value.update(profile_ref=value["profile_ref"].replace("sha256:", "md5:"))),
        ("$.policy_refs[0]", lambda value: value["policy_refs"].__setitem__(0, 7)),
        ("$.outputs.resolved_spec", lambda value: value["outputs"].clear()),
        ("$.surprise", lambda value: value.update(surprise=1)),
        ("$.assets", lambda value: value.pop("assets")),
        ("$.version", lambda value: value.update(version=1)),
        ("$.schema_version", lambda value: value.update(schema_version="rspp.pipeline.bundle.v2")),
    ],
)
def test_a_bundle_that_is_not_pinned_or_not_known_is_refused(
    files: dict[str, bytes], path: str, change: Callable[[dict[str, Any]], object]
) -> None:
    """R-001-71: nothing is taken on trust."""
    fault = fault_of(changed({name: files[name] for name in FILES[:2]}, "bundle.json", change))
    assert (fault.file, fault.path) == ("bundle.json", path)


def test_two_bundles_do_not_mix(files: dict[str, bytes], tmp_path: Path) -> None:
    built(tmp_path, spec=UNBOUND.replace("silence_ms: 400", "silence_ms: 450"))
    other = (tmp_path / "build/line_bundle/v1/resolved_spec.json").read_bytes()
    assert fault_of({**files, "resolved_spec.json": other}).file == "resolved_spec.json"


def test_another_digest_than_the_caller_knows_is_refused(files: dict[str, bytes]) -> None:
    assert "digest" in fault_of(files, digest="sha256:" + "0" * 64).message


def test_a_bundle_that_its_side_file_does_not_know_is_refused(files: dict[str, bytes]) -> None:
    other = changed(files, "bundle.json", lambda value: value["compat_window"]["runtime"].update(max="v9"))
    assert "provenance.json" in fault_of(other).message


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b"{", b"[" * 100_000, b'{"a":"\\ud800"}', b"\x00" * 64])
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_json_object_is_refused(files: dict[str, bytes], name: str, content: bytes) -> None:
    assert fault_of({**files, name: content}).file in FILES


def test_a_folder_that_is_not_there_and_a_file_in_its_place_are_faults(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert isinstance(load_bundle(tmp_path / "nowhere"), BundleFault)
    assert isinstance(load_bundle(tmp_path / "file"), BundleFault)


def test_loading_imports_nothing_of_the_compiler(tmp_path: Path) -> None:
    """A runtime that resolves turns pays for neither grammars nor command lines."""
    built(tmp_path)
    script = (
        "import sys\nfrom rsppc.turnplan import TurnPlanResolver, load_bundle\n"
        "TurnPlanResolver(load_bundle(sys.argv[1]))\nprint(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "build/line_bundle/v1"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"lark", "pydantic", "networkx", "jinja2", "click", "yaml", "jsonschema", "cel_expr_python"}
    assert not any(name.startswith(("rsppc.syntax", "rsppc.lowering", "rsppc.passes", "rsppc.cli")) for name in loaded)
