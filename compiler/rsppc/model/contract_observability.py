"""The OR-02 record: what is known of every accepted turn at recording level L0, when nothing else was kept.

Declared once. The simulator writes it, `contracts/or02.py` says what one lacks, replay manifests name its fields, and a
recording is held against it line by line. Units stand last in names; wall times are milliseconds since 1970.
"""

from __future__ import annotations

from rsppc.model.common import VERSION
from rsppc.model.contract import MOMENT, NAME, NATURAL, Contract
from rsppc.model.contract_controlplane import DECISION_OUTCOME, NONDETERMINISTIC_INPUT, SNAPSHOT_PROVENANCE
from rsppc.model.distribution import PAYLOAD_CLASS
from rsppc.model.shape import Choice, Field, Identifier, Integer, Listing, Nested, Reference, Shape, Table, Text, field

SCHEMA_VERSION = "v1.0"
"""What is written as `or02_evidence_schema_version`; `v1` and `v1.0.0` are the same version."""

REDACTIONS = ("allow", "mask", "hash", "tokenize", "drop")
TERMINALS = ("commit", "abort")
PRECEDENCE = ("authority_loss", "cancel", "budget", "error", "disconnect")
"""Why a turn ends before its time; of several reasons the first in this order is the one that is recorded."""
COMPLETED = "completed"
"""The reason of a turn that ended in its time."""
REJECTIONS = ("late_after_cancel", "stale_epoch")

_US = Integer(unit="us")

INVOCATION = Shape(
    name="provider_invocation",
    doc="One call to a provider, through all attempts.",
    fields=(
        field("node_id", Identifier(form="node"), "The node that called.", required=True),
        field("modality", Text(length_max=100), "Its modality; empty for a node of another kind.", required=True),
        field("provider_id", Text(length_max=200), "The provider that was asked last.", required=True),
        field("attempts", Integer(minimum=1), "How often it was tried.", required=True),
        field("outcome", NAME, "`ok`, or why it failed.", required=True),
        field("latency_us", _US, "How long it took.", required=True),
    ),
)

REJECTION = Shape(
    name="rejection",
    doc="What came to an egress too late, or under an epoch that was no longer in force, and was not let out.",
    fields=(
        field("reason", Choice(values=REJECTIONS), "Why it was not let out.", required=True),
        field("count", Integer(minimum=1), "How much of it.", required=True),
        field("first_at_us", _US, "When the first came, since the session began.", required=True),
        field("last_at_us", _US, "When the last came.", required=True),
    ),
)

_EVERY_TURN: tuple[Field, ...] = (
    field("session_id", NAME, "The session.", required=True),
    field("turn_id", NAME, "The turn.", required=True),
    field("pipeline_version", Reference(kind="bundle"), "The bundle that the turn was opened from.", required=True),
    field("resolved_turn_plan_id", NAME, "Its plan: `rtp-` and the hash of the plan.", required=True),
    field("plan_hash", NAME, "The hash of its plan, 64 lower-case hexadecimal digits.", required=True),
    field("execution_profile_version", Reference(kind="profile"), "The profile that it ran by.", required=True),
    field("lease_epoch_at_turn_open", NATURAL, "The epoch in force when it opened.", required=True),
    field("lease_epoch_at_terminal", NATURAL, "The epoch in force when it ended.", required=True),
    field("admission_outcome", Choice(values=("admit",)), "How it was admitted.", required=True),
    field("snapshot_provenance", Nested(shape=SNAPSHOT_PROVENANCE), SNAPSHOT_PROVENANCE.doc, required=True),
    field("determinism_seed", NATURAL, "The seed of everything that is drawn by chance.", required=True),
    field("merge_rule_id", NAME, "The rule by which events of several sources are merged.", required=True),
    field("merge_rule_version", VERSION, "Its version.", required=True),
    field(
        "ordering_markers",
        Listing(item=NAME, length_min=1, unique=True),
        "What events are ordered by, strongest first.",
        required=True,
    ),
    field(
        "nondeterministic_inputs",
        Listing(item=Nested(shape=NONDETERMINISTIC_INPUT)),
        "What a replay must be given.",
        required=True,
    ),
    field("turn_open_timestamp_ms", MOMENT, "When it opened.", required=True),
    field("terminal_outcome", Choice(values=TERMINALS), "The one signal that ended it.", required=True),
    field("terminal_reason", NAME, "Why it ended.", required=True),
    field("terminal_timestamp_ms", MOMENT, "When it ended.", required=True),
    field("turn_close_timestamp_ms", MOMENT, "When it was closed.", required=True),
    field(
        "provider_invocations",
        Listing(item=Nested(shape=INVOCATION)),
        "Its calls to providers, in order.",
        required=True,
    ),
    field(
        "decision_outcomes",
        Listing(item=Nested(shape=DECISION_OUTCOME.shape), length_min=1),
        "What was decided about it, in order.",
        required=True,
    ),
    field(
        "redaction_decisions",
        Table(value=Choice(values=REDACTIONS), key=PAYLOAD_CLASS),
        "What becomes of each class of payload.",
        required=True,
    ),
    field("or02_evidence_schema_version", VERSION, "Version of this record.", required=True),
)

_WHEN_CANCELLED: tuple[Field, ...] = (
    field("cancel_scope", Choice(values=("session", "turn", "node", "provider_invocation")), "What was cancelled."),
    field("cancel_accepted_timestamp_ms", MOMENT, "When the cancel was accepted."),
    field("cancel_fence_timestamp_ms", MOMENT, "From when on nothing more was let out."),
    field(
        "post_cancel_rejections", Listing(item=Nested(shape=REJECTION)), "What came after that; empty if nothing did."
    ),
)

OR02_EVIDENCE = Shape(
    name="or02_evidence",
    doc="The evidence that an accepted turn leaves at recording level L0 and above.",
    fields=(
        *_EVERY_TURN,
        *_WHEN_CANCELLED,
        field(
            "rejections", Listing(item=Nested(shape=REJECTION)), "What was not let out of a turn that nobody cancelled."
        ),
    ),
)

FIELDS = tuple(one.name for one in _EVERY_TURN)
"""What every record has."""
WHEN_CANCELLED = tuple(one.name for one in _WHEN_CANCELLED)
"""What the record of a cancelled turn has besides: all of it or, of any other turn, nothing."""
MANDATORY = (*FIELDS, *WHEN_CANCELLED)
"""What no replay manifest may leave out, whatever its recording level (R-001-65)."""
KNOWN = tuple(one.name for one in OR02_EVIDENCE.fields)
"""What a replay manifest may name."""

OR02 = Contract(name="or02_evidence", package="observability", shape=OR02_EVIDENCE)
"""What fields demand of each other is said by `contracts/or02.py`: no rule of a contract can ask what is in a list."""
