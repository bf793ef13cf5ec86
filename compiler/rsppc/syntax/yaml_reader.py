"""YAML to a `Document`, in one of two ways that mean the same."""

from __future__ import annotations

import re

from rsppc.base.source import Source
from rsppc.diagnostics import DiagnosticSink
from rsppc.syntax.document import Document
from rsppc.syntax.yaml_lines import read_lines


def read_yaml(source: Source, sink: DiagnosticSink) -> Document:
    """The document that a text states. Problems go to the sink; what they concern is missing from the document."""
    text = readable(source.text)
    ordinary = read_lines(source, text)
    if ordinary is not None:
        return Document(source=source, root=ordinary)
    from rsppc.syntax.yaml_events import read_events  # and with it a parser, which most files do not need

    return read_events(source, text, sink)


def readable(text: str) -> str:
    """The text as the YAML readers are to see it, with the same places: its last line is ended."""
    if not text.isascii():
        # Half a surrogate pair is no character. A text that was decoded from bytes has none.
        text = re.sub("[\ud800-\udfff]", "\ufffd", text)
    return text if text.endswith("\n") else text + "\n"
