"""Moves items: from outputs over edges into queues, and from queues into nodes.

An item leaves an output after the node's latency, is offered to the queue of each edge, and is taken when its node is
free. Every offer and every taking is checked. Where a queue reaches its high watermark its producer is told to stop
(`flow_xoff`), and to go on (`flow_xon`) at the low one; sources in real time, such as a microphone, cannot stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rsppc.simulate.clock import CONTROL, LANES, Clock
from rsppc.simulate.graph import Edge, Graph, Node, Output
from rsppc.simulate.invariants import Checker
from rsppc.simulate.items import Item, stamped
from rsppc.simulate.providers import Providers
from rsppc.simulate.queues import BLOCKED, MERGED, TAKEN
from rsppc.simulate.timeline import Timeline
from rsppc.simulate.turn import Turn

if TYPE_CHECKING:
    from rsppc.simulate.lifecycle import Arbiter

NOTICE_US = 100_000
"""Losses on an edge are said at most this often; what was lost in between is counted."""
ONCE_A_TURN = frozenset({"flow_xoff", "flow_xon", "watermark", "discontinuity"})
"""Signals of which a timeline carries the first on each edge in a turn."""


class Engine:
    """The runtime of one session."""

    __slots__ = (
        "_lane_is_high",
        "actions",
        "arbiter",
        "checker",
        "clock",
        "depth",
        "graph",
        "lane_marks",
        "lane_shedding",
        "merges",
        "providers",
        "session",
        "sheds",
        "slowness_milli",
        "timeline",
        "turn",
    )

    arbiter: Arbiter

    def __init__(self, checker: Checker, timeline: Timeline, seed: int) -> None:
        self.checker = checker
        self.clock = Clock(checker.step)
        self.graph = Graph()
        self.timeline = timeline
        self.providers = Providers(self, seed)
        self.turn: Turn | None = None
        self.session: Mapping[str, object] = {}
        self.actions: frozenset[str] = frozenset()
        self.slowness_milli = 1000
        """How much longer than stated everything takes under pressure, in thousandths."""
        self.depth = [0, 0, 0]
        """Items queued by lane."""
        self.lane_marks: list[tuple[int, int]] = [(1 << 30, 0)] * 3
        self.lane_shedding = ["none", "merge", "sample"]
        self._lane_is_high = [False, False, False]
        self.sheds = [0, 0, 0]
        self.merges = [0, 0, 0]

    def leave(self, output: Output, item: Item, delay_us: int = -1) -> None:
        """Let an item leave an output after its latency, or after a stated time; never before the one before it."""
        if delay_us < 0:
            output.drawn += 1
            delay_us = output.samples[output.drawn % len(output.samples)]
        clock = self.clock
        at = clock.now + delay_us
        if at < output.last_us:
            at = output.last_us
        output.last_us = at
        if item.turn is not None:
            item.turn.outstanding += 1
        clock.at(at, output.rank, self.arrive, output, item)

    def arrive(self, output: Output, item: Item) -> None:
        """An item is at the beginning of its edges."""
        turn = item.turn
        if turn is not None:
            if output.node.silenced is turn or turn.state != "Active":
                turn.outstanding -= 1
                return
            self._spread(output, item)
            turn.outstanding -= 1
            if not turn.outstanding:
                self.arbiter.quiet(turn)
        else:
            self._spread(output, item)

    def _spread(self, output: Output, item: Item) -> None:
        for edge in output.route(item, self.session) if output.is_switch else output.edges:
            if edge.passes is None or item.mode in edge.passes:
                self.push(edge, item)
        if output.signals:
            self.arbiter.hear(output, item)

    def push(self, edge: Edge, item: Item) -> None:
        """Offer an item to the queue of an edge."""
        queue, rank, clock = edge.queue, edge.rank, self.clock
        before = len(queue.entries)
        if edge.blocked:
            taken = BLOCKED
        elif self._lane_is_high[rank] and rank:
            queue.offers += 1
            strategy = self.lane_shedding[rank]
            taken = queue.squeeze(clock.now, item, "drop_newest" if strategy == "drop" else strategy)
        else:
            taken = queue.offer(clock.now, item)
        if item.turn is not None:
            item.turn.outstanding += 1
        self.depth[rank] += len(queue.entries) - before
        if taken != TAKEN or queue.gone:
            self._settle(edge, item, taken)
        self.checker.queue(queue, edge.id)
        if self.depth[rank] > self.lane_marks[rank][0] and not self._lane_is_high[rank]:
            self._lane_reached_high(edge)
        if not queue.is_high and queue.has_reached_high():
            self._stop_producer(edge)
        node = edge.target
        if rank == CONTROL:
            clock.after(0, CONTROL, self.serve, node, True)
        elif not node.is_scheduled:
            node.is_scheduled = True
            clock.at(node.free_at, rank, self.serve, node, False)

    def serve(self, node: Node, is_urgent: bool) -> None:
        """Let a node take its next item: of the most urgent lane, and there of the first input that has one."""
        if not is_urgent:
            node.is_scheduled = False
        edge = self.choose(node)
        if edge is None or (edge.rank and (is_urgent or node.held or not node.behaviour.is_ready)):
            return
        turn = self.turn
        if node.scope == "turn" and (turn is None or turn.state != "Active" or turn.causes):
            return
        item = self.take(edge)
        if item is not None:
            self._handle(node, edge, item)
        if edge.rank:
            node.free_at = self.clock.now + node.service_us * self.slowness_milli // 1000
        self.wake(node)

    def choose(self, node: Node) -> Edge | None:
        """The input that a node serves next."""
        for edge in node.inputs:
            if edge.queue.entries:
                return edge
        return None

    def take(self, edge: Edge) -> Item | None:
        """Take the next item of an edge; None where all that waited has waited too long."""
        queue = edge.queue
        before = len(queue.entries)
        item = queue.take(self.clock.now)
        rank = edge.rank
        self.depth[rank] += len(queue.entries) - before
        if queue.gone:
            self._settle(edge, None, TAKEN)
        checker = self.checker
        checker.queue(queue, edge.id)
        if len(edge.target.inputs) > 1 and item is not None:
            checker.served(edge, edge.target.inputs)
        if queue.is_high and queue.has_reached_low():
            self._let_producer_go(edge)
        if self._lane_is_high[rank] and self.depth[rank] <= self.lane_marks[rank][1]:
            self._lane_is_high[rank] = False
        if edge.blocked:
            self._unblock(edge)
        return item

    def wake(self, node: Node) -> None:
        """Schedule a node that may have something to take."""
        if node.is_scheduled or node.held:
            return
        edge = self.choose(node)
        if edge is not None:
            node.is_scheduled = edge.rank != CONTROL
            if edge.rank == CONTROL:
                self.clock.after(0, CONTROL, self.serve, node, True)
            else:
                self.clock.at(node.free_at, edge.rank, self.serve, node, False)

    def _handle(self, node: Node, edge: Edge, item: Item) -> None:
        turn = item.turn
        if turn is None and edge.crossing and self.turn is not None:
            turn = self.turn
            item = stamped(item, turn)
            turn.outstanding += 1
            turn.had_input = True
        if turn is None:
            node.behaviour.take(item, edge)
            return
        if node.role == "egress" or not (turn.state != "Active" or node.silenced is turn):
            node.behaviour.take(item, edge)
        turn.outstanding -= 1
        if not turn.outstanding:
            self.arbiter.quiet(turn)

    def stop(self, node: Node, turn: Turn) -> None:
        """Silence a node for a turn: what waits for it is let go, and what it has under way leads nowhere."""
        node.silenced = turn
        for edge in node.inputs:
            gone = edge.queue.remove(turn)
            gone += [item for item in edge.blocked if item.turn is turn]
            edge.blocked = [item for item in edge.blocked if item.turn is not turn]
            self.depth[edge.rank] -= len(gone)
            turn.outstanding -= len(gone)
            if edge.queue.is_high and edge.queue.has_reached_low():
                self._let_producer_go(edge)
        node.behaviour.stop(turn)

    def turn_fails(self, turn: Turn, cause: str) -> None:
        """A node cannot do its part."""
        self.arbiter.end(turn, cause)

    def signal(self, name: str, emitter: str, *, turn: Turn | None = None, **facts: Any) -> None:
        """Say something on the ControlLane; what comes often is said once a turn and edge."""
        turn = turn or self.turn
        if name in ONCE_A_TURN and turn is not None:
            key = (name, facts.get("edge_id", ""))
            if key in turn.said:
                return
            turn.said.add(key)
        self.timeline.signal(self.clock.now, name, emitter, turn, facts)

    # --- When a queue is full ---------------------------------------------------------------------------------------

    def _settle(self, edge: Edge, item: Item | None, taken: int) -> None:
        """Account for what was merged, lost or has to wait."""
        queue = edge.queue
        if taken == BLOCKED and item is not None:
            edge.blocked.append(item)
            self.clock.after(queue.bounds.block_us, edge.rank, self._waited_too_long, edge, item)
            return
        gone, queue.gone = queue.gone, []
        for one in gone:
            if one.turn is not None:
                one.turn.outstanding -= 1
        if taken == MERGED:
            self.merges[edge.rank] += 1
            gone = gone[:-1]
        self._lost(edge, len(gone))

    def _lost(self, edge: Edge, count: int) -> None:
        if not count:
            return
        self.checker.shed(edge.id, edge.rank, count)
        self.sheds[edge.rank] += count
        edge.lost_from = edge.lost_from if edge.unsaid else edge.queue.offers
        edge.unsaid += count
        now = self.clock.now
        if now - edge.noticed_us >= NOTICE_US:
            edge.noticed_us = now
            facts: dict[str, Any] = {"edge_id": edge.id, "target_lane": edge.lane}
            if edge.rank == 1:
                gap = f"gap-{self.timeline.counts.get('discontinuity', 0) + 1}"
                domain: dict[str, Any] = {"sync_domain": edge.sync_domain, "discontinuity_id": gap}
                self.signal("discontinuity", "RK-15", reason="queue_bound", **domain, **facts)
            # A plan that came in between begins to count anew.
            lost = {"start": min(edge.lost_from, edge.queue.offers), "end": edge.queue.offers}
            self.signal("drop_notice", "RK-12", reason="queue_bound", count=edge.unsaid, seq_range=lost, **facts)
            edge.unsaid = 0

    def _unblock(self, edge: Edge) -> None:
        queue, now = edge.queue, self.clock.now
        while edge.blocked:
            before = len(queue.entries)
            if queue.offer(now, edge.blocked[0]) == BLOCKED:
                break
            edge.blocked.pop(0)
            self.depth[edge.rank] += len(queue.entries) - before
        if queue.gone:
            self._settle(edge, None, TAKEN)
        self.checker.queue(queue, edge.id)

    def _waited_too_long(self, edge: Edge, item: Item) -> None:
        """What may not wait longer: data is shed with a discontinuity, a control event ends the turn and waits on."""
        if not any(one is item for one in edge.blocked):
            return
        if edge.rank == CONTROL:
            if self.turn is not None:
                self.turn_fails(self.turn, "error")
            return
        edge.blocked = [one for one in edge.blocked if one is not item]
        if item.turn is not None:
            item.turn.outstanding -= 1
        edge.queue.sheds += 1
        self._lost(edge, 1)

    def _stop_producer(self, edge: Edge) -> None:
        edge.queue.is_high = True
        self.signal("watermark", "RK-13", edge_id=edge.id, target_lane=edge.lane, reason="high")
        self.signal("flow_xoff", "RK-14", edge_id=edge.id, target_lane=edge.lane, reason="high_watermark")
        edge.source.held += 1

    def _let_producer_go(self, edge: Edge) -> None:
        edge.queue.is_high = False
        self.signal("flow_xon", "RK-14", edge_id=edge.id, target_lane=edge.lane)
        node = edge.source
        node.held -= 1
        if not node.held:
            node.behaviour.resume()
            self.wake(node)

    def _lane_reached_high(self, edge: Edge) -> None:
        self._lane_is_high[edge.rank] = True
        lane = LANES[edge.rank]
        self.signal("watermark", "RK-13", edge_id=edge.id, target_lane=lane, reason="lane_high")
        self.signal("shed", "RK-25", edge_id=edge.id, target_lane=lane, reason="lane_high")
        if self.turn is not None and edge.rank:
            self.turn.outcomes.append(self.timeline.shed(self.clock.now, self.turn, lane))
