"""Where every effective value came from, ready to be looked through: what `rsppc why` tells, of all values at once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from rsppc.base.json_pointer import pointer_of
from rsppc.base.record import Record
from rsppc.pictures.resolved import Candidate, Origin, Provenance, Resolved

LEAVES_MAX = 20_000
"""Of more values, only those are shown that somebody chose."""
_SECTIONS = {"effective_nodes": "nodes", "effective_edges": "edges"}
_LAST = ("layers", "rules", "graph_definition_refs", "analysis")
_VALUE_MAX = 240
_CHOSEN = ("explicit", "bundle", "module", "layer", "policy")

KINDS = {
    "explicit": "written in the pipeline",
    "bundle": "bundle",
    "layer": "layer",
    "policy": "policy",
    "module": "module",
    "execution_profile": "default of the profile",
    "node_type": "default of the node type",
    "inferred": "inferred",
    "computed": "computed",
}
"""Kinds of origins, as a reader chooses among them."""


class Told(Record):
    """Who set a value, or would have."""

    label: str
    place: str
    value: str
    """Empty where the story does not repeat it."""


class Leaf(Record):
    """A value and its story."""

    path: str
    value: str
    kind: str
    winner: Told
    overridden: tuple[Told, ...]
    turn_time: tuple[str, ...]
    """Values that it may have in a turn, and when."""


class Group(Record):
    """The values of a node, of an edge, or of a section."""

    name: str
    leaves: tuple[Leaf, ...]


class Explorer(Record):
    """All values in groups. `left_out` are defaults that were too many."""

    groups: tuple[Group, ...]
    count: int
    left_out: int
    kinds: tuple[tuple[str, str, int], ...]
    """Kinds that occur: name, words, how many."""


def explorer(spec: dict[str, Any], resolved: Resolved, provenance: Provenance) -> Explorer:
    """Every value of a ResolvedSpec with its story."""
    at_turn_time = _at_turn_time(resolved)
    found: dict[str, list[Leaf]] = {}
    counts: dict[str, int] = {}
    sources = resolved.defaulting_sources
    only_chosen = len(sources) > LEAVES_MAX
    count = left_out = 0
    leaves = provenance.leaves if isinstance(provenance.leaves, dict) else {}
    for section in sorted(leaves):
        for steps, value, number in _walk((section,), spec.get(section), leaves[section]):
            pointer = pointer_of(steps)
            label = sources.get(pointer, "")
            kind = _kind(label)
            story = provenance.origins[number] if 0 <= number < len(provenance.origins) else None
            if only_chosen and kind not in _CHOSEN and not (story is not None and story.overridden):
                left_out += 1
                continue
            count += 1
            counts[kind] = counts.get(kind, 0) + 1
            leaf = _leaf(steps, value, kind, label, story, at_turn_time.get(pointer, ()))
            found.setdefault(_group(steps), []).append(leaf)
    groups = tuple(Group(name=name, leaves=tuple(found[name])) for name in sorted(found, key=_rank))
    kinds = tuple((kind, words, counts[kind]) for kind, words in KINDS.items() if kind in counts)
    return Explorer(groups=groups, count=count, left_out=left_out, kinds=kinds)


def _walk(steps: tuple[str, ...], value: Any, numbers: Any) -> Iterator[tuple[tuple[str, ...], Any, int]]:
    """Leaves in the order of their paths, each with the number of its story; a number that stands for a whole part
    speaks for everything below."""
    pending = [(steps, value, numbers)]
    while pending:
        at, part, number = pending.pop()
        if not part or not isinstance(part, dict | list | tuple):
            yield at, part, number if isinstance(number, int) else -1
            continue
        entries = sorted(part.items()) if isinstance(part, dict) else list(enumerate(part))
        for key, item in reversed(entries):
            pending.append(((*at, str(key)), item, _below(number, key)))


def _below(number: Any, key: Any) -> Any:
    if isinstance(number, dict):
        return number.get(key, -1)
    if isinstance(number, list | tuple):
        return number[key] if isinstance(key, int) and key < len(number) else -1
    return number


def _kind(label: str) -> str:
    first = label.partition("/")[0]
    return "explicit" if first.startswith("explicit_") else first if first in KINDS else "computed"


def _group(steps: tuple[str, ...]) -> str:
    if steps[0] in _SECTIONS and len(steps) > 1:
        return f"{_SECTIONS[steps[0]]}.{steps[1]}"
    return steps[0]


def _rank(group: str) -> tuple[int, str]:
    """What authors set comes first, what the compiler computed last."""
    first = group.partition(".")[0]
    return (_LAST.index(first) + 2 if first in _LAST else 0 if first in ("nodes", "edges") else 1, group)


def _leaf(
    steps: tuple[str, ...],
    value: Any,
    kind: str,
    label: str,
    story: Origin | None,
    turn_time: tuple[tuple[Any, str], ...],
) -> Leaf:
    winner = story.winner if story is not None else Candidate(label=label)
    return Leaf(
        path=".".join((_SECTIONS.get(steps[0], steps[0]), *steps[1:])),
        value=_json(value),
        kind=kind,
        winner=Told(label=winner.label or label, place=_place(winner), value=""),
        overridden=tuple(_told(one) for one in (story.overridden if story is not None else ())),
        turn_time=tuple(f"{_json(other)} {when}" for other, when in turn_time),
    )


def _told(one: Candidate) -> Told:
    return Told(label=one.label, place=_place(one), value="" if one.value is msgspec.UNSET else _json(one.value))


def _place(one: Candidate) -> str:
    via = f", through {' / '.join(one.via)}" if one.via else ""
    return f"{one.file}:{one.line}:{one.column}{via}" if one.file else via.removeprefix(", ")


def _json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(", ", ": "))
    return text if len(text) <= _VALUE_MAX else f"{text[:_VALUE_MAX]}…"


def _at_turn_time(spec: Resolved) -> dict[str, tuple[tuple[Any, str], ...]]:
    """Per JSON Pointer the values that conditional layers and degrade rules would give, with condition and author."""
    found: dict[str, list[tuple[Any, str]]] = {}
    for scope, layers in sorted(spec.layers.items()):
        for layer in layers:
            when = f"when {layer.when.text} " if layer.when is not None else ""
            for pointer, value in sorted(layer.patch.items()):
                found.setdefault(pointer, []).append((value, f"{when}({scope} layer {layer.layer})"))
    for rule in spec.rules.degrade:
        when = f"when {rule.when.text} " if rule.when is not None else ""
        for pointer, value in sorted(rule.patch.items()):
            found.setdefault(pointer, []).append((value, f"{when}({rule.policy} rule {rule.rule})"))
    return {pointer: tuple(values) for pointer, values in found.items()}
