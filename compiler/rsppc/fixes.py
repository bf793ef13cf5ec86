"""Prove repairs: apply each in memory, compile again, and say which of them leave nothing new behind."""

from __future__ import annotations

from collections.abc import Callable

from rsppc.base.record import replace
from rsppc.base.source import Span
from rsppc.diagnostics import Diagnostic, Edit, Fix, severity_in
from rsppc.lowering.artifacts import Artifacts
from rsppc.syntax.document import Item, Mapping
from rsppc.syntax.edits import as_written, nodes_on_edge

TRIES_MAX = 12
"""Repairs of one compilation that are tried; the others stay unverified."""
CHARACTERS_MAX = 200_000
"""Text that is compiled again for them, all tries together: a large file full of mistakes is not to take all day."""

Recompile = Callable[[Artifacts], tuple[Diagnostic, ...]]


def with_verified_fixes(
    diagnostics: tuple[Diagnostic, ...], artifacts: Artifacts, recompile: Recompile, *, strict: bool
) -> tuple[Diagnostic, ...]:
    """The diagnostics, their repairs with edits, and marked where a repair was tried and holds."""
    diagnostics = with_written_edits(diagnostics)
    before = _said(flaws(diagnostics, strict))
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


def with_written_edits(diagnostics: tuple[Diagnostic, ...]) -> tuple[Diagnostic, ...]:
    """The diagnostics, each edit in the way of its file, and each repair with what it does to the plan; for findings of
    files whose repairs are not tried."""
    compiles = not any(severity_in(one, strict=False) == "error" for one in diagnostics)

    def written(fix: Fix) -> Fix:
        changes = fix.plan_changes and (compiles or adds_or_removes(fix))
        return replace(fix, edits=tuple(map(as_written, fix.edits)), plan_changes=changes)

    return tuple(replace(one, fixes=tuple(map(written, one.fixes))) if one.fixes else one for one in diagnostics)


def apply_edits(text: str, edits: tuple[Edit, ...]) -> str:
    """A text with all edits applied."""
    for edit in sorted(edits, key=lambda one: (one.at.start, one.at.end), reverse=True):
        text = text[: edit.at.start] + edit.text + text[edit.at.end :]
    return text


def adds_or_removes(fix: Fix) -> bool:
    """Whether a repair does more than to put a word in the place of another. What does not compile has no plan yet: the
    right word in the place of a misspelt one makes the plan that the text was meant to have."""
    return bool(fix.inserts) or any(edit.at.start == edit.at.end or not edit.text for edit in fix.edits)


def _with_edits(fix: Fix, artifacts: Artifacts) -> Fix:
    """The repair with its edits, where it says what to insert and the source has a layout that we can edit."""
    if fix.edits or not fix.inserts or not isinstance(fix.edge, Item) or not isinstance(fix.edge.container, Mapping):
        return fix
    edge = fix.edge.container
    artifact, _ = artifacts.at(edge.source.path)
    if artifact is None:
        return fix
    return replace(fix, edits=tuple(map(as_written, nodes_on_edge(artifact.root, edge, fix.inserts))))


def _holds(
    fix: Fix,
    diagnostic: Diagnostic,
    before: set[tuple[str, str]],
    artifacts: Artifacts,
    recompile: Recompile,
    strict: bool,
) -> bool:
    """Whether the repair removes its finding and leaves no error that was not there before."""
    # A guess can be wrong: what is said at the corrected text afterwards was perhaps said before, since the compiler
    # goes on with what was probably meant. Therefore nothing may be left at the lines that the repair touches.
    source = fix.edits[0].at.source
    if any(edit.at.source is not source for edit in fix.edits) or source.path not in artifacts.paths():
        return False
    text = apply_edits(source.text, fix.edits)
    left = flaws(recompile(artifacts.with_text(source.path, text.encode())), strict)
    after = _said(left)
    if (diagnostic.code, diagnostic.message()) in after or not after <= before:
        return False
    written = _written(fix.edits)
    return not any(_is_about(found, source.path, text, written) for found in left)


_AS_BAD_AS_ERRORS = ("RSP6002", "RSP6003")
"""A repair after which a condition always or never holds has repaired nothing."""
_RULES = "RSP96"
"""Rules speak only where nothing is wrong any more, so that what they say was not brought by the repair."""


def flaws(diagnostics: tuple[Diagnostic, ...], strict: bool) -> list[Diagnostic]:
    """The findings that a repair must not leave behind where there were none before."""
    return [
        found
        for found in diagnostics
        if found.code in _AS_BAD_AS_ERRORS
        or (severity_in(found, strict=strict) == "error" and not found.code.startswith(_RULES))
    ]


def _said(diagnostics: list[Diagnostic]) -> set[tuple[str, str]]:
    return {(found.code, found.message()) for found in diagnostics}


def _written(edits: tuple[Edit, ...]) -> list[tuple[int, int]]:
    """Where the texts of edits stand in the repaired text."""
    written: list[tuple[int, int]] = []
    shift = 0
    for edit in sorted(edits, key=lambda one: (one.at.start, one.at.end)):
        start = edit.at.start + shift
        end = start + len(edit.text)
        shift += len(edit.text) - (edit.at.end - edit.at.start)
        written.append((start, end))
    return written


def _is_about(found: Diagnostic, path: str, text: str, written: list[tuple[int, int]]) -> bool:
    """Whether a finding stands in a line that was written in, or names what was written there."""
    named = (*(side.at for side in found.sides), *(other.at for other in found.related))
    for start, end in written:
        first, after = text.rfind("\n", 0, start) + 1, text.find("\n", end)
        if _meets(found.at, path, first, len(text) if after < 0 else after):
            return True
        if any(_meets(at, path, start, end) for at in named):
            return True
    return False


def _meets(at: Span, path: str, start: int, end: int) -> bool:
    return at.source.path == path and at.start <= end and at.end >= start
