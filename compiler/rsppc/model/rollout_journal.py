"""The record of one change of traffic: a line of a rollout's journal.

A journal is only ever added to. Each record is sealed by its own digest and names that of the record before, so that no
line can be changed, taken out or put elsewhere without being noticed.
"""

from __future__ import annotations

from rsppc.model.common import DIGEST, ID
from rsppc.model.evidence import MOMENT
from rsppc.model.shape import Choice, Integer, Listing, Nested, Reference, Shape, Text, field

SCHEMA_VERSION = "rspp.rollout.change.v1"
_SHARE = Integer(unit="percent", minimum=0, maximum=100)
_PINNED = Reference(kind="bundle")

GROUND = Shape(
    name="rollout_ground",
    doc="Evidence on which a change rests.",
    fields=(
        field("evidence", ID, "What kind of evidence it is.", required=True),
        field("digest", DIGEST, "Its digest.", required=True),
        field("made_at", MOMENT, "When it was made.", required=True),
    ),
)

CHANGE = Shape(
    name="rollout_change",
    doc="One change of traffic.",
    fields=(
        field("schema_version", Choice(values=(SCHEMA_VERSION,)), "Announces the record.", required=True),
        field("rollout_ref", Reference(kind="rollout"), "The rollout whose traffic changed.", required=True),
        field("sequence", Integer(minimum=1), "Number of the record, from 1, without a gap.", required=True),
        field("at", MOMENT, "When it was changed.", required=True),
        field("by", Text(length_min=1, length_max=200), "Who changed it.", required=True),
        field("action", Choice(values=("start", "advance", "complete", "rollback")), "What was done.", required=True),
        field("from", _SHARE, "Share of the bundle before.", required=True),
        field("to", _SHARE, "Share of the bundle from then on.", required=True),
        field("manifest_digest", DIGEST, "What the manifest said.", required=True),
        field("bundle_ref", _PINNED, "The bundle that is rolled out, by digest.", required=True),
        field("rollback_ref", _PINNED, "The bundle to return to, by digest.", required=True),
        field("evidence", Listing(item=Nested(shape=GROUND)), "What the change rests on.", required=True),
        field("reason", Text(length_max=2000), "Why; empty where nobody said.", required=True),
        field("previous", DIGEST, "Digest of the record before; null in the first.", required=True, nullable=True),
        field("digest", DIGEST, "Digest of everything else in the record.", required=True),
    ),
)
