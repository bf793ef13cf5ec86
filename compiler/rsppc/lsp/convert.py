"""What `ide/` and the compiler say, in the words of the protocol."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable

from lsprotocol import types
from pygls.uris import from_fs_path

from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, Edit
from rsppc.diagnostics.pages import file_name
from rsppc.lsp.positions import Unit, range_of
from rsppc.resources import folder

UriOf = Callable[[str], str]
"""From a path of a project to what the editor calls it."""

_SEVERITY = {
    "error": types.DiagnosticSeverity.Error,
    "warning": types.DiagnosticSeverity.Warning,
    "note": types.DiagnosticSeverity.Information,
}
_UNNECESSARY = re.compile(r"unused|unreachable|never-")
_DEPRECATED = re.compile(r"deprecat")


def location_of(span: Span, uri_of: UriOf, unit: Unit) -> types.Location:
    return types.Location(uri=uri_of(span.source.path), range=range_of(span, unit))


def diagnostic_of(found: Diagnostic, severity: str, uri_of: UriOf, unit: Unit) -> types.Diagnostic:
    """A finding with its code, the page about it, and the other places that it speaks of."""
    hint = found.next_step()
    lines = [found.message(), *found.notes, *([f"help: {hint}"] if hint else [])]
    sides = [(one.at, f"{one.role} {one.type}") for one in found.sides]
    others = [(one.at, one.text) for one in found.related]
    page = os.path.join(folder("pages"), file_name(type(found)))
    return types.Diagnostic(
        range=range_of(found.at, unit),
        message="\n".join(lines),
        severity=_SEVERITY[severity],
        code=found.code,
        code_description=types.CodeDescription(href=from_fs_path(page) or ""),
        source="rsppc",
        tags=_tags(found.name) or None,
        related_information=[
            types.DiagnosticRelatedInformation(location=location_of(at, uri_of, unit), message=text)
            for at, text in (*sides, *others)
        ]
        or None,
    )


def _tags(name: str) -> list[types.DiagnosticTag]:
    tags = []
    if _UNNECESSARY.search(name):
        tags.append(types.DiagnosticTag.Unnecessary)
    if _DEPRECATED.search(name):
        tags.append(types.DiagnosticTag.Deprecated)
    return tags


def text_edits(edits: Iterable[Edit], unit: Unit) -> list[types.TextEdit]:
    return [types.TextEdit(range=range_of(one.at, unit), new_text=one.text) for one in edits]
