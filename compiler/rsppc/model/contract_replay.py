"""What is asked of a replay, where it stands, and in what it differs from what was recorded."""

from __future__ import annotations

from rsppc.model.common import LANE, REPLAY_MODE
from rsppc.model.contract import MOMENT, NAME, NATURAL, Condition, Contract, Rule
from rsppc.model.shape import Choice, Flag, Listing, Nested, Shape, field

DIVERGENCE_CLASS = Choice(
    values=(
        "PLAN_DIVERGENCE",
        "OUTCOME_DIVERGENCE",
        "ORDERING_DIVERGENCE",
        "TIMING_DIVERGENCE",
        "AUTHORITY_DIVERGENCE",
        "PROVIDER_CHOICE_DIVERGENCE",
    )
)


def _timing_has_difference(at: str) -> Rule:
    return Rule(
        name="timing-has-difference",
        doc="A divergence in time says by how much; without that nobody can say whether it is tolerated.",
        at=(at,),
        when=(Condition("class", ("TIMING_DIVERGENCE",)),),
        requires=("diff_ms",),
    )


REPLAY_DIVERGENCE = Contract(
    name="replay_divergence",
    package="observability",
    shape=Shape(
        name="replay_divergence",
        doc="One difference between a replay and what was recorded.",
        fields=(
            field("class", DIVERGENCE_CLASS, "In what they differ.", required=True),
            field("scope", NAME, "What differs: a turn, a node, an event.", required=True),
            field("message", NAME, "How they differ, in a sentence.", required=True),
            field("diff_ms", MOMENT, "By how much, where they differ in time."),
            field("expected", Flag(), "Whether somebody said beforehand that it would."),
        ),
    ),
    rules=(_timing_has_difference(""),),
)

REPLAY_CURSOR = Contract(
    name="replay_cursor",
    package="observability",
    shape=Shape(
        name="replay_cursor",
        doc="The event behind which a replay goes on; with the same cursor every run goes on at the same place.",
        fields=(
            field("session_id", NAME, "The session.", required=True),
            field("turn_id", NAME, "The turn.", required=True),
            field("lane", LANE, "The lane.", required=True),
            field("runtime_sequence", NATURAL, "Where the runtime counted the event.", required=True),
            field("event_id", NAME, "The event.", required=True),
        ),
    ),
)

_CURSOR = field("cursor", Nested(shape=REPLAY_CURSOR.shape), REPLAY_CURSOR.shape.doc)

REPLAY_REQUEST = Contract(
    name="replay_request",
    package="observability",
    shape=Shape(
        name="replay_request",
        doc="What is asked of a replay.",
        fields=(
            field("baseline_ref", NAME, "What was recorded.", required=True),
            field("candidate_plan_ref", NAME, "The plan that is held against it.", required=True),
            field("mode", REPLAY_MODE, "The way to replay.", required=True),
            _CURSOR,
        ),
    ),
)

REPLAY_RESULT = Contract(
    name="replay_result",
    package="observability",
    shape=Shape(
        name="replay_result",
        doc="What came of a replay.",
        fields=(
            field("run_id", NAME, "Name of the run.", required=True),
            field("mode", REPLAY_MODE, "The way in which it was replayed.", required=True),
            field("divergences", Listing(item=Nested(shape=REPLAY_DIVERGENCE.shape)), "In what it differs."),
            _CURSOR,
        ),
    ),
    rules=(_timing_has_difference("divergences.*"),),
)

REPLAY_REPORT = Contract(
    name="replay_report",
    package="observability",
    shape=Shape(
        name="replay_report",
        doc="What was asked of a replay, and what came of it.",
        fields=(
            field("request", Nested(shape=REPLAY_REQUEST.shape), REPLAY_REQUEST.shape.doc, required=True),
            field("result", Nested(shape=REPLAY_RESULT.shape), REPLAY_RESULT.shape.doc, required=True),
            field("generated_at_ms", MOMENT, "When the report was made.", required=True),
        ),
    ),
    rules=(
        Rule(
            name="replayed-as-asked",
            doc="A replay was run in the way that was asked for; else it answers another question.",
            same=("request.mode", "result.mode"),
        ),
        _timing_has_difference("result.divergences.*"),
    ),
)
