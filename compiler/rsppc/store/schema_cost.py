"""How much work a schema can be on an instance, known before the engine begins.

Both are small, and still a schema of a few lines lays a hundred thousand schemas on each of a hundred thousand values,
and copies all of the instance for each of its complaints. What is counted here is an upper bound that needs no clock:
it is the same on every machine, so that the same metadata are refused everywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rsppc.base.canonical_json import canonical
from rsppc.base.json_pointer import steps_of
from rsppc.base.record import Record
from rsppc.store.patterns import pattern_size
from rsppc.store.schema_rules import reference_target

WORK_MAX = 300_000
"""How many times schemas may be laid on values, and what takes as long as that."""
TOLD_MAX = 250_000
"""How many values may be copied to tell of everything that is wrong: each complaint holds what it complains of."""

_TEXT_OF_UNIT = 64
"""Characters that take as much as a value."""
_CHOICES_OF_UNIT = 32
"""Characters of an `enum` or a `const` that do."""
_STEPS_OF_UNIT = 200
"""Steps of a pattern, each of one of its parts at one character, that take as long as a value."""
_TIED = 4
"""How many times the engine looks below each `unevaluated…` again."""

_Step = tuple[Any, Any, int, int]
"""A schema, what it is laid on, how many times the engine does that for the choices around it, and how many times all
of that for each `unevaluated…` around it."""


class Cost(Record):
    """An upper bound of the work that a schema is on an instance."""

    work: int
    told: int
    """Beside that, where something is wrong and all of it is told."""


class Costs:
    """The work that a schema can be."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = schema
        self._targets: dict[str, Any] = {}
        self._choices: dict[int, int] = {}
        self._patterns: dict[str, int] = {}

    def on(self, instance: Mapping[str, Any]) -> Cost:
        """What the schema costs on an instance; counted up to where `work` is too much."""
        sizes: dict[int, int] = {}
        _size(instance, sizes)
        work, told = 0, 0
        open_: list[Iterator[_Step]] = [iter([(self._schema, instance, 1, 1)])]
        while open_ and work <= WORK_MAX:
            step = next(open_[-1], None)
            if step is None:
                open_.pop()
                continue
            one, value, times, tied = step
            own, copied = (1, 1) if isinstance(one, bool) else self._own(one, value, sizes)
            work += own * times * tied
            told += copied
            if not isinstance(one, bool):
                open_.append(self._steps(one, value, times, tied))
        return Cost(work=work, told=told)

    def _own(self, one: Mapping[str, Any], value: Any, sizes: dict[int, int]) -> tuple[int, int]:
        """What one schema takes on one value, without the schemas in it, and what its complaints copy."""
        size = sizes[id(value)] if isinstance(value, dict | list) else 1 + _length(value) // _TEXT_OF_UNIT
        work, complaints = 1, len(one)
        if isinstance(value, dict):
            complaints += sum(name not in value for name in one.get("required", ()))
            complaints += sum(len(names) for key, names in one.get("dependentRequired", {}).items() if key in value)
            complaints += len(value) if "propertyNames" in one else 0
        elif isinstance(value, str) and "pattern" in one:
            work += self._matching(one["pattern"], value)
        elif isinstance(value, list) and "uniqueItems" in one:
            work += size
        if "enum" not in one and "const" not in one:
            return work, size * complaints
        if id(one) not in self._choices:
            self._choices[id(one)] = len(canonical([one.get("enum"), one.get("const")])) // _CHOICES_OF_UNIT
        choices = self._choices[id(one)]
        return work + choices, size * complaints + choices

    def _matching(self, pattern: str, text: str) -> int:
        if pattern not in self._patterns:
            self._patterns[pattern] = pattern_size(pattern)
        return self._patterns[pattern] * len(text) // _STEPS_OF_UNIT

    def _steps(self, one: Mapping[str, Any], value: Any, times: int, tied: int) -> Iterator[_Step]:
        if "unevaluatedProperties" in one or "unevaluatedItems" in one:
            tied *= _TIED
        for key in ("not", "if", "then", "else"):
            if key in one:
                yield one[key], value, times, tied
        for child in one.get("allOf", ()):
            yield child, value, times, tied
        for key in ("anyOf", "oneOf"):  # whether one of them holds, and then what each has against the value
            for child in one.get(key, ()):
                yield child, value, times + 1, tied
        if "$ref" in one:
            yield self._target(one["$ref"]), value, times, tied
        inside: Iterable[tuple[Any, Any]] = ()
        if isinstance(value, dict):
            inside = _of_members(one, value)
        elif isinstance(value, list):
            inside = _of_items(one, value)
        for child, item in inside:
            yield child, item, times, tied

    def _target(self, reference: str) -> Any:
        if reference not in self._targets:
            pointer = reference_target(reference)
            assert pointer is not None  # registering saw to it
            found: Any = self._schema
            for step in steps_of(pointer):
                found = found[int(step) if isinstance(found, list) else step]
            self._targets[reference] = found
        return self._targets[reference]


def _of_members(one: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
    """What a schema lays on the members of an object, and on their names."""
    for name, child in one.get("dependentSchemas", {}).items():
        if name in value:
            yield child, value
    known = one.get("properties", {})
    for name, child in known.items():
        if name in value:
            yield child, value[name]
    for pattern, child in one.get("patternProperties", {}).items():
        chosen = {"pattern": pattern}
        for name, item in value.items():
            yield chosen, name
            yield child, item
    for key in ("additionalProperties", "unevaluatedProperties"):
        if key in one:
            yield from ((one[key], item) for name, item in value.items() if name not in known)
    if "propertyNames" in one:
        yield from ((one["propertyNames"], name) for name in value)


def _of_items(one: Mapping[str, Any], value: list[Any]) -> Iterator[tuple[Any, Any]]:
    """What a schema lays on the items of a list."""
    yield from zip(one.get("prefixItems", ()), value, strict=False)
    for key in ("items", "contains", "unevaluatedItems"):
        if key in one:
            yield from ((one[key], item) for item in value)


def _size(value: Any, sizes: dict[int, int]) -> int:
    """How many values there are in a value, and long texts for as many as they are worth; containers by their id."""
    if isinstance(value, dict):
        made = 1 + sum(len(name) // _TEXT_OF_UNIT + _size(item, sizes) for name, item in value.items())
    elif isinstance(value, list):
        made = 1 + sum(_size(item, sizes) for item in value)
    else:
        return 1 + _length(value) // _TEXT_OF_UNIT
    sizes[id(value)] = made
    return made


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else 0
