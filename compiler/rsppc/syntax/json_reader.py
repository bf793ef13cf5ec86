"""JSON (RFC 8259, nothing more) to a `Document`, with the place of every key and value.

One loop over tokens with a stack of its own, so no nesting can exhaust anything. Strings are decoded by the C scanner
of the standard library. Numbers are integers, as in YAML. After a mistake reading goes on at the next comma or bracket.
"""

from __future__ import annotations

import re
from json.decoder import JSONDecodeError, scanstring  # type: ignore[attr-defined]
from typing import Any

from rsppc.base.json_pointer import pointer_of
from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, DiagnosticSink, Related
from rsppc.syntax.document import Document, Mapping, Sequence
from rsppc.syntax.limits import (
    DEPTH_MAX,
    INTEGER_MAX,
    KEYS_MAX,
    NODES_MAX,
    SCALAR_CHARACTERS_MAX,
    DuplicateKey,
    EmptyFile,
    IntegerOutOfRange,
    RootNotAMapping,
    ScalarTooLong,
    TooDeep,
    TooManyKeys,
    TooManyNodes,
    shortened,
)

_FINDINGS_MAX = 20


class JsonSyntax(Diagnostic):
    """The text cannot be read as JSON at this place. Reading goes on at the next comma or bracket."""

    code = "RSP0301"
    name = "json-syntax"
    headline = "{problem}"
    hint = "{remedy}"

    problem: str
    remedy: str


class UnclosedJson(Diagnostic):
    """Every bracket, brace and quote that is opened is closed again."""

    code = "RSP0302"
    name = "unclosed-json"
    headline = "the {opening} that opens here is not closed"
    hint = "close it with {closing}"

    opening: str
    closing: str


class NotAnInteger(Diagnostic):
    """Numbers are integers in a small enough unit: fractions are rounded differently by different readers."""

    code = "RSP0303"
    name = "not-an-integer"
    headline = "`{subject}` is no integer that every reader takes for the same"
    hint = "write a decimal integer, in a smaller unit where there is a fraction, or quote it if it is meant as text"


class LoneSurrogate(Diagnostic):
    """Half of a surrogate pair is no character; it cannot be written to any file."""

    code = "RSP0304"
    name = "lone-surrogate"
    headline = "the escape {character} in this text is half of a surrogate pair"
    hint = "write the character itself, or both halves"

    character: str


def read_json(
    source: Source,
    sink: DiagnosticSink,
    *,
    integer_max: int = INTEGER_MAX,
    fractions: bool = False,
    pointers: dict[int, str] | None = None,
) -> Document:
    """The document that a text states. Problems go to the sink; what they concern is missing from the document.

    What a runtime writes may hold larger integers than a source: `integer_max`, up to 64 bits with a sign. What another
    producer writes may hold `fractions`, which become floats. Who answers with JSON Pointers gets in `pointers` where
    in the document each problem lies, by the offset of its place.
    """
    reading = _Reading(source, sink, integer_max, fractions=fractions)
    root = reading.run()
    if pointers is not None:
        pointers |= reading.pointers
    if root.__class__ is Mapping:
        return Document(source=source, root=root, gaps=tuple(reading.gaps))
    if not source.text.strip(" \t\r\n"):
        sink.report(EmptyFile(at=Span(source=source, start=0, end=0), what="is empty"))
    elif root is not _DROPPED:
        what = "a list" if root.__class__ is Sequence else "a single value"
        start = len(source.text) - len(source.text.lstrip())
        sink.report(RootNotAMapping(at=Span(source=source, start=start, end=start + 1), what=what))
    return Document(source=source, root=None, gaps=tuple(reading.gaps))


class _Dropped:
    __slots__ = ()


_DROPPED = _Dropped()

# What may come next.
_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END, _COLON, _COMMA_OR_END, _NOTHING = range(7)
_EXPECTED = {
    _VALUE: "a value",
    _VALUE_OR_END: "a value or `]`",
    _KEY: "a key in double quotes",
    _KEY_OR_END: "a key in double quotes or `}`",
    _COLON: "`:` after the key",
    _COMMA_OR_END: "`,` or the closing bracket",
    _NOTHING: "the end of the file",
}

