"""The layout of ordinary YAML, line by line.

Where every line is whole in itself, as nearly all are, no text between two of them has to be searched: a line says
where its key and value stand, and its indentation which list or mapping they belong to. Most lines have been seen
before. Wherever something else turns up there is no layout here, which only means that the layout along the document
has to be made; a property holds one against the other.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from rsppc.base.source import Source
from rsppc.formatting.lines import STEP, WIDTH, Lines, may_have_columns
from rsppc.formatting.yaml_flow import flow_of
from rsppc.syntax.yaml_lines import BELOW, BRACKETS, LINES, NotOrdinary, in_brackets, may_be_ordinary

_Line: TypeAlias = "tuple[int, int, bool, str, str, int, int, int, tuple[str, int, int] | None] | None"
"""A line that holds something, or None:

- its level: twice the column of the list or mapping that it stands in, and one more for a list,
- the level of the mapping that begins behind the sign of an item, or -1,
- whether what belongs to its key may stand below,
- what it begins with: the sign of an item, a key, and the space before a value,
- its value,
- the margin at most: further right its brackets do not fit,
- the column of a value that may be lined up, or -1, and the blanks before it,
- the comment behind it, with its column and the blanks before that.
"""

_Comment: TypeAlias = "tuple[int, str, bool]"
"""The column of a comment that has its line for itself, the comment, and whether there is a blank line above."""


def is_plain(text: str) -> bool:
    """Whether a text that was read holds only signs about which no readers differ; of the controls it can hold tabs and
    carriage returns."""
    return "\t" not in text and "\r" not in text and (text.isascii() or may_be_ordinary(text))


def layout_of_plain(text: str) -> str | None:
    """A text, in which the reader found nothing wrong, laid out; None where not all of its lines are ordinary."""
    try:
        return _layout(text) if is_plain(text) else None
    except NotOrdinary:
        return None


def _layout(text: str) -> str:
    has_columns = may_have_columns(text)
    lines = Lines(has_columns=has_columns)
    written = lines.written
    known_lines = _LINES
    levels, margins = [-1], [-STEP]
    comments: list[_Comment] = []  # above the next line
    blank = False
    waiting = True
    for number, line in enumerate(text.split("\n"), 1):
        known = known_lines[line]
        if known is None:
            comment = line.lstrip(" ")
            if comment:
                comments.append((len(line) - len(comment), comment, blank))
            blank = not comment
            continue
        level, inner, opens, head, value, margin_max, column, blanks, behind = known
        depth = len(levels) - 1
        if level > levels[depth]:
            if not waiting:
                raise NotOrdinary
            levels.append(level)
            margins.append(margins[depth] + STEP)
            depth += 1
        while levels[depth] != level:
            depth -= 1
            if depth < 0:
                raise NotOrdinary
        if comments:
            _put_comments(comments, levels, margins, depth, lines)
        if blank:
            lines.add_blank()
            blank = False
        margin = margins[depth]
        depth += 1
        if depth < len(levels):
            del levels[depth:], margins[depth:]
        if margin > margin_max:
            raise NotOrdinary  # brackets that do not fit may have to become a block
        if has_columns and column >= 0:
            lines.add_value(_SPACES[margin] + head, value, number, column, blanks)
        else:
            written.append(_SPACES[margin] + head + value)
        if behind is not None:
            comment, column, blanks = behind
            lines.add_behind(comment, number, column, blanks)
        if inner >= 0:
            levels.append(inner)
            margins.append(margin + STEP)
        waiting = opens
    if comments:
        _put_comments(comments, levels, margins, 1, lines)
    return lines.finished()


def _put_comments(comments: list[_Comment], levels: list[int], margins: list[int], depth: int, lines: Lines) -> None:
    """Comments on lines of their own: each belongs to what follows it, which is so many levels deep, or to the deepest
    list or mapping before it that is not right of it."""
    for column, comment, blank in comments:
        deeper = (one for one in range(len(levels) - 1, depth, -1) if _column(levels, one) <= column)
        if blank:
            lines.add_blank()
        lines.add_comment(" " * margins[next(deeper, depth)], comment)
    comments.clear()


def _column(levels: list[int], depth: int) -> int:
    """The column of a list or mapping, made a little larger where a list stands right under its key."""
    level = levels[depth]
    return (level >> 1) + (level & 1 and levels[depth - 1] == level - 1)


class _Lines(dict[str, _Line]):
    """What lines become. They are remembered: the same few hundred make up most files of a workspace."""

    __slots__ = ()

    def __missing__(self, line: str) -> _Line:
        known = _known(line)
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
        if len(line) <= WIDTH:
            self[line] = known
        return known


_LINES = _Lines()
_REMEMBERED_MAX = 8192
_SPACES = [" " * margin for margin in range(200)]


def _known(line: str) -> _Line:
    meant = LINES[line]
    if meant is None:
        return None
    indent, signs, content, key, key_end, start, end, value = meant
    if len(signs.rstrip(" ")) > 1 or (value is BELOW and key is None):
        raise NotOrdinary  # lists in lists, and signs with what follows on another line
    written = "" if value is BELOW else line[start:end]
    head = ("- " if signs else "") + (f"{key}: " if key is not None else "")
    margin_max = len(_SPACES) - 1
    if value is BRACKETS:
        written = _flow(written)
        margin_max = WIDTH - len(head) - len(written)
    is_lined_up = key is not None and written != ""
    rest = line[end:]
    comment = rest.strip(" ")
    apart = len(rest) - len(rest.lstrip(" "))
    return (
        2 * indent + bool(signs),
        2 * content if signs and key is not None else -1,
        value is BELOW,
        head if written else head.rstrip(" "),
        written,
        margin_max,
        start if is_lined_up else -1,
        start - key_end - 1,
        (comment, end + apart, apart) if comment else None,
    )


def _flow(written: str) -> str:
    """Brackets on one line, laid out."""
    container: Any = in_brackets(Source("", written, b""), written, 0, 1)
    shown = flow_of(written, container)
    if shown is None:
        raise NotOrdinary
    return shown
