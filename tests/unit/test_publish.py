"""`rsppc publish`: built, judged, packed, signed and kept in one go, once, and all of it or nothing."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from killed_publishers import killed_at_every
from rsppc.cli.exits import ENVIRONMENT, OK
from rsppc.store.artifacts import StoredArtifacts
from rsppc.store.protocols import Stored, StoreFault
from rsppc.store.registry import opened
from signing_keys import key_file
from workspaces import BUNDLE, BUNDLE_PATH, SPEC, SPEC_PATH, make, rsppc_here

REF = "line_bundle/v1"
NOW = ("--now", "2026-01-01T08:00:00Z")
PUBLISH = ("publish", REF, *NOW)
SIGNED = (*PUBLISH, "--key", "builder.key")
PACKAGE = "777a19f1-417f-5e74-bb52-75c05e4ca318"


@cache
def _published() -> Path:
    folder = make(Path(mkdtemp(prefix="rsppc-published-")))
    key_file(folder, "builder", 1)
    key_file(folder, "releaser", 2, "p256")
    assert run(folder, *SIGNED)[0] == 0
    return folder


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A workspace that nothing was published from."""
    key_file(tmp_path, "builder", 1)
    key_file(tmp_path, "releaser", 2, "p256")
    return make(tmp_path)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A workspace with a bundle that was published and signed."""
    return Path(shutil.copytree(_published(), tmp_path / "w", symlinks=True))


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = rsppc_here(folder, *arguments)
    return done.returncode, (done.stdout + done.stderr).decode()


def told(folder: Path, *arguments: str) -> dict[str, Any]:
    done = rsppc_here(folder, *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr.decode()
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def head(folder: Path) -> bytes:
    return (folder / "store/registry.head").read_bytes()


# --- What is published ------------------------------------------------------------------------------------------------


def test_a_package_holds_the_build_its_inputs_and_how_it_was_made(published: Path) -> None:
    """R-001-15, R-004-04: everything that is needed to prove it, and to build it again."""
    with opened(str(published / "store"), writable=False) as registry:
        (package,) = registry.packages(kind="bundle")
        files = {file.path: file for file in registry.files(package.package_id)}
        value = registry.manifest_value(package.package_id)
        attested = [one.name for one in registry.attestations(package.package_id)]
        contents = {name: b"".join(registry.content(file)) for name, file in files.items()}
    built = {path.name: path.read_bytes() for path in (published / "build" / REF).iterdir()}
    assert {name: data for name, data in contents.items() if "/" not in name} == built
    inputs = {data for name, data in contents.items() if name.startswith("inputs/")}
    assert inputs == {path.read_bytes() for path in (published / "pipelines").rglob("*.yaml")}
    assert package.package_id == PACKAGE and package.subject == REF and package.retention_class == "release"
    assert value["provenance"]["arguments"]["bundle"] == REF and value["provenance"]["locked"] is False
    assert {SPEC_PATH, BUNDLE_PATH} < value["provenance"]["inputs"].keys()
    assert attested == ["package-fd110d301d2f077d.dsse.json", "provenance.dsse.json", "sbom.cdx.json"]
    stored = StoredArtifacts(root=str(published / "store")).get_bundle(REF)
    assert isinstance(stored, Stored) and stored.digest == value["package"]["metadata"]["digest"]


def test_what_was_published_is_verified_anywhere(published: Path, tmp_path: Path) -> None:
    assert run(published, "store", "export", PACKAGE, "one.tar")[0] == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("one.tar", "builder.key.pub"):
        shutil.move(published / name, elsewhere / name)
    shutil.rmtree(published)
    code, said = run(elsewhere, "verify", "one.tar", "--key", "builder.key.pub", "--rebuild")
    assert code == 0 and "the same, byte for byte" in said


def test_the_store_has_what_a_bundle_refers_to_under_the_digests_that_it_pins(published: Path) -> None:
    """R-001-12 to R-001-14: what is this workspace's; what ships comes with the compiler."""
    store = StoredArtifacts(root=str(published / "store"))
    bundle = store.get_bundle(REF)
    assert isinstance(bundle, Stored)
    spec = store.get_pipeline_spec(bundle.value["spec_ref"])
    assert isinstance(spec, Stored) and bundle.value["spec_ref"].endswith(spec.digest)
    profile = store.get_execution_profile(bundle.value["profile_ref"])
    assert isinstance(profile, StoreFault) and profile.kind == "missing"


