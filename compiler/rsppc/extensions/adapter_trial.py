"""Tries a runtime adapter as a loopback: what one bridge sends is received by another, and each promise is a check.

An adapter's messages are its own. So nothing is asked of them but that a second bridge of the same kind makes the same
events of them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rsppc.extensions.adapter_contract import EventABIContract, TransportContract, contract_problems
from rsppc.extensions.events import LANES, Event, Lane
from rsppc.extensions.manifest import Manifest, PluginEntry
from rsppc.extensions.plugins import Offer
from rsppc.extensions.registry import admission_problems, instance_of, said
from rsppc.extensions.trial import Check, Trial, digest_of, ended, judged
from rsppc.model.extension import ADAPTER_PROMISES

CHECKS = ("admission", "loads", "contract", "runs", *ADAPTER_PROMISES)
"""What is checked, in this order."""
_OLD, _NOW = 6, 7
"""Authority epochs: of a lease that has ended, and of the one that holds."""
Build = Callable[[], Any]


def try_adapter(
    plugin: Callable[[], Any], manifest: Manifest, name: str, *, abi: EventABIContract | None = None
) -> Trial:
    """Try a runtime adapter plugin, given as its class or as whatever makes an instance, against its manifest."""
    abi = abi if abi is not None else EventABIContract()
    reasons = admission_problems("runtime adapter", name, manifest)
    if reasons:
        return ended(CHECKS, "admission", reasons, name, 0)
    instance, wrong = instance_of("runtime adapter", Offer(manifest=manifest.ref, name=name, load=plugin))
    if wrong:
        return ended(CHECKS, "loads", [one.message for one in wrong], name, 0, passed=("admission",))
    try:
        stated = list(_stated(instance, manifest.plugins[name], abi))
        probes = {
            promise: list(_PROBES[promise](lambda: instance.build_adapter({}), abi)) for promise in ADAPTER_PROMISES
        }
    except (Exception, SystemExit) as error:  # a plugin may do anything
        return ended(CHECKS, "runs", [f"it raised {said(error)}"], name, 0, passed=("admission", "loads"))
    checks = (
        Check(name="admission", status="pass", message=""),
        Check(name="loads", status="pass", message=""),
        judged("contract", stated),
        Check(name="runs", status="pass", message=""),
        *(judged(promise, problems) for promise, problems in probes.items()),
    )
    return Trial(subject=name, seed=0, checks=checks, events_in=0, events_out=0, output_digest=digest_of(probes))


def _stated(plugin: Any, entry: PluginEntry, abi: EventABIContract) -> Iterator[str]:
    """What an adapter says that it does not keep."""
    for kind in entry.transports:
        transport = TransportContract(kind=kind)
        yield from (f"`{kind}`: {message}" for _, message in contract_problems(plugin.contract, transport, abi))
        yield from (f"`{kind}`: {message}" for message in plugin.validate_contract(transport, abi))


# --- Probes -----------------------------------------------------------------------------------------------------------


def _lane_priority(build: Build, abi: EventABIContract) -> Iterator[str]:
    waiting = [_event(number, lane=LANES[2 - number % 3]) for number in range(9)]
    got = _through(build, build(), waiting)
    wanted = sorted(waiting, key=lambda event: abi.lanes.index(event.lane))
    if [event.event_id for event in got] != [event.event_id for event in wanted]:
        yield "events of all lanes that wait do not leave in the order of the lanes, each lane in its own order"


def _epoch_checks(build: Build, abi: EventABIContract) -> Iterator[str]:
    old = build().egress([_event(2, epoch=_OLD)])
    sender = build()
    _through(build, sender, [_event(1)])
    if "egress" in abi.epoch_checked_at and sender.egress([_event(2, epoch=_OLD)]):
        yield "an event of an old authority epoch left after one of a newer epoch"
    receiver = build()
    for message in build().egress([_event(1)]):
        receiver.ingress(message)
    if "ingress" in abi.epoch_checked_at and any(receiver.ingress(message) is not None for message in old):
        yield "an event of an old authority epoch was taken after one of a newer epoch"


def _cancel_fencing(build: Build, abi: EventABIContract) -> Iterator[str]:
    sender = build()
    _through(build, sender, [*_opened("turn-1", 1), _signal(4, "cancel", turn="turn-1")])
    for number, signal in enumerate(abi.fenced_signals):
        if sender.egress([_signal(10 + number, signal, turn="turn-1")]):
            yield f"`{signal}` of a cancelled turn left"
    if sender.egress([_event(20, turn="turn-1")]):
        yield "data of a cancelled turn left"
    if not sender.egress([*_opened("turn-2", 30), _event(40, turn="turn-2")]):
        yield "a cancel of one turn silenced another"


def _turn_lifecycle(build: Build, abi: EventABIContract) -> Iterator[str]:
    """In every state of a turn each signal, on a bridge of its own."""
    for state, path in _paths(abi).items():
        allowed = {signal for before, signal, _ in abi.lifecycle if before == state}
        for signal in sorted({signal for _, signal, _ in abi.lifecycle}):
            sender = build()
            for number, (_, earlier, _) in enumerate(path):
                sender.egress([_signal(number, earlier)])
            left = bool(sender.egress([_signal(50, signal)]))
            if left != (signal in allowed):
                yield f"`{signal}` {'left' if left else 'did not leave'} in the state {state}"


def _paths(abi: EventABIContract) -> dict[str, list[tuple[str, str, str]]]:
    """A way to every state of a turn."""
    ways: dict[str, list[tuple[str, str, str]]] = {"Idle": []}
    waiting = ["Idle"]
    while waiting:
        state = waiting.pop(0)
        for step in abi.lifecycle:
            if step[0] == state and step[2] not in ways:
                ways[step[2]] = [*ways[state], step]
                waiting.append(step[2])
    return ways


def _replay_evidence(build: Build, abi: EventABIContract) -> Iterator[str]:
    sent = [_event(1), *_opened("turn-1", 2), _event(5, lane="TelemetryLane", turn=None)]
    received = {event.event_id: event for event in _through(build, build(), sent)}
    for event in sent:
        got = received.get(event.event_id)
        if got is None:
            yield f"`{event.event_id}` was sent and not received"
            continue
        for name in (*abi.evidence, "lane", "kind"):
            if getattr(got, name) != getattr(event, name):
                yield f"`{event.event_id}` arrived with another `{name}`: `{getattr(got, name)}`"
        if dict(got.payload) != dict(event.payload):
            yield f"the payload of `{event.event_id}` arrived as another"


_PROBES: dict[str, Callable[[Build, EventABIContract], Iterator[str]]] = {
    "lane_priority": _lane_priority,
    "epoch_checks": _epoch_checks,
    "cancel_fencing": _cancel_fencing,
    "turn_lifecycle": _turn_lifecycle,
    "replay_evidence": _replay_evidence,
}


def _through(build: Build, sender: Any, events: list[Event]) -> list[Event]:
    """What another bridge makes of what a bridge sends."""
    receiver = build()
    received = [receiver.ingress(message) for message in sender.egress(events)]
    return [event for event in received if isinstance(event, Event)]


def _opened(turn: str, number: int) -> list[Event]:
    signals = ("turn_open_proposed", "turn_open")
    return [_signal(number + place, signal, turn=turn) for place, signal in enumerate(signals)]


def _signal(number: int, signal: str, *, turn: str = "turn-1") -> Event:
    return _event(number, lane="ControlLane", turn=turn, kind="control", payload={"signal": signal, "scope": "turn"})


def _event(
    number: int,
    *,
    lane: Lane = "DataLane",
    epoch: int = _NOW,
    turn: str | None = None,
    kind: str = "text",
    payload: dict[str, Any] | None = None,
) -> Event:
    return Event(
        event_id=f"evt-{turn or 'none'}-{number:02}",
        session_id="sess-1",
        turn_id=turn,
        authority_epoch=epoch,
        port="out",
        lane=lane,
        kind=kind,
        payload=payload if payload is not None else {"text": f"words {number}", "mode": "final"},
        runtime_sequence=number,
        pts_ms=20 * number,
    )
