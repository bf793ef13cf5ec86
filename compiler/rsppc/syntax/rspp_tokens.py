"""The words of the text form: where each token stands and what kind it is.

A mistake in a token is reported here and the token is handed on as broken, so that the statement around it is still
read. Brackets are balanced before anything is parsed: a bracket that nobody closed is closed where its statement ends.
Everything is found by scanning forward once; nothing here recurses.
"""

from __future__ import annotations

import re

from rsppc.base.source import Source, Span
from rsppc.diagnostics import Diagnostic, Related
from rsppc.syntax.limits import (
    DEPTH_MAX,
    INTEGER_MAX,
    SCALAR_CHARACTERS_MAX,
    IntegerOutOfRange,
    ScalarTooLong,
    TooDeep,
    shortened,
)
from rsppc.syntax.rspp_tables import TERMINALS

FINDINGS_MAX = 100
"""After so many problems the rest of a file is not worth reading."""
_CONDITION_CHARACTERS_MAX = 65536
_UNCLOSED_MAX = 5

KIND_NAMES: tuple[str, ...] = tuple(re.findall(r'"([^"]+)"', TERMINALS))
_KIND = {name: number for number, name in enumerate(KIND_NAMES)}

WORD, STRING, LONG_STRING, NUMBER = _KIND["WORD"], _KIND["STRING"], _KIND["LONG_STRING"], _KIND["NUMBER"]
QUANTITY, CONDITION, END = _KIND["QUANTITY"], _KIND["CONDITION"], _KIND["$END"]
LBRACE, RBRACE, LBRACKET, RBRACKET = _KIND["LBRACE"], _KIND["RBRACE"], _KIND["LBRACKET"], _KIND["RBRACKET"]
LPAR, RPAR, ARROW, EQUALS = _KIND["LPAR"], _KIND["RPAR"], _KIND["ARROW"], _KIND["EQUALS"]
COLON, COMMA = _KIND["COLON"], _KIND["COMMA"]
BETWEEN, ON = _KIND["BETWEEN"], _KIND["ON"]
_WHEN, _OTHER = _KIND["WHEN"], -1

PUNCTUATION: dict[str, int] = {
    "{": LBRACE,
    "}": RBRACE,
    "[": LBRACKET,
    "]": RBRACKET,
    "=": EQUALS,
    ":": COLON,
    ",": COMMA,
    "->": ARROW,
    "(": LPAR,
    ")": RPAR,
}
_VALUE_KINDS = frozenset((WORD, STRING, LONG_STRING, NUMBER, QUANTITY, CONDITION, END, *PUNCTUATION.values()))
CONSTANT_KINDS = frozenset((_KIND["TRUE"], _KIND["FALSE"], _KIND["NULL"]))
KEYWORDS: dict[str, int] = {name.lower(): kind for name, kind in _KIND.items() if kind not in _VALUE_KINDS}
"""Words with a meaning of their own, `true`, `false` and `null` among them."""


class UnclosedText(Diagnostic):
    """A text ends with the quotes it began with, a condition with its parenthesis; otherwise it would swallow the file.

    A `"…"` text ends on its own line; `\"\"\"` begins one that may run over several lines.
    """

    code = "RSP0402"
    name = "unclosed-text"
    headline = "the {what} that opens here is not closed"
    hint = "{remedy}"

    what: str
    remedy: str


class UnclosedBlock(Diagnostic):
    """Every bracket that opens is closed. What follows is read as if it had been closed where its statement ends."""

    code = "RSP0404"
    name = "unclosed-bracket-in-text-form"
    headline = "the `{subject}` that opens here is not closed"
    hint = "add `{closing}`{where}"

    closing: str
    where: str = ""


class StrayBracket(Diagnostic):
    """A closing bracket closes something; one that closes nothing usually means that an opening one was deleted."""

    code = "RSP0405"
    name = "stray-bracket"
    headline = "this `{subject}` closes nothing"
    hint = "remove it, or add the bracket that it should close"


