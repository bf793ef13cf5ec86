"""A recording: one line of JSON for everything that was decided, said or concluded in a session.

The simulator writes such files, and replays read them. Each line is a closed object of the kind that its key `line`
names. The first line is `run`, the last one `end`: a file that does not come to its end is not whole.
"""

from __future__ import annotations

from rsppc.model.common import DIGEST, ID, LANE, PERMILLE, PROVIDER
from rsppc.model.contract import MOMENT, NAME, NATURAL
from rsppc.model.contract_controlplane import DECISION_OUTCOME, TURN_TRANSITION
from rsppc.model.contract_core import EMITTER, TURN_STATE
from rsppc.model.contract_eventabi import SEQ_RANGE, SIGNAL_NAME
from rsppc.model.contract_observability import OR02_EVIDENCE
from rsppc.model.shape import (
    Choice,
    Field,
    Identifier,
    Integer,
    Listing,
    Nested,
    Reference,
    Shape,
    Table,
    Text,
    field,
)

SCHEMA_VERSION = "rspp.simulation.timeline.v1"

_NODE = Identifier(form="node")
_COUNT = Integer()
_TRIGGER = next(one.type for one in TURN_TRANSITION.shape.fields if one.name == "trigger")
_TURN = field("turn_id", NAME, "The turn.", required=True)


def _line(name: str, doc: str, *fields: Field) -> Shape:
    return Shape(
        name=f"{name}_line",
        doc=doc,
        fields=(
            field("line", Choice(values=(name,)), "What kind of line it is.", required=True),
            field("at_us", Integer(unit="us"), "When, since the session began.", required=True),
            field("runtime_sequence", Integer(minimum=1), "Number of the line, from 1, without a gap.", required=True),
            *fields,
        ),
    )


RUN = _line(
    "run",
    "Of which session it is, and what is needed to run it again.",
    field("schema_version", Choice(values=(SCHEMA_VERSION,)), "Announces a recording.", required=True),
    field("bundle", Reference(kind="bundle"), "The bundle that ran.", required=True),
    field("bundle_digest", DIGEST, "Its digest.", required=True),
    field("resolved_spec_id", NAME, "The resolved spec in it.", required=True),
    field("scenario", ID, "What was made to go wrong.", required=True),
    field("seed", NATURAL, "Seed of all chance.", required=True),
    field("session_id", NAME, "The session.", required=True),
    field("language", Text(length_max=100), "Its language, as conditions read it.", required=True),
    field("start_ms", MOMENT, "The wall clock when it began, since 1970.", required=True),
    field("assumed_latencies", Listing(item=NAME, unique=True), "Outputs without figures of their own.", required=True),
)

SIGNAL = _line(
    "signal",
    "A control signal.",
    field("signal", SIGNAL_NAME, "What was said.", required=True),
    field("emitted_by", EMITTER, "Who said it.", required=True),
    field("turn_id", NAME, "The turn that it concerns."),
    field("authority_epoch", NATURAL, "The epoch under which that turn runs."),
    field("epoch", NATURAL, "The epoch that the signal speaks of."),
    field("scope", Choice(values=("session", "turn", "node", "provider_invocation")), "How far a cancel reaches."),
    field("reason", NAME, "Why."),
    field("node_id", _NODE, "The node that it speaks of."),
    field("edge_id", NAME, "The edge that it speaks of."),
    field("target_lane", LANE, "The lane that it speaks of."),
    field("count", Integer(minimum=1), "How many were lost."),
    field("seq_range", Nested(shape=SEQ_RANGE), "Which were lost."),
    field("amount", Integer(minimum=1), "How many events more may be sent."),
    field("sync_domain", NAME, "The domain of synchronous events that it speaks of."),
    field("discontinuity_id", NAME, "Name of the discontinuity."),
    field("provider", PROVIDER, "The provider that it speaks of."),
    field("rule", NAME, "The rule that took effect."),
    field("to", _NODE, "The node that takes over."),
)

TRANSITION = _line(
    "transition",
    "A step in the life of a turn.",
    _TURN,
    field("from", TURN_STATE, "Where the turn was.", required=True),
    field("trigger", _TRIGGER, "What moved it.", required=True),
    field("to", TURN_STATE, "Where it is now.", required=True),
)

INPUTS = _line(
    "inputs",
    "What the control plane knew when a turn was decided on, as far as it changes within a session.",
    _TURN,
    field("authority_epoch", NATURAL, "The epoch in force.", required=True, nullable=True),
    field(
        "providers_down", Listing(item=PROVIDER, unique=True), "Providers that were known to be down.", required=True
    ),
    field("control_lane_milli", PERMILLE, "Filling of the ControlLane.", required=True, nullable=True),
    field("data_lane_milli", PERMILLE, "Filling of the DataLane.", required=True, nullable=True),
    field("telemetry_lane_milli", PERMILLE, "Filling of the TelemetryLane.", required=True, nullable=True),
)

OUTCOME = _line(
    "outcome",
    "A decision.",
    _TURN,
    field("outcome", Nested(shape=DECISION_OUTCOME.shape), DECISION_OUTCOME.shape.doc, required=True),
)

EVIDENCE_LINE = _line(
    "evidence",
    "The OR-02 record of an accepted turn, at its close.",
    field("or02", Nested(shape=OR02_EVIDENCE), OR02_EVIDENCE.doc, required=True),
)

TOTALS = _line(
    "totals",
    "What a turn amounted to; the last line of each turn.",
    _TURN,
    field("events", _COUNT, "Events on the virtual clock.", required=True),
    field(
        "events_digest", Text(length_min=64, length_max=64), "Digest of when and where they happened.", required=True
    ),
    field("outputs", _COUNT, "What was put out.", required=True),
    field(
        "edges",
        Table(value=Listing(item=_COUNT, length_min=4)),
        "Offers, merges, losses and peak of each queue, since the session began.",
        required=True,
    ),
)

VIOLATION = _line(
    "violation",
    "An invariant that did not hold; nothing comes after it.",
    field("invariant", ID, "The invariant.", required=True),
    field("event", _COUNT, "Number of the event on the virtual clock.", required=True),
    field("detail", Text(length_max=4000), "What was seen.", required=True),
)

END = _line(
    "end",
    "The session is over, and so is the file.",
    field("turns", _COUNT, "Turns that were proposed.", required=True),
    field("accepted", _COUNT, "Turns that were accepted.", required=True),
)

LINES: dict[str, Shape] = {
    "run": RUN,
    "signal": SIGNAL,
    "transition": TRANSITION,
    "inputs": INPUTS,
    "outcome": OUTCOME,
    "evidence": EVIDENCE_LINE,
    "totals": TOTALS,
    "violation": VIOLATION,
    "end": END,
}
"""By the word under `line`."""
