"""The layout of the text form.

Statements stand on lines of their own, two blanks deeper than the braces around them. Where an author began a new line
behind a bracket or before an attribute, there is one; what does not fit on one line gets a line for each part.
"""

from __future__ import annotations

import re
from itertools import pairwise

from rsppc.base.source import Source
from rsppc.formatting.lines import STEP, WIDTH, Lines, stood
from rsppc.formatting.rspp_structure import Structure
from rsppc.syntax.rspp_actions import without_indentation
from rsppc.syntax.rspp_tokens import (
    COLON,
    COMMA,
    EQUALS,
    KEYWORDS,
    LBRACE,
    LBRACKET,
    LONG_STRING,
    LPAR,
    RPAR,
)

_ALIGNED_MAX = 24
_COMMENT = re.compile(r"#[^\n]*")
_NODE, _USE, _PROVIDER, _FOR, _POLICY = (KEYWORDS[word] for word in ("node", "use", "provider", "for", "policy"))


def layout_of_rspp(source: Source) -> str:
    """A text laid out, in which the reader found nothing wrong."""
    structure = Structure(source)
    layout = _Layout(structure)
    made: list[_Line] = []
    last = len(structure.kinds) - 1
    layout.trivia(0, "", made)
    layout.item(0, last, 0, 0, made)
    layout.trivia(last, "", made)
    while made and not made[-1].text:
        made.pop()
    lines = Lines(has_columns=False)
    for line in made:
        lines.written.append(line.text)
        if line.comment:
            lines.add_behind(line.comment, *stood(source, line.comment_start))
    return lines.finished()


class _Line:
    """A line, the comment behind it, whether it ends with an opening bracket, and whether it holds something of the
    statement itself, not of its brackets."""

    __slots__ = ("comment", "comment_start", "is_own", "opens", "text")

    def __init__(self, text: str, *, is_own: bool = True, opens: bool = False) -> None:
        self.text = text
        self.is_own = is_own
        self.opens = opens
        self.comment = ""
        self.comment_start = 0


