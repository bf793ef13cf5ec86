"""Refuses what libyaml accepts and YAML 1.2 does not, or reads as something else.

libyaml knows no indentation inside quotes and brackets, takes tabs for spaces, and a `#` for a comment although nothing
separates it from what precedes. Each check looks at one kind of token and only where it can go wrong.
"""

from __future__ import annotations

import re
from typing import Any

from yaml.error import YAMLError

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic
from rsppc.syntax.yaml_mistake import Mistake, TabInIndentation, UnclosedBracket, UnclosedQuote, YamlSyntax
from rsppc.syntax.yaml_scalars import BareSignInBrackets


class HashAfterValue(Diagnostic):
    """A comment is separated from what precedes it by a space. Readers disagree about a `#` that is not."""

    code = "RSP0205"
    name = "hash-without-space"
    headline = "a `#` begins a comment only after a space"
    hint = "put a space before the `#`, or quote the text that it belongs to"


class Nesting:
    """The containers that are open at some token: what its lines must be indented against."""

    __slots__ = ("_container", "_key_start", "_stack")

    def __init__(self, stack: list[tuple[Any, list[int], Any, int, int]], container: Any, key_start: int) -> None:
        self._stack = stack
        self._container = container
        self._key_start = key_start

    def flow_start(self, text: str) -> int | None:
        """Where the outermost open bracket stands."""
        for container, _ in self._open():
            if text[container.start : container.start + 1] in ("[", "{"):
                return int(container.start)
        return None

    def column(self, text: str) -> int:
        """Column, from 0, of the innermost list or mapping that is not in brackets; -1 outside of all."""
        column = -1
        for container, key_start in self._open():
            if text[container.start : container.start + 1] in ("[", "{"):
                break
            first = container.start
            if hasattr(container, "keys"):
                first = container.at[0] if container.at else key_start
            column = first - text.rfind("\n", 0, first) - 1
        return column

    def _open(self) -> list[tuple[Any, int]]:
        entries = [(entry[0], entry[3]) for entry in self._stack]
        entries.append((self._container, self._key_start))
        return entries[1:]


class ContinuationNotIndented(Diagnostic):
    """Each line of a quoted or bracketed value is indented deeper than the item it belongs to; so is its last one."""

    code = "RSP0207"
    name = "continuation-not-indented"
    headline = (
        "this line belongs to the value that begins on line {first_line}, and is not indented deeper than its key"
    )
    hint = "indent it by {column} spaces or more"

    first_line: int
    column: int


def is_suspicious(text: str) -> bool:
    """Whether the text between the values needs a look: it has tabs, or a `#` or `?` where it may be misread."""
    if "\t" in text:
        return True
    place = text.find("#")
    while place >= 0:
        if place and text[place - 1] not in " \n":
            return True
        place = text.find("#", place + 1)
    place = text.find("?")
    while place >= 0:
        if text[place - 1] in " \n,[{?" and text[place + 1 : place + 2] not in (" ", "\n", "\r"):
            return True
        place = text.find("?", place + 1)
    return False


def check_between(source: Source, text: str, spans: list[int]) -> None:
    """Refuse tabs and badly separated comments between values; `spans` holds start and end of every value."""
    start = 0
    for index in range(0, len(spans), 2):
        _check_gap(source, text, start, spans[index], ends_in_value=True)
        start = spans[index + 1]
    _check_gap(source, text, start, len(text), ends_in_value=False)


def check_lines(source: Source, text: str, start: int, end: int, nesting: Nesting) -> None:
    """Refuse a plain or quoted value, a line of which is not indented deeper than the item that it belongs to."""
    column = nesting.column(text)
    line = _shallow_line(text, start, end, column, comments=False)
    if line is None:
        return
    flow_start = nesting.flow_start(text)
    first = start if flow_start is None else flow_start
    if not re.compile(_ITEM).match(text, line):
        raise _continuation(source, text, first, line, end, column)
    if text[start] not in "\"'":
        raise Mistake(first, _unclosed_bracket(source, text, first))
    quote = "a double quote" if text[start] == '"' else "a single quote"
    raise Mistake(first, UnclosedQuote(at=Span(source=source, start=start, end=start + 1), quote=quote))


def check_brackets(source: Source, text: str, start: int, end: int, nesting: Nesting) -> None:
    """Refuse a bracketed value, a line of which is not indented deeper than the item that it belongs to."""
    column = nesting.column(text)
    line = _shallow_line(text, start, end, column, comments=True)
    if line is None:
        return
    if not re.compile(_ITEM).match(text, line):
        raise _continuation(source, text, start, line, end, column)
    raise Mistake(start, _unclosed_bracket(source, text, start))


# A line that looks like the next item rather than like more of the value above.
_ITEM = r"(?m) *(?:- |[\w.\"'-]+ *:(?:\s|$))"


def _continuation(source: Source, text: str, start: int, line: int, end: int, column: int) -> Mistake:
    place = _indent_end(text, line)
    line_end = text.find("\n", place)
    at = Span(source=source, start=place, end=min(line_end if line_end >= 0 else end, len(source.text)))
    first_line = source.location(start)[0]
    return Mistake(start, ContinuationNotIndented(at=at, first_line=first_line, column=column + 2), end=end)


