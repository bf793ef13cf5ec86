"""How wide a text will be, without asking a font: an estimate that is rather too wide.

Which font a reader has is not known. The figures are those of DejaVu Sans, the widest among the usual sans-serif
fonts, in thousandths of the font's size.
"""

from __future__ import annotations

import unicodedata

_CLASSES = (
    ("iljI.,:;'|!`", 340),
    ('ftr()[]{}/\\- "', 430),
    ("mwMW@%—", 1000),
    ("ABCDEFGHJKLNOPQRSTUVXYZ&", 760),
    ("<>=+~≥≤→_", 840),
)
_WIDTHS = {letter: width for letters, width in _CLASSES for letter in letters}
_USUAL, _WIDE, _OTHER = 640, 1050, 800


def text_width(text: str, size: int, *, bold: bool = False) -> int:
    """Estimated width of a text, in the unit of the font's size."""
    total = sum(_WIDTHS.get(letter) or _width(letter) for letter in text)
    if bold:
        total = total * 110 // 100
    return -(-total * size // 1000)


def _width(letter: str) -> int:
    if letter.isascii():
        return _USUAL
    if unicodedata.combining(letter):
        return 0
    return _WIDE if unicodedata.east_asian_width(letter) in "WF" or ord(letter) > 0xFFFF else _OTHER


def fitted(text: str, most: int, size: int, *, bold: bool = False) -> str:
    """The text, cut in its middle until it is at most so wide."""
    if text_width(text, size, bold=bold) <= most:
        return text
    low, high = 1, len(text)
    while low < high:  # the longest that fits
        middle = (low + high + 1) // 2
        if text_width(_cut(text, middle), size, bold=bold) <= most:
            low = middle
        else:
            high = middle - 1
    return _cut(text, low)


def wrapped(text: str, most: int, size: int, rows: int) -> list[str]:
    """The text on at most so many lines, broken at spaces; the last line is cut where it does not end."""
    lines: list[str] = []
    rest = text
    while rest and len(lines) < rows - 1 and text_width(rest, size) > most:
        words = rest.split(" ")
        taken = 1
        while text_width(" ".join(words[: taken + 1]), size) <= most:
            taken += 1
        if text_width(words[0], size) > most:
            break
        lines.append(" ".join(words[:taken]))
        rest = " ".join(words[taken:])
    return [*lines, fitted(rest, most, size)]


def _cut(text: str, kept: int) -> str:
    head = -(-kept * 2 // 3)
    return f"{text[:head]}…{text[len(text) - (kept - head) :]}"
