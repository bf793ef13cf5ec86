"""What the server has before it: the texts that are open, the projects that they belong to, what the editor was told.

Texts come in on the thread of the protocol; everything else happens on the worker's thread.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Callable
from typing import Any

from lsprotocol import types

from rsppc.base.record import Record, replace
from rsppc.base.source import Source
from rsppc.ide.project import Project, loose_project, open_project
from rsppc.lsp.convert import diagnostic_of
from rsppc.lsp.places import home_of, path_below, uri_of, workspaces_below
from rsppc.lsp.positions import Unit, changed_text, offset_of
from rsppc.workspace import CONFIG_FILE, SUFFIXES


class Buffer(Record):
    """A text that is open in the editor."""

    uri: str
    version: int
    language: str
    text: str

    @property
    def data(self) -> bytes:
        return self.text.encode("utf-8", "replace")


class Seat(Record):
    """A document at its place in a project."""

    project: Project
    path: str


class Options(Record):
    """What an author can choose."""

    default_hints: bool = False
    port_hints: bool = True
    type_hints: bool = True


class Desk:
    """The state of the server."""

    def __init__(
        self, publish: Callable[[types.PublishDiagnosticsParams], None], checkpoint: Callable[[], None]
    ) -> None:
        self.unit: Unit = "utf-16"
        self.options = Options()
        self.can_edit_files = False
        """Whether the editor takes edits that rename files."""
        self.buffers: dict[str, Buffer] = {}
        self._publish = publish
        self._checkpoint = checkpoint
        self._projects: dict[str, Project] = {}
        self._folders: list[str] = []
        self._seats: dict[str, Seat] = {}
        self._uris: dict[tuple[str, str], str] = {}
        self._taken: dict[str, Buffer] = {}
        """Texts as they were taken over last; what is said is said of these, whatever has been typed meanwhile."""
        self._told: dict[str, list[types.Diagnostic]] = {}
        self._rested = False

    # --- Texts, on the thread of the protocol ------------------------------------------------------------------------

    def put(self, document: types.TextDocumentItem) -> None:
        self.buffers[document.uri] = Buffer(
            uri=document.uri, version=document.version, language=document.language_id, text=document.text
        )

    def edit(self, params: types.DidChangeTextDocumentParams) -> None:
        """Apply the changes of an editor, one after the other; those of a text that is not open are left alone."""
        buffer = self.buffers.get(params.text_document.uri)
        if buffer is None:
            return
        text = buffer.text
        for change in params.content_changes:
            if isinstance(change, types.TextDocumentContentChangePartial):
                text = changed_text(text, change.range, change.text, self.unit)
            else:
                text = change.text
        self.buffers[buffer.uri] = replace(buffer, text=text, version=params.text_document.version)

    def take_away(self, uri: str) -> None:
        self.buffers.pop(uri, None)

    # --- Projects, on the worker's thread ----------------------------------------------------------------------------

    def open_folders(self, folders: list[str]) -> None:
        """Open the workspaces of folders: the one around each, else those inside."""
        for one in folders:
            if one not in self._folders:
                self._folders.append(one)
            if self._project_around(one) is None:
                for inside in workspaces_below(one):
                    self._project_around(inside)

    def close_folders(self, folders: list[str]) -> None:
        self._folders = [one for one in self._folders if one not in folders]
        self._start_again()

    def sync(self, uri: str) -> None:
        """Take the text of a document over, as it is now."""
        buffer = self.buffers.get(uri)
        if buffer is None:
            self._leave(uri)
            return
        seat = self._seats.get(uri) or self._sit_down(buffer)
        if seat is None:
            return
        before = self._taken.get(uri)
        self._taken[uri] = buffer
        seat.project.open(seat.path, buffer.data)
        if before is not None and before.version != buffer.version:  # the same text again is spoken of as well
            seat.project.mention(seat.path)

    def changed_on_disk(self, uris: list[str]) -> None:
        """Files or folders were changed, made or deleted by somebody else."""
        homes = [home_of(uri) for uri in uris]
        if any(home.name == CONFIG_FILE for home in homes):
            self._start_again()
            return
        for root, project in list(self._projects.items()):
            if not project.workspace.scanned:
                continue
            paths = [path for home in homes if (path := path_below(root, home.path)) is not None]
            for path in paths:
                project.reload(path)
            if any(path.startswith(f"{project.workspace.sources}/assets/") for path in paths):
                project.assets_changed()
            if any(not project.workspace.lists(path) for path in paths):  # a folder, and nobody tells what was in it
                project.look_around()

    def seat(self, uri: str) -> Seat | None:
        """The place of a document, its newest text taken over; None where it is none of ours."""
        if uri in self.buffers:
            self.sync(uri)
            return self._seats.get(uri)
        home = home_of(uri)
        project = self._project_around(home.folder) if home.is_file else None
        path = path_below(project.workspace.root, home.path) if project is not None else None
        return Seat(project=project, path=path) if project is not None and path in project.artifacts.paths() else None

    def offset(self, source: Source, position: types.Position) -> int:
        return offset_of(source, position, self.unit)

    def projects(self) -> list[Project]:
        return [self._projects[root] for root in sorted(self._projects)]

    def uri_in(self, project: Project) -> Callable[[str], str]:
        """How the editor calls the files of a project."""
        root = project.workspace.root
        return lambda path: self._uris.get((root, path)) or uri_of(root, path)

    def spare(self) -> bool:
        """Examine something that has to be examined, and tell the editor; whether there is more."""
        projects = sorted(self._projects.values(), key=lambda one: not one.is_urgent)
        worked = any(project.work() for project in projects)
        for project in projects:
            if not project.is_urgent:
                self._tell(project, project.take_news())
        if not worked and not self._rested:
            gc.collect()
            gc.freeze()  # what has been read so far stays; looking through it again and again would be felt
            self._rested = True
        return worked

    def _project_around(self, folder: str) -> Project | None:
        project = open_project(folder)
        if project is None:
            return None
        return self._projects.setdefault(project.workspace.root, self._attended(project))

    def _attended(self, project: Project) -> Project:
        project.checkpoint = self._checkpoint
        return project

    def _sit_down(self, buffer: Buffer) -> Seat | None:
        home = home_of(buffer.uri, buffer.language)
        project = self._known_project(home.folder) or (self._project_around(home.folder) if home.is_file else None)
        path = path_below(project.workspace.root, home.path) if project is not None else None
        if project is None or path is None or not project.workspace.lists(path):
            if not home.name.endswith(SUFFIXES) or not _is_ours(buffer):
                return None
            project = self._projects.setdefault(f"loose:{home.folder}", self._attended(loose_project(home.folder)))
            path = home.name
        self._uris[project.workspace.root, path] = buffer.uri
        seat = self._seats[buffer.uri] = Seat(project=project, path=path)
        return seat

    def _known_project(self, folder: str) -> Project | None:
        project = self._projects.get(folder)
        return project if project is not None and project.workspace.scanned else None

    def _leave(self, uri: str) -> None:
        seat = self._seats.pop(uri, None)
        if seat is None:
            return
        seat.project.close(seat.path)
        self._taken.pop(uri, None)
        self._tell(seat.project, {seat.path})
        self._uris.pop((seat.project.workspace.root, seat.path), None)

    def _start_again(self) -> None:
        """Open everything anew; what was said of files that nothing is said of any more is taken back."""
        self._projects.clear()
        self._seats.clear()
        self._taken.clear()
        self._uris.clear()
        self.open_folders(list(self._folders))
        for uri in list(self.buffers):
            self.sync(uri)
        for uri in list(self._told):
            self._say(uri, [])

    # --- Telling -----------------------------------------------------------------------------------------------------

    def _tell(self, project: Project, paths: set[str]) -> None:
        uri_of_path = self.uri_in(project)
        for path in sorted(paths):
            found = [
                diagnostic_of(one, project.severity(one), uri_of_path, self.unit) for one in project.diagnostics(path)
            ]
            self._say(uri_of_path(path), found)

    def _say(self, uri: str, found: list[types.Diagnostic]) -> None:
        taken = self._taken.get(uri)
        if taken is None and self._told.get(uri, []) == found:
            return
        self._told[uri] = found
        if not found and taken is None:
            del self._told[uri]
        version = taken.version if taken is not None else None
        self._publish(types.PublishDiagnosticsParams(uri=uri, diagnostics=found, version=version))


def _is_ours(buffer: Buffer) -> bool:
    """Whether a text outside of any workspace is meant for us: many a YAML file is not."""
    is_text_form = buffer.language.startswith("rspp") or buffer.uri.endswith(".rspp")
    return is_text_form or _ANNOUNCES.search(buffer.text[:4096]) is not None


_ANNOUNCES = re.compile(r"schema_version[\"']?[ \t]*:[ \t]*[\"']?rspp\.")


def options_of(given: Any) -> Options:
    """The options in what an editor sends; what is not understood is left alone."""
    hints = given.get("inlayHints") if isinstance(given, dict) else None
    if not isinstance(hints, dict):
        return Options()
    names = {"default_hints": "defaults", "port_hints": "ports", "type_hints": "types"}
    said = {field: hints[key] for field, key in names.items() if isinstance(hints.get(key), bool)}
    return Options(**said)
