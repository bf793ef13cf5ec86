"""Build one entry: compile, emit, write."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Sequence as Sequence_
from typing import TYPE_CHECKING

from rsppc.base.digest import Digest, is_digest
from rsppc.base.names import ID, VERSION, parse_ref, version_key
from rsppc.base.record import Record, replace
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import Compilation, compile_bundle, prove_fixes
from rsppc.emit.artifacts import Artifacts as Emitted
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.emit.canonical_document import CanonicalDocument
from rsppc.ir.program import Proofs, Runtime
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.lowering.lower import first_change
from rsppc.outputs import OutputFault, Written, byte_digests, kept_set, restore_set, write_set
from rsppc.passes.check_runtime import check_transport
from rsppc.syntax.document import Mapping, Sequence
from rsppc.version import VERSION as COMPILER_VERSION

if TYPE_CHECKING:
    from rsppc.caching.shared import Files, FileSet


class NotPinned(Diagnostic):
    """A locked build takes nothing on trust: every reference of a bundle carries the digest of what it leads to."""

    code = "RSP7103"
    name = "not-pinned"
    headline = "`{subject}` is not pinned by digest"
    hint = "run `rsppc pin {bundle}`, review the change, and commit it"
    bundle: str


class BuildDiffers(Diagnostic):
    """A pinned bundle says which artifact its build makes. Another one means that something changed: a source, or what
    no reference shows, such as a manifest, an asset, or the compiler. What was published under a version never changes,
    so that every build checks it, locked or not."""

    code = "RSP7104"
    name = "build-differs"
    headline = "`{subject}` does not build what was pinned"
    hint = "undo the change, publish it as `{next_version}`, or run `rsppc pin {bundle} --accept` to accept it"
    next_version: str
    bundle: str


class CannotCarry(Diagnostic):
    """The control plane's distribution file has no place for some of what a bundle says; a runtime that loads it alone
    does without."""

    code = "RSP7201"
    name = "not-in-distribution"
    severity = "note"
    headline = "`distribution.json` has no place for {count} of the things that `{subject}` says"
    hint = "load `resolved_spec.json` where a runtime must know them"
    count: int


class NoSnapshot(Diagnostic):
    """`distribution.json` is made with a snapshot of the control plane, which must be there."""

    code = "RSP7202"
    name = "no-snapshot"
    headline = "there is no control-plane snapshot `{subject}`"
    hint = "name one that is there with `--snapshot`; `local/v1` ships with the compiler"


class Built(Record):
    """What became of one entry."""

    ref: str
    path: str
    ok: bool
    diagnostics: tuple[Diagnostic, ...]
    digest: str = ""
    """Digest of the bundle."""
    written: str = ""
    """Where its files are, below the output folder."""
    changed: bool = False
    fault: OutputFault | None = None
    proofs: Proofs | None = None
    set: Written | None = None
    files: dict[str, Digest] | None = None
    """Digests of the files of the set; None where nobody wanted to know."""


def kept_of(built: Built) -> Built | None:
    """What is remembered of a built entry: without what only the compiler could understand. What could not be written
    is tried again."""
    if built.fault is not None:
        return None
    proofs = built.proofs
    if proofs is None:
        return built
    return replace(built, proofs=replace(proofs, paths=tuple(replace(path, steps=()) for path in proofs.paths)))


def built_again(
    kept: Sequence_[Built], root: str, elsewhere: Callable[[Iterable[FileSet]], dict[str, Files]]
) -> list[Built | None]:
    """Entries as if they had been built again; None where the files of one are not there, or not what they were, and
    nobody `elsewhere` has them either."""
    again = [_kept_here(one, root) for one in kept]
    wanted = [set_ for one, found in zip(kept, again, strict=True) if found is None and (set_ := file_set(one))]
    sets = elsewhere(wanted) if wanted else {}
    return [found if found is not None else _fetched(one, root, sets) for one, found in zip(kept, again, strict=True)]


def _kept_here(kept: Built, root: str) -> Built | None:
    if kept.set is None:
        return kept
    found = kept_set(root, kept.set, kept.files or {})
    return None if found is None else replace(kept, changed=False)


def _fetched(kept: Built, root: str, sets: dict[str, Files]) -> Built | None:
    files = sets.get(kept.set.digest) if kept.set is not None else None
    if kept.set is None or files is None or not _is_plain(kept.set, files):
        return None
    written = restore_set(root, kept.set, files)
    if isinstance(written, OutputFault):
        return replace(kept, ok=False, fault=written)
    return replace(kept, changed=written.changed, set=written)


def _is_plain(written: Written, files: Files) -> bool:
    """Whether the names lead nowhere but into the folder of outputs, since they come from elsewhere."""
    steps = written.path.split("/")
    named = len(steps) == 2 and ID.fullmatch(steps[0]) and VERSION.fullmatch(steps[1])
    return bool(named) and is_digest(written.digest) and all(_FILE.fullmatch(name) for name in files)


_FILE = re.compile(r"[a-z_]+\.json")


def file_set(built: Built) -> FileSet | None:
    """The files of an entry, for whoever shares them."""
    if built.set is None or built.files is None:
        return None
    from rsppc.caching.shared import FileSet  # only where something is shared

    return FileSet(digest=built.set.digest, files=built.files)


class Compiled(Record):
    """What became of one entry before its files are written."""

    built: Built
    documents: dict[str, CanonicalDocument] | None
    """The files to be written; None where there are none, because of errors."""
    id: str
    version: str


def write_entry(compiled: Compiled, *, root: str, remembered: bool) -> Built:
    """Write the set of files of an entry. What is `remembered` of it needs the digests of the files."""
    built, documents = compiled.built, compiled.documents
    if documents is None:
        return built
    written = write_set(root, compiled.id, compiled.version, documents)
    if isinstance(written, OutputFault):
        return replace(built, ok=False, fault=written)
    files = byte_digests(documents) if remembered else None
    return replace(built, written=written.path, changed=written.changed, set=written, files=files)


def compile_entry(artifacts: Artifacts, entry: Artifact, *, snapshot: str, strict: bool) -> Compiled:
    """Compile an entry, and make its files where it has no errors."""
    compilation = compile_bundle(artifacts, entry, purpose="build", strict=strict)
    compilation = prove_fixes(compilation, artifacts, purpose="build", strict=strict)
    sink = DiagnosticSink(strict=strict)
    view = _snapshot(artifacts, snapshot, entry, sink)
    program = compilation.program
    if program is not None and program.runtime is not None and view is not None:
        _check_transport(program.runtime, view.root, sink)
    if not compilation.ok or sink.has_errors or program is None:
        return _failed(entry, compilation, sink)
    made = emitted(program, snapshot=view.root if view is not None else None, compiler=f"rsppc {COMPILER_VERSION}")
    _check_digest(entry, made, artifacts, sink)
    if sink.has_errors:
        return _failed(entry, compilation, sink)
    diagnostics = (*compilation.diagnostics, *sink.sorted())
    if made.left_out:
        count = len(made.left_out)
        diagnostics = (
            *diagnostics,
            CannotCarry(at=entry.item_span(), subject=entry.ref, count=count, notes=made.left_out),
        )
    built = Built(
        ref=entry.ref,
        path=entry.path,
        ok=True,
        diagnostics=diagnostics,
        digest=made.bundle_digest,
        proofs=program.proofs,
    )
    return Compiled(built=built, documents=made.documents, id=program.bundle.id, version=program.bundle.version)


def _failed(entry: Artifact, compilation: Compilation, sink: DiagnosticSink) -> Compiled:
    found = (*compilation.diagnostics, *sink.sorted())
    built = Built(ref=entry.ref, path=entry.path, ok=False, diagnostics=found)
    return Compiled(built=built, documents=None, id=entry.id, version=entry.version)


def _snapshot(artifacts: Artifacts, name: str, entry: Artifact, sink: DiagnosticSink) -> Artifact | None:
    ref = parse_ref(name)
    own, shipped = artifacts.of_kind("snapshot")
    for one in (*own, *shipped):
        if ref is not None and one.ref == ref.name:
            return one
    sink.report(NoSnapshot(at=entry.item_span(), subject=name))
    return None


def _check_transport(runtime: Runtime, snapshot: Mapping, sink: DiagnosticSink) -> None:
    routing = snapshot.get("routing_view") or Mapping()
    if "transport_kind" in routing:
        check_transport(runtime, routing["transport_kind"], routing.value_span("transport_kind"), sink)


def _check_digest(entry: Artifact, made: Emitted, artifacts: Artifacts, sink: DiagnosticSink) -> None:
    """Hold what was built against the digest in the bundle's source."""
    pinned = entry.root.get("bundle_digest")
    if pinned is None or pinned == made.bundle_digest:
        return
    major, minor, _ = version_key(entry.version)
    sink.report(
        BuildDiffers(
            at=entry.root.value_span("bundle_digest"),
            subject=entry.ref,
            next_version=f"{entry.id}/v{major}.{minor + 1}",
            bundle=entry.ref,
            notes=(
                f"pinned {pinned}",
                f"built  {made.bundle_digest}",
                *_what_changed(pinned, made, artifacts),
            ),
        )
    )


