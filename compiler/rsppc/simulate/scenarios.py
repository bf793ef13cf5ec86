"""What goes wrong in a run. Each scenario says on which turns something happens; `run.py` makes it happen.

A scenario never changes the plan. It plays the caller, the network, the providers and the control plane.
"""

from __future__ import annotations

from rsppc.base.record import Record


class Every(Record, kw_only=False):
    """The turns with `index % period` in `places`."""

    period: int
    places: tuple[int, ...]

    def holds(self, index: int) -> bool:
        return index % self.period in self.places


_NEVER = Every(1, ())
_ALWAYS = Every(1, (0,))


class Scenario(Record):
    """What happens besides the conversation itself."""

    name: str
    summary: str
    barge_in: Every = _NEVER
    """The caller interrupts the answer."""
    outage: Every = _NEVER
    """The provider of the first modality of llm, realtime, stt and tts fails or hangs."""
    pressure: Every = _NEVER
    """The network delivers in bursts, workers are slow, and the control plane reports pressure."""
    disconnect: Every = _NEVER
    """The connection is lost during the answer, and comes back."""
    rotation: Every = _NEVER
    """The lease is rotated during the answer."""
    rotation_while_opening: Every = _NEVER
    """The lease is rotated between the proposal of a turn and its opening."""
    storm: Every = _NEVER
    """Twenty cancels within ten milliseconds, with a lost connection or a rotation among them on some turns."""


SCENARIOS: dict[str, Scenario] = {
    one.name: one
    for one in (
        Scenario(name="calm", summary="nothing goes wrong"),
        Scenario(name="barge_in", summary="the caller interrupts answers", barge_in=Every(2, (0,))),
        Scenario(name="provider_outage", summary="a provider fails or hangs", outage=Every(4, (1, 2))),
        Scenario(name="pressure", summary="bursts, slow workers, reported pressure", pressure=Every(2, (1,))),
        Scenario(name="disconnect", summary="the connection is lost and comes back", disconnect=Every(3, (1,))),
        Scenario(
            name="lease_rotation",
            summary="the lease is rotated during a turn, or while one opens",
            rotation=Every(3, (1,)),
            rotation_while_opening=Every(3, (2,)),
        ),
        Scenario(name="cancel_storm", summary="many cancels at once", storm=_ALWAYS),
    )
}
"""By name, as `rsppc simulate --scenario NAME` takes them."""
