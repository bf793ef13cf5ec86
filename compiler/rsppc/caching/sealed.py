"""A workspace that is looked at once: what it lists, and the digest of every file as it was read.

Whatever is compiled in this run is compiled from what was looked at. A file that is read twice and was not the same
both times makes all of the run unfit to be remembered.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.names import name_of_file
from rsppc.base.source import Source
from rsppc.caching.traces import Files
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.workspace import CONFIG_FILE, UnreadableFile, Workspace

Mentions = Mapping[str, tuple[str, tuple[str, ...]]]


class Sight:
    """What has been seen of a workspace."""

    def __init__(self) -> None:
        self.paths: tuple[str, ...] = ()
        self.listing: tuple[Diagnostic, ...] = ()
        self.unread: list[UnreadableFile] = []
        """Files and folders that were to be read and could not be."""
        self.digests: dict[str, str] = {}
        self.held: dict[str, bytes] = {}
        """Bytes of files until somebody reads them."""
        self.mentions: dict[str, tuple[str, tuple[str, ...]]] = {}
        """Path → digest of the file, and the kinds of artifact that it may hold."""
        self.asked: set[str] = set()
        """Assets and pinned objects that were asked for since somebody emptied this."""
        self.values: dict[str, str] = {}
        """Their digests; empty where they were not there."""
        self.drifted = False
        """Whether something was read twice, and was not the same."""
        self.by_id: dict[str, list[str]] = {}
        self.by_kind: dict[str, list[str]] = {}

    def note(self, name: str, value: str) -> None:
        self.asked.add(name)
        if self.values.setdefault(name, value) != value:
            self.drifted = True


class SealedWorkspace(Workspace):
    """A workspace with what has been seen of it."""

    sight: Sight

    def files(self, sink: DiagnosticSink) -> Iterator[str]:
        for diagnostic in self.sight.listing:
            sink.report(diagnostic)
        yield from self.sight.paths

    def read(self, path: str, sink: DiagnosticSink) -> bytes | None:
        held = self.sight.held.pop(path, None)
        if held is not None:
            return held
        own = DiagnosticSink()
        data = super().read(path, own)
        for diagnostic in own.sorted():
            sink.report(diagnostic)
        if self.sight.digests.get(path) != _state(data, own):
            self.sight.drifted = True
        return data

    def pinned_object(self, digest: str) -> bytes | None:
        data = super().pinned_object(digest)
        self.sight.note(f"pinned {digest}", digest_bytes(data) if data is not None else "")
        return data

    def asset_digest(self, path: str) -> Digest | None:
        digest = super().asset_digest(path)
        self.sight.note(f"asset {path}", digest or "")
        return digest

    # --- What answers to names ---------------------------------------------------------------------------------------

    def now(self, name: str) -> Files:
        """The files that answer to a name, with their digests."""
        word, _, what = name.partition(" ")
        match word:
            case "path":
                return self._files([what] if what in self.sight.digests else [])
            case "id":
                return self._files(self.sight.by_id.get(what, []))
            case "kind":
                return self._files(self.sight.by_kind.get(what, []))
            case "paths":
                return dict.fromkeys(self.sight.paths, "listed")
            case "config":
                source = self.config()
                return {CONFIG_FILE: source.digest} if source is not None else {}
            case "asset":
                return _one(f"assets/{what}", super().asset_digest(what) or "")
            case "pinned":
                data = super().pinned_object(what)
                return _one(f"objects/{what}", digest_bytes(data) if data is not None else "")
        return {"": f"nobody knows `{word}`"}

    def used(self, name: str) -> Files:
        """The same as it was while something was compiled."""
        word, _, what = name.partition(" ")
        if word in ("asset", "pinned"):
            folder = "assets" if word == "asset" else "objects"
            return _one(f"{folder}/{what}", self.sight.values[name])
        return self.now(name)

    def config(self) -> Source | None:
        """The text of `rsppc.toml`, where a place in it can be shown."""
        spans = [self.runtime_at, *self.lint_at.values()]
        return next((span.source for span in spans if span is not None), None)

    def _files(self, paths: list[str]) -> Files:
        digests = self.sight.digests
        return {path: digests[path] for path in paths}


def sealed(workspace: Workspace) -> SealedWorkspace:
    """A workspace with its files listed, and not yet read."""
    given = {name: getattr(workspace, name) for name in workspace.__struct_fields__}
    made = SealedWorkspace(**given, sight=Sight())
    sink = DiagnosticSink()
    made.sight.paths = tuple(workspace.files(sink))
    made.sight.listing = sink.sorted()
    made.sight.unread = _unreadable(sink)
    return made


def look(workspace: SealedWorkspace, known: Mentions) -> None:
    """Read every file; what is known of a file with the same digest need not be found out again."""
    sight = workspace.sight
    sink = DiagnosticSink()
    for path in sight.paths:
        data = Workspace.read(workspace, path, sink)
        digest = sight.digests[path] = _state(data, sink)
        if data is not None:
            sight.held[path] = data
        else:
            sight.unread += _unreadable(sink)
            sink = DiagnosticSink()
        mention = known.get(path)
        if mention is None or mention[0] != digest:
            mention = (digest, _kinds_in(path, data))
        sight.mentions[path] = mention
        for kind in mention[1]:
            sight.by_kind.setdefault(kind, []).append(path)
        name = name_of_file(path)
        if name is not None:
            sight.by_id.setdefault(name["id"], []).append(path)


def _kinds_in(path: str, data: bytes | None) -> tuple[str, ...]:
    if data is None:
        return ()
    from rsppc.lowering.glance import kinds_in  # only where a file is new

    return kinds_in(path, data)


def _state(data: bytes | None, sink: DiagnosticSink) -> str:
    """The digest of a file, or why it has none."""
    if data is not None:
        return digest_bytes(data)
    return f"unreadable: {', '.join(one.reason for one in _unreadable(sink))}"


def _unreadable(sink: DiagnosticSink) -> list[UnreadableFile]:
    return [one for one in sink.sorted() if isinstance(one, UnreadableFile)]


def _one(path: str, digest: str) -> Files:
    return {path: digest} if digest else {}
