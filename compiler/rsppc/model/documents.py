"""Documents that tools and runtimes exchange, and that nobody writes by hand. Their schemas are published, too."""

from __future__ import annotations

from rsppc.base.record import Record
from rsppc.model import (
    baseline,
    conformance_results,
    distribution,
    evidence,
    replay_expectations,
    rollout_journal,
    trust,
)
from rsppc.model.shape import Shape


class DocumentKind(Record):
    """A kind of document: what people call it, and what announces it."""

    name: str
    schema_version: str
    shape: Shape


DOCUMENTS: tuple[DocumentKind, ...] = (
    DocumentKind(name="distribution", schema_version=distribution.SCHEMA_VERSION, shape=distribution.DISTRIBUTION),
    DocumentKind(name="baseline", schema_version=baseline.SCHEMA_VERSION, shape=baseline.BASELINE),
    DocumentKind(name="evidence", schema_version=evidence.SCHEMA_VERSION, shape=evidence.EVIDENCE),
    DocumentKind(
        name="conformance",
        schema_version=conformance_results.SCHEMA_VERSION,
        shape=conformance_results.CONFORMANCE_RESULTS,
    ),
    DocumentKind(
        name="expectations",
        schema_version=replay_expectations.SCHEMA_VERSION,
        shape=replay_expectations.EXPECTATIONS,
    ),
    DocumentKind(name="change", schema_version=rollout_journal.SCHEMA_VERSION, shape=rollout_journal.CHANGE),
    DocumentKind(name="trust", schema_version=trust.SCHEMA_VERSION, shape=trust.TRUST),
)