class _Layout:
    __slots__ = ("_commented", "_inlined", "_of", "_root")

    def __init__(self, structure: Structure) -> None:
        self._of = structure
        self._commented = "#" in structure.text
        self._inlined: dict[int, str | None] = {}
        self._root = structure.kinds.index(LBRACE)

    # ---- between two tokens

    def _gap(self, token: int) -> str:
        of = self._of
        return of.text[of.ends[token - 1] if token else 0 : of.starts[token]]

    def _begins_line(self, token: int) -> bool:
        return "\n" in self._gap(token)

    def _has_comment(self, token: int) -> bool:
        return self._commented and "#" in self._gap(token)

    def _has_blank(self, token: int) -> bool:
        """Whether there is a blank line directly above a token, or above the comments before it."""
        return any(not line.strip(" \t,") for line in self._gap(token).split("\n")[1:-1])

    def trivia(self, token: int, margin: str, made: list[_Line]) -> None:
        """Comments and blank lines before a token."""
        gap = self._gap(token)
        if "\n" not in gap and "#" not in gap:
            return
        first, *others = gap.split("\n")
        place = self._of.starts[token] - len(gap)
        found = _COMMENT.search(first) if self._commented else None
        if found is not None and token and not made[-1].comment:
            made[-1].comment, made[-1].comment_start = found[0].rstrip(), place + found.start()
        elif found is not None:
            made.append(_Line(margin + found[0].rstrip(), is_own=False))
        blank = False
        for number, line in enumerate(others):
            found = _COMMENT.search(line) if self._commented else None
            if found is None:
                blank = blank or (number < len(others) - 1 and not line.strip(" \t,"))
                continue
            if blank:
                self._put_blank(made)
            blank = False
            made.append(_Line(margin + found[0].rstrip(), is_own=False))
        if blank:
            self._put_blank(made)

    def _put_blank(self, made: list[_Line]) -> None:
        """A blank line; there is none at the beginning, behind another one, or right behind an opening bracket."""
        if made and made[-1].text and not made[-1].opens:
            made.append(_Line("", is_own=False))

    # ---- statements, entries and items

    def item(self, first: int, last: int, indent: int, width: int, made: list[_Line]) -> None:
        """Everything from one token up to another. The name behind the first one is made as wide as `width`."""
        of = self._of
        inside = self._beside(first, last)[1:]
        if self._commented:
            for token in inside:
                if token not in of.attributes and self._has_comment(token):
                    for found in _COMMENT.finditer(self._gap(token)):
                        made.append(_Line(" " * indent + found[0].rstrip(), is_own=False))
        attributes = {token for token in inside if token in of.attributes}
        breaks = {token for token in attributes if self._begins_line(token)}
        lines, opened = self._lines(first, last, indent, width, breaks)
        if opened or _too_wide(lines):
            if not attributes and all(of.kinds[token] != LPAR for token in inside):
                attributes = {token + 1 for token in inside if of.kinds[token] == COMMA}
            if breaks != attributes:
                others, opened_there = self._lines(first, last, indent, width, attributes)
                if (_too_wide(others), opened_there) < (_too_wide(lines), opened):
                    lines = others
        made += lines

    def _beside(self, first: int, last: int) -> list[int]:
        """The tokens from one up to another, without what stands in braces or brackets among them."""
        beside = []
        token = first
        while token < last:
            beside.append(token)
            if self._of.kinds[token] in (LBRACE, LBRACKET):
                token = self._of.closing[token]
            token += 1
        return beside

    def _lines(self, first: int, last: int, indent: int, width: int, breaks: set[int]) -> tuple[list[_Line], int]:
        """The lines of a statement, with new ones at `breaks`; and how many brackets did not fit on a line."""
        of = self._of
        made: list[_Line] = []
        opened = 0
        margin = current = " " * indent
        token = first
        while token < last:
            between = self._space_before(token) if token > first else ""
            if token in breaks:
                made.append(_Line(current.rstrip(" ")))
                margin = current = " " * (indent + STEP * of.attributes.get(token, 1))
                between = ""
                self.trivia(token, margin, made)
            if of.kinds[token] in (LBRACE, LBRACKET):
                closing = of.closing[token]
                shown = self._inline(token)
                if shown is None or len(current) + len(between) + len(shown) > WIDTH:
                    opened += shown is not None
                    opening = "{" if of.kinds[token] == LBRACE else "["
                    made.append(_Line(f"{current}{between}{opening}", opens=True))
                    self._body(token, closing, len(margin), made)
                    shown, current, between = "}" if opening == "{" else "]", margin, ""
                token = closing
            else:
                shown = of.text[of.starts[token] : of.ends[token]]
            if "\n" in shown:
                *full, shown = self._of_several_lines(shown, of.kinds[token], margin)
                made.append(_Line(f"{current}{between}{full[0]}"))
                made += [_Line(line, is_own=False) for line in full[1:]]
                current = between = ""
            current += between + shown
            if width and token == first + 1:
                current = current.ljust(len(margin) + of.ends[first] - of.starts[first] + 1 + width)
            token += 1
        made.append(_Line(current))
        return made, opened

    def _of_several_lines(self, written: str, kind: int, margin: str) -> list[str]:
        """The lines of a text; those of a long one are moved with the statement."""
        if kind == LONG_STRING and written.startswith('"""\n'):
            text = without_indentation(written[3:-3])
            inside = margin + " " * STEP
            lines = [inside + line if line else "" for line in text.split("\n")]
            lines[-1] = lines[-1] or inside
            if without_indentation("\n" + "\n".join(lines)) == text:
                return ['"""', *lines[:-1], lines[-1] + '"""']
        return written.split("\n")

    def _body(self, opening: int, closing: int, indent: int, made: list[_Line]) -> None:
        """What stands in brackets, with lines of its own for each entry or item."""
        of = self._of
        margin = " " * (indent + STEP)
        starts = [token for token in self._beside(opening + 1, closing) if token in of.items]
        begin = len(made)
        for (start, end), width in zip(pairwise([*starts, closing]), self._widths(starts), strict=True):
            self.trivia(start, margin, made)
            self.item(start, end, indent + STEP, width, made)
            if of.kinds[opening] == LBRACKET:
                made[-1].text += ","
        self.trivia(closing, margin, made)
        if not made[-1].text:
            made.pop()
        for line in made[begin:]:
            line.is_own = False

    def _widths(self, starts: list[int]) -> list[int]:
        """How wide the name of each statement is made, so that what follows it stands in one column.

        Statements of a kind that follow each other without a blank line have one width.
        """
        of = self._of
        widths: list[int] = []
        group: list[int] = []
        kind = -1
        for start in starts:
            here = of.kinds[start] if self._has_column(start) else -1
            if here != kind or here == -1 or self._has_blank(start):
                widths += self._one_width(group)
                group = []
            kind = here
            group.append(start)
        return widths + self._one_width(group)

    def _has_column(self, start: int) -> bool:
        """Whether a statement is one of those whose names stand in a column."""
        kinds = self._of.kinds
        expected = {_NODE: COLON, _USE: EQUALS, _PROVIDER: _FOR}.get(kinds[start])
        if expected is None or kinds[start + 2] != expected:
            return False
        return expected != _FOR or kinds[0] == _POLICY

    def _one_width(self, group: list[int]) -> list[int]:
        if len(group) < 2:
            return [0] * len(group)
        widest = max(self._of.ends[start + 1] - self._of.starts[start + 1] for start in group)
        return [widest if widest <= _ALIGNED_MAX else 0] * len(group)

    # ---- brackets on one line

    def _inline(self, opening: int) -> str | None:
        """Brackets on one line; None where that cannot be, or where their author wanted lines in them."""
        known = self._inlined.get(opening, "")
        if known == "":
            known = self._inlined[opening] = self._made_inline(opening)
        return known

    def _made_inline(self, opening: int) -> str | None:
        of = self._of
        closing = of.closing[opening]
        in_braces = of.kinds[opening] == LBRACE
        if opening == self._root or self._has_comment(closing):
            return None
        if closing == opening + 1:
            return "{ }" if in_braces else "[]"
        if self._begins_line(opening + 1):
            return None
        parts: list[str] = []
        for token in self._beside(opening + 1, closing):
            shown: str | None = of.text[of.starts[token] : of.ends[token]]
            if of.kinds[token] in (LBRACE, LBRACKET):
                shown = self._inline(token)
            if shown is None or "\n" in shown or self._has_comment(token):
                return None
            if not parts:
                parts.append(shown)
            elif token in of.items:
                parts.append(("  " if in_braces else ", ") + shown)
            else:
                parts.append(self._space_before(token) + shown)
        inside = "".join(parts)
        return f"{{ {inside} }}" if in_braces else f"[{inside}]"

    def _space_before(self, token: int) -> str:
        before, here = self._of.kinds[token - 1], self._of.kinds[token]
        return "" if here in (LPAR, RPAR, COMMA) or before == LPAR else " "


def _too_wide(lines: list[_Line]) -> int:
    """How many lines of a statement are."""
    return sum(line.is_own and len(line.text) > WIDTH for line in lines)
