"""Every place that names what stands under the cursor."""

from __future__ import annotations

from rsppc.base.source import Span
from rsppc.ide.occurrences import occurrences, subject_at
from rsppc.ide.project import Project


def FEATURE(project: Project, path: str, offset: int, *, declaration: bool = True) -> list[Span]:
    found = subject_at(project, path, offset)  # the module's one member, found by this name
    if found is None:
        return []
    return [one.at for one in occurrences(project, found[0]) if declaration or not one.declares]
