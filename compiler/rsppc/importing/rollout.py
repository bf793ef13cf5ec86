"""The earlier rollout: a release and who gets it. It becomes a manifest that points to the bundle of that release."""

from __future__ import annotations

from typing import Any

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Assumed, Became, EarlierMissingField, EarlierUnknownField, KeptAsLabel
from rsppc.importing.linking import EarlierSet, bundle_of
from rsppc.model.release import ROLLOUT_MANIFEST
from rsppc.model.shape import Choice, Listing, Nested, Shape, field

ROLLOUT = EarlierKind(
    name="rollout",
    schema_version="rspp.rollout.v1",
    id_key="rollout_id",
    shape=Shape(
        name="rollout",
        doc="Who gets which release.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("rollout_id", TEXT, "Name and version of the rollout.", required=True),
            field("default_pipeline_version", TEXT, "The release.", required=True),
            field(
                "strategy",
                Nested(
                    shape=Shape(
                        name="strategy",
                        doc="Who gets it.",
                        fields=(
                            field("kind", Choice(values=("allowlist", "direct")), "Who gets it.", required=True),
                            field("allowlist", Listing(item=TEXT, length_min=1, unique=True), "Tenants."),
                        ),
                    )
                ),
                "Who gets it.",
                required=True,
            ),
            field("version_resolution_snapshot", TEXT, "Name of the snapshot.", required=True),
        ),
    ),
)


def translate_rollout(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """The manifest, which points to the bundle; nothing, and a finding, where none is known."""
    bundle = bundle_of(earlier, "rollout_ref", "default_pipeline_version", all_, sink)
    strategy = earlier.root["strategy"]
    if not _is_consistent(strategy, sink) or bundle is None:
        return []
    at, key = earlier.root.value_span("default_pipeline_version"), "default_pipeline_version"
    sink.report(Became(at=at, subject=key, outcome=f"becomes `bundle_ref: {bundle.ref}`"))
    at, key = earlier.root.value_span("version_resolution_snapshot"), "version_resolution_snapshot"
    reason = "today a control-plane snapshot names it"
    sink.report(KeptAsLabel(at=at, subject=key, label=f"earlier_{key}", reason=reason))
    cohort: dict[str, Any] = {"name": "everyone", "bundle_ref": bundle.ref, "percentage": 100}
    if "allowlist" in strategy:
        cohort = {"name": "allowlist", "bundle_ref": bundle.ref, "tenant_allowlist": list(strategy["allowlist"])}
    kind = "tenant_allowlist" if "allowlist" in strategy else "immediate"
    at = strategy.value_span("kind")
    sink.report(Became(at=at, subject="strategy.kind", outcome=f"becomes `{kind}`"))
    content = {"bundle_ref": bundle.ref, "strategy": kind, "cohorts": [cohort], "rollback_ref": bundle.ref}
    report_rollback(earlier, bundle, sink)
    return [target(earlier, ROLLOUT_MANIFEST, content, labels=("default_pipeline_version", key))]


def report_rollback(earlier: Earlier, bundle: Earlier, sink: DiagnosticSink) -> None:
    """Say that the way back leads nowhere yet."""
    sink.report(
        Assumed(
            at=earlier.start(),
            title=earlier.kind.shape.name,
            key="rollback_ref",
            value=f"the bundle itself, `{bundle.ref}`,",
            advice="name the bundle to which traffic shall return",
        )
    )


def _is_consistent(strategy: Any, sink: DiagnosticSink) -> bool:
    """An allowlist is there if, and only if, the kind asks for one."""
    if strategy["kind"] == "allowlist" and "allowlist" not in strategy:
        at = strategy.value_span("kind")
        sink.report(EarlierMissingField(at=at, subject="strategy.allowlist", doc="the tenants that get the release"))
        return False
    if strategy["kind"] != "allowlist" and "allowlist" in strategy:
        at, advice = strategy.key_span("allowlist"), "only a strategy of kind `allowlist` has one"
        sink.report(EarlierUnknownField(at=at, subject="strategy.allowlist", title="rollout", advice=advice))
        return False
    return True
