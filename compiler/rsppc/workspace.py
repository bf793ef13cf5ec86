"""A workspace: the folder with the sources, and the one reader of them. It understands nothing that it reads.

A workspace is the nearest folder upwards with `rsppc.toml`, else with `pipelines/`. `rsppc.toml` may set `sources`,
`output`, `strict` and `[lint]`. Nothing outside the sources folder is read, links that lead out of it are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.record import Record
from rsppc.base.source import Source, file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink

CONFIG_FILE = "rsppc.toml"
SUFFIXES = (".yaml", ".json", ".rspp")
OBJECTS = "bundles/objects"
"""Where the programs of pinned artifacts are kept, below the sources folder."""
FILE_SIZE_MAX = 8 * 2**20


class UnreadableFile(Diagnostic):
    """A source file could not be read; nothing is concluded from what it may hold."""

    code = "RSP0001"
    name = "unreadable-file"
    headline = "`{subject}` cannot be read: {reason}"
    reason: str


class LinkOutOfWorkspace(Diagnostic):
    """A link that leads out of the sources folder would make the outcome depend on what lies elsewhere."""

    code = "RSP0002"
    name = "link-out-of-workspace"
    headline = "`{subject}` is a link that leads out of the workspace"
    hint = "copy the file into the workspace"


class MalformedConfigFile(Diagnostic):
    """`rsppc.toml` may hold `sources`, `output`, `strict` and `[lint]`, and nothing else."""

    code = "RSP0003"
    name = "malformed-config-file"
    headline = "`rsppc.toml`: {problem}"
    hint = "it may hold `sources`, `output`, `strict` and a table `[lint]`"
    problem: str


class Workspace(Record):
    """Where sources are and where outputs go. Paths in messages and artifacts are relative to `root`."""

    root: str
    sources: str = "pipelines"
    output: str = "build"
    strict: bool = False
    lint: dict[str, Any] = {}

    def files(self, sink: DiagnosticSink) -> Iterator[str]:
        """Relative paths of all source files, sorted. `assets`, pinned objects and workspaces inside are left out."""
        top = os.path.join(self.root, self.sources)
        real_top = os.path.realpath(top)
        for folder, folders, names in os.walk(top):
            relative = os.path.relpath(folder, top).replace(os.sep, "/")
            folders[:] = sorted(name for name in folders if not _is_left_out(relative, name))
            for name in sorted(names):
                if not name.endswith(SUFFIXES) or name.startswith("."):
                    continue
                path = f"{self.sources}/{name}" if relative == "." else f"{self.sources}/{relative}/{name}"
                full = os.path.join(folder, name)
                if os.path.islink(full) and not os.path.realpath(full).startswith(real_top + os.sep):
                    sink.report(LinkOutOfWorkspace(at=file_span(Source(path, "", b"")), subject=path))
                    continue
                yield path

    def read(self, path: str, sink: DiagnosticSink) -> bytes | None:
        """Bytes of a source file; reported and None where it cannot be read."""
        try:
            with open(os.path.join(self.root, path), "rb") as file:
                return file.read(FILE_SIZE_MAX + 1)
        except OSError as error:
            at = file_span(Source(path, "", b""))
            sink.report(UnreadableFile(at=at, subject=path, reason=_reason(error)))
            return None

    def pinned_object(self, digest: str) -> bytes | None:
        """What an artifact said when it was pinned; None where that was not kept."""
        name = digest.removeprefix("sha256:")
        try:
            with open(os.path.join(self.root, self.sources, OBJECTS, f"{name}.json"), "rb") as file:
                return file.read(FILE_SIZE_MAX)
        except OSError:
            return None

    def asset_digest(self, path: str) -> Digest | None:
        """Digest of a file under `assets/`; None where there is none, or where it lies elsewhere."""
        top = os.path.realpath(os.path.join(self.root, self.sources, "assets"))
        full = os.path.realpath(os.path.join(top, path))
        if not full.startswith(top + os.sep) or not os.path.isfile(full):
            return None
        return digest_bytes(Path(full).read_bytes())


def find_workspace(start: str, sink: DiagnosticSink) -> Workspace | None:
    """The workspace around a folder; None where there is none upwards."""
    folder = os.path.realpath(start)
    while True:
        if os.path.isfile(os.path.join(folder, CONFIG_FILE)):
            return _configured(folder, sink)
        if os.path.isdir(os.path.join(folder, "pipelines")):
            return Workspace(root=folder)
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent


def _is_left_out(relative: str, name: str) -> bool:
    top = relative.split("/", 1)[0] if relative != "." else name
    return (
        top in ("assets", "examples")
        or (relative == "bundles" and name == "objects")
        or name.startswith(".")
        or name == "__pycache__"
    )


def _configured(root: str, sink: DiagnosticSink) -> Workspace:
    import tomllib  # only where there is a configuration file

    text = Path(root, CONFIG_FILE).read_bytes()
    source = Source(CONFIG_FILE, text.decode("utf-8", "replace"), text)

    def refuse(problem: str) -> Workspace:
        sink.report(MalformedConfigFile(at=file_span(source), problem=problem))
        return Workspace(root=root)

    try:
        config = tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        return refuse(str(error))
    kinds: dict[str, type] = {"sources": str, "output": str, "strict": bool, "lint": dict}
    for key, value in config.items():
        if key not in kinds:
            return refuse(f"unknown key `{key}`")
        if type(value) is not kinds[key]:
            return refuse(f"`{key}` has the wrong type")
        if isinstance(value, str) and (os.path.isabs(value) or ".." in value.split("/") or not value):
            return refuse(f"`{key}` must be a folder inside the workspace")
    return Workspace(root=root, **config)


def _reason(error: OSError) -> str:
    match error:
        case FileNotFoundError():
            return "it is not there"
        case PermissionError():
            return "permission denied"
        case IsADirectoryError():
            return "it is a folder"
        case _:
            return (error.strerror or "input/output error").lower()
