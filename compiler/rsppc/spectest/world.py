"""What a test runs in: its files in memory, the workspace or the library behind them, and what becomes of both.

Tests that say the same share one world: nested sections mostly ask different questions of one program. The library is
read once for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.names import near_miss, parse_ref, version_key
from rsppc.base.source import Source, file_span
from rsppc.checking import check_file
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import Compilation, check_alone, compile_bundle, entries, open_workspace
from rsppc.emit.artifacts import Artifacts as Emitted
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.lowering.alone import KINDS as ALONE_KINDS
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.spectest.suite import Settings, Test
from rsppc.turnplan import BundleFault, TurnPlanResolver, read_bundle
from rsppc.workspace import Workspace


class Running:
    """A program that compiles, as runtimes get it; made when a test first asks."""

    __slots__ = ("_emitted", "_resolver", "_spec", "compilation")

    def __init__(self, compilation: Compilation) -> None:
        self.compilation = compilation
        self._emitted: Emitted | None = None
        self._resolver: TurnPlanResolver | None = None
        self._spec: dict[str, Any] | None = None

    @property
    def ref(self) -> str:
        return self.compilation.entry.ref

    @property
    def emitted(self) -> Emitted:
        if self._emitted is None:
            assert self.compilation.program is not None
            self._emitted = emitted(self.compilation.program)
        return self._emitted

    @property
    def spec(self) -> dict[str, Any]:
        if self._spec is None:
            self._spec = self.emitted.resolved_spec
        return self._spec

    @property
    def resolver(self) -> TurnPlanResolver:
        if self._resolver is None:
            loaded = read_bundle(self.emitted.files())
            assert not isinstance(loaded, BundleFault), "what was just made is whole"
            self._resolver = TurnPlanResolver(loaded)
        return self._resolver


class _InMemory(Workspace):
    """A workspace with assets that stand in a page."""

    assets: dict[str, Digest] = {}

    def asset_digest(self, path: str) -> Digest | None:
        return self.assets.get(path) or Workspace.asset_digest(self, path)


class World:
    """The files of a test, and what they compile to."""

    def __init__(self, artifacts: Artifacts, files: Iterable[str], *, strict: bool) -> None:
        self.artifacts = artifacts
        self.files = tuple(files)
        self.strict = strict
        self._compiled: dict[str, Compilation] = {}
        self._running: dict[str, Running] = {}
        self._findings: tuple[Diagnostic, ...] | None = None
        self._entries: list[Artifact] | None = None

    def entries(self) -> list[Artifact]:
        """Every bundle in sight, and every spec that no bundle releases."""
        if self._entries is None:
            self._entries = list(entries(self.artifacts))
        return self._entries

    def tested(self) -> list[Artifact]:
        """The entries in which a file of the test has a part."""
        own = {path: artifact for path in self.files if (artifact := self.artifacts.at(path)[0]) is not None}
        names = {(one.kind.name, one.id, version_key(one.version)) for one in own.values()}
        return [one for one in self.entries() if one.path in own or names.intersection(_references(one))]

    def compiled(self, entry: Artifact) -> Compilation:
        known = self._compiled.get(entry.path)
        if known is None:
            known = self._compiled[entry.path] = compile_bundle(self.artifacts, entry, strict=self.strict)
        return known

    def running(self, entry: Artifact) -> Running | None:
        """The program of an entry; None where it does not compile."""
        compilation = self.compiled(entry)
        if not compilation.ok or compilation.program is None:
            return None
        return self._running.setdefault(entry.path, Running(compilation))

    def findings(self) -> tuple[Diagnostic, ...]:
        """All that is wrong with the files of the test, and with the programs in which they have a part."""
        if self._findings is None:
            self._findings = tuple(self._found())
        return self._findings

    def _found(self) -> Iterator[Diagnostic]:
        used: set[tuple[str, str]] = set()
        compiled: set[str] = set()
        for entry in self.tested():
            compilation = self.compiled(entry)
            yield from compilation.diagnostics
            compiled.add(entry.path)
            if compilation.program is not None:
                used.update((one.kind, one.ref) for one in compilation.program.bundle.pinned)
        for path in self.files:
            artifact, diagnostics = self.artifacts.at(path)
            if artifact is None:
                yield from diagnostics
            elif path not in compiled and (artifact.kind.name, artifact.ref) not in used:
                if artifact.kind.name in ("bundle", "pipeline"):  # a spec that a bundle releases is a part of that
                    yield from diagnostics
                else:
                    yield from check_file(self.artifacts, path, purpose="check", strict=self.strict).diagnostics
                    if artifact.kind.name in ALONE_KINDS:
                        sink = DiagnosticSink(strict=self.strict)
                        check_alone(self.artifacts, artifact, sink)
                        yield from sink.sorted()

    def entry_named(self, name: str) -> Artifact | str:
        """The bundle or spec that a test speaks of, or why that cannot be said. Without a name it is the only one."""
        candidates = self.entries() if name else (self.tested() or self.entries())
        if not name:
            if len(candidates) == 1:
                return candidates[0]
            there = ", ".join(f"`{one.ref}`" for one in candidates[:6])
            return f"there are {there}: say which one is meant" if candidates else "there is no bundle and no spec here"
        ref = parse_ref(name)
        assert ref is not None, "the form of references has been checked"
        for kind in ("bundle", "pipeline"):
            for one in candidates:
                same = one.id == ref.id and version_key(one.version) == version_key(ref.version)
                if one.kind.name == kind and same:
                    return one
        guess = near_miss(name, [one.ref for one in candidates])
        meant = f"; did you mean `{guess}`?" if guess else ""
        return f"there is no bundle and no unreleased spec `{name}`{meant}"


_REFERENCES = {
    "spec_ref": "pipeline",
    "profile_ref": "profile",
    "policy_refs": "policy",
    "layer_refs": "layer",
    "profile": "profile",
}


def _references(entry: Artifact) -> Iterator[tuple[str, str, tuple[int, int, int]]]:
    """What an entry refers to by itself, by kind and name."""
    for key, kind in _REFERENCES.items():
        written = entry.root.get(key) or ()
        for text in [written] if isinstance(written, str) else written:
            ref = parse_ref(text)
            if ref is not None:
                yield kind, ref.id, version_key(ref.version)


class Worlds:
    """The worlds of a run, each made once."""

    def __init__(self, workspace: Workspace | None, sink: DiagnosticSink) -> None:
        self.workspace = workspace
        self._sink = sink
        self._bases: dict[bool, Artifacts] = {}
        self._worlds: dict[Any, World] = {}

    def of(self, test: Test) -> World:
        """The world that a test runs in."""
        files = {path: block.text for path, block in test.sources.items()}
        assets = {path: block.text for path, block in test.assets.items()}
        settings = test.settings
        key = (
            settings.uses_workspace,
            settings.strict,
            settings.runtime,
            tuple(sorted(settings.lint.items())),
            tuple(sorted(files.items())),
            tuple(sorted(assets.items())),
        )
        known = self._worlds.get(key)
        if known is None:
            made = self._artifacts(settings, files, assets)
            strict = settings.strict or (settings.uses_workspace and made.workspace.strict)
            known = self._worlds[key] = World(made, files, strict=strict)
        return known

    def of_workspace(self) -> World:
        """The workspace as it is."""
        base = self._base(True)
        return World(base, (), strict=base.workspace.strict)

    def _artifacts(self, settings: Settings, files: dict[str, str], assets: dict[str, str]) -> Artifacts:
        base = self._base(settings.uses_workspace)
        behind = base.workspace
        lint, lint_at = settings.lint, settings.lint_at
        workspace = _InMemory(
            root=behind.root,
            sources=behind.sources,
            output=behind.output,
            strict=behind.strict,
            runtime=settings.runtime or behind.runtime,
            runtime_at=None if settings.runtime else behind.runtime_at,
            lint={**behind.lint, **lint},
            lint_at={**behind.lint_at, **lint_at},
            scanned=behind.scanned,
            assets={_below_assets(path): digest_bytes(text.encode()) for path, text in assets.items()},
        )
        return base.with_texts({path: text.encode() for path, text in files.items()}, workspace)

    def _base(self, uses_workspace: bool) -> Artifacts:
        known = self._bases.get(uses_workspace)
        if known is None:
            assert self.workspace is not None or not uses_workspace
            behind = self.workspace if uses_workspace and self.workspace is not None else None
            # A folder that is none, so that no asset is found by where the command happens to be run.
            known = open_workspace(behind or Workspace(root="/dev/null", scanned=False), self._sink)
            known.of_kind("extension")
            self._bases[uses_workspace] = known
        return known


def _below_assets(path: str) -> str:
    return path.partition("assets/")[2]


def snapshot_of(artifacts: Artifacts, ref: str) -> tuple[dict[str, Any] | None, str]:
    """The content of a ControlPlaneSnapshot, or why there is none."""
    sink = DiagnosticSink()
    found = artifacts.resolve("snapshot", ref, file_span(Source("", "", b"")), sink)
    if found is None or sink.has_errors:
        said = sink.sorted()
        return None, said[0].message() if said else f"there is no snapshot `{ref}`"
    return dict(found.root), ""
