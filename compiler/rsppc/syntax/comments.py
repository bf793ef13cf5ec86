"""Comments of a YAML file. They mean nothing to the compiler, so they are looked for only when an editor or the
formatter asks: in the text between the values, and behind the sign that begins a block text.
"""

from __future__ import annotations

import re
from typing import Any

from yaml._yaml import CParser
from yaml.error import YAMLError
from yaml.events import AliasEvent, ScalarEvent

from rsppc.base.source import Source
from rsppc.syntax.document import Comment
from rsppc.syntax.yaml_reader import readable


def comments(source: Source) -> tuple[Comment, ...]:
    """All comments in source order; of a text that is not YAML, those before the place where it cannot be read."""
    text = source.text
    if "#" not in text:
        return ()
    found: list[Comment] = []
    place = 0
    for start, end in _values(text):
        found += _comments_between(text, place, start)
        place = end
        if text[start : start + 1] in ("|", ">"):
            header_end = text.find("\n", start)
            found += _comments_between(text, start, header_end if 0 <= header_end < end else end)
    return (*found, *_comments_between(text, place, len(text)))


_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#([^\r\n]*)", re.MULTILINE)


def _comments_between(text: str, start: int, end: int) -> list[Comment]:
    # A `#` at `start` follows a value immediately; `^` does not match there unless a line begins.
    return [Comment(start=found.start(), text=found[1]) for found in _COMMENT.finditer(text, start, end)]


def _values(text: str) -> list[tuple[int, int]]:
    spans = []
    parser: Any = CParser(readable(text))
    next_event = parser.get_event
    try:
        event = next_event()
        while event is not None:
            kind = event.__class__
            if kind is ScalarEvent or kind is AliasEvent:
                spans.append((event.start_mark.index, min(event.end_mark.index, len(text))))
            event = next_event()
    except YAMLError:
        pass
    return spans
