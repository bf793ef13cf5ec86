"""What a person sees of a text: nothing hidden, and every character in its cells.

Findings quote what somebody wrote, and that may hold control characters, bidirectional overrides, lone surrogates or
line breaks that would drive a terminal or forge a line of output. They are shown as `<U+202E>`. Characters that Python
calls printable stand for themselves; blanks other than the space are not among them, and a no-break space in a YAML
file is indeed worth seeing.
"""

from __future__ import annotations

TAB = "    "
"""Tabs of an excerpt are shown four cells wide wherever they stand, so that cutting a line does not move its text."""


def visible(text: str) -> str:
    """The text on one line, with every character seen or named."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else named(char) for char in text)


def visible_lines(text: str) -> list[str]:
    """The lines of a text of ours, each as `visible` shows it."""
    return [visible(line) for line in text.split("\n")]


def named(char: str) -> str:
    """A character by its number: `<U+202E>`."""
    return f"<U+{ord(char):04X}>"


def encodable(text: str) -> str:
    """The text with lone surrogates replaced, for formats that carry every other character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


def cells(text: str) -> tuple[list[str], list[int]]:
    """What is shown for each character, and the cell where each begins (and, last, where the text ends)."""
    if text.isascii() and text.isprintable():
        return list(text), list(range(len(text) + 1))
    shown = [_shown(char) for char in text]
    edges = [0]
    for char, piece in zip(text, shown, strict=True):
        edges.append(edges[-1] + (len(piece) if piece != char else _width(char)))
    return shown, edges


def _shown(char: str) -> str:
    if char.isprintable():
        return char
    return TAB if char == "\t" else named(char)


def _width(char: str) -> int:
    if char.isascii():
        return 1
    # Only here, because most files are ASCII and a check that finds nothing never draws anything.
    from unicodedata import category, east_asian_width

    if category(char) in ("Mn", "Me") or "\u1160" <= char <= "\u11ff":
        return 0
    return 2 if east_asian_width(char) in ("W", "F") else 1
