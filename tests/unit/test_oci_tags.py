"""Tags of packages: what they name stays unless it is moved on purpose, also where many push at once."""

from __future__ import annotations

import json
import resource
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from registry_service import RegistryService, registry_service
from rsppc.cli.exits import INTEGRITY, OK
from rsppc.oci import artifact
from rsppc.oci import layout as layouts
from rsppc.oci.credentials import Credentials
from rsppc.oci.host import RegistryHost
from rsppc.oci.layout import Layout
from rsppc.oci.moving import Pushed, fetch, push, take
from rsppc.oci.places import Place
from rsppc.oci.reference import reference_of
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry
from stores import AT, published, store_in
from workspaces import rsppc_here

IMAGE = b'{"config":{"digest":"sha256:x","mediaType":"application/vnd.oci.image.config.v1+json","size":2}}'


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "here") as registry:
        yield registry


@pytest.fixture
def service() -> Iterator[RegistryService]:
    with registry_service() as started:
        yield started


@pytest.fixture(params=["folder", "registry"])
def place(request: pytest.FixtureRequest, tmp_path: Path, service: RegistryService) -> Place:
    if request.param == "folder":
        return Layout(str(tmp_path / "layout"))
    return RegistryHost(reference_of(f"oci://{service.host}/team/runs"), Credentials(), wait=lambda _: None)


def pushed(registry: Registry, package: str, place: Place, tag: str = "v1", **how: bool) -> Pushed:
    return push(registry, package, place, tag, lambda _: None, **how)


def refusal(act: Callable[[], object]) -> StoreProblem:
    with pytest.raises(StoreProblem) as caught:
        act()
    return caught.value


