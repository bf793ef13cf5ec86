"""A workspace with two built bundles, a store that holds them, and a rollout from one to the other.

Run as a script, this module writes what cases of `golden/rollout/` hold ready: two bundles as exported packages,
and evidence. Those bundles are values and no builds, so that the cases do not change with the standard library.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bundles import bundle_value
from rsppc.base.canonical_json import canonical, digest_value
from rsppc.evidence.envelope import Checked, Release, seal_of, sealed
from rsppc.store.artifacts import Publisher, StoredArtifacts
from rsppc.store.protocols import Kept, Stored
from rsppc.store.registry import opened
from rsppc.store.transfer import export_package
from stores import AT
from workspaces import BUNDLE, CLEAN, SPEC, make, rsppc_here

V1, V2 = "line_bundle/v1", "line_bundle/v2"
ROLLOUT_PATH = "pipelines/rollouts/line_canary_v1.yaml"
ROLLOUT = """\
schema_version: rspp.rollout.manifest.v1
rollout_id: line_canary
version: v1
bundle_ref: line_bundle/v2
strategy: canary
cohorts:
  - {name: pilots, bundle_ref: line_bundle/v2, tenant_allowlist: [lab]}
  - {name: canary, bundle_ref: line_bundle/v2, percentage: 5}
  - {name: stable, bundle_ref: line_bundle/v1, percentage: 95}
phases: [5, 25, 100]
rollback_ref: line_bundle/v1
admission_constraints: {session_rate_limit_per_min: 600, tenants_denied: [banned]}
"""
RELEASE = "release.json"
NOW = ("--now", "2026-01-02T00:00:00Z")


def workspace(folder: Path) -> Path:
    """Two bundles, built, published and pinned by the rollout, and release evidence of the later one."""
    slower = SPEC.replace("version: v1\nprofile", "version: v2\nprofile").replace("silence_ms: 400", "silence_ms: 500")
    bundle = BUNDLE.replace("version: v1\nspec_ref: line/v1", "version: v2\nspec_ref: line/v2")
    files = {
        **CLEAN,
        "pipelines/specs/line_v2.yaml": slower,
        "pipelines/bundles/line_bundle_v2.yaml": bundle,
        ROLLOUT_PATH: ROLLOUT,
    }
    make(folder, files)
    done = rsppc_here(folder, "build")
    assert done.returncode == 0, done.stdout.decode()
    for version in (V1, V2):
        publish(folder, version)
    assert rsppc_here(folder, "pin", "line_canary/v1").returncode == 0
    (folder / RELEASE).write_bytes(evidence(folder, "2026-01-01T00:00:00Z"))
    return folder


def bundle_of(folder: Path, version: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((folder / "build" / version / "bundle.json").read_bytes())
    return value


def publish(folder: Path, version: str) -> str:
    """Put a built bundle into the store; its digest comes back."""
    kept = Publisher(root=str(folder / "store"), at=AT).put_bundle(bundle_of(folder, version))
    assert isinstance(kept, Kept), kept
    return kept.digest


def content_of(folder: Path, version: str) -> Path:
    """Where the content of a published bundle lies."""
    with opened(str(folder / "store"), writable=False) as registry:
        (package,) = registry.packages(subject=version)
        return folder / "store" / registry.file_at(package.package_id, "bundle.json").location


def unpublish(folder: Path, version: str) -> None:
    """Make a store with the same journals in which a version was never published."""
    for path in (folder / "store").iterdir():
        if path.name != "rollouts":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for other in {V1, V2} - {version}:
        publish(folder, other)


def evidence(folder: Path, made_at: str, *, version: str = V2, kind: str = "release", status: Any = "pass") -> bytes:
    """Evidence that a built bundle was released."""
    found = StoredArtifacts(root=str(folder / "store")).get_bundle(version)
    assert isinstance(found, Stored), found
    release = Release(bundle_ref=version, bundle_digest=found.digest)
    checks = (Checked(check="readiness", subject=version, status=status),)
    return canonical(sealed(kind, release, made_at=made_at, checks=checks, inputs={}, figures={})) + b"\n"


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Exit code of a `rsppc rollout` command, and everything that it says."""
    done = rsppc_here(folder, "rollout", *arguments)
    return done.returncode, (done.stdout + done.stderr).decode()


