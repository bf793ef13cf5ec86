"""What may stand in the blocks `plan` and `test` of a suite: declarations as data, like those of artifacts."""

from __future__ import annotations

from rsppc.base.record import replace
from rsppc.model.common import PROVIDER, VERSION
from rsppc.model.release import ADMISSION_VIEW, LEASE, PRESSURE, PROVIDER_STATE, ROUTING_VIEW
from rsppc.model.shape import (
    Anything,
    Choice,
    Flag,
    Integer,
    Listing,
    Nested,
    OneOf,
    Reference,
    Shape,
    Table,
    Text,
    field,
)

_WORDS = Text(length_min=1, length_max=500)
EXACT = "!exact"
"""Behind a key of a fragment: what stands there must be all that there is."""


def _partly(shape: Shape) -> Nested:
    """A section of a snapshot of which a test says only what it is about."""
    return Nested(shape=replace(shape, fields=tuple(replace(one, required=False) for one in shape.fields)))


_SESSION = Shape(
    name="session",
    doc="Who calls.",
    fields=(
        field("id", _WORDS, "Name of the call."),
        field("tenant", _WORDS, "Whose call it is."),
        field("labels", Table(value=Text()), "Labels of the tenant."),
        field("environment", _WORDS, "Where the runtime runs."),
        field("language", _WORDS, "The caller's language, as in `de-AT`."),
        field("region", _WORDS, "The caller's region."),
        field("channel", _WORDS, "How the caller comes in, as in `phone`."),
        field("pipeline_version", _WORDS, "What the call was admitted with."),
    ),
)
_TURN = Shape(
    name="turn",
    doc="The turn that is to open.",
    fields=(
        field("id", _WORDS, "Name of the turn."),
        field("index", Integer(), "Which turn of the call it is, from 0."),
        field("now_ms", Integer(unit="ms since 1970"), "The time; without it, that of the newest section."),
        field("authority_epoch", Integer(), "Epoch that the session acts under."),
    ),
)
_RUNTIME = Shape(
    name="runtime",
    doc="What the runtime can do.",
    fields=(
        field("version", VERSION, "Its version, held against the bundle's window."),
        field("providers", Listing(item=PROVIDER, unique=True), "The providers that it can call; without it, all."),
    ),
)
_WAY = Shape(
    name="takes",
    doc="Which way an event takes where conditions decide.",
    fields=(
        field("at", _WORDS, "An output with conditional edges, as in `stt.text`, or a `flow.select`.", required=True),
        field("event", Table(value=Anything()), "What the event says, as in `confidence_milli: 300`."),
        field("to", _WORDS, "The input that it reaches, as in `llm.prompt`, or `drop`.", required=True),
    ),
)
_OUTCOME = Shape(
    name="outcome",
    doc="What is decided in the place of a plan.",
    fields=(
        field(
            "outcome_kind",
            Choice(values=("reject", "defer", "stale_epoch_reject", "deauthorized_drain")),
            "What happens to the turn.",
        ),
        field("reason", _WORDS, "Why."),
        field("emitted_by", Choice(values=("RK-24", "RK-25", "CP-05")), "Who decides."),
        field("scope", Choice(values=("tenant", "session", "turn")), "Whom it is for."),
    ),
)
_STATE = OneOf(options=(Choice(values=("ok", "degraded", "down", "unknown")), _partly(PROVIDER_STATE)))
_RULES = Listing(item=_WORDS, unique=True)

PLAN = Shape(
    name="plan",
    doc="A turn that opens, and what must come of it.",
    fields=(
        field("bundle", Reference(kind="bundle"), "Which bundle or spec; needed where there are several."),
        field("session", Nested(shape=_SESSION), _SESSION.doc),
        field("turn", Nested(shape=_TURN), _TURN.doc),
        field("runtime", Nested(shape=_RUNTIME), _RUNTIME.doc),
        field("snapshot", Reference(kind="snapshot"), "The snapshot on which the rest builds; `local/v1`."),
        field("pressure", _partly(PRESSURE), PRESSURE.doc),
        field("providers", Table(value=_STATE, key=PROVIDER), "How providers do, as in `stt-deepgram: down`."),
        field("admission", _partly(ADMISSION_VIEW), ADMISSION_VIEW.doc),
        field("lease", _partly(LEASE), LEASE.doc),
        field("routing_view", _partly(ROUTING_VIEW), ROUTING_VIEW.doc),
        field("plan", Table(value=Anything(), length_min=1), "A fragment of what `rsppc resolve` prints."),
        field("values", Table(value=Anything(), length_min=1), "Settings as they hold in this turn, by their paths."),
        field("applies", _RULES, "Layers and rules that hold, as in `support_policy/v1/german`."),
        field("applies_not", _RULES, "Layers and rules that do not."),
        field("takes", Listing(item=Nested(shape=_WAY), length_min=1), _WAY.doc),
        field("outcome", Nested(shape=_OUTCOME), _OUTCOME.doc),
    ),
)

EXPECTING = ("plan", "values", "applies", "applies_not", "takes", "outcome")
"""The keys of a plan block that expect something."""

TEST = Shape(
    name="test",
    doc="How the tests of a section and of those below it are run.",
    fields=(
        field("uses", Choice(values=("workspace", "library")), "What stands behind the blocks; `library` alone."),
        field("strict", Flag(), "Whether warnings are errors."),
        field("runtime", Reference(kind="runtime"), "The runtime that everything must run on."),
        field("lint", Table(value=Choice(values=("error", "warning", "note", "off"))), "Levels of rules."),
    ),
)