_TOKEN = re.compile(
    r"[ \t\n\r]*(?:(?P<sign>[{}\[\],:])|(?P<quote>\")"
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?P<rest>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?))(?![0-9A-Za-z_.+-])"
    r"|(?P<word>true|false|null)(?![0-9A-Za-z_]))"
)
_SPACE = re.compile(r"[ \t\n\r]*")
_WRITTEN = re.compile(r"""[^\s,\[\]{}":]+|.""", re.DOTALL)
_RESUME = re.compile(r'"(?:[^"\\\n]|\\.)*"?|[,{}\[\]]')
_SURROGATE = re.compile("[\ud800-\udfff]")
_CONSTANTS = {"true": True, "false": False, "null": None}


class _Reading:
    """One pass over the text."""

    def __init__(self, source: Source, sink: DiagnosticSink, integer_max: int, *, fractions: bool) -> None:
        self._integer_max = integer_max
        self._fractions = fractions
        self.pointers: dict[int, str] = {}
        self.gaps: list[tuple[int, int]] = []
        self._source = source
        self._text = source.text
        self._sink = sink
        self._findings = 0
        self._nodes = 0
        self._stack: list[tuple[Any, Any, int, int]] = []
        self._container: Any = None
        self._key: Any = None
        self._key_start = 0
        self._key_end = 0
        self._root: Any = _DROPPED
        self._place = 0
        self._expected = _VALUE

    def run(self) -> Any:
        """The root as far as it could be read."""
        text = self._text
        while self._findings < _FINDINGS_MAX:
            token = _TOKEN.match(text, self._place)
            if token is None:
                space = _SPACE.match(text, self._place)
                self._place = space.end() if space else self._place
                if self._place >= len(text):
                    break
                if not self._unexpected(self._place):
                    break
            elif not self._take(token):
                break
        self._close_all()
        return self._root

    def _take(self, token: re.Match[str]) -> bool:
        """Go on behind a token; False where there is nothing to go on to."""
        kind = str(token.lastgroup)
        start = token.start(kind)
        expected = self._expected
        if kind == "sign":
            return self._take_sign(token[kind], start)
        if kind == "quote":
            if expected not in (_VALUE, _VALUE_OR_END, _KEY, _KEY_OR_END):
                return self._unexpected(start)
            return self._take_text(start)
        if expected not in (_VALUE, _VALUE_OR_END):
            return self._unexpected(start)
        self._place = token.end()
        if kind == "word":
            return self._put(_CONSTANTS[token[kind]], start, token.end())
        return self._put(self._integer(token["number"], token["rest"], start, token.end()), start, token.end())

    def _take_sign(self, sign: str, start: int) -> bool:
        expected = self._expected
        self._place = start + 1
        if sign in "{[" and expected in (_VALUE, _VALUE_OR_END):
            return self._open(sign, start)
        if sign == ":" and expected == _COLON:
            self._expected = _VALUE
            return True
        if sign == "," and expected == _COMMA_OR_END:
            self._expected = _KEY if self._container.__class__ is Mapping else _VALUE
            return True
        if sign in "}]" and self._container is not None:
            in_mapping = self._container.__class__ is Mapping
            if (sign == "}") == in_mapping:
                if expected in (_COMMA_OR_END, _KEY_OR_END, _VALUE_OR_END):
                    return self._close(start + 1)
                if self._key is None:
                    self._syntax(start, f"there is a comma before `{sign}`", "remove the comma")
                    return self._close(start + 1)
                self._syntax(start, "the value of the last key is missing", "write `: ` and a value, or remove the key")
                self._key = None
                return self._close(start + 1)
        return self._unexpected(start)

    def _take_text(self, start: int) -> bool:
        at = Span(source=self._source, start=start, end=start + 1)
        try:
            value, end = scanstring(self._text, start + 1, True)
        except JSONDecodeError as error:
            return self._bad_text(error, start)
        self._place = end
        if len(value) > SCALAR_CHARACTERS_MAX:
            what = "key" if self._expected in (_KEY, _KEY_OR_END) else "value"
            self._report(ScalarTooLong(at=at, what=what, length=len(value)))
            value = _DROPPED
        elif not value.isascii() and (surrogate := _SURROGATE.search(value)) is not None:
            at = Span(source=self._source, start=start, end=end)
            self._report(LoneSurrogate(at=at, character=f"\\u{ord(surrogate[0]):04x}"))
            value = _DROPPED
        if self._expected in (_VALUE, _VALUE_OR_END):
            return self._put(value, start, end)
        if value is not _DROPPED and value in self._container:
            self._key = value
            self._duplicate(value, start, end)
            value = _DROPPED
        self._key, self._key_start, self._key_end = value, start, end
        self._expected = _COLON
        return True

    def _integer(self, number: str, rest: str, start: int, end: int) -> Any:
        at = Span(source=self._source, start=start, end=end)
        if rest or number == "-0":
            if self._fractions and abs(fraction := float(number)) != float("inf"):
                return fraction
            self._report(NotAnInteger(at=at, subject=shortened(number)))
            return _DROPPED
        # The digits are counted first: Python refuses to convert very many of them.
        most = self._integer_max
        if len(number) > 20 or not -most <= int(number) <= most:
            self._report(IntegerOutOfRange(at=at, subject=shortened(number), largest=most))
            return _DROPPED
        return int(number)

    def _open(self, sign: str, start: int) -> bool:
        at = Span(source=self._source, start=start, end=start + 1)
        if len(self._stack) == DEPTH_MAX:
            return self._stop(TooDeep(at=at))
        self._stack.append((self._container, self._key, self._key_start, self._key_end))
        container: Any = Mapping() if sign == "{" else Sequence()
        container.at = []
        container.source = self._source
        container.start = container.end = start
        self._container = container
        self._key = None
        self._expected = _KEY_OR_END if sign == "{" else _VALUE_OR_END
        return True

    def _close(self, end: int) -> bool:
        complete = self._container
        complete.end = end
        self._container, self._key, self._key_start, self._key_end = self._stack.pop()
        return self._put(complete, complete.start, end)

    def _put(self, value: Any, start: int, end: int) -> bool:
        """Store a value where it belongs, unless it or its key was refused."""
        container = self._container
        self._expected = _COMMA_OR_END
        self._nodes += 1
        if self._nodes > NODES_MAX:
            return self._stop(TooManyNodes(at=Span(source=self._source, start=start, end=start + 1)))
        if container is None:
            self._root = value
            self._expected = _NOTHING
        elif container.__class__ is Sequence:
            if value is not _DROPPED:
                container.append(value)
                container.at += (start, end)
        else:
            key, self._key = self._key, None
            if key is not _DROPPED and value is not _DROPPED:
                if len(container) == KEYS_MAX:
                    at = Span(source=self._source, start=container.start, end=container.start + 1)
                    return self._stop(TooManyKeys(at=at))
                self._nodes += 1
                container[key] = value
                container.at += (self._key_start, self._key_end, start, end)
        return True

    def _unexpected(self, start: int) -> bool:
        """Report what stands here instead of what should, and skip to the next comma or bracket."""
        found = _WRITTEN.match(self._text, start)
        written = found[0] if found else ""
        problem = f"`{shortened(written)}` stands where {_EXPECTED[self._expected]} is expected"
        end = start + len(written)
        remedy = _remedy(written, self._expected)
        at = Span(source=self._source, start=start, end=end)
        self._report(JsonSyntax(at=at, problem=problem, remedy=remedy))
        if self._container is None:
            self.gaps.append((start, len(self._text)))
            return False
        if written in ("}", "]") and (written == "}") != (self._container.__class__ is Mapping):
            self.gaps.append((start, len(self._text)))
            return False
        self._resume(start)
        return True

    def _bad_text(self, error: JSONDecodeError, start: int) -> bool:
        place = min(error.pos, len(self._text))
        if error.msg.startswith("Unterminated") or self._text[place : place + 1] in ("\n", "\r"):
            at = Span(source=self._source, start=start, end=start + 1)
            self._report(UnclosedJson(at=at, opening="quote", closing="a double quote on the same line"))
            return self._resume_on_next_line(start)
        if error.msg.startswith("Invalid control character"):
            remedy = "write it as an escape, for instance `\\t`"
            self._syntax(place, "a control character stands in this text", remedy)
        else:
            self._syntax(place, "this is no escape that JSON knows", 'write `\\\\` for a backslash, `\\"` for a quote')
        self._resume(start)
        return True

    def _resume_on_next_line(self, start: int) -> bool:
        line_end = self._text.find("\n", start)
        self._place = len(self._text) if line_end < 0 else line_end
        self.gaps.append((start, self._place))
        self._key = None
        space = _SPACE.match(self._text, self._place)
        behind = self._text[space.end() : space.end() + 1] if space else ""
        if self._container is None:
            return False
        if behind in (",", "}", "]", ""):
            self._expected = _COMMA_OR_END
        else:
            self._expected = _KEY if self._container.__class__ is Mapping else _VALUE
        return True

    def _resume(self, start: int) -> None:
        depth = 0
        self._place = len(self._text)
        for found in _RESUME.finditer(self._text, start):
            sign = found[0]
            if sign in ("{", "["):
                depth += 1
            elif sign in ("}", "]") and depth:
                depth -= 1
            elif sign in (",", "}", "]") and not depth:
                self._place = found.start()
                break
        self.gaps.append((start, self._place))
        self._key = None
        self._expected = _COMMA_OR_END if self._container is not None else _NOTHING

    def _close_all(self) -> None:
        """Keep what was read of brackets that were never closed."""
        if self._container is not None and not (self.gaps and self.gaps[-1][1] == len(self._text)):
            opening, closing = ("`{`", "`}`") if self._container.__class__ is Mapping else ("`[`", "`]`")
            at = Span(source=self._source, start=self._container.start, end=self._container.start + 1)
            self._report(UnclosedJson(at=at, opening=opening, closing=closing))
        self._nodes = 0
        while self._container is not None:
            self._close(len(self._text))

    def _duplicate(self, key: str, start: int, end: int) -> None:
        first = self._container.key_span(key)
        line, column = self._source.location(first.start)
        at = Span(source=self._source, start=start, end=end)
        related = (Related(at=first, text="first written here"),)
        self._report(DuplicateKey(at=at, subject=shortened(key), first_line=line, first_column=column, related=related))

    def _syntax(self, start: int, problem: str, remedy: str) -> None:
        at = Span(source=self._source, start=start, end=min(start + 1, len(self._text)))
        self._report(JsonSyntax(at=at, problem=problem, remedy=remedy))

    def _report(self, found: Diagnostic) -> None:
        self._findings += 1
        self.pointers.setdefault(found.at.start, self._pointer())
        self._sink.report(found)

    def _pointer(self) -> str:
        """JSON Pointer (RFC 6901) to where reading is."""
        around = [*((container, key) for container, key, *_ in self._stack), (self._container, self._key)]
        steps = [len(one) if one.__class__ is Sequence else key for one, key in around if one is not None]
        return pointer_of(str(step) for step in steps if step is not None and step is not _DROPPED)

    def _stop(self, found: Diagnostic) -> bool:
        self._report(found)
        self.gaps.append((found.at.start, len(self._text)))
        return False


def _remedy(written: str, expected: int) -> str:
    if written.startswith(("//", "/*", "#")):
        return "JSON has no comments; use YAML for a file with comments"
    if written.startswith("'"):
        return "JSON knows double quotes only"
    if expected in (_KEY, _KEY_OR_END):
        return 'put the key in double quotes: `"key": value`'
    if expected in (_VALUE, _VALUE_OR_END):
        return "write a text in double quotes, an integer, `true`, `false`, `null`, a list or a mapping"
    if expected == _COMMA_OR_END:
        return "separate values by commas"
    return "remove it" if expected == _NOTHING else 'write `"key": value`'
