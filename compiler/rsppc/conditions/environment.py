"""The names that a condition may read, with their types and what is known of their values.

Names are dotted scalars (`event.text` is one name, not a field of `event`), so that every runtime binds plain
values and none needs a message type. Two builders give the two environments of the language: on edges and in
rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, cast

from rsppc.base.record import Record

__all__ = [
    "AUDIO_EVENT_FIELDS",
    "TEXT_EVENT_FIELDS",
    "CelType",
    "Choices",
    "Declaration",
    "Environment",
    "Range",
    "edge_environment",
    "event_fields_of_schema",
    "rule_environment",
]

Scalar: TypeAlias = Literal["string", "int", "bool"]
CelType: TypeAlias = Literal[
    "string",
    "int",
    "bool",
    "list<string>",
    "list<int>",
    "list<bool>",
    "map<string,string>",
    "map<string,int>",
    "map<string,bool>",
]


class Range(Record, tag="range"):
    """The whole numbers that a name can have, both ends included."""

    low: int
    high: int


class Choices(Record, tag="choices"):
    """The only texts that a name can have."""

    texts: tuple[str, ...]


class Declaration(Record):
    """One readable name. `keys` makes a map total: it has exactly these keys, and only a literal may select one."""

    name: str
    type: CelType
    domain: Range | Choices | None = None
    keys: tuple[str, ...] | None = None


class Environment(Record):
    """All names that one kind of condition may read, sorted by name. `place` says in messages where it stands."""

    place: Literal["edge", "rule"]
    declarations: tuple[Declaration, ...]

    def find(self, name: str) -> Declaration | None:
        """The declaration of a dotted name, or None."""
        return next((known for known in self.declarations if known.name == name), None)


INT_MIN, INT_MAX = -(2**63), 2**63 - 1
PERMILLE = Range(low=0, high=1000)
NOT_NEGATIVE = Range(low=0, high=INT_MAX)

TEXT_EVENT_FIELDS: dict[str, CelType] = {
    "text": "string",
    "language": "string",
    "mode": "string",
    "confidence_milli": "int",
}
AUDIO_EVENT_FIELDS: dict[str, CelType] = {"duration_ms": "int"}

# Known only of the events that rsppc itself defines: a record may use the same field names for something else.
TEXT_EVENT_DOMAINS: dict[str, Range | Choices] = {
    "confidence_milli": PERMILLE,
    "mode": Choices(texts=("delta", "final", "partial", "segment")),
}
AUDIO_EVENT_DOMAINS: dict[str, Range | Choices] = {"duration_ms": NOT_NEGATIVE}

SESSION = tuple(
    Declaration(name=f"session.{field}", type="string") for field in ("channel", "id", "language", "region")
)
TURN = (Declaration(name="turn.index", type="int", domain=NOT_NEGATIVE),)


def edge_environment(event_fields: Mapping[str, CelType]) -> Environment:
    """What an edge or a select branch may read, for events with these fields."""
    domains: dict[str, Range | Choices] = {}
    if event_fields == TEXT_EVENT_FIELDS:
        domains = TEXT_EVENT_DOMAINS
    elif event_fields == AUDIO_EVENT_FIELDS:
        domains = AUDIO_EVENT_DOMAINS
    events = [
        Declaration(name=f"event.{field}", type=type_, domain=domains.get(field))
        for field, type_ in event_fields.items()
    ]
    return Environment(place="edge", declarations=_by_name([*events, *SESSION, *TURN]))


def rule_environment(provider_ids: Sequence[str]) -> Environment:
    """What a policy rule or a layer may read when these providers are declared."""
    keys = tuple(sorted(set(provider_ids)))
    pressure = [
        Declaration(name=f"pressure.{lane}_lane_milli", type="int", domain=PERMILLE)
        for lane in ("control", "data", "telemetry")
    ]
    providers = [
        Declaration(name="provider_p95_ms", type="map<string,int>", keys=keys),
        Declaration(name="provider_price_micro_usd", type="map<string,int>", keys=keys),
        Declaration(name="provider_state", type="map<string,string>", keys=keys),
    ]
    tenant = [
        Declaration(name="tenant.id", type="string"),
        Declaration(name="tenant.labels", type="map<string,string>"),
        Declaration(name="environment", type="string"),
    ]
    return Environment(place="rule", declarations=_by_name([*pressure, *providers, *tenant, *SESSION, *TURN]))


def event_fields_of_schema(schema: Mapping[str, Any]) -> dict[str, CelType]:
    """The fields of a record's JSON schema that a condition can read; others are left out.

    Scalars, arrays of one scalar type, and objects whose values all have one scalar type are kept.
    """
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    fields: dict[str, CelType] = {}
    for name in sorted(name for name in properties if isinstance(name, str)):
        type_ = _type_of_schema(properties[name])
        if type_ is not None and _is_selectable(name):
            fields[name] = type_
    return fields


def _by_name(declarations: Iterable[Declaration]) -> tuple[Declaration, ...]:
    return tuple(sorted(declarations, key=lambda known: known.name))


SCALARS: dict[str, Scalar] = {"string": "string", "integer": "int", "boolean": "bool"}

# Words that CEL reserves: some implementations refuse them after a dot as well.
RESERVED_WORDS = """
    as break const continue else false for function if import in let loop namespace null package return true var
    void while
"""
RESERVED = frozenset(RESERVED_WORDS.split())


def _is_selectable(name: str) -> bool:
    return name.isascii() and name.isidentifier() and name not in RESERVED


def _type_of_schema(schema: object) -> CelType | None:
    scalar = _scalar_of_schema(schema)
    if scalar is not None:
        return scalar
    if not isinstance(schema, Mapping):
        return None
    if schema.get("type") == "array":
        item = _scalar_of_schema(schema.get("items"))
        return cast(CelType, f"list<{item}>") if item else None
    if schema.get("type") == "object":
        value = _value_type_of_object(schema)
        return cast(CelType, f"map<string,{value}>") if value else None
    return None


def _scalar_of_schema(schema: object) -> Scalar | None:
    type_ = schema.get("type") if isinstance(schema, Mapping) else None
    return SCALARS.get(type_) if isinstance(type_, str) else None


def _value_type_of_object(schema: Mapping[str, Any]) -> Scalar | None:
    values: list[object] = []
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        values.extend(properties.values())
    additional = schema.get("additionalProperties")
    if additional is not False and (additional is not None or not values):
        values.append(additional)
    types = {_scalar_of_schema(value) for value in values}
    return types.pop() if len(types) == 1 else None
