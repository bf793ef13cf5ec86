"""The one place that runs JSON Schemas, by `jsonschema_rs`: without a network, with patterns in linear time.

The library is chosen over `jsonschema`, which backtracks in patterns and recurses in Python; that one judges the same
schemas in the tests. What is given to it is bounded before: `schema_rules.py` for schemas, `manifest.value_fault` for
instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec

from rsppc.base.json_pointer import pointer_of
from rsppc.store.schema_cost import TOLD_MAX, WORK_MAX, Costs
from rsppc.store.schema_rules import DIALECT
from rsppc.store.violations import Violation

FOUND_MAX = 1000
_PATTERN_BYTES_MAX = 2**20
"""Of a compiled pattern."""


def meta_violations(schema: Mapping[str, Any]) -> list[Violation]:
    """What the meta-schema says against a schema."""
    meta = jsonschema_rs.Draft202012Validator({"$ref": DIALECT}, offline=True)
    return [_violation(one) for one in islice(meta.iter_errors(_plain(schema)), FOUND_MAX)]


def build_violation(schema: Mapping[str, Any]) -> Violation | None:
    """Why the engine cannot run a schema that its meta-schema allows: a pattern that it does not take, say."""
    try:
        _built(_plain(schema))
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        pointer = pointer_of(map(str, getattr(error, "instance_path", ())))
        said = str(getattr(error, "message", error)).split("\n")[0][:200]
        if "regex" in said:
            said = f"{said[:100]}: look-around, back-references and patterns that grow large are refused"
        return Violation(pointer=pointer, problem=said)
    return None


def instance_violations(body: bytes, instance: Mapping[str, Any]) -> list[Violation]:
    """What a schema of ours, given by its canonical bytes, says against an instance, however large that is; only the
    first of it where there may be very much."""
    plain = _plain(instance)
    if _compiled(body).is_valid(plain):
        return []
    cost = _costs(body).on(plain)
    if cost.work <= WORK_MAX and cost.told <= TOLD_MAX:
        return _all_violations(body, plain)
    return _first_violation(body, plain)


def bounded_violations(body: bytes, instance: Mapping[str, Any]) -> list[Violation]:
    """What anybody's schema, registered and given by its canonical bytes, says against an instance, as far as that is
    no more work than it should be."""
    plain = _plain(instance)
    cost = _costs(body).on(plain)
    if cost.work > WORK_MAX:
        return [
            Violation(pointer="", problem="to judge them is too much work: state fewer values, or a simpler schema")
        ]
    if cost.told <= TOLD_MAX:
        return _all_violations(body, plain)
    if _compiled(body).is_valid(plain):
        return []
    return [Violation(pointer="", problem="something is wrong with them, and they are too many values to say what")]


def _all_violations(body: bytes, plain: dict[str, Any]) -> list[Violation]:
    found = islice(_compiled(body).iter_errors(plain), FOUND_MAX)
    return sorted({_violation(one) for one in found}, key=lambda one: (one.pointer, one.problem))


def _first_violation(body: bytes, plain: dict[str, Any]) -> list[Violation]:
    try:
        _compiled(body).validate(plain)
    except jsonschema_rs.ValidationError as error:
        return [_violation(error)]
    return []


@lru_cache(maxsize=64)
def _costs(body: bytes) -> Costs:
    return Costs(msgspec.json.decode(body))


@lru_cache(maxsize=64)
def _compiled(body: bytes) -> jsonschema_rs.Draft202012Validator:
    return _built(msgspec.json.decode(body))


def _built(schema: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    anonymous = {key: value for key, value in schema.items() if key != "$id"}  # its name is no address
    options = jsonschema_rs.RegexOptions(size_limit=_PATTERN_BYTES_MAX)
    return jsonschema_rs.Draft202012Validator(anonymous, pattern_options=options, offline=True)


def _violation(error: jsonschema_rs.ValidationError) -> Violation:
    return Violation(pointer=pointer_of(map(str, error.instance_path)), problem=_said(error))


def _said(error: jsonschema_rs.ValidationError) -> str:
    kind = error.kind.as_dict()
    match error.kind.name:
        case "required":
            return f"`{kind['property']}` is missing"
        case "additionalProperties":
            return f"{', '.join(f'`{name[:60]}`' for name in kind['unexpected'][:10])} cannot stand here"
        case _:
            message: str = error.message
            return message if len(message) <= 200 else f"{message[:120]} … {message[-80:]}"


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same value in plain containers, which is all that the library takes."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain
