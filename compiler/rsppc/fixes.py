"""Prove repairs: apply each in memory, compile again, and say which of them leave nothing new behind."""

from __future__ import annotations

from collections.abc import Callable

from rsppc.base.record import replace
from rsppc.diagnostics import Diagnostic, Edit, Fix, severity_in
from rsppc.lowering.artifacts import Artifacts
from rsppc.syntax.document import Item, Mapping
from rsppc.syntax.edits import nodes_on_edge

TRIES_MAX = 12
"""Repairs of one compilation that are tried; the others stay unverified."""
CHARACTERS_MAX = 200_000
"""Text that is compiled again for them, all tries together: a large file full of mistakes is not to take all day."""

Recompile = Callable[[Artifacts], tuple[Diagnostic, ...]]


def with_verified_fixes(
    diagnostics: tuple[Diagnostic, ...], artifacts: Artifacts, recompile: Recompile, *, strict: bool
) -> tuple[Diagnostic, ...]:
    """The diagnostics, their repairs with edits, and marked where a repair was tried and holds."""
    before = _errors(diagnostics, strict)
    tries = characters = 0
    proved: list[Diagnostic] = []
    for diagnostic in diagnostics:
        fixes = []
        for fix in diagnostic.fixes:
            fix = _with_edits(fix, artifacts)
            length = len(fix.edits[0].at.source.text) if fix.edits else 0
            if fix.edits and tries < TRIES_MAX and characters + length <= CHARACTERS_MAX:
                tries += 1
                characters += length
                fix = replace(fix, verified=_holds(fix, diagnostic, before, artifacts, recompile, strict))
            fixes.append(fix)
        proved.append(replace(diagnostic, fixes=tuple(fixes)) if fixes else diagnostic)
    return tuple(proved)


def apply_edits(text: str, edits: tuple[Edit, ...]) -> str:
    """A text with all edits applied."""
    for edit in sorted(edits, key=lambda one: (one.at.start, one.at.end), reverse=True):
        text = text[: edit.at.start] + edit.text + text[edit.at.end :]
    return text


def _with_edits(fix: Fix, artifacts: Artifacts) -> Fix:
    """The repair with its edits, where it says what to insert and the source has a layout that we can edit."""
    if fix.edits or not fix.inserts or not isinstance(fix.edge, Item) or not isinstance(fix.edge.container, Mapping):
        return fix
    edge = fix.edge.container
    artifact, _ = artifacts.at(edge.source.path)
    if artifact is None:
        return fix
    return replace(fix, edits=nodes_on_edge(artifact.root, edge, fix.inserts))


def _holds(
    fix: Fix,
    diagnostic: Diagnostic,
    before: set[tuple[str, str]],
    artifacts: Artifacts,
    recompile: Recompile,
    strict: bool,
) -> bool:
    """Whether the repair removes its finding and leaves no error that was not there before."""
    source = fix.edits[0].at.source
    if any(edit.at.source is not source for edit in fix.edits) or source.path not in artifacts.paths():
        return False
    changed = artifacts.with_text(source.path, apply_edits(source.text, fix.edits).encode())
    after = _errors(recompile(changed), strict)
    return (diagnostic.code, diagnostic.message()) not in after and after <= before


def _errors(diagnostics: tuple[Diagnostic, ...], strict: bool) -> set[tuple[str, str]]:
    return {(found.code, found.message()) for found in diagnostics if severity_in(found, strict=strict) == "error"}
