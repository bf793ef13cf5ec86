"""The earlier compatibility statement: runtime versions and transports.

The versions also become the `compat_window` of the bundle that names the statement.
"""

from __future__ import annotations

from rsppc.base.names import version_key
from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became, EarlierRepetition, EarlierWrongValue
from rsppc.importing.linking import EarlierSet
from rsppc.importing.naming import plain_id
from rsppc.model.common import VERSION
from rsppc.model.release import COMPAT_POLICY
from rsppc.model.shape import Flag, Listing, Nested, Shape, field

COMPATIBILITY = EarlierKind(
    name="compatibility",
    schema_version="rspp.compatibility.v1",
    id_key="compatibility_id",
    shape=Shape(
        name="compatibility statement",
        doc="What a release runs on.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("compatibility_id", TEXT, "Name and version of the statement.", required=True),
            field("pipeline_version", TEXT, "The release.", required=True),
            field("min_runtime_version", VERSION, "Oldest version of the runtime.", required=True),
            field("max_runtime_version", VERSION, "Newest version of the runtime.", required=True),
            field(
                "transport_matrix",
                Listing(
                    item=Nested(
                        shape=Shape(
                            name="transport",
                            doc="A transport.",
                            fields=(
                                field("transport_kind", TEXT, "The transport.", required=True),
                                field("supported", Flag(), "Whether it is supported.", required=True),
                            ),
                        )
                    ),
                    length_min=1,
                ),
                "The transports.",
                required=True,
            ),
        ),
    ),
)


def translate_compatibility(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """A policy that says the same in words, a rule for the runtimes and one for each transport."""
    root = earlier.root
    oldest, newest = root["min_runtime_version"], root["max_runtime_version"]
    if version_key(oldest) > version_key(newest):
        at, problem = root.value_span("max_runtime_version"), f"is `{newest}`, which is older than `{oldest}`"
        sink.report(EarlierWrongValue(at=at, subject="max_runtime_version", problem=problem, advice="swap the two"))
        return []
    statement = f"Runtimes from {oldest} to {newest} may load the release."
    rules = [{"id": "runtime_versions", "kind": "skew", "statement": statement}]
    seen: dict[str, str] = {}
    for index, transport in enumerate(root["transport_matrix"]):
        kind, path = transport["transport_kind"], f"transport_matrix[{index}].transport_kind"
        rule = f"transport_{plain_id(kind) or index}"
        at = transport.value_span("transport_kind")
        if rule in seen:
            sink.report(EarlierRepetition(at=at, subject=path, first=seen[rule]))
            continue
        seen[rule] = path
        word = "supported" if transport["supported"] else "not supported"
        rules.append({"id": rule, "kind": "conformance", "statement": f"The transport {kind} is {word}."})
    outcome = "becomes a rule for each transport; which transports a runtime speaks is said by its RuntimeCapability"
    sink.report(Became(at=root.key_span("transport_matrix"), subject="transport_matrix", outcome=outcome))
    return [target(earlier, COMPAT_POLICY, {"rules": rules}, labels=("pipeline_version",))]
