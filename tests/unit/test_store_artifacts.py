"""The ArtifactStore on packages: what was published under a version never changes."""

from __future__ import annotations

import errno
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bundles import RELEASE, bundle_files, bundle_value, spec_value
from rsppc.base.canonical_json import canonical, digest_value, readable
from rsppc.base.record import replace
from rsppc.store import artifacts
from rsppc.store.artifacts import Published, Publisher, StoredArtifacts
from rsppc.store.composing import take_in
from rsppc.store.gc import collect
from rsppc.store.offers import Offer, bundle_offer, release_offer
from rsppc.store.protocols import ArtifactStore, Kept, Refused, Stored, StoreFault
from rsppc.store.registry import opened
from rsppc.store.request import Entry
from stores import AT, store_in

BUNDLE = bundle_value("talk", "v1")
SPEC: dict[str, Any] = {
    "schema_version": "rspp.pipeline.spec.v1",
    "pipeline_id": "talk",
    "version": "v1",
    "nodes": [],
}
PROFILE = {"schema_version": "rspp.execution.profile.v1", "profile_id": "p", "version": "v1"}
POLICY = {"schema_version": "rspp.policy.overlay.v1", "policy_id": "q", "version": "v1"}


@pytest.fixture
def store(tmp_path: Path) -> Publisher:
    return Publisher(root=str(tmp_path / "store"), at=AT)


def offer(value: dict[str, Any] = BUNDLE, **more: Any) -> Offer:
    spec = spec_value(value["bundle_id"], value["version"])
    made = bundle_offer(bundle_files({**value, "outputs": {"resolved_spec": digest_value(spec)}}), **more)
    assert isinstance(made, Offer), made
    return made


def test_packages_are_an_artifact_store(store: Publisher) -> None:
    """R-001-12, R-001-13, R-001-14, R-001-15: the operations of an ArtifactStore."""
    typed: ArtifactStore = store
    for kind, value in (("pipeline", SPEC), ("profile", PROFILE), ("policy", POLICY)):
        assert isinstance(store.put(kind, value), Kept)
    assert typed.get_pipeline_spec("talk/v1") == Stored(ref="talk/v1", digest=digest_value(SPEC), value=SPEC)
    assert isinstance(typed.get_execution_profile("profile:p/v1"), Stored)
    assert isinstance(typed.get_policy_overlay(f"q/v1@{digest_value(POLICY)}"), Stored)
    with opened(store.root) as registry:
        found = registry.packages()
        assert [one.kind for one in found] == ["pipeline", "profile", "policy"]
        assert {(one.producer, one.state, one.retention_class) for one in found} == {("rsppc", "finalized", "release")}


def test_the_same_bytes_again_are_welcome_and_change_nothing(store: Publisher) -> None:
    """R-001-15: PutBundle with the same bytes is a no-op."""
    digest = digest_value(BUNDLE)
    assert store.put_bundle(BUNDLE) == Kept(ref="talk/v1", digest=digest, changed=True)
    with opened(store.root) as registry:
        before = registry.log.head()
    assert store.put_bundle(dict(reversed(BUNDLE.items()))) == Kept(ref="talk/v1", digest=digest, changed=False)
    with opened(store.root) as registry:
        assert registry.log.head() == before


def test_other_bytes_under_a_version_are_refused_with_the_first_value_that_differs(store: Publisher) -> None:
    """R-001-15, R-001-53: published versions are immutable."""
    store.put_bundle(BUNDLE)
    other = {**BUNDLE, "compat_window": {"a/b": {"min": "v2", "max": "v2"}}, "policy_refs": []}
    first = {**BUNDLE, "compat_window": {"a/b": {"min": "v1", "max": "v2"}}}
    assert isinstance(store.put_bundle({**first, "version": "v2"}), Kept)
    assert store.put_bundle({**other, "version": "v2"}) == Refused(
        ref="talk/v2",
        file="bundle.json",
        pointer="/compat_window/a~1b/min",
        before="v1",
        after="v2",
        stored=digest_value({**first, "version": "v2"}),
        offered=digest_value({**other, "version": "v2"}),
    )
    assert store.get_bundle("talk/v1") == Stored(ref="talk/v1", digest=digest_value(BUNDLE), value=BUNDLE)


def test_what_explains_a_digest_that_differs_is_told(store: Publisher) -> None:
    """The bundle only says that its ResolvedSpec is another one."""
    store.publish(offer())
    spec = {"budgets": {"turn_budget_ms": 900}}
    other = bundle_files(bundle_value("talk", "v1", spec=spec), **spec)
    made = bundle_offer(other)
    assert isinstance(made, Offer)
    found = store.publish(made)
    assert isinstance(found, Refused) and (found.file, found.pointer) == ("resolved_spec.json", "/budgets")


