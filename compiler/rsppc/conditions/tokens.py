"""The words of an expression, and the limits that are checked on them before any library sees the text.

Length, bracket depth, chains and nested comprehensions are decided here in one pass over the text without recursion, so
that a hostile expression costs what its first eight kilobytes cost. What is left is small enough for any CEL parser.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Literal, TypeAlias

from rsppc.base.record import Record
from rsppc.conditions.complaint import Complaint, ComplaintKind

__all__ = [
    "COMPREHENSIONS_MAX",
    "LEVELS_MAX",
    "MACROS",
    "TERMS_MAX",
    "TEXT_BYTES_MAX",
    "Scan",
    "Token",
    "is_hidden",
    "scan",
]

TEXT_BYTES_MAX = 8192
LEVELS_MAX = 24
TERMS_MAX = 24
COMPREHENSIONS_MAX = 2

MACROS = frozenset({"all", "exists", "exists_one", "filter", "map"})

TokenKind: TypeAlias = Literal["word", "quoted", "string", "bytes", "float", "uint", "int", "mark"]


class Token(Record):
    """One word or mark of the expression."""

    kind: TokenKind
    start: int
    end: int
    text: str


class Scan(Record):
    """The tokens, for each bracket the index of its partner (-1 for other tokens), and what is wrong already.

    After a `fatal` complaint the text must not be parsed; the other complaints may be joined by those of the parser.
    """

    tokens: tuple[Token, ...] = ()
    partners: tuple[int, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    fatal: bool = False


def scan(text: str) -> Scan:
    """The tokens of `text` within the limits, or why it goes no further."""
    refusal = _refusal_of_size(text)
    if refusal is not None:
        return Scan(complaints=(refusal,), fatal=True)
    tokens = _tokens(text)
    if isinstance(tokens, Complaint):
        return Scan(complaints=(tokens,), fatal=True)
    if not tokens:
        return Scan(complaints=(_complaint("syntax", 0, len(text), "The condition is empty."),), fatal=True)
    partners = _partners(tokens)
    if isinstance(partners, Complaint):
        return Scan(complaints=(partners,), fatal=True)
    refusal = _refusal_of_words(tokens) or _refusal_of_shape(tokens)
    if refusal is not None:
        return Scan(complaints=(refusal,), fatal=True)
    return Scan(tokens=tokens, partners=partners, complaints=_not_portable(text, tokens))


def _complaint(kind: ComplaintKind, start: int, end: int, message: str, suggestion: str | None = None) -> Complaint:
    return Complaint(kind=kind, start=start, end=end, message=message, suggestion=suggestion)


def _refusal_of_size(text: str) -> Complaint | None:
    if len(text) <= TEXT_BYTES_MAX:
        try:
            size = len(text.encode("utf-8"))
        except UnicodeEncodeError as error:
            message = "The condition contains half of a surrogate pair, which is not a character."
            return _complaint("syntax", error.start, error.start + 1, message)
        if size <= TEXT_BYTES_MAX:
            return None
    message = (
        f"The condition is longer than {TEXT_BYTES_MAX} bytes. Split it into several rules or edges, or compare with"
        " a label that is computed elsewhere."
    )
    return _complaint("too-long", 0, len(text), message)


@cache
def _token_pattern() -> re.Pattern[str]:
    # Built at the first use: compiling it costs more than importing the rest of this room.
    return re.compile(
        r"""
          (?P<space>[ \t\n\r\f]+|//[^\n]*)
        | (?P<bytes>[bB][rR]?(?=["'])|[rR][bB](?=["']))
        | (?P<string>
              [rR](?:\"\"\"[\s\S]*?\"\"\"|'''[\s\S]*?'''|"(?!"")[^"\n\r]*"|'(?!'')[^'\n\r]*')
            | \"\"\"(?:[^\\]|\\[\s\S])*?\"\"\"
            | '''(?:[^\\]|\\[\s\S])*?'''
            | "(?:[^"\\\n\r]|\\[^\n\r])*"
            | '(?:[^'\\\n\r]|\\[^\n\r])*'
          )
        | (?P<float>\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)
        | (?P<uint>(?:0x[0-9a-fA-F]+|\d+)[uU])
        | (?P<int>0x[0-9a-fA-F]+|\d+)
        | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
        | (?P<quoted>`[^`\n]*`)
        | (?P<mark>&&|\|\||==|!=|<=|>=|[-<>+*/%!?:,.()\[\]{}])
        """,
        re.VERBOSE | re.ASCII,
    )


def _tokens(text: str) -> tuple[Token, ...] | Complaint:
    match_at = _token_pattern().match
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        found = match_at(text, at)
        if found is None:
            return _no_token(text, at)
        kind = found.lastgroup
        if kind == "space":
            if found.group().startswith("//") and (hidden := _hidden_in(text, at, found.end())) is not None:
                return hidden
        else:
            hidden = _hidden_in(text, at, found.end()) if kind in ("string", "quoted") else None
            if hidden is not None:
                return hidden
            tokens.append(
                Token(kind=kind, start=at, end=found.end(), text=found.group())  # type: ignore[arg-type]
            )
        at = found.end()
    return tuple(tokens)


# What people type instead of CEL's own marks.
OTHER_MARKS = {
    "=": ("`=` does not compare in a condition; `==` does.", "=="),
    "&": ("`&` does not join conditions; `&&` does.", "&&"),
    "|": ("`|` does not join conditions; `||` does.", "||"),
    "“": ("A text begins with a straight quotation mark.", '"'),
    "”": ("A text ends with a straight quotation mark.", '"'),
    "‘": ("A text begins with a straight quotation mark.", '"'),
    "’": ("A text ends with a straight quotation mark.", '"'),
    "≥": ("`≥` is written `>=`.", ">="),
    "≤": ("`≤` is written `<=`.", "<="),
    "≠": ("`≠` is written `!=`.", "!="),
}


def _no_token(text: str, at: int) -> Complaint:
    mark = text[at]
    if text.startswith("=>", at) or text.startswith("=<", at):
        turned = f"{text[at + 1]}="
        return _complaint("syntax", at, at + 2, f"`{text[at : at + 2]}` is written `{turned}`.", turned)
    if mark == "=" and text[max(at - 2, 0) : at] in ("==", "!="):
        written = text[at - 2 : at]
        return _complaint("syntax", at - 2, at + 1, f"`{written}=` is written `{written}`.", written)
    if mark in OTHER_MARKS:
        message, suggestion = OTHER_MARKS[mark]
        return _complaint("syntax", at, at + 1, message, suggestion)
    if mark in "\"'":
        return _complaint("syntax", at, len(text), "The text that begins here is never closed.")
    if is_hidden(mark):
        return _hidden(text, at)
    if mark.isalpha():
        message = f"`{mark}` is in no name that a condition can read; a text stands in quotation marks."
        return _complaint("syntax", at, at + 1, message)
    return _complaint("syntax", at, at + 1, f"`{mark}` has no meaning in a condition.")


# Fixed ranges, not the interpreter's tables: the answer must not change with the Python version.
HIDDEN_RANGES = (
    (0x00, 0x1F),
    (0x7F, 0x9F),
    (0xAD, 0xAD),
    (0x61C, 0x61C),
    (0x180E, 0x180E),
    (0x200B, 0x200F),
    (0x2028, 0x202E),
    (0x2060, 0x206F),
    (0xFEFF, 0xFEFF),
    (0xFFF9, 0xFFFB),
    (0xE0000, 0xE007F),
)


def is_hidden(character: str) -> bool:
    """Whether a reader would not see this character, or would see the text around it in another order."""
    point = ord(character)
    return any(low <= point <= high for low, high in HIDDEN_RANGES)


def _hidden_in(text: str, start: int, end: int) -> Complaint | None:
    for at in range(start, end):
        if text[at] not in "\t\n\r\f" and is_hidden(text[at]):
            return _hidden(text, at)
    return None


def _hidden(text: str, at: int) -> Complaint:
    point = ord(text[at])
    escape = f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"
    message = f"An invisible character (U+{point:04X}) stands here. Remove it, or write `{escape}` inside a text."
    return _complaint("syntax", at, at + 1, message)


OPENING = {"(": ")", "[": "]", "{": "}"}
CLOSING = frozenset(OPENING.values())


def _partners(tokens: tuple[Token, ...]) -> tuple[int, ...] | Complaint:
    partners = [-1] * len(tokens)
    open_: list[int] = []
    for index, token in enumerate(tokens):
        if token.kind != "mark":
            continue
        if token.text in OPENING:
            open_.append(index)
            if len(open_) > LEVELS_MAX:
                return _too_deep(token)
        elif token.text in CLOSING:
            if not open_ or OPENING[tokens[open_[-1]].text] != token.text:
                return _complaint("syntax", token.start, token.end, f"`{token.text}` closes nothing here.")
            partners[index] = open_[-1]
            partners[open_.pop()] = index
    if open_:
        token = tokens[open_[-1]]
        return _complaint("syntax", token.start, token.end, f"`{token.text}` is never closed.")
    return tuple(partners)


def _too_deep(token: Token) -> Complaint:
    message = f"The condition nests more than {LEVELS_MAX} levels deep. Split it into several rules or edges."
    return _complaint("too-deep", token.start, token.end, message)


OPERATORS_AS_WORDS = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}


def _refusal_of_words(tokens: tuple[Token, ...]) -> Complaint | None:
    """Slips that the parser would report in a way that helps nobody."""
    for index, token in enumerate(tokens):
        after_value = index > 0 and _ends_value(tokens[index - 1])
        before_value = index + 1 < len(tokens) and _begins_value(tokens[index + 1])
        operator = OPERATORS_AS_WORDS.get(token.text)
        if token.kind == "word" and operator and before_value and after_value == (operator != "!"):
            message = f"`{token.text}` is written `{operator}` in a condition."
            return _complaint("syntax", token.start, token.end, message, operator)
        if token.text == "." and not after_value:
            return _complaint("syntax", token.start, token.end, "A name cannot begin with a dot.")
    return None


def _ends_value(token: Token) -> bool:
    if token.kind == "mark":
        return token.text in CLOSING
    return token.text != "in"


def _begins_value(token: Token) -> bool:
    if token.kind == "mark":
        return token.text in OPENING or token.text in ("!", "-")
    return token.text != "in"


# Marks of one chain nest leftwards, one level for each. A mark ends all chains of tighter binding.
CHAINS: tuple[frozenset[str], ...] = (
    frozenset({"?", ":", ",", "&&", "||"}),
    frozenset({"==", "!=", "<", "<=", ">", ">=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
    frozenset({".", "["}),
)
CHAIN_OF = {mark: chain for chain, marks in enumerate(CHAINS) for mark in marks}


class _Frame:
    """What has been seen since the innermost open bracket."""

    __slots__ = ("chains", "comprehensions", "ternaries")

    def __init__(self, comprehensions: int) -> None:
        self.chains = [0] * len(CHAINS)
        self.ternaries = 0
        self.comprehensions = comprehensions


def _refusal_of_shape(tokens: tuple[Token, ...]) -> Complaint | None:
    frames = [_Frame(0)]
    ternaries = 0
    for index, token in enumerate(tokens):
        if token.kind not in ("mark", "word"):
            continue
        frame = frames[-1]
        after_value = index > 0 and _ends_value(tokens[index - 1])
        chain = CHAIN_OF.get(token.text)
        if chain is not None and after_value:
            refusal = _grow_chain(frame, chain, token)
            if refusal is not None:
                return refusal
        if token.kind == "word":
            continue
        if token.text in OPENING:
            macro = index > 1 and tokens[index - 1].text in MACROS and tokens[index - 2].text == "."
            inner = _Frame(frame.comprehensions + macro)
            if inner.comprehensions > COMPREHENSIONS_MAX:
                return _too_many_comprehensions(tokens[index - 1])
            frames.append(inner)
        elif token.text in CLOSING:
            ternaries -= frames.pop().ternaries
        elif token.text == "?":
            frame.ternaries += 1
            ternaries += 1
        if len(frames) - 1 + ternaries > LEVELS_MAX:
            return _too_deep(token)
    return None


def _grow_chain(frame: _Frame, chain: int, token: Token) -> Complaint | None:
    for tighter in range(chain + 1, len(CHAINS)):
        frame.chains[tighter] = 0
    if chain == 0:
        return None
    frame.chains[chain] += 1
    if frame.chains[chain] < TERMS_MAX:
        return None
    if token.text in "+-*/%":
        message = f"This chain has more than {TERMS_MAX} terms."
        return _complaint("too-many-terms", token.start, token.end, message)
    if frame.chains[chain] > LEVELS_MAX:
        return _too_deep(token)
    return None


def _too_many_comprehensions(token: Token) -> Complaint:
    message = (
        f"`{token.text}` is the third loop inside another. At most {COMPREHENSIONS_MAX} may nest, so that every runtime"
        " answers within a turn."
    )
    return _complaint("too-many-comprehensions", token.start, token.end, message)


def _not_portable(text: str, tokens: tuple[Token, ...]) -> tuple[Complaint, ...]:
    found: list[Complaint] = []
    for token in tokens:
        match token.kind:
            case "float":
                message = "Numbers are whole in a condition; a share or a confidence is given in thousandths."
                found.append(_complaint("not-portable", token.start, token.end, message, _thousandths(token.text)))
            case "uint":
                message = "Numbers have a sign in a condition: leave the `u` away."
                found.append(_complaint("not-portable", token.start, token.end, message, token.text[:-1]))
            case "bytes":
                message = "Conditions know text, not bytes: leave the `b` away."
                found.append(_complaint("not-portable", token.start, token.end, message))
            case "quoted":
                message = 'Not every runtime reads names in backticks; write a map key as `["key"]`.'
                found.append(_complaint("not-portable", token.start, token.end, message))
            case _:
                continue
    return tuple(found)


def _thousandths(text: str) -> str | None:
    """`600` for `0.6`; None where the share is no whole number of thousandths."""
    whole, _, fraction = text.partition(".")
    if not fraction.isdecimal() or len(fraction) > 3 or (whole or "0") not in ("0", "1"):
        return None
    thousandths = int(whole or "0") * 1000 + int(fraction.ljust(3, "0"))
    return str(thousandths) if thousandths <= 1000 else None
