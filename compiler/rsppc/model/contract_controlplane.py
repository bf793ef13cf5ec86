"""What is decided about turns: transitions, outcomes, and the plan that a turn keeps from its opening to its end."""

from __future__ import annotations

from rsppc.model.contract import MOMENT, NAME, NATURAL, Condition, Contract, Pattern, Rule
from rsppc.model.contract_core import TURN_STATE
from rsppc.model.distribution import EXECUTION_PROFILE
from rsppc.model.distribution_policy import POLICY
from rsppc.model.shape import Choice, Field, Flag, Integer, Listing, Nested, Shape, field

TRANSITIONS: tuple[tuple[str, str, str], ...] = (
    ("Idle", "turn_open_proposed", "Opening"),
    ("Opening", "turn_open", "Active"),
    ("Opening", "reject", "Idle"),
    ("Opening", "defer", "Idle"),
    ("Opening", "stale_epoch_reject", "Idle"),
    ("Opening", "deauthorized_drain", "Idle"),
    ("Active", "commit", "Terminal"),
    ("Active", "abort", "Terminal"),
    ("Terminal", "close", "Closed"),
)
"""The life of a turn: state, trigger, next state. There is nothing else."""

TRIGGER = Choice(values=tuple(trigger for _, trigger, _ in TRANSITIONS))

TURN_TRANSITION = Contract(
    name="turn_transition",
    package="controlplane",
    shape=Shape(
        name="turn_transition",
        doc="One step in the life of a turn.",
        fields=(
            field("from_state", TURN_STATE, "Where the turn was.", required=True),
            field("trigger", TRIGGER, "What moved it.", required=True),
            field("to_state", TURN_STATE, "Where it is now.", required=True),
            field("deterministic", Flag(), "Whether the same trigger always leads there; it does.", required=True),
        ),
    ),
    rules=(
        Rule(
            name="transition-deterministic",
            doc="A transition that may also lead elsewhere cannot be replayed.",
            allows=(Condition("deterministic", (True,)),),
        ),
        *(
            Rule(
                name=f"transition-{trigger.replace('_', '-')}",
                doc=f"`{trigger}` leads from {before} to {after}, and from nowhere else to nowhere else.",
                when=(Condition("trigger", (trigger,)),),
                allows=(Condition("from_state", (before,)), Condition("to_state", (after,))),
            )
            for before, trigger, after in TRANSITIONS
        ),
    ),
)

_ADMISSION, _AUTHORITY = ("admit", "reject", "defer"), ("stale_epoch_reject", "deauthorized_drain")
_PLACES = ("edge_enqueue", "edge_dequeue", "node_dispatch")

OUTCOME_KIND = Choice(values=(*_ADMISSION, "shed", *_AUTHORITY))
OUTCOME_PHASE = Choice(values=("pre_turn", "scheduling_point", "active_turn"))
OUTCOME_SCOPE = Choice(values=("tenant", "session", "turn", *_PLACES))


def _phase(name: str) -> Condition:
    return Condition("phase", (name,))


def _kind(*names: str) -> Condition:
    return Condition("outcome_kind", names)


def _scope(*names: str) -> Condition:
    return Condition("scope", names)