def test_versions_that_are_one_version_have_one_package(store: Publisher) -> None:
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
def test_a_reference_that_leads_nowhere_is_answered_with_the_reason(store: Publisher, ref: str, kind: str) -> None:
    store.put_bundle(BUNDLE)
    found = store.get_bundle(ref)
    assert isinstance(found, StoreFault) and found.kind == kind and found.reason


def test_where_there_is_no_store_nothing_is_published(tmp_path: Path) -> None:
    found = StoredArtifacts(root=str(tmp_path / "none")).get_bundle("talk/v1")
    assert isinstance(found, StoreFault) and found.kind == "missing"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"bundle_id": "../x"},
        {"version": 1},
        {"version": "latest"},
        {"schema_version": "rspp.pipeline.bundle.v9"},
        {"spec_ref": "talk/v1"},
        {"outputs": {}},
        {"extra": 1},
        {"assets": {}},
        {"node_digests": [1.5]},
        {"bundle_id": "x" * 400},
    ],
    ids=lambda change: "-".join(change),
)
def test_a_bundle_that_no_runtime_would_load_is_not_kept(store: Publisher, change: dict[str, Any]) -> None:
    """R-001-52: it is checked before it is published."""
    found = store.put_bundle({**BUNDLE, **change})
    assert isinstance(found, StoreFault) and found.kind == "malformed" and found.reason
    assert not Path(store.root).exists()


@pytest.mark.parametrize("value", [{}, {"policy_id": "q"}, {**POLICY, "schema_version": "other"}])
def test_an_artifact_that_does_not_say_what_it_is_is_not_kept(store: Publisher, value: dict[str, Any]) -> None:
    found = store.put("policy", value)
    assert isinstance(found, StoreFault) and found.kind == "malformed"


def test_damaged_bytes_are_found_out_and_put_right_by_whoever_still_has_them(store: Publisher) -> None:
    store.put_bundle(BUNDLE)
    (stored,) = (Path(store.root) / "blobs").glob("*/*")
    stored.write_bytes(b"{}")
    found = store.get_bundle("talk/v1")
    assert isinstance(found, StoreFault) and found.kind == "corrupt"
    assert isinstance(store.put_bundle({**BUNDLE, "assets": [{}]}), StoreFault)
    assert isinstance(store.put_bundle(BUNDLE), Kept)
    assert isinstance(store.get_bundle("talk/v1"), Stored)


