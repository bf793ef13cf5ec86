"""Artifacts that write down what is asked of them, so that it is known what depends on which file.

What is asked for is written down under names: `path P` for the file itself, `id X` for whatever artifact has this id,
`kind K` for all artifacts of a kind. A file that changes answers to its path, to the ids that it has and had, and to
the kinds that it is and was.
"""

from __future__ import annotations

from typing import Self

from rsppc.base.names import parse_ref
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.workspace import Workspace


class TrackedArtifacts(Artifacts):
    """The artifacts of a workspace, for an editor that judges again what a change touches, and for a cache that uses
    again what no change touches."""

    def __init__(self, workspace: Workspace, shipped: Workspace | None, sink: DiagnosticSink) -> None:
        super().__init__(workspace, shipped, sink)
        self._asked: set[str] = set()

    def begin(self) -> None:
        """Forget what has been asked for."""
        self._asked.clear()

    def note(self, name: str) -> None:
        """Write down that something was asked for."""
        self._asked.add(name)

    def asked(self) -> frozenset[str]:
        """What has been asked for since `begin`."""
        # The catalog, and the runtime that is named, are made once and then remembered: who asked for them is not seen.
        return frozenset(self._asked | {"kind extension", "kind runtime"})

    def at(self, path: str) -> tuple[Artifact | None, tuple[Diagnostic, ...]]:
        self.note(f"path {path}")
        artifact, diagnostics = super().at(path)
        if artifact is not None:
            self.note(f"id {artifact.id}")
            artifact.diagnostics = diagnostics  # a name that was taken may be free again
        return artifact, diagnostics

    def own(self, kind: str, artifact_id: str, version: str) -> Artifact | None:
        self.note(f"id {artifact_id}")
        return super().own(kind, artifact_id, version)

    def of_kind(self, kind: str) -> tuple[list[Artifact], list[Artifact]]:
        self.note(f"kind {kind}")
        return super().of_kind(kind)

    def versions(self, kind: str) -> dict[str, list[str]]:
        self.note(f"kind {kind}")
        return super().versions(kind)

    def resolve(self, kind: str, text: str, at: Span, sink: DiagnosticSink) -> Artifact | None:
        ref = parse_ref(text)
        if ref is not None:
            self.note(f"id {ref.id}")
        return super().resolve(kind, text, at, sink)

    def with_texts(self, texts: dict[str, bytes], workspace: Workspace | None = None) -> Self:
        changed = type(self).__new__(type(self))
        changed.__dict__.update(super().with_texts(texts, workspace).__dict__)
        changed._asked = self._asked  # what a repair asks for while it is tried, the finding asks for
        return changed
