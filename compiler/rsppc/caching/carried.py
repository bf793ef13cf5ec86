"""A workspace by value: everything that compiling may read of it, for a machine without its files.

Texts are carried whole, of assets their digests, since nothing else of them decides about anything. What is asked for
and was not carried, such as a pinned object that a message quotes, is for the machine that has the files.
"""

from __future__ import annotations

import os
import pickle
from typing import Any

from rsppc.base.digest import Digest
from rsppc.base.record import Record
from rsppc.caching.sealed import SealedWorkspace, Sight
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.workspace import Workspace


class NotCarried(Exception):
    """Something that only the machine with the files can say."""


class _Content(Record):
    settings: dict[str, Any]
    paths: tuple[str, ...]
    texts: dict[str, bytes]
    unread: dict[str, tuple[Diagnostic, ...]]
    """Why a file cannot be read."""
    assets: dict[str, Digest]


class CarriedWorkspace(SealedWorkspace):
    """A workspace without a folder."""

    content: _Content

    def read(self, path: str, sink: DiagnosticSink) -> bytes | None:
        for diagnostic in self.content.unread.get(path, ()):
            sink.report(diagnostic)
        return self.content.texts.get(path)

    def pinned_object(self, digest: str) -> bytes | None:
        raise NotCarried

    def asset_digest(self, path: str) -> Digest | None:
        digest = self.content.assets.get(path)
        if digest is None:
            raise NotCarried  # it is not there, or has another name as well
        self.sight.note(f"asset {path}", digest)
        return digest


def carry(workspace: Workspace) -> bytes:
    """A workspace written down, to be sent to somebody who trusts us."""
    held = workspace.sight.held if isinstance(workspace, SealedWorkspace) else {}
    paths = tuple(workspace.files(DiagnosticSink()))
    texts: dict[str, bytes] = {}
    unread: dict[str, tuple[Diagnostic, ...]] = {}
    for path in paths:
        sink = DiagnosticSink()
        data = held[path] if path in held else workspace.read(path, sink)
        if data is not None:
            texts[path] = data
        else:
            unread[path] = sink.sorted()
    settings = {name: getattr(workspace, name) for name in Workspace.__struct_fields__ if name != "root"}
    content = _Content(settings=settings, paths=paths, texts=texts, unread=unread, assets=_assets(workspace))
    return pickle.dumps(content, protocol=5)


def carried(data: bytes) -> CarriedWorkspace:
    """The workspace that was written down."""
    content: _Content = pickle.loads(data)
    made = CarriedWorkspace(**content.settings, root="", sight=Sight(), content=content)
    made.sight.paths = content.paths
    return made


def _assets(workspace: Workspace) -> dict[str, Digest]:
    top = os.path.join(workspace.root, workspace.sources, "assets")
    found: dict[str, Digest] = {}
    for folder, folders, names in os.walk(top):
        folders.sort()
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), top).replace(os.sep, "/")
            digest = Workspace.asset_digest(workspace, path)
            if digest is not None:
                found[path] = digest
    return found
