"""What breaks authors: a name that they refer to is gone, a value that they wrote is refused, something new is asked.

Artifacts are compared, not what is compiled of them: other pipelines use them as well, and layers and policies that
nobody here has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.changes.finding import Breaking
from rsppc.lowering.artifacts import Artifact
from rsppc.syntax.document import Mapping


class RemovedArtifact(Breaking):
    """A version that was published stays: whoever refers to it finds nothing in its place."""

    code = "RSP9711"
    name = "removed-artifact"
    audience = "source"
    headline = "the {kind} `{subject}` is gone"
    hint = "keep it as long as somebody may refer to it; `deprecated` in a compatibility policy says until when"
    kind: str


class RemovedPort(Breaking):
    """Edges name ports. An edge to a port that is gone is an error in a source that nobody touched."""

    code = "RSP9712"
    name = "removed-port"
    audience = "source"
    headline = "the {what} `{subject}` of {owner} is gone"
    what: str


class RemovedField(Breaking):
    """Specs, layers and policies set fields by name. A field that is gone is an error wherever it is set."""

    code = "RSP9713"
    name = "removed-field"
    audience = "source"
    headline = "the {what} `{subject}` of {owner} is gone"
    what: str


class RemovedName(Breaking):
    """Layers, policies, fallbacks and waivers refer to nodes, rules, node types, providers and records by name."""

    code = "RSP9714"
    name = "removed-name"
    audience = "source"
    headline = "the {what} `{subject}` of {owner} is gone"
    what: str


class NarrowerBound(Breaking):
    """A value that somebody wrote within the old bounds is refused by the new ones."""

    code = "RSP9715"
    name = "narrower-bound"
    audience = "source"
    headline = "`{subject}` takes less: it was {written_before}, and is {written_after}"
    written_before: str
    written_after: str


class NewRequirement(Breaking):
    """What must be fed or set now is left out in every source that was written before."""

    code = "RSP9716"
    name = "new-requirement"
    audience = "source"
    headline = "the {what} `{subject}` must be {wanted} now"
    what: str
    wanted: str


class _Names(Record):
    """Names of one sort that others refer to: how to find them in an artifact, and what says that one is gone."""

    kind: type[RemovedPort] | type[RemovedField] | type[RemovedName]
    what: str
    keys: tuple[str, ...]
    name: str = "name"


_NAMES: dict[str, tuple[_Names, ...]] = {
    "module": (
        _Names(kind=RemovedPort, what="input", keys=("exposes", "inputs")),
        _Names(kind=RemovedPort, what="output", keys=("exposes", "outputs")),
        _Names(kind=RemovedField, what="setting", keys=("exposes", "settings")),
        _Names(kind=RemovedName, what="node", keys=("nodes",), name="node_id"),
    ),
    "pipeline": (
        _Names(kind=RemovedName, what="node", keys=("nodes",), name="node_id"),
        _Names(kind=RemovedName, what="module in use", keys=("subgraph_refs",)),
    ),
    "policy": tuple(
        _Names(kind=RemovedName, what=f"{sort} rule", keys=(f"{sort}_rules",), name="id")
        for sort in ("provider", "degrade", "insert")
    ),
    "extension": (
        _Names(kind=RemovedName, what="node type", keys=("node_types",), name="node_type"),
        _Names(kind=RemovedName, what="record", keys=("records",), name="schema_id"),
        _Names(kind=RemovedName, what="provider", keys=("providers",), name="provider_id"),
        _Names(kind=RemovedName, what="policy plugin", keys=("policy_plugins",), name="policy_plugin"),
        _Names(kind=RemovedName, what="runtime adapter", keys=("runtime_adapters",), name="runtime_adapter"),
    ),
}

Facts = Callable[[Any], dict[str, Any]]
"""What every finding about an artifact says, by the step of the version that it needs."""

AtBefore = Callable[[Span], Span]
"""A place in the earlier source, named as what it is."""


def find(before: Artifact, after: Artifact, facts: Facts, at_before: AtBefore) -> Iterator[Breaking]:
    """All findings about two versions of an artifact, but for those about ports."""
    for names in _NAMES.get(before.kind.name, ()):
        old, new = _named(before.root, names), _named(after.root, names)
        for name in sorted(old.keys() - new.keys()):
            yield names.kind(at=at_before(old[name]), subject=name, what=names.what, **facts("major"))
    if before.kind.name == "profile":
        yield from _overridable(before, after, facts, at_before)
    if before.kind.name == "extension":
        for name, old_type, new_type in node_types_of_both(before, after):
            yield from _ports(name, old_type, new_type, facts, at_before)
            yield from _fields(name, old_type, new_type, facts, at_before)


def removed(artifact: Artifact, facts: Facts, at_before: AtBefore) -> RemovedArtifact:
    """An artifact that is gone; no version of it can say so."""
    return RemovedArtifact(
        at=at_before(artifact.item_span()), subject=artifact.ref, kind=artifact.kind.title, **facts("none")
    )


def node_types_of_both(before: Artifact, after: Artifact) -> Iterator[tuple[str, Mapping, Mapping]]:
    """Node types that two versions of a manifest both declare."""
    new = {one["node_type"]: one for one in after.root.get("node_types") or ()}
    for one in before.root.get("node_types") or ():
        if one["node_type"] in new:
            yield one["node_type"], one, new[one["node_type"]]


def _named(root: Mapping, names: _Names) -> dict[str, Span]:
    found: Any = root
    for key in names.keys:
        found = found.get(key) if found is not None else None
    return {one[names.name]: one.value_span(names.name) for one in found or () if names.name in one}


def _overridable(before: Artifact, after: Artifact, facts: Facts, at_before: AtBefore) -> Iterator[Breaking]:
    """What layers may set."""
    old, new = before.root.get("overridable") or (), after.root.get("overridable") or ()
    for index, path in enumerate(old):
        if path not in new:
            at = at_before(before.root["overridable"].value_span(index))
            yield RemovedField(at=at, subject=path, what="setting for layers", **facts("major"))


def _ports(name: str, old: Mapping, new: Mapping, facts: Facts, at_before: AtBefore) -> Iterator[Breaking]:
    sides = [{(port["direction"], port["name"]): port for port in one["ports"]} for one in (old, new)]
    for key, port in sides[0].items():
        if key not in sides[1]:
            what = "input" if key[0] == "in" else "output"
            yield RemovedPort(
                at=at_before(port.value_span("name")), subject=f"{name}.{key[1]}", what=what, **facts("major")
            )
    for key, port in sides[1].items():
        was = sides[0].get(key)
        # An output that must be consumed breaks a graph just as an input does that must be fed.
        if port.get("required", True) and (was is None or not was.get("required", True)):
            what, wanted = ("input", "fed") if key[0] == "in" else ("output", "consumed")
            yield NewRequirement(
                at=port.value_span("name"), subject=f"{name}.{key[1]}", what=what, wanted=wanted, **facts("major")
            )


def _fields(name: str, old: Mapping, new: Mapping, facts: Facts, at_before: AtBefore) -> Iterator[Breaking]:
    """Config fields of a node type."""
    sides = [{one["name"]: one for one in kind.get("config") or ()} for kind in (old, new)]
    for key, field in sides[0].items():
        if key not in sides[1]:
            at = at_before(field.value_span("name"))
            yield RemovedField(at=at, subject=f"{name}.{key}", what="config field", **facts("major"))
        else:
            yield from _bounds(f"{name}.{key}", field, sides[1][key], facts)
    for key, field in sides[1].items():
        if field.get("required") and not sides[0].get(key, {}).get("required"):
            yield NewRequirement(
                at=field.value_span("name"),
                subject=f"{name}.{key}",
                what="config field",
                wanted="set",
                **facts("major"),
            )


def _bounds(subject: str, old: Mapping, new: Mapping, facts: Facts) -> Iterator[Breaking]:
    """Values that a config field took, and takes no more."""
    for key, is_narrower in (
        ("type", old["type"] != new["type"]),
        ("min", "min" in new and ("min" not in old or new["min"] > old["min"])),
        ("max", "max" in new and ("max" not in old or new["max"] < old["max"])),
        ("values", "values" in new and not set(old.get("values") or (new["values"])) <= set(new["values"])),
    ):
        if is_narrower:
            yield NarrowerBound(
                at=new.value_span(key),
                subject=subject,
                written_before=_bound(key, old),
                written_after=_bound(key, new),
                **facts("major"),
            )


_WORDS = {"min": "at least ", "max": "at most ", "values": "one of ", "type": ""}


def _bound(key: str, field: Mapping) -> str:
    if key not in field:
        return "without a bound"
    value = field[key]
    return f"{_WORDS[key]}{', '.join(value) if isinstance(value, list) else value}"
