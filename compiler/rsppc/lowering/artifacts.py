"""The artifacts in sight: those of the workspace, then those of the shipped library.

Files are named `<id>_<version>.<ext>`, so that a reference finds its file without reading the others. Each file is
read, parsed and held against its declaration at most once; what was found wrong with it stays with it and is reported
by whoever uses it.
"""

from __future__ import annotations

from typing import Any

from rsppc.base.canonical_json import canonical, digest_value
from rsppc.base.digest import Digest
from rsppc.base.names import Ref, name_of_file, near_miss, parse_ref, version_key
from rsppc.base.record import replace
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Edit, Fix, Related
from rsppc.lowering.changed_value import changed_value
from rsppc.lowering.check_shape import EmptyList, MalformedRef, MissingKey, NullValue, OneOfKeys, sound_mapping
from rsppc.lowering.check_values import IncompleteSyncDrop, check_values
from rsppc.lowering.glance import may_hold
from rsppc.model.kinds import BY_NAME, BY_SCHEMA_VERSION
from rsppc.model.shape import ArtifactKind
from rsppc.syntax.document import Document, Mapping
from rsppc.syntax.reader import read
from rsppc.workspace import UnreadableFile, Workspace


class UnknownSchemaVersion(Diagnostic):
    """`schema_version` decides what a file is; without a known one nothing in it can be judged."""

    code = "RSP1001"
    name = "unknown-schema-version"
    headline = "{problem}"
    hint = "{advice}"
    problem: str
    advice: str


class EarlierArtifact(Diagnostic):
    """Earlier JSON artifacts share some `schema_version` texts with today's, but have other fields."""

    code = "RSP1002"
    name = "earlier-artifact"
    headline = "this is an earlier form of a {subject}"
    hint = "run `rsppc import {path}`"
    path: str


class FileName(Diagnostic):
    """A reference finds its file by name, so that a file must be named after the artifact in it."""

    code = "RSP1003"
    name = "file-name"
    headline = "`{subject}` must stand in a file named `{expected}`"
    hint = "rename the file, or correct the id and version in it"
    expected: str


class UnknownArtifact(Diagnostic):
    """A reference leads nowhere. References resolve in the workspace first, then in the shipped library."""

    code = "RSP2101"
    name = "unknown-artifact"
    headline = "there is no {kind} `{subject}`"
    hint = "{advice}"
    kind: str
    advice: str


class AmbiguousArtifact(Diagnostic):
    """One version of one artifact must stand in one file; `v1`, `v1.0` and `v1.0.0` are one version."""

    code = "RSP2102"
    name = "ambiguous-artifact"
    headline = "{kind} `{subject}` stands in several files"
    hint = "remove all but one of them"
    kind: str


class PublishedProfileDiffers(Diagnostic):
    """What a shipped profile says under its version is what everybody means by it. A workspace may hold a copy of it;
    other defaults need another version or another name."""

    code = "RSP7105"
    name = "published-profile-differs"
    headline = "`{subject}` is published with the compiler, and says something else here"
    hint = "publish it as `{next_version}`, or remove the file"
    next_version: str


class Artifact:
    """One artifact: its kind, its name, its sound content, and what was found wrong with its file."""

    __slots__ = (
        "_meaning",
        "diagnostics",
        "document",
        "id",
        "kind",
        "lowered",
        "partial",
        "path",
        "root",
        "shipped",
        "version",
    )

    def __init__(
        self,
        kind: ArtifactKind,
        document: Document,
        root: Mapping,
        diagnostics: tuple[Diagnostic, ...],
        *,
        shipped: bool,
        partial: bool = False,
    ) -> None:
        self.kind = kind
        self.partial = partial
        """Whether some of the file could not be read, so that nothing may be concluded from what is missing."""
        self.document = document
        self.root = root
        self.diagnostics = diagnostics
        self.shipped = shipped
        self.path = document.path
        self.id: str = root[kind.id_field]
        self.version: str = root["version"]
        self.lowered: Any = None
        """What lowering made of it, remembered by whoever lowers it."""
        self._meaning: Digest | None = None

    @property
    def ref(self) -> str:
        return f"{self.id}/{self.version}"

    @property
    def meaning_digest(self) -> Digest:
        """Digest of what the artifact says, without metadata, comments and any order that has no meaning."""
        if self._meaning is None:
            self._meaning = digest_value(meaning(self.root))
        return self._meaning

    def item_span(self) -> Span:
        return self.root.value_span(self.kind.id_field)


