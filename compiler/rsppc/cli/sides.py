"""What the change tools hold against each other: files, references, built folders, stored bundles, git revisions.

A name is taken for the first of these that it fits: `git:…` and `store:…` say what they are; then a folder that `rsppc
build` wrote, a folder with a workspace, a file, a reference of this workspace, and a git revision.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any, NoReturn

import click
import msgspec

from rsppc.base.names import near_miss, parse_ref, version_key
from rsppc.base.record import Record
from rsppc.base.source import Source, Span
from rsppc.changes.side import Side
from rsppc.cli.entry import compile_released
from rsppc.cli.exits import INTEGRITY
from rsppc.cli.publishing import bundle_value
from rsppc.cli.revisions import below_workspace, find_revision, has_repository, revision_named, sources_of, why_unknown
from rsppc.cli.session import Options, exit_code, fault, report, usage, workspace_here
from rsppc.cli.turns import bundle_named
from rsppc.diagnostics import Diagnostic, DiagnosticSink, moved
from rsppc.driver import entries, open_workspace
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.store.artifacts import StoredArtifacts
from rsppc.store.protocols import Stored, StoreFault
from rsppc.version import VERSION
from rsppc.workspace import Workspace, find_workspace


class Sources(Record):
    """Sources that can be compiled, and the name in them; no name means the bundle of the other side."""

    name: str
    artifacts: Any
    entry: Any = None
    revision: str = ""
    """The git revision that they are of; empty where they are files."""
    before_paths: str = ""
    """What leads to their files from here: the way to another workspace, or the revision and a colon."""

    def place(self, at: Span) -> Span:
        """A place in a file of theirs, under the name that leads there from here."""
        if not self.before_paths or at.source.path.startswith(_SHIPPED):
            return at
        source = Source(self.before_paths + at.source.path, at.source.text, at.source.data)
        return Span(source=source, start=at.start, end=at.end)


_SHIPPED = "rsppc:"
"""How places of files begin that ship with the compiler."""

Named = Side | Sources


def named(text: str, store: str | None, stack: ExitStack) -> Named:
    """What the user means by a name. What is compiled from a revision is there until the stack is closed."""
    if text.startswith("git:"):
        return _of_revision(text, text[4:], stack)
    if text.startswith("store:"):
        return _stored(text, store)
    if os.path.isdir(text):
        if os.path.exists(os.path.join(text, "bundle.json")):
            return built(text)
        return _in_folder(text)
    if os.path.isfile(text):
        return _in_file(text)
    here = find_workspace(os.getcwd(), DiagnosticSink())
    if here is not None and parse_ref(text) is not None:
        artifacts = open_workspace(here, DiagnosticSink())
        entry = _entry_of(artifacts, text)
        if entry is not None:
            return Sources(name=text, artifacts=artifacts, entry=entry)
    folder = here.root if here is not None else os.getcwd()
    revision = text.partition(":")[0]
    if revision and has_repository(folder) and find_revision(revision, folder) is not None:
        return _of_revision(text, text, stack)
    _unknown(text, here)


def built(folder: str) -> Side:
    """The bundle in a folder that `rsppc build` wrote, with its digests checked."""
    loaded = bundle_named(folder)
    if not loaded.spec.keys() >= _NEEDED:
        usage(f"`{folder}` holds no whole ResolvedSpec", "build the bundle again")
    return Side(name=folder, bundle=bundle_value(folder), spec=loaded.spec, provenance=_provenance(folder))


_NEEDED = {"budgets", "defaulting_sources", "effective_edges", "effective_nodes", "graph_definition_refs", "rules"}


def _provenance(folder: str) -> dict[str, Any] | None:
    """The side file of a built bundle; None where it is not there, or not what a build writes: it is for people, and
    only the digest of the bundle in it has been checked."""
    try:
        with open(os.path.join(folder, "provenance.json"), "rb") as file:
            found = msgspec.json.decode(file.read(), type=_SideFile)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not all(0 <= number < len(found.origins) for number in _numbers(found.leaves)):
        return None
    value: dict[str, Any] = msgspec.to_builtins(found)
    return value


def _numbers(leaves: Any) -> Iterator[int]:
    """All numbers of origins in a side file; what is no number leads nowhere."""
    waiting = [leaves]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict | list):
            waiting.extend(found.values() if isinstance(found, dict) else found)
        elif isinstance(found, int):
            yield found


class _Winner(msgspec.Struct, omit_defaults=True):
    label: str
    file: str | msgspec.UnsetType = msgspec.UNSET
    line: int | msgspec.UnsetType = msgspec.UNSET
    column: int | msgspec.UnsetType = msgspec.UNSET
    value: Any = msgspec.UNSET


class _Story(msgspec.Struct):
    winner: _Winner


class _SideFile(msgspec.Struct):
    """What is read of `provenance.json`."""

    compiler: str
    leaves: dict[str, Any]
    origins: list[_Story]


class NotCompared(Record):
    """What was not compared because of errors."""

    said: str
    """Which it is, and why, in words that a sentence may begin with."""
    found: tuple[Diagnostic, ...]


def attempted(sources: Sources, entry: Artifact) -> Side | NotCompared:
    """An entry of sources, compiled; what keeps it from that, where it does not compile."""
    artifacts: Artifacts = sources.artifacts
    compilation = compile_released(artifacts, entry)
    if not compilation.ok or compilation.program is None:
        return refused(sources, entry.ref, "does not compile", compilation.diagnostics)
    made = emitted(compilation.program, compiler=f"rsppc {VERSION}")
    manifests = {one.ref: one.meaning_digest for shelf in artifacts.of_kind("extension") for one in shelf}
    return Side(
        name=sources.name,
        bundle=made.bundle,
        spec=made.resolved_spec,
        provenance=made.provenance,
        manifests=dict(manifests),
    )


def refused(sources: Sources, ref: str, why: str, found: Iterable[Diagnostic]) -> NotCompared:
    """What is not compared, with its findings placed as the user sees the files."""
    where = f" of `{sources.revision or sources.name}`" if sources.before_paths else ""
    return NotCompared(said=f"`{ref}`{where} {why}", found=tuple(moved(one, sources.place) for one in found))


def compiled(sources: Sources, entry: Artifact, options: Options) -> Side:
    """The same for a command that compares nothing else: it ends with the findings, in the format asked for."""
    side = attempted(sources, entry)
    if isinstance(side, Side):
        return side
    said = f"{side.said}, so that nothing can be compared"
    click.echo(f"rsppc: {said}", err=True)
    if options.format == "markdown":  # the comment that is made of it has to say so as well
        click.echo(f"{said}\n")
    raise click.exceptions.Exit(exit_code(report(side.found, (), options)))


def counterpart(sources: Sources, bundle_id: str, version: str) -> Artifact | None:
    """The entry of sources that stands for a bundle: the same version of it, else the newest one."""
    found = [one for one in entries(sources.artifacts) if one.id == bundle_id]
    exact = [one for one in found if version_key(one.version) == version_key(version)]
    return max(exact or found, key=lambda one: version_key(one.version), default=None)


def bundles_of(sources: Sources) -> list[Artifact]:
    """The bundles of sources; where there are none, the specs."""
    found = list(entries(sources.artifacts))
    return [one for one in found if one.kind.name == "bundle"] or found


def only_entry(sources: Sources) -> Artifact:
    """The one bundle of sources; ends the command where there are several."""
    bundles = bundles_of(sources)
    if len(bundles) != 1:
        known = ", ".join(sorted(f"`{one.ref}`" for one in bundles)) or "none"
        usage(f"`{sources.name}` does not say which bundle is meant", f"there are {known}")
    return bundles[0]


def _in_folder(folder: str) -> Sources:
    workspace = find_workspace(folder, DiagnosticSink())
    if workspace is None or os.path.realpath(folder) != workspace.root:
        usage(f"`{folder}` is neither a built bundle nor a workspace", "name a folder like `build/demo_bundle/v1`")
    artifacts = open_workspace(workspace, DiagnosticSink())
    return Sources(name=folder, artifacts=artifacts, before_paths=_way_to(workspace))


def _in_file(path: str) -> Sources:
    workspace = find_workspace(os.path.dirname(os.path.realpath(path)), DiagnosticSink())
    if workspace is None:
        usage(f"`{path}` is in no workspace", "a workspace has a `rsppc.toml` or a folder `pipelines`")
    artifacts = open_workspace(workspace, DiagnosticSink())
    entry = _entry_of(artifacts, os.path.relpath(os.path.realpath(path), workspace.root).replace(os.sep, "/"))
    if entry is None:
        usage(f"`{path}` holds neither a bundle nor a spec that can be read", "run `rsppc check` to see what it holds")
    return Sources(name=path, artifacts=artifacts, entry=entry, before_paths=_way_to(workspace))


def _way_to(workspace: Workspace) -> str:
    """What to put before the paths of a workspace; nothing for the one around here, as everywhere."""
    here = find_workspace(os.getcwd(), DiagnosticSink())
    if here is not None and here.root == workspace.root:
        return ""
    return os.path.relpath(workspace.root, os.path.realpath(os.getcwd())).replace(os.sep, "/") + "/"


def _entry_of(artifacts: Artifacts, text: str) -> Artifact | None:
    """The bundle or spec with a path or a reference; where both share a name, the bundle is what runs."""
    if text in artifacts.paths():
        artifact, _ = artifacts.at(text)
        return artifact if artifact is not None and artifact.kind.name in ("bundle", "pipeline") else None
    ref = parse_ref(text)
    if ref is None:
        return None
    found = (artifacts.own(kind, ref.id, ref.version) for kind in ("bundle", "pipeline"))
    return next((one for one in found if one is not None), None)


def _of_revision(name: str, text: str, stack: ExitStack) -> Sources:
    here = find_workspace(os.getcwd(), DiagnosticSink())
    folder = here.root if here is not None else os.getcwd()
    revision_name, _, path = text.partition(":")
    revision = revision_named(revision_name, folder)
    workspace = stack.enter_context(sources_of(revision, folder))
    artifacts = open_workspace(workspace, DiagnosticSink())
    if not path:
        return Sources(name=name, artifacts=artifacts, revision=revision_name, before_paths=f"{revision_name}:")
    inside = _below(path, folder)
    ways = (path, inside, below_workspace(path, folder))
    entry = next((found for way in ways if (found := _entry_of(artifacts, way)) is not None), None)
    if entry is None:
        known = sorted(one.ref for one in entries(artifacts))
        guess = near_miss(path, known)
        advice = f"did you mean `{guess}`?" if guess else f"there are {', '.join(known) or 'none'}"
        usage(f"`{revision_name}` has no bundle and no spec `{path}`", advice)
    return Sources(
        name=name, artifacts=artifacts, entry=entry, revision=revision_name, before_paths=f"{revision_name}:"
    )


def _below(path: str, folder: str) -> str:
    """A path as the user sees it from here, below the workspace."""
    return os.path.relpath(os.path.join(os.path.realpath(os.getcwd()), path), folder).replace(os.sep, "/")


def _stored(name: str, store: str | None) -> Side:
    """A bundle of the store. Its ResolvedSpec is in its package, or what `rsppc pin` kept of it in this workspace."""
    workspace = workspace_here(DiagnosticSink())
    stored = StoredArtifacts(root=store if store is not None else os.path.join(workspace.root, "store"))
    found = stored.get_bundle(name[6:])
    if not isinstance(found, Stored):
        _refuse_stored(found)
    return Side(name=name, bundle=found.value, spec=_spec_of(name, found, stored, workspace))


def _refuse_stored(problem: StoreFault) -> NoReturn:
    if problem.kind == "environment":
        fault(f"cannot read the store: {problem.reason}")
    if problem.kind == "corrupt":
        click.echo(f"rsppc: {problem.reason}", err=True)
        raise click.exceptions.Exit(INTEGRITY)
    usage(problem.reason, "name one that was published, as in `store:demo_bundle/v1`")


def _spec_of(name: str, found: Stored, stored: StoredArtifacts, workspace: Workspace) -> dict[str, Any]:
    files = stored.get_files("bundle", name[6:], ("bundle.json", "resolved_spec.json"))
    if isinstance(files, StoreFault):
        _refuse_stored(files)
    kept = files.get("resolved_spec.json") or workspace.pinned_object(found.value["outputs"]["resolved_spec"])
    if kept is None:
        usage(f"nobody kept the ResolvedSpec of `{name}`", "name a folder that `rsppc build` wrote, or a git revision")
    spec: dict[str, Any] = msgspec.json.decode(kept)
    return spec


def _unknown(text: str, here: Workspace | None) -> NoReturn:
    known = sorted(one.ref for one in entries(open_workspace(here, DiagnosticSink()))) if here is not None else []
    guess = near_miss(text, known)
    folder = here.root if here is not None else os.getcwd()
    advice = f"did you mean `{guess}`?" if guess else f"bundles here are {', '.join(known) or 'none'}"
    advice = "; ".join(filter(None, (advice, why_unknown(folder))))
    usage(f"`{text}` is no file, no built folder, no bundle of this workspace and no git revision", advice)
