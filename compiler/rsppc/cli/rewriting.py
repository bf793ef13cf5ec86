"""Sources that a command writes anew: which files are meant, what changes in them, and how they are written."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Sequence

import click

from rsppc.base.record import Record
from rsppc.cli.distributing import replace_file, write_and_rename
from rsppc.cli.exits import ENVIRONMENT, FINDINGS, OK
from rsppc.cli.session import usage, workspace_here
from rsppc.diagnostics import DiagnosticSink
from rsppc.workspace import Workspace, find_workspace, read_file


class SourceFile(Record):
    """A file: where it lies, and how messages call it."""

    place: str
    path: str
    real: str
    """Where links lead."""

    def read(self, sink: DiagnosticSink) -> bytes | None:
        """What it holds; reported and None where it cannot be read."""
        return read_file(self.place, self.path, sink)


def files_named(names: Sequence[str], sink: DiagnosticSink) -> Iterator[SourceFile]:
    """The files that are named, those in folders that are named, or all sources of the workspace, each once."""
    known = find_workspace(os.getcwd(), DiagnosticSink()) if names else workspace_here(sink)
    seen: set[str] = set()  # several links may lead to one file
    folders: dict[str, str] = {}
    for place in _places(names, known, sink):
        folder, name = os.path.split(place)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        full = os.path.join(folders[folder], name)
        real = os.path.realpath(full) if os.path.islink(full) else full
        if real not in seen:
            seen.add(real)
            yield SourceFile(place=place, path=_shown(place, full, known), real=real)


def _places(names: Sequence[str], known: Workspace | None, sink: DiagnosticSink) -> Iterator[str]:
    if not names and known is not None:
        yield from (os.path.join(known.root, path) for path in known.files(sink))
    for name in names:
        if not os.path.exists(name):
            usage(f"there is no file or folder `{name}`")
        yield from _in_folder(name, known, sink) if os.path.isdir(name) else (name,)


def _in_folder(name: str, known: Workspace | None, sink: DiagnosticSink) -> Iterator[str]:
    """The sources in a folder; what a workspace leaves out is left out here, too."""
    folder = os.path.realpath(name)
    sources = os.path.join(known.root, known.sources) if known is not None else ""
    if known is not None and os.path.commonpath((folder, sources)) == sources:
        inside = "" if folder == sources else os.path.relpath(folder, sources).replace(os.sep, "/") + "/"
        for path in known.files(sink):
            if path.startswith(f"{known.sources}/{inside}"):
                yield os.path.join(known.root, path)
        return
    for path in Workspace(root=folder, sources=".").files(sink):
        yield os.path.normpath(os.path.join(name, path))


def _shown(place: str, full: str, known: Workspace | None) -> str:
    """How messages call a file: by its path in the workspace, a link by its own name."""
    if known is not None and full.startswith(known.root + os.sep):
        return os.path.relpath(full, known.root).replace(os.sep, "/")
    return place.replace(os.sep, "/")


def diff_of(path: str, before: str, after: str) -> str:
    """What changes in a file, as `patch` and `git apply` read it."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"a/{path}", f"b/{path}", n=3)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(text: str) -> list[str]:
    # Not `splitlines`: other tools end lines at line feeds alone.
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


def print_diffs(changes: Iterable[tuple[str, str, str]]) -> None:
    """Print what changes, for each file its name and its texts before and after."""
    for path, before, after in changes:
        click.echo(diff_of(path, before, after).encode(), nl=False)  # sources are UTF-8, whatever the terminal speaks


def write_source(place: str, text: str) -> None:
    """Write a source in one step; a link stays one, and who may read it stays as it was."""
    # Many files at once, which their authors have in version control: no disk is waited for.
    replace_file(place, text.encode(), synced=False)


class Rewriting:
    """Sources written one after the other. What cannot be written keeps none of the others back."""

    def __init__(self) -> None:
        self.code = OK
        """The exit code of what went wrong."""

    def write(self, file: SourceFile, before: bytes, after: bytes) -> bool:
        """Whether a source was written; where it is not what was read any more, somebody else has saved it."""
        try:
            if file.read(DiagnosticSink()) != before:
                click.echo(f"rsppc: `{file.path}` was changed meanwhile, and is left as it is; run again", err=True)
                self.code = max(self.code, FINDINGS)
                return False
            # Many files at once, which their authors have in version control: no disk is waited for.
            write_and_rename(file.real, after, synced=False)
        except OSError as error:
            click.echo(f"rsppc: cannot write `{file.path}`: {(error.strerror or 'error').lower()}", err=True)
            self.code = max(self.code, ENVIRONMENT)
            return False
        return True


def counted(number: int, noun: str = "file") -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
