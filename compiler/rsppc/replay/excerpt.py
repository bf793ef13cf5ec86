"""Findings in a file that is too long to be kept: only the lines that something is said about stay in memory.

While a recording is read, each line that a finding points into is a source of its own. At the end those lines are put
together to one source, which says of each the number that it has in the file.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from rsppc.base.record import replace
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, Related

if TYPE_CHECKING:
    from rsppc.replay.recording_lines import Line

FINDINGS_MAX = 100
"""Findings of one file that are kept; of a file with more the first ones say what is wrong."""


class Excerpt(Source):
    """Some lines of a file, one after the other, each with its own number."""

    __slots__ = ("_numbers", "_offsets")

    def __init__(self, path: str, lines: dict[int, Source]) -> None:
        self._numbers = sorted(lines)
        texts = [lines[number].text for number in self._numbers]
        self._offsets: list[int] = []
        size = 0
        for text in texts:
            self._offsets.append(size)
            size += len(text) + 1
        super().__init__(path, "\n".join(texts), b"")

    def start_of(self, number: int) -> int:
        """Where a line begins in this text."""
        return self._offsets[self._numbers.index(number)]

    def location(self, offset: int) -> tuple[int, int]:
        index = max(bisect_right(self._offsets, offset) - 1, 0)
        return self._numbers[index], offset - self._offsets[index] + 1

    def line(self, number: int) -> str:
        if number not in self._numbers:
            return ""
        start = self.start_of(number)
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)]

    def line_count(self) -> int:
        return self._numbers[-1]

    def offset(self, line: int, column: int) -> int:
        return self.start_of(line) + column - 1 if line in self._numbers else len(self.text)


class Findings:
    """What was found in one file, with the lines that it was found in."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.count = 0
        """How many there are, with those that are not kept."""
        self.errors = 0
        self._found: list[Diagnostic] = []
        self._lines: dict[int, Source] = {}
        self._numbers: dict[int, int] = {}
        self._sources: list[Source] = []

    def report(self, line: Line, found: Diagnostic, *others: Line) -> None:
        """Keep a finding about a line; `others` are those that its related places stand in."""
        self.count += 1
        self.errors += found.severity == "error"
        if self.count > FINDINGS_MAX:
            return
        for one in (line, *others):
            self._lines.setdefault(one.number, one.source)
            self._know(one.source, one.number)
        self._know(found.at.source, line.number)
        self._found.append(found)

    def _know(self, source: Source, number: int) -> None:
        self._sources.append(source)  # kept, so that no other source gets its identity
        self._numbers[id(source)] = number

    def placed(self) -> tuple[Diagnostic, ...]:
        """The findings, in order, with places in the file."""
        if not self._found:
            return ()
        excerpt = Excerpt(self.path, self._lines)

        def moved(span: Span) -> Span:
            number = self._numbers[id(span.source)]
            start, size = excerpt.start_of(number), len(self._lines[number].text)
            first, last = min(span.start, size), min(span.end, size)
            return Span(source=excerpt, start=start + first, end=max(start + last, start + first + 1))

        return tuple(
            replace(
                found,
                at=moved(found.at),
                related=tuple(Related(at=moved(one.at), text=one.text) for one in found.related),
                fixes=(),
            )
            for found in self._found
        )
