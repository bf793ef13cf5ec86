"""A workspace while it is edited: the files on disk, the texts that are open, and what is known to be wrong with them.

After a change only what depends on the changed file is examined again: first what somebody is looking at, the rest
whenever there is time. A caller changes texts, then calls `work` until it returns None.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator

from rsppc.base.names import parse_ref
from rsppc.base.record import replace
from rsppc.base.source import Source, Span
from rsppc.checking import Outcome, checked_alone, examined, with_edits
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Severity, severity_in, sort_diagnostics
from rsppc.driver import Compilation, prove_fixes, sound_levels
from rsppc.ir.catalog import Catalog
from rsppc.ir.program import Program
from rsppc.lowering.alone import KINDS as ALONE_KINDS
from rsppc.lowering.artifacts import Artifact
from rsppc.lowering.lower import catalog
from rsppc.lowering.tracking import TrackedArtifacts
from rsppc.resources import folder
from rsppc.syntax.document import Document
from rsppc.syntax.reader import read
from rsppc.workspace import CONFIG_FILE, Workspace, find_workspace

_COMPILATIONS_MAX = 8
"""Programs that are kept; what somebody looks at again after longer is compiled again."""
_COMMENTS = "comments that allow a finding"


class Stopped(Exception):
    """Whoever asked does not want to know any more."""


class Project:
    """One workspace. Paths are relative to its root, with forward slashes."""

    def __init__(self, workspace: Workspace, sink: DiagnosticSink) -> None:
        workspace = sound_levels(workspace, sink)
        shipped = Workspace(root=folder("pipelines"), sources=".")
        self.workspace = workspace
        self.artifacts = TrackedArtifacts(workspace, shipped, sink)
        self.checkpoint: Callable[[], None] = lambda: None
        """Called now and then where an answer takes long; raises `Stopped` where nobody waits for it any more."""
        self._own = sink.sorted()
        self._open: dict[str, bytes] = {}
        self._urgent: dict[str, None] = {}
        self._pending: dict[str, None] = dict.fromkeys(self.artifacts.paths())
        self._alone: dict[str, None] = {}
        self._examined: dict[str, Outcome] = {}
        self._asked: dict[str, frozenset[str]] = {}
        self._asking: dict[str, set[str]] = {}
        self._found: dict[str, dict[str, tuple[Diagnostic, ...]]] = {CONFIG_FILE: {"": self._own}}
        self._uses: Counter[str] = Counter()
        self._released: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._compilations: OrderedDict[str, Compilation] = OrderedDict()
        self._proved: dict[str, Compilation] = {}
        self._programs: dict[str, Program] = {}
        self._documents: dict[str, Document | None] = {}
        self._news: set[str] = {CONFIG_FILE}
        self._are_comments_due = False

    # --- Changes -----------------------------------------------------------------------------------------------------

    def open(self, path: str, data: bytes) -> None:
        """Somebody looks at a file, and has this text of it."""
        known = self._open.get(path)
        self._open[path] = data
        if known != data:
            self._change(path, data)

    def close(self, path: str) -> None:
        """Nobody looks at a file any more; what counts is what is on the disk."""
        if self._open.pop(path, None) is not None:
            self._programs.pop(path, None)
            if self.workspace.lists(path):
                self.reload(path)
            else:  # it was no file of this workspace
                self._change(path, None)

    def reload(self, path: str) -> None:
        """A file on the disk is another one now, or gone."""
        if path in self._open or not self.workspace.lists(path):
            return
        sink = DiagnosticSink()
        self._change(path, self.workspace.read(path, sink))

    def look_around(self) -> None:
        """Files may have come or gone that nobody told of, as where a folder is deleted or gets another name."""
        there, known = set(self.workspace.files(DiagnosticSink())), set(self.artifacts.paths())
        for path in sorted(there ^ known):
            self.reload(path)

    def assets_changed(self) -> None:
        """Some file that configurations name is another one now, or gone."""
        self._later(path for path, one in self._examined.items() if not one.artifact)

    def _change(self, path: str, data: bytes | None) -> None:
        before = self._ids.pop(path, None)
        self._documents.pop(path, None)
        kinds = self.artifacts.change(path, data)
        names = {f"path {path}", *(f"kind {kind}" for kind in kinds)}
        stem = path.rsplit("/", 1)[-1].rpartition("_")[0]
        artifact = self.artifacts.at(path)[0] if data is not None else None
        if artifact is not None:
            self._ids[path] = artifact.id
        names.update(f"id {one}" for one in (before, stem, artifact.id if artifact is not None else None) if one)
        dependent = {entry for name in names for entry in self._asking.get(name, ())}
        self._found[path] = {}  # what others found here stands at places of the earlier text
        if data is None:
            self._news |= self._drop(path)
            dependent.discard(path)
            self._news.add(path)
        else:
            dependent.add(path)
        for entry in dependent:
            self._compilations.pop(entry, None)
            self._proved.pop(entry, None)
        self._urgent.update(dict.fromkeys(sorted(entry for entry in dependent if self._is_watched(entry))))
        self._later(entry for entry in dependent if not self._is_watched(entry))

    def _is_watched(self, entry: str) -> bool:
        return entry in self._open or self._released.get(entry) in self._open

    def _later(self, entries: Iterable[str]) -> None:
        self._pending.update(dict.fromkeys(sorted(entries)))

    # --- Examining ---------------------------------------------------------------------------------------------------

    @property
    def is_urgent(self) -> bool:
        """Whether somebody is looking at what has not been examined."""
        return bool(self._urgent)

    def mention(self, path: str) -> None:
        """Say again what is wrong with a file, as of its text now."""
        self._news.add(path)

    def take_news(self) -> set[str]:
        """Files of which there may be something else to say than when this was asked before."""
        news, self._news = self._news, set()
        return news

    def work(self) -> bool:
        """Examine one file; False where all is done."""
        for queue, examine in (
            (self._urgent, self._examine),
            (self._pending, self._examine),
            (self._alone, self._examine_alone),
        ):
            while queue:
                path = next(iter(queue))
                del queue[path]
                if queue is self._urgent:
                    self._pending.pop(path, None)
                if path in self.artifacts.paths():
                    self._news |= examine(path)
                    return True
        if self._are_comments_due:
            self._news |= self._examine_comments()
            return True
        return False

    def diagnostics(self, path: str) -> tuple[Diagnostic, ...]:
        """Everything that is known to be wrong in a file."""
        return sort_diagnostics([found for one in self._found.get(path, {}).values() for found in one])

    def files_with_findings(self) -> list[str]:
        return sorted(path for path, found in self._found.items() if any(found.values()))

    def _examine(self, path: str) -> set[str]:
        if path in self._released.values():
            return self._drop(path)
        self.artifacts.begin()
        outcome, compilation = examined(self.artifacts, path, purpose="check", strict=self.workspace.strict)
        outcome = replace(outcome, diagnostics=with_edits(outcome.diagnostics))
        changed = self._keep(path, outcome, self.artifacts.asked())
        artifact, _ = self.artifacts.at(path)
        if artifact is not None:
            self._ids[path] = artifact.id
        if outcome.artifact.partition(":")[0] in ALONE_KINDS and not self._uses[outcome.artifact]:
            self._alone[path] = None
        if compilation is not None:
            self._remember(path, compilation)
        self._are_comments_due = True
        return changed | self._release(path, artifact)

    def _examine_alone(self, path: str) -> set[str]:
        known = self._examined.get(path)
        if known is None or self._uses[known.artifact]:
            return set()
        self.artifacts.begin()
        alone = checked_alone(self.artifacts, path, strict=self.workspace.strict)
        both = (*known.diagnostics, *with_edits(alone.diagnostics))
        asked = self._asked[path] | self.artifacts.asked()
        return self._keep(path, replace(known, diagnostics=both, ok=known.ok and alone.ok), asked)

    def _examine_comments(self) -> set[str]:
        """Comments that allow nothing; asked once everything that may use them has been examined, and is sound."""
        self._are_comments_due = False
        before = {path for path, found in self._found.items() if found.pop(_COMMENTS, None)}
        allowances = [one for outcome in self._examined.values() for one in outcome.allowances]
        if not allowances or not all(one.ok for one in self._examined.values()):
            return before
        from rsppc.lint.allow import unused

        return before | self._say(_COMMENTS, unused(allowances))

    def _keep(self, path: str, outcome: Outcome, asked: frozenset[str]) -> set[str]:
        changed = self._forget(path)
        self._examined[path] = outcome
        self._asked[path] = asked
        for name in asked:
            self._asking.setdefault(name, set()).add(path)
        self._count_uses(outcome.uses, 1)
        return changed | self._say(path, outcome.diagnostics)

    def _say(self, entry: str, diagnostics: Iterable[Diagnostic]) -> set[str]:
        by_file: dict[str, list[Diagnostic]] = {}
        for one in diagnostics:
            by_file.setdefault(one.at.source.path, []).append(one)
        for file, found in by_file.items():
            self._found.setdefault(file, {})[entry] = tuple(found)
        return set(by_file)

    def _drop(self, path: str) -> set[str]:
        """Let go of everything that was found by examining a file."""
        changed = self._forget(path)
        released = self._released.pop(path, None)
        if released is not None:
            self._later([released])
        return changed | {path}

    def _forget(self, path: str) -> set[str]:
        before = self._examined.pop(path, None)
        for name in self._asked.pop(path, ()):
            self._asking[name].discard(path)
        if before is None:
            return {path}
        self._count_uses(before.uses, -1)
        files = {one.at.source.path for one in before.diagnostics}
        for file in files:
            self._found.get(file, {}).pop(path, None)
        return files | {path}

    def _count_uses(self, names: tuple[str, ...], by: int) -> None:
        for name in names:
            was_used = self._uses[name] > 0
            self._uses[name] += by
            if was_used != (self._uses[name] > 0) and name.partition(":")[0] in ALONE_KINDS:
                artifact_id = name.partition(":")[2].partition("/")[0]
                users = self._asking.get(f"id {artifact_id}", ())
                self._later(one for one in users if one in self._examined and self._examined[one].artifact == name)

    def _release(self, path: str, artifact: Artifact | None) -> set[str]:
        """Note which spec a bundle releases, which is then examined as part of it only."""
        before = self._released.pop(path, None)
        after = None
        if artifact is not None and artifact.kind.name == "bundle" and "spec_ref" in artifact.root:
            spec = self.artifacts.resolve("pipeline", artifact.root["spec_ref"], artifact.item_span(), DiagnosticSink())
            after = spec.path if spec is not None and not spec.shipped else None
        if after is not None:
            self._released[path] = after
        if before is not None and before != after:
            self._later([before])
        return self._drop(after) if after is not None and after in self._examined else set()

    # --- What features ask -------------------------------------------------------------------------------------------

    def artifact(self, path: str) -> Artifact | None:
        """The artifact in a file, with what could be read of it."""
        return self.artifacts.at(path)[0] if path in self.artifacts.paths() else None

    def referred(self, kind: str, text: str, at: Span) -> Artifact | None:
        """The artifact that a reference names, as it stands in a text; None where it names none, or is none."""
        return self.artifacts.resolve(kind, text, at, DiagnosticSink()) if parse_ref(text) is not None else None

    def document(self, path: str) -> Document | None:
        """What is written in a file, as far as it can be read, whatever it is."""
        artifact = self.artifact(path)
        if artifact is not None:
            return artifact.document
        if path not in self._documents:
            data = self._open.get(path)
            if data is None and path in self.artifacts.paths():
                data = self.workspace.read(path, DiagnosticSink())
            self._documents[path] = read(path, data, DiagnosticSink()) if data is not None else None
        return self._documents[path]

    def source(self, path: str) -> Source | None:
        """The text of a file."""
        document = self.document(path)
        return document.source if document is not None else None

    def compilation(self, path: str) -> Compilation | None:
        """What the compiler makes of a bundle, or of a spec, in the first bundle that releases it."""
        entry = min((bundle for bundle, spec in self._released.items() if spec == path), default=path)
        if entry not in self._compilations:
            artifact = self.artifact(entry)
            if artifact is None or artifact.kind.name not in ("bundle", "pipeline"):
                return None
            self._urgent.pop(entry, None)
            self._pending.pop(entry, None)
            self._news |= self._examine(entry)
        return self._compilations.get(entry)

    def program(self, path: str) -> Program | None:
        """The program of a spec or a bundle; that of an earlier text where today's cannot even be lowered."""
        compilation = self.compilation(path)
        if compilation is not None and compilation.program is not None and compilation.program.nodes:
            return compilation.program
        return self._programs.get(path)

    def program_using(self, path: str) -> Program | None:
        """The program of the first spec or bundle that uses the artifact in a file."""
        artifact = self.artifact(path)
        if artifact is None:
            return None
        name = f"{artifact.kind.name}:{artifact.ref}"
        entries = (entry for entry, one in sorted(self._examined.items()) if name in one.uses)
        return next((program for entry in entries if (program := self.program(entry)) is not None), None)

    def proved(self, path: str) -> Compilation | None:
        """The compilation with its repairs tried."""
        compilation = self.compilation(path)
        if compilation is None:
            return None
        entry = compilation.entry.path
        if entry not in self._proved:
            self._proved[entry] = prove_fixes(compilation, self.artifacts, strict=self.workspace.strict)
        return self._proved[entry]

    def catalog(self) -> Catalog:
        """All node types and providers in sight."""
        return catalog(self.artifacts, DiagnosticSink())

    def users_of(self, artifact_id: str) -> list[Artifact]:
        """Artifacts of the workspace in whose examination this id was asked for, and what was compiled with them."""
        found: dict[str, Artifact] = {}
        for path in sorted(self._asking.get(f"id {artifact_id}", ())):
            outcome = self._examined.get(path)
            uses = [one.partition(":") for one in (outcome.uses if outcome is not None else ())]
            own = [self.artifacts.own(kind, *ref.split("/")) for kind, _, ref in uses]
            found.update({one.path: one for one in (self.artifact(path), *own) if one is not None})
        return [found[path] for path in sorted(found)]

    def own_artifacts(self) -> Iterator[Artifact]:
        """All artifacts of the workspace."""
        for path in self.artifacts.paths():
            self.checkpoint()
            artifact, _ = self.artifacts.at(path)
            if artifact is not None:
                yield artifact

    def entries_of(self, path: str) -> list[str]:
        """Files whose examination found something in a file."""
        return sorted(entry for entry, found in self._found.get(path, {}).items() if found and entry in self._examined)

    def specs_using(self, artifact: Artifact) -> list[Artifact]:
        """Specs that are compiled together with an artifact."""
        name = f"{artifact.kind.name}:{artifact.ref}"
        entries = [entry for entry, one in sorted(self._examined.items()) if name in one.uses]
        found = (self.artifact(self._released.get(entry, entry)) for entry in entries)
        return [one for one in found if one is not None and one.kind.name == "pipeline"]

    def governing(self, spec: Artifact) -> list[Artifact]:
        """Policies and layers of the workspace that are compiled together with a spec."""
        name = f"{spec.kind.name}:{spec.ref}"
        used = {one for outcome in self._examined.values() if name in outcome.uses for one in outcome.uses}
        wanted = [one.partition(":") for one in sorted(used) if one.startswith(("policy:", "layer:"))]
        found = (self.artifacts.own(kind, *ref.split("/")) for kind, _, ref in wanted)
        return [one for one in found if one is not None]

    def severity(self, found: Diagnostic) -> Severity:
        """How severe a finding is in this workspace."""
        return severity_in(found, strict=self.workspace.strict)

    def _remember(self, entry: str, compilation: Compilation) -> None:
        self._compilations[entry] = compilation
        self._compilations.move_to_end(entry)
        self._proved.pop(entry, None)
        if len(self._compilations) > _COMPILATIONS_MAX:
            unwatched = (one for one in self._compilations if not self._is_watched(one) and one != entry)
            self._compilations.pop(next(unwatched, entry), None)
        program = compilation.program
        spec = self._released.get(entry, entry)
        if program is not None and program.nodes and spec in self._open:
            self._programs[spec] = program


def open_project(start: str) -> Project | None:
    """The project around a folder; None where there is no workspace upwards."""
    sink = DiagnosticSink()
    workspace = find_workspace(start, sink)
    return Project(workspace, sink) if workspace is not None else None


def loose_project(folder_of_file: str) -> Project:
    """A project for files that stand in no workspace: each is judged as far as that goes."""
    return Project(Workspace(root=folder_of_file, scanned=False), DiagnosticSink())
