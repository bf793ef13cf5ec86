"""What a replay may differ in: a file that is written before a change, and reviewed with it."""

from __future__ import annotations

from rsppc.model.shape import Choice, Listing, Nested, Shape, Text, field

SCHEMA_VERSION = "rspp.replay.expectations.v1"

_CLASS = Choice(values=("PLAN", "OUTCOME", "ORDERING", "TIMING", "PROVIDER_CHOICE"))
"""Differences in authority can neither be expected nor approved."""
_COMMON = (
    field(
        "turn", Text(length_min=1, length_max=500), "The turn, `session` for all of it, or `*` for any.", required=True
    ),
    field("class", _CLASS, "In what it differs.", required=True),
    field("field", Text(length_min=1, length_max=500), "The field that differs, as a report names it."),
    field("reason", Text(length_max=2000, block=True), "Why."),
)

EXPECTATIONS = Shape(
    name="replay_expectations",
    doc="Differences that a change brings about, and those that somebody approved.",
    fields=(
        field("schema_version", Choice(values=(SCHEMA_VERSION,)), "Announces expectations.", required=True),
        field(
            "expected",
            Listing(
                item=Nested(
                    shape=Shape(name="expected_divergence", doc="A difference that must occur.", fields=_COMMON)
                )
            ),
            "Differences that must occur; one that does not fails.",
        ),
        field(
            "approvals",
            Listing(
                item=Nested(
                    shape=Shape(
                        name="approved_divergence",
                        doc="A difference that may occur, since somebody agreed.",
                        fields=(
                            *_COMMON,
                            field("approved_by", Text(length_min=1, length_max=200), "Who agreed.", required=True),
                        ),
                    )
                )
            ),
            "Differences that somebody agreed to.",
        ),
    ),
)
