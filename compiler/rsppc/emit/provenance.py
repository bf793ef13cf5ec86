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

from rsppc.base.canonical_json import canonical
from rsppc.base.digest import Digest
from rsppc.base.source import Place, Source, Span
from rsppc.emit.canonical_document import CanonicalDocument, Member, array_of, document, entry, object_of
from rsppc.emit.origins import Story, label
from rsppc.emit.resolved_spec import ResolvedSpec
from rsppc.ir.ports import is_input, shown_port
from rsppc.ir.program import Program
from rsppc.ir.setting import Computed, FromModule, Inferred, Setting


def provenance(program: Program, spec: ResolvedSpec, bundle: Digest, compiler: str) -> dict[str, Any]:
    """The side file of a ResolvedSpec."""
    places = _Places()
    origins = [_entry(story, places) for story in spec.stories]
    return {"origins": origins, "leaves": spec.numbers, **_short_members(program, spec, bundle, compiler, places)}


def provenance_document(program: Program, spec: ResolvedSpec, bundle: Digest, compiler: str) -> CanonicalDocument:
    """The same in canonical bytes, without ever holding all origins, which are many."""
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
    for step in pointer.split("/")[1:]:
        if isinstance(found, int):
            break
        key = step.replace("~1", "/").replace("~0", "~")
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
        self._numbers: dict[int, tuple[Any, dict[Any, int]]] = {}

    def of(self, span: Span) -> dict[str, Any]:
        return self._at(span.source, span.start)

    def value(self, container: Any, key: str | int) -> dict[str, Any]:
        """The place of a value. A mapping would find each of its values by walking; here C does, or a memory."""
        offsets = getattr(container, "at", None)
        if offsets is None or not isinstance(container, dict) or key not in container:
            return self.of(container.value_span(key))
        number = list(container).index(key) if len(container) <= _LONG else self._number(container, key)
        return self._at(getattr(container, "source"), offsets[4 * number + 2])  # noqa: B009

    def _number(self, container: dict[Any, Any], key: Any) -> int:
        """Which one a key is in a long mapping, of which all keys are counted once."""
        known = self._numbers.get(id(container))
        if known is None:
            numbers = {name: number for number, name in enumerate(container)}
            known = self._numbers[id(container)] = (container, numbers)
        return known[1][key]

    def _at(self, source: Source, offset: int) -> dict[str, Any]:
        self._found.setdefault(source.path, source)
        line, column = source.location(offset)
        return {"file": source.path, "line": line, "column": column}

    def sources(self) -> dict[str, Any]:
        """Every file that was named, with the digest of its bytes."""
        return {path: {"source_digest": self._found[path].digest} for path in sorted(self._found)}


_LONG = 32


def _entry(story: Story, places: _Places) -> dict[str, Any]:
    setting = story.setting
    if setting is None:
        at = places.of(story.place.span()) if story.place is not None else {}
        return {"winner": {"label": story.label, **at}}
    entry: dict[str, Any] = {"winner": _candidate(setting, story.label, places)}
    if setting.overridden:
        entry["overridden"] = [_candidate(beaten, label(beaten.origin), places) for beaten in setting.overridden]
    return entry


def _candidate(setting: Setting, text: str, places: _Places) -> dict[str, Any]:
    origin = setting.origin
    said: dict[str, Any] = {"label": text, "value": setting.value}
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
