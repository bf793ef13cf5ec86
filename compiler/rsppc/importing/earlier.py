"""An earlier artifact, and the artifact of today that it becomes."""

from __future__ import annotations

from typing import Any

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.model.shape import ArtifactKind, Shape
from rsppc.syntax.document import Document, Mapping


class EarlierKind(Record):
    """One kind of earlier artifact."""

    name: str
    schema_version: str
    shape: Shape
    """Its `name` is what messages call the kind."""
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
    def path(self) -> str:
        return self.document.path

    @property
    def file_name(self) -> str:
        return self.path.rsplit("/", 1)[-1]

    def start(self) -> Span:
        """The place of what concerns the artifact as a whole."""
        return self.root.value_span("schema_version")


class Target(Record):
    """An artifact to be written. `path` is relative to the folder of sources."""

    earlier: Earlier
    id: str
    path: str
    content: dict[str, Any]

    def text(self) -> str:
        """The file, with a comment that says where it comes from."""
        from rsppc.syntax.document import Comment
        from rsppc.syntax.yaml_printer import print_yaml  # only when there is something to write

        said = Comment(start=0, text=f" Imported by `rsppc import` from the earlier {self.earlier.kind.shape.name}.")
        return print_yaml(self.content, (said,))


def target(
    earlier: Earlier, kind: ArtifactKind, content: dict[str, Any], *, id: str = "", labels: tuple[str, ...] = ()
) -> Target:
    """A target under the earlier artifact's name, or under an id of its own; `labels` are the fields kept as such."""
    id_ = id or earlier.id
    kept = {f"earlier_{key}": str(earlier.root[key]) for key in labels if key in earlier.root}
    return Target(
        earlier=earlier,
        id=id_,
        path=f"{kind.folder}/{id_}_{earlier.version}.yaml",
        content={
            "schema_version": kind.schema_version,
            kind.id_field: id_,
            "version": earlier.version,
            "metadata": {"labels": {"earlier_file": earlier.file_name, **kept}},
            **content,
        },
    )