def advance(folder: Path, *more: str, now: tuple[str, ...] = NOW) -> tuple[int, str]:
    return run(folder, "advance", "line_canary/v1", "--by", "ada", "--release", RELEASE, *now, *more)


def rollback(folder: Path, *more: str, now: tuple[str, ...] = NOW) -> tuple[int, str]:
    return run(folder, "rollback", "line_canary/v1", "--by", "ada", "--reason", "calls are dropped", *now, *more)


# --- What golden cases hold ready ------------------------------------------------------------------------------------

GOLDEN = Path(__file__).parent.parent / "golden" / "rollout"
STORES = ("canary_and_back", "changed_journal", "wrong_targets")
"""Cases with a store."""


def value_of(version: str) -> dict[str, Any]:
    """A bundle as it might have been built."""
    return bundle_value("echo_bundle", version)


def prepare(case: Path) -> None:
    """Write the packages of a case, evidence of its second bundle from two days, and journals that were changed."""
    shutil.rmtree(case / "published", ignore_errors=True)
    shutil.rmtree(case / "store", ignore_errors=True)
    (case / "published").mkdir()
    versions = ("v1", "v2") if case.parent.name != "wrong_targets" else ("v2",)
    for version in versions:
        assert isinstance(Publisher(root=str(case / "store"), at=AT).put_bundle(value_of(version)), Kept)
    with opened(str(case / "store")) as registry:
        for version, package in zip(versions, registry.packages(), strict=True):
            path = case / "published" / f"echo_bundle_{version}.tar"
            export_package(registry, package.package_id, str(path), lambda _: None)
    release = Release(bundle_ref="echo_bundle/v2", bundle_digest=digest_value(value_of("v2")))
    checks = (Checked(check="readiness", subject="echo_bundle/v2", status="pass"),)
    for name, day in (("release.json", "01"), ("second_release.json", "03")):
        made_at = f"2026-01-{day}T00:00:00Z"
        made = sealed("release", release, made_at=made_at, checks=checks, inputs={}, figures={})
        made["made_by"] = "rsppc"  # of no version, so that the cases stay as they are
        (case / name).write_bytes(canonical({**made, "digest": seal_of(made)}) + b"\n")
    for rollout, change in CHANGES.items() if case.parent.name == "changed_journal" else ():
        for hour in range(3):
            words = ("--by", "ada", "--release", RELEASE, "--now", f"2026-01-02T0{hour}:00:00Z")
            code, said = run(case, "advance", f"{rollout}/v1", *words)
            assert code == 0, said
        journal = case / "store/rollouts" / rollout / "v1.0.0.journal.jsonl"
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(change(lines)))
        journal.with_name("v1.0.0.lock").unlink()
        if rollout == "echo_torn":  # the writer was killed, and so never wrote the head
            journal.with_name("v1.0.0.head").write_text(f"{json.loads(lines[1])['digest']}\n")
    for path in (case / "store").iterdir():
        if path.name != "rollouts":  # the commands of a case make the store, and import what was published
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with suppress(OSError):
        (case / "store").rmdir()


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "echo_edited": lambda lines: [lines[0], lines[1].replace(b'"by":"ada"', b'"by":"eve"'), lines[2]],
    "echo_reordered": lambda lines: [lines[1], lines[0], lines[2]],
    "echo_shortened": lambda lines: lines[:1],
    "echo_torn": lambda lines: [*lines[:2], lines[2][:80]],
}
"""What was done to the journal of each rollout of a case."""


if __name__ == "__main__":
    for name in STORES:
        prepare(GOLDEN / name / "input")