def meaning(root: Mapping) -> dict[str, Any]:
    """The content of an artifact in the one order that its digest is made of."""
    content: dict[str, Any] = {key: value for key, value in root.items() if key != "metadata"}
    for key, sort_key in _UNORDERED.items():
        if key in content:
            content[key] = sorted(content[key], key=sort_key)
    return content


_UNORDERED: dict[str, Any] = {
    "nodes": lambda item: str(item.get("node_id")),
    "edges": lambda item: (str(item.get("from")), str(item.get("to"))),
    "subgraph_refs": lambda item: str(item.get("name")),
}


class Artifacts:
    """The artifacts of a workspace and of the shipped library, read when they are asked for."""

    def __init__(self, workspace: Workspace, shipped: Workspace | None, sink: DiagnosticSink) -> None:
        self.workspace = workspace
        self.cache: dict[str, Any] = {}
        """What whole-workspace steps remember, such as the catalog of node types."""
        self._own = _Shelf(workspace, sink, shipped=False)
        self._shipped = _Shelf(shipped, sink, shipped=True) if shipped is not None else None

    def paths(self) -> tuple[str, ...]:
        """All source files of the workspace."""
        return self._own.paths

    def unread(self) -> list[UnreadableFile]:
        """Files and folders, shipped ones as well, that were to be read and could not be: they may hold anything."""
        shelves = (self._own, self._shipped) if self._shipped is not None else (self._own,)
        return [one for shelf in shelves for one in shelf.unread()]

    def at(self, path: str) -> tuple[Artifact | None, tuple[Diagnostic, ...]]:
        """The artifact of one file of the workspace, and what was found wrong with the file."""
        artifact, diagnostics = self._own.artifact(path)
        if artifact is not None:
            diagnostics = (*diagnostics, *self._clashes(artifact))
        if not diagnostics:
            return artifact, diagnostics
        diagnostics = tuple(self._with_versions(one) for one in diagnostics)
        if artifact is not None:
            artifact.diagnostics = diagnostics
        return artifact, diagnostics

    def add(self, path: str, data: bytes) -> None:
        """Put unsaved text in the place of a file."""
        self._own.add(path, data)

    def change(self, path: str, data: bytes | None) -> tuple[str, ...]:
        """Take another text for a file, or let the file be gone, and forget what followed from the earlier text. Gives
        the kinds of artifact that stood in it and that stand in it now."""
        kinds = self._own.change(path, data)
        for name in (*(f"versions of {kind}" for kind in kinds), *("catalog",) * ("extension" in kinds)):
            self.cache.pop(name, None)
        if "runtime" in kinds:
            self.cache.pop("runtime", None)
        return kinds

    def forget(self, path: str) -> None:
        """Let go of a file that hardly anybody will ask for again; who does has it read once more."""
        self._own.forget(path)

    def with_text(self, path: str, data: bytes) -> Artifacts:
        """The same artifacts with another text in one file; what has been read of the others is shared."""
        return self.with_texts({path: data})

    def with_texts(self, texts: dict[str, bytes], workspace: Workspace | None = None) -> Artifacts:
        """The same artifacts with other texts in some files, and perhaps other settings of the workspace."""
        changed = Artifacts.__new__(Artifacts)
        changed.workspace = workspace or self.workspace
        changed.cache = {}
        changed._own = self._own.copy()
        for path, data in texts.items():
            changed._own.add(path, data)
        changed._shipped = self._shipped
        return changed

    def of_kind(self, kind: str) -> tuple[list[Artifact], list[Artifact]]:
        """All artifacts of a kind: those of the workspace, and those of the shipped library."""
        shipped = self._shipped.of_kind(kind) if self._shipped is not None else []
        return self._own.of_kind(kind), shipped

    def own(self, kind: str, artifact_id: str, version: str) -> Artifact | None:
        """The artifact of the workspace with a name; None where there is none."""
        return next(iter(self._own.find(kind, artifact_id, version)), None)

    def resolve(self, kind: str, text: str, at: Span, sink: DiagnosticSink) -> Artifact | None:
        """The artifact that a reference names; reported and None where it names none."""
        ref = parse_ref(text)
        assert ref is not None, "malformed references are reported when shapes are checked"
        for shelf in (self._own, self._shipped):
            found = shelf.find(kind, ref.id, ref.version) if shelf is not None else []
            if found:
                _, diagnostics = self.at(found[0].path) if shelf is self._own else (None, found[0].diagnostics)
                for diagnostic in diagnostics:
                    sink.report(self._with_versions(diagnostic))
                return found[0]
        refused = self._own.refused(ref.id, ref.version)
        if refused:  # there is such a file, and what is wrong with it is said
            for diagnostic in refused:
                sink.report(diagnostic)
            return None
        misnamed = self._misnamed(kind, ref)
        if misnamed is not None:  # its file is not named after it, which is what is wrong
            for diagnostic in misnamed.diagnostics:
                sink.report(diagnostic)
            return misnamed
        meant = self._report_unknown(kind, ref, at, sink)
        # With what was probably meant, the mistakes behind the reference are found in the same run.
        return None if meant is None else self.resolve(kind, meant, at, DiagnosticSink())

    def _clashes(self, artifact: Artifact) -> tuple[Diagnostic, ...]:
        """What other artifacts of the same name and version make wrong with one of the workspace."""
        kind = artifact.kind.name
        same = self._own.find(kind, artifact.id, artifact.version)
        found: list[Diagnostic] = []
        if len(same) > 1:
            related = tuple(Related(at=one.item_span(), text="and here") for one in same[1:])
            ref, at = same[0].ref, same[0].item_span()
            found.append(AmbiguousArtifact(at=at, kind=kind, subject=ref, related=related))
        _, in_the_file = self._own.artifact(artifact.path)
        is_sound = not any(one.severity == "error" for one in in_the_file)  # else the text is not what is meant
        if kind == "profile" and is_sound and self._shipped is not None:
            for published in self._shipped.find(kind, artifact.id, artifact.version):
                found.extend(_differences(artifact, published))
        return tuple(found)

    def _misnamed(self, kind: str, ref: Ref) -> Artifact | None:
        """The artifact of a reference, where its file has another name; searched only when nothing else is found."""
        if version_key(ref.version) not in map(version_key, self.versions(kind).get(ref.id, ())):
            return None
        wanted = (ref.id, version_key(ref.version))
        found = (one for shelf in self.of_kind(kind) for one in shelf)
        return next((one for one in found if (one.id, version_key(one.version)) == wanted), None)

    def versions(self, kind: str) -> dict[str, list[str]]:
        """Versions of all artifacts of a kind in sight, oldest first, by id."""
        known = self.cache.get(f"versions of {kind}")
        if known is None:
            found: dict[str, set[str]] = {}
            for artifact in (one for shelf in self.of_kind(kind) for one in shelf):
                found.setdefault(artifact.id, set()).add(artifact.version)
            known = {artifact_id: sorted(versions, key=version_key) for artifact_id, versions in found.items()}
            self.cache[f"versions of {kind}"] = known
        result: dict[str, list[str]] = known
        return result

    def _with_versions(self, diagnostic: Diagnostic) -> Diagnostic:
        """A refused reference with the versions that it could have named."""
        if not isinstance(diagnostic, MalformedRef):
            return diagnostic
        artifact_id = diagnostic.written.split("/")[0].split(":")[-1]
        versions = self.versions(diagnostic.kind).get(artifact_id)
        if not versions:
            return diagnostic
        return replace(diagnostic, versions=_there_are(artifact_id, versions))

    def _report_unknown(self, kind: str, ref: Ref, at: Span, sink: DiagnosticSink) -> str | None:
        """Report a reference that leads nowhere; the one that was probably meant comes back."""
        known = self.versions(kind)
        if ref.id in known:
            advice = _there_are(ref.id, known[ref.id])
            sink.report(UnknownArtifact(at=at, kind=kind, subject=ref.name, advice=advice))
            return f"{ref.id}/{known[ref.id][-1]}"
        guess = near_miss(ref.id, known)
        if guess is None:
            folder = f"{self.workspace.sources}/{BY_NAME[kind].folder}/{ref.id}_{ref.version}.yaml"
            sink.report(UnknownArtifact(at=at, kind=kind, subject=ref.name, advice=f"write it in `{folder}`"))
            return None
        same = (one for one in known[guess] if version_key(one) == version_key(ref.version))
        meant = f"{guess}/{next(same, known[guess][-1])}"  # a slip in the name says nothing against the version
        fixes = (Fix(title=f"write `{meant}`", edits=(Edit(at=at, text=meant),)),)
        sink.report(UnknownArtifact(at=at, kind=kind, subject=ref.name, advice=f"did you mean `{meant}`?", fixes=fixes))
        return meant


