"""What passes on the lanes: event records, and the control signals with the table of who may give which."""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.model.common import LANE
from rsppc.model.contract import MOMENT, NAME, NATURAL, POSITIVE, Condition, Contract, Rule
from rsppc.model.contract_core import (
    DISCONTINUITY_NAMES_DOMAIN,
    EMITTER,
    EVENT_SCOPE,
    SCHEMA_VERSION_FORM,
    TURN_SCOPE_NAMES_TURN,
)
from rsppc.model.distribution import PAYLOAD_CLASS
from rsppc.model.shape import Choice, Field, Flag, Listing, Nested, Shape, field

MEDIA_TIME = Shape(
    name="media_time",
    doc="When the sound of an event was, on the clock of its media.",
    fields=(
        field("sample_index", NATURAL, "Number of the first sample."),
        field("pts_ms", MOMENT, "Presentation time."),
    ),
)

SEQ_RANGE = Shape(
    name="seq_range",
    doc="A stretch of a sequence, both ends included.",
    fields=(
        field("start", NATURAL, "The first number.", required=True),
        field("end", NATURAL, "The last number.", required=True),
    ),
)

_IDENTITY: tuple[Field, ...] = (
    field("schema_version", NAME, "Version of the event ABI that the event was written under.", required=True),
    field("event_scope", EVENT_SCOPE, "Whether the event belongs to the session or to one turn of it.", required=True),
    field("session_id", NAME, "The session.", required=True),
    field("turn_id", NAME, "The turn; needed where the event belongs to one."),
    field("pipeline_version", NAME, "The version of the pipeline that the session runs.", required=True),
    field("event_id", NAME, "Name of the event, unique in its session.", required=True),
)
_ORDER: tuple[Field, ...] = (
    field(
        "transport_sequence",
        NATURAL,
        "Where the transport counted it; never null.",
        required=True,
    ),
    field("runtime_sequence", NATURAL, "Where the runtime counted it.", required=True),
    field("runtime_timestamp_ms", MOMENT, "The runtime's monotonic clock.", required=True),
    field("wall_clock_timestamp_ms", MOMENT, "The wall clock, since 1970.", required=True),
    field("timestamp_ms", MOMENT, "A time that the source of the event gave it."),
)

EVENT_RECORD = Contract(
    name="event_record",
    package="eventabi",
    shape=Shape(
        name="event_record",
        doc="One event on the DataLane or the TelemetryLane.",
        fields=(
            *_IDENTITY,
            field(
                "lane", LANE, "The lane on which it passes; an event record never takes the ControlLane.", required=True
            ),
            *_ORDER,
            field("authority_epoch", NATURAL, "Epoch of the authority under which it was made."),
            field("payload_class", PAYLOAD_CLASS, "How sensitive its payload is.", required=True),
            field("media_time", Nested(shape=MEDIA_TIME), MEDIA_TIME.doc),
            field("merge_group_id", NAME, "What the events that were merged into it have in common."),
            field(
                "merged_from_event_ids",
                Listing(item=NAME, length_min=1, unique=True),
                "The events that were merged into it.",
            ),
            field("sync_domain", NAME, "The domain of synchronous events that it belongs to."),
            field("discontinuity_id", NAME, "The discontinuity that it follows."),
            field("late_after_cancel", Flag(), "Whether it came after its turn was cancelled."),
        ),
    ),
    rules=(
        SCHEMA_VERSION_FORM,
        Rule(
            name="event-off-control-lane",
            doc="What passes on the ControlLane is a signal, and an event record carries none.",
            allows=(Condition("lane", ("DataLane", "TelemetryLane")),),
        ),
        TURN_SCOPE_NAMES_TURN,
        Rule(
            name="turn-scope-names-epoch",
            doc="What belongs to a turn says under which authority it was made, so that stale output can be told.",
            when=(Condition("event_scope", ("turn",)),),
            requires=("authority_epoch",),
        ),
        Rule(
            name="audio-has-media-time",
            doc="Sound without a place on its media clock cannot be put back in order.",
            when=(Condition("payload_class", ("audio_raw",)),),
            requires=("media_time",),
        ),
        Rule(
            name="one-media-time",
            doc="A media time is given in samples or in milliseconds; two of them can contradict each other.",
            at=("media_time",),
            exactly_one=("sample_index", "pts_ms"),
        ),
        Rule(
            name="merge-names-group",
            doc="What was merged names the group in which it was.",
            when=(Condition("merged_from_event_ids"),),
            requires=("merge_group_id",),
        ),
        Rule(
            name="merge-of-few",
            doc="At most 64 events are merged into one, so that its lineage stays small.",
            at_most=(("merged_from_event_ids", 64),),
        ),
        DISCONTINUITY_NAMES_DOMAIN,
        Rule(
            name="late-within-turn",
            doc="Only what belongs to a turn can come after that turn was cancelled.",
            when=(Condition("late_after_cancel", (True,)),),
            allows=(Condition("event_scope", ("turn",)),),
        ),
    ),
)


class Signal(Record, kw_only=False):
    """A row of the emitter table: who may give a signal, to what it belongs, and which keys it needs."""

    name: str
    emitters: tuple[str, ...]
    scope: str | None = None
    """The event scope that it must have; None where either will do."""
    requires: tuple[str, ...] = ()