def _what_changed(pinned: str, made: Emitted, artifacts: Artifacts) -> tuple[str, ...]:
    """The first difference of the bundle; where that is only the digest of the ResolvedSpec, the first one in there."""
    kept = artifacts.workspace.pinned_object(pinned)
    if kept is not None:
        from msgspec.json import decode  # only where something differs

        before = decode(kept)
        same_inputs = {**before, "outputs": made.bundle["outputs"]} == made.bundle
        if same_inputs:
            deeper = first_change(before["outputs"]["resolved_spec"], made.resolved_spec, artifacts)
            if deeper:
                return deeper
    return first_change(pinned, made.bundle, artifacts)


def report_locked(entry: Artifact, artifacts: Artifacts) -> list[Diagnostic]:
    """References of a bundle that carry no digest; what differs from its digest is reported where it is followed."""
    if entry.kind.name != "bundle":
        return [NotPinned(at=entry.item_span(), subject=entry.ref, bundle=entry.ref)]
    found: list[Diagnostic] = []

    def check(text: str, at: Span) -> None:
        ref = parse_ref(text)
        if ref is not None and ref.digest is None:
            found.append(NotPinned(at=at, subject=ref.name, bundle=entry.ref))

    if "bundle_digest" not in entry.root:
        found.append(NotPinned(at=entry.item_span(), subject=entry.ref, bundle=entry.ref))
    for key in ("spec_ref", "profile_ref"):
        if key in entry.root:
            check(entry.root[key], entry.root.value_span(key))
    for key in ("policy_refs", "layer_refs", "module_refs"):
        refs = entry.root.get(key) or Sequence()
        for index, text in enumerate(refs):
            check(text, refs.value_span(index))
    return found
