"""What is remembered of earlier runs: for every question its answers, each with all that it was made of.

A *question* is a line of text, as in `check pipelines/specs/line_v1.yaml`. A *trace* is one answer to it together with
its inputs: under each name that was asked for, the files that answered to it and their digests. An answer is as good as
new if every name is answered by the very same files with the very same digests today. That holds for what was looked
for and not found as well: a name that nothing answers to has no files, and a new file gives it one.

Names are those of `ide/tracking.py`: `path P` for a file, `id X` for the files that a reference to X can mean, `kind K`
for the files that may hold an artifact of this kind; and `asset P`, `pinned D`, `config` and `paths`.

All traces of runs with the same options stand in one *book*, so that an unchanged workspace is known after one file has
been read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from rsppc.base.record import Record

Files = dict[str, str]
"""Path → digest of the files that answer to a name. In the place of a digest may stand why there is none."""

TRACES_MAX = 4
"""Answers that are kept of one question: going back to another branch finds them again."""


class Row(Record):
    """A name that was asked for, and what answered to it."""

    name: str
    files: Files


class Trace(Record):
    """An answer, and the rows of its book that it was made of."""

    rows: tuple[int, ...]
    answer: msgspec.Raw


class Book(Record):
    """Everything that is remembered of runs with the same options."""

    options: dict[str, str]
    rows: tuple[Row, ...] = ()
    traces: dict[str, tuple[Trace, ...]] = {}
    mentions: dict[str, tuple[str, tuple[str, ...]]] = {}
    """Path → digest of a file, and the kinds of artifact that it may hold."""


class Learnt(Record):
    """An answer that was found in this run, and what it was made of."""

    question: str
    inputs: dict[str, Files]
    answer: bytes


class Recall:
    """Answers questions from a book, by what answers to names today."""

    def __init__(self, book: Book, now: Callable[[str], Files]) -> None:
        self.book = book
        self._now = now
        self._stale = {number for number, row in enumerate(book.rows) if now(row.name) != row.files}

    def answers(self, question: str) -> list[Trace]:
        """The answers that still hold, the youngest first."""
        traces = self.book.traces.get(question, ())
        return [trace for trace in traces if self._stale.isdisjoint(trace.rows)]

    def learnt(self, question: str, trace: Trace) -> Learnt:
        """An answer of this book, to be written into another."""
        rows = (self.book.rows[number] for number in trace.rows)
        return Learnt(question=question, inputs={row.name: row.files for row in rows}, answer=bytes(trace.answer))

    def reason(self, question: str) -> str:
        """Why no answer holds: the first input that is not what it was for the youngest one."""
        for trace in self.book.traces.get(question, ()):
            for number in trace.rows:
                if number in self._stale:
                    row = self.book.rows[number]
                    return difference(row.files, self._now(row.name))
        return "first time"


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The first file that is not what it was, in words."""
    for path in sorted({*before, *now}):
        was, is_ = before.get(path, ""), now.get(path, "")
        if was and is_ and was != is_:
            return f"{path} was {short(was)} and is {short(is_)}"
        if was != is_:
            return f"{path} was {short(was)} and is gone" if was else f"{path} was not there and is {short(is_)}"
    return "nothing changed"


def short(digest: str) -> str:
    """The beginning of a digest, enough to tell two of them apart."""
    return f"{digest[:19]}…" if digest.startswith("sha256:") else digest


def changed_options(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Names of the options that two books do not share."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))


def continued(
    books: Iterable[Book],
    learnt: Iterable[Learnt],
    mentions: Mapping[str, tuple[str, tuple[str, ...]]],
    options: dict[str, str],
    *,
    only: frozenset[str] | None = None,
) -> Book:
    """One book of what was learnt, followed by what books said before; of `only` these questions, where it is given."""
    writer = _Writer()
    for one in learnt:
        writer.add(one.question, tuple(Row(name=name, files=files) for name, files in one.inputs.items()), one.answer)
    known: dict[str, tuple[str, tuple[str, ...]]] = dict(mentions)
    for book in books:
        for question, traces in book.traces.items():
            if only is None or question in only:
                for trace in traces:
                    writer.add(question, tuple(book.rows[row] for row in trace.rows), bytes(trace.answer))
        if only is None:
            known = {**book.mentions, **known}
    kept = {question: tuple(made) for question, made in sorted(writer.traces.items())}
    return Book(options=options, rows=tuple(writer.rows), traces=kept, mentions=dict(sorted(known.items())))


class _Writer:
    """Numbers rows, each once, and keeps the first traces of each question."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.traces: dict[str, list[Trace]] = {}
        self._numbers: dict[str, list[int]] = {}

    def add(self, question: str, rows: tuple[Row, ...], answer: bytes) -> None:
        numbers = tuple(sorted({self._number(row) for row in rows}))
        kept = self.traces.setdefault(question, [])
        if len(kept) < TRACES_MAX and all(one.rows != numbers for one in kept):
            kept.append(Trace(rows=numbers, answer=msgspec.Raw(answer)))

    def _number(self, row: Row) -> int:
        numbers = self._numbers.setdefault(row.name, [])
        for number in numbers:
            if self.rows[number].files == row.files:
                return number
        numbers.append(len(self.rows))
        self.rows.append(row)
        return len(self.rows) - 1


_BOOKS = msgspec.json.Decoder(Book)


def to_bytes(book: Book) -> bytes:
    """A book as it is written down."""
    return msgspec.json.encode(book)


def from_bytes(data: bytes) -> Book | None:
    """The book that was written down; None for what cannot be one."""
    try:
        book = _BOOKS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    known = len(book.rows)
    sound = all(0 <= row < known for traces in book.traces.values() for one in traces for row in one.rows)
    return book if sound else None
