"""One way into all source formats: the file's ending says which reader it goes to."""

from __future__ import annotations

from rsppc.base.source import file_span
from rsppc.diagnostics import Diagnostic, DiagnosticSink
from rsppc.syntax.document import Document
from rsppc.syntax.source_text import read_source

SUFFIXES = (".yaml", ".json", ".rspp")


class UnknownFileKind(Diagnostic):
    """Artifacts are written as YAML, as JSON or in the text form; the file's ending says which."""

    code = "RSP0110"
    name = "unknown-file-kind"
    headline = "the name of `{path}` does not say how to read it"
    hint = "let it end in `.yaml`, `.json` or `.rspp`"

    path: str


def read(path: str, data: bytes, sink: DiagnosticSink) -> Document | None:
    """The document in a file; None where its bytes are no text. Problems go to the sink."""
    source = read_source(path, data, sink)
    if source is None:
        return None
    # Each reader is imported when a file of its kind turns up: most workspaces hold one kind only.
    if path.endswith(".yaml"):
        from rsppc.syntax.yaml_reader import read_yaml

        return read_yaml(source, sink)
    if path.endswith(".json"):
        from rsppc.syntax.json_reader import read_json

        return read_json(source, sink)
    if path.endswith(".rspp"):
        from rsppc.syntax.rspp_reader import read_rspp

        return read_rspp(source, sink)
    sink.report(UnknownFileKind(at=file_span(source), path=path))
    return Document(source=source, root=None)
