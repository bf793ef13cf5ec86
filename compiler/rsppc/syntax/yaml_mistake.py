"""What is wrong with a text that is not YAML, said in our words and at the right place, and which part of it to skip.

libyaml reports where it gave up, which is often far below the mistake: an unclosed quote runs on to the next quote.
So the place is looked for again here, from where the quote, bracket or item in question began.
"""

from __future__ import annotations

import re
from typing import Any

from yaml.error import MarkedYAMLError

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, Related


class YamlSyntax(Diagnostic):
    """The text cannot be read as YAML at this place. The item around it is skipped and the rest of the file is read."""

    code = "RSP0201"
    name = "yaml-syntax"
    headline = "{problem}"
    hint = "{remedy}"

    problem: str
    remedy: str


class UnclosedQuote(Diagnostic):
    """A quoted text ends with the quote it began with, and each of its lines is indented deeper than its key."""

    code = "RSP0202"
    name = "unclosed-quote"
    headline = "the quote that opens here is not closed before the next item"
    hint = "close it with {quote}, or indent the lines that belong to the text deeper than their key"

    quote: str


class UnclosedBracket(Diagnostic):
    """A list or mapping in brackets ends with its closing bracket; its lines are indented deeper than their key."""

    code = "RSP0203"
    name = "unclosed-bracket"
    headline = "the {opening} that opens here is not closed before the next item"
    hint = "close it with {closing}, or indent its lines, the one with {closing} too, deeper than their key"

    opening: str
    closing: str


class TabInIndentation(Diagnostic):
    """Indentation is made of spaces. How far a tab reaches differs from editor to editor, so YAML does not allow it."""

    code = "RSP0204"
    name = "tab-in-indentation"
    headline = "a tab stands where YAML expects spaces"
    hint = "replace the tab by spaces; tabs are fine inside quotes, block texts and comments"


class Mistake(Exception):
    """The text cannot be read on at `offset`; `found` says why.

    What has to be skipped reaches to `end` at least; `final` says that skipping would not help.
    """

    def __init__(self, offset: int, found: Diagnostic, *, end: int = 0, final: bool = False) -> None:
        super().__init__(offset)
        self.offset = offset
        self.found = found
        self.end = end
        self.final = final


def mistake_of(error: MarkedYAMLError, source: Source, text: str, flow_start: int | None) -> Mistake:
    """The mistake behind an error of libyaml; `flow_start` is where the outermost open bracket stands, if one does."""
    problem: str = error.problem or ""
    context: str = error.context or ""
    problem_at = _offset(error.problem_mark, text)
    context_at = _offset(error.context_mark, text) if error.context_mark is not None else problem_at
    if "quoted scalar" in context and problem.startswith("found unexpected"):
        quote = "a single quote" if text[context_at : context_at + 1] == "'" else "a double quote"
        found: Diagnostic = UnclosedQuote(at=_span(source, context_at), quote=quote)
        return Mistake(context_at if flow_start is None else flow_start, found)
    if flow_start is not None:
        unclosed = _unclosed_bracket(source, text, flow_start, context_at, problem_at)
        if unclosed is not None:
            return Mistake(flow_start, unclosed)
    if "tab character" in problem or text[problem_at : problem_at + 1] == "\t":
        return Mistake(problem_at, TabInIndentation(at=_span(source, problem_at)))
    place = context_at if context == "while scanning a simple key" else problem_at
    place = _last_written(text, place)
    said = _in_our_words(problem, context, text, place)
    related = _began(source, text, context, context_at, place)
    found = YamlSyntax(at=_word(source, text, place), problem=said[0], remedy=said[1], related=related)
    return Mistake(place if flow_start is None else flow_start, found)


