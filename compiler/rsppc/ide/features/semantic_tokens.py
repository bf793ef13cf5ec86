"""What each word of a file is: a node, a port, a node type, a key. Stretches neither overlap nor run over a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rsppc.base.record import Record
from rsppc.base.source import Source
from rsppc.conditions.tokens import MACROS
from rsppc.ide.names import names_in
from rsppc.ide.project import Project
from rsppc.ide.spots import Leaf, leaves
from rsppc.ide.words import FUNCTIONS
from rsppc.model import shape as m
from rsppc.syntax.document import Comment, Document, Mapping

TYPES = (
    *("namespace", "class", "variable", "property", "parameter", "enumMember"),
    *("string", "number", "keyword", "comment", "function", "type"),
)
_TEXT_MAX = 2**20
"""Longer files are shown without colours, instead of keeping everything else waiting."""
_OF_NAME = {
    "node": "variable",
    "module_use": "variable",
    "exposed": "parameter",
    "port": "parameter",
    "reference": "namespace",
    "artifact": "namespace",
    "node_type": "class",
    "provider": "enumMember",
    "config": "property",
    "record": "type",
    "type_port": "parameter",
    "type_field": "property",
    "served_port": "parameter",
    "served_field": "property",
}


class Token(Record):
    """A stretch of a line."""

    start: int
    end: int
    type: str
    declares: bool = False


def FEATURE(project: Project, path: str) -> list[Token]:  # the module's one member, found by this name
    document, artifact = project.document(path), project.artifact(path)
    if document is None or len(document.source.text) > _TEXT_MAX:
        return []
    is_text_form = path.endswith(".rspp")
    found: list[Token] = list(_keywords(document.source)) if is_text_form else []
    if document.root is not None and artifact is not None:
        for name in names_in(document.root, artifact.kind):
            found.append(Token(start=name.at.start, end=name.at.end, type=_OF_NAME[name.what], declares=name.declares))
        for leaf in leaves(document.root, artifact.kind):
            found += _of_leaf(leaf)
    found += [
        Token(start=one.start, end=one.start + 1 + len(one.text), type="comment") for one in _comments(document.source)
    ]
    if not is_text_form:
        found += _keys(document)
    return list(_apart(found, document.source))


def _of_leaf(leaf: Leaf) -> Iterator[Token]:
    span = leaf.item().span()
    match leaf.type:
        case m.Integer():
            yield Token(start=span.start, end=span.end, type="number")
        case m.Choice() | m.Flag():
            yield Token(start=span.start, end=span.end, type="enumMember")
        case m.Text() | m.TypeText():
            yield Token(start=span.start, end=span.end, type="string")
        case m.Expression():
            yield from _of_condition(span.source.text, span.start, span.end)
        case None | m.Anything() if isinstance(leaf.value, str):
            yield Token(start=span.start, end=span.end, type="string")
        case None | m.Anything() if isinstance(leaf.value, int):
            yield Token(start=span.start, end=span.end, type="number")


_IN_CONDITION = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|[A-Za-z_][\w.]*|[0-9]+")


def _of_condition(text: str, start: int, end: int) -> Iterator[Token]:
    first = start + 1 if text[start : start + 1] in ("'", '"') else start
    for found in _IN_CONDITION.finditer(text, first, end):
        word = found[0]
        if word[0] in "'\"":
            yield Token(start=found.start(), end=found.end(), type="string")
        elif word.isdigit():
            yield Token(start=found.start(), end=found.end(), type="number")
        elif word in ("true", "false", "in"):
            yield Token(start=found.start(), end=found.end(), type="keyword")
        else:
            name, dot, called = word.rpartition(".")
            is_call = text[found.end() : found.end() + 1] == "(" and (called in FUNCTIONS or called in MACROS)
            middle = found.end() - len(called) if is_call else found.end()
            if not is_call or name:
                yield Token(start=found.start(), end=middle - len(dot) if is_call else middle, type="variable")
            if is_call:
                yield Token(start=middle, end=found.end(), type="function")


def _comments(source: Source) -> tuple[Comment, ...]:
    if source.path.endswith(".rspp"):
        from rsppc.syntax.rspp_reader import rspp_comments

        return rspp_comments(source)
    if source.path.endswith(".yaml"):
        from rsppc.syntax.comments import comments

        return comments(source)
    return ()


def _keywords(source: Source) -> Iterator[Token]:
    from rsppc.syntax.rspp_tokens import KEYWORDS, tokens_of

    tokens = tokens_of(source)
    words = set(KEYWORDS.values())
    for kind, start, end in zip(tokens.kinds, tokens.starts, tokens.ends, strict=True):
        if kind in words:
            yield Token(start=start, end=end, type="keyword")


def _keys(document: Document) -> Iterator[Token]:
    waiting: list[Any] = [document.root] if document.root is not None else []
    while waiting:
        container = waiting.pop()
        if isinstance(container, Mapping):
            for index in range(len(container)):
                yield Token(start=container.at[4 * index], end=container.at[4 * index + 1], type="property")
        inner = container.values() if isinstance(container, dict) else container
        waiting += [one for one in inner if isinstance(one, dict | list)]


def _apart(tokens: list[Token], source: Source) -> Iterator[Token]:
    """The tokens without those that overlap an earlier mentioned one, line by line, in the order of the text."""
    taken: list[tuple[int, int, Token]] = []
    ends = 0
    order = sorted(enumerate(tokens), key=lambda one: (one[1].start, one[0]))
    for _, token in order:
        if token.start < ends or token.end <= token.start:
            continue
        ends = token.end
        taken.append((token.start, token.end, token))
    for start, end, token in taken:
        while start < end:
            line_end = source.text.find("\n", start, end)
            stop = end if line_end < 0 else line_end
            if source.text[start:stop].strip():
                yield Token(start=start, end=stop, type=token.type, declares=token.declares)
            start = stop + 1
