"""What is being typed in the text form: the parse tables say which words may stand at the cursor, and a word put there
shows, once the text is read, what it would mean.
"""

from __future__ import annotations

from collections.abc import Iterator

from rsppc.base.record import Record
from rsppc.base.source import Source
from rsppc.ide.cursor import LINE_MAX, PLACEHOLDER, Typing, typing_in, word_around
from rsppc.model.kinds import BY_NAME
from rsppc.model.shape import ArtifactKind
from rsppc.syntax.rspp_expected import Expected, expected_behind
from rsppc.syntax.rspp_printer import KIND_OF_HEAD
from rsppc.syntax.rspp_tokens import (
    ARROW,
    BETWEEN,
    CONDITION,
    EQUALS,
    LBRACE,
    NUMBER,
    ON,
    RBRACE,
    STRING,
    WORD,
    Tokens,
    comment_places,
    end_of_condition,
    tokens_of,
)

_TAILS: tuple[tuple[tuple[int, ...], str], ...] = (
    ((EQUALS, NUMBER), " = 0"),
    ((ARROW, WORD), " -> x"),
    ((WORD,), " x"),
    ((LBRACE, RBRACE), " {}"),
    ((ON, WORD), " on error"),
    ((BETWEEN, WORD, ARROW, WORD), " between x -> x"),
)
"""What may be missing behind a word before what it stands in is complete."""
_PARENTHESES_MAX = 64


class TypedText(Record):
    """What may be meant by the word at the cursor, and the stretch of the text that a completion replaces."""

    readings: tuple[Typing, ...]
    keywords: tuple[tuple[str, int], ...]
    """With a rank: what goes on comes before what begins anew."""
    start: int
    end: int
    written: str


def kind_of_text_form(text: str) -> ArtifactKind | None:
    """The kind of artifact that the first word of a text form announces."""
    tokens = tokens_of(Source("", text[:LINE_MAX], b""))
    return BY_NAME.get(KIND_OF_HEAD.get(tokens.written(0), ""))


def typed_text_at(path: str, text: str, offset: int) -> TypedText | None:
    """What is being typed at an offset; None in a comment."""
    quote = _quote_before(text, offset)
    stretch = word_around(text, offset) if quote is not None else word_around(text, offset, r"\w./@-")
    if stretch is None or any(start < offset <= end for start, end in comment_places(Source(path, text, b""))):
        return None
    start, end = stretch
    kind = kind_of_text_form(text)
    tokens = tokens_of(Source(path, text[:start], b""))
    keywords: dict[str, int] = {}
    condition = _condition_around(tokens, text, offset)
    if condition is not None:
        candidates = [list(_in_condition(text, start, end, condition))]
    else:
        begun = start if quote is None else quote
        expected = expected_behind(Source(path, text[:begun], b""))
        may_begin = not text[text.rfind("\n", 0, begun) + 1 : begun].strip() or _body_on_line(text, begun)
        if quote is None:
            keywords = _keywords(expected, may_begin=may_begin)
        tails = _tails(expected, WORD if quote is None else STRING, may_begin=may_begin)
        candidates = [list(_around(text, start, end, tail, quoted=quote is not None)) for tail in tails]
    readings: dict[tuple[str, tuple[str | int, ...]], Typing] = {}
    for some in candidates:
        found = (typing_in(path, one, kind, start, end, text[start:offset], quote=False) for one in some)
        typing = next((one for one in found if one is not None), None)
        if typing is not None:
            readings.setdefault((typing.spot.part, typing.spot.route), typing)
    return TypedText(
        readings=tuple(readings.values()),
        keywords=tuple(keywords.items()),
        start=start,
        end=end,
        written=text[start:offset],
    )


def _body_on_line(text: str, start: int) -> bool:
    """Whether a body was opened on the line, whose statements may then stand on it."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return line.count("{") > line.count("}")


def _keywords(expected: Expected, *, may_begin: bool) -> dict[str, int]:
    """Keywords that may stand at the cursor: of the statement that was begun, and on a line of their own of others."""
    begins = expected.instead().keywords() if not expected.in_header else []
    found = {word: 0 for word in expected.keywords() if word not in begins}
    return found | dict.fromkeys(begins, 1) if may_begin else found


def _tails(expected: Expected, kind: int, *, may_begin: bool) -> Iterator[str]:
    """What completes a word at the cursor, for each way in which it may be meant."""
    if not may_begin and expected.is_statement_done() and expected.begins_statement(kind):
        return  # a name there would be the next statement, on the line of this one
    if expected.may_follow((kind,)):
        yield ""  # whatever is missing may stand behind the cursor
    for kinds, tail in _TAILS:
        if expected.closes_behind((kind, *kinds)):
            yield tail


def _around(text: str, start: int, end: int, tail: str, *, quoted: bool) -> Iterator[str]:
    """The text with a word at the cursor: with the rest of the line, and without it."""
    closing = '"' if quoted else ""
    rest = text[end + 1 :] if quoted and text[end : end + 1] == '"' else text[end:]
    yield f"{text[:start]}{PLACEHOLDER}{closing}{tail}{rest}"
    line_end = text.find("\n", end)
    following = text[line_end:] if line_end >= 0 else ""
    if following != rest:
        yield f"{text[:start]}{PLACEHOLDER}{closing}{tail}{following}"


def _quote_before(text: str, offset: int) -> int | None:
    """Where the text begins that is open at an offset."""
    line_start = text.rfind("\n", 0, offset) + 1
    line = text[line_start:offset]
    return line_start + line.rfind('"') if line.replace('\\"', "").count('"') % 2 else None


def _condition_around(tokens: Tokens, text: str, offset: int) -> int | None:
    """Where the condition begins that an offset is in."""
    for token in reversed(range(len(tokens.kinds))):
        start = tokens.starts[token]
        if tokens.kinds[token] == CONDITION and token in tokens.broken:
            end = end_of_condition(text, start)
            is_inside = end is None or offset < end
            return start if is_inside and (end is not None or "\n" not in text[start:offset]) else None
    return None


def _in_condition(text: str, start: int, end: int, begun: int) -> Iterator[str]:
    """The text with a word at the cursor in a condition, closed where it is not."""
    before = text[:start] + PLACEHOLDER
    closed = next(
        (")" * count for count in range(_PARENTHESES_MAX) if end_of_condition(before + ")" * count, begun) is not None),
        None,
    )
    if closed is None:  # in a text of the condition
        return
    yield before + text[end:]
    yield before + closed + text[end:]
    line_end = text.find("\n", end)
    yield before + closed + (text[line_end:] if line_end >= 0 else "")
