"""The lines of a text as it is laid out anew: comments behind them, blank lines, and columns that were lined up.

A value that stands further right than it need is a mistake, or a column of a table. It is a column where the line
directly above or below has one at the same place; then all of them stay lined up, as far left as they can. A comment
behind a value stays as far behind it as it was, two blanks at least, and lined up with those above and below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rsppc.base.source import Source

STEP = 2
"""Blanks for each level."""
WIDTH = 120
_COMMENT_GAP = "  "

_Mark = tuple[int, int, int, int, int]
"""A line that was laid out, the column in it before which something may be moved, the line and column where that stood
before, and how many blanks stood there."""


class NoLayout(Exception):
    """Something is written in a way that has no layout here, such as a key of several lines."""


class Lines:
    """Lines in the order of the text."""

    __slots__ = ("_comments", "_comments_apart", "_last_comment", "_values", "has_columns", "written")

    def __init__(self, *, has_columns: bool) -> None:
        self.written: list[str] = []
        self.has_columns = has_columns
        """Whether any value may stand further right than it need."""
        self._comments_apart = False
        self._last_comment = -1
        self._values: list[_Mark] = []
        self._comments: list[_Mark] = []

    def add_value(self, head: str, value: str, line: int, column: int, blanks: int) -> None:
        """A line that ends with a value; the others say where it stood before, and behind how many blanks."""
        if self.has_columns:
            self._values.append((len(self.written), len(head), line, column, blanks))
        self.written.append(head + value)

    def add_behind(self, comment: str, line: int, column: int, blanks: int) -> None:
        """Put a comment behind the last line; the others say where it stood before, and behind how many blanks."""
        index = len(self.written) - 1
        before = self.written[index]
        self._comments_apart = self._comments_apart or blanks != len(_COMMENT_GAP)
        self._last_comment = index
        self._comments.append((index, len(before), line, column, max(blanks, len(_COMMENT_GAP))))
        self.written[index] = before + _COMMENT_GAP + comment

    @property
    def may_bear_comment(self) -> bool:
        """Whether there is a last line, and no comment in it."""
        return bool(self.written) and len(self.written) - 1 != self._last_comment

    def add_comment(self, margin: str, comment: str) -> None:
        """A comment on a line of its own."""
        self._last_comment = len(self.written)
        self.written.append(margin + comment.rstrip())

    def add_blank(self) -> None:
        """A blank line, where there is none yet."""
        if self.written and self.written[-1]:
            self.written.append("")

    def finished(self) -> str:
        """The text."""
        moved: dict[int, int] = {}
        if self.has_columns:
            for group in _groups(self._values, apart=2):
                if len(group) > 1:
                    self._line_up(group, max([mark[1] for mark in group]), moved)
        if self._comments_apart:
            marks = self._comments
            for group in _groups([(mark[0], mark[1] + moved.get(mark[0], 0), *mark[2:]) for mark in marks], apart=0):
                apart = min([mark[4] for mark in group]) - len(_COMMENT_GAP)
                self._line_up(group, max([mark[1] for mark in group]) + apart, {})
        return "\n".join(self.written) + "\n"

    def _line_up(self, group: list[_Mark], right: int, moved: dict[int, int]) -> None:
        """Move what marks stand before to one column, and note by how much."""
        for index, column, *_ in group:
            line = self.written[index]
            moved[index] = right - column
            self.written[index] = line[:column] + " " * (right - column) + line[column:]


def may_have_columns(text: str) -> bool:
    """Whether some value may stand further right than it need."""
    return re.search(r":[ \t]{2}", text) is not None


def stood(source: Source, start: int) -> tuple[int, int, int]:
    """Line and column of a place, and how many blanks stand before it: none where it begins its line."""
    line, column = source.location(start)
    before = source.text[start - column + 1 : start].strip("\n")
    blanks = len(before) - len(before.rstrip(" \t"))
    return line, column, blanks if blanks < len(before) else 0


def _groups(marks: list[_Mark], *, apart: int) -> Iterator[list[_Mark]]:
    """Marks of lines that follow each other, before and now, and had one column, if one of them stood so far apart."""
    end = 0
    for place, mark in enumerate(marks):
        if mark[4] < apart or place < end:
            continue
        first = place
        while first > end and _follow(marks[first - 1], marks[first]):
            first -= 1
        end = place + 1
        while end < len(marks) and _follow(marks[end - 1], marks[end]):
            end += 1
        yield marks[first:end]


def _follow(above: _Mark, below: _Mark) -> bool:
    return above[0] + 1 == below[0] and above[2] + 1 == below[2] and above[3] == below[3]