_TURN_ENDS, _CANCELS, _LOAD = ("RK-03",), ("RK-06", "RK-16"), ("RK-13", "RK-17")
_LEASES, _ADMISSION, _LINK, _OUTPUT = ("CP-07", "CP-08"), ("RK-25", "CP-05"), ("RK-23",), ("RK-22", "RK-23")

SIGNALS: tuple[Signal, ...] = (
    Signal("turn_open_proposed", ("RK-02",), "session"),
    Signal("turn_open", _TURN_ENDS, "turn"),
    Signal("commit", _TURN_ENDS, "turn"),
    Signal("abort", _TURN_ENDS, "turn", ("reason",)),
    Signal("close", _TURN_ENDS, "turn"),
    Signal("barge_in", _CANCELS),
    Signal("stop", _CANCELS),
    Signal("cancel", _CANCELS, None, ("scope",)),
    Signal("watermark", ("RK-13",), None, ("edge_id", "target_lane", "reason")),
    Signal("budget_warning", ("RK-17",), None, ("reason",)),
    Signal("budget_exhausted", ("RK-17",), None, ("reason",)),
    Signal("degrade", _LOAD, None, ("reason",)),
    Signal("fallback", _LOAD, None, ("reason",)),
    Signal("discontinuity", ("RK-15",), None, ("sync_domain", "discontinuity_id", "reason")),
    Signal("drop_notice", ("RK-12", "RK-13"), None, ("edge_id", "target_lane", "reason", "seq_range")),
    Signal("flow_xoff", ("RK-14",), None, ("edge_id", "target_lane", "reason")),
    Signal("flow_xon", ("RK-14",), None, ("edge_id", "target_lane")),
    Signal("credit_grant", ("RK-14",), None, ("edge_id", "target_lane", "amount")),
    Signal("provider_error", ("RK-11",), None, ("reason",)),
    Signal("circuit_event", ("RK-11",), None, ("reason",)),
    Signal("provider_switch", ("RK-11",), None, ("reason",)),
    Signal("lease_issued", _LEASES),
    Signal("lease_rotated", _LEASES),
    Signal("migration_start", _LEASES),
    Signal("migration_finish", _LEASES),
    Signal("session_handoff", _LEASES),
    Signal("admit", _ADMISSION, "session", ("reason",)),
    Signal("reject", _ADMISSION, "session", ("reason",)),
    Signal("defer", _ADMISSION, "session", ("reason",)),
    Signal("shed", ("RK-25",), None, ("reason",)),
    Signal("stale_epoch_reject", ("RK-24",), None, ("reason",)),
    Signal("deauthorized_drain", ("RK-24",), None, ("reason",)),
    Signal("connected", _LINK),
    Signal("reconnecting", _LINK),
    Signal("disconnected", _LINK),
    Signal("ended", _LINK),
    Signal("silence", _LINK),
    Signal("stall", _LINK),
    Signal("output_accepted", _OUTPUT, "turn"),
    Signal("playback_started", _OUTPUT, "turn"),
    Signal("playback_completed", _OUTPUT, "turn"),
    Signal("playback_cancelled", _OUTPUT, "turn"),
    Signal("recording_level_downgraded", ("OR-02",), None, ("reason",)),
)
"""The emitter table. Every signal carries an authority epoch, so that it stands in no row."""

SIGNAL_NAME = Choice(values=tuple(signal.name for signal in SIGNALS))


def _rule(signal: Signal) -> Rule:
    """The rule that a row of the table states."""
    scope = () if signal.scope is None else (Condition("event_scope", (signal.scope,)),)
    return Rule(
        name=f"signal-{signal.name.replace('_', '-')}",
        doc=f"Who may give `{signal.name}`, and what it must say.",
        when=(Condition("signal", (signal.name,)),),
        requires=signal.requires,
        allows=(Condition("emitted_by", signal.emitters), *scope),
    )


CONTROL_SIGNAL = Contract(
    name="control_signal",
    package="eventabi",
    shape=Shape(
        name="control_signal",
        doc="One signal on the ControlLane.",
        fields=(
            *_IDENTITY,
            field("lane", Choice(values=("ControlLane",)), "Signals pass on the ControlLane.", required=True),
            *_ORDER,
            field("authority_epoch", NATURAL, "Epoch of the authority under which it was given.", required=True),
            field("payload_class", Choice(values=("metadata",)), "Signals carry nothing else.", required=True),
            field("signal", SIGNAL_NAME, "What is said.", required=True),
            field("emitted_by", EMITTER, "The part of the system that says it.", required=True),
            field("reason", NAME, "Why."),
            field("scope", Choice(values=("session", "turn", "node", "provider_invocation")), "What a cancel ends."),
            field("edge_id", NAME, "The edge that it speaks of."),
            field("target_lane", LANE, "The lane that it speaks of."),
            field("seq_range", Nested(shape=SEQ_RANGE), "What was lost."),
            field("amount", POSITIVE, "How many events more may be sent."),
            field("sync_domain", NAME, "The domain of synchronous events that it speaks of."),
            field("discontinuity_id", NAME, "Name of the discontinuity."),
        ),
    ),
    rules=(
        SCHEMA_VERSION_FORM,
        TURN_SCOPE_NAMES_TURN,
        DISCONTINUITY_NAMES_DOMAIN,
        Rule(
            name="seq-range-forward",
            doc="A stretch of a sequence does not end before it begins.",
            at=("seq_range",),
            in_order=("start", "end"),
        ),
        *map(_rule, SIGNALS),
    ),
)
