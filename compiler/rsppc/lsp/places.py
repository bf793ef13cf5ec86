"""URIs of the editor and paths of projects: which project a file belongs to, and how the editor calls a file."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from pygls.uris import from_fs_path, to_fs_path

from rsppc.base.record import Record
from rsppc.resources import folder

SHIPPED = "rsppc:"
"""How paths of the shipped library begin in messages."""
_DEPTH_MAX = 2
_SUFFIX_OF = {"rspp": ".rspp", "json": ".json"}


class Home(Record):
    """Where a document belongs: a file by its real path, or a text that is no file, which has a name of ours."""

    folder: str
    name: str
    is_file: bool = True

    @property
    def path(self) -> str:
        return os.path.join(self.folder, self.name)


def home_of(uri: str, language: str = "") -> Home:
    """Where the document of a URI belongs."""
    path = to_fs_path(uri) if urlsplit(uri).scheme in ("file", "") else None
    if path is None or "\0" in path:
        return Home(folder=os.sep, name=f"<{uri}>{_SUFFIX_OF.get(language, '.yaml')}", is_file=False)
    head, tail = os.path.split(os.path.abspath(path))
    return Home(folder=os.path.realpath(head), name=tail)


def path_below(root: str, path: str) -> str | None:
    """A path relative to a root, with forward slashes; None where it lies elsewhere."""
    relative = os.path.relpath(path, root).replace(os.sep, "/")
    return None if relative.startswith("../") or relative == ".." else relative


def uri_of(root: str, path: str) -> str:
    """How the file of a path in a project is called where the editor has not called it anything."""
    if path.startswith(SHIPPED):
        return from_fs_path(os.path.join(folder("pipelines"), path.removeprefix(SHIPPED))) or ""
    return from_fs_path(os.path.join(root, *path.split("/"))) or ""


def workspaces_below(top: str) -> list[str]:
    """Folders that are workspaces, in a folder that may hold several of them."""
    found = []
    for current, folders, names in os.walk(top):
        depth = os.path.relpath(current, top).count(os.sep) + 1 if current != top else 0
        if "rsppc.toml" in names or "pipelines" in folders:
            found.append(current)
            folders[:] = []
        hidden = [one for one in folders if one.startswith((".", "node_modules", "__pycache__"))]
        folders[:] = [] if depth >= _DEPTH_MAX else sorted(set(folders) - set(hidden))
    return found
