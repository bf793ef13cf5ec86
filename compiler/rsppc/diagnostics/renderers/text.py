"""Text for people at a terminal: every finding with the lines it is about and carets under the right words.

How labels are laid out. A finding shows an excerpt per source line that it mentions: first the line of its primary
place, then those of its sides, then those of related places; a place on a line already shown joins that line. The
primary place is underlined, unless a side lies within it on the same line: sides say it more exactly. `^` marks the
finding and its sides, `-` a related place. The rightmost mark has its label behind it; every other label hangs from
its mark, the rightmost highest, so that no line of a label crosses another:

       |            ^^^^^^^^^      ^^^^^^^^^ accepts   text
       |            |
       |            produces  pcm_s16le

Roles of sides are padded to one width. A span of several lines is shown by its first. A line too long to show is cut
around its marks with `…`; a mark too far from the one before gets the line once more. Everything counts in terminal
cells: East Asian wide characters take two, combining ones none, tabs four, and hidden characters are named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from rsppc.base.record import Record
from rsppc.base.source import Source, Span
from rsppc.diagnostics.diagnostic import Diagnostic, Edit, Fix, Severity
from rsppc.diagnostics.places import is_whole_file, offsets
from rsppc.diagnostics.prose import fix_title, position
from rsppc.diagnostics.renderers import Renderer
from rsppc.diagnostics.report import Report
from rsppc.diagnostics.visible import cells, visible, visible_lines

WIDTH = 100
"""Cells of a source line that are shown at most."""
BEFORE = 40
"""Cells shown before the first mark of a line that is cut."""
PREVIEW_LINES = 6
"""Lines shown at most of what a fix takes away, and of what it puts there."""

Paint: TypeAlias = Callable[[str, str], str]
"""Colours a text in a role: a severity, `title`, `frame`, `-` or `+`."""


def render(report: Report, *, color: bool = False) -> str:
    """All findings, a blank line between them, and last a line that counts them."""
    paint = _colored if color else _plain
    findings = ("\n".join(_finding(found, report.severity(found), paint)) + "\n" for found in report.diagnostics)
    return "\n".join([*findings, summary(report) + "\n"])


def render_brief(report: Report, *, color: bool = False) -> str:
    """Errors in full, warnings in one line each, notes only counted: for runs in which findings are not the point."""
    paint = _colored if color else _plain
    grave = [found for found in report.diagnostics if report.severity(found) == "error"]
    lesser = [found for found in report.diagnostics if report.severity(found) == "warning"]
    findings = ["\n".join(_finding(found, "error", paint)) + "\n" for found in grave]
    lines = [_line(found, "warning", paint) + "\n" for found in lesser]
    return "\n".join(findings) + ("\n" if grave else "") + "".join(lines) + summary(report) + "\n"


def _line(diagnostic: Diagnostic, severity: Severity, paint: Paint) -> str:
    return f"{paint(severity, f'{severity}[{diagnostic.code}]')} {diagnostic.at}: {visible(diagnostic.message())}"


def summary(report: Report) -> str:
    """`2 errors, 1 warning in 3 files`."""
    counted = [_plural(number, severity) for severity, number in report.counts().items() if number]
    return f"{', '.join(counted) or 'no findings'} in {_plural(len(report.all_files()), 'file')}"


def _plural(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _finding(diagnostic: Diagnostic, severity: Severity, paint: Paint) -> Iterator[str]:
    excerpts = _excerpts(diagnostic)
    previews = [_preview(fix) for fix in diagnostic.fixes]
    gutter = _gutter(excerpts, previews)
    yield paint(severity, f"{severity}[{diagnostic.code} {diagnostic.name}]") + paint(
        "title", f": {visible(diagnostic.message())}"
    )
    for excerpt in excerpts:
        yield from _drawn(excerpt, gutter, severity, paint)
    for note in diagnostic.notes:
        yield from _note(visible_lines(note), gutter, paint)
    for index, preview in enumerate(previews):
        yield paint("title", fix_title(index, diagnostic))
        yield from _drawn_preview(preview, diagnostic.at.source, gutter, paint)
    if step := diagnostic.next_step():
        yield from _note(visible_lines(f"help: {step}"), gutter, paint)
    yield from _note([visible(_commands(diagnostic))], gutter, paint)


def _note(lines: list[str], gutter: int, paint: Paint) -> Iterator[str]:
    yield f"{' ' * gutter} {paint('frame', '=')} {lines[0]}".rstrip()
    for line in lines[1:]:
        yield f"{' ' * gutter}   {line}".rstrip()


def _commands(diagnostic: Diagnostic) -> str:
    explain = f"rsppc explain {diagnostic.code}"
    # A subject of two words is a pipeline and a setting path, which `rsppc why` takes.
    words = diagnostic.subject.split(" ")
    if len(words) != 2 or not all(words):
        return explain
    return f"{explain}   |   rsppc why {shell_quoted(words[0])} {shell_quoted(words[1])}"


_PLAIN_IN_A_SHELL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")


def shell_quoted(word: str) -> str:
    """A word as a POSIX shell reads it back; `shlex.quote` without its imports."""
    if word and _PLAIN_IN_A_SHELL.issuperset(word):
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


# --- excerpts: which lines to show, and what to mark in them


class _Mark(Record):
    """A stretch of one line, as offsets into the source, with the sign that underlines it."""

    start: int
    end: int
    sign: str
    label: str


class _Excerpt(Record):
    """A source line (from 1) with its marks. `at` is the place that its heading names."""

    at: Span
    line: int
    line_start: int
    marks: list[_Mark]

    def is_drawn(self) -> bool:
        """Whether there is a line to show: a finding about a file as a whole only names the file."""
        return bool(self.marks) and not is_whole_file(self.at)


def _excerpts(diagnostic: Diagnostic) -> list[_Excerpt]:
    excerpts: dict[tuple[Source, int, bool], _Excerpt] = {}
    _mark(excerpts, diagnostic.at, None if _sides_say_it(diagnostic) else "^", "")
    width = max((len(visible(side.role)) for side in diagnostic.sides), default=0)
    for side in diagnostic.sides:
        _mark(excerpts, side.at, "^", f"{visible(side.role):{width}}  {visible(side.type)}".rstrip())
    for related in diagnostic.related:
        _mark(excerpts, related.at, "-", visible(related.text))
    return list(excerpts.values())


def _sides_say_it(diagnostic: Diagnostic) -> bool:
    """Whether a side lies within the primary place, on its first line."""
    source = diagnostic.at.source
    start, end = offsets(diagnostic.at)
    line, _ = source.location(start)
    for side in diagnostic.sides:
        side_start, side_end = offsets(side.at)
        inside = side.at.source is source and start <= side_start and side_end <= end
        if inside and source.location(side_start)[0] == line:
            return True
    return False


def _mark(excerpts: dict[tuple[Source, int, bool], _Excerpt], span: Span, sign: str | None, label: str) -> None:
    """Add a place to the excerpt of its line, which may have to be made; without a sign, only the excerpt."""
    start, end = offsets(span)
    line, column = span.source.location(start)
    # Findings about a file as a whole do not mix with those about its first line.
    key = (span.source, line, is_whole_file(span))
    excerpt = excerpts.get(key)
    if excerpt is None:
        excerpt = excerpts[key] = _Excerpt(at=span, line=line, line_start=start - column + 1, marks=[])
    if sign is not None:
        excerpt.marks.append(_Mark(start=start, end=end, sign=sign, label=label))


def _drawn(excerpt: _Excerpt, gutter: int, severity: Severity, paint: Paint) -> Iterator[str]:
    heading = f"  {position(excerpt.at)}"
    if not excerpt.is_drawn():
        labels = [mark.label for mark in excerpt.marks if mark.label]
        yield f"{heading}: {'; '.join(labels)}" if labels else heading
        return
    yield heading
    bar = paint("frame", "|")
    blank = f"{' ' * gutter} {bar}"
    number = paint("frame", f"{excerpt.line:>{gutter}}")
    yield blank
    for line, labels in _windows(excerpt):
        yield f"{number} {bar} {line}".rstrip()
        for label in labels:
            yield f"{blank} {paint(severity, label)}"


# --- one line with its marks


def _windows(excerpt: _Excerpt) -> Iterator[tuple[str, list[str]]]:
    """The line as it is shown, with what stands below it; once more for marks too far from the ones before."""
    marks = sorted(excerpt.marks, key=lambda mark: (mark.start, mark.end))
    first = 0
    while first < len(marks):
        window = _window(excerpt.at.source, excerpt.line_start, marks[first].start)
        after = first + 1
        while after < len(marks) and marks[after].start < window.end:
            after += 1
        yield window.shown, _labels([window.drawn(mark) for mark in marks[first:after]])
        first = after


class _Drawn(Record):
    """A mark in cells of the line as it is shown."""

    start: int
    end: int
    sign: str
    label: str


class _Window(Record):
    """The part of a line that is shown: offsets `start` to `end`, and the cell of each."""

    shown: str
    start: int
    end: int
    edges: list[int]

    def drawn(self, mark: _Mark) -> _Drawn:
        last = len(self.edges) - 1
        first = min(mark.start - self.start, last)
        start, end = self.edges[first], self.edges[min(mark.end - self.start, last)]
        # A combining character has no cell of its own: it is marked under the one that carries it.
        if start == end and mark.end > mark.start and 0 < first < last:
            start -= 1
        return _Drawn(start=start, end=max(end, start + 1), sign=mark.sign, label=mark.label)


def _window(source: Source, line_start: int, focus: int) -> _Window:
    """The whole line, or its part around an offset. Only the part is looked at: a line may be a megabyte long."""
    text = source.text
    part_start = max(line_start, focus - WIDTH)
    line_break = text.find("\n", focus, focus + WIDTH + 1)
    part_end = min(len(text), focus + WIDTH) if line_break < 0 else line_break
    ends = line_break >= 0 or part_end == len(text)
    part = text[part_start:part_end].rstrip("\r\n") if ends else text[part_start:part_end]
    pieces, edges = cells(part)
    first, last = _cut(edges, min(focus - part_start, len(part)), begins=part_start == line_start, ends=ends)
    before = "" if first == 0 and part_start == line_start else "…"
    after = "" if last == len(part) and ends else "…"
    shift = len(before) - edges[first]
    # Where the line is shown to its end, a place behind its last character belongs to it too.
    end = part_start + last if after else len(text) + 1
    return _Window(
        shown=before + "".join(pieces[first:last]) + after,
        start=part_start + first,
        end=end,
        edges=[edge + shift for edge in edges[first : last + 1]],
    )


def _cut(edges: list[int], focus: int, *, begins: bool, ends: bool) -> tuple[int, int]:
    """First and last (excluded) character to show, such that both fit into `WIDTH` with the focus between them."""
    size = len(edges) - 1
    if begins and ends and edges[size] <= WIDTH:
        return 0, size
    first = focus
    while first > 0 and edges[focus] - edges[first - 1] <= BEFORE:
        first -= 1
    last = focus
    while last < size and edges[last + 1] - edges[first] <= WIDTH:
        last += 1
    if last == size and ends:
        while first > 0 and edges[size] - edges[first - 1] <= WIDTH:
            first -= 1
    return first, last


def _labels(marks: list[_Drawn]) -> list[str]:
    """What stands below a line: its carets, and the labels that hang from them. Marks are in order of their start."""
    last = marks[-1]
    hanging = [mark for mark in marks if mark.label]
    carets = _carets(marks)
    if last.label and len(carets) == last.end:
        carets += f" {last.label}"
        hanging.pop()
    if not hanging:
        return [carets]
    starts = sorted({mark.start for mark in hanging})
    rows = [carets, _bars(starts, before=starts[-1] + 1)]
    rows.extend(_bars(starts, before=mark.start) + mark.label for mark in reversed(hanging))
    return rows


def _carets(marks: list[_Drawn]) -> str:
    row = [" "] * max(mark.end for mark in marks)
    for sign in ("-", "^"):
        for mark in marks:
            if mark.sign == sign:
                row[mark.start : mark.end] = sign * (mark.end - mark.start)
    return "".join(row)


def _bars(starts: list[int], *, before: int) -> str:
    row = [" "] * before
    for start in starts:
        if start < before:
            row[start] = "|"
    return "".join(row)


# --- previews: what a fix would change


class _Change(Record):
    """Lines that a fix takes away and puts there, the first of them with its number and place."""

    at: Span
    line: int
    removed: list[str]
    added: list[str]

    def last_line(self) -> int:
        return self.line + max(len(self.removed), len(self.added)) - 1


def _preview(fix: Fix) -> list[_Change]:
    changes = []
    for edits in _neighbours(fix.edits):
        if change := _change(edits):
            changes.append(change)
    return changes


def _neighbours(edits: tuple[Edit, ...]) -> Iterator[list[Edit]]:
    """Edits that belong into one preview, because one begins on the line where the other ends, not far from it."""
    group: list[Edit] = []
    for edit in sorted(edits, key=lambda edit: (edit.at.source.path, *offsets(edit.at))):
        if group and not _touches(group[-1].at, edit.at):
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _touches(before: Span, after: Span) -> bool:
    source = before.source
    end, start = offsets(before)[1], offsets(after)[0]
    return source is after.source and start - end < WIDTH and source.location(end)[0] == source.location(start)[0]


def _change(edits: list[Edit]) -> _Change | None:
    """The lines around neighbouring edits before and after them, without those that stay as they are."""
    source = edits[0].at.source
    text = source.text
    start, end = offsets(edits[0].at)[0], max(offsets(edit.at)[1] for edit in edits)
    line, column = source.location(start)
    part_start = start - column + 1 if column + BEFORE <= WIDTH else start - BEFORE
    line_break = text.find("\n", end, end + WIDTH)
    part_end = min(len(text), end + WIDTH) if line_break < 0 else line_break
    before = "…" if column + BEFORE > WIDTH else ""
    after = "…" if line_break < 0 and part_end < len(text) else ""
    old = before + _shortened(text[part_start:part_end]) + after
    new = before + _applied(edits, part_start, part_end) + after
    old_lines, new_lines = old.split("\n"), new.split("\n")
    same = _same(old_lines, new_lines)
    old_lines, new_lines = old_lines[same:], new_lines[same:]
    tail = _same(old_lines[::-1], new_lines[::-1])
    removed, added = old_lines[: len(old_lines) - tail], new_lines[: len(new_lines) - tail]
    if not removed and not added:
        return None
    return _Change(at=edits[0].at, line=line + same, removed=_at_most(removed), added=_at_most(added))


def _applied(edits: list[Edit], start: int, end: int) -> str:
    text = edits[0].at.source.text
    pieces: list[str] = []
    for edit in edits:
        edit_start, edit_end = offsets(edit.at)
        pieces.extend((text[start:edit_start], _shortened(edit.text)))
        start = max(start, edit_end)
    return "".join([*pieces, text[start:end]])


def _shortened(text: str, limit: int = 4000) -> str:
    # A preview shows a few lines; the rest of a deleted or inserted megabyte need not be looked at.
    return text if len(text) <= limit else text[:limit] + "…"


def _same(old: list[str], new: list[str]) -> int:
    """How many lines are equal from the start."""
    number = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        number += 1
    return number


def _at_most(lines: list[str]) -> list[str]:
    shown = [_one_line(line) for line in lines[:PREVIEW_LINES]]
    return [*shown, "…"] if len(lines) > PREVIEW_LINES else shown


def _one_line(line: str) -> str:
    pieces, edges = cells(line.rstrip("\r"))
    first, last = _cut(edges, 0, begins=True, ends=True)
    return "".join(pieces[first:last]) + ("…" if last < len(pieces) else "")


def _drawn_preview(changes: list[_Change], source: Source, gutter: int, paint: Paint) -> Iterator[str]:
    for change in changes:
        if change.at.source.path != source.path:
            yield f"  {position(change.at)}"
            source = change.at.source
        for sign, lines in (("-", change.removed), ("+", change.added)):
            for index, line in enumerate(lines):
                number = paint("frame", f"{change.line + index:>{gutter}}")
                yield f"{number} {paint(sign, f'{sign} {line}'.rstrip())}"


def _gutter(excerpts: list[_Excerpt], previews: list[list[_Change]]) -> int:
    numbers = [excerpt.line for excerpt in excerpts if excerpt.is_drawn()]
    numbers.extend(change.last_line() for preview in previews for change in preview)
    return len(str(max(numbers, default=1)))


# --- colour

_RESET = "\x1b[0m"
_CODES = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "note": "\x1b[1;36m",
    "title": "\x1b[1m",
    "frame": "\x1b[1;34m",
    "-": "\x1b[31m",
    "+": "\x1b[32m",
}


def _colored(role: str, text: str) -> str:
    return f"{_CODES[role]}{text}{_RESET}"


def _plain(role: str, text: str) -> str:
    return text


RENDERER = Renderer(name="text", render=render, has_color=True)
