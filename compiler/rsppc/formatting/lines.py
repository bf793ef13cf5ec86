"""The lines of a text as it is laid out anew: comments behind them, blank lines, and columns that were lined up.

A value that stands further right than it need is a mistake, or a column of a table. It is a column where the line
directly above or below has one at the same place; then all of them stay lined up, as far left as they can. A comment
behind a value stays as far behind it as it was, two blanks at least, and lined up with those above and below it.
"""

from __future__ import annotations

import re
from bisect import bisect_right

WIDTH = 120
_COMMENT_GAP = "  "

Mark = tuple[int, int, int, int]
"""A line that was laid out, the column in it before which something may be moved, where that stood before, and how many
blanks are to stand before it at least."""
Move = tuple[int, int, int]
"""A line, a column in it, and by how much what stands there moves to the right."""


class Lines:
    """Lines in the order of the text."""

    __slots__ = ("_comments", "_comments_apart", "_last_comment", "_values", "has_columns", "text", "written")

    def __init__(self, text: str) -> None:
        self.text = text
        """As it was read."""
        self.written: list[str] = []
        self.has_columns = re.search(r":[ \t]{2}", text) is not None
        """Whether any value may stand further right than it need."""
        self._comments_apart = False
        self._last_comment = -1
        self._values: list[Mark] = []
        self._comments: list[Mark] = []

    def add_value(self, head: str, value: str, start: int) -> None:
        """A line that ends with a value; `start` is where the value stood before."""
        if self.has_columns:
            self._values.append((len(self.written), len(head), start, 0))
        self.written.append(head + value)

    def add_behind(self, comment: str, start: int) -> None:
        """Put a comment behind the last line; `start` is where it stood before."""
        line = self.written[-1]
        apart = 0
        while self.text[start - apart - 1] in " \t":
            apart += 1
        if apart != len(_COMMENT_GAP):
            self._comments_apart = True
        self._last_comment = len(self.written) - 1
        self._comments.append((len(self.written) - 1, len(line), start, max(apart, len(_COMMENT_GAP))))
        self.written[-1] = line + _COMMENT_GAP + comment

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
        if self.has_columns or self._comments_apart:
            self._line_up()
        return "\n".join(self.written) + "\n"

    def _line_up(self) -> None:
        starts = _line_starts(self.text)
        moved: dict[int, int] = {}
        if self.has_columns:
            for index, column, by in _moves(self._values, starts):
                moved[index] = by
                line = self.written[index]
                self.written[index] = line[:column] + " " * by + line[column:]
        if self._comments_apart:
            marks = self._comments
            marks = [(index, column + moved.get(index, 0), start, apart) for index, column, start, apart in marks]
            for index, column, by in _moves(marks, starts):
                line = self.written[index]
                by -= len(_COMMENT_GAP)
                self.written[index] = line[:column] + " " * by + line[column:]


def _line_starts(text: str) -> list[int]:
    starts = [0]
    place = text.find("\n")
    while place >= 0:
        starts.append(place + 1)
        place = text.find("\n", place + 1)
    return starts


def _moves(marks: list[Mark], starts: list[int]) -> list[Move]:
    moves: list[Move] = []
    group: list[Mark] = []
    last = (-2, -2, -1)
    for mark in marks:
        index, _, start, _ = mark
        line = bisect_right(starts, start) - 1
        column = start - starts[line]
        if (index - 1, line - 1, column) != last:
            moves += _lined_up(group)
            group = []
        group.append(mark)
        last = (index, line, column)
    return moves + _lined_up(group)


def _lined_up(group: list[Mark]) -> list[Move]:
    if not group or (len(group) == 1 and not group[0][3]):
        return []
    right = max(column for _, column, _, _ in group) + min(apart for *_, apart in group)
    return [(index, column, right - column) for index, column, _, _ in group]
