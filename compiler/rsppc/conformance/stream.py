"""A stream of objects, one JSON object a line, as runtimes write events. Lines are read one by one, however many."""

from __future__ import annotations

from collections.abc import Iterable

from rsppc.base.source import Source, Span, file_span
from rsppc.conformance.check import check_object
from rsppc.diagnostics import Diagnostic, DiagnosticSink, moved
from rsppc.model.contract import Contract


class EmptyStream(Diagnostic):
    """A stream without a single object proves nothing; to call it passed would hide that a recording failed."""

    code = "RSP7511"
    name = "empty-stream"
    headline = "there is not one `{subject}` here"
    hint = "record again, and name the file that was written"


class FurtherObjectsWrong(Diagnostic):
    """Where nearly everything in a stream is wrong, it is mostly wrong in the same way. The first few hundred objects
    show how; the others are only counted."""

    code = "RSP7512"
    name = "further-objects-wrong"
    headline = "{count} more objects in `{subject}` are wrong, behind those that are shown"
    hint = "mend what is shown, and check again"
    count: int


SHOWN_MAX = 300
"""How many wrong objects of a stream are told one by one."""


def check_stream(contract: Contract, path: str, lines: Iterable[bytes], sink: DiagnosticSink) -> int:
    """Hold each line of a stream against a contract; how many objects it holds. Blank lines are passed over."""
    count = wrong = shown_bytes = 0
    for number, line in enumerate(lines):
        text = line.rstrip(b"\r\n")
        if not text.strip():
            continue
        count += 1
        checking = DiagnosticSink()
        check_object(contract, path, text, checking)
        if not len(checking):
            continue
        wrong += 1
        if wrong <= SHOWN_MAX:
            for found in checking.sorted():
                sink.report(_moved(found, number, shown_bytes + number))
            shown_bytes += len(text)
    at = file_span(Source(path, "", b""))
    if not count:
        sink.report(EmptyStream(at=at, subject=contract.name))
    if wrong > SHOWN_MAX:
        sink.report(FurtherObjectsWrong(at=at, subject=path, count=wrong - SHOWN_MAX))
    return count


def _moved(found: Diagnostic, number: int, offset: int) -> Diagnostic:
    """A finding of a line, where it stands in the stream: behind as many lines as are before it, and behind so much
    text that all findings keep their order."""

    def behind(at: Span) -> Span:
        return Span(source=_Line(at.source, number, offset), start=at.start + offset, end=at.end + offset)

    return moved(found, behind)


class _Line(Source):
    """A line as a part of its stream, whose other lines are not kept, as there may be very many of them."""

    __slots__ = ("_before", "_number", "_own")

    def __init__(self, own: Source, number: int, before: int) -> None:
        self._own, self._number, self._before = own, number, before
        self.path, self.data = own.path, own.data

    @property
    def text(self) -> str:  # type: ignore[override]  # made when somebody asks, which few do
        return " " * (self._before - self._number) + "\n" * self._number + self._own.text

    def location(self, offset: int) -> tuple[int, int]:
        line, column = self._own.location(offset - self._before)
        return line + self._number, column

    def line(self, number: int) -> str:
        return self._own.line(number - self._number) if number > self._number else ""

    def line_count(self) -> int:
        return self._number + self._own.line_count()

    def offset(self, line: int, column: int) -> int:
        return self._before + self._own.offset(line - self._number, column)
