"""Events made up for a node type: what its in-ports declare, and nothing that depends on anything but a seed.

Audio comes as frames with media time, text as partials and finals with a confidence, records by their JSON Schema,
signals by their names. What a type leaves open is settled once per run, so that a stream keeps its format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from rsppc.base.record import Record
from rsppc.extensions.events import Event
from rsppc.extensions.record_schema import instance_problem, referred
from rsppc.ir.catalog import ConfigField as DeclaredField
from rsppc.ir.catalog import ConfigType, NodeType, Port
from rsppc.ir.types import (
    ATTRIBUTES,
    AnyValue,
    Domain,
    PortType,
    Product,
    Range,
    Scalar,
    Variable,
    domain_of,
    is_whole_variable,
    substitute,
)
from rsppc.simulate.chance import Chance

FRAME_MS = 20
_USUAL: Mapping[str, Scalar] = MappingProxyType(
    {"codec": "pcm_s16le", "rate_hz": 16000, "channels": 1, "frame_ms": FRAME_MS, "lang": "en-US", "signals": "turn"}
)
"""What is taken where a type allows anything."""
_CHANGING = ("modes", "signals", "schema")
"""Attributes of which each event has its own; a stream keeps the others from beginning to end."""
_WORDS = (
    *("hello", "yes", "no", "please", "thanks", "the", "order", "is", "late", "wrong", "great", "terrible"),
    *("my", "card", "number", "tomorrow", "again", "angry", "happy", "help"),
)


class CannotFeed(Record):
    """Why no events can be made up."""

    reason: str


class Script(Record):
    """The events of one turn, and how what their types leave open was settled."""

    events: tuple[Event, ...]
    inputs: Mapping[str, PortType]
    outputs: Mapping[str, PortType]
    lanes: Mapping[str, str]
    """Lane of each output."""
    settled: Mapping[str, Scalar]
    """Variables that the ports share, with the value that they have in this run."""
    whole_kinds: frozenset[str]
    """Kinds that were fed where a port takes any type."""


def script(
    node_type: NodeType,
    config: Mapping[str, Any],
    records: Mapping[str, Any],
    *,
    seed: int,
    count: int,
    session_id: str = "sess-1",
    turn_id: str = "turn-1",
) -> Script | CannotFeed:
    """Events for every in-port, in the order in which they arrive."""
    inputs = _named(node_type.inputs, config)
    outputs = _named(node_type.outputs, config)
    makers = [_Maker(port, config, records, Chance(seed, f"{node_type.name}/{name}")) for name, port in inputs.items()]
    settled: dict[str, Scalar] = {}
    for maker in makers:
        maker.settle(settled)
    events = []
    for number in range(count if makers else 0):
        maker = makers[number % len(makers)]
        made = maker.make(number // len(makers))
        if isinstance(made, CannotFeed):
            return made
        kind, payload = made
        events.append(
            Event(
                event_id=f"{turn_id}-evt-{number + 1:04}",
                session_id=session_id,
                turn_id=turn_id,
                authority_epoch=7,
                port=maker.port.name,
                lane=maker.port.lane if maker.port.lane != "inherit" else "DataLane",
                kind=kind,
                payload=MappingProxyType(payload),
                runtime_sequence=number + 1,
                pts_ms=number * FRAME_MS,
            )
        )
    return Script(
        events=tuple(events),
        inputs={name: substitute(port.type, config) for name, port in inputs.items()},
        outputs={name: substitute(port.type, config) for name, port in outputs.items()},
        lanes={name: port.lane for name, port in outputs.items()},
        settled=settled,
        whole_kinds=frozenset(event.kind for event in events),
    )


def made_up_config(
    node_type: NodeType, given: Mapping[str, Any], records: Mapping[str, Any]
) -> Mapping[str, Any] | CannotFeed:
    """The config of a node: what is given, defaults, and something sound for what has to be set."""
    config: dict[str, Any] = {}
    for name, field in node_type.config.items():
        if name in given:
            config[name] = given[name]
        elif name in node_type.defaults:
            config[name] = node_type.defaults[name].value
        elif field.required:
            made = _config_value(field, field.type, records)
            if isinstance(made, CannotFeed):
                return CannotFeed(reason=f"config `{name}`: {made.reason}")
            config[name] = made
    unknown = sorted(given.keys() - node_type.config.keys())
    if unknown:
        return CannotFeed(reason=f"there is no config field `{unknown[0]}`")
    return MappingProxyType(config)


def _config_value(field: DeclaredField, config_type: ConfigType, records: Mapping[str, Any]) -> Any:
    match config_type.name:
        case "list":
            assert config_type.item is not None
            if config_type.item.name == "string":
                return ["one", "two"]
            return [_config_value(field, config_type.item, records)]
        case "map":
            assert config_type.item is not None
            return {"one": _config_value(field, config_type.item, records)}
        case "record":
            return example(records.get(config_type.schema_id or "", {}), Chance(0, field.name))
        case "enum":
            return field.values[0] if field.values else CannotFeed(reason="the enum has no values")
        case "bool":
            return False
        case "int" | "duration_ms" | "size_bytes" | "rate_hz":
            usual = {"rate_hz": 16000, "duration_ms": 100}.get(config_type.name, 1)
            return max(field.minimum or 0, min(usual, field.maximum if field.maximum is not None else usual))
    usual_text = {"secret": "secret://trial/value", "asset": "trial.txt", "language": "en-US"}
    return usual_text.get(config_type.name, "one")


def _named(ports: Mapping[str, Port], config: Mapping[str, Any]) -> dict[str, Port]:
    """The ports of a node whose config names some of them."""
    named: dict[str, Port] = {}
    for name, port in ports.items():
        if port.named_by is None:
            named[name] = port
            continue
        for one in config.get(port.named_by) or ():
            own = one.get("port") if isinstance(one, dict) else one
            if isinstance(own, str):
                named[own] = Port(
                    name=own, direction=port.direction, type=port.type, lane=port.lane, required=True, place=port.place
                )
    return named


class _Maker:
    """Makes the payloads of one in-port."""

    def __init__(self, port: Port, config: Mapping[str, Any], records: Mapping[str, Any], chance: Chance) -> None:
        self.port = port
        self.type = substitute(port.type, config)
        self.records = records
        self.chance = chance
        self.settled: dict[str, Scalar] = {}
        self.frames: dict[int, bytes] = {}
        """Frames of audio by their level; many events share one."""

    def settle(self, settled: dict[str, Scalar]) -> None:
        """Settle the variables of this port that no earlier one has settled."""
        for product in self.type.alternatives:
            for attribute, term in zip(ATTRIBUTES.get(product.kind, ()), product.terms, strict=False):
                if isinstance(term, Variable) and attribute not in _CHANGING:
                    settled.setdefault(term.name, self._first(attribute, domain_of(term)))
        self.settled = settled

    def make(self, number: int) -> tuple[str, dict[str, Any]] | CannotFeed:
        product = self.type.alternatives[number % len(self.type.alternatives)]
        kind = product.kind
        if is_whole_variable(kind) or kind == "unchecked":
            return "text", self._text({"modes": "final", "lang": "en-US"}, number)
        values = {
            attribute: self._value(attribute, term, number)
            for attribute, term in zip(ATTRIBUTES[kind], product.terms, strict=True)
        }
        match kind:
            case "audio":
                return kind, self._audio(values)
            case "text":
                return kind, self._text(values, number)
            case "control":
                return kind, {"signal": values["signals"]}
            case "record":
                return self._record(product, str(values["schema"]))
        return kind, {"name": "trial.count", "value": number}

    def _value(self, attribute: str, term: Any, number: int) -> Scalar:
        if isinstance(term, Variable) and attribute not in _CHANGING:
            return self.settled[term.name]
        domain = domain_of(term)
        if attribute in _CHANGING:
            modes: tuple[Scalar, ...] = ("partial", "final")
            choices = modes if isinstance(domain, AnyValue) and attribute == "modes" else getattr(domain, "values", ())
            if choices:
                return choices[number % len(choices)]
        return self._first(attribute, domain)

    def _first(self, attribute: str, domain: Domain) -> Scalar:
        usual = _USUAL.get(attribute, "")
        if isinstance(domain, AnyValue):
            return usual if usual != "" else next(iter(sorted(self.records)), "")
        if isinstance(domain, Range):
            return max(domain.low, min(int(usual or 0), domain.high))
        return domain.values[0]

    def _audio(self, values: dict[str, Scalar]) -> dict[str, Any]:
        size = 2 * int(values["rate_hz"]) * FRAME_MS // 1000 * int(values["channels"])
        level = 32 * self.chance.below(8) if self.chance.one_in(2) else 0
        data = self.frames.setdefault(level, bytes([level]) * size)
        settled = {key: values[key] for key in ("codec", "rate_hz", "channels", "lang")}
        return {**settled, "frame_ms": FRAME_MS, "data": data}

    def _text(self, values: dict[str, Scalar], number: int) -> dict[str, Any]:
        words = [_WORDS[self.chance.below(len(_WORDS))] for _ in range(self.chance.between(1, 6))]
        return {
            "text": " ".join(words),
            "mode": values["modes"],
            "lang": values["lang"],
            "confidence_milli": self.chance.between(300, 1000),
            "segment": number // 2,
        }

    def _record(self, product: Product, schema_id: str) -> tuple[str, dict[str, Any]] | CannotFeed:
        schema = self.records.get(schema_id)
        if schema is None:
            return CannotFeed(reason=f"no manifest in sight declares the record `{schema_id}`")
        value = example(schema, self.chance)
        if isinstance(value, CannotFeed):
            return CannotFeed(reason=f"record `{schema_id}`: {value.reason}")
        return product.kind, {"schema": schema_id, "value": value}


# --- Records by their schemas -----------------------------------------------------------------------------------------

_DEPTH_MAX = 6
_CANDIDATES = (
    *("a", "abc", "one", "a_b", "a-b", "a.b", "A", "ABC", "1", "12", "a1", "v1", "1.0", "en-US", "#", "x" * 32),
    *("2026-01-01", "2026-01-01T00:00:00Z", "12:00", "+4930123456", "name@example.org", "https://example.org/", ""),
)


def example(schema: Any, chance: Chance) -> Any:
    """Some value that fits a schema; `CannotFeed` where none was found."""
    made = _example(schema, schema, chance, 0)
    if isinstance(made, CannotFeed):
        return made
    problem = instance_problem(schema, made)
    if problem is None:
        return made
    given = schema.get("examples") or ()
    fitting = [one for one in given if instance_problem(schema, one) is None]
    if fitting:
        return fitting[chance.below(len(fitting))]
    return CannotFeed(reason=f"what was made up {problem}; give its schema `examples`")


def _example(schema: Any, root: Any, chance: Chance, depth: int) -> Any:
    schema = referred(schema, root) if isinstance(schema, dict) else {}
    if schema.get("enum"):
        return schema["enum"][chance.below(len(schema["enum"]))]
    if "const" in schema:
        return schema["const"]
    for key in ("oneOf", "anyOf", "allOf"):
        if schema.get(key) and "type" not in schema:
            return _example(schema[key][chance.below(len(schema[key]))], root, chance, depth + 1)
    types = schema.get("type", "object" if "properties" in schema else "string")
    match types[0] if isinstance(types, list) else types:
        case "object":
            return _object(schema, root, chance, depth)
        case "array":
            most = min(schema.get("maxItems", 3), schema.get("minItems", 0) + 2)
            count = (
                schema.get("minItems", 0) if depth >= _DEPTH_MAX else chance.between(schema.get("minItems", 0), most)
            )
            items = [_example(schema.get("items", {}), root, chance, depth + 1) for _ in range(min(count, 64))]
            return next((one for one in items if isinstance(one, CannotFeed)), items)
        case "integer" | "number":
            return _number(schema, chance)
        case "boolean":
            return chance.one_in(2)
        case "null":
            return None
    return _string(schema, chance)


def _object(schema: dict[str, Any], root: Any, chance: Chance, depth: int) -> Any:
    required, made = schema.get("required", ()), {}
    for name, inner in schema.get("properties", {}).items():
        if inner is False or (name not in required and (depth >= _DEPTH_MAX or chance.one_in(3))):
            continue
        value = _example(inner, root, chance, depth + 1)
        if isinstance(value, CannotFeed):
            if name in required:
                return value
            continue
        made[name] = value
    return made


def _number(schema: dict[str, Any], chance: Chance) -> int:
    low = schema.get("minimum", schema["exclusiveMinimum"] + 1 if "exclusiveMinimum" in schema else None)
    high = schema.get("maximum", schema["exclusiveMaximum"] - 1 if "exclusiveMaximum" in schema else None)
    if low is None:
        low = min(0, high) if high is not None else 0
    high = high if high is not None else low + 1000
    step = schema.get("multipleOf") or 1
    first = -(-low // step) * step
    return int(first + step * chance.below(max(1, (high - first) // step + 1)))


def _string(schema: dict[str, Any], chance: Chance) -> Any:
    least, most = schema.get("minLength", 0), schema.get("maxLength", 200)
    pattern = re.compile(schema["pattern"]) if "pattern" in schema else None
    words = " ".join(_WORDS[chance.below(len(_WORDS))] for _ in range(chance.between(1, 4)))
    given = [one for one in schema.get("examples", ()) if isinstance(one, str)]
    filled = words[:most] if len(words) >= least else words.ljust(least, "x")
    for text in (filled, *given, *_CANDIDATES):
        if least <= len(text) <= most and (pattern is None or pattern.search(text)):
            return text
    return CannotFeed(reason=f"no text was found that matches `{schema.get('pattern', '')[:60]}`; give it `examples`")
