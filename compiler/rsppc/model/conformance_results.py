"""What a conformance run of a runtime found: category by category, passed or not. What is not named was not run."""

from __future__ import annotations

from rsppc.model.evidence import MOMENT
from rsppc.model.release import CONFORMANCE_CATEGORY
from rsppc.model.shape import Choice, Flag, Reference, Shape, Table, Text, field

SCHEMA_VERSION = "rspp.conformance.results.v1"

CONFORMANCE_RESULTS = Shape(
    name="ConformanceResults",
    doc="What a conformance run of a runtime found.",
    fields=(
        field("schema_version", Choice(values=(SCHEMA_VERSION,)), "Announces results.", required=True),
        field("profile_id", Text(length_min=1, length_max=200), "The profile that was run.", required=True),
        field("runtime", Reference(kind="runtime"), "The runtime that it was run on.", required=True),
        field(
            "results", Table(value=Flag(), key=CONFORMANCE_CATEGORY), "Per category whether it passed.", required=True
        ),
        field("made_at", MOMENT, "When it was run.", required=True),
    ),
)
