"""Apply repairs to the texts of a workspace, in memory, and keep what holds.

A repair is kept where the workspace, checked again as a whole, no longer has its finding and has no new one. Repairs
that do not touch are tried together first, since a check of a large workspace takes its time; where that does not hold,
one by one.
"""

from __future__ import annotations

from rsppc.base.record import Record, replace
from rsppc.base.source import Source
from rsppc.checking import Outcome, check_file
from rsppc.cli.gathering import compiled_files, unreleased
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Fix, severity_in
from rsppc.driver import compile_bundle, open_workspace
from rsppc.emit.artifacts import artifacts as emitted
from rsppc.fixes import adds_or_removes, apply_edits, flaws, with_verified_fixes
from rsppc.formatting.format import formatted
from rsppc.lowering.artifacts import Artifacts
from rsppc.version import VERSION
from rsppc.workspace import Workspace

CHECKS_MAX = 60
"""Times that the workspace is checked; repairs that are left then are found by the next run."""


class Choice(Record):
    """Which repairs are wanted."""

    paths: frozenset[str] | None
    """Files that may be changed; None stands for all of the workspace."""
    unverified: bool
    plan_changes: bool


class Applied(Record):
    """A repair of a finding."""

    found: Diagnostic
    fix: Fix
    changes_plan: bool


class Repaired(Record):
    """What became of a workspace: the files that changed, the repairs, and what there still is to say."""

    texts: dict[str, tuple[str, str]]
    data: dict[str, bytes]
    """Of each of these files what was read."""
    applied: tuple[Applied, ...]
    remaining: tuple[Diagnostic, ...]
    held_back: tuple[Applied, ...]
    """Repairs that were not wanted, one for each finding."""


def repaired(workspace: Workspace, choice: Choice, *, strict: bool) -> Repaired:
    """The workspace with its repairs applied, one after the other, until none is left that holds."""
    texts: dict[str, str] = {}
    state = _checked(workspace, texts, strict=strict)
    before = {path: source for path in state.artifacts.paths() if (source := _source_of(state.artifacts, path))}
    applied: list[Applied] = []
    refused: set[tuple[str, ...]] = set()
    together = True
    for _ in range(CHECKS_MAX):
        wanted = [one for one in _wanted(state, choice) if _key(one.found, one.fix) not in refused]
        chosen = _apart(wanted) if together else wanted[:1]
        if not chosen:
            break
        tried = {**texts, **_applied(chosen)}
        after = _checked(workspace, tried, strict=strict)
        if _holds(chosen, state, after):
            texts, state = tried, after
            applied += chosen
        elif len(chosen) > 1:
            together = False
        else:
            refused.add(_key(chosen[0].found, chosen[0].fix))
    remaining = tuple({_said(one): one for one in state.found}.values())
    everything = _wanted(state, replace(choice, unverified=True, plan_changes=True))
    held_back = tuple(one for one in everything if _key(one.found, one.fix) not in refused)
    changed = {path: (before[path].text, text) for path, text in sorted(texts.items()) if text != before[path].text}
    data = {path: before[path].data for path in changed}
    return Repaired(texts=changed, data=data, applied=tuple(applied), remaining=remaining, held_back=held_back)


class _State(Record):
    """A workspace, and what a check of it finds."""

    artifacts: Artifacts
    outcomes: tuple[Outcome, ...]
    found: tuple[Diagnostic, ...]
    strict: bool


def _checked(workspace: Workspace, texts: dict[str, str], *, strict: bool) -> _State:
    sink = DiagnosticSink(strict=strict)
    artifacts = open_workspace(workspace, sink)
    for path, text in texts.items():
        artifacts.add(path, text.encode())
    paths = unreleased(artifacts)
    outcomes = tuple(
        _proved(one, artifacts, strict=strict)
        for one in compiled_files(artifacts, paths, purpose="check", strict=strict, jobs=1)
    )
    found = (*sink.sorted(), *(found for outcome in outcomes for found in outcome.diagnostics))
    return _State(artifacts=artifacts, outcomes=outcomes, found=found, strict=strict)


def _proved(outcome: Outcome, artifacts: Artifacts, *, strict: bool) -> Outcome:
    """The outcome with its repairs tried; those of bundles and specs have been."""
    path = outcome.path
    artifact, _ = artifacts.at(path)
    if artifact is not None and artifact.kind.name in ("bundle", "pipeline"):
        return outcome
    if not any(found.fixes for found in outcome.diagnostics):
        return outcome

    def recheck(changed: Artifacts) -> tuple[Diagnostic, ...]:
        return check_file(changed, path, purpose="check", strict=strict).diagnostics

    diagnostics = with_verified_fixes(outcome.diagnostics, artifacts, recheck, strict=strict)
    return replace(outcome, diagnostics=diagnostics)


def _source_of(artifacts: Artifacts, path: str) -> Source | None:
    artifact, diagnostics = artifacts.at(path)
    if artifact is not None:
        return artifact.document.source
    return diagnostics[0].at.source if diagnostics else None


# ---- which repairs