class NotAWholeNumber(Diagnostic):
    """Numbers are whole and decimal: every runtime computes the same with them, and nobody reads them in two ways."""

    code = "RSP0406"
    name = "not-a-whole-number"
    headline = "`{subject}` is not a whole number"
    hint = "{remedy}"

    remedy: str


class UnknownCharacter(Diagnostic):
    """Names are written in ASCII: letters that look alike are told apart. Anything else stands in quotes."""

    code = "RSP0408"
    name = "unknown-character"
    headline = "`{subject}` cannot stand here"
    hint = "{remedy}"

    remedy: str


class Tokens:
    """The tokens of a source, as lists side by side: kind, start, end; `broken` ones have been reported."""

    __slots__ = ("_depths", "brackets", "broken", "deepest", "ends", "findings", "kinds", "source", "starts", "text")

    def __init__(self, source: Source) -> None:
        self.source = source
        self.text = source.text
        self.kinds: list[int] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.brackets: list[int] = []
        self.deepest = 0
        self.broken: set[int] = set()
        self._depths: list[int] | None = None
        self.findings: list[Diagnostic] = []

    @property
    def depths(self) -> list[int]:
        """How many brackets are open around each token; looked at only after a mistake."""
        if self._depths is None:
            self._depths = _depths(self.kinds)
        return self._depths

    def span(self, token: int) -> Span:
        return Span(source=self.source, start=self.starts[token], end=self.ends[token])

    def written(self, token: int) -> str:
        return self.text[self.starts[token] : self.ends[token]]

    def is_first_on_line(self, token: int) -> bool:
        return token == 0 or self.text.find("\n", self.ends[token - 1], self.starts[token]) >= 0

    def column(self, token: int) -> int:
        """Column, from 0, of a token that is the first on its line."""
        return self.starts[token] - self.text.rfind("\n", 0, self.starts[token]) - 1


def tokens_of(source: Source) -> Tokens:
    """The tokens of a text form, brackets balanced, `END` last."""
    tokens = Tokens(source)
    keywords = _scan(tokens)
    _tell_names_from_keywords(tokens, keywords)
    if len(tokens.text) > SCALAR_CHARACTERS_MAX:
        _refuse_long_tokens(tokens)
    _balance(tokens)
    return tokens


def comment_places(source: Source) -> list[tuple[int, int]]:
    """Start and end of every comment, in source order."""
    tokens = Tokens(source)
    _scan(tokens)
    places: list[tuple[int, int]] = []
    start = 0
    for token_start, token_end in zip([*tokens.starts, len(source.text)], [*tokens.ends, 0], strict=True):
        places += [found.span() for found in _COMMENT.finditer(source.text, start, token_start)]
        start = token_end
    return places


_COMMENT = re.compile(r"#[^\r\n]*")
_TOKEN = re.compile(
    r"""(?:[ \t\r\n]++|\#[^\n]*+)*+
    (?: ([A-Za-z_]\w*+(?:[./\-][\w*]++)*+
          (?: @sha256:[0-9a-f]++
            | :(?=[a-z]\w*/v[0-9])[\w./]++(?:@sha256:[0-9a-f]++)?
            | (?<=secret)://[\w./\-]++
            | (?<=sha256):[0-9a-f]++ )?)
      | (->|[{}\[\]=:,])
      | ("(?!"")(?:[^"\\\n]++|\\[^\n])*+")
      | (-?[0-9][\w.+]*+)
      | (\"\"\")
      | (\()
      | (\))
      | (.) )?""",
    re.VERBOSE | re.ASCII | re.DOTALL,
)


