"""The contracts with the runtime, in the order in which they are written.

To add one, declare it in a module of its own and name it here. What follows by itself: the check, the schema, the
model, the page. Its fixtures and its place in the frozen surface are written on purpose.
"""

from __future__ import annotations

from rsppc.model.common import ACTIONS, LANE, RECORDING_LEVEL, REPLAY_MODE
from rsppc.model.contract import Contract
from rsppc.model.contract_controlplane import (
    DECISION_OUTCOME,
    OUTCOME_KIND,
    OUTCOME_PHASE,
    OUTCOME_SCOPE,
    RESOLVED_TURN_PLAN,
    TRIGGER,
    TURN_TRANSITION,
)
from rsppc.model.contract_core import EMITTER, EVENT_SCOPE, TURN_STATE
from rsppc.model.contract_eventabi import CONTROL_SIGNAL, EVENT_RECORD, SIGNAL_NAME
from rsppc.model.contract_observability import OR02
from rsppc.model.contract_replay import (
    DIVERGENCE_CLASS,
    REPLAY_CURSOR,
    REPLAY_DIVERGENCE,
    REPLAY_REPORT,
    REPLAY_REQUEST,
    REPLAY_RESULT,
)
from rsppc.model.distribution import PAYLOAD_CLASS
from rsppc.model.distribution_policy import STRATEGY
from rsppc.model.shape import Choice

CONTRACTS: tuple[Contract, ...] = (
    EVENT_RECORD,
    CONTROL_SIGNAL,
    TURN_TRANSITION,
    DECISION_OUTCOME,
    RESOLVED_TURN_PLAN,
    REPLAY_CURSOR,
    REPLAY_DIVERGENCE,
    REPLAY_REQUEST,
    REPLAY_RESULT,
    REPLAY_REPORT,
    OR02,
)

ENUMERATIONS: dict[str, Choice] = {
    "Lane": LANE,
    "EventScope": EVENT_SCOPE,
    "PayloadClass": PAYLOAD_CLASS,
    "Emitter": EMITTER,
    "SignalName": SIGNAL_NAME,
    "TurnState": TURN_STATE,
    "TransitionTrigger": TRIGGER,
    "OutcomeKind": OUTCOME_KIND,
    "OutcomePhase": OUTCOME_PHASE,
    "OutcomeScope": OUTCOME_SCOPE,
    "AdaptiveAction": Choice(values=ACTIONS),
    "BufferStrategy": STRATEGY,
    "RecordingLevel": RECORDING_LEVEL,
    "ReplayMode": REPLAY_MODE,
    "DivergenceClass": DIVERGENCE_CLASS,
}
"""Closed sets of words that have a name of their own in the public models."""

BY_NAME: dict[str, Contract] = {contract.name: contract for contract in CONTRACTS}

ALIASES: dict[str, str] = {
    "event": "event_record",
    "events": "event_record",
    "signal": "control_signal",
    "control_signals": "control_signal",
    "transition": "turn_transition",
    "outcome": "decision_outcome",
    "or02": "or02_evidence",
    "turn_plan": "resolved_turn_plan",
    "plan": "resolved_turn_plan",
    "replay_run_request": "replay_request",
    "replay_run_result": "replay_result",
    "replay_run_report": "replay_report",
}
"""Other names under which the same objects are known elsewhere."""


def contract_named(name: str) -> Contract | None:
    """The contract of a name, or of a name that it has elsewhere."""
    return BY_NAME.get(ALIASES.get(name, name))
