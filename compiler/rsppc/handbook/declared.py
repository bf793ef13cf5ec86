"""What a manifest declares about a node type or a provider, arranged for its page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.handbook.content import flow

_Entry = Mapping[str, Any]


class Latency(Record):
    """Times of one output."""

    output: str
    p50: str
    p95: str
    plus: str
    at_least: str


def node_type_values(entry: _Entry) -> dict[str, Any]:
    """What the template of node types is filled with."""
    ports = entry.get("ports") or ()
    return {
        "entry": entry,
        "inputs": [one for one in ports if one.get("direction") == "in"],
        "outputs": [one for one in ports if one.get("direction") != "in"],
        "config": [(field, _bounds(field), _default(field)) for field in entry.get("config") or ()],
        "latency": list(_latency(entry.get("latency"))),
        "facts": _facts(entry, _NODE_FACTS),
    }


def provider_values(entry: _Entry) -> dict[str, Any]:
    """What the template of providers is filled with."""
    return {
        "entry": entry,
        "refined": sorted((entry.get("refines") or {}).items()),
        "latency": list(_latency(entry.get("latency"))),
        "facts": _facts(entry, _PROVIDER_FACTS),
    }


_NODE_FACTS = (
    ("role", "role"),
    ("execution_mode", "runs"),
    ("scope", "scope"),
    ("state", "state"),
    ("cancel", "cancel"),
    ("turn_cancel", "when its turn is cancelled"),
    ("timeout_ms", "time-out in ms"),
    ("resource_limits", "limits"),
    ("trust_level", "trust"),
    ("modality", "modality"),
    ("impl_ref", "implementation"),
)
_PROVIDER_FACTS = (
    ("modality", "modality"),
    ("modes", "text modes"),
    ("languages", "languages"),
    ("confidence", "states a confidence"),
    ("cancel", "cancel"),
    ("failure_domain", "fails together with"),
    ("cost", "cost"),
    ("source", "source"),
)


def _facts(entry: _Entry, names: tuple[tuple[str, str], ...]) -> list[tuple[str, str, str]]:
    """Key, what it is called, value; only what is stated."""
    return [(key, words, flow(entry[key])) for key, words in names if entry.get(key) is not None]


def _default(field: _Entry) -> str | None:
    if "default" not in field:
        return None
    value = field["default"]
    return '""' if value == "" else flow(value)


def _bounds(field: _Entry) -> str:
    said = []
    if "min" in field or "max" in field:
        said.append(f"{field.get('min', '…')} to {field.get('max', '…')}")
    if "values" in field:
        said.append(", ".join(map(flow, field["values"])))
    return "; ".join(said)


def _latency(latency: _Entry | None) -> Iterator[Latency]:
    if not latency:
        return
    by_output = latency if all(isinstance(one, Mapping) for one in latency.values()) else {"": latency}
    for output, one in by_output.items():
        yield Latency(
            output=str(output),
            p50=flow(one["p50_ms"]) if "p50_ms" in one else "unknown",
            p95=flow(one["p95_ms"]) if "p95_ms" in one else "unknown",
            plus=", ".join(map(flow, one.get("plus") or ())),
            at_least=", ".join(map(flow, one.get("at_least") or ())),
        )