def test_a_spec_that_changed_under_its_version_is_refused_whatever_the_bundle_is_called(published: Path) -> None:
    """R-001-53"""
    other = BUNDLE.replace("version: v1\nspec", "version: v2\nspec")
    make(published, {BUNDLE_PATH.replace("v1", "v2"): other, SPEC_PATH: SPEC.replace("400", "500")})
    before = head(published)
    code, said = run(published, "publish", "line_bundle/v2")
    assert code == 3 and "`line/v1` was published before" in said and "`/nodes/0/config/silence_ms`" in said
    assert head(published) == before


def test_two_machines_publish_the_same_package(here: Path, published: Path) -> None:
    """R-001-12: a digest stands for content, and for no place or time."""
    one = told(here, *SIGNED[:2], "--key", "builder.key", "--now", "2030-01-01T00:00:00Z")
    other = told(published, *SIGNED)
    assert (one["package_id"], one["manifest_digest"]) == (other["package_id"], other["manifest_digest"])
    assert (one["state"], other["state"], one["event"]) == ("published", "before", 15)


def test_publishing_again_changes_nothing(published: Path) -> None:
    before = head(published)
    for words in (SIGNED, PUBLISH, (*PUBLISH, "--require-signature"), (*SIGNED, "--dry-run")):
        code, said = run(published, *words)
        assert code == 0 and "published before" in said, said
    assert head(published) == before


def test_a_dry_run_writes_nothing_and_says_what_would_be(here: Path) -> None:
    before = sorted(here.rglob("*"))
    would = told(here, *SIGNED, "--dry-run")
    assert sorted(here.rglob("*")) == before
    made = told(here, *SIGNED)
    assert would["state"] == "would-publish" and would["manifest_digest"] == made["manifest_digest"]


# --- What is refused --------------------------------------------------------------------------------------------------


def test_other_content_under_a_version_is_refused_with_the_first_difference(published: Path) -> None:
    """R-001-53"""
    before = head(published)
    make(published, {BUNDLE_PATH: BUNDLE.replace("max: v1.1", "max: v1.2")})
    for words in (SIGNED, (*PUBLISH, "--dry-run")):
        code, said = run(published, *words)
        assert code == 3 and "`/compat_window/runtime/max` of `bundle.json`" in said and '"v1.2"' in said
    assert head(published) == before


def test_a_comment_is_no_other_content_and_is_not_signed_as_what_was_published(published: Path) -> None:
    make(published, {SPEC_PATH: f"# A note.\n{SPEC}"})
    code, said = run(published, *SIGNED)  # this key has signed already
    assert code == 0 and "built from other sources then: `provenance.json` differs at `/origins/" in said
    code, said = run(published, *PUBLISH, "--key", "releaser.key")
    assert code == 3 and "sign what was published, with `rsppc sign PACKAGE --store FOLDER`" in said
    assert run(published, "sign", PACKAGE, "--store", "store", "--key", "releaser.key")[0] == 0
    assert run(published, *PUBLISH, "--key", "releaser.key")[0] == 0


def test_a_second_key_joins_the_first(published: Path) -> None:
    code, said = run(published, *PUBLISH, "--key", "releaser.key")
    assert code == 0 and "published before" in said
    for key in ("builder.key.pub", "releaser.key.pub"):
        words = ("verify", PACKAGE, "--store", "store", "--key", "builder.key.pub", "--role", "releaser")
        assert run(published, *words, *(("--key", key) if key != "builder.key.pub" else ()))[0] == 0