def files_in(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


# --- What a tag names ------------------------------------------------------------------------------------------------


def test_a_tag_is_not_moved_unasked(here: Registry, place: Place, service: RegistryService, tmp_path: Path) -> None:
    first, second = published(here), published(here, run="r2", files={"b": b"another\n"})
    held = pushed(here, first, place)
    assert not pushed(here, first, place).changed, "the same again is welcome"
    before, blobs = files_in(tmp_path / "layout"), dict(service.blobs)
    problem = refusal(lambda: pushed(here, second, place))
    other = pushed(here, second, Layout(str(tmp_path / "other"))).digest
    assert problem.kind == "conflict" and held.digest in problem.what and other in problem.what
    assert "--move-tag" in problem.advice
    assert place.tagged("v1") == held.digest
    assert (files_in(tmp_path / "layout"), service.blobs) == (before, blobs), "nothing was sent"
    assert pushed(here, second, place, move_tag=True).digest == place.tagged("v1") == other
    assert fetch(place, held.digest).digest == held.digest, "what was named by digest stays"


def test_a_tag_of_something_else_is_not_free(here: Registry, place: Place) -> None:
    digest = artifact.digest_of(IMAGE)
    place.put_manifest(IMAGE, digest, "v1", None)
    assert digest in refusal(lambda: pushed(here, published(here), place)).what
    assert place.tagged("v1") == digest


def test_registries_are_asked_for_whatever_a_tag_may_name(here: Registry, service: RegistryService) -> None:
    """One of them keeps silent about an index where nobody says that they know what that is."""
    kinds = RegistryHost(reference_of(f"oci://{service.host}/team/runs"), Credentials())
    pushed(here, published(here), kinds)
    assert all("image.index.v1+json" in one and "manifest.list" in one for one in service.accepted if one)
    assert any(service.accepted)


def test_who_is_quicker_with_a_tag_keeps_it(here: Registry, place: Place) -> None:
    """Both saw that the tag was free; while one was sending, the other was done."""
    first, second = published(here), published(here, run="r2")
    named = place.put_manifest

    def slow(data: bytes, digest: str, tag: str | None, held: str | None) -> None:
        place.put_manifest = named  # type: ignore[method-assign]
        pushed(here, second, place)
        named(data, digest, tag, held)

    place.put_manifest = slow  # type: ignore[method-assign]
    problem = refusal(lambda: pushed(here, first, place))
    assert problem.kind == "conflict" and str(place.tagged("v1")) in problem.what
    assert fetch(place, "v1").described.package_id == second


def test_the_command_line_says_how_a_tag_is_moved(here: Registry, tmp_path: Path) -> None:
    first, second = published(here), published(here, run="r2")
    words = ("push", first, "oci:layout:v1", "--store", "here")
    assert rsppc_here(tmp_path, *words).returncode == OK
    done = rsppc_here(tmp_path, "push", second, *words[2:])
    assert done.returncode == INTEGRITY and b"--move-tag" in done.stderr
    assert rsppc_here(tmp_path, "push", second, *words[2:], "--move-tag").returncode == OK


# --- Many at once, and what goes wrong in a folder -------------------------------------------------------------------


def test_nobody_who_pushes_into_a_new_folder_loses_a_tag(here: Registry, tmp_path: Path) -> None:
    data = IMAGE
    for turn in range(5):
        folder = Layout(str(tmp_path / f"layout{turn}"))
        ready = threading.Barrier(8)

        def put(tag: str, folder: Layout = folder, ready: threading.Barrier = ready) -> None:
            ready.wait()
            folder.put_manifest(data, artifact.digest_of(data), tag, None)

        threads = [threading.Thread(target=put, args=(f"v{number}",)) for number in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert all(folder.tagged(f"v{number}") for number in range(8))


def test_the_lock_is_on_what_nobody_replaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    locked = []
    monkeypatch.setattr(layouts.fcntl, "flock", lambda handle, _: locked.append(handle_path(handle)))
    Layout(str(tmp_path / "layout")).put_manifest(IMAGE, artifact.digest_of(IMAGE), "v1", None)
    assert locked == [tmp_path / "layout"]


def handle_path(handle: int) -> Path:
    return Path(f"/proc/self/fd/{handle}").readlink()


def test_pushing_again_mends_a_manifest_in_a_folder(here: Registry, tmp_path: Path) -> None:
    package, folder = published(here), Layout(str(tmp_path / "layout"))
    made = pushed(here, package, folder)
    for damage in (b"damage", None):
        path = tmp_path / "layout/blobs/sha256" / made.digest.removeprefix("sha256:")
        path.unlink()
        if damage is not None:
            path.write_bytes(damage)
        assert refusal(lambda: fetch(folder, "v1")).kind == "corrupt"
        assert pushed(here, package, folder).digest == made.digest
        assert fetch(folder, "v1").described.package_id == package


@pytest.mark.parametrize("more", [b'"x":1e999', b'"x":' + b"[" * 100_000 + b"]" * 100_000, b'"x":' + b"9" * 5000])
def test_what_nobody_looks_at_breaks_nothing(here: Registry, tmp_path: Path, more: bytes) -> None:
    package, folder = published(here), Layout(str(tmp_path / "layout"))
    pushed(here, package, folder)
    data = (folder.manifest("v1") or b"")[:-1] + b"," + more + b"}"
    folder.put_manifest(data, artifact.digest_of(data), "v2", None)
    with store_in(tmp_path / "there") as there:
        problem = refusal(lambda: take(there, folder, fetch(folder, "v2"), AT, lambda _: None))
    assert problem.kind in ("corrupt", "malformed")
    index = tmp_path / "layout/index.json"
    index.write_bytes(index.read_bytes()[:-1] + b"," + more + b"}")
    before = index.read_bytes()
    assert refusal(lambda: pushed(here, package, folder, "v3")).kind == "malformed" and index.read_bytes() == before


def test_an_index_without_entries_is_one(here: Registry, tmp_path: Path) -> None:
    (tmp_path / "layout").mkdir()
    (tmp_path / "layout/index.json").write_text('{"schemaVersion":2}')
    pushed(here, published(here), Layout(str(tmp_path / "layout")))


def test_an_index_grows_no_larger_than_it_is_read(here: Registry, tmp_path: Path, monkeypatch: Any) -> None:
    folder = Layout(str(tmp_path / "layout"))
    pushed(here, published(here), folder)
    monkeypatch.setattr(layouts, "SIZE_MAX", 600)
    problem = refusal(lambda: folder.put_manifest(IMAGE, artifact.digest_of(IMAGE), "v" * 100, None))
    assert problem.kind == "refused" and folder.tagged("v1") is not None and folder.tagged("v" * 100) is None


def test_a_disk_that_is_full_is_said(here: Registry, tmp_path: Path) -> None:
    package = published(here)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        problem = refusal(lambda: pushed(here, package, Layout(str(tmp_path / "layout"))))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert problem.kind == "environment" and "layout" in problem.what
    assert not files_in(tmp_path / "layout"), "nothing is left half-written"


def test_an_upload_that_somebody_else_gets_in_the_way_of_is_made_again(
    here: Registry, service: RegistryService
) -> None:
    """A registry that puts the same bytes away for two at once may call one of them wrong."""
    place = RegistryHost(reference_of(f"oci://{service.host}/team/runs"), Credentials(), wait=lambda _: None)
    service.does = "calls blobs wrong once"
    assert pushed(here, published(here), place).sent == 3
    service.does = "calls blobs wrong"
    problem = refusal(lambda: pushed(here, published(here, run="r2"), place, "v2"))
    assert problem.kind == "refused" and "DIGEST_INVALID" in problem.what


# --- Names of strangers ----------------------------------------------------------------------------------------------


def test_what_strangers_wrote_drives_no_terminal(here: Registry, tmp_path: Path) -> None:
    folder = Layout(str(tmp_path / "layout"))
    pushed(here, published(here), folder)
    value = json.loads(folder.manifest("v1") or b"")
    said = {"vnd.rsppc.attestation.name": "\x1b[31mred\nrsppc: fine", "vnd.rsppc.attestation.media-type": "a/b"}
    said["vnd.rsppc.attestation.blake3"] = "blake3:" + "a" * 64
    held = value["layers"][0]
    value["layers"].append(
        {"mediaType": artifact.ATTESTATION_TYPE, "size": 1, "annotations": said} | {"digest": held["digest"]}
    )
    data = json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    folder.put_manifest(data, artifact.digest_of(data), "v2", None)
    done = rsppc_here(tmp_path, "pull", "oci:layout:v2", "--output", "out")
    said_of_it = (done.stdout + done.stderr).decode()
    assert done.returncode == INTEGRITY and "red" in said_of_it
    assert "\x1b" not in said_of_it and "\nrsppc: fine" not in said_of_it
