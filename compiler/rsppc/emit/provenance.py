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
from rsppc.emit.canonical_document import CanonicalDocument, array_of, document
from rsppc.emit.origins import Story, label
from rsppc.emit.resolved_spec import ResolvedSpec
from rsppc.ir.ports import is_input, shown_port
from rsppc.ir.program import Program
from rsppc.ir.setting import Computed, FromModule, Inferred, Setting


def provenance(program: Program, spec: ResolvedSpec, bundle: Digest, compiler: str) -> CanonicalDocument:
    """The side file of a ResolvedSpec."""
    places = _Places()
    origins = array_of(_entry(story, places) for story in spec.stories)
    inferred = {"ports": _inferred_ports(program, places), "types": _inferred_types(program)}
    others = {
        "bundle": {"bundle_id": program.bundle.id, "version": program.bundle.version, "digest": bundle},
        "resolved_spec": spec.document.digest,
        "compiler": compiler,
        "leaves": spec.numbers,
        "inferred": inferred,
        "sources": places.sources(),
    }
    return document({"origins": origins, **{name: canonical(member) for name, member in others.items()}})


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


class _Places:
    """Turns places into file, line and column; remembers what would otherwise be looked up again and again."""

    def __init__(self) -> None:
        self._found: dict[str, Source] = {}
        self._entries: dict[int, tuple[Any, dict[Any, int]]] = {}

    def of(self, span: Span) -> dict[str, Any]:
        source = span.source
        self._found.setdefault(source.path, source)
        line, column = source.location(span.start)
        return {"file": source.path, "line": line, "column": column}

    def value(self, container: Any, key: str | int) -> dict[str, Any]:
        """The place of a value. A mapping finds its own values by walking; in a long one that is done once for all."""
        offsets = getattr(container, "at", None)
        if offsets is not None and isinstance(container, dict) and len(container) > _LONG:
            known = self._entries.get(id(container))
            if known is None:
                numbers = {name: number for number, name in enumerate(container)}
                known = self._entries[id(container)] = (container, numbers)
            number = known[1].get(key)
            if number is not None:
                start = offsets[4 * number + 2]
                return self.of(Span(source=getattr(container, "source"), start=start, end=start))  # noqa: B009
        return self.of(container.value_span(key))

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
