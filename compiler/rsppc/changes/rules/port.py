"""What breaks whoever connects: formats at the ends of a pipeline, and ports of node types and modules that others
place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rsppc.base.json_pointer import escaped
from rsppc.base.record import Record
from rsppc.base.source import Span
from rsppc.changes.finding import Breaking, Pair
from rsppc.ir import catalog
from rsppc.ir.types import Mismatch, PortType, print_type, refine
from rsppc.syntax.document import Mapping as Written
from rsppc.syntax.type_expr import parse_type


class NarrowerInput(Breaking):
    """An input that accepts less refuses what somebody sends it today."""

    code = "RSP9721"
    name = "narrower-input"
    audience = "port"
    headline = "the input `{subject}` accepts {written_after}, and accepted {written_before}"
    written_before: str
    written_after: str


class WiderOutput(Breaking):
    """An output that may give more sends something that the other side was never asked to take."""

    code = "RSP9722"
    name = "wider-output"
    audience = "port"
    headline = "the output `{subject}` gives {written_after}, and gave {written_before}"
    written_before: str
    written_after: str


class RemovedEnd(Breaking):
    """Callers and transports connect to the ends of a pipeline by their names."""

    code = "RSP9723"
    name = "removed-end"
    audience = "port"
    headline = "the {what} `{subject}` is gone"
    what: str


class OtherLane(Breaking):
    """A lane is an order of precedence. What moves to another one is overtaken by what it overtook."""

    code = "RSP9724"
    name = "other-lane"
    audience = "port"
    headline = "`{subject}` runs on the {written_after} instead of the {written_before}"
    written_before: str
    written_after: str


def find(pair: Pair) -> Iterator[Breaking]:
    """Findings about the ends of a pipeline, and the lanes of its edges."""
    before, after = (side.spec["effective_nodes"] for side in (pair.before, pair.after))
    for name in sorted(before):
        if before[name]["role"] in _ENDS:
            yield from _end(pair, name, before[name], after.get(name))
    edges = pair.after.spec["effective_edges"]
    for name, edge in sorted(pair.before.spec["effective_edges"].items()):
        if name in edges and edges[name]["lane"] != edge["lane"]:
            yield OtherLane(
                at=pair.now(f"/effective_edges/{escaped(name)}/from"),
                subject=f"edges.{name}",
                written_before=edge["lane"],
                written_after=edges[name]["lane"],
                **pair.facts("major"),
            )


_ENDS = ("ingress", "egress")


def _end(pair: Pair, name: str, before: Mapping[str, Any], after: Mapping[str, Any] | None) -> Iterator[Breaking]:
    """One node to which a transport connects. Its outputs are what the transport sends, its inputs what it takes."""
    if after is None or after["role"] != before["role"]:
        at = pair.then(f"/effective_nodes/{escaped(name)}/node_type")
        yield RemovedEnd(at=at, subject=f"nodes.{name}", what=f"{before['role']} node", **pair.facts("major"))
        return
    at = pair.now(f"/effective_nodes/{escaped(name)}/node_type")
    for side in ("inputs", "outputs"):
        for port, written in sorted(before.get(side, {}).items()):
            subject = f"nodes.{name}.{side}.{port}"
            now = after.get(side, {}).get(port)
            if now is None:
                yield RemovedEnd(at=at, subject=subject, what=f"{side[:-1]} port", **pair.facts("major"))
            elif before["role"] == "ingress" and side == "outputs" and is_narrower(written, now):
                # What an ingress gives to the graph is what it accepts from outside.
                yield NarrowerInput(
                    at=at, subject=subject, written_before=written, written_after=now, **pair.facts("major")
                )
            elif before["role"] == "egress" and side == "inputs" and is_narrower(now, written):
                yield WiderOutput(
                    at=at, subject=subject, written_before=written, written_after=now, **pair.facts("major")
                )


def is_narrower(before: str, after: str) -> bool:
    """Whether a type no longer holds everything that it held. What cannot be read is taken for another type."""
    if before == after:
        return False
    old, new = parse_type(before), parse_type(after)
    if not isinstance(old, PortType) or not isinstance(new, PortType):
        return True
    return isinstance(refine(new, old), Mismatch)


class Port(Record):
    """A port that others connect to, as far as that concerns them."""

    direction: str
    name: str
    type: str
    lane: str
    at: Span
    """Where its type is written, or what it is a port of."""
    lane_at: Span


def of_ports(before: Iterable[Port], after: Iterable[Port], *, owner: str, facts: dict[str, Any]) -> Iterator[Breaking]:
    """Findings about the ports that a node type or a module has on both sides."""
    now = {(port.direction, port.name): port for port in after}
    for port in before:
        new = now.get((port.direction, port.name))
        if new is None:
            continue
        subject = f"{owner}.{port.name}"
        types: dict[str, Any] = {"written_before": port.type, "written_after": new.type}
        if port.direction == "in" and is_narrower(port.type, new.type):
            yield NarrowerInput(at=new.at, subject=subject, **types, **facts)
        if port.direction == "out" and is_narrower(new.type, port.type):
            yield WiderOutput(at=new.at, subject=subject, **types, **facts)
        if port.lane != new.lane:
            yield OtherLane(at=new.lane_at, subject=subject, written_before=port.lane, written_after=new.lane, **facts)


def ports_of_node_type(node_type: Written) -> Iterator[Port]:
    """The ports that a manifest declares."""
    for port in node_type["ports"]:
        yield Port(
            direction=port["direction"],
            name=port["name"],
            type=port["type"],
            lane=port["lane"],
            at=port.value_span("type"),
            lane_at=port.value_span("lane"),
        )


Signature = Mapping[tuple[str, str], catalog.Port]
"""Ports that a module exposes, by direction and name, with all that each may carry."""


def ports_of_module(signature: Signature) -> Iterator[Port]:
    """The ports that a module exposes. Their types are those of the nodes inside."""
    for (direction, name), port in signature.items():
        at = port.place.span()
        yield Port(direction=direction, name=name, type=print_type(port.type), lane=port.lane, at=at, lane_at=at)
