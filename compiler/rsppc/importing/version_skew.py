"""The earlier version skew policy: combinations of versions that are allowed, and tests of allowed and refused ones."""

from __future__ import annotations

from typing import Any

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became
from rsppc.importing.linking import EarlierSet
from rsppc.model.common import VERSION
from rsppc.model.release import COMPAT_POLICY
from rsppc.model.shape import Flag, Listing, Nested, Shape, field

_TODAY = {
    "runtime_version": "runtime",
    "control_plane_version": "control_plane",
    "schema_version": "schema",
    "allowed": "allowed",
}

CELL_FIELDS = (
    field("runtime_version", VERSION, "Version of the runtime.", required=True),
    field("control_plane_version", VERSION, "Version of the control plane.", required=True),
    field("schema_version", VERSION, "Version of the schemas.", required=True),
)
CELL = Shape(name="cell", doc="A combination of versions.", fields=CELL_FIELDS)
TEST = Shape(
    name="matrix test",
    doc="A combination with the answer that is expected.",
    fields=(*CELL_FIELDS, field("allowed", Flag(), "Whether it must be allowed.", required=True)),
)

VERSION_SKEW = EarlierKind(
    name="version_skew",
    schema_version="rspp.version-skew-policy.v1",
    id_key="policy_id",
    shape=Shape(
        name="version skew policy",
        doc="Which versions go together.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("policy_id", TEXT, "Name and version of the policy.", required=True),
            field("allowed_cells", Listing(item=Nested(shape=CELL), length_min=1), "What is allowed.", required=True),
            field("matrix_tests", Listing(item=Nested(shape=TEST), length_min=1), "The tests.", required=True),
        ),
    ),
)


def translate_version_skew(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """The same cells and tests under today's names."""
    renamed = ", ".join(f"`{before}` is `{after}`" for before, after in _TODAY.items() if before != after)
    for key in ("allowed_cells", "matrix_tests"):
        at = earlier.root.key_span(key)
        sink.report(Became(at=at, subject=key, outcome=f"is the same list with today's names: {renamed}"))
    statement = "Only the combinations of runtime, control plane and schemas in `allowed_cells` go together."
    content = {
        "rules": [{"id": "allowed_combinations", "kind": "skew", "statement": statement}],
        "allowed_cells": [_cell(one) for one in earlier.root["allowed_cells"]],
        "matrix_tests": [_cell(one) for one in earlier.root["matrix_tests"]],
    }
    return [target(earlier, COMPAT_POLICY, content)]


def _cell(cell: Any) -> dict[str, Any]:
    return {after: cell[before] for before, after in _TODAY.items() if before in cell}
