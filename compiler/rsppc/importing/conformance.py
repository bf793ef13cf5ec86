"""The earlier conformance profile: categories that a runtime must pass."""

from __future__ import annotations

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became, EarlierWrongValue
from rsppc.importing.linking import EarlierSet
from rsppc.model.release import COMPAT_POLICY, CONFORMANCE_CATEGORY
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

_KNOWN = ", ".join(f"`{one}`" for one in CONFORMANCE_CATEGORY.values)


def translate_conformance(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """A policy with the one profile."""
    key = "mandatory_categories"
    categories = earlier.root[key]
    unknown = [index for index, one in enumerate(categories) if one not in CONFORMANCE_CATEGORY.values]
    for index in unknown:
        problem, advice = f"names `{categories[index]}`, which is no category", f"categories are {_KNOWN}"
        at, subject = categories.value_span(index), f"{key}[{index}]"
        sink.report(EarlierWrongValue(at=at, subject=subject, problem=problem, advice=advice))
    if unknown:
        return []
    outcome = "becomes `mandatory` of a conformance profile"
    sink.report(Became(at=earlier.root.key_span(key), subject=key, outcome=outcome))
    statement = "A runtime takes traffic only when every mandatory category of its conformance profile passed."
    content = {
        "rules": [{"id": "mandatory_conformance", "kind": "conformance", "statement": statement}],
        "conformance_profiles": [{"profile_id": earlier.root["profile_id"], "mandatory": list(categories)}],
    }
    return [target(earlier, COMPAT_POLICY, content)]
