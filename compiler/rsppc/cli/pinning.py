"""Put digests behind the references in a bundle or a rollout, leaving everything else as its author wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rsppc.base.names import parse_ref, version_key
from rsppc.base.record import Record
from rsppc.ir.program import Program
from rsppc.lowering.artifacts import Artifact, Artifacts
from rsppc.syntax.document import Mapping, Sequence


class Change(Record):
    """A digest in the source of a bundle that is not what it would be pinned to now."""

    kind: str
    ref: str
    before: str
    now: str


class Pin(Record):
    """A reference of a bundle, the artifact that it leads to, and the digest that stands for it."""

    kind: str
    ref: str
    digest: str
    artifact: Any

    @property
    def text(self) -> str:
        return f"{self.ref}@{self.digest}"


_LISTS = {"policy": "policy_refs", "layer": "layer_refs", "module": "module_refs"}


def pins_of(program: Program, artifacts: Artifacts, entry: Artifact) -> tuple[Pin, ...]:
    """Everything that a bundle refers to, modules included."""
    from rsppc.diagnostics import DiagnosticSink

    pins = []
    for pinned in program.bundle.pinned:
        artifact = artifacts.resolve(pinned.kind, pinned.ref, entry.item_span(), DiagnosticSink())
        assert artifact is not None
        pins.append(Pin(kind=pinned.kind, ref=pinned.ref, digest=pinned.digest, artifact=artifact))
    return tuple(pins)


def changes_of(entry: Artifact, pins: tuple[Pin, ...], bundle_digest: str) -> tuple[Change, ...]:
    """What pinning would accept: digests in the source of a bundle that say something else today."""
    digests = {(pin.kind, *_key(pin.ref)): pin.digest for pin in pins}
    changes = []
    for kind, text in _references(entry.root):
        ref = parse_ref(text)
        now = digests.get((kind, ref.id, version_key(ref.version)), "") if ref is not None else ""
        if ref is not None and ref.digest is not None and now not in ("", ref.digest):
            changes.append(Change(kind=kind, ref=ref.name, before=ref.digest, now=now))
    before = entry.root.get("bundle_digest", bundle_digest)
    if before != bundle_digest:
        changes.append(Change(kind="makes", ref=entry.ref, before=before, now=bundle_digest))
    return tuple(changes)


def _references(root: Mapping) -> Iterator[tuple[str, str]]:
    for key, kind in (("spec_ref", "pipeline"), ("profile_ref", "profile")):
        if key in root:
            yield kind, root[key]
    for kind, key in _LISTS.items():
        for text in root.get(key) or ():
            yield kind, text


def _key(name: str) -> tuple[str, tuple[int, int, int]]:
    ref = parse_ref(name)
    assert ref is not None
    return ref.id, version_key(ref.version)


def pinned_text(entry: Artifact, pins: tuple[Pin, ...], bundle_digest: str) -> str:
    """The source of a bundle with its references pinned, the modules in use listed, and the digest of what it makes."""
    by_ref = {(pin.kind, pin.ref): pin for pin in pins}
    edits: list[tuple[int, int, str]] = []
    root = entry.root
    for key, kind in (("spec_ref", "pipeline"), ("profile_ref", "profile")):
        _edit(root, key, kind, by_ref, edits)
    for kind, key in _LISTS.items():
        refs = root.get(key)
        for index in range(len(refs) if refs is not None else 0):
            _edit(refs, index, kind, by_ref, edits)
    if "bundle_digest" in root:
        span = root.value_span("bundle_digest")
        edits.append((span.start, span.end, span.text.replace(root["bundle_digest"], bundle_digest)))
    text = _edited(entry.document.source.text, edits)
    modules = [pin.text for pin in pins if pin.kind == "module"]
    if modules and "module_refs" not in root:
        text = _with_key(text, entry.path, "module_refs", "[" + ", ".join(f'"{module}"' for module in modules) + "]")
    if "bundle_digest" not in root:
        text = _with_key(text, entry.path, "bundle_digest", f'"{bundle_digest}"')
    return text


def changes_of_rollout(entry: Artifact, digests: dict[str, str]) -> tuple[Change, ...]:
    """What pinning a rollout would accept: digests of bundles that are built otherwise today."""
    found = {
        (ref.name, ref.digest)
        for holder in (entry.root, *entry.root["cohorts"])
        for key in _BUNDLES
        if key in holder and (ref := parse_ref(holder[key])) is not None and ref.digest is not None
    }
    return tuple(
        Change(kind="bundle", ref=name, before=before, now=digests[name])
        for name, before in sorted(found)
        if before != digests[name]
    )


def pinned_rollout_text(entry: Artifact, digests: dict[str, str]) -> str:
    """The source of a rollout with every bundle pinned to what was built, by name."""
    pins = {("bundle", name): Pin(kind="bundle", ref=name, digest=digests[name], artifact=None) for name in digests}
    edits: list[tuple[int, int, str]] = []
    for holder in (entry.root, *entry.root["cohorts"]):
        for key in _BUNDLES:
            if key in holder:
                _edit(holder, key, "bundle", pins, edits)
    return _edited(entry.document.source.text, edits)


_BUNDLES = ("bundle_ref", "rollback_ref")


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text


def _edit(
    container: Mapping | Sequence | Any,
    key: Any,
    kind: str,
    by_ref: dict[tuple[str, str], Pin],
    edits: list[tuple[int, int, str]],
) -> None:
    ref = parse_ref(container[key]) if not isinstance(container, Mapping) or key in container else None
    pin = by_ref.get((kind, ref.name)) if ref is not None else None
    if pin is None:
        return
    span = container.value_span(key)
    written = span.text
    quote = written[0] if written[:1] in ('"', "'") else ""
    prefix = f"{kind}:" if written[len(quote) :].startswith(f"{kind}:") else ""
    edits.append((span.start, span.end, f"{quote}{prefix}{pin.text}{quote}"))


def _with_key(text: str, path: str, key: str, value: str) -> str:
    """The text with one more key at its end, in the way of its format."""
    if path.endswith(".yaml"):
        return text.rstrip("\n") + f"\n{key}: {value}\n"
    end = text.rindex("}")
    before = text[:end].rstrip()
    if path.endswith(".json"):
        comma = "" if before.endswith("{") else ","
        return f'{before}{comma}\n  "{key}": {value}\n{text[end:]}'
    return f"{before}\n  {key} = {value}\n{text[end:]}"
