"""A source laid out, and the proof that it says the same."""

from __future__ import annotations

from typing import Literal

import msgspec

from rsppc.base.record import Record
from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.formatting.lines import NoLayout
from rsppc.syntax.document import Document, Mapping
from rsppc.syntax.reader import read


class Formatted(Record):
    """What became of a source. Where its text stays as it is, `why` says so."""

    text: str
    why: Literal["laid out", "unreadable", "no layout", "not the same"]
    """`not the same` is a bug of ours: what was laid out does not read as what was written."""


def formatted(path: str, data: bytes, sink: DiagnosticSink) -> Formatted:
    """The source in a file, laid out as its kind is. What is wrong with it goes to the sink, and leaves it as it is."""
    found = DiagnosticSink()
    document = read(path, data, found)
    for one in found.sorted():
        sink.report(one)
    if document is None or document.root is None or len(found) or document.gaps:
        return Formatted(text="", why="unreadable")
    written = document.source.text
    try:
        laid_out = _layout(path, written.replace("\r\n", "\n"), document.root)
    except NoLayout:
        return Formatted(text=written, why="no layout")
    if laid_out != written and not says_the_same(document, laid_out):
        return Formatted(text=written, why="not the same")
    return Formatted(text=laid_out, why="laid out")


def _layout(path: str, text: str, root: Mapping) -> str:
    """A text laid out, whose lines end as ours do; `root` is what was read. Raises `NoLayout`."""
    # Each layout is imported when a file of its kind turns up.
    if path.endswith(".yaml"):
        from rsppc.formatting.yaml_plain import layout_of_plain

        plain = layout_of_plain(text)
        if plain is not None:
            return plain
        from rsppc.formatting.yaml_style import layout_of_yaml

        return layout_of_yaml(_with_places_of(path, text, root))
    if path.endswith(".json"):
        from rsppc.formatting.json_style import layout_of_json

        return layout_of_json(_with_places_of(path, text, root))
    from rsppc.formatting.rspp_style import layout_of_rspp

    return layout_of_rspp(Source(path, text, b""))


def _with_places_of(path: str, text: str, root: Mapping) -> Mapping:
    """What was read with its places in the text as it is laid out."""
    if root.source.text == text:
        return root
    again = _read_again(path, text)
    if again is None or again.root is None:
        raise NoLayout
    return again.root


def _read_again(path: str, text: str) -> Document | None:
    sink = DiagnosticSink()
    document = read(path, text.encode(), sink)
    return None if len(sink) else document


def says_the_same(before: Document, text: str) -> bool:
    """Whether a text holds the same values as a document, in the same order, and the same comments."""
    if before.path.endswith(".yaml"):
        from rsppc.formatting.plain_sense import sense_of_plain

        sense = sense_of_plain(text)
        if sense is not None and sense == sense_of_plain(before.source.text):
            return True
    after = _read_again(before.path, text)
    return after is not None and _values(before) == _values(after) and _comments(before) == _comments(after)


def _values(document: Document) -> bytes:
    # Their bytes: Python takes 1 for `True`, and mappings for equal whose keys stand in another order.
    return msgspec.json.encode(document.root)


def _comments(document: Document) -> list[str]:
    """What comments say, in any order: one between a key and its value moves above the key."""
    source = document.source
    if "#" not in source.text or document.path.endswith(".json"):
        return []
    if document.path.endswith(".rspp"):
        from rsppc.syntax.rspp_reader import rspp_comments

        found = rspp_comments(source)
    else:
        from rsppc.syntax.comments import comments  # and with it a parser, which most files do not need

        found = comments(source)
    return sorted(comment.text.strip() for comment in found)
