"""Publishers that are killed at a step to the disk or a statement of the database, and what must be so afterwards."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bundles import RELEASE, bundle_files, bundle_value
from rsppc.base.canonical_json import canonical
from rsppc.store import verification
from rsppc.store.adopting import Offered
from rsppc.store.artifacts import Published, Publisher, StoredArtifacts
from rsppc.store.auditing import audit
from rsppc.store.log import Log
from rsppc.store.offers import Offer, bundle_offer, release_offer
from rsppc.store.protocols import Stored, StoreFault
from rsppc.store.registry import opened
from stores import AT

STEPS_MAX = 2000


def killed_at_every(step: int, folder: Path) -> int:
    """Kill a publisher at the first step, then at the one that comes `step` later, and so on until it gets through; how
    often it was killed. Others see all or nothing each time, and the same again finishes it."""
    whole = publish_both(folder / "whole")
    for count, number in enumerate(range(1, STEPS_MAX, step)):
        root = folder / "store"
        shutil.rmtree(root, ignore_errors=True)
        was_killed = _killed(number, root)
        found = StoredArtifacts(root=str(root)).get_bundle("talk/v1")
        assert isinstance(found, Stored) or (isinstance(found, StoreFault) and found.kind == "missing"), found
        if isinstance(found, Stored):
            check_whole(root)
        assert [one.package for one in publish_both(root)] == [one.package for one in whole]
        check_whole(root)
        if not was_killed:
            return count
    raise AssertionError("the publisher never gets through")


def publish_both(root: Path) -> list[Published]:
    """Publish a signed bundle and its release."""
    publisher = Publisher(root=str(root), at=AT)
    bundle, release = _offers()
    kept = publisher.publish(bundle)
    assert isinstance(kept, Published), kept
    made = publisher.publish(release(kept))
    assert isinstance(made, Published), made
    return [kept, made]


def check_whole(root: Path) -> None:
    """Everything that can be seen in a store is whole."""
    with opened(str(root)) as registry:
        assert audit(registry.log).faults == ()
        for package in registry.packages():
            assert package.state == "finalized"
            assert verification.verify_package(registry, package.package_id).faults == ()
            if package.kind == "bundle":
                assert [one.name for one in registry.attestations(package.package_id)] == ["package-1.dsse.json"]


def _offers() -> tuple[Offer, Callable[[Published], Offer]]:
    def attest(package_id: str, manifest: bytes, _: object) -> list[Offered]:
        return [Offered(name="package-1.dsse.json", media_type="application/json", data=package_id.encode())]

    files = bundle_files(bundle_value("talk", "v1"))
    bundle = bundle_offer(files, inputs=[b"one", b"two"], attest=attest, signatures=["package-1.dsse.json"])
    assert isinstance(bundle, Offer)

    def release(kept: Published) -> Offer:
        said = {"slo_gates.json": b"{}", "release.json": canonical(RELEASE)}
        package = kept.package
        assert package.manifest_digest is not None
        return release_offer(RELEASE, said, bundle_package=package.package_id, bundle_manifest=package.manifest_digest)

    return bundle, release


def _killed(number: int, root: Path) -> bool:
    """Publish in a process that is killed at a step; whether it got so far."""
    child = os.fork()
    if child == 0:
        try:
            _kill_at(number)
            publish_both(root)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def _kill_at(number: int) -> None:
    """Let this process be killed at the so-many-th thing that it does to the disk, or statement of its database."""
    calls = 0

    def count() -> None:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)

    for name in ("open", "write", "fsync", "rename", "replace", "makedirs"):
        real = getattr(os, name)

        def call(*args: Any, real: Any = real, **said: Any) -> Any:
            count()
            return real(*args, **said)

        setattr(os, name, call)
    prepare = Log._prepare

    def prepared(self: Log) -> None:
        prepare(self)
        self.database.set_trace_callback(lambda _: count())

    Log._prepare = prepared  # type: ignore[method-assign]
