"""A source file's text, and places in it.

Offsets are code points into `Source.text` and are turned into lines and columns only where a person or an editor is
told of them. A leading byte order mark is not part of the text.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Protocol

from rsppc.base.digest import Digest, digest_bytes
from rsppc.base.record import Record


class Source:
    """One file as it was read. `path` is relative to the workspace, with forward slashes."""

    __slots__ = ("_line_starts", "data", "path", "text")

    def __init__(self, path: str, text: str, data: bytes) -> None:
        self.path = path
        self.text = text
        self.data = data
        self._line_starts: list[int] | None = None

    @property
    def digest(self) -> Digest:
        """Digest of the file's bytes: `source_digest`, never `meaning_digest`."""
        return digest_bytes(self.data)

    def location(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1, the column in code points."""
        starts = self._starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Text of a line (from 1) without its line break."""
        starts = self._starts()
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def line_count(self) -> int:
        return len(self._starts())

    def offset(self, line: int, column: int) -> int:
        """Inverse of `location`; a column past the line's end is its end."""
        starts = self._starts()
        if line > len(starts):
            return len(self.text)
        return min(starts[line - 1] + column - 1, starts[line - 1] + len(self.line(line)))

    def _starts(self) -> list[int]:
        if self._line_starts is None:
            self._line_starts = _line_starts(self.text)
        return self._line_starts


def _line_starts(text: str) -> list[int]:
    starts = [0]
    position = text.find("\n")
    while position >= 0:
        starts.append(position + 1)
        position = text.find("\n", position + 1)
    return starts


class Span(Record):
    """A stretch of a source: offsets `start` (included) to `end` (excluded)."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def location(self) -> tuple[str, int, int]:
        """File, line and column of the start."""
        line, column = self.source.location(self.start)
        return self.source.path, line, column

    def __str__(self) -> str:
        path, line, column = self.location()
        return f"{path}:{line}:{column}"


class Place(Protocol):
    """Something that knows where it was written; the span is looked up only when somebody asks."""

    def span(self) -> Span: ...


class TextPlace(Place, Protocol):
    """The place of a text in which a stretch can be found again, whatever quotes and escapes it was written with."""

    def within(self, start: int, end: int) -> Span: ...


def file_span(source: Source) -> Span:
    """The place of a problem that concerns a file as a whole."""
    return Span(source=source, start=0, end=0)
