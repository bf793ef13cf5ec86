"""Which id and version an earlier artifact will have. Earlier names held both in one text, as in `support_spec_v2`."""

from __future__ import annotations

import re

from rsppc.base.names import ID
from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind
from rsppc.importing.findings import EarlierName, Renamed
from rsppc.syntax.document import Document, Mapping

_LENGTH_MAX = 120
_WITH_VERSION = re.compile(r"(?P<id>.+?)[_/.-](?P<version>v(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){0,2})")


def named(kind: EarlierKind, document: Document, root: Mapping, sink: DiagnosticSink) -> tuple[str, str]:
    """The id and version that an artifact will have; an empty id, and a finding, where none can be made."""
    written = _written_name(kind, document, root)
    found = _WITH_VERSION.fullmatch(written)
    id_ = plain_id(found["id"] if found is not None else written)
    if id_ is None:
        at = root.value_span(kind.id_key or "schema_version")
        sink.report(EarlierName(at=at, subject=kind.id_key or "file", written=written[:60]))
        return "", "v1"
    version = found["version"] if found is not None else _version_of(root.get("pipeline_version"))
    return id_, version


def report_renamed(earlier: Earlier, sink: DiagnosticSink) -> None:
    """Say how an artifact is called now, where that is not how it was called."""
    written = _written_name(earlier.kind, earlier.document, earlier.root)
    if written != earlier.ref:
        at = earlier.root.value_span(earlier.kind.id_key or "schema_version")
        sink.report(Renamed(at=at, subject=earlier.kind.id_key or "file", before=written, after=earlier.ref))


def plain_id(text: str) -> str | None:
    """The id that is nearest to a text; None where there is none."""
    made = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return made if len(made) <= _LENGTH_MAX and ID.fullmatch(made) is not None else None


def free_id(wanted: str, taken: set[str]) -> str:
    """The id itself, or with the first number that nobody has; from now on taken."""
    number, made = 1, wanted
    while made in taken:
        number += 1
        made = f"{wanted}_{number}"
    taken.add(made)
    return made


def _written_name(kind: EarlierKind, document: Document, root: Mapping) -> str:
    written = root.get(kind.id_key) if kind.id_key else None
    return written if isinstance(written, str) else document.path.rsplit("/", 1)[-1].removesuffix(".json")


def _version_of(pipeline_version: object) -> str:
    """The version that a text like `pipeline-v2` ends with, else `v1`."""
    found = _WITH_VERSION.fullmatch(pipeline_version) if isinstance(pipeline_version, str) else None
    return found["version"] if found is not None else "v1"
