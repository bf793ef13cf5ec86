"""Words and small mappings that several contracts share."""

from __future__ import annotations

from rsppc.model.contract import Condition, Pattern, Rule
from rsppc.model.shape import Choice

EVENT_SCOPE = Choice(values=("session", "turn"))
EMITTER = Choice(
    values=(
        *("RK-02", "RK-03", "RK-06", "RK-11", "RK-12", "RK-13", "RK-14", "RK-15", "RK-16", "RK-17"),
        *("RK-22", "RK-23", "RK-24", "RK-25", "OR-02", "CP-05", "CP-07", "CP-08"),
    )
)
TURN_STATE = Choice(values=("Idle", "Opening", "Active", "Terminal", "Closed"))

SCHEMA_VERSION_FORM = Rule(
    name="schema-version-form",
    doc="A version is `v`, a major and a minor number, and perhaps a patch.",
    matches=(Pattern("schema_version", r"v[0-9]+\.[0-9]+(\.[0-9]+)?", "v1.0"),),
)
TURN_SCOPE_NAMES_TURN = Rule(
    name="turn-scope-names-turn",
    doc="What belongs to a turn says to which.",
    when=(Condition("event_scope", ("turn",)),),
    requires=("turn_id",),
)
DISCONTINUITY_NAMES_DOMAIN = Rule(
    name="discontinuity-names-domain",
    doc="A discontinuity is one of a domain of synchronous events; elsewhere it means nothing.",
    when=(Condition("discontinuity_id"),),
    requires=("sync_domain",),
)
