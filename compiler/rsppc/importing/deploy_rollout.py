"""The earlier rollout of a deployment: a bundle for a region. What it says of traffic becomes a rollout manifest; what
it says of machines belongs to the deployment and stays there."""

from __future__ import annotations

from rsppc.diagnostics import DiagnosticSink
from rsppc.importing.earlier import Earlier, EarlierKind, Target, target
from rsppc.importing.fields import TEXT
from rsppc.importing.findings import Became, NotCarried
from rsppc.importing.linking import EarlierSet, followed
from rsppc.importing.rollout import report_rollback
from rsppc.model.common import COUNT
from rsppc.model.release import ROLLOUT_MANIFEST
from rsppc.model.shape import Choice, Nested, Shape, Table, Text, field

DEPLOY_ROLLOUT = EarlierKind(
    name="deploy_rollout",
    schema_version="rspp.deploy.rollout.v1",
    id_key="profile_id",
    shape=Shape(
        name="deployment rollout",
        doc="A bundle for a region.",
        fields=(
            field("schema_version", TEXT, "Announces the kind of artifact.", required=True),
            field("profile_id", TEXT, "Name of the deployment.", required=True),
            field("bundle_ref", Text(length_max=1000), "Path of the bundle.", required=True),
            field("target_region", TEXT, "The region.", required=True),
            field("replicas", Table(value=COUNT), "Instances of each service.", required=True),
            field(
                "strategy",
                Nested(
                    shape=Shape(
                        name="strategy",
                        doc="How it is deployed.",
                        fields=(
                            field("kind", Choice(values=("direct",)), "How it is deployed.", required=True),
                            field("max_unavailable", COUNT, "Instances that may be away meanwhile."),
                        ),
                    )
                ),
                "How it is deployed.",
                required=True,
            ),
        ),
    ),
)


def translate_deploy_rollout(earlier: Earlier, all_: EarlierSet, sink: DiagnosticSink) -> list[Target]:
    """A manifest that brings the bundle to everybody in the region."""
    bundle = followed(earlier, "bundle_ref", "bundle", all_, sink)
    if bundle is None:
        return []
    root, strategy = earlier.root, earlier.root["strategy"]
    sink.report(Became(at=root.value_span("bundle_ref"), subject="bundle_ref", outcome=f"becomes `{bundle.ref}`"))
    at = strategy.value_span("kind")
    sink.report(Became(at=at, subject="strategy.kind", outcome="becomes `immediate`, for everybody in the region"))
    reason = "how many instances run is for the deployment to say"
    sink.report(NotCarried(at=root.key_span("replicas"), subject="replicas", reason=reason))
    if "max_unavailable" in strategy:
        at = strategy.key_span("max_unavailable")
        sink.report(NotCarried(at=at, subject="strategy.max_unavailable", reason=reason))
    report_rollback(earlier, bundle, sink)
    cohort = {"name": "everyone", "bundle_ref": bundle.ref, "percentage": 100, "regions": [root["target_region"]]}
    content = {"bundle_ref": bundle.ref, "strategy": "immediate", "cohorts": [cohort], "rollback_ref": bundle.ref}
    return [target(earlier, ROLLOUT_MANIFEST, content, labels=("profile_id",))]
