"""What ordinary YAML says, line by line: enough to see that two texts say the same, without reading them again.

Each line is taken for what the reader takes it for (`syntax/yaml_lines.py`): the same table says what its key and value
are. What the lines together say then depends on one thing more, how deep each of them stands; columns themselves mean
nothing. Two texts whose lines say the same at the same depths are therefore read as one document; a property holds that
against reading them both.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from rsppc.base.record import Record
from rsppc.base.source import Source
from rsppc.formatting.yaml_plain import is_plain
from rsppc.syntax.yaml_lines import BELOW, BRACKETS, LINES, NotOrdinary, in_brackets


class Sense(Record):
    """What a text says, and its comments in any order."""

    depths: list[int]
    """How many lists and mappings are open around each line that holds something."""
    lines: list[_Said | None]
    comments: list[str]


_Said: TypeAlias = "tuple[str, str | None, bytes]"
"""The sign of an item, if there is one, a key, and a value as JSON: Python takes 1 for `True`."""


def sense_of_plain(text: str) -> Sense | None:
    """What a text that was read, or made of one, says; None where not every line of it is ordinary and stands where the
    lines above allow."""
    try:
        return _sense(text) if is_plain(text) else None
    except NotOrdinary:
        return None


def _sense(text: str) -> Sense:
    senses = _SENSES
    lines = [senses[line] for line in text.split("\n")]
    holding = [line for line in lines if line[3] is not None]
    return Sense(
        depths=_depths(holding),
        lines=[line[3] for line in holding],
        comments=sorted([line[4] for line in lines if line[4] is not None]) if "#" in text else [],
    )


def _depths(lines: list[_Line]) -> list[int]:
    depths: list[int] = []
    levels = [-1]
    innermost, depth = -1, 1
    waiting = True
    for level, inner, opens, _, _ in lines:
        if level > innermost:
            if not waiting:
                raise NotOrdinary
            levels.append(level)
            depth += 1
        else:
            while levels[-1] != level:
                levels.pop()
                depth -= 1
                if not depth:
                    raise NotOrdinary
        innermost = level
        depths.append(depth)
        waiting = opens
        if inner >= 0:
            levels.append(inner)
            innermost = inner
            depth += 1
    return depths


_Line: TypeAlias = "tuple[int, int, bool, _Said | None, str | None]"
"""The level at which a line stands, as in `yaml_plain`, the level of the mapping that begins behind the sign of an item
or -1, whether what belongs to its key may stand below, what it says, and the comment in it."""


class _Senses(dict[str, _Line]):
    """What lines say. They are remembered: the same few hundred make up most files of a workspace."""

    __slots__ = ()

    def __missing__(self, line: str) -> _Line:
        if len(self) >= _REMEMBERED_MAX:
            self.clear()
            _KNOWN.clear()
        known = _sense_of_line(line)
        if len(line) <= _REMEMBERED_CHARACTERS_MAX:
            self[line] = known
        return known


_SENSES = _Senses()
_KNOWN: dict[_Said, _Said] = {}
"""One object for all lines that say the same, so that they are compared at a glance."""
_REMEMBERED_MAX = 8192
_REMEMBERED_CHARACTERS_MAX = 120


def _sense_of_line(line: str) -> _Line:
    meant = LINES[line]
    if meant is None:
        comment = line.strip(" ")
        return (-1, -1, False, None, comment[1:].strip() if comment else None)
    indent, signs, content, key, _, start, end, value = meant
    sign = signs.rstrip(" ")
    if len(sign) > 1 or (value is BELOW and key is None):
        raise NotOrdinary  # lists in lists, and signs with what follows on another line
    said = (sign, key, b"" if value is BELOW else msgspec.json.encode(_value(value, line[start:end])))
    comment = line[end:].strip(" ")
    return (
        2 * indent + bool(sign),
        2 * content if sign and key is not None else -1,
        value is BELOW,
        _KNOWN.setdefault(said, said),
        comment[1:].strip() if comment else None,
    )


def _value(value: Any, written: str) -> Any:
    return in_brackets(Source("", written, b""), written, 0, 1) if value is BRACKETS else value
