"""The person on the line, and everything else outside the pipeline that a scenario moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rsppc.base.record import replace
from rsppc.simulate.chance import Chance
from rsppc.simulate.clock import CONTROL
from rsppc.simulate.listening import Ingress
from rsppc.simulate.nodes import Metrics
from rsppc.simulate.scenarios import Scenario
from rsppc.simulate.turn import Turn

if TYPE_CHECKING:
    from rsppc.simulate.engine import Engine

FIRST_US = 1_300_000
"""When the caller says the first words; a greeting is over by then."""
SPEECH_US = (800_000, 2_000_000)
PAUSE_US = (300_000, 700_000)
PATIENCE_US = 4_000_000
"""How long the caller waits for a turn before repeating it."""
REPEATS_MAX = 20
AWAY_US = 700_000
"""How long a lost connection stays lost."""
STALL_US = 500_000
"""How long the network holds audio back before it delivers all of it at once."""
SLOWNESS_MILLI = 1500
STORM = 20
"""Cancels in a storm, half a millisecond apart."""
_MODALITIES = ("llm", "realtime", "stt", "tts")


class Caller:
    """Speaks, listens, interrupts, hangs up; brings outages, pressure and rotations on the turns of the scenario."""

    __slots__ = (
        "_chance",
        "_engine",
        "_repeats",
        "_scenario",
        "_token",
        "ended_us",
        "gave_up",
        "is_connected",
        "speaks_until",
        "stalls_until",
    )

    def __init__(self, engine: Engine, scenario: Scenario, seed: int) -> None:
        self._engine, self._scenario = engine, scenario
        self._chance = Chance(seed, "caller")
        self._token = self._repeats = 0
        self.is_connected = True
        self.speaks_until = 0
        self.stalls_until = 0
        self.ended_us = 0
        """When the last utterance ends."""
        self.gave_up = False
        """Whether the caller stopped trying, since no turn ever opens."""

    def start(self) -> None:
        """The call begins."""
        self._engine.signal("connected", "RK-23")
        for node in list(self._engine.graph.nodes.values()):
            if isinstance(node.behaviour, Ingress):
                node.behaviour.start(self)
            elif isinstance(node.behaviour, Metrics):
                node.behaviour.start()
        self._engine.clock.at(FIRST_US, CONTROL, self._say, self._token)

    def _say(self, token: int, _: object) -> None:
        if token != self._token or self._engine.turn is not None:
            return
        self._prepare(self._engine.arbiter.proposed)
        self._speak(self._chance.between(*SPEECH_US))
        if self._engine.slowness_milli > 1000:
            self._engine.clock.after(STALL_US // 2, CONTROL, self._stall)

    def _speak(self, how_long_us: int) -> None:
        clock = self._engine.clock
        self.speaks_until = self.ended_us = clock.now + how_long_us
        self._token += 1
        clock.at(self.speaks_until + PATIENCE_US, CONTROL, self._repeat, self._token)

    def _repeat(self, token: int, _: object) -> None:
        """Nobody answered."""
        if token != self._token or self._engine.turn is not None:
            return
        self._repeats += 1
        if self._repeats > REPEATS_MAX:
            self.gave_up = True
            self._engine.clock.stopped = True
            return
        self._say(token, None)

    def _stall(self, _first: object, _second: object) -> None:
        self.stalls_until = self._engine.clock.now + STALL_US

    def _prepare(self, index: int) -> None:
        """What is so from before a turn to its end."""
        engine, arbiter = self._engine, self._engine.arbiter
        is_pressed = self._scenario.pressure.holds(index)
        engine.slowness_milli = SLOWNESS_MILLI if is_pressed else 1000
        pressure = arbiter.plane.pressure
        if pressure is not None and self._scenario.pressure.places:
            level = 900 if is_pressed else 0
            arbiter.plane = replace(arbiter.plane, pressure=replace(pressure, data_lane_milli=level))
        engine.providers.down = frozenset(self._victims()) if self._scenario.outage.holds(index) else frozenset()

    def _victims(self) -> list[str]:
        nodes = self._engine.graph.nodes.values()
        for modality in _MODALITIES:
            bound = [node.provider for node in nodes if node.modality == modality and node.provider and node.inputs]
            if bound:
                return sorted(set(bound))
        return []

    # --- What happens on turns --------------------------------------------------------------------------------------

    def on_proposed(self, turn: Turn) -> None:
        """A turn was proposed."""
        self._token += 1
        self._repeats = 0
        if self._scenario.rotation_while_opening.holds(turn.index):
            self._engine.clock.after(1_000, CONTROL, self._rotate)

    def on_first_output(self, turn: Turn) -> None:
        """The caller hears the beginning of an answer."""
        scenario, after, index = self._scenario, self._engine.clock.after, turn.index
        moment = self._chance.between(200_000, 800_000)
        if scenario.barge_in.holds(index):
            after(moment, CONTROL, self._interrupt, turn)
        if scenario.disconnect.holds(index):
            after(moment, CONTROL, self._hang_up, turn)
        if scenario.rotation.holds(index):
            after(moment, CONTROL, self._rotate)
        if scenario.storm.holds(index):
            for number in range(STORM):
                after(moment + number * 500, CONTROL, self._cancel, turn)
            if index % 3 == 1:
                after(moment + 5_000, CONTROL, self._hang_up, turn)
            elif index % 3 == 2:
                after(moment + 5_000, CONTROL, self._rotate)

    def on_over(self, turn: Turn) -> None:
        """A turn was closed or refused."""
        engine = self._engine
        if engine.arbiter.proposed >= engine.arbiter.limit:
            engine.clock.stopped = True
        elif self.speaks_until <= engine.clock.now:
            self._token += 1
            engine.clock.after(self._chance.between(*PAUSE_US), CONTROL, self._say, self._token)
        else:  # the caller is speaking already: who interrupts has the next turn
            self._prepare(engine.arbiter.proposed)
            self._token += 1
            engine.clock.at(self.speaks_until + PATIENCE_US, CONTROL, self._repeat, self._token)

    def _interrupt(self, turn: Turn, _: object) -> None:
        if turn.state != "Active":
            return
        arbiter = self._engine.arbiter
        if arbiter.turns.get("barge_in"):
            self._speak(arbiter.min_speech_us + self._chance.between(500_000, 1_000_000))
        else:
            arbiter.cancel(turn, "cancel", "RK-16")

    def _cancel(self, turn: Turn, _: object) -> None:
        self._engine.arbiter.cancel(turn, "cancel", "RK-16")

    def _rotate(self, _first: object, _second: object) -> None:
        self._engine.arbiter.rotate()

    def _hang_up(self, turn: Turn, _: object) -> None:
        if not self.is_connected:
            return
        self.is_connected = False
        self._engine.signal("disconnected", "RK-23", turn=turn)
        self._link("disconnected")
        self._engine.arbiter.end(turn, "disconnect")
        self._engine.clock.after(AWAY_US, CONTROL, self._come_back)

    def _come_back(self, _first: object, _second: object) -> None:
        self.is_connected = True
        self._engine.signal("connected", "RK-23")
        self._link("connected")

    def _link(self, state: str) -> None:
        for node in self._engine.graph.nodes.values():
            if isinstance(node.behaviour, Ingress):
                node.behaviour.link(state)