def _differences(own: Artifact, published: Artifact) -> tuple[Diagnostic, ...]:
    """What is said of a profile that is published with the compiler, where the workspace has another text of it."""
    if own.meaning_digest == published.meaning_digest:
        return ()
    (*_, note) = ("", *changed_value(canonical(_content(published)), _content(own)))
    if not note:  # the same version, written in another way
        return ()
    major = version_key(published.version)[0]
    return (
        PublishedProfileDiffers(
            at=own.item_span(), subject=published.ref, next_version=f"{own.id}/v{major + 1}", notes=(note,)
        ),
    )


def _content(profile: Artifact) -> dict[str, Any]:
    return {**meaning(profile.root), "version": list(version_key(profile.version))}


def _there_are(artifact_id: str, versions: list[str]) -> str:
    shown = ", ".join(f"`{artifact_id}/{version}`" for version in versions[-8:])
    return f"there {'are' if len(versions) > 1 else 'is'} {shown}"


class _Shelf:
    """The files of one folder of sources."""

    def __init__(self, workspace: Workspace, sink: DiagnosticSink, *, shipped: bool) -> None:
        self.workspace = workspace
        self.shipped = shipped
        self._listing = DiagnosticSink()
        self.paths: tuple[str, ...] = tuple(workspace.files(self._listing))
        for diagnostic in self._listing.sorted():
            sink.report(diagnostic)
        self._by_name: dict[str, list[tuple[str, str]]] = {}
        self._of_kind: dict[str, list[Artifact]] = {}
        self._data: dict[str, tuple[bytes | None, DiagnosticSink]] = {}
        self._artifacts: dict[str, tuple[Artifact | None, tuple[Diagnostic, ...]]] = {}
        for path in self.paths:
            self._index(path)

    def unread(self) -> list[UnreadableFile]:
        found = [*self._listing.sorted(), *(one for _, sink in self._data.values() for one in sink.sorted())]
        return [one for one in found if isinstance(one, UnreadableFile)]

    def add(self, path: str, data: bytes, *, keep_kinds: bool = False) -> None:
        if path not in self.paths:
            self.paths = tuple(sorted((*self.paths, path)))
            self._index(path)
        self._data[path] = (data, DiagnosticSink())
        self._artifacts.pop(path, None)
        if not keep_kinds:
            self._of_kind.clear()

    def change(self, path: str, data: bytes | None) -> tuple[str, ...]:
        before, _ = self._artifacts.pop(path, (None, ()))
        after = None
        if data is not None:
            self.add(path, data, keep_kinds=True)
            after, _ = self.artifact(path)
        elif path in self.paths:
            self.paths = tuple(one for one in self.paths if one != path)
            self._data.pop(path, None)
            for named in self._by_name.values():
                named[:] = [one for one in named if one[1] != path]
        kinds = tuple(sorted({one.kind.name for one in (before, after) if one is not None}))
        for kind in kinds:
            self._of_kind.pop(kind, None)
        return kinds

    def forget(self, path: str) -> None:
        if self._data.get(path, (b"", None))[0] is None:  # what was put in by hand cannot be read again
            del self._artifacts[path], self._data[path]

    def copy(self) -> _Shelf:
        other = _Shelf.__new__(_Shelf)
        other.workspace, other.shipped, other.paths = self.workspace, self.shipped, self.paths
        other._listing = self._listing
        other._by_name = {name: list(files) for name, files in self._by_name.items()}
        other._of_kind, other._data, other._artifacts = dict(self._of_kind), dict(self._data), dict(self._artifacts)
        return other

    def find(self, kind: str, artifact_id: str, version: str) -> list[Artifact]:
        """The artifacts that a reference can mean, by the names of their files."""
        found = []
        for path in self._named(artifact_id, version):
            artifact, _ = self.artifact(path)
            if artifact is not None and artifact.kind.name == kind and artifact.id == artifact_id:
                found.append(artifact)
        return found

    def refused(self, artifact_id: str, version: str) -> tuple[Diagnostic, ...]:
        """What is wrong with files of a name that could not be read as artifacts of any kind."""
        read_files = [self.artifact(path) for path in self._named(artifact_id, version)]
        return tuple(one for artifact, diagnostics in read_files if artifact is None for one in diagnostics)

    def _named(self, artifact_id: str, version: str) -> list[str]:
        wanted = version_key(version)
        return [path for named, path in self._by_name.get(artifact_id, ()) if version_key(named) == wanted]

    def of_kind(self, kind: str) -> list[Artifact]:
        known = self._of_kind.get(kind)
        if known is None:
            known = self._of_kind[kind] = self._search(kind)
        return known

    def _search(self, kind: str) -> list[Artifact]:
        found = []
        for path in self.paths:
            if path not in self._artifacts:
                data = self._bytes(path)[0]
                if data is None or not may_hold(path, data, kind, plain=self.shipped):
                    continue
            artifact, _ = self.artifact(path)
            if artifact is not None and artifact.kind.name == kind:
                found.append(artifact)
        return found

    def artifact(self, path: str) -> tuple[Artifact | None, tuple[Diagnostic, ...]]:
        known = self._artifacts.get(path)
        if known is None:
            known = self._artifacts[path] = self._load(path)
        return known

    def _index(self, path: str) -> None:
        found = name_of_file(path)
        if found is not None:
            self._by_name.setdefault(found["id"], []).append((found["version"], path))

    def _bytes(self, path: str) -> tuple[bytes | None, DiagnosticSink]:
        known = self._data.get(path)
        if known is None:
            sink = DiagnosticSink()
            known = self._data[path] = (self.workspace.read(path, sink), sink)
        return known

    def _load(self, path: str) -> tuple[Artifact | None, tuple[Diagnostic, ...]]:
        data, sink = self._bytes(path)
        if data is None:
            return None, sink.sorted()
        shown = f"rsppc:{path.removeprefix('./')}" if self.shipped else path
        document = read(shown, data, sink)
        self._data[path] = (data if self.shipped else None, sink)  # read once; keeping all bytes would cost memory
        if document is None or document.root is None:
            return None, sink.sorted()
        kind = _kind_of(document, document.root, sink)
        if kind is None:
            return None, sink.sorted()
        partial = sink.has_errors
        shape_sink = DiagnosticSink() if partial else sink
        root = sound_mapping(document.root, kind.shape, shape_sink)
        check_values(kind.name, root, shape_sink)
        if partial:
            for diagnostic in _not_caused_by_reading(shape_sink.sorted(), sink.sorted()):
                sink.report(diagnostic)
        if kind.id_field in root and "version" in root:
            _check_file_name(path, kind, root, sink)
        else:  # that a name is missing has been said; what else is wrong is to be found in the same run
            root = _named_after_file(path, kind, root)
        artifact = Artifact(kind, document, root, sink.sorted(), shipped=self.shipped, partial=partial)
        return artifact, artifact.diagnostics


