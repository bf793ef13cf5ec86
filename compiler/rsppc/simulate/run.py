"""One run, from a loaded bundle to its timeline and baseline. The file to open first.

The parts: `engine.py` moves items through the graph, `lifecycle.py` opens and ends turns, `nodes.py` says what nodes
make of what they take, `caller.py` plays the world outside, `invariants.py` watches all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rsppc.base.record import Record
from rsppc.contracts.or02 import incomplete
from rsppc.model.timeline import SCHEMA_VERSION
from rsppc.simulate.baseline import TurnFigures, baseline_of, figures_of
from rsppc.simulate.caller import Caller
from rsppc.simulate.chance import Chance
from rsppc.simulate.clock import RANKS
from rsppc.simulate.engine import Engine
from rsppc.simulate.evidence import evidence_of
from rsppc.simulate.graph import Node, add_telemetry
from rsppc.simulate.invariants import Broken, Checker, Violation
from rsppc.simulate.latency import latencies_of, latency_of, table
from rsppc.simulate.lifecycle import Arbiter
from rsppc.simulate.nodes import METRICS, METRICS_EVERY_US, behaviour_of
from rsppc.simulate.scenarios import SCENARIOS, Scenario
from rsppc.simulate.timeline import Timeline
from rsppc.simulate.turn import Turn
from rsppc.turnplan import ControlPlane, LoadedBundle, Session, TurnPlanResolver

START_MS = 1_767_225_600_000
"""The wall clock at the start of a session, where the snapshot names no time: 2026-01-01, UTC."""
SERVICE_US = (100, 5_000)
"""A node without a provider is busy with one item as long as it takes at p95, within these bounds."""
RECORDER, RECORDER_LOAD_MILLI = "runtime.recorder", 950
"""How busy the recorder of metrics is in calm times: under pressure it cannot keep up."""
_RUNNING = ("effective_nodes", "effective_edges", "budgets")
TURN_US_MAX = 200_000_000
"""A run whose turns take longer than this on average is given up: it would not end by itself."""


class Outcome(Record):
    """What came of a run."""

    baseline: dict[str, Any]
    events: int
    violation: Violation | None
    gave_up: bool
    """Whether fewer turns than wanted were proposed, since the pipeline did not answer at all."""


def simulate(
    bundle: LoadedBundle,
    plane: ControlPlane,
    *,
    turns: int,
    seed: int,
    scenario: str | Scenario = "calm",
    session: Session | None = None,
    write: Callable[[bytes], object] | None = None,
) -> Outcome:
    """Run so many turns of one session. `write` takes the lines of the timeline."""
    if isinstance(scenario, str):
        scenario = SCENARIOS[scenario]
    return Run(bundle, plane, turns=turns, seed=seed, scenario=scenario, session=session, write=write).outcome()


class Run:
    """The parts of a run, put together. Tests take it apart to break it."""

    def __init__(
        self,
        bundle: LoadedBundle,
        plane: ControlPlane,
        *,
        turns: int,
        seed: int,
        scenario: Scenario,
        session: Session | None = None,
        write: Callable[[bytes], object] | None = None,
    ) -> None:
        self.bundle, self.seed, self.scenario = bundle, seed, scenario
        self.session = session or Session(session_id=f"sim-{seed}")
        self.figures: list[TurnFigures] = []
        self._events_before = 0
        self._known = latencies_of(bundle.spec["analysis"])
        self.assumed: set[str] = set()
        self.timeline = Timeline(write, session_id=self.session.session_id, start_ms=_start_of(plane))
        self.engine = Engine(Checker(plane.lease.authority_epoch if plane.lease else 0), self.timeline, seed)
        self.arbiter = self.engine.arbiter = Arbiter(
            self.engine,
            TurnPlanResolver(bundle),
            self.session,
            plane,
            seed=seed,
            limit=turns,
            apply=self._apply,
            on_closed=self._on_closed,
        )
        self.caller = self.arbiter.caller = Caller(self.engine, scenario, seed)
        self.engine.session = {
            "session.id": self.session.session_id,
            "session.language": self.session.language,
            "session.region": self.session.region,
            "session.channel": self.session.channel,
            "turn.index": 0,
        }
        flow = bundle.spec["flow_control"]
        for lane, rank in RANKS.items():
            marks = flow["watermarks"][lane]
            self.engine.lane_marks[rank] = (marks["high"], marks["low"])
            said = flow["shedding_strategy_by_lane"][lane]
            self.engine.lane_shedding[rank] = "merge" if said in ("degrade", "fallback") else said
        self.engine.actions = frozenset(bundle.spec["allowed_adaptive_actions"])
        self._apply({name: dict(bundle.spec[name]) for name in _RUNNING}, {})  # before the first turn

    def outcome(self) -> Outcome:
        """Run to the end, or to the first violation."""
        header = {
            "bundle": self.bundle.pipeline_version,
            "bundle_digest": self.bundle.digest,
            "resolved_spec_id": self.bundle.resolved_spec_id,
            "scenario": self.scenario.name,
            "seed": self.seed,
            "session_id": self.session.session_id,
            "start_ms": self.timeline.start_ms,
            "assumed_latencies": sorted(self.assumed),
        }
        engine = self.engine
        self.timeline.line("run", 0, {**header, "language": self.session.language, "schema_version": SCHEMA_VERSION})
        violation = None
        try:
            self.caller.start()
            engine.clock.at(TURN_US_MAX * self.arbiter.limit, 0, self._give_up)
            engine.clock.run()
        except Broken as broken:
            violation = broken.violation
            said = {"invariant": violation.invariant, "event": violation.event, "detail": violation.detail}
            self.timeline.line("violation", violation.at_us, said)
        else:
            accepted = sum(one.accepted for one in self.figures)
            self.timeline.line("end", engine.clock.now, {"turns": self.arbiter.proposed, "accepted": accepted})
        totals = {
            "events": engine.clock.count,
            "events_per_turn_min": min((one.events for one in self.figures), default=0),
            "virtual_us": engine.clock.now,
            "sheds": dict(zip(RANKS, engine.sheds, strict=True)),
            "merges": dict(zip(RANKS, engine.merges, strict=True)),
            "provider_calls": engine.providers.calls,
            "stale_epoch_accepted": int(violation is not None and violation.invariant == "no_stale_epoch_output"),
            "stale_epoch_rejected": sum(one.stale_rejected for one in self.figures),
            "signals": self.timeline.counts,
            "violations": int(violation is not None),
        }
        return Outcome(
            baseline=baseline_of(self.figures, header, totals),
            events=engine.clock.count,
            violation=violation,
            gave_up=self.caller.gave_up,
        )

    def _give_up(self, _first: object, _second: object) -> None:
        self.caller.gave_up = True
        self.engine.clock.stopped = True

    def _apply(self, effective: dict[str, Any], providers: Mapping[str, Any]) -> None:
        """Make the graph that of a plan, with the rules that bound the providers."""
        engine, spec = self.engine, self.bundle.spec
        add_telemetry(effective, spec["flow_control"]["watermarks"]["TelemetryLane"]["high"])
        engine.providers.rules = dict(providers)
        engine.graph.apply(effective, spec["turns"])
        for node in engine.graph.nodes.values():
            if not hasattr(node, "behaviour"):
                self._set_up(node)

    def _set_up(self, node: Node) -> None:
        """What a node does, and how long it takes."""
        node.behaviour = behaviour_of(self.engine, node, self.seed)
        if node.node_type == RECORDER:
            node.service_us = METRICS_EVERY_US * RECORDER_LOAD_MILLI // 1000 // len(self.engine.graph.nodes)
        chance = Chance(self.seed, f"latency/{node.id}")
        for name, output in sorted(node.outputs.items()):
            port = f"{node.id}.{name}"
            latency = latency_of(
                self._known, port, kind=node.modality or node.node_type, waits_us=node.behaviour.waits()
            )
            if (
                not latency.is_known
                and node.node_type not in (METRICS, RECORDER)
                and (output.edges or output.signals or node.modality)
            ):
                self.assumed.add(port)
            output.samples = table(latency, chance)
            if not node.modality and node.role == "processor":
                node.service_us = min(max(node.service_us, latency.p95_us, SERVICE_US[0]), SERVICE_US[1])
            if node.modality and output.kind in ("audio", "text") and node.id not in self.engine.providers.latencies:
                self.engine.providers.latencies[node.id] = latency

    def _on_closed(self, turn: Turn) -> list[str]:
        """Conclude a turn; gives what its record lacks."""
        engine = self.engine
        events, self._events_before = engine.clock.count - self._events_before, engine.clock.count
        missing: list[str] = []
        if turn.plan is not None:
            profile = self.bundle.spec["execution_profile"]
            record = evidence_of(turn, self.timeline, profile=profile)
            missing = [gap.sentence() for gap in incomplete(record)]
            self.timeline.line("evidence", engine.clock.now, {"or02": record})
        self.timeline.line("totals", engine.clock.now, self._totals(turn, events))
        self.figures.append(figures_of(turn, events=events, or02_complete=turn.plan is not None and not missing))
        return missing

    def _totals(self, turn: Turn, events: int) -> dict[str, Any]:
        """What the queues did up to the end of a turn (offers, merges, losses, peak), and a digest of its events."""
        edges = {
            edge.id: [edge.queue.offers, edge.queue.merges, edge.queue.sheds, edge.queue.peak]
            for edge in self.engine.graph.edges.values()
        }
        return {
            "turn_id": turn.turn_id,
            "events": events,
            "events_digest": self.engine.clock.digest(),
            "outputs": turn.outputs,
            "edges": edges,
        }


def _start_of(plane: ControlPlane) -> int:
    """A moment at which every section of a snapshot is fresh."""
    sections = (plane.routing, plane.provider_health, plane.admission, plane.lease, plane.pressure)
    times = [one.as_of_ms for one in sections if one is not None and one.as_of_ms is not None]
    return max(times, default=START_MS)