def _scan(tokens: Tokens) -> list[int]:
    """Find all tokens; the tokens that may be keywords. One loop on purpose: it runs once per token."""
    text = tokens.text
    kinds, starts, ends, brackets = tokens.kinds, tokens.starts, tokens.ends, tokens.brackets
    keyword_of = KEYWORDS.get
    maybe_keywords: list[int] = []
    match = _TOKEN.match
    position = 0
    while True:
        found = match(text, position)
        assert found is not None  # the pattern also matches nothing
        group = found.lastindex
        if group is None:
            break
        start, position = found.span(group)
        if group == 1:
            kind = keyword_of(text[start:position], WORD)
            if kind != WORD:
                maybe_keywords.append(len(kinds))
        elif group == 2:
            kind = PUNCTUATION[text[start:position]]
            if kind in _BRACKETS:
                brackets.append(len(kinds))
        elif group == 3:
            kind = STRING
        elif group == 4:
            kind = _number_kind(tokens, start, position)
        elif group == 5:
            kind = LONG_STRING
            position = _end_of_long_string(tokens, start)
        elif group == 6 and kinds and kinds[-1] in (_WHEN, EQUALS):
            kind = CONDITION
            position = _end_of_condition(tokens, start)
        elif group == 6 or group == 7:
            kind = LPAR if group == 6 else RPAR
            brackets.append(len(kinds))
        else:
            kind, position = _other(tokens, start)
            if kind == _OTHER:
                continue
        kinds.append(kind)
        starts.append(start)
        ends.append(position)
        if len(tokens.findings) > FINDINGS_MAX:
            break
    return maybe_keywords


_QUANTITY = re.compile(r"(?:0|[1-9][0-9]*)(?:ms|s|Hz|kHz|B|KiB|MiB|GiB)")
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
UNITS: dict[str, tuple[str, int]] = {
    "ms": ("_ms", 1),
    "s": ("_ms", 1000),
    "Hz": ("_hz", 1),
    "kHz": ("_hz", 1000),
    "B": ("_bytes", 1),
    "KiB": ("_bytes", 1024),
    "MiB": ("_bytes", 1024**2),
    "GiB": ("_bytes", 1024**3),
}
"""What a unit appends to the name of a field, and by what it multiplies."""


def _number_kind(tokens: Tokens, start: int, end: int) -> int:
    written = tokens.text[start:end]
    if end - start < 10 and written.isdecimal() and (written[0] != "0" or end - start == 1):
        return NUMBER
    if _INTEGER.fullmatch(written) is not None:
        if end - start <= 17 and -INTEGER_MAX <= int(written) <= INTEGER_MAX:
            return NUMBER
        return _broken_number(tokens, start, end)
    if _QUANTITY.fullmatch(written) is None:
        return _broken_number(tokens, start, end)
    digits = written.rstrip("msHzkBKiMG")
    if len(digits) <= 16 and int(digits) * UNITS[written[len(digits) :]][1] <= INTEGER_MAX:
        return QUANTITY
    _broken_number(tokens, start, end)
    return QUANTITY


def _broken_number(tokens: Tokens, start: int, end: int) -> int:
    tokens.broken.add(len(tokens.kinds))
    written = tokens.text[start:end]
    subject = shortened(written)
    at = Span(source=tokens.source, start=start, end=end)
    digits = written.rstrip("msHzkBKiMG")
    if _INTEGER.fullmatch(digits) is not None and (digits == written or written[len(digits) :] in UNITS):
        tokens.findings.append(IntegerOutOfRange(at=at, subject=subject))
        return NUMBER
    tokens.findings.append(NotAWholeNumber(at=at, subject=subject, remedy=_number_remedy(written)))
    return NUMBER


_FRACTION = re.compile(r"([0-9]{1,6})\.([0-9]{1,3})(s|kHz)")


def _number_remedy(written: str) -> str:
    fraction = _FRACTION.fullmatch(written)
    if fraction is not None:
        thousandths = int(fraction[1]) * 1000 + int(fraction[2].ljust(3, "0"))
        return f"write `{thousandths}{'ms' if fraction[3] == 's' else 'Hz'}`"
    if re.fullmatch(r"-?[0-9]+[A-Za-z]+", written, re.ASCII) is not None:
        return "the units are `ms`, `s`, `Hz`, `kHz`, `B`, `KiB`, `MiB` and `GiB`; a text stands in quotes"
    return "write a decimal number without fraction, exponent, `_` or leading zeros; a text stands in quotes"