def _not_caused_by_reading(found: tuple[Diagnostic, ...], unread: tuple[Diagnostic, ...]) -> list[Diagnostic]:
    """Findings that would be there even if all of the file had been read."""
    lines = {other.at.location()[1] for other in unread}
    return [one for one in found if not _is_absence(one) and one.at.location()[1] not in lines]


def _is_absence(found: Diagnostic) -> bool:
    """Whether a finding says that something is missing, which may stand in what could not be read."""
    is_gap = isinstance(found, NullValue) and found.at.text.strip().lower() != "null"
    return is_gap or isinstance(found, MissingKey | EmptyList | OneOfKeys | IncompleteSyncDrop)


_EARLIER_KEYS = {
    "rspp.pipeline.spec.v1": ("spec_id", "PipelineSpec"),
    "rspp.execution.profile.v1": ("allowed_adaptive_actions", "ExecutionProfile"),
    "rspp.pipeline.bundle.v1": ("policy_ref", "PipelineBundle"),
    "rspp.replay.manifest.v1": ("manifest_id", "ReplayManifest"),
}
"""Schema versions that earlier artifacts share with ours, and a key that only theirs have."""

_EARLIER = {
    "rspp.policy.bundle.v1": "PolicyOverlay",
    "rspp.rollout.v1": "RolloutManifest",
    "rspp.deploy.rollout.v1": "RolloutManifest",
    "rspp.extensions.v1": "ExtensionManifest",
    "rspp.compatibility.v1": "CompatPolicy",
    "rspp.version-skew-policy.v1": "CompatPolicy",
    "rspp.deprecation-policy.v1": "CompatPolicy",
    "rspp.conformance-profile.v1": "CompatPolicy",
}
"""Schema versions that only earlier artifacts have."""


