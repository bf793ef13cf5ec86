"""Where a span lies, in the numbers that people and tools count in.

Spans are clamped to their source: a place that a check computed wrongly still leads to the right file, and telling of
a finding never fails.
"""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.base.source import Span


class Extent(Record):
    """Start and end (excluded) of a span; lines and columns from 1, columns in code points."""

    file: str
    start: tuple[int, int]
    end: tuple[int, int]


def extent(span: Span) -> Extent:
    """The lines and columns of a span."""
    start, end = offsets(span)
    source = span.source
    return Extent(file=source.path, start=source.location(start), end=source.location(end))


def offsets(span: Span) -> tuple[int, int]:
    """Start and end of a span, both within the source and in this order."""
    size = len(span.source.text)
    start = min(max(span.start, 0), size)
    return start, min(max(span.end, start), size)


def is_whole_file(span: Span) -> bool:
    """Whether a span is what `file_span` gives: a problem of the file, not of a word in it."""
    return span.start == 0 and span.end == 0
