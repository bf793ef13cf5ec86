"""The layout of JSON: an entry on each line where its author began a new line behind the bracket, or where one line
does not hold them; otherwise all on one line.
"""

from __future__ import annotations

import re
from typing import Any

from rsppc.formatting.lines import WIDTH
from rsppc.syntax.document import Mapping, Sequence

_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def layout_of_json(root: Mapping) -> str:
    """The text around a root laid out, in which the reader found nothing wrong."""
    layout = _Layout(root.source.text)
    layout.put(root, root.start, root.end, "", "")
    return "\n".join(layout.lines) + "\n"


class _Layout:
    __slots__ = ("_one_line", "lines", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.lines: list[str] = []
        self._one_line: dict[int, str | None] = {}

    def put(self, value: Any, start: int, end: int, head: str, behind: str) -> None:
        """Lay a value out behind `head`; `behind` is the comma that follows."""
        shown = self._on_one_line(value, start, end)
        if shown is not None and (len(head) + len(shown) + len(behind) <= WIDTH or not _has_entries(value)):
            self.lines.append(f"{head}{shown}{behind}")
            return
        margin = head[: len(head) - len(head.lstrip(" "))]
        opening, closing = "{}" if value.__class__ is Mapping else "[]"
        self.lines.append(head + opening)
        place = value.start + 1
        last = len(value) - 1
        for number, (key, one, begin, one_start, one_end) in enumerate(_entries(self.text, value)):
            if number and _BLANK_LINE.search(self.text, place, begin) is not None:
                self.lines.append("")
            place = one_end
            self.put(one, one_start, one_end, f"{margin}  {key}", "," if number < last else "")
        self.lines.append(f"{margin}{closing}{behind}")

    def _on_one_line(self, value: Any, start: int, end: int) -> str | None:
        """A value on one line; None where its author wanted lines in it."""
        if not _has_entries(value):
            if value.__class__ is Mapping or value.__class__ is Sequence:
                return "{}" if value.__class__ is Mapping else "[]"
            return self.text[start:end]
        known = self._one_line.get(start, "")
        if known != "":
            return known
        parts: list[str] = []
        line: str | None = None
        for number, (key, one, begin, one_start, one_end) in enumerate(_entries(self.text, value)):
            shown = self._on_one_line(one, one_start, one_end)
            if shown is None or (not number and "\n" in self.text[value.start : begin]):
                break
            parts.append(key + shown)
        else:
            line = "{" + ", ".join(parts) + "}" if value.__class__ is Mapping else "[" + ", ".join(parts) + "]"
        self._one_line[start] = line
        return line


def _has_entries(value: Any) -> bool:
    return (value.__class__ is Mapping or value.__class__ is Sequence) and bool(value)


def _entries(text: str, container: Any) -> list[tuple[str, Any, int, int, int]]:
    """For each entry its key with the colon, its value, and where the entry begins, its value begins and ends."""
    at = container.at
    if container.__class__ is Mapping:
        places = zip(container.values(), at[0::4], at[1::4], at[2::4], at[3::4], strict=True)
        return [(f"{text[begin:key_end]}: ", one, begin, start, end) for one, begin, key_end, start, end in places]
    return [("", one, start, start, end) for one, start, end in zip(container, at[0::2], at[1::2], strict=True)]
