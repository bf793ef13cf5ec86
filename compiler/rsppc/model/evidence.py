"""Evidence: what a check, a report or a gate found, sealed so that a changed value is noticed.

One envelope for every report, so that whoever writes one and whoever reads it agree by construction.
"""

from __future__ import annotations

from rsppc.model.common import DIGEST, ID
from rsppc.model.shape import Anything, Choice, Listing, Nested, Reference, Shape, Table, Text, field

SCHEMA_VERSION = "rspp.evidence.v1"
STATUS = Choice(values=("pass", "fail", "not_run"))
MOMENT = Text(length_min=20, length_max=40)
"""A point in time as RFC 3339 writes it, in UTC: `2026-01-01T00:00:00Z`."""

CHECK = Shape(
    name="evidence_check",
    doc="One question with its answer.",
    fields=(
        field("check", ID, "Name of the check.", required=True),
        field("subject", Text(length_max=500), "What was looked at.", required=True),
        field("status", STATUS, "The answer; what was not run is not passed.", required=True),
        field("message", Text(length_max=4000), "Why, in a sentence; empty where there is nothing to add."),
    ),
)

INPUT = Shape(
    name="evidence_input",
    doc="Something that the evidence was made from.",
    fields=(
        field("name", Text(length_min=1, length_max=500), "What it is.", required=True),
        field("digest", DIGEST, "Digest of its canonical value, or of its bytes.", required=True),
    ),
)

RELEASE = Shape(
    name="evidence_release",
    doc="The bundle that the evidence speaks of.",
    fields=(
        field("bundle_ref", Reference(kind="bundle"), "The bundle.", required=True),
        field("bundle_digest", DIGEST, "Its digest.", required=True),
    ),
)

EVIDENCE = Shape(
    name="Evidence",
    doc="What was found about a release, and what it was found from.",
    fields=(
        field("schema_version", Choice(values=(SCHEMA_VERSION,)), "Announces evidence.", required=True),
        field("evidence", ID, "What kind of evidence it is.", required=True),
        field("release", Nested(shape=RELEASE), RELEASE.doc, required=True),
        field("made_at", MOMENT, "When it was made.", required=True),
        field("made_by", Text(length_min=1, length_max=100), "Which version of which tool made it.", required=True),
        field("status", STATUS, "All checks together.", required=True),
        field("checks", Listing(item=Nested(shape=CHECK)), "The checks, in order.", required=True),
        field("inputs", Listing(item=Nested(shape=INPUT)), "What it was made from, in order.", required=True),
        field("figures", Table(value=Anything()), "Counts and measurements.", required=True),
        field("digest", DIGEST, "Digest of everything else.", required=True),
    ),
)
