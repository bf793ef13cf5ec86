"""What a schema of metadata may say: JSON Schema 2020-12 that ends, fetches nothing, and costs little.

A schema is kept for years and runs on whatever anybody sends. So references lead to places within the schema and never
in a circle, written out it stays small, and patterns are such that every engine runs them in linear time. All problems
are found at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import unquote

from rsppc.base.json_pointer import escaped
from rsppc.store.patterns import pattern_fault
from rsppc.store.request import NAME
from rsppc.store.violations import Violation

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS_MAX = 10_000
EXPANDED_MAX = 100_000
"""How many schemas there may be once every reference is replaced by what it stands for."""
DEPTH_MAX = 100
"""How deep they may lie in each other then. Engines call themselves for each level, and crash at some thousand."""
TIED_MAX = 4
"""How many `unevaluated…` may lie in each other: each has everything below it judged several times."""
CHOICES_MAX = 1_000
"""Values of an `enum`, which are tried one after the other on every value that it judges."""

_ONE = ("not", "if", "then", "else", "additionalProperties", "items", "contains", "propertyNames")
_ONE_MORE = ("unevaluatedItems", "unevaluatedProperties", "contentSchema")
_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_TABLES = ("properties", "patternProperties", "dependentSchemas")
_KEPT_FOR_LATER = ("$defs", "definitions")
_TIED = frozenset({"unevaluatedItems", "unevaluatedProperties"})
_REFUSED = {
    "$dynamicRef": "where it leads depends on who refers to the schema; write `$ref`",
    "$dynamicAnchor": "where it leads depends on who refers to the schema; write `$defs` and `$ref`",
    "$recursiveRef": "it belongs to another draft; write `$ref`",
    "$recursiveAnchor": "it belongs to another draft",
    "$vocabulary": "a schema of metadata defines no dialect",
}


def rule_violations(schema: Mapping[str, Any]) -> list[Violation]:
    """What keeps a schema from being registered, beside what its meta-schema says."""
    found = list(_head_violations(schema))
    places = dict(_places(schema))
    if len(places) > SCHEMAS_MAX:
        return [*found, Violation(pointer="", problem=f"it holds more than {SCHEMAS_MAX} schemas")]
    for pointer, one in places.items():
        found += _one_violations(pointer, one)
    edges = {}
    tied = {pointer for pointer, one in places.items() if _TIED & one.keys()}
    for pointer, one in places.items():
        targets = [f"{pointer}{step}" for step, _ in _children(one, later=False)]
        if "$ref" in one:
            target = reference_target(one["$ref"])
            if target in places:
                targets.append(target)
            else:
                found.append(_lost(f"{pointer}/$ref", one["$ref"]))
        edges[pointer] = targets
    return [*found, *_growth_violations(edges, tied)]


def _head_violations(schema: Mapping[str, Any]) -> Iterator[Violation]:
    dialect, name = schema.get("$schema"), schema.get("$id")
    if dialect != DIALECT:
        said = f"it is {str(dialect)[:80]!a}" if dialect is not None else "it is missing"
        yield Violation(pointer="/$schema", problem=f"{said}; schemas of metadata are written in `{DIALECT}`")
    if not isinstance(name, str) or NAME.fullmatch(name) is None:
        said = f"it is {str(name)[:80]!a}" if name is not None else "it is missing"
        yield Violation(
            pointer="/$id", problem=f"{said}; it names the schema, in at most 200 letters, digits, `._:/@+-`"
        )


def _places(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every schema within a schema, itself first, with its JSON Pointer."""
    waiting: list[tuple[str, Any]] = [("", schema)]
    count = 0
    while waiting and count <= SCHEMAS_MAX:
        pointer, one = waiting.pop()
        if isinstance(one, dict):
            count += 1
            yield pointer, one
            waiting += [(f"{pointer}{step}", child) for step, child in _children(one, later=True)]
        elif isinstance(one, bool):
            yield pointer, {}


def _children(one: Mapping[str, Any], *, later: bool) -> Iterator[tuple[str, Any]]:
    """The schemas directly in a schema; with `later` also those that only references lead to."""
    for key in (*_ONE, *_ONE_MORE):
        if isinstance(one.get(key), dict | bool):
            yield f"/{key}", one[key]
    for key in _LISTS:
        if isinstance(one.get(key), list):
            yield from ((f"/{key}/{index}", child) for index, child in enumerate(one[key]))
    for key in (*_TABLES, *_KEPT_FOR_LATER) if later else _TABLES:
        if isinstance(one.get(key), dict):
            yield from ((f"/{key}/{escaped(name)}", child) for name, child in one[key].items())


def _one_violations(pointer: str, one: Mapping[str, Any]) -> Iterator[Violation]:
    for key, why in _REFUSED.items():
        if key in one:
            yield Violation(pointer=f"{pointer}/{key}", problem=f"`{key}` is refused: {why}")
    for key in ("$id", "$schema"):
        if pointer and key in one:
            yield Violation(pointer=f"{pointer}/{key}", problem=f"`{key}` stands at the top of a schema only")
    if isinstance(one.get("enum"), list) and len(one["enum"]) > CHOICES_MAX:
        yield Violation(pointer=f"{pointer}/enum", problem=f"it has more than {CHOICES_MAX} values")
    if isinstance(one.get("pattern"), str):
        fault = pattern_fault(one["pattern"])
        if fault is not None:
            yield Violation(pointer=f"{pointer}/pattern", problem=fault)
    if isinstance(one.get("patternProperties"), dict):
        for text in one["patternProperties"]:
            fault = pattern_fault(text)
            if fault is not None:
                yield Violation(pointer=f"{pointer}/patternProperties/{escaped(text)}", problem=fault)


def reference_target(reference: object) -> str | None:
    """The place that a reference within the schema leads to; None where it leads elsewhere."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    return unquote(reference[1:])


def _lost(pointer: str, reference: object) -> Violation:
    text = str(reference)[:80]
    if isinstance(reference, str) and reference.startswith("#"):
        return Violation(pointer=pointer, problem=f"{text!a} leads to no schema in here; write it as `#/$defs/NAME`")
    return Violation(pointer=pointer, problem=f"{text!a} leads out of the schema, and nothing is ever fetched")


def _growth_violations(edges: Mapping[str, list[str]], tied: set[str]) -> Iterator[Violation]:
    try:
        order = list(TopologicalSorter(edges).static_order())
    except CycleError as error:
        circle = error.args[1][::-1]
        shown = " → ".join(f"`{one or '/'}`" for one in circle[:6])
        yield Violation(pointer=circle[0], problem=f"it refers to itself: {shown}; write its levels out")
        return
    sizes: dict[str, int] = {}
    depths: dict[str, int] = {}
    ties: dict[str, int] = {}
    for pointer in order:  # whatever a place leads to comes before it
        targets = edges.get(pointer, ())
        sizes[pointer] = 1 + sum(sizes[one] for one in targets)
        depths[pointer] = 1 + max((depths[one] for one in targets), default=0)
        ties[pointer] = (pointer in tied) + max((ties[one] for one in targets), default=0)
    if sizes[""] > EXPANDED_MAX:
        yield Violation(pointer="", problem=f"with references written out it holds more than {EXPANDED_MAX} schemas")
    if depths[""] > DEPTH_MAX:
        yield Violation(pointer="", problem=f"with references written out its schemas lie more than {DEPTH_MAX} deep")
    if ties[""] > TIED_MAX:
        yield Violation(
            pointer="", problem=f"more than {TIED_MAX} `unevaluated…` lie in each other, references written out"
        )
