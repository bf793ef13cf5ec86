"""What a plugin emitted, held against the ports that its node type declares and the events that it was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rsppc.extensions.events import Event
from rsppc.extensions.playing import Emitted
from rsppc.extensions.record_schema import instance_problem
from rsppc.extensions.synthetic import Script
from rsppc.ir.types import (
    ATTRIBUTES,
    AnyValue,
    Product,
    Variable,
    domain_of,
    is_whole_variable,
    meet_domains,
    only,
    print_type,
)

_PAYLOAD_KEY = {"modes": "mode", "signals": "signal"}
"""How payloads call an attribute, where it is not by its own name."""


def port_problems(emitted: Sequence[Emitted], script: Script) -> Iterator[str]:
    """What came out where nothing was declared."""
    for event in _events(emitted):
        if event.port not in script.outputs:
            known = ", ".join(f"`{name}`" for name in script.outputs) or "none"
            yield f"it emitted at `{event.port}`, which is no output; outputs are {known}"


def type_problems(emitted: Sequence[Emitted], script: Script, records: Mapping[str, Any]) -> Iterator[str]:
    """What came out and is not of the type or the lane of its port."""
    for one in emitted:
        event = one.event
        if not isinstance(event, Event):
            yield f"it emitted a `{type(event).__name__}`, which is no `Event`"
            continue
        declared = script.outputs.get(event.port)
        if declared is None:
            continue
        lane = script.lanes[event.port]
        if event.lane != lane and lane != "inherit":
            yield f"`{event.port}` is on {lane}, and `{event.event_id}` was emitted on {event.lane}"
        reasons = [_mismatch(event, product, script, records) for product in declared.alternatives]
        if None not in reasons:
            yield f"`{event.port}` is `{print_type(declared)}`: {reasons[0]}"


def _mismatch(event: Event, product: Product, script: Script, records: Mapping[str, Any]) -> str | None:
    if is_whole_variable(product.kind):
        fed = script.whole_kinds
        return None if not fed or event.kind in fed else f"it was given {', '.join(sorted(fed))}, and gave {event.kind}"
    if product.kind == "unchecked":
        return None
    if event.kind != product.kind:
        return f"an event of kind `{event.kind}` was emitted"
    if not isinstance(event.payload, Mapping):
        return "its payload is no mapping"
    for attribute, term in zip(ATTRIBUTES[product.kind], product.terms, strict=True):
        key = _PAYLOAD_KEY.get(attribute, attribute)
        settled = script.settled.get(term.name) if isinstance(term, Variable) else None
        domain = domain_of(term) if settled is None else only(settled, prefixed=attribute == "lang")
        value = event.payload.get(key)
        if value is None and (isinstance(domain, AnyValue) or attribute == "frame_ms"):
            continue
        if not isinstance(value, str | int) or isinstance(value, bool):
            return f"its payload has no `{key}`"
        if meet_domains(domain, only(value, prefixed=attribute == "lang")) is None:
            return f"`{key}` is `{value}`"
    return _content_problem(event, records)


def _content_problem(event: Event, records: Mapping[str, Any]) -> str | None:
    payload = event.payload
    if event.kind == "text" and not isinstance(payload.get("text"), str):
        return "its payload has no `text`"
    if event.kind == "audio" and not isinstance(payload.get("data"), bytes):
        return "its payload has no `data`"
    if event.kind == "control" and not isinstance(payload.get("signal"), str):
        return "its payload has no `signal`"
    if event.kind == "record":
        schema = records.get(str(payload.get("schema")))
        if schema is None:
            return f"no manifest declares the record `{str(payload.get('schema'))[:80]}`"
        problem = instance_problem(schema, payload.get("value"))
        return f"the record {problem}" if problem is not None else None
    return None


def correlation_problems(emitted: Sequence[Emitted], given: Sequence[Event]) -> Iterator[str]:
    """What came out with another identity than that of its cause, or without a cause."""
    seen = {event.event_id for event in given}
    by_id = {event.event_id: index for index, event in enumerate(given)}
    for one in emitted:
        event = one.event
        if not isinstance(event, Event):
            continue
        cause = by_id.get(event.causal_parent_id or "")
        if cause is None or (one.during >= 0 and cause > one.during):
            yield f"`{event.event_id}` names no cause among the events that were given: `{event.causal_parent_id}`"
            continue
        for name in ("session_id", "turn_id", "authority_epoch"):
            ours, theirs = getattr(event, name), getattr(given[cause], name)
            if ours != theirs:
                yield f"`{event.event_id}` carries `{name}` `{ours}`, and its cause `{theirs}`"
        if event.event_id in seen:
            yield f"the id `{event.event_id}` was used before"
        seen.add(event.event_id)


def order_problems(emitted: Sequence[Emitted], given: Sequence[Event]) -> Iterator[str]:
    """What came out of a port before something that was caused earlier, or that lies earlier in the media."""
    by_id = {event.event_id: index for index, event in enumerate(given)}
    last: dict[str, tuple[int, int]] = {}
    for event in _events(emitted):
        cause = by_id.get(event.causal_parent_id or "")
        if cause is None:
            continue
        before, pts = last.get(event.port, (0, 0))
        if cause < before or event.pts_ms < pts:
            yield f"at `{event.port}` `{event.event_id}` came after what it should have preceded"
        last[event.port] = max(cause, before), max(event.pts_ms, pts)


def shown(emitted: Sequence[Emitted], given: Sequence[Event]) -> list[tuple[Any, ...]]:
    """What came out, without whatever tells one turn from another."""
    by_id = {event.event_id: index for index, event in enumerate(given)}
    return [
        (
            event.port,
            event.lane,
            event.kind,
            dict(event.payload) if isinstance(event.payload, Mapping) else event.payload,
            by_id.get(event.causal_parent_id or ""),
        )
        for event in _events(emitted)
    ]


def _events(emitted: Sequence[Emitted]) -> Iterator[Event]:
    return (one.event for one in emitted if isinstance(one.event, Event))
