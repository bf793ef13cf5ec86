"""Every place that names what stands under the cursor."""

from __future__ import annotations

from rsppc.base.source import Span
from rsppc.ide.declared import Refusal, declared_at, uses_of
from rsppc.ide.occurrences import occurrences, subject_at
from rsppc.ide.project import Project


def FEATURE(project: Project, path: str, offset: int, *, declaration: bool = True) -> list[Span]:
    found = subject_at(project, path, offset)  # the module's one member, found by this name
    if found is None:
        return []
    subject, name = found
    if subject.what.startswith(("type_", "served_")):
        declared = declared_at(project, path, name)
        uses = uses_of(project, declared) if not isinstance(declared, Refusal) else ()
        return [one.at for one in uses if declaration or not one.declares]
    return [one.at for one in occurrences(project, subject) if declaration or not one.declares]
