"""Texts with a cursor, for tests of what an editor is told. `§` marks the cursor and is no part of the text."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rsppc.base.source import Span
from rsppc.ide.project import Project, open_project
from workspaces import CLEAN, make

CURSOR = "§"


def opened(folder: Path, files: Mapping[str, str] = CLEAN, /, **more: str) -> Project:
    """A project over a workspace, completely examined."""
    project = open_project(str(make(folder, {**files, **more})))
    assert project is not None
    settle(project)
    return project


def settle(project: Project) -> None:
    while project.work():
        pass


def at_cursor(project: Project, path: str, text: str) -> int:
    """Open a text with a cursor; gives its offset."""
    offset = text.index(CURSOR)
    project.open(path, (text[:offset] + text[offset + 1 :]).encode())
    settle(project)
    return offset


def marked(text: str, before: str) -> str:
    """A text with the cursor behind the first occurrence of a stretch; a `§` in the stretch says where instead."""
    plain = before.replace(CURSOR, "")
    assert plain in text, plain
    return text.replace(plain, before if CURSOR in before else before + CURSOR, 1)


def shown(span: Span) -> str:
    """File, line and text of a place."""
    path, line, _ = span.location()
    return f"{path}:{line} {span.text}"
