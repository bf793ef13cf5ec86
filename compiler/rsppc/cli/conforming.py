"""Files of `rsppc contracts`: folders of fixtures, the fixtures that ship, streams, and published surfaces."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256

from rsppc.base.canonical_json import readable
from rsppc.base.record import Record
from rsppc.base.source import Source, file_span
from rsppc.cli.distributing import read_input
from rsppc.cli.session import fault
from rsppc.conformance.fixtures import DIRECTIONS
from rsppc.contracts.surface import LOCK, surface_of
from rsppc.diagnostics import DiagnosticSink
from rsppc.model.contract import VERSION
from rsppc.model.contracts import CONTRACTS, contract_named
from rsppc.resources import folder, read_text
from rsppc.workspace import FILE_SIZE_MAX, UnreadableFile

SHIPPED = f"contracts.{VERSION}.fixtures.json"
"""Name of the shipped file that holds our own fixtures: their texts by path."""


class Files(Record):
    """What lies in a folder of fixtures, by paths below it."""

    root: str
    files: dict[str, bytes]
    folders: tuple[str, ...]


def shipped_fixtures() -> Files:
    """Our own fixtures, at least one valid and one invalid per rule."""
    texts: dict[str, str] = json.loads(read_text("schemas", SHIPPED))
    return Files(root="rsppc:contracts", files={path: text.encode() for path, text in texts.items()}, folders=())


def fixtures_in(root: str, sink: DiagnosticSink) -> Files:
    """The files below a folder, which may also be that of a single kind. What cannot be read is a finding."""
    root = os.path.normpath(root)
    name = os.path.basename(os.path.abspath(root))
    with suppress(OSError):
        tops = set(os.listdir(root))
        if contract_named(name) is not None and tops and tops <= {*DIRECTIONS}:
            return _below(os.path.dirname(root), name, sink)
    return _below(root, "", sink)


def _below(root: str, top: str, sink: DiagnosticSink) -> Files:
    files: dict[str, bytes] = {}
    folders: list[str] = []

    def unreadable(error: OSError) -> None:
        path = _said(error.filename or root)
        reason = (error.strerror or "input/output error").lower()
        sink.report(UnreadableFile(at=file_span(Source(path, "", b"")), subject=path, reason=reason))

    for place, subfolders, names in os.walk(os.path.join(root, top), onerror=unreadable):
        subfolders.sort()
        below = _said(os.path.relpath(place, root or "."))
        if below != ".":
            folders.append(below)
        for name in sorted(names):
            path = os.path.join(place, name)
            try:
                if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would be waited for, for ever
                    raise OSError(0, "it is no file", path)
                if _said(name) != name:
                    raise OSError(0, "its name is not UTF-8", path)
                with open(path, "rb") as file:
                    files[name if below == "." else f"{below}/{name}"] = file.read(FILE_SIZE_MAX + 1)
            except OSError as error:
                unreadable(error)
    return Files(root=root.replace(os.sep, "/"), files=files, folders=tuple(folders))


def _said(path: str) -> str:
    """A path as messages and digests can hold it: with forward slashes, and what is not UTF-8 escaped."""
    return path.replace(os.sep, "/").encode("utf-8", "backslashreplace").decode()


class Stream:
    """The lines of a file or of standard input, and in the end the digest of all of them."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._hash = sha256()

    def __iter__(self) -> Iterator[bytes]:
        try:
            with sys.stdin.buffer if self._path == "-" else open(self._path, "rb") as file:
                # A line that is too long is cut, and refused for that.
                while line := file.readline(FILE_SIZE_MAX + 1):
                    self._hash.update(line)
                    yield line
        except OSError as error:
            fault(f"cannot read `{self._path}`: {(error.strerror or 'input/output error').lower()}")

    def digest(self) -> str:
        return f"sha256:{self._hash.hexdigest()}"


def locked_surface() -> tuple[str, bytes]:
    """The published surface, with its path."""
    path = os.path.join(folder("schemas"), LOCK)
    return f"schemas/{LOCK}", read_input(path)


def current_surface() -> tuple[str, bytes]:
    """The surface of the contracts that this version declares."""
    return "rsppc:contracts", readable(surface_of(CONTRACTS))
