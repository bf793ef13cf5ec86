"""What breaks whoever connects: formats at the ends of a pipeline, and ports of node types that others place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rsppc.changes.finding import Breaking, Pair
from rsppc.emit.origins import escaped
from rsppc.ir.types import Mismatch, PortType, refine
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


def of_node_type(before: Written, after: Written, name: str, facts: dict[str, Any]) -> Iterator[Breaking]:
    """Findings about the ports that a node type has on both sides."""
    now = {(port["direction"], port["name"]): (index, port) for index, port in enumerate(after["ports"])}
    for port in before["ports"]:
        key = (port["direction"], port["name"])
        if key not in now:
            continue
        index, new = now[key]
        subject, types = f"{name}.{port['name']}", (port["type"], new["type"])
        place = after["ports"][index]
        if port["direction"] == "in" and is_narrower(*types):
            yield NarrowerInput(
                at=place.value_span("type"), subject=subject, written_before=types[0], written_after=types[1], **facts
            )
        if port["direction"] == "out" and is_narrower(types[1], types[0]):
            yield WiderOutput(
                at=place.value_span("type"), subject=subject, written_before=types[0], written_after=types[1], **facts
            )
        if port["lane"] != new["lane"]:
            yield OtherLane(
                at=place.value_span("lane"),
                subject=subject,
                written_before=port["lane"],
                written_after=new["lane"],
                **facts,
            )
