"""One side of a comparison: a compiled bundle as plain values, and where each of its leaves comes from."""

from __future__ import annotations

from typing import Any

from rsppc.base.canonical_json import digest_value
from rsppc.base.names import Ref, parse_ref
from rsppc.base.record import Record
from rsppc.emit.provenance import origin_of

_LISTS = ("policy_refs", "layer_refs", "module_refs")


class Origin(Record):
    """Where a leaf comes from: a label as in `defaulting_sources`, and the place where that is known."""

    label: str
    place: str = ""
    """File, line and column."""
    said: tuple[Any, ...] = ()
    """What is written at the place; empty where nobody knows. A leaf may be made of it and of more."""


class Side(Record):
    """A compiled bundle. `provenance` is None where nobody kept it; labels of leaves stand in `spec` then."""

    name: str
    """What the user called it."""
    bundle: dict[str, Any]
    spec: dict[str, Any]
    provenance: dict[str, Any] | None = None
    manifests: dict[str, str] = {}
    """Digests of the extension manifests in sight, by reference; empty where nobody knows. No bundle names them."""

    @property
    def ref(self) -> str:
        return f"{self.bundle['bundle_id']}/{self.bundle['version']}"

    @property
    def digest(self) -> str:
        return digest_value(self.bundle)

    @property
    def compiler(self) -> str:
        """Name and version of the compiler; empty where nobody kept it."""
        return str(self.provenance["compiler"]) if self.provenance is not None else ""

    @property
    def spec_ref(self) -> str:
        return self.refs["pipeline"][0].name

    @property
    def refs(self) -> dict[str, tuple[Ref, ...]]:
        """What the bundle is made of, by kind."""
        texts = [self.bundle["spec_ref"], self.bundle["profile_ref"]]
        texts += [text for key in _LISTS for text in self.bundle[key]]
        found: dict[str, tuple[Ref, ...]] = {}
        for text in texts:
            ref = parse_ref(text)
            if ref is not None and ref.kind is not None:
                found[ref.kind] = (*found.get(ref.kind, ()), ref)
        return found

    def value(self) -> dict[str, Any]:
        """All that the two documents promise, as one value: what is compared."""
        said: dict[str, Any] = {key: part for key, part in self.spec.items() if key != "defaulting_sources"}
        said["assets"] = {one["path"]: one["digest"] for one in self.bundle["assets"]}
        said["compat_window"] = self.bundle.get("compat_window", {})
        said["made_of"] = {
            kind: {ref.id: f"{ref.version}@{ref.digest}" for ref in refs} for kind, refs in self.refs.items()
        }
        return said

    def origin(self, pointer: str) -> Origin | None:
        """Where the leaf at a JSON Pointer comes from."""
        story = origin_of(self.provenance, pointer) if self.provenance is not None else None
        if story is not None:
            winner = story["winner"]
            is_placed = winner.keys() >= {"file", "line", "column"}
            place = f"{winner['file']}:{winner['line']}:{winner['column']}" if is_placed else ""
            said = (winner["value"],) if "value" in winner else ()
            return Origin(label=winner["label"], place=place, said=said)
        labels = self.spec["defaulting_sources"]
        label = labels.get(pointer) or labels.get(f"{pointer}/0") or labels.get(f"{pointer}/text")
        return Origin(label=label) if label is not None else None
