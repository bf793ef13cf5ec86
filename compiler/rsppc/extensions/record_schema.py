"""The schema of a record: whether it is one, and whether a value fits it.

Schemas are JSON Schema (2020-12). All of its keywords are known; those that say something which is not judged here are
named by `unjudged`, so that nobody takes silence for a yes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from rsppc.base.json_pointer import unescaped
from rsppc.base.names import near_miss
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.syntax.document import Mapping, Sequence


class SchemaProblem(Record):
    """What is wrong with a schema, where, and what to do."""

    at: Span
    problem: str
    advice: str


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


TYPES: dict[str, Callable[[object], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": _is_whole,
    "number": lambda value: _is_whole(value) or isinstance(value, float),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}

_SCHEMA = (
    "additionalProperties",
    "items",
    "not",
    "contains",
    "propertyNames",
    "if",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
)
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf", "prefixItems")
_SCHEMA_TABLES = ("properties", "patternProperties", "$defs", "dependentSchemas")
_COUNTS = (
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
)
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_TEXTS = (
    "title",
    "description",
    "format",
    "pattern",
    "contentEncoding",
    "contentMediaType",
    "$ref",
    "$id",
    "$anchor",
    "$schema",
    "$comment",
)
_FLAGS = ("uniqueItems", "deprecated", "readOnly", "writeOnly")
_LISTS = ("required", "enum", "examples")
_ANYTHING = ("type", "const", "default", "dependentRequired")
KEYWORDS = frozenset(
    (*_SCHEMA, *_SCHEMA_LISTS, *_SCHEMA_TABLES, *_COUNTS, *_NUMBERS, *_TEXTS, *_FLAGS, *_LISTS, *_ANYTHING)
)
_UNJUDGED = frozenset(
    [
        "patternProperties",
        "dependentSchemas",
        "dependentRequired",
        "contains",
        "minContains",
        "maxContains",
        "propertyNames",
        "if",
        "then",
        "else",
        "unevaluatedItems",
        "unevaluatedProperties",
        "prefixItems",
    ]
)
_WHICH_SAY_WHAT = ("type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf", "not")
_PAIRS = (
    ("minimum", "maximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)


# --- Whether it is a schema -------------------------------------------------------------------------------------------


def schema_problems(schema: Mapping) -> Iterator[SchemaProblem]:
    """Everything that is wrong with the schema of a record, in no order."""
    if schema.get("type") != "object":
        at = schema.value_span("type") if "type" in schema else schema.span()
        yield SchemaProblem(
            at=at, problem="a record is a mapping, which its schema says", advice="write `type: object`"
        )
    waiting: list[tuple[Mapping, bool]] = [(schema, False)]
    while waiting:
        one, must_say_what = waiting.pop()
        if must_say_what and not any(key in one for key in _WHICH_SAY_WHAT):
            yield SchemaProblem(
                at=one.span(), problem="the schema of a property says what kind of value it is", advice="add `type`"
            )
        yield from _wrong_keywords(one)
        yield from _wrong_values(one, schema)
        waiting += _inner(one)


def _inner(schema: Mapping) -> Iterator[tuple[Mapping, bool]]:
    """The schemas right inside of one, and whether each has to say what kind of value it is for."""
    for key, value in schema.items():
        if key in _SCHEMA and isinstance(value, Mapping):
            yield value, key == "items"
        elif key in _SCHEMA_LISTS and isinstance(value, Sequence):
            yield from ((one, False) for one in value if isinstance(one, Mapping))
        elif key in _SCHEMA_TABLES and isinstance(value, Mapping):
            yield from ((one, key == "properties") for one in value.values() if isinstance(one, Mapping))


def _wrong_keywords(schema: Mapping) -> Iterator[SchemaProblem]:
    for key, value in schema.items():
        if key not in KEYWORDS:
            guess = near_miss(key, KEYWORDS)
            advice = f"did you mean `{guess}`?" if guess else "keywords are those of JSON Schema 2020-12"
            yield SchemaProblem(
                at=schema.key_span(key), problem=f"`{key[:60]}` is no keyword of a schema", advice=advice
            )
            continue
        wanted = _wanted(key, value)
        if wanted is None:
            yield from _no_schemas(key, value)
        else:
            yield SchemaProblem(
                at=schema.value_span(key), problem=f"`{key}` in a schema must be {wanted}", advice=f"write {wanted}"
            )


def _no_schemas(key: str, value: object) -> Iterator[SchemaProblem]:
    """Members of a list or a mapping of schemas that are none."""
    places: list[tuple[Span, object]] = []
    if key in _SCHEMA_TABLES and isinstance(value, Mapping):
        places = [(value.value_span(name), one) for name, one in value.items()]
    elif key in _SCHEMA_LISTS and isinstance(value, Sequence):
        places = [(value.value_span(index), one) for index, one in enumerate(value)]
    for at, one in places:
        if not isinstance(one, Mapping | bool):
            yield SchemaProblem(
                at=at, problem=f"what stands under `{key}` must be a schema", advice="as in `{type: string}`"
            )


def _wanted(key: str, value: object) -> str | None:
    """What should stand under a keyword; None where it does."""
    is_schema = isinstance(value, Mapping | bool)
    for keys, fits, words in (
        (_SCHEMA, is_schema, "a schema"),
        (_SCHEMA_LISTS, isinstance(value, Sequence) and len(value) > 0, "a list of schemas"),
        (_SCHEMA_TABLES, isinstance(value, Mapping), "a mapping from names to schemas"),
        (_COUNTS, isinstance(value, int) and _is_whole(value) and value >= 0, "a whole number from 0 on"),
        (_NUMBERS, _is_whole(value), "a whole number"),
        (_TEXTS, isinstance(value, str), "a text"),
        (_FLAGS, isinstance(value, bool), "true or false"),
        (_LISTS, isinstance(value, Sequence), "a list"),
    ):
        if key in keys and not fits:
            return words
    names = value if isinstance(value, Sequence) else [value]
    if key == "type" and not (names and all(isinstance(one, str) and one in TYPES for one in names)):
        return "one of " + ", ".join(f"`{one}`" for one in TYPES)
    return None


def _wrong_values(schema: Mapping, root: Mapping) -> Iterator[SchemaProblem]:
    """What contradicts itself where every keyword is right by itself."""
    yield from _undeclared(schema)
    for low, high in _PAIRS:
        least, most = schema.get(low), schema.get(high)
        if _is_whole(least) and _is_whole(most) and least > most:  # type: ignore[operator]  # whole numbers by now
            problem = f"`{high}` is {most}, below `{low}`, which is {least}: no value fits"
            yield SchemaProblem(at=schema.value_span(high), problem=problem, advice=f"write {least} or more")
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and (reason := _no_pattern(pattern)) is not None:
        yield SchemaProblem(
            at=schema.value_span("pattern"), problem=f"the pattern is none: {reason}", advice="correct the pattern"
        )
    ref = schema.get("$ref")
    if isinstance(ref, str) and _referred(ref, root) is None:
        yield SchemaProblem(
            at=schema.value_span("$ref"),
            problem=f"`$ref` leads nowhere: `{ref[:80]}`",
            advice="refer to a schema under `$defs` of the record, as in `#/$defs/name`; nothing is fetched",
        )
    for key in ("enum", "const", "default", "examples"):
        yield from _wrong_constants(schema, key, root)


def _undeclared(schema: Mapping) -> Iterator[SchemaProblem]:
    required, properties = schema.get("required"), schema.get("properties") or {}
    if not isinstance(required, Sequence) or not isinstance(properties, dict) or "patternProperties" in schema:
        return
    for index, name in enumerate(required):
        if isinstance(name, str) and name in properties:
            continue
        guess = near_miss(name, properties) if isinstance(name, str) else None
        advice = f"did you mean `{guess}`?" if guess else "declare it under `properties`, or take it out of `required`"
        yield SchemaProblem(
            at=required.value_span(index), problem=f"`{str(name)[:60]}` is required and not declared", advice=advice
        )


def _wrong_constants(schema: Mapping, key: str, root: Mapping) -> Iterator[SchemaProblem]:
    """Values that the schema names and does not allow."""
    if key not in schema:
        return
    values = schema[key] if key in _LISTS else [schema[key]]
    if not isinstance(values, list):
        return
    if key == "enum" and not values:
        yield SchemaProblem(at=schema.value_span(key), problem="`enum` allows nothing", advice="list the values")
    bare = {name: value for name, value in schema.items() if name in ("type", "minimum", "maximum")}
    for index, value in enumerate(values):
        at = values.value_span(index) if isinstance(values, Sequence) else schema.value_span(key)
        wrong = instance_problem(bare, value, root) if _wanted("type", bare.get("type", "object")) is None else None
        if wrong is not None:
            yield SchemaProblem(at=at, problem=f"a value under `{key}` {wrong}", advice="correct the value or the type")


def _no_pattern(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)[:100]
    return None


# --- Whether a value fits ---------------------------------------------------------------------------------------------

_DEPTH_MAX = 40


def instance_problem(schema: Any, value: Any, root: dict[str, Any] | None = None, depth: int = 0) -> str | None:
    """What is wrong with a value, as the end of a sentence; None where nothing is. The schema is a sound one."""
    if schema is True or depth > _DEPTH_MAX:
        return None
    if schema is False:
        return "may not be there"
    root = schema if root is None else root
    if "$ref" in schema:
        problem = instance_problem(_referred(schema["$ref"], root) or True, value, root, depth + 1)
        if problem is not None:
            return problem
    types = schema.get("type")
    names = types if isinstance(types, list) else [types] if types is not None else list(TYPES)
    if not any(TYPES[name](value) for name in names):
        return f"must be {' or '.join(f'`{name}`' for name in names)}"
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        return "is none of the values of `enum`"
    if "const" in schema and not _same(value, schema["const"]):
        return "is not the one value allowed"
    return _combined_problem(schema, value, root, depth) or _problem_inside(schema, value, root, depth)


def _combined_problem(schema: dict[str, Any], value: Any, root: dict[str, Any], depth: int) -> str | None:
    for one in schema.get("allOf", ()):
        problem = instance_problem(one, value, root, depth + 1)
        if problem is not None:
            return problem
    fits = {
        key: sum(instance_problem(one, value, root, depth + 1) is None for one in schema.get(key, ()))
        for key in ("anyOf", "oneOf")
    }
    if "anyOf" in schema and not fits["anyOf"]:
        return "fits none of `anyOf`"
    if "oneOf" in schema and fits["oneOf"] != 1:
        return f"fits {fits['oneOf']} of `oneOf`, not one"
    if "not" in schema and instance_problem(schema["not"], value, root, depth + 1) is None:
        return "fits what `not` excludes"
    return None


def _problem_inside(schema: dict[str, Any], value: Any, root: dict[str, Any], depth: int) -> str | None:
    if isinstance(value, dict):
        return _object_problem(schema, value, root, depth)
    if isinstance(value, list):
        return _array_problem(schema, value, root, depth)
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return f"has {len(value)} characters, which is too few or too many"
        if "pattern" in schema and re.search(schema["pattern"], value) is None:
            return f"does not match `{schema['pattern'][:60]}`"
    elif not isinstance(value, bool) and value is not None:
        return _number_problem(schema, value)
    return None


def _number_problem(schema: dict[str, Any], value: Any) -> str | None:
    if value < schema.get("minimum", value) or value > schema.get("maximum", value):
        return f"is {value}, which is out of bounds"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        return f"is {value}, which is out of bounds"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        return f"is {value}, which is out of bounds"
    if schema.get("multipleOf") and value % schema["multipleOf"]:
        return f"is {value}, no multiple of {schema['multipleOf']}"
    return None


def _object_problem(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any], depth: int) -> str | None:
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"lacks `{name}`"
    if not schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)):
        return f"has {len(value)} keys, which is too few or too many"
    others = schema.get("additionalProperties", True)
    for name, one in value.items():
        if name not in properties and others is False and "patternProperties" not in schema:
            return f"has `{str(name)[:60]}`, which is not declared"
        problem = instance_problem(properties.get(name, others), one, root, depth + 1)
        if problem is not None:
            return f"is wrong at `{str(name)[:60]}`: it {problem}"
    return None


def _array_problem(schema: dict[str, Any], value: list[Any], root: dict[str, Any], depth: int) -> str | None:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        return f"has {len(value)} entries, which is too few or too many"
    if schema.get("uniqueItems") and any(_same(one, other) for n, one in enumerate(value) for other in value[:n]):
        return "repeats an entry"
    if "prefixItems" in schema:
        return None
    for index, one in enumerate(value):
        problem = instance_problem(schema.get("items", True), one, root, depth + 1)
        if problem is not None:
            return f"is wrong at entry {index + 1}: it {problem}"
    return None


def _same(one: Any, other: Any) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _referred(ref: str, root: dict[str, Any]) -> Any:
    """The schema that a reference inside of a record's schema leads to; None where it leads nowhere."""
    if ref == "#":
        return root
    found = root.get("$defs")
    name = ref.removeprefix("#/$defs/")
    if name == ref or not isinstance(found, dict):
        return None
    target = found.get(unescaped(name))
    return target if isinstance(target, dict | bool) else None


def referred(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """What a schema that is a reference stands for; the schema itself where it is none."""
    for _ in range(_DEPTH_MAX):
        if not isinstance(schema, dict) or "$ref" not in schema:
            break
        schema = _referred(schema["$ref"], root) or {}
    return schema


def unjudged(schema: Any) -> tuple[str, ...]:
    """Keywords of a schema that say something which `instance_problem` does not judge."""
    found: set[str] = set()
    waiting = [schema]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            found |= _UNJUDGED & one.keys()
            for key, value in one.items():
                if key in _SCHEMA:
                    waiting.append(value)
                elif key in _SCHEMA_LISTS and isinstance(value, list):
                    waiting += value
                elif key in _SCHEMA_TABLES and isinstance(value, dict):
                    waiting += value.values()
    return tuple(sorted(found))