def test_what_nobody_signs_is_refused_where_that_is_asked_for(here: Path) -> None:
    """Also where it was published before, by somebody who did not ask."""
    words = (*PUBLISH, "--require-signature")
    assert run(here, *words)[0] == 2 and not (here / "store").exists()
    assert run(here, *PUBLISH)[0] == 0 and run(here, *words)[0] == 2
    assert run(here, *words, "--key", "builder.key")[0] == 0 and run(here, *words)[0] == 0


def test_a_pinned_bundle_is_built_locked(here: Path) -> None:
    """R-001-71: what is pinned is what is published."""
    assert run(here, "build")[0] == 0 and run(here, "pin", REF)[0] == 0
    text = (here / BUNDLE_PATH).read_text()
    line = next(line for line in text.splitlines() if line.startswith("profile_ref"))
    make(here, {BUNDLE_PATH: text.replace(line, line.partition("@")[0])})
    code, said = run(here, *PUBLISH)
    assert code == 3 and "RSP7103 not-pinned" in said and not (here / "store").exists()
    make(here, {BUNDLE_PATH: text})
    assert run(here, *PUBLISH)[0] == 0
    with opened(str(here / "store"), writable=False) as registry:
        assert registry.manifest_value(PACKAGE)["provenance"]["locked"] is True


def test_of_several_bundles_all_are_published_or_none(here: Path) -> None:
    other = BUNDLE.replace("version: v1\nspec", "version: v2\nspec")
    make(here, {BUNDLE_PATH.replace("v1", "v2"): other.replace("line/v1", "lin/v1")})
    assert run(here, "publish", REF, "line_bundle/v2")[0] == 1 and not (here / "store").exists()
    make(here, {BUNDLE_PATH.replace("v1", "v2"): other})
    code, said = run(here, "publish", REF, "line_bundle/v2", *NOW)
    assert code == 0 and said.count("  published\n") == 2
    make(
        here, {BUNDLE_PATH.replace("v1", "v3"): other.replace("v2", "v3"), BUNDLE_PATH: BUNDLE.replace("v1.1", "v1.3")}
    )
    before = head(here)
    assert run(here, "publish", "line_bundle/v3", REF)[0] == 3 and head(here) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--promote",), "nothing is promoted without evidence"),
        (("--promote", "--rollout", "line/v1"), "nothing is promoted without evidence"),
        (("--promote", "--release", "a.json", "--rollout", "line/v1"), "`--release` was judged before"),
        (("--promote", "--release", "a.json", "--turns", "3"), "`--turns` is for judging"),
        (("--release", "a.json"), "`--release` is for a promotion"),
        (("--promote", "--release", "a.json"), "there is no file `a.json`"),
        (("--promote", "--rollout", "line/v1", "--output", "o", "--dry-run"), "judging writes evidence"),
        (("--key", "none.key"), "cannot be read"),
        (("--passphrase-env", "NONE"), "a passphrase opens no key"),
        (("--now", "yesterday"), "is no point in time"),
        (("--snapshot", "none/v1"), "there is no control-plane snapshot `none/v1`"),
        (("--store", SPEC_PATH), "cannot publish into"),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_options_that_cannot_be_meant_are_refused(here: Path, words: tuple[str, ...], said: str) -> None:
    code, found = run(here, "publish", REF, *words)
    assert code in (1, 2, 4) and said in found and "Traceback" not in found
    assert not (here / "store").exists()


# --- Interrupted ------------------------------------------------------------------------------------------------------


def test_whoever_is_killed_leaves_all_or_nothing_and_the_same_command_finishes_it(tmp_path: Path) -> None:
    """R-001-15: at steps to the disk and statements of the database; at every single one in the heavier checks."""
    assert killed_at_every(41, tmp_path) > 4


