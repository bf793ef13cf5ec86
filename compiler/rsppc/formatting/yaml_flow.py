"""The layout of YAML in brackets: all on one line, if it can be put there."""

from __future__ import annotations

import re
from typing import Any

from rsppc.syntax.document import Mapping, Sequence

_COMMENT = re.compile(r"(?m)(?:^|(?<=[ \t]))#.*")
_ANCHOR = re.compile(r"&[A-Za-z0-9_-]+")
_KEY_CHARACTERS_MAX = 1000
"""What stands in brackets on one line is not made longer than a simple key may be."""


def flow_of(text: str, container: Any) -> str | None:
    """A list or mapping in brackets on one line; None where it holds comments or texts of several lines."""
    try:
        return "".join(_Flow(text).parts(container))
    except _SeveralLines:
        return None


def anchors_between(text: str, start: int, end: int) -> list[tuple[str, bool]]:
    """Anchors in a gap, and whether each stands on its last line."""
    gap = _COMMENT.sub(lambda found: " " * len(found[0]), text[start:end])
    last = gap.rfind("\n")
    return [(found[0], found.start() > last) for found in _ANCHOR.finditer(gap)]


class _SeveralLines(Exception):
    """What stands in brackets cannot be put on one line."""


class _Flow:
    __slots__ = ("_anchors", "_comments", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._anchors = "&" in text
        self._comments = "#" in text

    def parts(self, container: Any) -> list[str]:
        text, at = self._text, container.at
        is_map = container.__class__ is Mapping
        parts: list[str] = []
        last = container.start
        step = 4 if is_map else 2
        for number, value in enumerate(container.values() if is_map else container):
            place = step * number
            start, end = at[place + step - 2 : place + step]
            parts.append(", " if number else "")
            if is_map:
                key_start, key_end = at[place : place + 2]
                parts += (self._anchors_before(last, key_start), self._one_line(key_start, key_end))
                last = key_end
                anchors = self._anchors_before(last, start)
                parts.append(": " if end > start or anchors else "")
                parts.append(anchors)
            else:
                parts.append(self._anchors_before(last, start))
            if (value.__class__ is Mapping or value.__class__ is Sequence) and text[start] != "*":
                parts += self.parts(value)
            elif end > start:
                parts.append(self._one_line(start, end))
            elif parts[-1].startswith("&"):
                parts[-1] = parts[-1].rstrip()
            last = max(last, end)
        if self._comments and "\n" in text[last : container.end] and "#" in text[last : container.end]:
            raise _SeveralLines
        if text[container.start] not in "[{":  # one key and its value in a list
            return parts if parts[-1] else ["{", *parts, "}"]
        return ["{" if is_map else "[", *parts, "}" if is_map else "]"]

    def _anchors_before(self, last: int, start: int) -> str:
        if self._comments and "#" in self._text[last:start]:
            raise _SeveralLines
        return "".join(f"{name} " for name, _ in anchors_between(self._text, last, start)) if self._anchors else ""

    def _one_line(self, start: int, end: int) -> str:
        written = self._text[start:end]
        if "\n" in written or end - start > _KEY_CHARACTERS_MAX:
            raise _SeveralLines
        return written
