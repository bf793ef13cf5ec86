"""Stretches of lines that can be folded away: by indentation in YAML, by brackets elsewhere; comments that belong
together. Looks at lines only, so that a broken file folds like any other."""

from __future__ import annotations

import re

from rsppc.base.record import Record
from rsppc.ide.project import Project


class Fold(Record):
    """Lines, from 0, both included."""

    first: int
    last: int
    is_comment: bool = False


def FEATURE(project: Project, path: str) -> list[Fold]:  # the module's one member, found by this name
    source = project.source(path)
    if source is None:
        return []
    lines = source.text.split("\n")
    folds = _indented(lines) if path.endswith((".yaml", ".yml")) else _bracketed(lines)
    return sorted([*folds, *_comments(lines)], key=lambda one: (one.first, one.last))


def _indented(lines: list[str]) -> list[Fold]:
    folds: list[Fold] = []
    open_: list[tuple[int, int]] = []
    last = -1
    for number, line in enumerate(lines):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        indent = len(line) - len(line.lstrip(" "))
        while open_ and open_[-1][0] >= indent:
            _, first = open_.pop()
            if last > first:
                folds.append(Fold(first=first, last=last))
        open_.append((indent, number))
        last = number
    folds += [Fold(first=first, last=last) for _, first in open_ if last > first]
    return folds


_BRACKET = re.compile(r"#.*|\"(?:[^\"\\]|\\.)*\"|[{}\[\]]")


def _bracketed(lines: list[str]) -> list[Fold]:
    folds: list[Fold] = []
    open_: list[int] = []
    for number, line in enumerate(lines):
        for found in _BRACKET.finditer(line):
            if found[0] in "{[":
                open_.append(number)
            elif found[0] in "}]" and open_:
                first = open_.pop()
                if number - 1 > first:
                    folds.append(Fold(first=first, last=number - 1))
    return folds


def _comments(lines: list[str]) -> list[Fold]:
    folds: list[Fold] = []
    first: int | None = None
    for number, line in enumerate([*lines, ""]):
        if line.lstrip().startswith("#"):
            first = number if first is None else first
        elif first is not None:
            if number - 1 > first:
                folds.append(Fold(first=first, last=number - 1, is_comment=True))
            first = None
    return folds