def item_around(text: str, offset: int) -> tuple[int, int]:
    """Start and end of the smallest item of a block that holds an offset, or of the nearest one above a blank line."""
    line_start, line_end = _line_with_text(text, min(offset, len(text)))
    if line_start >= line_end:
        return (0, 0)
    prefix = _DASHES.match(text, line_start, line_end)
    start = prefix.end() if prefix else line_start
    if start >= line_end or start > offset >= line_start:
        # The dash itself is what is wrong, or there is nothing behind it.
        start = _indent_end(text, line_start)
    if text[start : start + 1] == "\t" or start >= line_end:
        return line_start, line_end
    column = start - line_start
    takes_dashes = text[line_start:line_end].rstrip().endswith(":")
    end = line_end
    next_start = line_end + 1
    while next_start < len(text):
        next_end = text.find("\n", next_start)
        next_end = len(text) if next_end < 0 else next_end
        indent = _indent_end(text, next_start)
        if indent < next_end and text[indent] != "\r":
            depth = indent - next_start
            if depth < column or (depth == column and not (takes_dashes and text.startswith("- ", indent))):
                break
            end = next_end
        next_start = next_end + 1
    return start, end


_INDENT = re.compile(r" *")
_DASHES = re.compile(r" *(?:- +)*")
_WORD = re.compile(r"""[^\s,\[\]{}"':#]+|.""")


def _line_with_text(text: str, offset: int) -> tuple[int, int]:
    while True:
        start = text.rfind("\n", 0, offset) + 1
        end = text.find("\n", offset)
        end = len(text) if end < 0 else end
        is_blank = not text[start:end].strip()
        if not is_blank or start == 0:
            return (0, 0) if is_blank else (start, end)
        offset = start - 1


def _offset(mark: Any, text: str) -> int:
    return min(int(mark.index), len(text))


def _span(source: Source, start: int) -> Span:
    return Span(source=source, start=start, end=min(start + 1, len(source.text)))


def _indent_end(text: str, line_start: int) -> int:
    found = _INDENT.match(text, line_start)
    return found.end() if found else line_start


def _word(source: Source, text: str, place: int) -> Span:
    found = _WORD.match(text, place)
    return Span(source=source, start=place, end=min(found.end() if found else place, len(source.text)))


def _last_written(text: str, place: int) -> int:
    """The place itself, or the last written character above where it lies behind the end of the text."""
    if text[place:].strip():
        return place
    written = len(text[:place].rstrip())
    return max(written - 1, 0)


def _unclosed_bracket(
    source: Source, text: str, flow_start: int, context_at: int, problem_at: int
) -> UnclosedBracket | None:
    """The bracket that is not closed, if the lines after it leave the item it belongs to."""
    line_start = text.rfind("\n", 0, flow_start) + 1
    prefix = _DASHES.match(text, line_start, flow_start)
    column = (prefix.end() if prefix else line_start) - line_start
    line = text.find("\n", flow_start)
    while 0 <= line < problem_at + 1:
        indent = _indent_end(text, line + 1)
        is_written = text[indent : indent + 1] not in ("\n", "\r", "#", "") and indent <= problem_at
        if is_written and indent - line - 1 <= column:
            break
        line = text.find("\n", line + 1)
    else:
        if text[problem_at:].strip():
            return None
    opened = context_at if text[context_at : context_at + 1] in ("[", "{") else flow_start
    opening = text[opened]
    return UnclosedBracket(at=_span(source, opened), opening=f"`{opening}`", closing="`]`" if opening == "[" else "`}`")


def _began(source: Source, text: str, context: str, context_at: int, place: int) -> tuple[Related, ...]:
    what = _CONTEXTS.get(context)
    if what is None or context_at >= place:
        return ()
    return (Related(at=_word(source, text, context_at), text=what),)


_CONTEXTS = {
    "while parsing a block mapping": "the mapping that it would belong to begins here",
    "while parsing a block collection": "the list that it would belong to begins here",
    "while parsing a flow sequence": "the list in brackets begins here",
    "while parsing a flow mapping": "the mapping in braces begins here",
    "while scanning a block scalar": "the block text begins here",
}

_ALIGN = "line it up with its neighbours: keys of one mapping, and the dashes of one list, stand in one column"