def test_a_folder_that_cannot_be_listed_is_not_taken_for_empty(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the workspace is published where a part of it could not be seen, at whichever look that happens."""
    listing = os.scandir
    wanted = str(here / "pipelines/specs")

    for chosen in (1, 2, 3):  # each look lists it, and then asks once more which names are links
        looks = 0

        def failing(path: Any = ".", chosen: int = chosen) -> Any:
            nonlocal looks
            if path == wanted:
                looks += 1
                if looks == chosen:
                    raise OSError(errno.EIO, "Input/output error", path)
            return listing(path)

        monkeypatch.setattr(os, "scandir", failing)
        code, said = run(here, *PUBLISH)
        assert looks >= chosen
        assert code == ENVIRONMENT and "cannot read `pipelines/specs`: input/output error" in said, said
        assert not (here / "store").exists()


@pytest.mark.parametrize(
    "name",
    ["line_v1.yaml", "line_bundle_v1.yaml", "rspp_std_v1.yaml", "telephony_v1.yaml", "rsppc.toml", "builder.key"],
)
def test_a_file_that_cannot_be_read_is_not_taken_for_missing(
    here: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whether it ships or not, and matters or not, at whichever look: what is signed was read whole."""
    opening = os.open, io.open
    looks = chosen = 0

    def failing(which: int) -> Any:
        def failing_open(path: Any, *arguments: Any, **named: Any) -> Any:
            nonlocal looks
            if str(path).endswith(f"/{name}") or path == name:
                looks += 1
                if looks == chosen:
                    raise OSError(errno.EIO, "Input/output error", path)
            return opening[which](path, *arguments, **named)

        return failing_open

    monkeypatch.setattr(os, "open", failing(0))
    monkeypatch.setattr("builtins.open", failing(1))
    while looks >= chosen:
        assert not (here / "store").exists()
        looks, chosen = 0, chosen + 1
        code, said = run(here, *SIGNED)
        if looks >= chosen:
            assert code == ENVIRONMENT and "input/output error" in said.lower(), (chosen, said)
    assert chosen > 1 and code == OK


# --- For a runtime ----------------------------------------------------------------------------------------------------


def runtime_here(folder: Path) -> None:
    """A runtime of the house's own, which can call what the bundle calls."""
    shipped = (Path(__file__).parents[2] / "pipelines/compat/rspp_go_v1.yaml").read_text()
    own = shipped.replace("rspp_go", "house").replace("providers: [", "providers: [stt-house, llm-house, tts-house, ")
    make(folder, {"pipelines/compat/house_v1.yaml": own})


def test_a_bundle_is_published_as_built_for_a_runtime(here: Path) -> None:
    """What is built with `rsppc build --runtime` can be published, and is built again for that runtime."""
    runtime_here(here)
    assert run(here, *SIGNED, "--build-runtime", "house/v1")[0] == 0
    with opened(str(here / "store"), writable=False) as registry:
        value = registry.manifest_value(PACKAGE)["provenance"]
    assert value["arguments"]["runtime"] == "house/v1" and "pipelines/compat/house_v1.yaml" in value["inputs"]
    code, said = run(here, "verify", PACKAGE, "--store", "store", "--key", "builder.key.pub", "--rebuild")
    assert code == 0 and "the same, byte for byte" in said
    before = head(here)
    code, said = run(here, *SIGNED)
    assert code == 0 and "published before" in said and head(here) == before, "what was recorded first stays"


def test_a_runtime_that_cannot_run_a_bundle_gets_none(here: Path) -> None:
    code, said = run(here, *PUBLISH, "--build-runtime", "rspp_go/v1")
    assert code == 1 and "RSP7723" in said and not (here / "store").exists()
    code, said = run(here, *PUBLISH, "--build-runtime", "none/v1")
    assert code == 2 and "there is no RuntimeCapability `none/v1`" in said
    code, said = run(here, *PUBLISH, "--runtime", "rspp_go/v1")
    assert code == 2 and "`--build-runtime` builds for a runtime" in said and not (here / "store").exists()


def test_who_did_not_sign_what_was_published_does_not_sign_another_build(published: Path) -> None:
    """The same files, and another way to them: what is signed is what was made."""
    runtime_here(published)
    code, said = run(published, *PUBLISH, "--key", "releaser.key", "--build-runtime", "house/v1")
    assert code == 1 and "made in another way" in said and f"rsppc sign {PACKAGE}" in said
    with opened(str(published / "store"), writable=False) as registry:
        assert len(registry.attestations(PACKAGE)) == 3, "nobody signed anything"
