"""Offsets and the positions of the protocol: lines from 0, columns in the units that client and server agreed on."""

from __future__ import annotations

import re
from typing import Literal

from lsprotocol import types

from rsppc.base.source import Source, Span

Unit = Literal["utf-16", "utf-8", "utf-32"]


def width(text: str, unit: Unit) -> int:
    """The length of a text in units."""
    if unit == "utf-32" or text.isascii():
        return len(text)
    if unit == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text) + sum(character > "\uffff" for character in text)


def units_to_length(line: str, units: int, unit: Unit) -> int:
    """How many characters of a line are that many units; all of it where there are fewer. A position inside a
    character is that of the character."""
    if unit == "utf-32" or line.isascii():
        return min(units, len(line))
    length = 0
    for character in line:
        units -= width(character, unit)
        if units < 0:
            break
        length += 1
    return length


def position_of(source: Source, offset: int, unit: Unit) -> types.Position:
    """Where an offset of a source is for an editor."""
    offset = min(max(offset, 0), len(source.text))
    line, column = source.location(offset)
    before = source.text[offset - column + 1 : offset]
    return types.Position(line=line - 1, character=width(before, unit))


def range_of(span: Span, unit: Unit) -> types.Range:
    return types.Range(start=position_of(span.source, span.start, unit), end=position_of(span.source, span.end, unit))


def offset_of(source: Source, position: types.Position, unit: Unit) -> int:
    """The offset of an editor's position; behind the end of a line or of the text, that end."""
    if position.line >= source.line_count():
        return len(source.text)
    line = source.line(position.line + 1)
    return source.offset(position.line + 1, units_to_length(line, position.character, unit) + 1)


_LINE_END = re.compile(r"\r\n|\n|\r")


def changed_text(text: str, range_: types.Range, new: str, unit: Unit) -> str:
    """A text of an editor with another text in the place of a range."""
    starts = [0, *(found.end() for found in _LINE_END.finditer(text))]
    first, last = (_offset_in(text, starts, position, unit) for position in (range_.start, range_.end))
    return text[:first] + new + text[max(first, last) :]


def _offset_in(text: str, starts: list[int], position: types.Position, unit: Unit) -> int:
    if position.line >= len(starts):
        return len(text)
    start = starts[position.line]
    end = starts[position.line + 1] if position.line + 1 < len(starts) else len(text)
    line = text[start:end].rstrip("\r\n")
    return start + units_to_length(line, position.character, unit)
