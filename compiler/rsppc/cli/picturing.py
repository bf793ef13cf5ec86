"""What `graph` and `report` have in common: the bundle that is drawn, compiled from sources or read from its folder."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn, TypeVar

import click
import msgspec

from rsppc.base.record import Record
from rsppc.cli.distributing import read_input, replace_file
from rsppc.cli.entry import compile_released, find_entry
from rsppc.cli.exits import INTEGRITY
from rsppc.cli.naming import options_of_text
from rsppc.cli.session import exit_code, report, workspace_here
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.driver import open_workspace, prove_fixes
from rsppc.ir.program import Program
from rsppc.pictures.resolved import Resolved, Unreadable, read
from rsppc.version import VERSION

_Read = TypeVar("_Read")


class Pictured(Record):
    """A bundle, as plain values."""

    spec: dict[str, Any]
    bundle: dict[str, Any]
    bundle_digest: str
    provenance: dict[str, Any] | None
    diagnostics: tuple[Diagnostic, ...] | None
    """None where it was not compiled now."""


class NotBuilt(Record):
    """A bundle with errors."""

    ref: str
    diagnostics: tuple[Diagnostic, ...]
    would_be: Pictured | None
    """What it would be; None where something is missing from it because of the errors."""


def pictured(name: str) -> Pictured:
    """The built bundle in a folder, or what a bundle or a spec of the workspace compiles to. Ends the command where
    there is none, or none that compiles."""
    found = looked_at(name)
    if isinstance(found, NotBuilt):
        raise click.exceptions.Exit(exit_code(report(found.diagnostics, (), options_of_text())))
    return found


def looked_at(name: str) -> Pictured | NotBuilt:
    """The same, with what can be said of one that does not compile."""
    return _in_folder(name) if os.path.isdir(name) else _compiled(name)


def resolved(name: str, found: Pictured) -> Resolved:
    """What is drawn of a bundle."""
    return checked(name, "resolved_spec.json", found.spec, Resolved)


def checked(name: str, file: str, value: Any, kind: type[_Read]) -> _Read:
    """A document as records; ends the command where it is not what it should be."""
    try:
        return read(value, kind)
    except Unreadable as error:
        _refuse(name, file, str(error))


def write(text: str, output: str | None) -> None:
    """Write a picture to its file in one step, or to standard output, as UTF-8 whatever the locale says."""
    data = text.encode("utf-8", errors="replace")  # lone surrogates, which JSON can hold
    if output is not None:
        replace_file(output, data)
        return
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _compiled(name: str) -> Pictured | NotBuilt:
    sink = DiagnosticSink()
    artifacts = open_workspace(workspace_here(sink), sink)
    compilation = compile_released(artifacts, find_entry(artifacts, name))
    compilation = prove_fixes(compilation, artifacts)
    found = (*compilation.diagnostics, *sink.sorted())
    drawn = _drawn(compilation.program, found) if compilation.program is not None and compilation.is_whole else None
    if compilation.ok and drawn is not None:
        return drawn
    return NotBuilt(ref=compilation.entry.ref, diagnostics=found, would_be=drawn)


def _drawn(program: Program, found: tuple[Diagnostic, ...]) -> Pictured:
    from rsppc.emit.artifacts import artifacts as emitted  # only of what is whole

    made = emitted(program, compiler=f"rsppc {VERSION}")
    return Pictured(
        spec=made.resolved_spec,
        bundle=made.bundle,
        bundle_digest=made.bundle_digest,
        provenance=made.provenance,
        diagnostics=found,
    )


def _in_folder(name: str) -> Pictured:
    from rsppc.cli.turns import bundle_named  # specs need no digests checked

    loaded = bundle_named(name)
    provenance = os.path.join(name, "provenance.json")
    return Pictured(
        spec=loaded.spec,
        bundle=_json(name, "bundle.json"),
        bundle_digest=loaded.digest,
        provenance=_json(name, "provenance.json") if os.path.exists(provenance) else None,
        diagnostics=None,
    )


def _json(folder: str, file: str) -> dict[str, Any]:
    """A file that was already read once when the digests were checked."""
    try:
        value: dict[str, Any] = msgspec.json.decode(read_input(os.path.join(folder, file)), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse(folder, file, str(error))
    return value


def _refuse(name: str, file: str, problem: str) -> NoReturn:
    click.echo(f"rsppc: `{file}` of `{name}`: {problem}", err=True)
    click.echo("  build the bundle again, or fetch it again from where it was published", err=True)
    raise click.exceptions.Exit(INTEGRITY)