# What libyaml says, and what that means to somebody who writes a pipeline.
_WORDS = {
    "mapping values are not allowed in this context": (
        "a `:` makes a key here, where none can stand: this line is indented deeper than its neighbours, "
        "or a text with `: ` in it is not quoted",
        f"quote the text, or {_ALIGN}",
    ),
    "could not find expected ':'": (
        "`{line}` stands where a key is expected, but no `:` follows it",
        "write `key: value`, or indent the line if it continues the text above",
    ),
    "did not find expected key": (
        "`{line}` is no key of the mapping above it: it follows a complete value, or its indentation fits no line",
        _ALIGN + "; quote a text that begins with a quote and goes on after it",
    ),
    "did not find expected '-' indicator": (
        "`{line}` stands where the next `- ` of a list is expected",
        _ALIGN,
    ),
    "did not find expected ',' or ']'": (
        "a `,` or the closing `]` is missing before `{word}`",
        "separate the items of a list in brackets with commas, and close it with `]`",
    ),
    "did not find expected ',' or '}'": (
        "a `,` or the closing `}}` is missing before `{word}`",
        "separate the entries of a mapping in braces with commas, and close it with `}}`",
    ),
    "did not find expected node content": (
        "a value is missing before `{word}`",
        "write the value, or remove the extra separator",
    ),
    "block sequence entries are not allowed in this context": (
        "a list item (`- `) cannot begin in the middle of a line",
        "put the list on lines of its own, or write it in brackets: `[a, b]`",
    ),
    "block mapping keys are not allowed in this context": (
        "a key (`? `) cannot begin here",
        "write `key: value`, or quote a text that begins with `? `",
    ),
    "found character that cannot start any token": (
        "`{character}` cannot begin a value",
        "quote the value",
    ),
    "found unknown escape character": (
        "`\\{after}` is not an escape that a double-quoted text knows",
        "write `\\\\` for a backslash, or use single quotes, in which nothing is an escape",
    ),
    "did not find expected hexdecimal number": (
        "the escape in this double-quoted text lacks hexadecimal digits",
        "write `\\xHH`, `\\uHHHH` or `\\UHHHHHHHH`",
    ),
    "found invalid Unicode character escape code": (
        "the escape in this double-quoted text is no character: half of a surrogate pair, or above U+10FFFF",
        "write the character itself, or its full code as `\\UHHHHHHHH`",
    ),
    "did not find expected comment or line break": (
        "after `|` or `>` only a comment can stand on the line",
        "begin the text on the next line, indented deeper than its key",
    ),
    "found an indentation indicator equal to 0": (
        "a block text cannot be indented by 0",
        "remove the digit after `|` or `>`",
    ),
    "did not find expected alphabetic or numeric character": (
        "`&` or `*` must be followed by a name",
        "quote the text if neither an anchor nor an alias is meant",
    ),
    "did not find expected <document start>": (
        "`{line}` stands after the end of the document",
        "one file holds one artifact: remove the line",
    ),
    "found unexpected document indicator": ("`---` or `...` stands inside a quoted text", "indent the line"),
    "found duplicate %YAML directive": ("the directive `%YAML` is written twice", "remove both; files are YAML 1.2"),
    "found duplicate %TAG directive": ("the directive `%TAG` is written twice", "remove both; tags are not supported"),
    "found unknown directive name": ("this directive is not supported", "quote a text that begins with `%`"),
    "found incompatible YAML document": ("this directive asks for another version of YAML", "remove the line"),
    "found undefined tag handle": ("tags are not supported", "remove the tag, or quote a text that begins with `!`"),
}


def _in_our_words(problem: str, context: str, text: str, place: int) -> tuple[str, str]:
    if text[place : place + 1] == "`" and problem == "found character that cannot start any token":
        return "a backtick cannot begin a value", "quote the value"
    if "tag" in context or "directive" in context:
        words = ("this tag or directive cannot be read", "remove it; quote a text that begins with `!` or `%`")
    else:
        words = ("this cannot be read as YAML", "quote the value, or " + _ALIGN)
    headline, hint = _WORDS.get(problem, words)
    line_end = text.find("\n", place)
    line = text[place : len(text) if line_end < 0 else line_end].strip()
    word = _WORD.match(text, place)
    facts = {
        "line": _one_line(line),
        "word": _one_line(word[0] if word else ""),
        "character": text[place : place + 1],
        "after": text[place + 1 : place + 2],
    }
    return headline.format_map(facts), hint.format_map(facts)


def _one_line(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
