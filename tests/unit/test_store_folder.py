"""A store in a folder: what was published under a version never changes."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from rsppc.base.canonical_json import digest_value
from rsppc.store.folder import FolderStore
from rsppc.store.protocols import ArtifactStore, Kept, Refused, Stored, StoreFault

BUNDLE: dict[str, Any] = {"bundle_id": "talk", "version": "v1", "policy_refs": ["a/v1"], "compat": {"a/b": 1}}
SPEC: dict[str, Any] = {"pipeline_id": "talk", "version": "v1", "nodes": []}


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(root=str(tmp_path / "store"))


def test_a_folder_is_an_artifact_store(store: FolderStore) -> None:
    """R-001-12, R-001-13, R-001-14, R-001-15: the operations of an ArtifactStore."""
    typed: ArtifactStore = store
    for kind, value in (("pipeline", SPEC), ("profile", {"profile_id": "p", "version": "v1"})):
        assert isinstance(store.put(kind, value), Kept)
    assert isinstance(store.put("policy", {"policy_id": "q", "version": "v1"}), Kept)
    assert typed.get_pipeline_spec("talk/v1") == Stored(ref="talk/v1", digest=digest_value(SPEC), value=SPEC)
    assert isinstance(typed.get_execution_profile("profile:p/v1"), Stored)
    assert isinstance(typed.get_policy_overlay("q/v1"), Stored)


def test_the_same_bytes_again_are_welcome_and_change_nothing(store: FolderStore) -> None:
    """R-001-15: PutBundle with the same bytes is a no-op."""
    digest = digest_value(BUNDLE)
    assert store.put_bundle(BUNDLE) == Kept(ref="talk/v1", digest=digest, changed=True)
    before = {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*") if path.is_file()}
    assert store.put_bundle(dict(reversed(BUNDLE.items()))) == Kept(ref="talk/v1", digest=digest, changed=False)
    assert before == {path: path.stat().st_mtime_ns for path in Path(store.root).rglob("*") if path.is_file()}


def test_other_bytes_under_a_version_are_refused_with_the_first_value_that_differs(store: FolderStore) -> None:
    """R-001-15, R-001-53: published versions are immutable."""
    store.put_bundle(BUNDLE)
    other = {**BUNDLE, "compat": {"a/b": 2}, "policy_refs": ["b/v1"]}
    assert store.put_bundle(other) == Refused(
        ref="talk/v1", pointer="/compat/a~1b", stored=digest_value(BUNDLE), offered=digest_value(other)
    )
    assert store.get_bundle("talk/v1") == Stored(ref="talk/v1", digest=digest_value(BUNDLE), value=BUNDLE)


def test_versions_that_are_one_version_have_one_name(store: FolderStore) -> None:
    store.put_bundle(BUNDLE)
    assert isinstance(store.put_bundle({**BUNDLE, "version": "v1.0"}), Refused)
    assert isinstance(store.get_bundle("talk/v1.0.0"), Stored)
    assert isinstance(store.put_bundle({**BUNDLE, "version": "v1.1"}), Kept)


@pytest.mark.parametrize(
    ("ref", "kind"),
    [
        ("nobody/v1", "missing"),
        ("talk/latest", "malformed"),
        ("../talk/v1", "malformed"),
        ("policy:talk/v1", "malformed"),
        ("talk/v" + "9" * 6000, "malformed"),
        ("talk/v1@sha256:" + "0" * 64, "corrupt"),
    ],
)
def test_a_reference_that_leads_nowhere_is_answered_with_the_reason(store: FolderStore, ref: str, kind: str) -> None:
    store.put_bundle(BUNDLE)
    found = store.get_bundle(ref)
    assert isinstance(found, StoreFault) and found.kind == kind and found.reason


@pytest.mark.parametrize("value", [{}, {"bundle_id": "../x", "version": "v1"}, {"bundle_id": "x", "version": 1}])
def test_a_value_without_a_name_is_not_kept(store: FolderStore, value: dict[str, Any]) -> None:
    found = store.put_bundle(value)
    assert isinstance(found, StoreFault) and found.kind == "malformed"
    assert not Path(store.root).exists()


def test_damaged_bytes_are_found_out_and_put_right_by_whoever_still_has_them(store: FolderStore) -> None:
    store.put_bundle(BUNDLE)
    stored = next((Path(store.root) / "objects").iterdir())
    stored.write_bytes(b"{}")
    found = store.get_bundle("talk/v1")
    assert isinstance(found, StoreFault) and found.kind == "corrupt"
    assert isinstance(store.put_bundle({**BUNDLE, "compat": {}}), StoreFault)
    assert isinstance(store.put_bundle(BUNDLE), Kept)
    assert isinstance(store.get_bundle("talk/v1"), Stored)


@pytest.mark.parametrize("step", ["open", "write", "fsync", "replace", "link", "makedirs"])
def test_a_failing_disk_is_a_fault_and_leaves_no_half_of_anything(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for number in range(1, 20):
        with monkeypatch.context() as patch:
            calls = 0
            real = getattr(os, step)

            def call(*args: Any, real: Any = real, number: int = number, **said: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == number:
                    raise OSError(errno.ENOSPC, "full")
                return real(*args, **said)

            patch.setattr(os, step, call)
            value = {**BUNDLE, "version": f"v{number}"}
            found = store.put_bundle(value)
        if calls < number:
            break
        assert isinstance(found, StoreFault) and (found.kind, found.reason) == ("environment", "the disk is full")
        after = store.get_bundle(f"talk/v{number}")
        assert isinstance(after, Stored) or (isinstance(after, StoreFault) and after.kind == "missing")
        assert isinstance(store.put_bundle(value), Kept)
        assert isinstance(store.get_bundle(f"talk/v{number}"), Stored)
    assert number > 1


def test_who_comes_second_with_other_bytes_is_refused_even_when_both_looked_at_once(
    store: FolderStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.link
    other = {**BUNDLE, "policy_refs": []}

    def overtaken(*args: Any) -> None:
        monkeypatch.setattr(os, "link", real)
        assert isinstance(store.put_bundle(other), Kept)
        real(*args)

    monkeypatch.setattr(os, "link", overtaken)
    assert isinstance(store.put_bundle(BUNDLE), Refused)
    assert store.get_bundle("talk/v1") == Stored(ref="talk/v1", digest=digest_value(other), value=other)
