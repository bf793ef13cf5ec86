"""What every runtime adapter is held against: the transport that it bridges, and the Event ABI that it may not bypass.

An adapter says what it does in an `AdapterContract`; `contract_problems` compares that with the Event ABI, whatever the
adapter's own `validate_contract` answers.
"""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.model.common import LANES
from rsppc.model.contract_controlplane import TRANSITIONS
from rsppc.model.extension import ADAPTER_PROMISES


class TransportContract(Record):
    """What a transport offers."""

    kind: str
    """As in `websocket`, `webrtc`, `sip`."""
    signals: tuple[str, ...] = ("connected", "disconnected", "stall")
    """What it tells about the connection."""
    ordered: bool = True
    """Whether messages arrive in the order in which they were sent."""
    capabilities: tuple[str, ...] = ()


class EventABIContract(Record):
    """What holds for every event that crosses between a transport and the runtime."""

    version: str = "v1"
    schema_version: str = "v1.0"
    """That event records carry."""
    lanes: tuple[str, ...] = LANES
    """In order of priority: what is further left goes first, whatever waits."""
    epoch_checked_at: tuple[str, ...] = ("ingress", "egress")
    """Where an event of an old authority epoch is refused."""
    fences: tuple[str, ...] = ("runtime", "transport_egress")
    """What is shut when a cancel is accepted."""
    fenced_signals: tuple[str, ...] = ("output_accepted", "playback_started")
    """What may not be said any more of a cancelled scope."""
    lifecycle: tuple[tuple[str, str, str], ...] = TRANSITIONS
    """The only ways of a turn: from, signal, to."""
    evidence: tuple[str, ...] = ("session_id", "turn_id", "event_id", "authority_epoch", "runtime_sequence")
    """What evidence needs of every event, so that no adapter may leave it out."""


class AdapterContract(Record):
    """What an adapter does, in the words of the Event ABI."""

    event_abi: str
    transports: tuple[str, ...]
    signals: tuple[str, ...]
    lanes: tuple[str, ...]
    epoch_checked_at: tuple[str, ...]
    fences: tuple[str, ...]
    fenced_signals: tuple[str, ...]
    lifecycle: tuple[tuple[str, str, str], ...]
    evidence: tuple[str, ...]
    capabilities: tuple[str, ...] = ()


def contract_problems(
    adapter: AdapterContract, transport: TransportContract, abi: EventABIContract
) -> tuple[tuple[str, str], ...]:
    """Which promise an adapter does not keep, and why; empty where it keeps all."""
    lane_priority, epoch_checks, cancel_fencing, turn_lifecycle, replay_evidence = ADAPTER_PROMISES
    found: list[tuple[str, str]] = []
    if adapter.event_abi != abi.version:
        found.append(("event_abi", f"it speaks `{adapter.event_abi}`, and the runtime `{abi.version}`"))
    if transport.kind not in adapter.transports:
        found.append(("transports", f"it does not serve `{transport.kind}`"))
    if adapter.lanes != abi.lanes:
        found.append((lane_priority, f"its lanes go in the order {_words(adapter.lanes)}, not {_words(abi.lanes)}"))
    allowed, known = set(abi.lifecycle), set(adapter.lifecycle)
    for step in sorted(known ^ allowed):
        which = "allows" if step in known else "does not know"
        found.append((turn_lifecycle, f"it {which} `{step[1]}` from {step[0]} to {step[2]}"))
    for promise, what, has, needs in (
        ("signals", "does not pass on", adapter.signals, transport.signals),
        (epoch_checks, "does not check the authority epoch at", adapter.epoch_checked_at, abi.epoch_checked_at),
        (cancel_fencing, "leaves open after a cancel:", adapter.fences, abi.fences),
        (cancel_fencing, "lets through after a cancel:", adapter.fenced_signals, abi.fenced_signals),
        (replay_evidence, "leaves out of its events:", adapter.evidence, abi.evidence),
    ):
        missing = tuple(one for one in needs if one not in has)
        if missing:
            found.append((promise, f"it {what} {_words(missing)}"))
    return tuple(found)


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{one}`" for one in names)
