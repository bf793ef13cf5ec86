"""What the registry refuses although somebody insists: content that is not as stated, places that cannot hold it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cbor2
import pytest
from rsppc.store import manifest, places, registry
from rsppc.store.config import Config
from rsppc.store.hashing import digests_of
from rsppc.store.problems import StoreProblem
from rsppc.store.registry import Registry, init_store, opened
from rsppc.store.request import Entry, PackageRequest
from stores import AT, FILES, filled, published, store_in


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Registry]:
    with store_in(tmp_path / "store") as made:
        yield made


@pytest.mark.parametrize("kind", ["blake3", "sha256"])
def test_content_of_another_digest_than_stated_is_refused(store: Registry, kind: str) -> None:
    """Also where it has the size that was stated."""
    made = store.create_package(PackageRequest(producer="p", run_id="r", subject="s"), AT).package.package_id
    stated, other = digests_of(b"as stated"), b"is anothe"
    expected = stated.primary if kind == "blake3" else stated.sha256
    with pytest.raises(StoreProblem, match=f"`a` has digest {kind}:.*, not {expected}") as found:
        store.ingest_file(made, Entry(path="a", size=len(other), expected=expected), [other], AT)
    assert found.value.kind == "corrupt" and store.files(made) == []
    store.ingest_file(made, Entry(path="a", size=len(other), expected=expected), [b"as stated"], AT)


def test_one_digest_that_is_known_and_another_that_is_not_are_no_content(
    store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever found other bytes of the same SHA-256 gets nowhere with them."""
    published(store)
    honest = store.backend.put

    def pretended(pieces: object, space: str = "blobs") -> object:
        put = honest(pieces, space)  # type: ignore[arg-type]
        known = digests_of(FILES["run.json"]).sha256
        digests = type(put.digests)(primary=put.digests.primary, sha256=known, size=put.digests.size)
        return type(put)(digests=digests, receipt=put.receipt, fresh=put.fresh)

    monkeypatch.setattr(store.backend, "put", pretended)
    with pytest.raises(StoreProblem, match="one digest of") as found:
        filled(store, "r2", {"other": b"other bytes"})
    assert found.value.kind == "corrupt"


def test_a_package_takes_no_more_files_than_a_manifest_may_list(
    store: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "FILES_MAX", 2)
    with pytest.raises(StoreProblem, match="at most 2 files") as found:
        filled(store)
    assert found.value.kind == "refused" and store.log.head().seq == 1, "none of the batch is told of"


def test_a_manifest_in_another_than_its_canonical_form_is_none(store: Registry) -> None:
    """The library reads it; but then one package would have two digests."""
    data = store.manifest_bytes(published(store))
    value = cbor2.loads(data)
    assert manifest.decode(data) == value
    swapped = cbor2.dumps(dict(reversed(value.items())))
    for other in (swapped, data + b"\x00", cbor2.dumps(value, canonical=True, string_referencing=True)):
        assert other != data
        with pytest.raises(StoreProblem, match="not canonical CBOR"):
            manifest.decode(other)


@pytest.mark.parametrize("system", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_registry_on_a_network_file_system_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    """Both where it would be made and where it was brought."""
    init_store(str(tmp_path / "brought"), Config())
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {tmp_path} {system} rw 0 0\n")
    found_there = places.file_system_of
    monkeypatch.setattr(places, "file_system_of", lambda folder: found_there(folder, str(mounts)))
    for name in ("made", "brought"):
        with pytest.raises(StoreProblem, match=rf"network file system \({system}\)") as found:
            init_store(str(tmp_path / name), Config())
            with opened(str(tmp_path / name)):
                pass
        assert found.value.kind == "environment"
    assert not (tmp_path / "made/registry.db").exists()
