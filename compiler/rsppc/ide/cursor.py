"""A text that is being typed, made readable around the cursor.

What is half typed breaks the item that it is in. A placeholder at the cursor, and whatever closes what is open on its
line, give a text that the ordinary reader takes; where the placeholder then stands says what is being typed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rsppc.base.record import Record
from rsppc.diagnostics import DiagnosticSink
from rsppc.ide.spots import Spot, Step, spot_at
from rsppc.model import shape as m
from rsppc.model.shape import ArtifactKind
from rsppc.syntax.reader import read

PLACEHOLDER = "zzcursorzz"
_WORD_CHARACTERS = r"\w./:@-"
LINE_MAX = 10_000


class Typing(Record):
    """What is being typed: the spot of the placeholder, and the stretch of the text that a completion replaces."""

    spot: Spot
    start: int
    end: int
    written: str
    """What stands there already, before the cursor."""
    quote: bool = False
    """Whether a text that is put there needs quotes."""

    @property
    def step(self) -> Step:
        return self.spot.steps[-1]


def typing_at(path: str, text: str, kind: ArtifactKind | None, offset: int) -> Typing | None:
    """What is being typed at an offset of a YAML or JSON text."""
    stretch = word_around(text, offset)
    if stretch is None:
        return None
    start, end = stretch
    is_json = path.endswith(".json")
    for filling, rest in _candidates(text, start, end, is_json):
        changed = text[:start] + filling + rest
        quote = is_json and _is_bare(text, start)
        typing = typing_in(path, changed, kind, start, end, text[start:offset], quote=quote)
        if typing is not None:
            return typing
    return None


def word_around(text: str, offset: int, characters: str = _WORD_CHARACTERS) -> tuple[int, int] | None:
    """The stretch of the word at an offset; None in a line so long that nobody typed it."""
    line_start = text.rfind("\n", 0, offset) + 1
    if offset - line_start > LINE_MAX:
        return None
    # A `>` is part of a word only in the name of an edge, `a.b->c.d`, and there nothing is typed behind it.
    arrow = ">" if ":" in characters else ""
    found = re.search(f"[{arrow}{characters}]*\\Z", text[line_start:offset])
    behind = re.compile(f"[{characters}]*").match(text, offset)
    start = offset - (len(found[0]) if found is not None else 0)
    return start, behind.end() if behind is not None else offset


def _candidates(text: str, start: int, end: int, is_json: bool) -> Iterator[tuple[str, str]]:
    """Fillings of the gap with what follows: as a value and as a key, with the line as it is and cut off and closed."""
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    line_start = text.rfind("\n", 0, start) + 1
    before, following = text[line_start:start], text[line_end:]
    closing = _closing(before)
    if is_json:
        word = PLACEHOLDER if not _is_bare(text, start) else f'"{PLACEHOLDER}"'
        close = "" if _is_bare(text, start) else '"'
        for filling in (word, f'{word}": 0' if close else f"{word}: 0"):
            yield filling, text[end:]
            yield filling + ("" if close else ","), text[end:]
            yield f"{filling}{close if filling == word else ''}{closing}", following
        return
    is_value = re.search(r":[ \t]+(?:[\[{].*)?\Z", before) is not None and not re.search(r"[{,][ \t]*\Z", before)
    fillings = (PLACEHOLDER, f"{PLACEHOLDER}: x")
    for filling in fillings if is_value else reversed(fillings):
        yield filling, text[end:]
        yield filling + closing, following


_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'")
_CLOSES = {"{": "}", "[": "]"}


def _closing(before: str) -> str:
    """What closes the brackets, and the quote, that are open at the end of a piece of a line."""
    plain = _QUOTED.sub("", before)
    quote = next((one for one in plain if one in "'\""), "")
    open_: list[str] = []
    for one in plain:
        if one in _CLOSES:
            open_.append(_CLOSES[one])
        elif open_ and one == open_[-1]:
            open_.pop()
    return quote + "".join(reversed(open_))


def _is_bare(text: str, start: int) -> bool:
    """Whether a place of JSON is outside of quotes."""
    line = text[text.rfind("\n", 0, start) + 1 : start]
    return '"' not in _QUOTED.sub("", line)


def typing_in(
    path: str, text: str, kind: ArtifactKind | None, start: int, end: int, written: str, *, quote: bool
) -> Typing | None:
    """What the placeholder in a text is; None where the text cannot be read there."""
    document = read(path, text.encode("utf-8", "replace"), DiagnosticSink())
    if document is None or document.root is None:
        return None
    at = document.source.text.find(PLACEHOLDER, max(0, start - 2))
    if at < 0:
        return None
    spot = spot_at(document.root, kind, at + 1)
    step = spot.last
    if step is None or spot.part == "inside":
        return None
    holds = step.key if spot.part == "key" else step.value
    if not isinstance(holds, str) or PLACEHOLDER not in holds:
        return None
    declared = spot.container_type(kind)
    if spot.part == "key" and kind is not None and not isinstance(declared, m.Nested | m.Table):
        return None
    is_table = isinstance(step.type, m.Nested | m.Table | m.Listing)
    if spot.part == "value" and is_table:  # a mapping or a list is wanted here, not a word
        return None
    return Typing(spot=spot, start=start, end=end, written=written, quote=quote)