def _wanted(state: _State, choice: Choice) -> list[Applied]:
    """Of each finding the first repair that is wanted, in the order of the sources."""
    wanted: dict[tuple[str, ...], Applied] = {}
    for outcome in state.outcomes:
        for found in outcome.diagnostics:
            for fix in found.fixes:
                if not _is_applicable(fix, state, choice) or _key(found, fix) in wanted:
                    continue
                changes = _changes_plan(fix, found, outcome, state)
                if choice.plan_changes or not changes:
                    wanted[_key(found, fix)] = Applied(found=found, fix=fix, changes_plan=changes)
                    break
    return sorted(wanted.values(), key=lambda one: (one.fix.edits[0].at.source.path, one.fix.edits[0].at.start))


def _is_applicable(fix: Fix, state: _State, choice: Choice) -> bool:
    paths = {edit.at.source.path for edit in fix.edits}
    if not paths or not paths.issubset(state.artifacts.paths()) or not (fix.verified or choice.unverified):
        return False
    if not all(_is_as_in_file(edit.at.source) for edit in fix.edits):
        return False
    return choice.paths is None or paths <= choice.paths


def _is_as_in_file(source: Source) -> bool:
    """Whether a text is what its file holds; where characters were refused, others stand in their place."""
    return source.text.encode() == source.data.removeprefix(b"\xef\xbb\xbf")


def _key(found: Diagnostic, fix: Fix) -> tuple[str, ...]:
    edits = (f"{edit.at.source.path} {edit.text}" for edit in fix.edits)
    return (found.code, found.message(), fix.title, *edits)


def _changes_plan(fix: Fix, found: Diagnostic, outcome: Outcome, state: _State) -> bool:
    """Whether runtimes will do something else.

    What compiles is compiled again and compared; of what does not, the repair itself says it.
    """
    if not fix.plan_changes:
        return False
    plan = _plan(state.artifacts, outcome.path, strict=state.strict)
    if plan is None:
        return adds_or_removes(fix)
    changed = state.artifacts
    for path, text in _applied([Applied(found=found, fix=fix, changes_plan=True)]).items():
        changed = changed.with_text(path, text.encode())
    return _plan(changed, outcome.path, strict=state.strict) != plan


def _plan(artifacts: Artifacts, path: str, *, strict: bool) -> str | None:
    """Digest of what a bundle or spec resolves to; None where nothing comes of it."""
    entry, _ = artifacts.at(path)
    if entry is None or entry.kind.name not in ("bundle", "pipeline"):
        return None
    compilation = compile_bundle(artifacts, entry, strict=strict)
    if compilation.program is None or not compilation.ok:
        return None
    return emitted(compilation.program, snapshot=None, compiler=f"rsppc {VERSION}").resolved_spec_digest


def _apart(wanted: list[Applied]) -> list[Applied]:
    """As many repairs as do not touch each other, from the first one on."""
    chosen: list[Applied] = []
    taken: list[tuple[str, int, int]] = []
    for one in wanted:
        places = [(edit.at.source.path, edit.at.start, edit.at.end) for edit in one.fix.edits]
        if not any(_touch(place, other) for place in places for other in taken):
            chosen.append(one)
            taken += places
    return chosen


def _touch(place: tuple[str, int, int], other: tuple[str, int, int]) -> bool:
    return place[0] == other[0] and place[1] <= other[2] and other[1] <= place[2]


# ---- what comes of them


def _applied(chosen: list[Applied]) -> dict[str, str]:
    """The texts with repairs applied; what was formatted is so again."""
    edits = [edit for one in chosen for edit in one.fix.edits]
    texts: dict[str, str] = {}
    for source in {edit.at.source.path: edit.at.source for edit in edits}.values():
        text = apply_edits(source.text, tuple(edit for edit in edits if edit.at.source.path == source.path))
        texts[source.path] = _as_formatted(source.path, source.text, text)
    return texts


def _as_formatted(path: str, before: str, after: str) -> str:
    if formatted(path, before.encode(), DiagnosticSink()).text != before:
        return after
    made = formatted(path, after.encode(), DiagnosticSink())
    return made.text if made.why == "laid out" else after


def _holds(chosen: list[Applied], before: _State, after: _State) -> bool:
    """Whether what was to be repaired is gone, and nothing is found that was not found before."""
    # Rules and warnings are silent beside errors, so that they are new only where there was none.
    if any(severity_in(one, strict=before.strict) == "error" for one in before.found):
        new = _flaws_said(after) - _flaws_said(before)
    else:
        new = _all_said(after) - _all_said(before)
    gone = {(one.found.at.source.path, one.found.code, one.found.message()) for one in chosen}
    return not new and gone.isdisjoint(_all_said(after))


def _said(found: Diagnostic) -> tuple[str, str, str]:
    return found.at.source.path, found.code, found.message()


def _all_said(state: _State) -> set[tuple[str, str, str]]:
    return {_said(one) for one in state.found if severity_in(one, strict=state.strict) != "note"}


def _flaws_said(state: _State) -> set[tuple[str, str, str]]:
    return {_said(one) for one in flaws(state.found, state.strict)}