def _end_of_long_string(tokens: Tokens, start: int) -> int:
    found = _LONG_END.match(tokens.text, start + 3)
    if found is not None:
        return found.end()
    remedy = 'end it with `"""`'
    return _unclosed(tokens, start, start + 3, "text", remedy)


_LONG_END = re.compile(r'(?:[^"\\]++|\\.|"(?!""))*+"""', re.DOTALL)


def _unclosed(tokens: Tokens, start: int, opened: int, what: str, remedy: str) -> int:
    """Report what is not closed; the end of its line, from where reading goes on."""
    at = Span(source=tokens.source, start=start, end=opened)
    tokens.findings.append(UnclosedText(at=at, what=what, remedy=remedy))
    tokens.broken.add(len(tokens.kinds))
    end = tokens.text.find("\n", start)
    return end if end >= 0 else len(tokens.text)


_IN_CONDITION = re.compile(
    r"""(\()|(\))
    | (?: (?:[bB]?[rR]|[rR][bB]) (?: \"\"\".*?\"\"\" | '''.*?''' | "[^"\n]*+" | '[^'\n]*+' )
        | \"\"\"(?:[^"\\]++|\\.|"(?!""))*+\"\"\" | '''(?:[^'\\]++|\\.|'(?!''))*+'''
        | "(?:[^"\\\n]++|\\[^\n])*+" | '(?:[^'\\\n]++|\\[^\n])*+'
        | //[^\n]*+ | \w++ | [^()"'/\w]++ | / )""",
    re.VERBOSE | re.DOTALL,
)


def _end_of_condition(tokens: Tokens, start: int) -> int:
    """The end of a text in balanced parentheses, those in texts and comments of CEL not counted."""
    end = end_of_condition(tokens.text, start)
    if end is not None:
        return end
    remedy = "add the closing parenthesis, and close the texts inside; a condition has at most 65536 characters"
    return _unclosed(tokens, start, start + 1, "condition", remedy)


def end_of_condition(text: str, start: int) -> int | None:
    """Where the parenthesis that opens at `start` has been closed; None where it has not."""
    last = min(len(text), start + _CONDITION_CHARACTERS_MAX)
    depth = 0
    position = start
    while position < last:
        found = _IN_CONDITION.match(text, position, last)
        if found is None:
            return None
        position = found.end()
        if found.lastindex == 1:
            depth += 1
        elif found.lastindex == 2:
            depth -= 1
            if depth == 0:
                return position
    return None


def _other(tokens: Tokens, start: int) -> tuple[int, int]:
    character = tokens.text[start]
    if character == '"':
        end = _unclosed(tokens, start, start + 1, "text", 'end it with `"` on the same line')
        return STRING, end
    end = start + 1
    while end < len(tokens.text) and end < start + 200 and _is_odd(tokens.text[end]):
        end += 1
    if character == "\ufffd":  # stands for a character that has been refused with the file
        return _OTHER, end
    remedy = "names are made of `a` to `z`, digits and `_`; quote a text" if character.isalpha() else "remove it"
    if character in ";":
        remedy = "statements end with their line; remove it"
    elif character in "'`":
        remedy = 'quote a text with `"`'
    elif character in "/":
        remedy = "a comment begins with `#`"
    subject = shortened(tokens.text[start:end])
    at = Span(source=tokens.source, start=start, end=end)
    tokens.findings.append(UnknownCharacter(at=at, subject=subject, remedy=remedy))
    if not character.isalpha():
        return _OTHER, end
    tokens.broken.add(len(tokens.kinds))
    return WORD, end


def _is_odd(character: str) -> bool:
    return not character.isascii() and not character.isspace()


