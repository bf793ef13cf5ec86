"""A baseline: the moments of every turn of a run, from which gates take their figures."""

from __future__ import annotations

from rsppc.model.common import COUNT, DIGEST, ID
from rsppc.model.shape import Anything, Choice, Flag, Integer, Listing, Nested, Reference, Shape, Table, Text, field

SCHEMA_VERSION = "rspp.simulation.baseline.v1"
US = Integer(unit="us")
NAME = Text(length_min=1, length_max=500)

TURN = Shape(
    name="baseline_turn",
    doc="What is kept of one turn.",
    fields=(
        field("turn_id", NAME, "The turn.", required=True),
        field("accepted", Flag(), "Whether it opened.", required=True),
        field("outcome", NAME, "`commit`, `abort`, or what was decided in place of opening.", required=True),
        field("reason", NAME, "Why.", required=True),
        field("anchors_us", Table(value=US, key=ID), "When what happened, on the clock of the run.", required=True),
        field("terminals", Listing(item=NAME), "The terminal signals that were given, in order.", required=True),
        field("events", COUNT, "Events that were moved.", required=True),
        field("outputs", COUNT, "Events that an egress accepted.", required=True),
        field("stale_accepted", COUNT, "Of these, under an epoch no longer in force.", required=True),
        field("stale_rejected", COUNT, "Events rejected since their epoch was no longer in force.", required=True),
        field("or02_complete", Flag(), "Whether its evidence is complete.", required=True),
    ),
)

PERCENTILES = Shape(
    name="baseline_percentiles",
    doc="Nearest-rank percentiles of one span.",
    fields=(
        field("count", COUNT, "Turns that have both moments.", required=True),
        field("p50_us", US, "Half of them are not slower.", required=True, nullable=True),
        field("p95_us", US, "All but one in twenty are not slower.", required=True, nullable=True),
    ),
)

BASELINE = Shape(
    name="Baseline",
    doc="The moments of every turn of a run.",
    fields=(
        field("schema_version", Choice(values=(SCHEMA_VERSION,)), "Announces a baseline.", required=True),
        field("bundle", Reference(kind="bundle"), "The bundle that ran.", required=True),
        field("bundle_digest", DIGEST, "Its digest.", required=True),
        field("resolved_spec_id", NAME, "Its ResolvedSpec.", required=True),
        field("scenario", NAME, "What went wrong on purpose.", required=True),
        field("seed", Integer(maximum=2**63 - 1), "Seed of all chance.", required=True),
        field("session_id", NAME, "The session.", required=True),
        field("start_ms", Integer(unit="ms since 1970"), "When the clock of the run stood at zero.", required=True),
        field("assumed_latencies", Listing(item=NAME), "Outputs whose latency nobody stated.", required=True),
        field("turns", Listing(item=Nested(shape=TURN)), "The turns, in order.", required=True),
        field(
            "percentiles",
            Table(value=Nested(shape=PERCENTILES), key=ID),
            "For people; gates compute them from the turns.",
            required=True,
        ),
        field("totals", Table(value=Anything()), "Counts over the run.", required=True),
        field("digest", DIGEST, "Digest of everything else.", required=True),
    ),
)
