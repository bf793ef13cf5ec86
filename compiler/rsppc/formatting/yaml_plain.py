"""A quick look at YAML that is laid out already, as nearly all is that anybody formats.

Lines of the most ordinary kinds, each whole in itself, are laid out if every one stands where the lines above say. Most
lines have been seen before. Wherever something else turns up the answer is no, which only means that the layout has to
be made; a property holds each yes against it.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from rsppc.formatting.lines import WIDTH

_KEY = r"[A-Za-z_][A-Za-z0-9_./]*"
_WORD = r"(?:[^\s#\"'\[\]{}:]|:(?=\S))"
_PLAIN = rf"(?:[A-Za-z0-9_./(]|-(?=[0-9])){_WORD}*(?:\ +{_WORD}+)*"
_LINE = re.compile(
    rf"""
    (\ *)                                                   # the indentation
    (-\ )?                                                  # the sign of an item
    (?:({_KEY}):(?:\ |(?=\ \ \#)|\Z))?                      # a key
    ({_PLAIN}|"[^"\\]*"|'[^']*'|(?P<brackets>[\[{{].*[\]}}]))?   # a value
    (?:\ \ \#(?:.*\S)?)?                                    # a comment
    """,
    re.VERBOSE,
)
_Line: TypeAlias = "tuple[int, bool, bool, bool] | None"
"""Indentation of a line, whether it is an item, whether it has a key, and whether what belongs to the key may stand
below. None where the line is of no ordinary kind."""


def is_laid_out(text: str, flows: dict[str, str]) -> bool:
    """Whether a text, in which the reader found nothing wrong, is sure to be laid out. `flows` are brackets on one line
    as they are written, and laid out."""
    if not text.endswith("\n") or text.endswith("\n\n") or text[0] == "\n" or "\n\n\n" in text:
        return False
    levels = [0]  # twice the column of each list or mapping that is open, and 1 for a list
    above = -2  # the column of the key above, where something may stand below it
    comment = -1  # the column of the comments above
    for line in text[:-1].split("\n"):
        if not line:
            continue
        known = _LINES.get(line)
        if known is None:
            body = line.lstrip(" ")
            if not body:
                return False
            if body[0] == "#":
                if comment not in (-1, len(line) - len(body)) or line[-1] in " \t":
                    return False
                comment = len(line) - len(body)
                continue
            known = _known(line, flows)
            if known is None:
                return False
        indent, is_item, has_key, opens = known
        if comment not in (-1, indent):
            return False
        comment = -1
        level = 2 * indent + is_item
        if indent == above + 2 and above >= 0:
            levels.append(level)
        else:
            while levels[-1] != level:
                levels.pop()
                if not levels:
                    return False
        if is_item and has_key:
            indent += 2
            levels.append(2 * indent)
        above = indent if opens else -2
    return comment == -1


_LINES: dict[str, _Line] = {}
_REMEMBERED_MAX = 8192


def _known(line: str, flows: dict[str, str]) -> _Line:
    found = _LINE.fullmatch(line)
    if found is None or len(line) > WIDTH:
        return None
    brackets = found["brackets"]
    if brackets is not None and flows.get(brackets) != brackets:
        return None
    if found[3] is None and (found[2] is None or found[4] is None):
        return None
    known = (len(found[1]), found[2] is not None, found[3] is not None, found[3] is not None and found[4] is None)
    if len(_LINES) >= _REMEMBERED_MAX:
        _LINES.clear()
    _LINES[line] = known
    return known