def _tell_names_from_keywords(tokens: Tokens, maybe_keywords: list[int]) -> None:
    """A word next to `->`, `=`, `:` or a comma, or last in a list, is a name, whatever word it is."""
    kinds = tokens.kinds
    names: list[int] = []
    for token in maybe_keywords:
        before = kinds[token - 1] if token else END
        after = kinds[token + 1] if token + 1 < len(kinds) else END
        if after in _AFTER_NAME:
            names.append(token)
        elif kinds[token] in CONSTANT_KINDS or after == CONDITION:
            continue
        elif (
            after in (COMMA, RBRACKET)
            or before in _BEFORE_NAME
            or (before == COMMA and not tokens.is_first_on_line(token))
        ):
            names.append(token)
    for token in names:
        kinds[token] = WORD


_AFTER_NAME = frozenset((ARROW, EQUALS, COLON))
_BEFORE_NAME = frozenset((ARROW, EQUALS, COLON, LBRACKET))


def _refuse_long_tokens(tokens: Tokens) -> None:
    for token, start in enumerate(tokens.starts):
        length = tokens.ends[token] - start
        if length > SCALAR_CHARACTERS_MAX and token not in tokens.broken:
            tokens.broken.add(token)
            tokens.findings.append(ScalarTooLong(at=tokens.span(token), what="value", length=length))


_CLOSING = {LBRACE: RBRACE, LBRACKET: RBRACKET, LPAR: RPAR}
_OPENING = {closing: opening for opening, closing in _CLOSING.items()}
_BRACKETS = frozenset((*_CLOSING, *_OPENING))
_SIGN = {kind: sign for sign, kind in PUNCTUATION.items()}


def _balance(tokens: Tokens) -> None:
    """Repair the brackets where they do not match; add the token that ends the file."""
    stack: list[int] = []
    balanced = True
    for token in tokens.brackets:
        kind = tokens.kinds[token]
        if kind in _CLOSING:
            stack.append(kind)
            if len(stack) > tokens.deepest:
                tokens.deepest = len(stack)
        elif not stack or stack.pop() != _OPENING[kind]:
            balanced = False
            break
    if stack or not balanced or tokens.deepest > DEPTH_MAX:
        _repair(tokens)
    tokens.kinds.append(END)
    tokens.starts.append(len(tokens.text))
    tokens.ends.append(len(tokens.text))


def _depths(kinds: list[int]) -> list[int]:
    """How many brackets are open around each token; brackets themselves stand outside of what they enclose."""
    depths: list[int] = []
    depth = 0
    for kind in kinds:
        if kind in _OPENING:
            depth -= 1
        depths.append(depth)
        if kind in _CLOSING:
            depth += 1
    return depths


def _repair(tokens: Tokens) -> None:
    """Close what is not closed, leave out what closes nothing and what is nested too deep."""
    repaired = _Repaired(tokens)
    too_deep = False
    hidden = 0
    for token, kind in enumerate(tokens.kinds):
        if hidden:
            hidden += (kind in _CLOSING) - (kind in _OPENING)
            continue
        if repaired.stack and tokens.is_first_on_line(token):
            repaired.close_before(token)
        if kind in _CLOSING:
            if len(repaired.stack) == DEPTH_MAX:
                if not too_deep:
                    tokens.findings.append(TooDeep(at=tokens.span(token)))
                too_deep = True
                hidden = 1
                repaired.add_broken(token)
            else:
                repaired.open(token)
        elif kind in _OPENING:
            repaired.close(token)
        else:
            repaired.add(token)
    for _ in range(len(repaired.stack)):
        # Many brackets open at the end are one mistake; the outermost ones are its place.
        repaired.close_last(None, quiet=too_deep or len(repaired.stack) > _UNCLOSED_MAX)
    tokens.kinds, tokens.starts, tokens.ends = repaired.kinds, repaired.starts, repaired.ends
    tokens.broken = repaired.broken


