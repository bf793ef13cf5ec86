"""Repairs of what is wrong in a stretch of the text; those that were tried and hold come first."""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.diagnostics import Diagnostic, Fix
from rsppc.ide.project import Project


class Action(Record):
    """A repair of a finding."""

    found: Diagnostic
    fix: Fix


def FEATURE(project: Project, path: str, start: int, end: int) -> list[Action]:
    """Repairs of findings that touch a stretch."""  # the module's one member, found by this name
    wanted = {
        _key(one) for one in project.diagnostics(path) if one.fixes and one.at.start <= end and one.at.end >= start
    }
    if not wanted:
        return []
    proved = [one for entry in project.entries_of(path) for one in _proved(project, entry) if _key(one) in wanted]
    known = {_key(one) for one in proved}
    rest = [one for one in project.diagnostics(path) if _key(one) in wanted - known]
    actions = [Action(found=one, fix=fix) for one in (*proved, *rest) for fix in one.fixes if fix.edits]
    unique = {(_key(one.found), one.fix.title): one for one in reversed(actions)}
    return sorted(unique.values(), key=lambda one: (not one.fix.verified, one.found.at.start, one.fix.title))


def _proved(project: Project, entry: str) -> tuple[Diagnostic, ...]:
    project.checkpoint()
    compilation = project.proved(entry)
    return compilation.diagnostics if compilation is not None else ()


def _key(found: Diagnostic) -> tuple[str, int, str, str]:
    return found.at.source.path, found.at.start, found.code, found.message()
