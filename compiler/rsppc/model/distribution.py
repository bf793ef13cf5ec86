"""The control-plane distribution, `cp-snapshot-distribution/v1`: the file from which the runtime opens its turns.

It is no artifact that anybody writes by hand: builds make it, and it has neither a name nor a version of its own. Every
object is closed, and stricter than what the runtime decodes wherever the runtime and its published schema disagree.
"""

from __future__ import annotations

from rsppc.model.distribution_policy import MS_FROM_1, POLICY, WORD, name_field, own_field
from rsppc.model.shape import Choice, Flag, Integer, Listing, Nested, Shape, Table, field

SCHEMA_VERSION = "cp-snapshot-distribution/v1"
EXECUTION_PROFILE = "simple"

_STALE = field("stale", Flag(), "Says that what stands here must not be used.")
_RATE = Integer()


def _section(name: str, entry: Shape, *, by_tenant: bool = False) -> Shape:
    """What holds for everybody, and for the versions and tenants for which something else holds."""
    fields = [
        _STALE,
        own_field("default", entry, "What holds where nothing else is said.", required=False),
        field("by_pipeline", Table(value=Nested(shape=entry), key=WORD), "What holds for single pipeline versions."),
    ]
    if by_tenant:
        fields.append(field("by_tenant", Table(value=Nested(shape=entry), key=WORD), "What holds for single tenants."))
    return Shape(name=name, doc=entry.doc, fields=tuple(fields))


RECORD = Shape(
    name="pipeline_record",
    doc="A pipeline version that turns may run.",
    fields=(
        name_field("pipeline_version", "The version, as its key says it."),
        name_field("graph_definition_ref", "Its graph."),
        field("execution_profile", Choice(values=(EXECUTION_PROFILE,)), "Its profile.", required=True),
    ),
)

REGISTRY = Shape(
    name="registry",
    doc="The pipeline versions that there are.",
    fields=(
        _STALE,
        name_field("default_pipeline_version", "The version that turns run where nothing else is said."),
        field("records", Table(value=Nested(shape=RECORD), key=WORD, length_min=1), "Versions by name.", required=True),
    ),
)

ROLLOUT = Shape(
    name="rollout",
    doc="Which version a session gets.",
    fields=(
        _STALE,
        name_field("default_pipeline_version", "The version of sessions that get no other."),
        name_field("version_resolution_snapshot", "Name of this snapshot."),
        name_field("canary_pipeline_version", "The version that is tried out.", required=False),
        field(
            "canary_percentage",
            Integer(unit="percent", minimum=0, maximum=100),
            "Share of sessions that get the version that is tried out.",
        ),
        field("tenant_allowlist", Listing(item=WORD, unique=True), "Tenants that get it always."),
        field("by_requested_version", Table(value=WORD, key=WORD), "Versions by the name that sessions ask for."),
    ),
)

ROUTING_VIEW = Shape(
    name="routing_entry",
    doc="Where sessions go.",
    fields=(
        name_field("routing_view_snapshot", "Name of this snapshot."),
        name_field("admission_policy_snapshot", "Name of the admission policy that it was made with."),
        name_field("abi_compatibility_snapshot", "Name of the compatibility table that it was made with."),
        name_field("transport_kind", "Kind of transport, as in `livekit`."),
        name_field("transport_endpoint", "Address of the transport."),
        name_field("runtime_id", "The runtime that serves."),
    ),
)

PROVIDER_HEALTH = Shape(
    name="provider_health_entry",
    doc="How the providers do.",
    fields=(name_field("provider_health_snapshot", "Name of this snapshot."),),
)

GRAPH_COMPILER = Shape(
    name="graph_compiler_entry",
    doc="What was compiled.",
    fields=(
        name_field("graph_definition_ref", "The graph."),
        name_field("graph_compilation_snapshot", "What the compiler made of it."),
        name_field("graph_fingerprint", "Digest of the graph."),
    ),
)

ADMISSION = Shape(
    name="admission_entry",
    doc="Whether sessions are admitted.",
    fields=(
        name_field("admission_policy_snapshot", "Name of this snapshot."),
        field(
            "outcome_kind", Choice(values=("admit", "reject", "defer")), "What happens to a new session.", required=True
        ),
        field("scope", Choice(values=("tenant", "session", "turn")), "Whom the outcome is for.", required=True),
        name_field("reason", "Why."),
        field("session_rate_limit_per_min", _RATE, "Most new sessions a minute."),
        field("session_rate_observed_per_min", _RATE, "New sessions in the last minute."),
        field("token_rate_limit_per_min", _RATE, "Most tokens a minute."),
        field("token_rate_observed_per_min", _RATE, "Tokens in the last minute."),
    ),
)

LEASE = Shape(
    name="lease_entry",
    doc="Which authority the runtime holds.",
    fields=(
        name_field("lease_resolution_snapshot", "Name of this snapshot."),
        field("authority_epoch", Integer(), "Epoch of the lease.", required=True),
        field("authority_epoch_valid", Flag(), "Whether the epoch is the current one.", required=True),
        field("authority_authorized", Flag(), "Whether the runtime may act.", required=True),
        name_field("reason", "Why.", required=False),
        name_field("lease_token_id", "Name of the lease's token.", required=False),
        name_field("lease_expires_at_utc", "When the lease ends, as in `2099-01-01T00:00:00Z`.", required=False),
    ),
)

PAYLOAD_CLASS = Choice(values=("PII", "PHI", "audio_raw", "text_raw", "derived_summary", "metadata"))

RETENTION_POLICY = Shape(
    name="retention_policy",
    doc="How long recordings are kept.",
    fields=(
        name_field("tenant_id", "The tenant, as its key says it.", required=False),
        field("default_retention_ms", MS_FROM_1, "How long where nothing else is said.", required=True),
        field("pii_retention_limit_ms", MS_FROM_1, "Longest time for personal data."),
        field("phi_retention_limit_ms", MS_FROM_1, "Longest time for data about health."),
        field("max_retention_by_class_ms", Table(value=MS_FROM_1, key=PAYLOAD_CLASS), "Longest time for each class."),
    ),
)

RETENTION = Shape(
    name="retention",
    doc="How long recordings are kept.",
    fields=(
        _STALE,
        own_field("default_policy", RETENTION_POLICY, "What holds where nothing else is said.", required=False),
        field(
            "tenant_policies", Table(value=Nested(shape=RETENTION_POLICY), key=WORD), "What holds for single tenants."
        ),
    ),
)

SECTIONS: dict[str, Shape] = {
    "routing_view": _section("routing_view", ROUTING_VIEW),
    "policy": _section("policy", POLICY, by_tenant=True),
    "provider_health": _section("provider_health", PROVIDER_HEALTH),
    "graph_compiler": _section("graph_compiler", GRAPH_COMPILER),
    "admission": _section("admission", ADMISSION, by_tenant=True),
    "lease": _section("lease", LEASE),
}
"""The sections that hold something for every pipeline version."""

DISTRIBUTION = Shape(
    name="distribution",
    doc="Everything that the runtime needs to open turns.",
    fields=(
        field("schema_version", Choice(values=(SCHEMA_VERSION,)), "Announces the kind of file.", required=True),
        _STALE,
        own_field("registry", REGISTRY, REGISTRY.doc),
        own_field("rollout", ROLLOUT, ROLLOUT.doc, required=False),
        *(own_field(name, shape, shape.doc) for name, shape in SECTIONS.items()),
        own_field("retention", RETENTION, RETENTION.doc, required=False),
    ),
)
