"""Sources of findings, read again."""

from __future__ import annotations

import os

from rsppc.base.source import Source
from rsppc.caching.sealed import SealedWorkspace
from rsppc.diagnostics import DiagnosticSink
from rsppc.workspace import CONFIG_FILE, Workspace

_SHIPPED = "rsppc:"


class SourceFinder:
    """Finds the source at a path, each once."""

    def __init__(self, workspace: SealedWorkspace) -> None:
        self._workspace = workspace
        self._known: dict[str, Source | None] = {}

    def find(self, path: str) -> Source | None:
        """The source at a path of the workspace or of what ships; None where there is none."""
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    def _read(self, path: str) -> Source | None:
        if path == CONFIG_FILE:
            return self._workspace.config()
        data = self._bytes(path)
        if data is None:
            return None
        from rsppc.syntax.source_text import read_source  # only where something was found

        return read_source(path, data, DiagnosticSink())

    def _bytes(self, path: str) -> bytes | None:
        if path.startswith(_SHIPPED):
            from rsppc.resources import folder

            shipped = Workspace(root=folder("pipelines"), sources=".")
            return shipped.read(os.path.join(".", path.removeprefix(_SHIPPED)), DiagnosticSink())
        if path not in self._workspace.sight.digests:
            return None
        held = self._workspace.sight.held.get(path)
        return held if held is not None else Workspace.read(self._workspace, path, DiagnosticSink())