class _Repaired:
    """The tokens as they are written anew; `stack` holds the open brackets with the column of their line."""

    __slots__ = ("_line_column", "_open_kinds", "_tokens", "broken", "ends", "kinds", "stack", "starts")

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._line_column = 0
        self._open_kinds = {LBRACE: 0, LBRACKET: 0, LPAR: 0}
        self.kinds: list[int] = []
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.broken: set[int] = set()
        self.stack: list[tuple[int, int]] = []

    def close_before(self, token: int) -> None:
        """A statement that begins no deeper than the line of an open bracket shows that nobody closed it."""
        column = self._tokens.column(token)
        kind = self._tokens.kinds[token]
        if kind == RBRACE:
            while len(self.stack) > 1 and self.stack[-1][1] > column and self._has_line_at(column):
                self.close_last(token)
        elif self._begins_statement(token):
            while len(self.stack) > 1 and self.stack[-1][1] >= column:
                self.close_last(token)
        self._line_column = column

    def _has_line_at(self, column: int) -> bool:
        return any(open_column == column for _, open_column in self.stack)

    def _begins_statement(self, token: int) -> bool:
        kinds = self._tokens.kinds
        return kinds[token] in _STATEMENT_KINDS or (token + 1 < len(kinds) and kinds[token + 1] == ARROW)

    def open(self, token: int) -> None:
        self.add(token)
        self.stack.append((token, self._line_column))
        self._open_kinds[self._tokens.kinds[token]] += 1

    def close(self, token: int) -> None:
        kind = _OPENING[self._tokens.kinds[token]]
        if not self._open_kinds[kind]:
            sign = self._tokens.written(token)
            self._tokens.findings.append(StrayBracket(at=self._tokens.span(token), subject=sign))
            return
        while self._tokens.kinds[self.stack[-1][0]] != kind:
            self.close_last(token)
        self.stack.pop()
        self._open_kinds[kind] -= 1
        self.add(token)

    def close_last(self, before: int | None, *, quiet: bool = False) -> None:
        """Close the innermost bracket behind the last token and say so."""
        opening, _ = self.stack.pop()
        kind = self._tokens.kinds[opening]
        self._open_kinds[kind] -= 1
        if not quiet and len(self._tokens.findings) <= FINDINGS_MAX:
            self._tokens.findings.append(_unclosed_block(self._tokens, opening, before))
        self._append(_CLOSING[kind], self.ends[-1], self.ends[-1])

    def add(self, token: int) -> None:
        if token in self._tokens.broken:
            self.broken.add(len(self.kinds))
        self._append(self._tokens.kinds[token], self._tokens.starts[token], self._tokens.ends[token])

    def add_broken(self, token: int) -> None:
        self.broken.add(len(self.kinds))
        self._append(NUMBER, self._tokens.starts[token], self._tokens.ends[token])

    def _append(self, kind: int, start: int, end: int) -> None:
        self.kinds.append(kind)
        self.starts.append(start)
        self.ends.append(end)


_STATEMENT_KINDS = frozenset(
    _KIND[name]
    for name in (
        *("META", "USE", "NODE", "TURNS", "EXPOSES", "DEGRADE", "INSERT", "SET", "NODE_TYPE", "RECORD"),
        *("BARGE_IN", "CANCEL_FROM", "OWNER", "UNKNOWN_EVENTS", "FORBID", "ALLOWED_ACTIONS", "OVERRIDABLE"),
    )
)


def _unclosed_block(tokens: Tokens, opening: int, before: int | None) -> UnclosedBlock:
    kind = tokens.kinds[opening]
    related: tuple[Related, ...] = ()
    where = " at the end of the file"
    if before is not None:
        related = (Related(at=tokens.span(before), text="it should be closed before this"),)
        line, _ = tokens.source.location(tokens.starts[before])
        where = f" before line {line}" if tokens.is_first_on_line(before) else f" before `{tokens.written(before)}`"
    return UnclosedBlock(
        at=tokens.span(opening), subject=_SIGN[kind], closing=_SIGN[_CLOSING[kind]], where=where, related=related
    )