DECISION_OUTCOME = Contract(
    name="decision_outcome",
    package="controlplane",
    shape=Shape(
        name="decision_outcome",
        doc="What was decided about admission, load or authority.",
        fields=(
            field("outcome_kind", OUTCOME_KIND, "What was decided.", required=True),
            field("phase", OUTCOME_PHASE, "When.", required=True),
            field("scope", OUTCOME_SCOPE, "For whom or what.", required=True),
            field("session_id", NAME, "The session.", required=True),
            field("turn_id", NAME, "The turn; needed where one is meant."),
            field("event_id", NAME, "Name of the decision, unique in its session.", required=True),
            field("runtime_timestamp_ms", MOMENT, "The runtime's monotonic clock.", required=True),
            field("wall_clock_timestamp_ms", MOMENT, "The wall clock, since 1970.", required=True),
            field("timestamp_ms", MOMENT, "A time that the source of the decision gave it."),
            field("emitted_by", Choice(values=("RK-24", "RK-25", "CP-05")), "Who decided.", required=True),
            field("authority_epoch", NATURAL, "The epoch that a decision about authority is about."),
            field("reason", NAME, "Why.", required=True),
        ),
    ),
    rules=(
        Rule(
            name="admission-emitter",
            doc="Admission is decided by the runtime or by the control plane's admission.",
            when=(_kind(*_ADMISSION),),
            allows=(Condition("emitted_by", ("RK-25", "CP-05")),),
        ),
        Rule(
            name="shed-while-scheduling",
            doc="Load is shed by the runtime, where it schedules.",
            when=(_kind("shed"),),
            allows=(Condition("emitted_by", ("RK-25",)), _phase("scheduling_point")),
        ),
        Rule(
            name="authority-outcome",
            doc="Authority is judged by the runtime's guard of epochs, which says of which epoch it speaks.",
            when=(_kind(*_AUTHORITY),),
            requires=("authority_epoch",),
            allows=(Condition("emitted_by", ("RK-24",)),),
        ),
        Rule(
            name="control-plane-before-turn",
            doc="The control plane decides before the turn, for a tenant or a session.",
            when=(Condition("emitted_by", ("CP-05",)),),
            allows=(_phase("pre_turn"), _scope("tenant", "session")),
        ),
        Rule(
            name="scheduling-scope",
            doc="At a scheduling point something is decided about an edge or a node.",
            when=(_phase("scheduling_point"),),
            allows=(_scope(*_PLACES),),
        ),
        Rule(
            name="active-turn-scope",
            doc="In an active turn nothing is decided for a tenant or a session.",
            when=(_phase("active_turn"),),
            requires=("turn_id",),
            allows=(_scope("turn", *_PLACES),),
        ),
        Rule(
            name="pre-turn-scope",
            doc="Before the turn there is no edge and no node yet.",
            when=(_phase("pre_turn"),),
            allows=(_scope("tenant", "session", "turn"),),
        ),
        Rule(
            name="turn-outcome-names-turn",
            doc="What is decided for a turn says for which.",
            when=(_scope("turn"),),
            requires=("turn_id",),
        ),
        Rule(
            name="drain-phase",
            doc="Authority is lost before a turn or in one, not at a scheduling point.",
            when=(_kind("deauthorized_drain"),),
            allows=(Condition("phase", ("pre_turn", "active_turn")),),
        ),
        Rule(
            name="drain-of-active-turn",
            doc="An active turn is drained as a whole.",
            when=(_kind("deauthorized_drain"), _phase("active_turn")),
            allows=(_scope("turn"),),
        ),
        Rule(
            name="authority-before-turn",
            doc="Before the turn authority is judged for a session or a turn, never for a tenant.",
            when=(_kind(*_AUTHORITY), _phase("pre_turn")),
            allows=(_scope("session", "turn"),),
        ),
        Rule(
            name="stale-phase",
            doc="What is stale is refused before the turn or at a scheduling point; an active turn is drained.",
            when=(_kind("stale_epoch_reject"),),
            allows=(Condition("phase", ("pre_turn", "scheduling_point")),),
        ),
    ),
)

SNAPSHOTS = (
    ("routing_view_snapshot", "Where sessions were said to go."),
    ("admission_policy_snapshot", "Whom to admit."),
    ("abi_compatibility_snapshot", "Which versions go together."),
    ("version_resolution_snapshot", "Which version of the pipeline the session got."),
    ("policy_resolution_snapshot", "Which policies held."),
    ("provider_health_snapshot", "How the providers were."),
)

SNAPSHOT_PROVENANCE = Shape(
    name="snapshot_provenance",
    doc="Names of the snapshots that the plan rests on.",
    fields=tuple(field(name, NAME, doc, required=True) for name, doc in SNAPSHOTS),
)

NONDETERMINISTIC_INPUT = Shape(
    name="nondeterministic_input",
    doc="Something that another run would not see in the same way.",
    fields=(
        field("input_key", NAME, "What it is.", required=True),
        field(
            "source",
            Choice(values=("external_call", "system_time", "random", "operator_override", "other")),
            "Where it comes from.",
            required=True,
        ),
        field("evidence_ref", NAME, "Where it is recorded.", required=True),
    ),
)

DETERMINISM = Shape(
    name="determinism",
    doc="What another run needs in order to do the same.",
    fields=(
        field("seed", NATURAL, "Seed of all chance.", required=True),
        field("ordering_marker", NAME, "The first of the ordering markers, for readers that know only one."),
        field("ordering_markers", Listing(item=NAME, length_min=1, unique=True), "What orders events.", required=True),
        field("merge_rule_id", NAME, "The rule by which events are merged.", required=True),
        field("merge_rule_version", NAME, "Its version.", required=True),
        field(
            "nondeterministic_inputs",
            Listing(item=Nested(shape=NONDETERMINISTIC_INPUT)),
            "Whatever another run would not see in the same way.",
            required=True,
        ),
    ),
)

_LIMITS = ("min_partial_chars", "max_partial_age_ms", "max_pending_revisions", "max_pending_segments")

HANDOFF_EDGE = Shape(
    name="handoff_edge",
    doc="When a partial result is handed on.",
    fields=(
        field("enabled", Flag(), "Whether partial results are handed on at all."),
        field("min_partial_chars", Integer(minimum=1), "Fewest characters that are handed on."),
        field("trigger_on_punctuation", Flag(), "Whether the end of a phrase is enough."),
        field("max_partial_age_ms", Integer(unit="ms", minimum=1), "Longest time that a partial result may wait."),
        field("max_pending_revisions", Integer(minimum=1), "Most revisions that may be under way."),
        field("max_pending_segments", Integer(minimum=1), "Most segments that may be under way."),
        field("coalesce_latest_only", Flag(), "Whether a newer revision takes the place of those that wait."),
        field("emit_flow_control_signals", Flag(), "Whether senders are told to hold back."),
        field("degrade_on_threshold_breach", Flag(), "Whether to go back to complete results under load."),
    ),
)

