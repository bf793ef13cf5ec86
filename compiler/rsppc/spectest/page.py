"""A Markdown page as sections and blocks that know where they stand.

The reader of Markdown is a library: where a fence ends, what is a heading and what only looks like one, is not for
regular expressions to say. Only its block rules run; what stands in a paragraph is prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rsppc.base.record import Record
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink


class UnclosedBlock(Diagnostic):
    """Markdown takes a fence that is never closed for one that reaches to the end of the page: every test behind it
    would silently be a part of the block."""

    code = "RSP9501"
    name = "unclosed-block"
    headline = "this block is never closed, and takes the rest of the page with it"
    hint = "close it with {fence} on a line of its own"
    fence: str


class Block(Record):
    """A fenced block."""

    language: str
    words: tuple[str, ...]
    """What stands behind the language."""
    text: str
    """Without the first line where that only names the file."""
    line: int
    """Of the first line of `text` in the page, from 1."""
    page: Source
    fence: Span
    """The opening fence with its words."""

    def place(self, span: Span) -> Span:
        """A stretch of the block, read on its own, as a stretch of the page."""
        return Span(source=self.page, start=self._offset(span, span.start), end=self._offset(span, span.end))

    def _offset(self, span: Span, offset: int) -> int:
        line, column = span.source.location(offset)
        return self.line_start(line) + column - 1

    def line_start(self, line: int) -> int:
        """Where a line of the block (from 1) begins in the page: behind the indentation of a list, or `> `."""
        number = self.line + line - 1
        lines = self.text.split("\n")
        inside = lines[line - 1] if line <= len(lines) else ""
        shift = self.page.line(number).find(inside) if number <= self.page.line_count() else 0
        return self.page.offset(number, 1) + max(shift, 0)


class Section(Record):
    """What stands between a heading and the next; the page's beginning is a section without a title."""

    titles: tuple[str, ...]
    """Of all headings around it, the outermost first, and its own."""
    at: Span
    parent: int
    """Number of the section around it; -1 for the page's beginning."""
    blocks: tuple[Block, ...]


def sections_of(page: Source, sink: DiagnosticSink) -> tuple[Section, ...]:
    """The sections of a page, in order; a section stands behind the one around it."""
    return tuple(_sections(page, _tokens(page.text), sink))


def _tokens(text: str) -> list[Token]:
    reader = MarkdownIt("commonmark")
    reader.core.ruler.enableOnly(["normalize", "block"])
    return reader.parse(text)


def _sections(page: Source, tokens: list[Token], sink: DiagnosticSink) -> Iterator[Section]:
    around: list[tuple[int, str, int]] = []  # level, title and number of the headings that are open
    parent, number, at = -1, 0, Span(source=page, start=0, end=0)
    blocks: list[Block] = []
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0 and token.map is not None:
            yield Section(titles=tuple(title for _, title, _ in around), at=at, parent=parent, blocks=tuple(blocks))
            level = int(token.tag[1:])
            number, blocks = number + 1, []
            around = [one for one in around if one[0] < level]
            parent = around[-1][2] if around else 0
            around.append((level, tokens[index + 1].content.strip(), number))
            at = _line_span(page, token.map[0] + 1)
        elif token.type == "fence" and token.map is not None:
            fence = _line_span(page, token.map[0] + 1)
            if token.map[1] - token.map[0] - 2 < token.content.count("\n"):
                sink.report(UnclosedBlock(at=fence, fence=token.markup))
            else:
                blocks.append(_block(page, token, token.map, fence))
    yield Section(titles=tuple(title for _, title, _ in around), at=at, parent=parent, blocks=tuple(blocks))


def _block(page: Source, token: Token, lines: list[int], fence: Span) -> Block:
    language, *words = token.info.split() or [""]
    named = _FILE_LINE.match(token.content)
    if named is not None and language in ("yaml", "rspp"):
        words, text, line = [named["path"], *words], token.content[named.end() :], lines[0] + 3
    else:
        text, line = token.content, lines[0] + 2
    return Block(language=language, words=tuple(words), text=text, line=line, page=page, fence=fence)


_FILE_LINE = re.compile(r"# file: (?P<path>\S+)[ \t]*(?:\n|\Z)")


def _line_span(page: Source, number: int) -> Span:
    start, text = page.offset(number, 1), page.line(number)
    return Span(source=page, start=start + len(text) - len(text.lstrip()), end=start + len(text.rstrip()))
