"""`rsppc import`: translate earlier JSON artifacts, and write all of them or none.

The translation is in `rsppc.importing`; here files are found, read and written. Nothing is ever overwritten.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

import click

from rsppc.base.names import version_key
from rsppc.cli.session import Options, exit_code, fault, finding_options, report, usage, workspace_here
from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, Target
from rsppc.importing.findings import EarlierStays, TargetExists, TargetOutside
from rsppc.importing.translate import Given, translate
from rsppc.syntax.reader import SUFFIXES, read
from rsppc.workspace import Workspace, find_workspace


@click.command(
    "import",
    epilog="Examples: `rsppc import ../earlier/pipelines --into .`, "
    "`rsppc import pipelines/specs/support_spec_v1.json --dry-run`.",
)
@click.argument("sources", nargs=-1, required=True)
@click.option("--into", metavar="DIR", help="Workspace to write to; the default is the one around the current folder.")
@click.option("--dry-run", is_flag=True, help="List what would be written, and write nothing.")
@finding_options
def COMMAND(  # the module's one member, found by this name
    sources: tuple[str, ...],
    into: str | None,
    dry_run: bool,
    format: str,
    reports: tuple[str, ...],
    strict: bool,
    color: bool | None,
) -> int:
    """Translate earlier JSON artifacts (files, or folders with such files) into artifacts of today.

    Notes say what became of what, warnings what got lost or was assumed. With an error nothing is written.
    """
    sink = DiagnosticSink()
    workspace = _target_workspace(into, sink)
    # A workspace that is strict for its own sources says nothing of what earlier ones may lose; only the option does.
    options = Options(format=format, reports=reports, strict=strict, color=color)
    sink.strict = strict
    files = tuple(_source_files(sources))
    translation = translate(_read(files, sink), sink)
    _report_earlier_in_workspace(translation.earlier, workspace, sink)
    wanted = _not_there_yet(
        translation.targets, frozenset(os.path.realpath(path) for path, _ in files), workspace, sink
    )
    refused = sink.has_errors
    if not refused and not dry_run:
        _write_all(wanted, workspace)
    # Notes tell what became of what; where nothing is written, nothing became anything.
    found = [one for one in sink.sorted() if not refused or sink.severity(one) != "note"]
    made = report(found, (path for path, _ in files), options)
    verb = "would write" if dry_run else "wrote"
    for one in () if refused else wanted:
        click.echo(f"{verb} {workspace.sources}/{one.path}", err=options.format != "text")
    if refused or not wanted:
        click.echo("nothing was written" if refused else "there is nothing to write", err=options.format != "text")
    return exit_code(made)


def _target_workspace(into: str | None, sink: DiagnosticSink) -> Workspace:
    if into is None:
        return workspace_here(sink)
    root = os.path.realpath(into)
    if os.path.exists(root) and not os.path.isdir(root):
        usage(f"`{into}` is no folder")
    found = find_workspace(root, sink) if os.path.isdir(root) else None
    return found if found is not None and found.root == root else Workspace(root=root)


def _source_files(sources: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """Path of each file, once, as messages shall show it, and whether it was named itself."""
    seen: set[str] = set()
    for name in sources:
        if not os.path.exists(name):
            usage(f"there is no file or folder `{name}`")
        for path, asked_for in _files_below(name) if os.path.isdir(name) else ((name, True),):
            real = os.path.realpath(path)
            if real not in seen:
                seen.add(real)
                yield os.path.normpath(path).replace(os.sep, "/"), asked_for


def _files_below(top: str) -> Iterator[tuple[str, bool]]:
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(".json") and not name.startswith("."):
                yield os.path.join(folder, name), False


def _read(files: Sequence[tuple[str, bool]], sink: DiagnosticSink) -> Iterator[Given]:
    here = Workspace(root=os.getcwd())
    for path, asked_for in files:
        found = DiagnosticSink()
        data = here.read(path, found)
        document = read(path, data, found) if data is not None else None
        for finding in found.sorted():
            sink.report(finding)
        if document is not None:
            yield Given(document=document, asked_for=asked_for, broken=found.has_errors)


def _report_earlier_in_workspace(earlier: Sequence[Earlier], workspace: Workspace, sink: DiagnosticSink) -> None:
    top = os.path.realpath(os.path.join(workspace.root, workspace.sources)) + os.sep
    for one in earlier:
        if os.path.realpath(one.path).startswith(top):
            sink.report(EarlierStays(at=one.start()))


def _not_there_yet(
    targets: Sequence[Target], sources: frozenset[str], workspace: Workspace, sink: DiagnosticSink
) -> tuple[Target, ...]:
    """The targets whose file is not there with the same text. One that is there and differs is reported."""
    top = os.path.join(workspace.root, workspace.sources)
    shelves: dict[str, dict[tuple[str, tuple[int, int, int]], list[str]]] = {}
    wanted = []
    for one in targets:
        full, shown = os.path.join(top, one.path), f"{workspace.sources}/{one.path}"
        folder = os.path.dirname(full)
        if not (os.path.realpath(folder) + os.sep).startswith(os.path.join(os.path.realpath(workspace.root), "")):
            sink.report(TargetOutside(at=one.earlier.start(), subject=shown))
            continue
        if folder not in shelves:
            shelves[folder] = _by_name(folder)
        others = _others_of_its_name(full, shelves[folder], sources)
        if os.path.lexists(full) and not _holds(full, one.text()):
            advice = "compare the two; remove the file, or give the earlier artifact another version"
            sink.report(TargetExists(at=one.earlier.start(), subject=shown, difference=" and differs", advice=advice))
        elif others:
            there = f"{os.path.dirname(shown)}/{others[0]}"
            advice = "one version of an artifact stands in one file; remove it, or give the earlier one another version"
            sink.report(TargetExists(at=one.earlier.start(), subject=there, difference="", advice=advice))
        elif not os.path.lexists(full):
            wanted.append(one)
    return tuple(wanted)


def _others_of_its_name(
    full: str, shelf: dict[tuple[str, tuple[int, int, int]], list[str]], sources: frozenset[str]
) -> list[str]:
    """Files beside a target that hold the same version of the same artifact, earlier artifacts of this run apart."""
    folder, own = os.path.split(full)
    name = _name_of(own)
    assert name is not None, "targets are named by id and version"
    return [
        other
        for other in shelf.get(name, ())
        if other != own and os.path.realpath(os.path.join(folder, other)) not in sources
    ]


_STEM = re.compile(r"(?P<id>.+)_(?P<version>v[0-9]{1,9}(?:\.[0-9]{1,9}){0,2})")


def _by_name(folder: str) -> dict[tuple[str, tuple[int, int, int]], list[str]]:
    """The artifacts of a folder by id and version, as the names of their files have them."""
    found: dict[tuple[str, tuple[int, int, int]], list[str]] = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        known = _name_of(name)
        if known is not None:
            found.setdefault(known, []).append(name)
    return found


def _name_of(file_name: str) -> tuple[str, tuple[int, int, int]] | None:
    stem, suffix = os.path.splitext(file_name)
    found = _STEM.fullmatch(stem) if suffix in SUFFIXES else None
    return (found["id"], version_key(found["version"])) if found is not None else None


def _holds(path: str, text: str) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == text.encode()
    except OSError:
        return False


def _write_all(targets: Sequence[Target], workspace: Workspace) -> None:
    """Write everything beside its place, then give the names; a run that does not come to its end leaves nothing."""
    top = os.path.join(workspace.root, workspace.sources)
    waiting: list[tuple[str, str]] = []
    named: list[str] = []
    try:
        for one in targets:
            waiting.append(_places(os.path.join(top, one.path)))
            _write(waiting[-1][0], one.text())
        for beside, full in waiting:
            _name(beside, full)
            named.append(full)
        named = []
    except OSError as error:
        reason = error.strerror or "input/output error"
        fault(f"cannot write to `{workspace.sources}`: {reason}; nothing was written", "mend that, then run it again")
    finally:
        for path in (*named, *(beside for beside, _ in waiting)):
            if os.path.lexists(path):
                os.unlink(path)


def _places(full: str) -> tuple[str, str]:
    folder, name = os.path.split(full)
    os.makedirs(folder, exist_ok=True)
    return os.path.join(folder, f".{name}.{os.getpid()}"), full


def _write(path: str, text: str) -> None:
    with open(path, "xb") as file:
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def _name(beside: str, full: str) -> None:
    """Give a finished file its name; fails where the name is taken, as a rename would not."""
    try:
        os.link(beside, full)
    except FileExistsError:
        raise
    except OSError:  # no second names on this file system
        if os.path.lexists(full):
            raise FileExistsError(17, "a file of that name is there by now") from None
        os.rename(beside, full)