HANDOFF = Shape(
    name="streaming_handoff",
    doc="How partial results are handed on from node to node.",
    fields=(
        field("enabled", Flag(), "Whether they are handed on anywhere."),
        field("stt_to_llm", Nested(shape=HANDOFF_EDGE), "From speech recognition to the language model."),
        field("llm_to_tts", Nested(shape=HANDOFF_EDGE), "From the language model to speech synthesis."),
    ),
)

_SAID_IN_DISTRIBUTION: dict[str, Field] = {one.name: one for one in POLICY.fields}
"""What plans and the distribution say in the same words is declared once."""

_EDGES = "edge_buffer_policies.*"

RESOLVED_TURN_PLAN = Contract(
    name="resolved_turn_plan",
    package="controlplane",
    shape=Shape(
        name="resolved_turn_plan",
        doc="What a turn is run by. It is complete when the turn opens, and never changes after that.",
        fields=(
            field("turn_id", NAME, "The turn.", required=True),
            field("pipeline_version", NAME, "The version of the pipeline.", required=True),
            field("plan_hash", NAME, "SHA-256 over what the plan says, in hexadecimal digits.", required=True),
            field("graph_definition_ref", NAME, "The graph.", required=True),
            field("execution_profile", Choice(values=(EXECUTION_PROFILE,)), "The profile.", required=True),
            field("authority_epoch", NATURAL, "Epoch of the lease under which the turn opened.", required=True),
            _SAID_IN_DISTRIBUTION["budgets"],
            _SAID_IN_DISTRIBUTION["provider_bindings"],
            _SAID_IN_DISTRIBUTION["edge_buffer_policies"],
            _SAID_IN_DISTRIBUTION["node_execution_policies"],
            _SAID_IN_DISTRIBUTION["flow_control"],
            _SAID_IN_DISTRIBUTION["allowed_adaptive_actions"],
            field("snapshot_provenance", Nested(shape=SNAPSHOT_PROVENANCE), SNAPSHOT_PROVENANCE.doc, required=True),
            _SAID_IN_DISTRIBUTION["recording_policy"],
            field("determinism", Nested(shape=DETERMINISM), DETERMINISM.doc, required=True),
            field("streaming_handoff", Nested(shape=HANDOFF), HANDOFF.doc),
        ),
    ),
    rules=(
        Rule(
            name="plan-hash-form",
            doc="A plan hash is 64 hexadecimal digits, and nothing after them.",
            matches=(Pattern("plan_hash", "[0-9a-fA-F]{64}", "0123456789abcdef" * 4),),
        ),
        Rule(
            name="merge-rule-version-form",
            doc="The version of a merge rule has a major and a minor number, and perhaps a patch.",
            at=("determinism",),
            matches=(Pattern("merge_rule_version", r"v?[0-9]+\.[0-9]+(\.[0-9]+)?", "v1.0.0"),),
        ),
        Rule(
            name="block-has-time",
            doc="A queue that holds up its producer says for how long at most; else a turn may wait for ever.",
            at=(_EDGES,),
            when=(Condition("strategy", ("block",)),),
            requires=("max_block_time_ms",),
        ),
        Rule(
            name="some-watermark",
            doc="A queue states when it counts as full, in items, in milliseconds, or in both.",
            at=(f"{_EDGES}.watermarks",),
            some_of=(Condition("queue_items"), Condition("queue_ms")),
        ),
        Rule(
            name="watermarks-in-order",
            doc="What is relaxed again above the level at which it is full flips without end.",
            at=(f"{_EDGES}.watermarks.*", "flow_control.watermarks.*"),
            in_order=("low", "high"),
        ),
        Rule(
            name="sync-drop-names-group",
            doc="Events that are dropped together need something that makes them a group.",
            at=(f"{_EDGES}.sync_drop_policy",),
            when=(Condition("policy", ("atomic_drop", "drop_with_discontinuity")),),
            requires=("group_by",),
        ),
        Rule(
            name="sync-drop-names-domain",
            doc="A discontinuity is announced in a domain.",
            at=(f"{_EDGES}.sync_drop_policy",),
            when=(Condition("policy", ("drop_with_discontinuity",)),),
            requires=("sync_domain",),
        ),
        Rule(
            name="handoff-names-both",
            doc="A handoff that is enabled says what holds on either way.",
            at=("streaming_handoff",),
            when=(Condition("enabled", (True,)),),
            requires=("stt_to_llm", "llm_to_tts"),
        ),
        Rule(
            name="handoff-somewhere",
            doc="A handoff that is enabled is so on one of the ways at least.",
            at=("streaming_handoff",),
            when=(Condition("enabled", (True,)), Condition("stt_to_llm"), Condition("llm_to_tts")),
            some_of=(Condition("stt_to_llm.enabled", (True,)), Condition("llm_to_tts.enabled", (True,))),
        ),
        Rule(
            name="handoff-has-limits",
            doc="Where partial results are handed on, their size, age and number are limited.",
            at=("streaming_handoff.stt_to_llm", "streaming_handoff.llm_to_tts"),
            when=(Condition("enabled", (True,)),),
            requires=_LIMITS,
        ),
    ),
)
