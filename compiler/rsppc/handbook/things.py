"""What the site is about, and where on it each thing stands.

Things are the artifacts of the workspace and of the shipped library, and what their extension manifests declare: node
types and providers. What the workspace declares stands in the place of what is shipped under the same name, as it does
when pipelines are compiled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rsppc.base.names import parse_ref, version_key
from rsppc.base.record import Record
from rsppc.lowering.artifacts import Artifact
from rsppc.model import shape as m
from rsppc.model.kinds import KINDS


class Declared(Record):
    """A node type or a provider, with the manifest that declares it."""

    name: str
    entry: Mapping[str, Any]
    manifest: Artifact


class Things:
    """Everything with a page of its own that is no page of the manual."""

    def __init__(self, artifacts: Sequence[Artifact]) -> None:
        order = {kind.name: number for number, kind in enumerate(KINDS)}
        self.artifacts = sorted(
            artifacts, key=lambda one: (one.shipped, order[one.kind.name], one.id, version_key(one.version), one.path)
        )
        self._by_name = {(one.kind.name, one.id, version_key(one.version)): one for one in reversed(self.artifacts)}
        self.node_types = self._declared("node_types", "node_type")
        self.providers = self._declared("providers", "provider_id")

    def of_kind(self, kind: str, *, shipped: bool) -> list[Artifact]:
        return [one for one in self.artifacts if one.kind.name == kind and one.shipped == shipped]

    def find(self, kind: str, text: str) -> Artifact | None:
        """The artifact that a reference names; None where it names none."""
        ref = parse_ref(text)
        return None if ref is None else self._by_name.get((kind, ref.id, version_key(ref.version)))

    def _declared(self, key: str, name: str) -> dict[str, Declared]:
        manifests = [one for one in self.artifacts if one.kind.name == "extension"]
        found = {
            entry[name]: Declared(name=entry[name], entry=entry, manifest=manifest)
            for manifest in reversed(manifests)
            for entry in reversed(manifest.root.get(key) or ())
        }
        return {name: found[name] for name in sorted(found)}


def artifact_path(artifact: Artifact) -> str:
    """Where the page of an artifact stands."""
    place = "library" if artifact.shipped else "workspace"
    return f"{place}/{artifact.kind.name}/{artifact.id}_{artifact.version}.html"


def node_type_path(name: str) -> str:
    return f"node_types/{name}.html"


def provider_path(name: str) -> str:
    return f"providers/{name}.html"


def kind_path(kind: m.ArtifactKind) -> str:
    return f"kinds/{kind.name}.html"


class Mention(Record):
    """Something that an artifact names: `what` is a kind of artifact, `node type` or `provider`."""

    what: str
    name: str


def mentions(artifact: Artifact) -> Iterator[Mention]:
    """Everything that an artifact names which may have a page of its own."""
    yield from _mentions(artifact.root, m.Nested(shape=artifact.kind.shape), "")


def mention(value: Any, type_: m.FieldType, key: str) -> Mention | None:
    """What a single value names, if anything; `key` is `shape.key`, as in `node.node_type`."""
    if not isinstance(value, str):
        return None
    if isinstance(type_, m.Reference):
        return Mention(what=type_.kind, name=value)
    what = _NAMING.get(key)
    return Mention(what=what, name=value) if what is not None else None


_NAMING = {
    "node.node_type": "node type",
    "node.provider": "provider",
    "provider_rule.use": "provider",
}


def _mentions(value: Any, type_: m.FieldType, key: str) -> Iterator[Mention]:
    match type_:
        case m.Nested(shape=shape) if isinstance(value, Mapping):
            for field in shape.fields:
                if field.name in value:
                    yield from _mentions(value[field.name], field.type, f"{shape.name}.{field.name}")
        case m.Listing(item=inner) if isinstance(value, list):
            for one in value:
                yield from _mentions(one, inner, key)
        case m.Table(value=inner) if isinstance(value, Mapping):
            for one in value.values():
                yield from _mentions(one, inner, key)
        case m.OneOf(options=options):
            for option in options:
                yield from _mentions(value, option, key)
        case _:
            found = mention(value, type_, key)
            if found is not None:
                yield found