def _unclosed_bracket(source: Source, text: str, start: int) -> UnclosedBracket:
    opening = text[start]
    at = Span(source=source, start=start, end=start + 1)
    return UnclosedBracket(at=at, opening=f"`{opening}`", closing="`]`" if opening == "[" else "`}`")


def check_anchor_name(source: Source, text: str, start: int, end: int) -> None:
    """Refuse an anchor or alias whose name goes on where libyaml takes it to end."""
    if text[end : end + 1] in _AFTER_NAME:
        return
    problem = f"the name of an anchor is made of letters, digits, `-` and `_`, and `{text[end]}` is none of them"
    raise Mistake(start, _syntax(source, start, problem, "rename the anchor, or quote the text if no anchor is meant"))


_AFTER_NAME = frozenset(["", " ", "\t", "\r", "\n", ",", "[", "]", "{", "}"])


def check_block_text(source: Source, text: str, start: int, end: int, nesting: Nesting) -> None:
    """Refuse a block text that stands left of where a value of its item can, or whose blank lines are misleading."""
    header = re.compile(_BLOCK_HEADER).match(text, start)
    if header is not None:
        at = Span(source=source, start=header.end() - 1, end=header.end())
        raise Mistake(start, HashAfterValue(at=at))
    if source.text[source.text.rfind("\n") + 1 :].isspace() and re.compile(_BLANK_REST).match(text, end) is not None:
        remedy = "remove the spaces, or end the line"
        raise Mistake(start, _syntax(source, start, "the last line below this block text holds only spaces", remedy))
    column = nesting.column(text)
    _check_leading_lines(source, text, start, column)
    line_start = text.rfind("\n", 0, start) + 1
    if text[line_start:start].strip() or start - line_start > column:
        return
    raise Mistake(start, _syntax(source, start, "this block text is not indented deeper than its key", "indent it"))


def _check_leading_lines(source: Source, text: str, start: int, column: int) -> None:
    """Refuse a blank line, before the first written one, that has more spaces than that one."""
    widest = 0
    line = text.find("\n", start) + 1
    while line:
        indent = _indent_end(text, line)
        if text[indent : indent + 1] not in ("\n", "\r", ""):
            break
        widest = max(widest, indent - line)
        line = text.find("\n", line) + 1
    else:
        return
    written = indent - line
    if column < written < widest and re.compile(_INDENTED_BLOCK_HEADER).match(text, start) is None:
        problem = "a blank line at the start of this block text has more spaces than the first line written"
        raise Mistake(start, _syntax(source, start, problem, "remove the spaces from the blank line"))


def _check_gap(source: Source, text: str, start: int, end: int, *, ends_in_value: bool) -> None:
    gap = text[start:end]
    if ends_in_value and gap.endswith("?"):
        raise Mistake(end - 1, BareSignInBrackets(at=Span(source=source, start=end - 1, end=end), subject="?"))
    if "\t" not in gap and "#" not in gap:
        return
    place = start
    lines = gap.split("\n")
    for number, line in enumerate(lines):
        comment = line.find("#")
        if comment >= 0 and place + comment > 0 and text[place + comment - 1] not in " \t\n":
            at = Span(source=source, start=place + comment, end=place + comment + 1)
            raise Mistake(place + comment, HashAfterValue(at=at))
        code = line if comment < 0 else line[:comment]
        if not (ends_in_value and number == len(lines) - 1):
            code = code.rstrip()
        tab = code.find("\t")
        if tab >= 0:
            raise Mistake(place + tab, TabInIndentation(at=Span(source=source, start=place + tab, end=place + tab + 1)))
        place += len(line) + 1


def _shallow_line(text: str, start: int, end: int, column: int, *, comments: bool) -> int | None:
    """Start of the first line after the first that is indented no deeper than `column`."""
    ignored = ("\n", "\r", "", "#") if comments else ("\n", "\r", "")
    line = text.find("\n", start, end) + 1
    while line:
        indent = _indent_end(text, line)
        if indent - line <= column and text[indent : indent + 1] not in ignored:
            return line
        line = text.find("\n", line, end) + 1
    return None


def _indent_end(text: str, line: int) -> int:
    found = _SPACES.match(text, line)
    return found.end() if found else line


_SPACES = re.compile(r" *")
_BLANK_REST = r"\s*\Z"
_INDENTED_BLOCK_HEADER = r"[|>][-+]?[1-9]"
_BLOCK_HEADER = r"[|>][-+0-9]*#"


def unreadable(error: YAMLError, source: Source) -> Mistake:
    """libyaml met a character that it cannot read; texts that come from `read_source` have none."""
    start = min(int(getattr(error, "position", 0) or 0), len(source.text))
    return Mistake(start, _syntax(source, start, "this character cannot stand in YAML", "delete it"))


def _syntax(source: Source, start: int, problem: str, remedy: str) -> YamlSyntax:
    at = Span(source=source, start=start, end=min(start + 1, len(source.text)))
    return YamlSyntax(at=at, problem=problem, remedy=remedy)
