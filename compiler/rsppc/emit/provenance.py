"""`provenance.json`: the whole story of every leaf of a ResolvedSpec, for people who ask why.

`leaves` mirrors the ResolvedSpec: where that has a leaf, this has the number of an entry of `origins`. A number that
stands in the place of a whole part speaks for everything below it, so the JSON Pointer of a leaf leads to its entry
either all the way or earlier. Parts that many nodes and edges share (the queue of a profile, the defaults of a type)
have the same numbers everywhere, and their story is told once.

Places are looked up here and nowhere else. Everything that changes when a source is merely formatted (digests of bytes,
lines, columns) stands in this file, which is why it names the bundle and the bundle does not name it.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import Digest
from rsppc.base.json_pointer import steps_of
from rsppc.base.source import Place, Source, Span
from rsppc.emit.canonical_document import CanonicalDocument, Member, array_of, document, entry, object_of
from rsppc.emit.origins import Story, label
from rsppc.emit.resolved_spec import ResolvedSpec
from rsppc.ir.ports import is_input, shown_port
from rsppc.ir.program import Program
from rsppc.ir.setting import Computed, FromModule, FromNodeType, FromProfile, Inferred, Setting, Written


def provenance_document(program: Program, spec: ResolvedSpec, bundle: Digest, compiler: str) -> CanonicalDocument:
    """The side file of a ResolvedSpec, made without ever holding all origins, which are many."""
    places = _Places()
    origins = array_of(_entry(story, places) for story in spec.stories)
    leaves = object_of(entry(name, canonical(spec.numbers[name])) for name in sorted(spec.numbers))
    members: dict[str, Member] = {"origins": origins, "leaves": leaves}
    for name, value in _short_members(program, spec, bundle, compiler, places).items():
        members[name] = canonical(value)
    return document(members)


def origin_of(side_file: dict[str, Any], pointer: str) -> dict[str, Any] | None:
    """The entry that tells the story of a leaf; None where the pointer leads to no leaf."""
    found = side_file["leaves"]
    for key in steps_of(pointer):
        if isinstance(found, int):
            break
        if isinstance(found, list):
            if not (key.isascii() and key.isdigit() and int(key) < len(found)):
                return None
            found = found[int(key)]
        elif key in found:
            found = found[key]
        else:
            return None
    if not isinstance(found, int):
        return None
    entry: dict[str, Any] = side_file["origins"][found]
    return entry


def _short_members(
    program: Program, spec: ResolvedSpec, bundle: Digest, compiler: str, places: _Places
) -> dict[str, Any]:
    """The short members. The origins have been made before, as `sources` names the files of all places."""
    inferred = {"ports": _inferred_ports(program, places), "types": _inferred_types(program)}
    return {
        "bundle": {"bundle_id": program.bundle.id, "version": program.bundle.version, "digest": bundle},
        "resolved_spec": spec.document.digest,
        "compiler": compiler,
        "inferred": inferred,
        "sources": places.sources(),
    }


class _Places:
    """Turns places into file, line and column; remembers what would otherwise be looked up again and again."""

    def __init__(self) -> None:
        self._found: dict[str, Source] = {}
        self._containers: dict[int, tuple[Any, dict[Any, dict[str, Any]]]] = {}

    def of(self, span: Span) -> dict[str, Any]:
        self.name(span.source)
        line, column = span.source.location(span.start)
        return {"file": span.source.path, "line": line, "column": column}

    def value(self, container: Any, key: str | int) -> dict[str, Any]:
        """The place of a value. Whoever asks for one of a container soon asks for the others."""
        known = self._containers.get(id(container))
        if known is None:
            if len(self._containers) >= _CONTAINERS_MAX:
                self._containers.clear()
            known = self._containers[id(container)] = (container, self._values(container))
        return known[1].get(key) or self.of(container.value_span(key))

    def _values(self, container: Any) -> dict[Any, dict[str, Any]]:
        offsets = getattr(container, "at", None)
        if offsets is None or not isinstance(container, dict):
            return {}
        source: Source = getattr(container, "source")  # noqa: B009
        self.name(source)
        path, location = source.path, source.location
        found: dict[Any, dict[str, Any]] = {}
        for key, start in zip(container, offsets[2::4], strict=True):
            line, column = location(start)
            found[key] = {"file": path, "line": line, "column": column}
        return found

    def name(self, source: Source) -> None:
        """Say that a file has places that are named."""
        self._found[source.path] = source

    def sources(self) -> dict[str, Any]:
        """Every file that was named, with the digest of its bytes."""
        return {path: {"source_digest": self._found[path].digest} for path in sorted(self._found)}


_CONTAINERS_MAX = 1024


def _entry(story: Story, places: _Places) -> dict[str, Any]:
    setting = story.setting
    if setting is None:
        at = places.of(story.place.span()) if story.place is not None else {}
        return {"winner": {"label": story.label, **at}}
    if not setting.overridden:
        return {"winner": _candidate(setting, places)}
    return {
        "winner": _candidate(setting, places),
        "overridden": [_candidate(beaten, places) for beaten in setting.overridden],
    }


def _candidate(setting: Setting, places: _Places) -> Any:
    origin = setting.origin
    if isinstance(origin, Written):
        return {"label": label(origin), "value": setting.value, **places.value(origin.container, origin.key)}
    if isinstance(origin, FromProfile | FromNodeType):
        return _default(setting, origin, places)
    said: dict[str, Any] = {"label": label(origin), "value": setting.value}
    if isinstance(origin, Inferred):
        if origin.because:
            said["because"] = [places.of(place.span()) for place in origin.because]
        return said
    if isinstance(origin, Computed) or origin.container is None:
        return said
    said.update(places.value(origin.container, origin.key))
    if isinstance(origin, FromModule) and origin.via:
        said["via"] = list(origin.via)
    return said


def _default(setting: Setting, origin: FromProfile | FromNodeType, places: _Places) -> Any:
    """A default as it stands in a side file; most stand in the files of all pipelines of a workspace."""
    known = _DEFAULTS.get(id(setting))
    if known is None:
        if len(_DEFAULTS) >= 4096:
            _DEFAULTS.clear()
        said = {"label": label(origin), "value": setting.value, **places.value(origin.container, origin.key)}
        known = _DEFAULTS[id(setting)] = (setting, origin.span().source, Raw(canonical(said)))
    places.name(known[1])
    return known[2]


_DEFAULTS: dict[int, tuple[Setting, Source, Raw]] = {}
"""Results of a pure function by the identity of a setting, which is kept so that it is not given to another one."""


def _inferred_ports(program: Program, places: _Places) -> list[dict[str, Any]]:
    """Ports that authors left out, by edge."""
    found = []
    for edge in sorted((one for one in program.edges if one.inferred_ports), key=lambda one: one.id):
        for side in sorted(edge.inferred_ports):
            place: Place = edge.source.place if side == "source" else edge.target.place
            end = edge.source if side == "source" else edge.target
            found.append(
                {
                    "edge": edge.id,
                    "end": "from" if side == "source" else "to",
                    "port": end.port,
                    "rule": "only_port_that_fits",
                    **places.of(place.span()),
                }
            )
    return found


def _inferred_types(program: Program) -> dict[str, list[dict[str, Any]]]:
    """Attributes of types that nobody wrote, by node."""
    if program.solution is None:
        return {}
    return {
        node_id: [
            {
                "port": shown_port(one.port),
                "side": "input" if is_input(one.port) else "output",
                "attribute": one.attribute,
                "value": one.value,
                "rule": one.rule,
            }
            for one in choices
        ]
        for node_id, choices in program.solution.inferred.items()
        if choices
    }