@pytest.mark.parametrize("step", ["open", "write", "fsync", "rename", "replace", "makedirs"])
def test_a_failing_disk_is_a_fault_and_leaves_no_half_of_anything(
    store: Publisher, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    for number in range(1, 40):
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
        if isinstance(found, StoreFault):  # the mark of the log may lag behind, and is not waited for
            assert found.kind == "environment", found
        after = store.get_bundle(f"talk/v{number}")
        assert isinstance(after, Stored) or (isinstance(after, StoreFault) and after.kind == "missing"), after
        assert isinstance(store.put_bundle(value), Kept)
        assert isinstance(store.get_bundle(f"talk/v{number}"), Stored)
    assert 1 < number < 39


def test_who_comes_second_with_other_bytes_is_refused_even_when_both_looked_at_once(
    store: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {**BUNDLE, "policy_refs": []}

    def overtaken(*args: Any) -> Any:
        monkeypatch.setattr(artifacts, "take_in", take_in)
        assert isinstance(store.put_bundle(other), Kept)
        return take_in(*args)

    monkeypatch.setattr(artifacts, "take_in", overtaken)
    assert isinstance(store.put_bundle(BUNDLE), Refused)
    assert store.get_bundle("talk/v1") == Stored(ref="talk/v1", digest=digest_value(other), value=other)


def test_what_was_built_otherwise_is_the_same_version_as_long_as_it_says_the_same(store: Publisher) -> None:
    """A comment that moves a line says nothing; what was recorded first stays."""
    files = bundle_files(BUNDLE)
    first = store.publish(offer(inputs=[b"one"]))
    assert isinstance(first, Published) and first.changed
    moved = {**json.loads(files["provenance.json"]), "origins": [{"line": 2}]}
    made = bundle_offer({**files, "provenance.json": readable(moved)}, inputs=[b"two"])
    assert isinstance(made, Offer)
    found = store.publish(made)
    assert isinstance(found, Published) and not found.changed and found.package == first.package
    assert found.built_otherwise is not None and found.built_otherwise.pointer == "/origins/0"
    signed = bundle_offer({**files, "provenance.json": readable(moved)}, signatures=["package-1.dsse.json"])
    assert isinstance(signed, Offer)
    assert isinstance(store.publish(signed), Refused)  # nobody may sign what he did not build


def test_what_runtimes_are_served_counts(store: Publisher) -> None:
    store.publish(offer())
    made = bundle_offer({**bundle_files(BUNDLE), "distribution.json": b'{"other":1}'})
    assert isinstance(made, Offer)
    found = store.publish(made)
    assert isinstance(found, Refused) and found.file == "distribution.json"


def test_a_bundle_whose_files_do_not_belong_together_is_no_bundle() -> None:
    files = {**bundle_files(BUNDLE), "resolved_spec.json": b"{}"}
    assert isinstance(bundle_offer(files), StoreFault)
    assert isinstance(bundle_offer({"bundle.json": b"[]"}), StoreFault)


def release(store: Publisher, files: dict[str, bytes], value: dict[str, Any] = RELEASE) -> Published | Refused:
    bundle = store.publish(offer())
    assert isinstance(bundle, Published) and bundle.package.manifest_digest is not None
    said = {**files, "release.json": canonical(value)}
    made = release_offer(
        value, said, bundle_package=bundle.package.package_id, bundle_manifest=bundle.package.manifest_digest
    )
    kept = store.publish(made)
    assert not isinstance(kept, StoreFault)
    return kept


def test_a_release_names_the_bundle_and_holds_what_it_rests_on(store: Publisher) -> None:
    """R-002-51."""
    kept = release(store, {"slo_gates.json": b'{"a":1}'})
    assert isinstance(kept, Published)
    with opened(store.root) as registry:
        value = registry.manifest_value(kept.package.package_id)
        bundle = registry.packages(kind="bundle")[0]
    assert value["package"]["metadata"]["bundle"]["manifest_digest"] == bundle.manifest_digest
    assert [file["path"] for file in value["files"]] == ["release.json", "slo_gates.json"]
    again = release(store, {"slo_gates.json": b'{"a":1}'})
    assert isinstance(again, Published) and not again.changed
    other = release(store, {"slo_gates.json": b'{"a":2}'}, {**RELEASE, "inputs": [1]})
    assert isinstance(other, Refused) and (other.file, other.pointer) == ("slo_gates.json", "/a")


def test_a_bundle_is_kept_as_long_as_its_release(tmp_path: Path) -> None:
    early = Publisher(root=str(tmp_path), at=AT)
    bundle = early.publish(offer())
    late = Publisher(root=str(tmp_path), at=AT + timedelta(days=1000))
    made = release(late, {})
    assert isinstance(bundle, Published) and isinstance(made, Published)
    for _ in range(2):  # once is enough
        assert late.keep_as_long(bundle.package.package_id, made.package, "needed") is None
    with opened(str(tmp_path)) as registry:
        found = registry.package(bundle.package.package_id)
        assert found.expires_at == made.package.expires_at != bundle.package.expires_at
        assert [one[0] for one in registry.log.events()][-1] == 12


def test_what_somebody_began_by_hand_is_neither_seen_nor_taken_over(store: Publisher) -> None:
    with store_in(store.root) as registry:
        registry.create_package(offer().request(), AT)
    assert isinstance(store.get_bundle("talk/v1"), StoreFault)
    found = store.publish(offer())
    assert isinstance(found, StoreFault) and found.kind == "refused" and "finalise" in found.reason


def test_what_was_put_by_hand_and_is_something_else_is_not_believed(store: Publisher) -> None:
    """Whoever may write packages can name one as a bundle's is named."""
    with store_in(store.root) as registry:
        for version, files in (("v1", {"other.txt": b""}), ("v2", {"bundle.json": readable(BUNDLE)})):
            request = replace(offer({**BUNDLE, "version": version}).request(), metadata={})
            made = registry.create_package(request, AT).package.package_id
            registry.ingest_files(made, [(Entry(path=path), [data]) for path, data in files.items()], AT)
            registry.finalize_package(made, AT)
    for version in ("v1", "v2"):
        found = store.get_bundle(f"talk/{version}")
        assert isinstance(found, StoreFault) and found.kind == "corrupt"
        assert isinstance(store.publish(offer({**BUNDLE, "version": version})), Refused)


def test_a_version_whose_time_is_over_never_comes_back(store: Publisher) -> None:
    store.put_bundle(BUNDLE)
    with opened(store.root) as registry:
        collect(registry, datetime(2060, 1, 1, tzinfo=UTC), delete=True)
    found, again = store.get_bundle("talk/v1"), store.put_bundle(BUNDLE)
    assert isinstance(found, StoreFault) and found.kind == "refused" and "collected" in found.reason
    assert isinstance(again, StoreFault) and again.kind == "refused"
