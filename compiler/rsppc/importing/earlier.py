"""An earlier artifact: what it is, what it will be called, and the set in which its paths lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rsppc.base.names import ID
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.findings import EarlierName, EarlierReference, Renamed
from rsppc.model.shape import Shape
from rsppc.syntax.document import Document, Mapping


class EarlierKind(Record):
    """One kind of earlier artifact."""

    name: str
    schema_version: str
    title: str
    shape: Shape
    id_key: str = ""
    """The field that names the artifact; empty where nothing does, and the file's name has to serve."""


class Earlier(Record):
    """One earlier artifact that may be translated."""

    kind: EarlierKind
    document: Document
    root: Mapping
    sound: bool
    """Whether its fields are as declared. An unsound one is not translated, but references to it do lead somewhere."""
    id: str
    version: str

    @property
    def ref(self) -> str:
        return f"{self.id}/{self.version}"

    @property
    def file_name(self) -> str:
        return self.document.path.rsplit("/", 1)[-1]

    def start(self) -> Span:
        """The place of what concerns the artifact as a whole."""
        return self.root.value_span("schema_version")


class EarlierSet:
    """All earlier artifacts of one import."""

    def __init__(self, members: Iterable[Earlier]) -> None:
        self.members = tuple(members)
        self._by_file: dict[str, list[Earlier]] = {}
        for one in self.members:
            self._by_file.setdefault(one.file_name, []).append(one)

    def of_kind(self, name: str) -> tuple[Earlier, ...]:
        return tuple(one for one in self.members if one.kind.name == name)

    def find(self, path: str) -> tuple[Earlier, ...]:
        """The artifacts that a path of the earlier repository can mean: those with the longest common end."""
        wanted = path.split("/")
        candidates = [(_common_end(wanted, one.document.path.split("/")), one) for one in self._by_file.get(wanted[-1], ())]
        longest = max((length for length, _ in candidates), default=0)
        return tuple(one for length, one in candidates if length == longest)


def followed(bundle: Earlier, key: str, kind: str, all_: EarlierSet, sink: DiagnosticSink) -> Earlier | None:
    """The artifact to which a path leads; reported and None where it leads nowhere or to something else."""
    path: str = bundle.root[key]
    found = all_.find(path)
    problem = _problem(found, kind)
    if not problem:
        return found[0]
    advice = "name the file as a source as well" if not found else "name only the sources that belong together"
    at = bundle.root.value_span(key)
    sink.report(EarlierReference(at=at, subject=key, target=path, problem=problem, advice=advice))
    return None


def _problem(found: tuple[Earlier, ...], kind: str) -> str:
    if not found:
        return "not among the sources of this import"
    if len(found) > 1:
        return "among the sources more than once"
    return "" if found[0].kind.name == kind else f"an earlier {found[0].kind.title}"


def _common_end(one: list[str], other: list[str]) -> int:
    length = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        length += 1
    return length


_WITH_VERSION = re.compile(r"(?P<id>.+?)[_/.-](?P<version>v(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){0,2})")


def named(kind: EarlierKind, document: Document, root: Mapping, sink: DiagnosticSink) -> tuple[str, str]:
    """The id and version that an artifact will have."""
    written = root.get(kind.id_key) if kind.id_key else None
    if not isinstance(written, str) or not written.strip():
        written = document.path.rsplit("/", 1)[-1].removesuffix(".json")
    at = root.value_span(kind.id_key or "schema_version")
    subject = kind.id_key or "file name"
    found = _WITH_VERSION.fullmatch(written)
    id_ = plain_id(found["id"] if found is not None else written)
    if id_ is None:
        sink.report(EarlierName(at=at, subject=subject, written=written[:60]))
        return "", "v1"
    version = found["version"] if found is not None else _version_of(root.get("pipeline_version"))
    sink.report(Renamed(at=at, subject=subject, before=written[:200], after=f"{id_}/{version}"))
    return id_, version


def plain_id(text: str) -> str | None:
    """The id that is nearest to a text; None where there is none."""
    made = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return made if len(made) <= 120 and ID.fullmatch(made) is not None else None


def _version_of(pipeline_version: object) -> str:
    """The version that a text like `pipeline-v2` ends with, else `v1`."""
    found = _WITH_VERSION.fullmatch(pipeline_version) if isinstance(pipeline_version, str) else None
    return found["version"] if found is not None else "v1"


def labels(earlier: Earlier, *keys: str) -> dict[str, str]:
    """Metadata that leads back to the earlier artifact."""
    kept = {f"earlier_{key}": str(earlier.root[key]) for key in keys if key in earlier.root}
    return {"earlier_file": earlier.file_name, **kept}
