"""What commands about rollouts have in common: the manifest that is named, the store, and the journal's two files.

A journal is written under a lock, anew and in one step, so that a writer that is killed leaves the journal that was
there before. Its head follows; a reader takes one that is a record behind.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click
import msgspec

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import is_digest
from rsppc.base.names import version_key
from rsppc.base.record import Record
from rsppc.cli.distributing import Built, replace_file
from rsppc.cli.governing import artifacts_here
from rsppc.cli.naming import artifact_named
from rsppc.cli.session import Options, exit_code, fault, report, usage
from rsppc.cli.turns import bundle_named
from rsppc.diagnostics import DiagnosticSink
from rsppc.distribution.merge import Canary, Merged, merge
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.references import check_references
from rsppc.rollout.carry import carried, with_admission
from rsppc.rollout.check import check_artifact
from rsppc.rollout.journal import Change, read_journal, traffic_of
from rsppc.rollout.plan import Plan, plan_of
from rsppc.store.artifacts import StoredArtifacts
from rsppc.workspace import FILE_SIZE_MAX

try:
    import fcntl
except ImportError:  # no such locks on this system; without one nothing is changed
    fcntl = None  # type: ignore[assignment]

PLAIN = Options(format="text", reports=(), strict=False, color=None)
STRICT = Options(format="text", reports=(), strict=True, color=None)
"""Before traffic moves, what may stay open while one writes must be settled."""


class Rollout(Record):
    """A manifest of a workspace, or of what ships."""

    artifacts: Artifacts
    manifest: Artifact

    def check(self, sink: DiagnosticSink) -> None:
        """Report whatever `rsppc check` says of the manifest."""
        for found in self.manifest.diagnostics:
            sink.report(found)
        check_references(self.manifest, self.artifacts, sink)
        check_artifact(self.artifacts, self.manifest, sink)

    def plan(self, sink: DiagnosticSink) -> Plan | None:
        """What the manifest means; reported and None where its form is not sound."""
        for found in self.manifest.diagnostics:
            sink.report(found)
        return None if sink.has_errors else plan_of(self.manifest)


def rollout_named(name: str) -> Rollout:
    """The rollout that a reference or a file names; ends the command where there is none that can be read."""
    artifacts = artifacts_here(DiagnosticSink())
    return Rollout(artifacts=artifacts, manifest=artifact_named(artifacts, "rollout", name))


class Place(Record):
    """A store, and how messages speak of it."""

    folder: str
    shown: str

    @property
    def store(self) -> StoredArtifacts:
        return StoredArtifacts(root=self.folder)


def store_named(folder: str | None, rollout: Rollout) -> Place:
    """The store in a folder, by convention `store` below the workspace."""
    if folder is not None:
        return Place(folder=folder, shown=folder)
    return Place(folder=os.path.join(rollout.artifacts.workspace.root, "store"), shown="store")


def journal_path(place: Place, plan: Plan) -> str:
    """The path of a journal below its store, without ending. A version has one name, as in the store."""
    rollout_id, _, version = plan.ref.partition("/")
    return os.path.join("rollouts", rollout_id, "v" + ".".join(map(str, version_key(version))))


def read_changes(place: Place, plan: Plan, sink: DiagnosticSink) -> tuple[Change, ...]:
    """The changes of a rollout so far; none where there is no journal. What is wrong with it goes to the sink."""
    return parsed(place, plan, *_journal(place, plan), sink)


def parsed(place: Place, plan: Plan, data: bytes, head: str | None, sink: DiagnosticSink) -> tuple[Change, ...]:
    """The changes in the bytes of a journal."""
    shown = os.path.join(place.shown, journal_path(place, plan) + ".journal.jsonl").replace(os.sep, "/")
    return read_journal(shown, data, head, plan, sink)


def _journal(place: Place, plan: Plan) -> tuple[bytes, str | None]:
    path = os.path.join(place.folder, journal_path(place, plan))
    data, head = _read(f"{path}.journal.jsonl"), _read(f"{path}.head")
    return data or b"", None if head is None else head.decode("ascii", "replace").strip()


def others_in_motion(place: Place, plan: Plan) -> list[str]:
    """Other versions of a rollout that have given some sessions the bundle, and not all of them or none again."""
    folder, name = os.path.split(os.path.join(place.folder, journal_path(place, plan)))
    suffix, rollout_id = ".journal.jsonl", plan.ref.partition("/")[0]
    found = []
    for other in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if other.endswith(suffix) and other != name + suffix:
            lines = (_read(os.path.join(folder, other)) or b"").splitlines()
            # What cannot be read says nothing else than that something is there.
            last = _decoded(lines[-1]) if lines else {"to": 0}
            if last.get("to") not in (0, 100):
                found.append(f"{rollout_id}/{other.removesuffix(suffix)}")
    return found


def _decoded(line: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read(FILE_SIZE_MAX + 1)  # one more says that it is too large
    except FileNotFoundError:
        return None
    except OSError as error:
        fault(f"cannot read `{path}`: {(error.strerror or 'input/output error').lower()}")


@contextmanager
def changing(place: Place, plan: Plan) -> Iterator[None]:
    """Keep others from changing the traffic of a rollout; ends the command where somebody is at it."""
    path = os.path.join(place.folder, journal_path(place, plan) + ".lock")
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        fault(f"cannot write `{path}`: {(error.strerror or 'input/output error').lower()}")
    try:
        if fcntl is None:
            raise OSError(errno.ENOTSUP, "no locks")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        fault(
            f"somebody else is changing the traffic of `{plan.ref}`",
            f"see what they did with `rsppc rollout show {plan.ref}`",
        )
    except OSError:
        os.close(lock)
        fault(f"`{path}` cannot be locked", "keep the store on a file system that has locks")
    try:
        yield
    finally:
        os.close(lock)


def append(place: Place, plan: Plan, changes: Sequence[Change], record: dict[str, Any]) -> None:
    """Add a record to the journal, which has been read without findings; then say so in its head."""
    longer = _journal(place, plan)[0] + canonical(record) + b"\n"
    sink = DiagnosticSink()
    parsed(place, plan, longer, changes[-1].digest if changes else None, sink)
    stop_on_errors(sink)  # what cannot be read back is not written
    assert is_digest(record["digest"])
    path = os.path.join(place.folder, journal_path(place, plan))
    replace_file(f"{path}.journal.jsonl", longer)
    replace_file(f"{path}.head", f"{record['digest']}\n".encode())
    _sync(os.path.dirname(path))


def _sync(folder: str) -> None:
    try:
        opened = os.open(folder, os.O_RDONLY)
    except OSError as error:
        fault(f"cannot open `{folder}`: {(error.strerror or 'input/output error').lower()}")
    try:
        os.fsync(opened)
    except OSError as error:
        fault(f"cannot write `{folder}`: {(error.strerror or 'input/output error').lower()}")
    finally:
        os.close(opened)


def stop_on_errors(sink: DiagnosticSink, *, options: Options = PLAIN) -> None:
    """End the command with what was found, where that is an error."""
    if sink.has_errors:
        raise click.exceptions.Exit(exit_code(report(sink.sorted(), (), options)))


def merged_rollout(name: str, store: str | None, bundles: Mapping[str, Built]) -> Merged:
    """The distribution of a rollout's two bundles, in the state that its journal gives; ends the command where they are
    not the builds that the rollout is pinned to."""
    found, sink = rollout_named(name), DiagnosticSink()
    found.check(sink)
    stop_on_errors(sink)
    plan = plan_of(found.manifest)
    changes = read_changes(store_named(store, found), plan, sink)
    stop_on_errors(sink)
    said = carried(plan, traffic_of(changes))
    needed = {plan.rollback.name: plan.rollback} | ({plan.bundle.name: plan.bundle} if said.canary else {})
    for version, target in needed.items():
        if version not in bundles:
            usage(f"`{plan.ref}` gives sessions `{version}`", f"name the folder of its build, as in `build/{version}`")
        bundle_named(bundles[version].folder, digest=target.digest)
    others = sorted(bundles.keys() - needed.keys() - {plan.bundle.name})
    if others:
        usage(f"`{plan.ref}` gives nobody `{others[0]}`", "leave its folder out")
    canary = Canary(version=said.canary, percentage=said.percentage, tenants=said.tenants) if said.canary else None
    values = {version: bundles[version].value for version in needed}
    merged = merge(values, said.default, canary=canary, requested=said.requested)
    return Merged(value=with_admission(merged.value, plan), left_out=(*merged.left_out, *said.left_out))
