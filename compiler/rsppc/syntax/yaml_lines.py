"""The quick way through YAML: texts of the most ordinary kind, read line by line.

Nearly every line of a spec is a key with a short value, an item of a list, or a comment. A text of such lines alone
means the same to every reader of YAML and needs no parser: one pattern takes a line apart, and its indentation says
where it belongs. Where anything else turns up, this way is given up without a word, and the reader that knows
everything begins again; what is accepted here, that one would read in the same way, down to each place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeAlias

from rsppc.base.source import Source
from rsppc.syntax.document import Mapping, Sequence
from rsppc.syntax.limits import KEYS_MAX, NODES_MAX, SCALAR_CHARACTERS_MAX
from rsppc.syntax.yaml_scalars import UNKNOWN, meaning

# Deeper nesting than this is not ordinary.
_DEPTH_MAX = 32
_PIECE_CHARACTERS = 16384
_REMEMBERED_MAX = 8192
_REMEMBERED_CHARACTERS_MAX = 80

_FIRST = r"(?:[A-Za-z0-9_./$(]|-(?=[0-9]))"
_PLAIN = rf"{_FIRST}[^ :#]*+(?::[^ :#]++)*+(?:\ ++[^ :#?][^ :#]*+(?::[^ :#]++)*+)*+"
_QUOTED = r'"[^"\\]*+"|' r"'[^']*+'(?!')"
_IN_BRACKETS = rf"[\[{{][^#\"']*+(?:(?:(?<=[a-z])'|{_QUOTED})[^#\"']*+)*+"
_KEY = r"[A-Za-z_][A-Za-z0-9_./-]{0,99}+"
_LINE = re.compile(
    rf"""
    (\ *+)                                            # the indentation
    ((?:-\ ++)*+)                                     # the signs of list items
    (?:({_KEY}):(?:\ ++|\Z))?+                        # a key
    (?:({_PLAIN})|({_QUOTED})|({_IN_BRACKETS}))?+      # a value
    (?:\ *+(?:(?<=\ )\#.*+)?+)                        # a comment
    """,
    re.VERBOSE,
)
_PLAIN_IN_BRACKETS = rf"{_FIRST}[^ :#,?\[\]{{}}]*+(?:\ ++[^ :#,?\[\]{{}}]++)*+"
_TOKEN = re.compile(
    rf"""
    (?:({_KEY}):\ ++)?+                               # a key
    (?:({_PLAIN_IN_BRACKETS}|{_QUOTED})\ *+)?+        # a value
    ([\[\]{{}},])\ *+                                 # what begins, ends or goes on here
    """,
    re.VERBOSE,
)


def read_lines(source: Source, text: str) -> Mapping | None:
    """The root of a text in which nothing is rare, large or wrong; None for every other text."""
    if not may_be_ordinary(text) or _may_be_too_large(text):
        return None
    try:
        root = _compose(source, text)
    except NotOrdinary:
        return None
    return root if type(root) is Mapping else None


def may_be_ordinary(text: str) -> bool:
    """Whether a text holds no tabs, no other spaces and line ends, and nothing that cannot be seen: readers differ
    about them."""
    return text.replace("\n", "").isprintable()


def _may_be_too_large(text: str) -> bool:
    """Whether there may be too many values: a sign stands in front of each, and behind each key."""
    return len(text) > NODES_MAX and text.count(":") + sum(map(text.count, ":-,[{")) >= NODES_MAX


class NotOrdinary(Exception):
    """Something stands in the text that only the careful reader knows."""


def _compose(source: Source, text: str) -> Any:
    """The one value of a text. Raises `NotOrdinary`, whatever is not as usual.

    Each statement of this loop is dear: reading files is a good part of every run. A container takes its place in the
    one around it when its first line is met, and stays open, with its column, until a line stands further left.
    """
    container: Any = _new(Sequence, source, 0)  # the root stands in it like the item of a list left of the text
    column = -1
    stack: list[tuple[Any, int]] = [(container, column)]
    at: list[int] = container.at
    in_mapping = False
    waiting = True  # whether what belongs to the last key or sign may stand below
    key: Any = None
    last_end = start = 0
    if text.startswith("---\n"):
        text, start = text[4:], 4
    lines = LINES
    for line in chain.from_iterable(_pieces(text)):
        meant = lines[line]
        if meant is None:
            start += len(line) + 1
            continue
        indent, signs, content, written, key_end, value_start, value_end, value = meant
        if not waiting or indent < column or (indent == column and not (signs and in_mapping)):
            waiting = False
            if indent < column or (indent == column and not (signs or in_mapping)):
                container, column = _close(stack, indent, signs != "", last_end)
                at = container.at
                in_mapping = type(container) is Mapping
            if indent != column or in_mapping is (signs != ""):
                raise NotOrdinary  # it stands under none of the lines above
        if signs:
            if waiting or len(signs) > 2:
                container, column = _open_items(stack, source, key, signs, start + indent, indent, waiting)
                at = container.at
                in_mapping = False
            waiting = True
        if written is not None and waiting:
            container = _open(stack, Mapping, source, key, start + content, content)
            at = container.at
            column = content
            in_mapping = True
        waiting = value is BELOW
        if waiting:
            value = None
        elif value is BRACKETS:
            value = in_brackets(source, line[value_start:value_end], start + value_start, len(stack))
        last_end = start + value_end
        if in_mapping:
            key = written
            container[key] = value
            at += (start + content, start + key_end, start + value_start, last_end)
        else:
            container.append(value)
            at += (start + value_start, last_end)
        start += len(line) + 1
    if waiting and not in_mapping:
        raise NotOrdinary  # there is no text
    return _close(stack, -1, True, last_end)[0][0]


def _pieces(text: str) -> Iterator[list[str]]:
    """The lines of a text, some hundreds at a time: all at once, those of a large one would be out of reach again."""
    start = 0
    while start < len(text):
        end = text.find("\n", start + _PIECE_CHARACTERS)
        end = len(text) if end < 0 else end
        yield text[start:end].split("\n")
        start = end + 1


_Line: TypeAlias = "tuple[int, str, int, str | None, int, int, int, Any] | None"
"""What a line holds: its indentation, the signs of list items, the column behind them, a key and its end, and start,
end and meaning of a value. None where it is blank or a comment."""
BELOW: Any = object()
"""Stands for a value that may be written below."""
BRACKETS: Any = object()
"""Stands for one in brackets, which has places inside."""


class _Lines(dict[str, _Line]):
    """What lines mean. They are remembered: the same few hundred make up most files of a workspace."""

    __slots__ = ()

    def __missing__(self, line: str) -> _Line:
        meant = _line(line)
        if len(line) <= _REMEMBERED_CHARACTERS_MAX:
            if len(self) >= _REMEMBERED_MAX:
                self.clear()  # what is common turns up again soon
            self[line] = meant
        return meant


LINES = _Lines()


def _line(line: str) -> _Line:
    first = line.lstrip(" ")[:1]
    if not first or first == "#":
        return None
    found = _LINE.fullmatch(line)
    if found is None or len(line) > SCALAR_CHARACTERS_MAX:
        raise NotOrdinary
    indentation, signs, key, plain, quoted, bracketed = found.groups()
    content = key_end = len(indentation) + len(signs)
    if key is not None:
        _check_key(key)
        key_end += len(key)
    elif not signs or found.lastindex == 2:
        raise NotOrdinary  # more of the value above, or a sign with nothing behind it
    value: Any = BELOW
    start = end = key_end + 1
    if plain is not None:
        value = _plain(plain)
        start = found.start(4)
        end = start + len(plain)
    elif quoted is not None:
        value = quoted[1:-1]
        start, end = found.span(5)
    elif bracketed is not None:
        value = BRACKETS
        start = found.start(6)
        end = start + len(bracketed.rstrip(" "))
    return len(indentation), signs, content, key, key_end, start, end, value


def _plain(written: str) -> Any:
    """What an unquoted value means."""
    value = meaning(written)
    if value is UNKNOWN:
        raise NotOrdinary
    return value


_SOUND_KEYS: set[str] = set()


def _check_key(key: str) -> None:
    """Give up where an unquoted key is no text. Those that are one are few, and remembered."""
    if key in _SOUND_KEYS:
        return
    if type(meaning(key)) is not str:
        raise NotOrdinary
    if len(_SOUND_KEYS) < _REMEMBERED_MAX:
        _SOUND_KEYS.add(key)


def _open_items(
    stack: list[tuple[Any, int]], source: Source, key: Any, signs: str, start: int, column: int, waiting: bool
) -> tuple[Any, int]:
    """The list that the last one of some signs belongs to, and its column; all but the first sign begin one."""
    for offset, sign in enumerate(signs):
        if sign == "-":
            if waiting:
                _open(stack, Sequence, source, key, start + offset, column + offset)
            waiting = True
    return stack[-1]


def _open(stack: list[tuple[Any, int]], kind: type, source: Source, key: Any, start: int, column: int) -> Any:
    """A new container, in the innermost open one: under its last key, or as one more item."""
    around = stack[-1][0]
    container = _new(kind, source, start)
    if len(stack) > _DEPTH_MAX:
        raise NotOrdinary
    stack.append((container, column))
    if type(around) is Mapping:
        around[key] = container
        around.at[-2] = start
    else:
        around.append(container)
        around.at.extend((start, start))
    return container


def _close(stack: list[tuple[Any, int]], indent: int, is_item: bool, end: int) -> tuple[Any, int]:
    """The container, with its column, that a line belongs to; those that stand deeper have ended before it."""
    container, column = stack[-1]
    while indent < column or (indent == column and not (is_item or type(container) is Mapping)):
        _check_keys(container)
        container.end = end
        stack.pop()
        container, column = stack[-1]
        container.at[-1] = end
    return container, column


def _check_keys(container: Any) -> None:
    """Give up where a key stands twice in a mapping, or there are too many."""
    if type(container) is Mapping and (4 * len(container) != len(container.at) or len(container) > KEYS_MAX):
        raise NotOrdinary


def in_brackets(source: Source, text: str, place: int, depth: int) -> Any:
    """The list or mapping that a line holds in brackets. `place` is where `text` begins."""
    stack: list[Any] = [_new(Sequence, source, place)]
    complete = False  # whether the value is there that a comma or the closing bracket may follow
    end = 0
    for token in _TOKEN.finditer(text):
        key, value, sign = token.groups()
        if token.start() != end or (end and len(stack) == 1) or (key and value is None and sign not in "[{"):
            raise NotOrdinary
        end = token.end()
        container = stack[-1]
        if value is not None:
            if complete:
                raise NotOrdinary
            meant = value[1:-1] if value[0] in "\"'" else _plain(value)
            _put(container, token, place, meant, place + token.start(2))
            complete = True
        if sign in "[{":
            if complete or depth + len(stack) > _DEPTH_MAX:
                raise NotOrdinary
            start = place + token.start(3)
            meant = _new(Sequence if sign == "[" else Mapping, source, start)
            _put(container, token, place, meant, start)
            stack.append(meant)
        elif sign == ",":
            if not complete:
                raise NotOrdinary
            complete = False
        else:
            if type(container) is not (Sequence if sign == "]" else Mapping) or complete is not bool(container):
                raise NotOrdinary  # it closes another bracket, or stands behind a comma
            _check_keys(container)
            stack.pop()
            container.end = stack[-1].at[-1] = place + token.start(3) + 1
            complete = True
    if end != len(text) or len(stack) > 1:
        raise NotOrdinary
    return stack[0][0]


def _put(container: Any, token: re.Match[str], place: int, value: Any, start: int) -> None:
    """Put what a token holds, or opens, into the container around it."""
    key = token[1]
    if (key is None) is (type(container) is Mapping):
        raise NotOrdinary
    if key is None:
        container.append(value)
    else:
        _check_key(key)
        container[key] = value
        container.at.extend((place + token.start(1), place + token.end(1)))
    container.at.extend((start, place + token.end(2)))


def _new(kind: type, source: Source, start: int) -> Any:
    container = kind()
    container.at = []
    container.source = source
    container.start = start
    return container
