"""From a place inside a decoded text back to the place in the file.

A condition is checked as the text that a quoted or block value stands for. Escapes, folded lines and removed
indentation make that text differ from what is written, so a mistake in it is found again here, character by character.
Used only to place a diagnostic, never to read a value.
"""

from __future__ import annotations

import re

from rsppc.base.source import Source


def offset_in_source(source: Source, value_start: int, value_end: int, index: int) -> int:
    """Offset in the source of the code point `index` of the text that the value at `value_start` stands for.

    An index behind the text gives the end of what is written, before a closing quote.
    """
    text = source.text
    first = text[value_start : value_start + 1]
    if first == '"':
        places, end = _double_quoted(text, value_start + 1, value_end - 1), value_end - 1
    elif first == "'":
        places, end = _single_quoted(text, value_start + 1, value_end - 1), value_end - 1
    elif first in ("|", ">"):
        places, end = _block(text, value_start, value_end, folded=first == ">"), value_end
    else:
        places, end = _flow_lines(text, value_start, value_end), value_end
    return places[index] if 0 <= index < len(places) else end


# Line ends in quotes and plain values: white space around them does not count, one is a space, each further one stays.
_FOLD = re.compile(r"[ \t]*(?:\r?\n[ \t]*)+")
_ESCAPED_LINE_END = re.compile(r"\\\r?\n((?:[ \t]*\r?\n)*)[ \t]*")
_ESCAPE = re.compile(
    r"\\(?:x[0-9a-fA-F]{2}|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)"
)


def _double_quoted(text: str, start: int, end: int) -> list[int]:
    places: list[int] = []
    while start < end:
        if text[start] == "\\":
            line_end = _ESCAPED_LINE_END.match(text, start, end)
            if line_end is not None:
                places += _line_ends(text, line_end.start(1), line_end.end(1))
                start = line_end.end()
                continue
            escape = _ESCAPE.match(text, start, end)
            places.append(start)
            start = escape.end() if escape else start + 1
        else:
            start = _one_or_fold(text, start, end, places)
    return places


def _single_quoted(text: str, start: int, end: int) -> list[int]:
    places: list[int] = []
    while start < end:
        if text.startswith("''", start):
            places.append(start)
            start += 2
        else:
            start = _one_or_fold(text, start, end, places)
    return places


def _flow_lines(text: str, start: int, end: int) -> list[int]:
    places: list[int] = []
    while start < end:
        start = _one_or_fold(text, start, end, places)
    return places


def _one_or_fold(text: str, start: int, end: int, places: list[int]) -> int:
    """Add the place of one character or of one fold; where to go on."""
    fold = _FOLD.match(text, start, end) if text[start] in " \t\r\n" else None
    if fold is None:
        places.append(start)
        return start + 1
    line_ends = _line_ends(text, start, fold.end())
    places += line_ends[1:] or [start]
    return fold.end()


def _line_ends(text: str, start: int, end: int) -> list[int]:
    return [place for place in range(start, end) if text[place] == "\n"]


_HEADER = re.compile(r"[|>](?:[-+]?([1-9])?|([1-9])[-+])(?=\s)[^\n]*\n?")


def _block(text: str, start: int, end: int, *, folded: bool) -> list[int]:
    header = _HEADER.match(text, start)
    if header is None:
        return []
    lines = _lines(text, header.end(), end)
    digit = header[1] or header[2]
    if digit is not None:
        indent = _parent_column(text, start) + int(digit)
    else:
        indent = next((_indent(text, first, last) for first, last in lines if text[first:last].strip(" ")), 0)
    places: list[int] = []
    pending: list[int] = []  # line ends not yet known to be kept or folded
    after_text = False  # whether the line before, blank ones aside, is one that folds
    seen_line = False
    for first, last in lines:
        content = min(first + indent, last)
        if content == last or text[first:content].strip(" "):
            pending.append(last)
            continue
        more_indented = text[content] in " \t"
        if folded and seen_line and after_text and not more_indented:
            places += pending[1:] or pending
        else:
            places += pending
        places += range(content, last)
        pending = [last]
        after_text = not more_indented
        seen_line = True
    return places + pending


def _lines(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Start and end of each line, without its line end."""
    lines = []
    while start < end:
        line_end = text.find("\n", start, end)
        line_end = end if line_end < 0 else line_end
        lines.append((start, line_end - 1 if line_end > start and text[line_end - 1] == "\r" else line_end))
        start = line_end + 1
    return lines


def _indent(text: str, start: int, end: int) -> int:
    return end - start - len(text[start:end].lstrip(" "))


_DASHES = re.compile(r" *(?:- +)*")


def _parent_column(text: str, start: int) -> int:
    """Column of the key or dash that a block text belongs to; its indentation digit counts from there."""
    line_start = text.rfind("\n", 0, start) + 1
    while line_start > 0 and not text[line_start:start].strip():
        start = line_start - 1
        line_start = text.rfind("\n", 0, start) + 1
    behind_dashes = _DASHES.match(text, line_start, start)
    column = (behind_dashes.end() if behind_dashes else line_start) - line_start
    if line_start + column < start:
        return column
    return max(text.rfind("-", line_start, start) - line_start, 0)