def _kind_of(document: Document, root: Mapping, sink: DiagnosticSink) -> ArtifactKind | None:
    written = root.get("schema_version")
    known = written if isinstance(written, str) else ""
    key, title = _EARLIER_KEYS.get(known, (None, ""))
    if key in root or known in _EARLIER:
        subject = title or _EARLIER[known]
        sink.report(EarlierArtifact(at=root.value_span("schema_version"), subject=subject, path=document.path))
        return None
    if isinstance(written, str) and written in BY_SCHEMA_VERSION:
        return BY_SCHEMA_VERSION[written]
    if "schema_version" not in root:
        at = Span(source=document.source, start=root.start, end=root.start)
        sink.report(
            UnknownSchemaVersion(
                at=at,
                problem="the file does not say what it is",
                advice="begin it with `schema_version: rspp.pipeline.spec.v1`, say",
            )
        )
        return None
    guess = near_miss(str(written), BY_SCHEMA_VERSION)
    advice = f"did you mean `{guess}`?" if guess else "known are " + ", ".join(f"`{one}`" for one in BY_SCHEMA_VERSION)
    at = root.value_span("schema_version")
    fixes = (Fix(title=f"write `{guess}`", edits=(Edit(at=at, text=guess),)),) if guess else ()
    sink.report(
        UnknownSchemaVersion(
            at=at, problem=f"there is no schema version `{str(written)[:80]}`", advice=advice, fixes=fixes
        )
    )
    return None


def _named_after_file(path: str, kind: ArtifactKind, root: Mapping) -> Mapping:
    """The content of an artifact with the name and version that its file has, where it has none of its own."""
    found = name_of_file(path)
    stand_ins = {kind.id_field: found["id"] if found else "unnamed", "version": found["version"] if found else "v1"}
    named = Mapping({**root, **{key: name for key, name in stand_ins.items() if key not in root}})
    nowhere = [root.start] * (4 * (len(named) - len(root)))
    named.source, named.start, named.end, named.at = root.source, root.start, root.end, [*root.at, *nowhere]
    return named


def _check_file_name(path: str, kind: ArtifactKind, root: Mapping, sink: DiagnosticSink) -> None:
    name = path.rsplit("/", 1)[-1]
    suffix = name.rpartition(".")[2]
    artifact_id, version = root[kind.id_field], root["version"]
    found = name_of_file(path)
    if found is not None and found["id"] == artifact_id and version_key(found["version"]) == version_key(version):
        return
    expected = f"{artifact_id}_{version}.{suffix}"
    if name.startswith("<"):  # text from standard input has no file
        return
    sink.report(FileName(at=root.value_span(kind.id_field), subject=f"{artifact_id}/{version}", expected=expected))
