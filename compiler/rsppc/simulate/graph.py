"""The graph of one plan, made to run: nodes with inputs by lane, outputs with their edges, edges with their queues.

The graph comes from the ResolvedSpec with the patches and inserts that the plan selected. A later plan changes the
graph in place: nodes and edges that stay keep what they hold, so that the prelude runs on from turn to turn.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rsppc.conditions import (
    AUDIO_EVENT_FIELDS,
    TEXT_EVENT_FIELDS,
    Condition,
    edge_environment,
    evaluate,
    read_condition,
)
from rsppc.simulate.clock import CONTROL, DATA, RANKS, TELEMETRY
from rsppc.simulate.conditions import event_values
from rsppc.simulate.items import Item
from rsppc.simulate.queues import Queue, bounds_of

if TYPE_CHECKING:
    from rsppc.simulate.behaviour import Behaviour

_FOR_EVER = 1 << 60
"""Control events are never let go for their age."""
_RANK_OF_KIND = {"control": CONTROL, "metrics": TELEMETRY, "debug": TELEMETRY}


class Edge:
    """One edge, with its queue in front of the consumer."""

    __slots__ = (
        "blocked",
        "condition",
        "crossing",
        "id",
        "lane",
        "lost_from",
        "noticed_us",
        "otherwise",
        "passes",
        "queue",
        "rank",
        "source",
        "sync_domain",
        "target",
        "target_port",
        "unsaid",
    )

    def __init__(self, edge_id: str, said: Mapping[str, Any], source: Node, target: Node) -> None:
        self.id = edge_id
        self.source, self.target = source, target
        self.target_port: str = said["to"].rpartition(".")[2]
        self.lane: str = said["lane"]
        self.rank = RANKS[self.lane]
        self.blocked: list[Item] = []
        """What a `block` edge keeps outside its queue, each for at most its block time."""
        self.noticed_us = -1_000_000
        self.unsaid = 0
        """Lost since the last drop notice."""
        self.lost_from = 0
        """Number of the offer at which the first of them was lost."""
        self.configure(said, Queue(bounds_of(said["buffer"])))

    def configure(self, said: Mapping[str, Any], queue: Queue) -> None:
        """Take what the plan says; `queue` may be one that already holds something."""
        self.sync_domain: str = said["buffer"].get("sync_drop_policy", {}).get("sync_domain", self.id)
        self.crossing = self.source.scope == "session" and self.target.scope == "turn"
        age_us = said["pre_roll_ms"] * 1000 if self.crossing else None
        queue.configure(bounds_of(said["buffer"]), _FOR_EVER if self.rank == CONTROL else age_us)
        self.queue = queue
        self.passes = frozenset(said["passes"]) if "passes" in said and "text<" in said["type"] else None
        self.otherwise = said.get("otherwise") is True
        self.condition = None if "when" not in said else read_condition(said["when"], _environment(said["type"]))


def _environment(type_text: str) -> Any:
    fields = TEXT_EVENT_FIELDS if type_text.startswith("text<") else AUDIO_EVENT_FIELDS
    return edge_environment(fields)


class Output:
    """An output of a node, with the edges that leave it."""

    __slots__ = (
        "_routes",
        "drawn",
        "edges",
        "is_switch",
        "kind",
        "last_us",
        "modes",
        "name",
        "node",
        "rank",
        "samples",
        "signals",
    )

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name
        self.kind = ""
        self.rank = DATA
        self.modes: frozenset[str] = frozenset()
        self.edges: tuple[Edge, ...] = ()
        self.signals: str = ""
        """What the turn arbiter takes it for: `turn`, `barge_in` or `cancel`."""
        self.is_switch = False
        self.last_us = 0
        """When the last item leaves: what follows leaves no earlier."""
        self.samples: tuple[int, ...] = (0,)
        """Latencies in microseconds, taken in turn."""
        self.drawn = 0
        self._routes: dict[tuple[str, int, int], tuple[Edge, ...]] = {}

    def set_edges(self, edges: Iterable[Edge]) -> None:
        self.edges = tuple(edges)
        self.is_switch = any(edge.condition is not None or edge.otherwise for edge in self.edges)
        self._routes.clear()

    def route(self, item: Item, session: Mapping[str, object]) -> tuple[Edge, ...]:
        """The edges that an item takes. A condition is evaluated once per distinct input, and the answer kept."""
        key = (item.mode, item.confidence_milli, item.media_us)
        found = self._routes.get(key)
        if found is None:
            found = self._routes[key] = self._chosen(item, session)
        return found

    def _chosen(self, item: Item, session: Mapping[str, object]) -> tuple[Edge, ...]:
        values = {**session, **event_values(item)}
        taken = [edge for edge in self.edges if edge.condition is not None and holds(edge.condition, values)]
        always = [edge for edge in self.edges if edge.condition is None and not edge.otherwise]
        return tuple(always + (taken or [edge for edge in self.edges if edge.otherwise]))


def holds(condition: Condition, values: Mapping[str, object]) -> bool:
    """Whether a condition holds. One that has no value does not: its event takes the `otherwise` way."""
    return evaluate(condition, values) is True


class Node:
    """A node as it runs."""

    __slots__ = (
        "behaviour",
        "budget_us",
        "cancel_us",
        "config",
        "fallback",
        "free_at",
        "held",
        "id",
        "inputs",
        "is_scheduled",
        "modality",
        "node_type",
        "outputs",
        "provider",
        "role",
        "scope",
        "service_us",
        "silenced",
        "spec",
        "timeout_us",
        "turn_cancel",
    )

    behaviour: Behaviour

    def __init__(self, node_id: str, spec: Mapping[str, Any]) -> None:
        self.id = node_id
        self.inputs: tuple[Edge, ...] = ()
        """By lane, the most urgent first."""
        self.outputs: dict[str, Output] = {}
        self.free_at = 0
        self.is_scheduled = False
        self.held = 0
        """How many of its edges are above their high watermark."""
        self.silenced: object = None
        """The turn for which it has stopped."""
        self.service_us = 0
        self.configure(spec)

    def configure(self, spec: Mapping[str, Any]) -> None:
        self.spec = spec
        self.node_type: str = spec["node_type"]
        self.role: str = spec["role"]
        self.scope: str = spec["scope"]
        self.config: Mapping[str, Any] = spec["config"]
        self.modality: str | None = spec.get("modality")
        self.provider: str | None = spec.get("provider")
        self.fallback: Mapping[str, Any] | None = spec.get("fallback")
        self.budget_us: int = spec["budget_ms"] * 1000
        self.timeout_us: int = (spec.get("timeout_ms") or 1000) * 1000
        self.cancel_us: int = spec["cancel"]["cancel_latency_ms"] * 1000
        self.turn_cancel: str = spec.get("turn_cancel") or "none"
        for name, type_text in (spec.get("outputs") or {}).items():
            output = self.outputs.setdefault(name, Output(self, name))
            output.kind = re.split("[<|]", type_text)[0]
            output.rank = _RANK_OF_KIND.get(output.kind, DATA)
            inside = re.match(r"\w+<([^,>]*)", type_text)
            output.modes = frozenset(inside[1].split("|")) if inside else frozenset()

    def find_input(self, prefix: str) -> bool:
        """Whether some input is of a kind."""
        return any(str(one).startswith(prefix) for one in (self.spec.get("inputs") or {}).values())


class Graph:
    """All nodes and edges of the session, under the plan that was applied last."""

    __slots__ = ("budgets", "edges", "nodes")

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: dict[str, Edge] = {}
        self.budgets: dict[str, int] = {}

    def apply(self, document: Mapping[str, Any], turns: Mapping[str, Any]) -> None:
        """Become the graph of a document, without losing what nodes and edges hold that are in it as well."""
        self.budgets = document["budgets"]
        nodes, edges = document["effective_nodes"], document["effective_edges"]
        for node_id in sorted(self.nodes.keys() - nodes.keys()):
            del self.nodes[node_id]
        for node_id in sorted(nodes):
            known = self.nodes.get(node_id)
            if known is None:
                self.nodes[node_id] = Node(node_id, nodes[node_id])
            else:
                known.configure(nodes[node_id])
        before, self.edges = self.edges, {}
        for edge_id in sorted(edges):
            said = edges[edge_id]
            source = self.nodes[said["from"].rpartition(".")[0]]
            target = self.nodes[said["to"].rpartition(".")[0]]
            edge = before.get(edge_id)
            if edge is None or edge.source is not source or edge.target is not target:
                edge = Edge(edge_id, said, source, target)
            else:
                edge.configure(said, edge.queue)
            self.edges[edge_id] = edge
        self._connect(edges, turns)

    def _connect(self, said: Mapping[str, Any], turns: Mapping[str, Any]) -> None:
        into: dict[str, list[Edge]] = {}
        out_of: dict[str, list[Edge]] = {}
        for edge_id, edge in self.edges.items():
            into.setdefault(edge.target.id, []).append(edge)
            out_of.setdefault(said[edge_id]["from"], []).append(edge)
        places = {turns.get("owner"): "turn"}
        places |= {one["from"]: "cancel" for one in turns.get("cancel_from", ())}
        places |= {one["from"]: "barge_in" for one in turns.get("barge_in", ())}
        for node in self.nodes.values():
            order = {name: number for number, name in enumerate(node.config.get("sources", ()))}
            node.inputs = tuple(
                sorted(into.get(node.id, ()), key=lambda edge: (edge.rank, order.get(edge.target_port, 0), edge.id))
            )
            for name, output in node.outputs.items():
                port = f"{node.id}.{name}"
                output.set_edges(out_of.get(port, ()))
                output.signals = places.get(port, "")


def add_telemetry(document: dict[str, Any], items_max: int) -> None:
    """Add the runtime's own metrics, so that every pipeline has something on the TelemetryLane.

    They stand in no spec: each runtime has them, and they are the first to go under pressure.
    """
    common: dict[str, Any] = {"scope": "session", "config": {}, "budget_ms": 1000}
    common["cancel"] = {"mode": "preemptible", "cancel_latency_ms": 0}
    source = {**common, "role": "source", "node_type": "runtime.metrics", "outputs": {"out": "metrics"}}
    recorder = {**common, "role": "sink", "node_type": "runtime.recorder", "outputs": {}}
    document["effective_nodes"] |= {"runtime/metrics": source, "runtime/recorder": recorder}
    document["effective_edges"]["runtime/metrics.out->runtime/recorder.in"] = {
        "from": "runtime/metrics.out",
        "to": "runtime/recorder.in",
        "lane": "TelemetryLane",
        "type": "metrics",
        "pre_roll_ms": 0,
        "buffer": {
            "strategy": "sample",
            "max_queue_items": items_max,
            "max_queue_ms": 1000,
            "max_queue_bytes": 64 * items_max,
            "watermarks": {"queue_items": {"high": -(-items_max * 3 // 4), "low": items_max * 3 // 8}},
        },
    }
