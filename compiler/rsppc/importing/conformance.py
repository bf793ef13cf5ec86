"""The earlier conformance profile: categories that a runtime must pass."""

from __future__ import annotations

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became
from rsppc.importing.linking import EarlierSet
from rsppc.model.release import COMPAT_POLICY
from rsppc.model.shape import Listing, Shape, field

CONFORMANCE = EarlierKind(
    name="conformance",
    schema_version="rspp.conformance-profile.v1",
    id_key="profile_id",
    shape=Shape(
        name="conformance profile",
        doc="What a runtime must pass.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("profile_id", TEXT, "Name and version of the profile.", required=True),
            field(
                "mandatory_categories", Listing(item=TEXT, length_min=1, unique=True), "The categories.", required=True
            ),
        ),
    ),
)


def translate_conformance(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """A policy with the one profile."""
    key = "mandatory_categories"
    outcome = "becomes `mandatory` of a conformance profile"
    sink.report(Became(at=earlier.root.key_span(key), subject=key, outcome=outcome))
    statement = "A runtime takes traffic only when every mandatory category of its conformance profile passed."
    content = {
        "rules": [{"id": "mandatory_conformance", "kind": "conformance", "statement": statement}],
        "conformance_profiles": [{"profile_id": earlier.root["profile_id"], "mandatory": list(earlier.root[key])}],
    }
    return [target(earlier, COMPAT_POLICY, content)]
